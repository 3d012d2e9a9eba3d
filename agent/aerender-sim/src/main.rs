//! Answers for: which of the processes this one is: the launcher that a user starts, After Effects behind it, or the child that a
//! fault leaves behind. Must not: do their work.

use aerender_sim::after_effects;
use aerender_sim::faults::{LINGER, LONGEST_LINGER};
use aerender_sim::launcher::{self, PORT};
use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args_os()
        .skip(1)
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let code = match &words[..] {
        [port, address, rest @ ..] if port == PORT => after_effects::run(address, rest),
        [linger] if linger == LINGER => {
            std::thread::sleep(LONGEST_LINGER);
            0
        }
        _ => launcher::run(&words),
    };
    ExitCode::from(code)
}
