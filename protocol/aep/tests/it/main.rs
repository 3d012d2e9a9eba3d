//! The reader against real projects, against written ones, and against damage.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "tests: a panic is a failure, a skip is said"
)]

mod answers;
mod checks;
mod containers;
mod damage;
mod limits;
mod samples;
mod specs;
mod truth;
mod written;
