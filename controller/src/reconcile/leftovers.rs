//! Removes from the store what no row names, a day after somebody last touched it.

#![expect(
    clippy::disallowed_methods,
    reason = "files are stamped by the clock of the system"
)]

use std::time::{Duration, SystemTime};

use tokio_util::sync::CancellationToken;

use super::{Loop, Pace};
use crate::farm::{Farm, SweepError};

/// How long a blob may lie unnamed: between an upload and the job that wants it, people go home.
pub const GRACE: Duration = Duration::from_secs(24 * 3600);
/// Every six hours; nothing waits for it.
pub const PACE: Pace = Pace {
    every: Duration::from_secs(6 * 3600),
    again: Duration::from_secs(10 * 60),
};

/// Sweeps, at once and at its pace.
pub async fn run(inner: Loop, farm: Farm, shutdown: CancellationToken) {
    let once = || {
        let farm = farm.clone();
        async move {
            let swept = farm.sweep(SystemTime::now() - GRACE).await?;
            if swept.blobs + swept.parts == 0 {
                return Ok(String::new());
            }
            Ok::<_, SweepError>(format!(
                "removed {} blobs that no row names and {} parts of uploads that broke off",
                swept.blobs, swept.parts
            ))
        }
    };
    inner.run(shutdown, once).await;
}
