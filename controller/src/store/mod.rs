//! The only SQL over schema `render`. Free functions on a passed connection: statements and mapping, nothing else. The
//! caller (`farm`) owns the transaction; no network call happens inside one.

pub mod attempts;
pub mod blobs;
pub mod crashes;
pub mod events;
pub mod exports;
pub mod frames;
pub mod jobs;
pub mod leadership;
pub mod leases;
pub mod nodes;
pub mod packages;
pub mod prepared;
pub mod ranges;
pub mod repairs;
pub mod snapshots;
pub mod tokens;

use sqlx::{PgPool, Postgres, Transaction};

/// A transaction of the farm.
pub type Tx = Transaction<'static, Postgres>;

/// Why a statement was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another controller leads; nothing was written.
    #[error("write: this controller no longer leads (its epoch was {epoch})")]
    Deposed {
        /// The epoch that is over.
        epoch: i64,
    },
    /// The database refused or is away.
    #[error("{statement}")]
    Sql {
        /// The statement's name.
        statement: &'static str,
        /// What the database said.
        #[source]
        source: sqlx::Error,
    },
    /// A row holds what this build can't read.
    #[error("read {what}: \"{value}\" is unknown to this version")]
    Unreadable {
        /// Table and column.
        what: &'static str,
        /// What stands there.
        value: String,
    },
}

impl StoreError {
    /// Whether another controller leads now.
    pub fn is_deposed(&self) -> bool {
        matches!(self, Self::Deposed { .. })
    }

    /// Whether the database is away or overloaded, so that the same may work later; otherwise it is a mistake of ours.
    pub fn is_away(&self) -> bool {
        let Self::Sql { source, .. } = self else {
            return false;
        };
        match source {
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => true,
            sqlx::Error::Protocol(_) => true,
            // Class 57P: the server is shutting down or starting; 53: out of connections, memory or disk.
            sqlx::Error::Database(error) => error
                .code()
                .is_some_and(|code| code.starts_with("57P") || code.starts_with("53")),
            _ => false,
        }
    }
}

/// Names the statement that failed.
pub(crate) trait Named<T> {
    fn named(self, statement: &'static str) -> Result<T, StoreError>;
}

impl<T> Named<T> for Result<T, sqlx::Error> {
    fn named(self, statement: &'static str) -> Result<T, StoreError> {
        self.map_err(|source| StoreError::Sql { statement, source })
    }
}

/// A transaction that commits only while this controller leads with `epoch`.
///
/// # Errors
/// [`StoreError::Deposed`] when another one does.
pub async fn begin_leading(pool: &PgPool, epoch: i64) -> Result<Tx, StoreError> {
    let mut tx = pool.begin().await.named("begin")?;
    leadership::hold(&mut tx, epoch).await?;
    Ok(tx)
}

/// A plain transaction, for what any controller may write.
///
/// # Errors
/// When the database is away.
pub async fn begin(pool: &PgPool) -> Result<Tx, StoreError> {
    pool.begin().await.named("begin")
}

/// A transaction in which tenant-facing roles see the rows of `tenant` only.
///
/// # Errors
/// When the database is away.
pub async fn begin_tenant(
    pool: &PgPool,
    tenant: flatrender_protocol::TenantId,
) -> Result<Tx, StoreError> {
    let mut tx = pool.begin().await.named("begin")?;
    sqlx::query_scalar!(
        "SELECT set_config('app.tenant_id', $1, true)",
        tenant.to_string()
    )
    .fetch_one(&mut *tx)
    .await
    .named("set tenant")?;
    Ok(tx)
}

/// Commits.
///
/// # Errors
/// When the database is away; whether it was written is then unknown and must be read again.
pub async fn commit(tx: Tx) -> Result<(), StoreError> {
    tx.commit().await.named("commit")
}

/// Reads an enum from its name in a row.
fn parse<T: std::str::FromStr>(what: &'static str, value: &str) -> Result<T, StoreError> {
    value.parse().map_err(|_| StoreError::Unreadable {
        what,
        value: value.to_owned(),
    })
}
