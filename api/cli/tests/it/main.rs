//! Transcripts of the binary against a farm of this process, which answers recorded shapes over the real HTTP parts.

#![expect(clippy::disallowed_methods, reason = "tests start the program")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod aep;
mod errors;
mod farm;
#[path = "../../../../protocol/package/tests/it/font.rs"]
mod font;
mod job;
mod node;
mod package;
mod render;
mod snapshot;
mod transcript;
