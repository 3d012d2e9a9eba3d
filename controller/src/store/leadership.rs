//! The one row that says who leads. Its epoch guards every write of a leader.

use std::time::Duration;

use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::{Named, StoreError};

/// Holds the row until the transaction ends, so that a successor's claim waits for it.
///
/// # Errors
/// [`StoreError::Deposed`] when the epoch is no longer this one.
pub async fn hold(tx: &mut PgConnection, epoch: i64) -> Result<(), StoreError> {
    let held = sqlx::query_scalar!(
        r#"SELECT 1 AS "one!" FROM render.leadership WHERE epoch = $1 FOR SHARE"#,
        epoch
    )
    .fetch_optional(tx)
    .await
    .named("hold leadership")?;
    held.map(|_| ()).ok_or(StoreError::Deposed { epoch })
}

/// Takes the lead when nobody has it: the new epoch, or `None` while another holds it.
///
/// # Errors
/// When the database is away.
pub async fn claim(
    pool: &PgPool,
    holder: Uuid,
    name: &str,
    term: Duration,
) -> Result<Option<i64>, StoreError> {
    sqlx::query_scalar!(
        "UPDATE render.leadership
            SET holder = $1, holder_name = $2, epoch = epoch + 1, until = now() + make_interval(secs => $3)
          WHERE until < now() OR holder = $1
          RETURNING epoch",
        holder,
        name,
        term.as_secs_f64(),
    )
    .fetch_optional(pool)
    .await
    .named("claim leadership")
}

/// Extends the term; `false` when another one leads.
///
/// # Errors
/// When the database is away.
pub async fn renew(pool: &PgPool, epoch: i64, term: Duration) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE render.leadership SET until = now() + make_interval(secs => $2) WHERE epoch = $1",
        epoch,
        term.as_secs_f64(),
    )
    .execute(pool)
    .await
    .named("renew leadership")?;
    Ok(done.rows_affected() == 1)
}

/// Lets go at an orderly end, so that a successor need not wait.
///
/// # Errors
/// When the database is away.
pub async fn release(pool: &PgPool, epoch: i64) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE render.leadership SET until = now() WHERE epoch = $1",
        epoch
    )
    .execute(pool)
    .await
    .named("release leadership")?;
    Ok(())
}

/// Who leads by the database's clock: the epoch and the holder; `None` while nobody does.
///
/// # Errors
/// When the database is away.
pub async fn current(connection: &mut PgConnection) -> Result<Option<(i64, Uuid)>, StoreError> {
    let row = sqlx::query!(
        r#"SELECT epoch, holder AS "holder!" FROM render.leadership WHERE until > now() AND holder IS NOT NULL"#
    )
    .fetch_optional(connection)
    .await
    .named("who leads")?;
    Ok(row.map(|row| (row.epoch, row.holder)))
}
