//! The reader against real projects and against damage.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "tests: a panic is a failure, a skip is said"
)]

mod samples;
mod truth;
