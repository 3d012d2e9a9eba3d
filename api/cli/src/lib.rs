//! The farm's command line: a typed client of its HTTP routes, and the commands on top. The binary is a few lines, so
//! that everything can be called from tests.

pub mod args;
pub mod client;
pub mod collect;
pub mod commands;
pub mod failure;
pub mod film;
pub mod follow;
pub mod output;
pub mod picture;
pub mod progress;
pub mod render;
mod run;
pub mod view;

pub use run::run;
