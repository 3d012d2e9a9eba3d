//! Whether the farm can work: somebody leads, and the database says so.

use super::Farm;
use crate::store::{self, StoreError, leadership};

impl Farm {
    /// The epoch of whoever leads, this controller or another; `None` while nobody does.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn leader(&self) -> Result<Option<i64>, StoreError> {
        let mut tx = store::begin(&self.worker).await?;
        let current = leadership::current(&mut tx).await?;
        store::commit(tx).await?;
        Ok(current.map(|(epoch, _)| epoch))
    }
}
