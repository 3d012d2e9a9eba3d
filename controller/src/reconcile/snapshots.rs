//! Removes snapshots that nobody uses any more; what their pictures were is swept from the store with all else that no row
//! names.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Loop, Pace};
use crate::farm::Farm;
use crate::store::StoreError;

/// Every ten minutes: a burst of previews must not outgrow its share for long.
pub const PACE: Pace = Pace {
    every: Duration::from_secs(600),
    again: Duration::from_secs(60),
};

/// Evicts, at once and at its pace.
pub async fn run(inner: Loop, farm: Farm, shutdown: CancellationToken) {
    let once = || {
        let farm = farm.clone();
        async move {
            let evicted = farm.evict_snapshots().await?;
            if evicted.snapshots == 0 {
                return Ok(String::new());
            }
            Ok::<_, StoreError>(format!(
                "removed {} unused snapshots of {} bytes",
                evicted.snapshots, evicted.bytes
            ))
        }
    };
    inner.run(shutdown, once).await;
}
