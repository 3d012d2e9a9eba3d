//! The program: reads its command line, starts what was asked for, prints why it failed. It decides nothing.

mod commands;

use std::process::ExitCode;

use clap::Parser;

use commands::Cli;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    match commands::run(cli).await {
        Ok(code) => code,
        Err(error) => {
            commands::print_error(&error);
            ExitCode::FAILURE
        }
    }
}
