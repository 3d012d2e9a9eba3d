//! The database room against a real server.

mod catalogue;
#[cfg(unix)]
mod embedded;
#[cfg(unix)]
mod managed;
mod migrations;
#[cfg(unix)]
mod outside;
mod partitions;
mod roles;
mod tenants;
