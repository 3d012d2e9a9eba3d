//! Blobs that attempts read, through the cache; and the failure that every step before a result may have.

use std::time::Duration;

use flatrender_protocol::message::{BlobRef, OutcomeClass};

use super::Uplink;
use super::attempt::Room;
use crate::cache::{CacheError, FetchError, Pinned};
use crate::in_words;

/// How long a blob that can't be had is left alone.
const AGAIN: Duration = Duration::from_secs(1);

/// Why an attempt failed, and whose fault that is.
pub(super) struct Failure {
    pub class: OutcomeClass,
    pub message: String,
}

impl Failure {
    /// This machine's fault.
    pub(super) fn node(error: &dyn std::error::Error) -> Self {
        Self {
            class: OutcomeClass::Node,
            message: in_words(error),
        }
    }

    /// Worth another try.
    pub(super) fn transient(error: &dyn std::error::Error) -> Self {
        Self {
            class: OutcomeClass::Transient,
            message: in_words(error),
        }
    }
}

/// The blob as a file that stays. Waits for a controller, and for room in the cache, as long as it takes.
pub(super) async fn pinned<U: Uplink>(room: &Room<U>, blob: &BlobRef) -> Result<Pinned, Failure> {
    loop {
        let error = match room.cache.get(blob, &*room.uplink).await {
            Ok(pinned) => return Ok(pinned),
            Err(error) => error,
        };
        match &error {
            CacheError::Fetch {
                source: FetchError::Broken { .. } | FetchError::EndedEarly { .. },
                ..
            }
            | CacheError::Shared(_)
            | CacheError::Full { .. } => {
                tracing::warn!(digest = %blob.digest, error = &error as &dyn std::error::Error, "blob not fetched yet; trying again");
                tokio::time::sleep(AGAIN).await;
            }
            CacheError::Fetch { .. }
            | CacheError::WrongDigest { .. }
            | CacheError::TooMuch { .. } => {
                return Err(Failure::transient(&error));
            }
            CacheError::TooLarge { .. } | CacheError::DiskFull { .. } | CacheError::Io { .. } => {
                return Err(Failure::node(&error));
            }
        }
    }
}
