//! Keeps the monthly partitions ahead of the calendar, so that a row never finds its month missing.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Loop, Pace};
use crate::database::{Database, DatabaseError};

/// How many months ahead there are partitions.
pub const AHEAD_MONTHS: i32 = 3;
/// Once a day; three months are patience enough for what fails.
pub const PACE: Pace = Pace {
    every: Duration::from_secs(24 * 3600),
    again: Duration::from_secs(10 * 60),
};

/// Makes what is missing, at once and every day.
pub async fn run(inner: Loop, database: Arc<Database>, shutdown: CancellationToken) {
    let once = || {
        let database = Arc::clone(&database);
        async move {
            let made = database.ensure_partitions(AHEAD_MONTHS).await?;
            Ok::<_, DatabaseError>(made.join(", "))
        }
    };
    inner.run(shutdown, once).await;
}
