//! Asks the database for the monthly partitions of its time series, so that the months ahead exist before their rows do.
//!
//! Which tables those are and how a partition is made without stopping anybody stands in `migrations/00_setup.sql`; the
//! maintainer's role may call that function and nothing else.

#![expect(
    clippy::disallowed_methods,
    reason = "waits for a busy table, with a deadline"
)]

use std::time::{Duration, Instant};

use sqlx::PgPool;

use super::error::DatabaseError;

/// How long to come back for locks that others hold, and how often.
const BUSY_WITHIN: Duration = Duration::from_secs(60);
const BUSY_PAUSE: Duration = Duration::from_millis(250);

/// What this transaction has attached. Others may be making partitions at the same time; theirs are not ours.
const MADE_HERE: &str = "
    SELECT format('%I.%I', n.nspname, c.relname)
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relispartition AND c.relkind = 'r' AND c.xmin = pg_current_xact_id()::xid
     ORDER BY 1";

/// Makes this month and `ahead` further ones for every partitioned table. Returns the names of what was created: nothing
/// when all of them exist.
///
/// # Errors
/// When the function is refused or fails, for example because `pool` is not the maintainer's or `ahead` is not 0 to 60.
pub async fn ensure(pool: &PgPool, ahead: i32) -> Result<Vec<String>, DatabaseError> {
    let until = Instant::now() + BUSY_WITHIN;
    loop {
        match attempt(pool, ahead).await {
            Err(error) if is_busy(&error) && Instant::now() < until => {
                tokio::time::sleep(BUSY_PAUSE).await;
            }
            done => return done.map_err(DatabaseError::sql("make the monthly partitions")),
        }
    }
}

async fn attempt(pool: &PgPool, ahead: i32) -> Result<Vec<String>, sqlx::Error> {
    let mut tx = pool.begin().await?;
    let ensure = sqlx::query("SELECT app.ensure_all_months($1)").bind(ahead);
    ensure.execute(&mut *tx).await?;
    let made = sqlx::query_scalar(MADE_HERE).fetch_all(&mut *tx).await?;
    tx.commit().await?;
    Ok(made)
}

/// The maintainer waits for a lock two seconds at most, so as not to stop those who queue behind it.
fn is_busy(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| code == "55P03")
}
