//! Answers for: what can go wrong between asking for a blob and having it, in words with a way out.

use std::io;
use std::path::{Path, PathBuf};

use flatrender_protocol::Digest;

use super::fetch::FetchError;

/// A blob can't be had.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// It would never fit.
    #[error(
        "blob {digest} has {bytes} bytes, and the cache may hold {limit}; raise the cache's size on this node"
    )]
    TooLarge {
        /// Which.
        digest: Digest,
        /// Its size.
        bytes: u64,
        /// The most the cache may hold.
        limit: u64,
    },
    /// What is in use leaves no room.
    #[error(
        "no room for {needed} bytes: {in_use} bytes of the cache's {limit} are in use; wait for an attempt to end or raise the cache's size"
    )]
    Full {
        /// How many more are needed.
        needed: u64,
        /// What can't be removed: pinned, or being fetched.
        in_use: u64,
        /// The most the cache may hold.
        limit: u64,
    },
    /// The disk itself is full.
    #[error(
        "no room for {needed} bytes: the disk has {free} bytes free, and {floor} of them are to stay free; free some of the disk"
    )]
    DiskFull {
        /// How many more are needed.
        needed: u64,
        /// Free now, with everything removed that may be.
        free: u64,
        /// What is to stay free.
        floor: u64,
    },
    /// It could not be fetched.
    #[error("fetch blob {digest} from byte {offset}")]
    Fetch {
        /// Which.
        digest: Digest,
        /// From where on.
        offset: u64,
        /// Why not.
        #[source]
        source: FetchError,
    },
    /// What came is not what was asked for.
    #[error("blob {wanted} was fetched and is {found}")]
    WrongDigest {
        /// What was asked for.
        wanted: Digest,
        /// What came.
        found: Digest,
    },
    /// More came than was asked for.
    #[error("blob {digest} should have {bytes} bytes, and more came")]
    TooMuch {
        /// Which.
        digest: Digest,
        /// Its size.
        bytes: u64,
    },
    /// The file system refused.
    #[error("{operation} {}", .path.display())]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What it said.
        #[source]
        source: io::Error,
    },
    /// Somebody else asked for the same blob at the same time, and it failed for them: why, in words.
    #[error("{0}")]
    Shared(String),
}

impl CacheError {
    pub(super) fn io(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            operation,
            path,
            source,
        }
    }
}
