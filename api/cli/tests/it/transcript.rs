//! Runs the binary as a person would, without a terminal, and writes down what came out.

use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

use crate::farm::{Farm, TOKEN};

/// What came out.
pub struct Transcript {
    pub exit: i32,
    pub out: String,
    pub err: String,
}

impl Transcript {
    /// stdout, stderr and exit code, as one text.
    pub fn shown(&self) -> String {
        let mut shown = self.out.clone();
        for line in self.err.lines() {
            shown += &format!("! {line}\n");
        }
        shown + &format!("exit {}", self.exit)
    }

    /// stdout as one JSON document.
    pub fn json(&self) -> serde_json::Value {
        assert_eq!(self.out.lines().count(), 1, "{}", self.out);
        serde_json::from_str(&self.out).unwrap()
    }

    /// stderr as one problem.
    pub fn problem(&self) -> flatrender_protocol::rest::Problem {
        assert_eq!(self.err.lines().count(), 1, "{}", self.err);
        serde_json::from_str(&self.err).unwrap()
    }
}

fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flatctl"));
    command.stdin(Stdio::null()).kill_on_drop(true);
    for name in [
        "FLATRENDER_SERVER",
        "FLATRENDER_TOKEN",
        "NO_COLOR",
        "CLICOLOR_FORCE",
    ] {
        command.env_remove(name);
    }
    command
}

async fn finish(mut command: Command) -> Transcript {
    let output = command.output();
    let output = tokio::time::timeout(std::time::Duration::from_secs(60), output).await;
    let output = output.expect("it ends within a minute").unwrap();
    Transcript {
        exit: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Runs `flatctl ARGS` without a farm.
pub async fn alone(args: &[&str]) -> Transcript {
    let mut command = command();
    command.args(args);
    finish(command).await
}

/// Runs `flatctl ARGS` with `farm`.
pub async fn with(farm: &Farm, args: &[&str]) -> Transcript {
    with_env(farm, args, &[]).await
}

/// The same with more in the environment.
pub async fn with_env(farm: &Farm, args: &[&str], env: &[(&str, &str)]) -> Transcript {
    finish(prepared(farm, args, env)).await
}

/// The same in a folder.
pub async fn within(folder: &Path, farm: &Farm, args: &[&str]) -> Transcript {
    let mut command = prepared(farm, args, &[]);
    command.current_dir(folder);
    finish(command).await
}

/// The process itself, running.
pub fn running(farm: &Farm, args: &[&str]) -> tokio::process::Child {
    let mut command = prepared(farm, args, &[]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

fn prepared(farm: &Farm, args: &[&str], env: &[(&str, &str)]) -> Command {
    let mut command = command();
    command
        .env("FLATRENDER_SERVER", format!("http://{}", farm.address))
        .env("FLATRENDER_TOKEN", TOKEN)
        .envs(env.iter().copied())
        .args(args);
    command
}
