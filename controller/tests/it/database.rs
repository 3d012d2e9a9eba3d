//! The database room against a real server.

mod migrations;
mod roles;
