//! `flatrender-agent`: the command line of the node daemon. It reads arguments and hands over; nothing is decided here.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Renders for a FlatRender farm on this machine.
#[derive(Debug, Parser)]
#[command(name = "flatrender-agent", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Own one renderer; started by the agent itself.
    #[command(hide = true)]
    Shim {
        /// The folder with its order.
        #[arg(long)]
        dir: PathBuf,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.command {
        Command::Shim { dir } => flatrender_agent::work::shim::own(&dir),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            flatrender_agent::say_error(&error);
            ExitCode::FAILURE
        }
    }
}
