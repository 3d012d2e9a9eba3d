//! The server daemon: it decides (`plan`), does (`farm`), remembers (`store`), speaks to agents (`link`) and to people
//! (`ops`). See `docs/architecture.md`.

pub mod blobs;
pub mod config;
pub mod daemon;
pub mod database;
pub mod farm;
pub mod link;
pub mod ops;
pub mod plan;
pub mod reconcile;
pub mod store;
