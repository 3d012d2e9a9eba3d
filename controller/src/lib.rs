//! The server daemon: it decides (`plan`), does (`farm`), remembers (`store`), speaks to agents (`link`) and to people
//! (`ops`). See `docs/architecture.md`.

pub mod database;
pub mod store;
