//! Hears what the database announces on a channel (`LISTEN`). A notification is a hint to look, never the news itself: those
//! sent while the connection was away are lost, so whoever waits here looks after every reconnection too.

use sqlx::PgPool;
use sqlx::postgres::PgListener;

use super::{Database, DatabaseError, Role};

/// One connection of its own that listens on one channel.
pub struct Hints {
    listener: PgListener,
    // The listener's connection lives in it.
    _pool: PgPool,
}

impl Database {
    /// Listens on `channel` as `role`.
    ///
    /// # Errors
    /// When the database is away or the role unfit.
    pub async fn listen(&self, role: Role, channel: &str) -> Result<Hints, DatabaseError> {
        let sql = || DatabaseError::sql(format!("listen on {channel}"));
        let pool = self.pool(role, 1).await?;
        let mut listener = PgListener::connect_with(&pool).await.map_err(sql())?;
        listener.eager_reconnect(false);
        listener.listen(channel).await.map_err(sql())?;
        Ok(Hints {
            listener,
            _pool: pool,
        })
    }
}

impl Hints {
    /// Waits until there may be something to look for: a notification, or a connection that was lost and is made anew at
    /// the next call.
    ///
    /// # Errors
    /// When the connection can't be made anew; call again after a pause.
    pub async fn next(&mut self) -> Result<(), DatabaseError> {
        self.listener
            .try_recv()
            .await
            .map(|_| ())
            .map_err(DatabaseError::sql("wait for notifications"))
    }
}
