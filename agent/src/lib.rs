//! The node daemon: it drives After Effects, verifies frames, and never loses a finished one.

pub mod aerender;
pub mod cache;
pub mod frame;
pub mod process;
pub mod work;

/// Prints an error and its causes to standard error, each once.
#[expect(
    clippy::print_stderr,
    reason = "this is the one place where a command says why it failed"
)]
pub fn say_error(error: &anyhow::Error) {
    eprintln!("flatrender-agent: {error:#}");
}
