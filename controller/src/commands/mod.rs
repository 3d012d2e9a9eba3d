//! The commands, one file each. Data goes to stdout, everything else to stderr.

mod config;
mod dev;
mod migrate;
mod options;
mod partitions;
mod serve;

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use flatrender_controller::config::{Config, LogFormat};
use flatrender_controller::ops;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use options::Options;

/// FlatRender's controller: plans, leases, publishes, assembles, remembers.
#[derive(Debug, Parser)]
#[command(
    name = "flatrender-controller",
    version,
    disable_help_subcommand = true
)]
pub struct Cli {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the farm
    Serve(serve::Args),
    /// Try it out: a farm on this machine alone, with a database and a folder of its own
    Dev(dev::Args),
    /// Bring the database to the state of this program
    Migrate(migrate::Args),
    /// The monthly partitions of the database's time series
    #[command(subcommand)]
    Partitions(partitions::Command),
    /// The configuration: file, environment and flags together
    #[command(subcommand)]
    Config(config::Command),
    /// Print the OpenAPI 3.1 document of the HTTP API
    Openapi,
}

/// Runs what was asked for.
pub async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let options = cli.options;
    match cli.command {
        Command::Serve(args) => serve::run(&options, args).await,
        Command::Dev(args) => dev::run(&options, args).await,
        Command::Migrate(args) => migrate::run(&options, args).await,
        Command::Partitions(command) => partitions::run(&options, command).await,
        Command::Config(command) => config::run(&options, &command),
        Command::Openapi => {
            print(&serde_json::to_string_pretty(&ops::document())?)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Prints an error with its causes to stderr.
pub fn print_error(error: &anyhow::Error) {
    // A closed stderr leaves nobody to tell.
    let _ = writeln!(std::io::stderr().lock(), "error: failed to {error:#}");
}

/// Prints a line of data.
fn print(line: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()?;
    Ok(())
}

/// Begins the log, as configured, on stderr.
fn begin_log(config: &Config) {
    let filter = EnvFilter::new(&config.log_filter);
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match config.log_format {
        LogFormat::Text => builder.with_target(false).init(),
        LogFormat::Json => builder.json().init(),
    }
}

/// A token that a signal cancels: the first asks for an orderly end, the second ends the process at once.
fn until_signal() -> anyhow::Result<CancellationToken> {
    let token = CancellationToken::new();
    let mut signals = Signals::new()?;
    let asked = token.clone();
    tokio::spawn(async move {
        signals.next().await;
        asked.cancel();
        signals.next().await;
        std::process::exit(130);
    });
    Ok(token)
}

/// The signals that ask a process to end.
struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    hang_up: tokio::signal::unix::Signal,
}

impl Signals {
    #[cfg(unix)]
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    #[cfg(unix)]
    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.hang_up.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    }

    #[cfg(not(unix))]
    fn new() -> std::io::Result<Self> {
        Ok(Self {})
    }

    #[cfg(not(unix))]
    async fn next(&mut self) {
        // An error means that no such signal can come.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
