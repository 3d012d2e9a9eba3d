//! `flatrender-agent`: the command line of the node daemon. It reads arguments and hands over; nothing is decided here.

mod commands;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let arguments = commands::Arguments::parse();
    match commands::run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            flatrender_agent::say_error(&failure.error);
            ExitCode::from(failure.code)
        }
    }
}
