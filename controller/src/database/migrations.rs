//! Brings a database to the state of this program's migration files, and remembers which file made it so.
//!
//! The files are the same ones that `psql -f` runs, each one transaction of its own; a database that psql set up is
//! recognised by the tables it has and adopted. It never changes a file's effect after the fact: a file that differs from
//! what was applied stops everything.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use sqlx::postgres::{PgConnectOptions, PgDatabaseError};
use sqlx::{Connection, PgConnection};

use super::error::DatabaseError;

/// One file of `migrations/`.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// Its number.
    pub version: i32,
    /// Its name without folder and ending, such as `00_setup`.
    pub name: &'static str,
    /// What it says.
    pub sql: &'static str,
    /// A table that it makes (schema, name): where that is, the whole file has been applied, since it is one transaction.
    pub marker: (&'static str, &'static str),
}

impl Migration {
    /// SHA-256 of the file's text, in hexadecimal.
    #[must_use]
    pub fn sha256(&self) -> String {
        hex::encode(Sha256::digest(self.sql.as_bytes()))
    }
}

macro_rules! file {
    ($version:literal, $name:literal, $schema:literal . $table:literal) => {
        Migration {
            version: $version,
            name: $name,
            sql: include_str!(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../migrations/",
                $name,
                ".sql"
            )),
            marker: ($schema, $table),
        }
    };
}

/// The files in the order in which they are applied.
pub const FILES: &[Migration] = &[
    file!(0, "00_setup", "app"."partitioned_tables"),
    file!(1, "01_identity_tenants", "identity"."tenants"),
    file!(2, "02_identity_users", "identity"."users"),
    file!(3, "03_identity_billing", "identity"."plans"),
    file!(4, "04_identity_gamification", "identity"."earned_gifts"),
    file!(5, "05_content_taxonomy", "content"."categories"),
    file!(6, "06_content_projects", "content"."projects"),
    file!(7, "07_content_scenes", "content"."scenes"),
    file!(8, "08_content_characters_presets", "content"."presets"),
    file!(9, "09_content_cms", "content"."blogs"),
    file!(10, "10_studio_saved_projects", "studio"."saved_projects"),
    file!(11, "11_render_nodes", "render"."nodes"),
    file!(12, "12_render_jobs", "render"."render_jobs"),
    file!(13, "13_file_manager", "file_mgr"."files"),
    file!(14, "14_notification", "notification"."notifications"),
];

/// What [`migrate`] did, by file name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MigrationReport {
    /// Applied now.
    pub applied: Vec<&'static str>,
    /// Found applied by psql, and recorded now.
    pub adopted: Vec<&'static str>,
    /// How many had been recorded before.
    pub already: usize,
}

/// Where a changed file leads: the two kinds of database have different ways out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// This controller's own cluster, which it may make anew.
    Embedded,
    /// Somebody's server.
    Elsewhere,
}

/// Two migrators of one database wait for each other here. Any constant will do; this one spells `flatrend`.
const LOCK_KEY: i64 = 0x666c_6174_7265_6e64;

const EXISTS: &str = "
    SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                    WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p'))";

const MAKE_REGISTER: &str = "
    BEGIN;
    SET LOCAL ROLE fr_owner_app;
    CREATE TABLE IF NOT EXISTS app.schema_migrations (
        version    int PRIMARY KEY CHECK (version >= 0),
        name       text NOT NULL UNIQUE,
        sha256     text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
        applied_at timestamptz NOT NULL DEFAULT now(),
        how        text NOT NULL CHECK (how IN ('applied', 'adopted'))
    );
    COMMIT;";

/// Applies, adopts or finds already recorded every one of `files`.
///
/// # Errors
/// A changed or unknown file, a server that is too old, a statement that fails (its file is then not applied at all).
pub(super) async fn migrate(
    options: &PgConnectOptions,
    owner: Owner,
    files: &[Migration],
) -> Result<MigrationReport, DatabaseError> {
    let sql = |doing: &str| DatabaseError::sql(doing.to_owned());
    let mut session = PgConnection::connect_with(options)
        .await
        .map_err(sql("connect as the migrator"))?;
    assert_version(&mut session).await?;
    // A session lock, and not one of a transaction: each file is a transaction itself.
    sqlx::raw_sql("SET lock_timeout = '2min'")
        .execute(&mut session)
        .await
        .map_err(sql("prepare to migrate"))?;
    let lock = sqlx::query("SELECT pg_advisory_lock($1)").bind(LOCK_KEY);
    lock.execute(&mut session)
        .await
        .map_err(sql("wait for another migrator of this database"))?;
    sqlx::raw_sql("SET lock_timeout = 0")
        .execute(&mut session)
        .await
        .map_err(sql("prepare to migrate"))?;
    let recorded = recorded(&mut session).await?;
    assert_known(&recorded, files, owner)?;
    let mut report = MigrationReport::default();
    for file in files {
        if recorded.contains_key(&file.version) {
            report.already += 1;
            continue;
        }
        let there = exists(&mut session, file.marker).await?;
        if there {
            report.adopted.push(file.name);
        } else {
            apply(&mut session, file).await?;
            report.applied.push(file.name);
        }
        record(
            &mut session,
            file,
            if there { "adopted" } else { "applied" },
        )
        .await?;
    }
    session
        .close()
        .await
        .map_err(sql("end the migrator's session"))?;
    Ok(report)
}

async fn assert_version(session: &mut PgConnection) -> Result<(), DatabaseError> {
    let asked = sqlx::query_scalar("SELECT current_setting('server_version_num')::int / 10000")
        .fetch_one(session);
    let major: i32 = asked
        .await
        .map_err(DatabaseError::sql("ask for the server's version"))?;
    let oldest = super::embedded::binaries::OLDEST_MAJOR;
    if u32::try_from(major).is_ok_and(|major| major >= oldest) {
        return Ok(());
    }
    Err(DatabaseError::OldServer { major, oldest })
}

