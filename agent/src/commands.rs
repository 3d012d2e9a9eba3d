//! The commands and their exit codes: 0 done, 1 failed, 2 wrong arguments (clap's own), 3 not enrolled or refused by the
//! farm, 4 a configuration that can't be used.

mod log;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};
use flatrender_agent::config::Config;
use flatrender_agent::link::{self, EnrolError, IdentityFileError};
use flatrender_agent::work::shim;
use flatrender_protocol::link::JoinToken;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

/// Renders for a FlatRender farm on this machine.
#[derive(Debug, Parser)]
#[command(name = "flatrender-agent", version)]
pub struct Arguments {
    /// Print what is printed as JSON, one value a line.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make this machine a node of a farm.
    Enrol {
        /// The join token that `flatctl node token create` printed.
        #[arg(env = "FLATRENDER_JOIN_TOKEN", hide_env_values = true)]
        token: String,
        /// The node's name; the machine's own unless given.
        #[arg(long)]
        name: Option<String>,
        /// Where the agent keeps its data.
        #[arg(long, env = "FLATRENDER_AGENT_DATA_DIR")]
        data_dir: Option<PathBuf>,
        /// Make it another node than it is already.
        #[arg(long)]
        replace: bool,
    },
    /// Work for the farm until told to end.
    Run(Run),
    /// Look at what aerender has printed.
    Log {
        #[command(subcommand)]
        command: log::Command,
    },
    /// Own one renderer; started by the agent itself.
    #[command(hide = true)]
    Shim {
        /// The folder with its order.
        #[arg(long)]
        dir: PathBuf,
    },
}

#[derive(Debug, Args)]
struct Run {
    /// Where the agent keeps its data.
    #[arg(long, env = "FLATRENDER_AGENT_DATA_DIR")]
    data_dir: Option<PathBuf>,
    /// aerender; without one the node can only assemble films.
    #[arg(long)]
    renderer: Option<PathBuf>,
    /// Attempts at once.
    #[arg(long)]
    slots: Option<u32>,
    /// The configuration, instead of `agent.toml` in the data folder.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Stop renderers when the agent ends; otherwise they go on and the next agent finds them.
    #[arg(long)]
    stop_renderers: bool,
}

/// Why a command failed, and its exit code.
pub struct Failure {
    /// In words.
    pub error: anyhow::Error,
    /// The exit code.
    pub code: u8,
}

fn failed(code: u8) -> impl Fn(anyhow::Error) -> Failure {
    move |error| Failure { error, code }
}

/// Runs a command.
pub fn run(arguments: Arguments) -> Result<(), Failure> {
    match arguments.command {
        // Without a log of its own: what it says goes to a file beside its order.
        Command::Shim { dir } => shim::own(&dir).map_err(failed(1)),
        Command::Enrol {
            token,
            name,
            data_dir,
            replace,
        } => {
            begin_log(arguments.json);
            let folder = data_dir.unwrap_or_else(default_data_dir);
            enrol(&token, name, &folder, replace, arguments.json)
        }
        Command::Log { command } => log::run(command, arguments.json),
        Command::Run(run) => {
            begin_log(arguments.json);
            daemon(run)
        }
    }
}

fn begin_log(json: bool) {
    let filter =
        EnvFilter::try_from_env("FLATRENDER_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    if json {
        builder.json().init();
    } else {
        let colour = std::io::stderr().is_terminal();
        builder.with_target(false).with_ansi(colour).init();
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| failed(1)(error.into()))
}

#[expect(clippy::print_stdout, reason = "the answer of the command")]
fn enrol(
    token: &str,
    name: Option<String>,
    folder: &Path,
    replace: bool,
    json: bool,
) -> Result<(), Failure> {
    let token: JoinToken = token
        .parse()
        .map_err(|error| failed(2)(anyhow::Error::new(error)))?;
    let name = name
        .or_else(|| sysinfo::System::host_name().ok())
        .unwrap_or_else(|| "node".to_owned());
    let identity = folder.join("identity");
    let enrolled = runtime()?
        .block_on(link::enrol(&token, &name, &identity, replace))
        .map_err(|error| {
            let code = if matches!(error, EnrolError::Refused { .. }) {
                3
            } else {
                1
            };
            failed(code)(error.into())
        })?;
    if json {
        let text = serde_json::to_string(&enrolled).map_err(|error| failed(1)(error.into()))?;
        println!("{text}");
    } else {
        println!("enrolled as {} ({})", enrolled.name, enrolled.node);
        println!(
            "begin with: flatrender-agent run --data-dir {}",
            folder.display()
        );
    }
    Ok(())
}

fn daemon(run: Run) -> Result<(), Failure> {
    let folder = run.data_dir.unwrap_or_else(default_data_dir);
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let mut config = Config::load(&folder, run.config.as_deref(), variables)
        .map_err(|error| failed(4)(error.into()))?;
    config.renderer = run.renderer.or(config.renderer);
    config.slots = run.slots.unwrap_or(config.slots);
    config.stop_renderers |= run.stop_renderers;
    config
        .make_absolute()
        .map_err(|error| failed(4)(error.into()))?;
    config.check().map_err(|error| failed(4)(error.into()))?;
    runtime()?.block_on(async {
        let shutdown = CancellationToken::new();
        let told = told_to_end().map_err(|error| failed(1)(error.into()))?;
        let cancel = shutdown.clone();
        tokio::spawn(async move {
            told.await;
            cancel.cancel();
        });
        flatrender_agent::run(config, shutdown)
            .await
            .map_err(|error| {
                let enrolled = error.downcast_ref::<IdentityFileError>().is_none();
                failed(if enrolled { 1 } else { 3 })(error)
            })
    })
}

/// Resolves when the system or a person wants the agent to end.
#[cfg(unix)]
fn told_to_end() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Resolves when the system or a person wants the agent to end.
#[cfg(windows)]
fn told_to_end() -> std::io::Result<impl Future<Output = ()>> {
    let mut close = tokio::signal::windows::ctrl_close()?;
    Ok(async move {
        tokio::select! {
            _ = close.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    })
}

/// Where data lies when nobody says otherwise.
fn default_data_dir() -> PathBuf {
    let below = |variable: &str, rest: &str| {
        std::env::var_os(variable).map(|folder| Path::new(&folder).join(rest))
    };
    let folder = if cfg!(windows) {
        below("ProgramData", "FlatRender/agent")
    } else if cfg!(target_os = "macos") {
        below("HOME", "Library/Application Support/FlatRender/agent")
    } else {
        below("XDG_DATA_HOME", "flatrender-agent")
            .or_else(|| below("HOME", ".local/share/flatrender-agent"))
    };
    folder.unwrap_or_else(|| PathBuf::from("flatrender-agent"))
}
