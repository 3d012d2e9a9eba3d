//! The controller's integration tests, one binary for all of them.

mod cluster;
mod database;
mod farm;
mod film;
mod link;
