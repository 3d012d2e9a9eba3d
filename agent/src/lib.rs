//! The node daemon: it drives After Effects, verifies frames, and never loses a finished one. The parts are libraries so
//! that tests and the simulation can use them; [`run`] is the daemon.

pub mod aerender;
pub mod cache;
pub mod config;
mod daemon;
pub mod film;
pub mod frame;
pub mod host;
pub mod link;
pub mod process;
pub mod work;

pub use daemon::run;

/// Prints an error and its causes to standard error, each once.
#[expect(
    clippy::print_stderr,
    reason = "this is the one place where a command says why it failed"
)]
pub fn say_error(error: &anyhow::Error) {
    eprintln!("flatrender-agent: {error:#}");
}

/// An error with its causes, in one line.
pub(crate) fn in_words(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
