//! Integration tests of the stand-in: the real programs, real files, and ffmpeg as the one who makes films.

#![expect(
    clippy::disallowed_methods,
    reason = "tests wait with deadlines and start programs"
)]
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "what can't be done in a test fails it, and a skipped test says so"
)]

mod command_line;
mod endings;
mod faults;
mod films;
mod modules;
mod queue;
mod renders;
mod sounds;
mod stage;
mod text;
mod wrong_frames;
