//! Packages from strangers, packages of our own, and what both have in common.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod accepted;
mod digest;
mod font;
mod hostile;
mod pack;
mod raw;
mod unpack;
