//! Which migrations a database still lacks, without changing it.

use std::collections::BTreeSet;

use sqlx::{Connection, PgConnection};

use super::{Database, DatabaseError, Role, migrations};

impl Database {
    /// The files of this program's migrations that the database has no record of, in order. One that psql set up has none:
    /// `migrate` adopts it.
    ///
    /// # Errors
    /// When the migrator can't connect.
    pub async fn unapplied(&self) -> Result<Vec<&'static str>, DatabaseError> {
        let sql = || DatabaseError::sql("look which migrations were applied");
        let options = self.options(Role::Migrator)?;
        let mut session = PgConnection::connect_with(&options).await.map_err(sql())?;
        let kept: bool =
            sqlx::query_scalar("SELECT to_regclass('app.schema_migrations') IS NOT NULL")
                .fetch_one(&mut session)
                .await
                .map_err(sql())?;
        let mut applied = BTreeSet::new();
        if kept {
            let mut tx = session.begin().await.map_err(sql())?;
            sqlx::raw_sql("SET LOCAL ROLE fr_owner_app")
                .execute(&mut *tx)
                .await
                .map_err(sql())?;
            let versions: Vec<i32> =
                sqlx::query_scalar("SELECT version FROM app.schema_migrations")
                    .fetch_all(&mut *tx)
                    .await
                    .map_err(sql())?;
            tx.commit().await.map_err(sql())?;
            applied.extend(versions);
        }
        session.close().await.map_err(sql())?;
        let missing = migrations::FILES
            .iter()
            .filter(|file| !applied.contains(&file.version));
        Ok(missing.map(|file| file.name).collect())
    }
}
