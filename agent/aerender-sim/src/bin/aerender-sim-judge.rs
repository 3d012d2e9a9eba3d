//! Answers for: the command that reads a finished film and says what is wrong, repeated or missing in it. Exit code 0: the
//! film is right; 1: it is not; 2: it could not be read. Must not: decide anything itself (`aerender_sim::judge` does).

use aerender_sim::judge::{self, Expected, Verdict};
use aerender_sim::{ledger, read_film};
use anyhow::Result;
use clap::Parser;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// Reads the code of every frame of a film, in order, and compares it with what the film should hold.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The film.
    film: PathBuf,
    /// The stem of the rendered files: the job's id.
    #[arg(long)]
    job: String,
    /// The display frame of the film's first frame.
    #[arg(long, allow_negative_numbers = true)]
    first: i64,
    /// Frames the film should have.
    #[arg(long)]
    frames: u32,
    /// How far one frame's display number is from the next one's.
    #[arg(long, default_value_t = 1)]
    step: u32,
    /// The digest of the values that every frame should have been rendered with, in hexadecimal; without it, all the same.
    #[arg(long, value_parser = hexadecimal)]
    values: Option<u32>,
    /// The stand-in's ledger, to be compared too.
    #[arg(long)]
    ledger: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let verdict = match judge(&arguments) {
        Ok(verdict) => verdict,
        Err(error) => {
            // Nothing is left to do if this can't be said.
            let _ = writeln!(io::stderr(), "aerender-sim-judge: {error:#}");
            return ExitCode::from(2);
        }
    };
    if let Err(error) = print(&verdict, arguments.json) {
        let _ = writeln!(io::stderr(), "aerender-sim-judge: {error:#}");
        return ExitCode::from(2);
    }
    ExitCode::from(u8::from(!verdict.right))
}

fn hexadecimal(text: &str) -> Result<u32, std::num::ParseIntError> {
    u32::from_str_radix(text, 16)
}

fn judge(arguments: &Arguments) -> Result<Verdict> {
    let codes = read_film(&arguments.film)?;
    let entries = arguments.ledger.as_deref().map(ledger::read).transpose()?;
    let expected = Expected {
        job: arguments.job.clone(),
        first: arguments.first,
        frames: arguments.frames,
        step: arguments.step,
        values: arguments.values,
    };
    Ok(judge::compare(&codes, &expected, entries.as_deref()))
}

fn print(verdict: &Verdict, json: bool) -> Result<()> {
    let mut out = io::stdout().lock();
    if json {
        serde_json::to_writer(&mut out, verdict)?;
        writeln!(out)?;
        return Ok(());
    }
    for fault in &verdict.faults {
        writeln!(out, "{fault}")?;
    }
    for (frame, times) in &verdict.rendered_again {
        writeln!(
            out,
            "note: display frame {frame} was rendered {times} times"
        )?;
    }
    let word = if verdict.right { "right" } else { "wrong" };
    writeln!(
        out,
        "{word}: {} frames, {} faults",
        verdict.frames,
        verdict.faults.len()
    )?;
    Ok(())
}
