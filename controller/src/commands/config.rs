//! `config check` and `config show`: what was told, before anything is started.

use std::process::ExitCode;

use clap::Subcommand;
use flatrender_controller::config::{Loaded, Purpose};

use super::options::Options;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Say everything that is wrong; exit code 1 if anything is
    Check,
    /// Print every key with its value, secrets masked, and where it was written
    Show {
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
}

pub fn run(options: &Options, command: &Command) -> anyhow::Result<ExitCode> {
    let loaded = options.load(Purpose::Serve)?;
    match command {
        Command::Check => super::print(&checked(&loaded))?,
        Command::Show { json: true } => {
            super::print(&serde_json::to_string_pretty(&loaded.shown())?)?
        }
        Command::Show { json: false } => {
            for line in loaded.shown() {
                super::print(&format!("{} = {}  # {}", line.key, line.value, line.from))?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn checked(loaded: &Loaded) -> String {
    match &loaded.file {
        Some(path) => format!("{} is fine", path.display()),
        None => "no file was read; environment and flags are fine".to_owned(),
    }
}
