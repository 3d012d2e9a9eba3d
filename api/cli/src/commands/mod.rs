//! The commands about one kind of object each, and how objects are found by what people call them.

pub mod aep;
pub mod job;
mod named;
pub mod node;
pub mod package;
pub mod snapshot;
