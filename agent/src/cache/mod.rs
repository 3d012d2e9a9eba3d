//! Answers for: the blobs that attempts read (packages, prepared projects, sounds) as files on this machine: content-addressed,
//! verified before they are visible, pinned while in use, least recently used out first, bounded in bytes and by free disk. Must
//! not: know where bytes come from (see [`Fetch`]), let anything be written into a cached file.
//!
//! A blob is `blobs/<digest>`; one on its way is `parts/<digest>`, kept when the fetch breaks so that the next one goes on where it
//! ended. The index lives in memory and is rebuilt from the folder. A file is hashed again before its first use after a start, so it does
//! not matter how the last run ended.

mod disk;
mod error;
mod fetch;
mod index;
mod store;

pub use error::CacheError;
pub use fetch::{Fetch, FetchError};
pub use store::{Cache, CacheLimits, Pinned};
