//! The controller's integration tests, one binary for all of them.

#![expect(
    clippy::disallowed_methods,
    reason = "tests wait with deadlines and start programs"
)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod cluster;
mod config;
mod database;
#[cfg(unix)]
mod dev;
mod farm;
mod film;
mod link;
mod ops;
