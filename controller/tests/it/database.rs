//! The database room against a real server.

#[cfg(unix)]
mod embedded;
mod migrations;
mod roles;
