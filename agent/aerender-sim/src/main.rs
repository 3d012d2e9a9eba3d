//! Answers for: which of the processes this one is: the launcher that a user starts, After Effects behind it, AfterFX with a
//! script, or the child that a fault leaves behind. Must not: do their work.

use aerender_sim::faults::{LINGER, LONGEST_LINGER};
use aerender_sim::launcher::{self, PORT};
use aerender_sim::{after_effects, afterfx};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut given = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
    let program = given.next().unwrap_or_default();
    let words: Vec<String> = given.collect();
    let code = match &words[..] {
        [port, address, rest @ ..] if port == PORT => after_effects::run(address, rest),
        [linger] if linger == LINGER => {
            std::thread::sleep(LONGEST_LINGER);
            0
        }
        _ if afterfx::is_meant(&program, &words) => afterfx::run(&words),
        _ => launcher::run(&words),
    };
    ExitCode::from(code)
}
