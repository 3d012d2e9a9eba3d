//! Answers for: is this file a frame that is whole and right (decoded, measured, digested, packed), when is it worth looking
//! at, and what does a packed frame look like to whoever makes a film of it. Must not: know leases, links or renderers; decode by
//! itself (`flatrender_picture` does, so that the controller sees the same).

mod unpack;
mod verify;
mod watch;

pub use flatrender_picture::{PictureError as NotAFrame, Rgba8 as Picture, Verified};
pub use unpack::unpack;
pub use verify::{Expect, verify, verify_named};
pub use watch::{Candidate, FolderWatch, WatchError, WatchOptions, Why};
