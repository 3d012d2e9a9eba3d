//! From the command line to the exit code.

use std::ffi::OsString;
use std::fs;
use std::io;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};

use crate::args::{Cli, Command, Global};
use crate::client::{Client, Settings};
use crate::commands::{aep, job, node, package, snapshot};
use crate::failure::{Doing, Exit, Failure, last_cause};
use crate::output::Screen;
use crate::render;

/// Longest token file.
const MAX_TOKEN: usize = 4096;

/// Runs the command that `args` give, the program's name first; prints; returns the exit code. The process must have
/// a default `rustls` provider.
pub async fn run(args: Vec<OsString>) -> i32 {
    let cli = match Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        Err(error) => return usage(&error, &args),
    };
    let screen = Screen::new(&cli.global);
    let exit = match command(&cli, &screen).await {
        Ok(exit) => exit,
        Err(failure) => {
            screen.failure(&failure);
            failure.exit
        }
    };
    exit as i32
}

async fn command(cli: &Cli, screen: &Screen) -> Result<Exit, Failure> {
    match &cli.command {
        Command::Aep(command) => aep::run(command, screen),
        Command::Package(command) => package::run(command, screen).await,
        Command::Completions { shell } => {
            let mut cli = Cli::command();
            clap_complete::generate(*shell, &mut cli, "flatctl", &mut io::stdout());
            Ok(Exit::Done)
        }
        Command::Render(args) => render::run(args, &client(&cli.global)?, screen).await,
        Command::Job(command) => job::run(command, &client(&cli.global)?, screen).await,
        Command::Snapshot(args) => snapshot::run(args, &client(&cli.global)?, screen).await,
        Command::Download(args) => job::download(args, &client(&cli.global)?, screen).await,
        Command::Node(command) => node::run(command, &client(&cli.global)?, screen).await,
    }
}

fn client(global: &Global) -> Result<Client, Failure> {
    let settings = Settings {
        server: global.server.clone(),
        token: token(global)?,
        insecure_http: global.insecure_http,
    };
    Client::new(&settings).doing("use the farm")
}

/// A token that was typed wins over a file, a file over the environment's.
fn token(global: &Global) -> Result<Option<String>, Failure> {
    let Some(file) = &global.token_file else {
        return Ok(global.token.clone().filter(|token| !token.is_empty()));
    };
    let did = format!("read the token in {}", file.display());
    let text = fs::read_to_string(file)
        .map_err(|error| Failure::new(Exit::Usage, &did, last_cause(&error)))?;
    let token = text.trim();
    let sound = !token.is_empty()
        && token.len() <= MAX_TOKEN
        && token.bytes().all(|b| b.is_ascii_graphic());
    if sound {
        return Ok(Some(token.to_owned()));
    }
    Err(Failure::new(
        Exit::Usage,
        did,
        "it does not hold one line with a token",
    ))
}

/// Help and version are answers; everything else is a wrong command line.
fn usage(error: &clap::Error, args: &[OsString]) -> i32 {
    let asked = matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    );
    if !asked && args.iter().any(|arg| arg == "--json") {
        let text = error.render().to_string();
        let first = text.lines().next().unwrap_or_default();
        let why = first.trim_start_matches("error: ");
        let failure = Failure::new(Exit::Usage, "read the command line", why);
        let problem = serde_json::to_string(&failure.problem())
            .expect("a problem has only texts and numbers");
        let _ = io::Write::write_all(&mut io::stderr(), format!("{problem}\n").as_bytes());
        return Exit::Usage as i32;
    }
    // A terminal that is gone has nobody to tell.
    let _ = error.print();
    if asked { 0 } else { Exit::Usage as i32 }
}
