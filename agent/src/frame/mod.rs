//! Answers for: is this file a frame that is whole and right (decoded, measured, digested, packed), when is it worth looking
//! at, and what does a packed frame look like to whoever makes a film of it. Must not: know leases, links or renderers.
//!
//! The TIFF reader is our own because it has to be stricter than a viewer: everything a file refers to must lie inside it, every
//! strip must decode to exactly its rows, nothing larger than the expected picture is ever allocated.

mod decode;
mod directory;
mod error;
mod lzw;
mod measure;
mod unpack;
mod verify;
mod watch;

pub use error::NotAFrame;
pub use unpack::{Picture, unpack};
pub use verify::{Expect, Verified, verify};
pub use watch::{Candidate, FolderWatch, WatchError, WatchOptions, Why};
