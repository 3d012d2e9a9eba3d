//! The agent's integration tests, one binary.

#![expect(
    clippy::disallowed_methods,
    reason = "tests wait with deadlines and start programs"
)]
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod cache;
#[cfg(unix)]
mod cli;
#[cfg(unix)]
mod controller;
#[cfg(unix)]
mod farm;
mod film;
mod film_sound;
mod frame;
mod frame_broken;
mod frame_watch;
#[cfg(unix)]
mod link;
mod logs;
#[cfg(unix)]
mod shim;
#[cfg(unix)]
mod snapshot;
mod spool;
#[cfg(unix)]
mod stand_in_logs;
mod stores;
mod tiff_files;
#[cfg(unix)]
mod work;
mod written_logs;
