//! `flatctl aep …`: projects on this machine, read without After Effects and without a farm.

use crate::args::Aep;
use crate::failure::{Exit, Failure};
use crate::output::Screen;

mod check;
mod files;
mod fonts;
mod inspect;
mod tree;

/// Runs the command.
///
/// # Errors
/// When the file is not a project that can be read, or has no composition of the name asked for.
pub fn run(command: &Aep, screen: &Screen) -> Result<Exit, Failure> {
    match command {
        Aep::Inspect { file } => inspect::run(file, screen),
        Aep::Check(asked) => check::run(asked, screen),
    }
}
