//! `flatrender-agent log read`: what a log of aerender's or After Effects' says. Exit codes: 0 read, whatever it says; 1 it can't
//! be read; 2 wrong arguments. The verdict is in what is printed, never in the exit code: `noise` is an answer too.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Subcommand;
use flatrender_agent::aerender::{Reading, read_log};

use super::{Failure, failed};

/// What can be done with a log.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Say what a log of aerender's, or one of After Effects' own log files, comes to. Exit code 0 whatever it says.
    Read {
        /// The log; `-` reads the standard input.
        file: PathBuf,
    },
}

/// Runs a command.
pub fn run(command: Command, json: bool) -> Result<(), Failure> {
    let Command::Read { file } = command;
    let reading = read(&file).map_err(failed(1))?;
    let text = if json {
        let mut text = serde_json::to_string(&reading).map_err(|error| failed(1)(error.into()))?;
        text.push('\n');
        text
    } else {
        in_words(&reading)
    };
    io::stdout()
        .write_all(text.as_bytes())
        .context("failed to print what the log says")
        .map_err(failed(1))
}

fn read(file: &Path) -> anyhow::Result<Reading> {
    if file == Path::new("-") {
        return read_log(io::stdin().lock()).context("failed to read the standard input");
    }
    File::open(file)
        .and_then(read_log)
        .with_context(|| format!("failed to read the log {}", file.display()))
}

fn in_words(reading: &Reading) -> String {
    let unknown = || "not told".to_owned();
    let text = |value: &Option<String>| value.clone().unwrap_or_else(unknown);
    let verdict = serde_json::to_string(&reading.verdict).unwrap_or_default();
    let mut lines = vec![
        format!("verdict   {}: {}", verdict.trim_matches('"'), reading.why),
        format!("version   {}", text(&reading.version)),
        format!(
            "frames    {}{}",
            reading.frames,
            reading
                .last_frame_count
                .map_or(String::new(), |count| format!(
                    ", the last line counts {count}"
                ))
        ),
        format!(
            "span      {} to {}, length {}, {} frames a second",
            text(&reading.start),
            text(&reading.end),
            text(&reading.duration),
            reading.fps.map_or_else(unknown, |fps| fps.to_string())
        ),
        format!(
            "finished  {}",
            if reading.finished {
                "said so"
            } else {
                "not said"
            }
        ),
    ];
    for (kind, of_kind) in [("error", &reading.errors), ("warning", &reading.warnings)] {
        lines.extend(of_kind.iter().map(|line| format!("{kind:<9} {line}")));
    }
    lines.join("\n") + "\n"
}
