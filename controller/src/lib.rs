//! Placeholder while the ground is laid.
pub mod database;
