//! Answers for: what this machine is and how it is doing, cheaply enough to ask every few seconds for years. Must not: decide
//! anything by it, list the processes of the machine.

mod disk;
mod sample;

pub use disk::free_bytes;
pub use sample::{Sampler, inventory};
