//! The agent's integration tests, one binary.
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod logs;
#[cfg(unix)]
mod shim;
mod spool;
mod stores;
