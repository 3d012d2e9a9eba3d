//! Join tokens: the hash of a secret, one use, a short life.

use flatrender_protocol::NodeId;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{Named, StoreError};

/// Keeps a new token's hash.
///
/// # Errors
/// When the database refuses.
pub async fn insert(
    tx: &mut PgConnection,
    secret_hash: &[u8; 32],
    created_by: &str,
    expires_at: OffsetDateTime,
) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO render.node_join_tokens (secret_hash, created_by, expires_at) VALUES ($1, $2, $3)",
        secret_hash.as_slice(),
        created_by,
        expires_at
    )
    .execute(tx)
    .await
    .named("insert join token")?;
    Ok(())
}

/// What an attempt to use a token came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// It is used now, by this transaction.
    Taken,
    /// Nobody made it here.
    Unknown,
    /// It was used before.
    UsedBefore,
    /// Its time is over.
    Expired,
}

/// Uses a token, once.
///
/// # Errors
/// When the database refuses.
pub async fn take(tx: &mut PgConnection, secret_hash: &[u8; 32]) -> Result<Use, StoreError> {
    let taken = sqlx::query!(
        "UPDATE render.node_join_tokens SET used_at = now()
          WHERE secret_hash = $1 AND used_at IS NULL AND expires_at > now()",
        secret_hash.as_slice()
    )
    .execute(&mut *tx)
    .await
    .named("take join token")?;
    if taken.rows_affected() == 1 {
        return Ok(Use::Taken);
    }
    let why = sqlx::query_scalar!(
        r#"SELECT used_at IS NOT NULL AS "used!" FROM render.node_join_tokens WHERE secret_hash = $1"#,
        secret_hash.as_slice()
    )
    .fetch_optional(tx)
    .await
    .named("look up join token")?;
    Ok(match why {
        None => Use::Unknown,
        Some(true) => Use::UsedBefore,
        Some(false) => Use::Expired,
    })
}

/// Remembers which node a used token made.
///
/// # Errors
/// When the database refuses.
pub async fn made(
    tx: &mut PgConnection,
    secret_hash: &[u8; 32],
    node: NodeId,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE render.node_join_tokens SET node_id = $2 WHERE secret_hash = $1",
        secret_hash.as_slice(),
        node.0
    )
    .execute(tx)
    .await
    .named("note node of join token")?;
    Ok(())
}
