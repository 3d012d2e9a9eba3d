//! What nobody will ask for any more leaves the store: an upload that no job took, a frame that came second, a part of an
//! upload that was cut off. Whoever is about to use a blob claims it first, so that none goes between its check and its row.

use std::time::SystemTime;

use super::Farm;
use crate::blobs::{BlobError, SHELVES};
use crate::store::{self, Named, StoreError};

/// How many blobs the database is asked for at once.
const BATCH: usize = 50_000;

/// Why a sweep stopped; the next one goes on.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// The disk failed.
    #[error("sweep the store")]
    Blobs(#[from] BlobError),
    /// The database refused.
    #[error("sweep the store")]
    Store(#[from] StoreError),
}

/// What a sweep removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Blobs that no row names.
    pub blobs: usize,
    /// Parts of uploads that broke off.
    pub parts: usize,
}

impl Farm {
    /// Removes what no row names and nobody has touched since `before`.
    ///
    /// # Errors
    /// [`SweepError`].
    pub async fn sweep(&self, before: SystemTime) -> Result<Swept, SweepError> {
        let mut swept = Swept::default();
        let mut old = Vec::new();
        for shelf in SHELVES {
            swept.parts += self.blobs.discard_parts(shelf, before).await?;
            old.extend(self.blobs.untouched(shelf, before).await?);
            if old.len() < BATCH && shelf != *SHELVES.end() {
                continue;
            }
            let mut connection = self.worker.acquire().await.named("connect")?;
            let named = store::blobs::named(&mut connection, &old).await?;
            drop(connection);
            old.retain(|blob| !named.contains(blob));
            swept.blobs += self.blobs.discard(std::mem::take(&mut old), before).await?;
        }
        Ok(swept)
    }
}