struct Recorded {
    name: String,
    sha256: String,
    how_on: String,
}

async fn recorded(session: &mut PgConnection) -> Result<BTreeMap<i32, Recorded>, DatabaseError> {
    let sql = || DatabaseError::sql("read which migrations were applied");
    if !exists(session, ("app", "schema_migrations")).await? {
        return Ok(BTreeMap::new());
    }
    let mut tx = session.begin().await.map_err(sql())?;
    sqlx::raw_sql("SET LOCAL ROLE fr_owner_app")
        .execute(&mut *tx)
        .await
        .map_err(sql())?;
    let rows: Vec<(i32, String, String, String)> = sqlx::query_as(
        "SELECT version, name, sha256, how || ' on ' || to_char(applied_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')
           FROM app.schema_migrations",
    )
    .fetch_all(&mut *tx)
    .await
    .map_err(sql())?;
    tx.commit().await.map_err(sql())?;
    Ok(rows
        .into_iter()
        .map(|(version, name, sha256, how_on)| {
            (
                version,
                Recorded {
                    name,
                    sha256,
                    how_on,
                },
            )
        })
        .collect())
}

/// Refuses what was applied in another wording, and what this program has never heard of.
fn assert_known(
    recorded: &BTreeMap<i32, Recorded>,
    files: &[Migration],
    owner: Owner,
) -> Result<(), DatabaseError> {
    for (version, row) in recorded {
        let Some(file) = files.iter().find(|file| file.version == *version) else {
            return Err(DatabaseError::NewerDatabase {
                version: *version,
                file: row.name.clone(),
            });
        };
        if file.sha256() != row.sha256 {
            let way_out = match owner {
                Owner::Embedded => {
                    "recreate it, losing its data, with `flatrender-controller dev --reset`"
                }
                Owner::Elsewhere => {
                    "use the flatrender version that applied it, or put that file back"
                }
            };
            let (file, how_on) = (file.name.to_owned(), row.how_on.clone());
            return Err(DatabaseError::ChangedFile {
                file,
                how_on,
                way_out,
            });
        }
    }
    Ok(())
}

async fn exists(
    session: &mut PgConnection,
    (schema, table): (&str, &str),
) -> Result<bool, DatabaseError> {
    let asked = sqlx::query_scalar(EXISTS)
        .bind(schema)
        .bind(table)
        .fetch_one(session);
    asked
        .await
        .map_err(DatabaseError::sql("look which tables there are"))
}

/// Sends the whole file as one simple query, as psql's `-f` would in effect.
async fn apply(session: &mut PgConnection, file: &Migration) -> Result<(), DatabaseError> {
    tracing::info!(migration = file.name, "applying");
    let applied = sqlx::raw_sql(file.sql).execute(session).await;
    applied.map(drop).map_err(|source| {
        let line =
            line_of(file.sql, &source).map_or(String::new(), |line| format!(" (line {line})"));
        DatabaseError::Sql {
            doing: format!("apply migrations/{}.sql{line}", file.name),
            source,
        }
    })
}

fn line_of(text: &str, error: &sqlx::Error) -> Option<usize> {
    use sqlx::postgres::PgErrorPosition::Original;
    let Original(position) = error
        .as_database_error()?
        .try_downcast_ref::<PgDatabaseError>()?
        .position()?
    else {
        return None;
    };
    Some(
        text.chars()
            .take(position)
            .filter(|letter| *letter == '\n')
            .count()
            + 1,
    )
}

async fn record(
    session: &mut PgConnection,
    file: &Migration,
    how: &'static str,
) -> Result<(), DatabaseError> {
    let sql = || DatabaseError::sql(format!("record that {} is {how}", file.name));
    sqlx::raw_sql(MAKE_REGISTER)
        .execute(&mut *session)
        .await
        .map_err(sql())?;
    let mut tx = session.begin().await.map_err(sql())?;
    sqlx::raw_sql("SET LOCAL ROLE fr_owner_app")
        .execute(&mut *tx)
        .await
        .map_err(sql())?;
    let row = sqlx::query(
        "INSERT INTO app.schema_migrations (version, name, sha256, how) VALUES ($1, $2, $3, $4)",
    );
    let row = row
        .bind(file.version)
        .bind(file.name)
        .bind(file.sha256())
        .bind(how);
    row.execute(&mut *tx).await.map_err(sql())?;
    tx.commit().await.map_err(sql())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_are_in_order_and_each_is_one_transaction() {
        for (position, file) in FILES.iter().enumerate() {
            assert_eq!(usize::try_from(file.version), Ok(position), "{}", file.name);
            assert!(
                file.name.starts_with(&format!("{position:02}_")),
                "{}",
                file.name
            );
            let lines = || file.sql.lines().map(str::trim);
            assert_eq!(
                lines().filter(|line| *line == "BEGIN;").count(),
                1,
                "{}",
                file.name
            );
            assert_eq!(
                lines().filter(|line| *line == "COMMIT;").count(),
                1,
                "{}",
                file.name
            );
            assert!(
                !lines().any(|line| line.starts_with('\\')),
                "{} has a psql command",
                file.name
            );
        }
    }

    #[test]
    fn every_file_in_the_folder_is_in_the_list() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../migrations");
        let mut there: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter_map(|name| name.strip_suffix(".sql").map(str::to_owned))
            .collect();
        there.sort();
        let listed: Vec<&str> = FILES.iter().map(|file| file.name).collect();
        assert_eq!(there, listed);
    }
}
