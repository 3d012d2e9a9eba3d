//! `dev`: the farm on this machine alone, for someone who is trying it out. It says what to do next.

use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args as ClapArgs;
use flatrender_controller::config::{Config, Purpose};
use flatrender_controller::daemon::{self, Ready};
use flatrender_controller::database;
use serde::Serialize;

use super::options::Options;

#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Start over: remove the database, the blobs, the certificates and the admin token of a former `dev`
    #[arg(long)]
    reset: bool,
    /// Print one line of JSON when ready, and nothing else
    #[arg(long)]
    json: bool,
}

/// What programs read: exactly one line.
#[derive(Serialize)]
struct Line<'a> {
    ready: bool,
    http: String,
    quic: String,
    admin_token: &'a str,
    data_dir: String,
}

pub async fn run(options: &Options, args: Args) -> anyhow::Result<ExitCode> {
    let config = options.load(Purpose::Dev)?.config;
    super::begin_log(&config);
    let shutdown = super::until_signal()?;
    if args.reset {
        reset(&config).await?;
    }
    // A line that can't be printed leaves somebody waiting for it: then there is no point in going on.
    let (mut printed, stop) = (Ok(()), shutdown.clone());
    let told = |ready: Ready| {
        printed = tell(&ready, args.json);
        if printed.is_err() {
            stop.cancel();
        }
    };
    let ran = daemon::run(config, shutdown, told).await;
    ran.and(printed)?;
    Ok(ExitCode::SUCCESS)
}

/// Removes what a controller made here, and nothing that it did not make.
async fn reset(config: &Config) -> anyhow::Result<()> {
    let folder = config.data_dir.display();
    if !config.data_dir.exists() {
        return Ok(());
    }
    if !config.database_base_dir.join("lock").exists() {
        let mut entries =
            std::fs::read_dir(&config.data_dir).with_context(|| format!("read {folder}"))?;
        if entries.next().is_none() {
            return Ok(());
        }
        bail!(
            "reset {folder}: no controller has used it as its data folder; name the right one with --data-dir, or empty it yourself"
        );
    }
    database::reset_embedded(&config.database_base_dir).await?;
    for path in [config.store_dir(), config.authority_dir()] {
        gone(std::fs::remove_dir_all(&path))
            .with_context(|| format!("remove {}", path.display()))?;
    }
    let token = config.admin_token_file();
    gone(std::fs::remove_file(&token)).with_context(|| format!("remove {}", token.display()))
}

fn gone(removed: std::io::Result<()>) -> std::io::Result<()> {
    match removed {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn tell(ready: &Ready, as_json: bool) -> anyhow::Result<()> {
    let token = std::fs::read_to_string(&ready.admin_token_file).context("read the admin token")?;
    let http = format!("http://{}", ready.http);
    if as_json {
        let line = serde_json::to_string(&Line {
            ready: true,
            http,
            quic: ready.link.to_string(),
            admin_token: token.trim(),
            data_dir: ready.data_dir.display().to_string(),
        })?;
        return super::print(&line);
    }
    super::print(&format!(
        "FlatRender is ready on this machine. Ctrl-C stops it; what it keeps is in {data}.\n\
         \n\
         \x20 people    {http}\n\
         \x20 agents    {quic} (QUIC)\n\
         \n\
         Next, in another terminal:\n\
         \n\
         \x20 export FLATRENDER_SERVER={http}\n\
         \x20 export FLATRENDER_TOKEN=\"$(cat {token_file})\"\n\
         \x20 flatctl node token create            # prints a join token\n\
         \x20 flatrender-agent enrol TOKEN         # on the machine that is to render\n\
         \x20 flatrender-agent run\n\
         \x20 flatctl render FILE.aep --comp NAME --out film.mp4 --watch",
        data = ready.data_dir.display(),
        quic = ready.link,
        token_file = shell_quoted(&ready.admin_token_file.display().to_string()),
    ))
}

/// A path as a shell takes it.
fn shell_quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    if text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}
