//! The room that owns the way to PostgreSQL: an embedded server or somebody's, the migrations, one pool a role, and the
//! partitions of the months ahead.
//!
//! It must not know what the tables mean (`store` does), and gives no pool to a superuser or owner but the migrator.

pub mod embedded;
mod error;
mod listen;
pub mod migrations;
pub mod partitions;
mod passwords;
mod role;
mod unapplied;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, PgConnection, PgPool};

use self::embedded::{Durability, Embedded};
use self::migrations::Owner;

pub use self::error::DatabaseError;
pub use self::listen::Hints;
pub use self::migrations::MigrationReport;
pub use self::role::Role;

/// How long a caller waits for a free connection of a pool.
const ACQUIRE_WITHIN: Duration = Duration::from_secs(10);

/// Connections of one role.
pub type Pool = PgPool;

/// Where the database is.
#[derive(Debug, Clone)]
pub enum Source {
    /// A private server, its files under `base_dir`.
    Embedded {
        /// The folder; made when it is missing.
        base_dir: PathBuf,
    },
    /// A server that is there already: the migrator's address of it.
    Url(String),
}

/// The database of this process, and the server if it is embedded.
#[derive(Debug)]
pub struct Database {
    server: Server,
    roles: BTreeMap<&'static str, PgConnectOptions>,
}

#[derive(Debug)]
enum Server {
    Embedded(Embedded),
    Elsewhere(Box<PgConnectOptions>),
}

impl Database {
    /// Starts the embedded server, or reads the addresses of another. `role_urls` has an address for each service role by
    /// its name; an embedded server needs none and takes no notice of them.
    ///
    /// # Errors
    /// An embedded server that can't be had or does not come up; an address that can't be read, a role that is unknown.
    pub async fn open(
        source: &Source,
        role_urls: &BTreeMap<String, String>,
    ) -> Result<Self, DatabaseError> {
        match source {
            Source::Embedded { base_dir } => {
                let server = Embedded::start(base_dir, Durability::Full).await?;
                Ok(Self {
                    server: Server::Embedded(server),
                    roles: BTreeMap::new(),
                })
            }
            Source::Url(url) => {
                let server = Server::Elsewhere(Box::new(parse_url(url, "--database-url")?));
                let mut roles = BTreeMap::new();
                for (name, url) in role_urls {
                    let known = Role::SERVICES.iter().find(|role| role.name() == name);
                    let role =
                        known.ok_or_else(|| DatabaseError::UnknownRole { name: name.clone() })?;
                    roles.insert(role.name(), parse_url(url, name)?);
                }
                Ok(Self { server, roles })
            }
        }
    }

    /// Whether the server is a child of this process.
    #[must_use]
    pub fn is_embedded(&self) -> bool {
        matches!(self.server, Server::Embedded(_))
    }

    /// Applies what is missing of this program's migrations, and adopts a database that psql set up with them.
    ///
    /// # Errors
    /// See [`DatabaseError`]: a changed file, a newer database, a failing statement.
    pub async fn migrate(&self) -> Result<MigrationReport, DatabaseError> {
        let owner = if self.is_embedded() {
            Owner::Embedded
        } else {
            Owner::Elsewhere
        };
        migrations::migrate(&self.options(Role::Migrator)?, owner, migrations::FILES).await
    }

    /// How `role` connects.
    ///
    /// # Errors
    /// [`DatabaseError::NoRoleUrl`] when the configuration has no address for it.
    pub fn options(&self, role: Role) -> Result<PgConnectOptions, DatabaseError> {
        let options = match (&self.server, role) {
            (Server::Embedded(server), Role::Migrator) => {
                server.options(embedded::SUPERUSER, embedded::DATABASE)
            }
            (Server::Embedded(server), role) => server.options(role.name(), embedded::DATABASE),
            (Server::Elsewhere(migrator), Role::Migrator) => (**migrator).clone(),
            (Server::Elsewhere(_), role) => self
                .roles
                .get(role.name())
                .cloned()
                .ok_or(DatabaseError::NoRoleUrl { role: role.name() })?,
        };
        let name = format!("flatrender {}", role.name());
        Ok(options.application_name(&name))
    }

    /// A pool of at most `max` connections as `role`. Every connection first proves that it is that role and neither a
    /// superuser nor an owner; the migrator's alone need not.
    ///
    /// # Errors
    /// [`DatabaseError::UnfitRole`], no address for the role, or a server that can't be reached.
    pub async fn pool(&self, role: Role, max: u32) -> Result<PgPool, DatabaseError> {
        let options = self.options(role)?;
        let connect = || DatabaseError::sql(format!("connect as {}", role.name()));
        let pool = PgPoolOptions::new()
            .max_connections(max)
            .acquire_timeout(ACQUIRE_WITHIN);
        if role == Role::Migrator {
            return pool.connect_with(options).await.map_err(connect());
        }
        // The first connection is made by hand: a pool would try an unfit one again until its time is up.
        let mut first = PgConnection::connect_with(&options)
            .await
            .map_err(connect())?;
        role::assert_fit(&mut first, role).await?;
        first.close().await.map_err(connect())?;
        let pool = pool.after_connect(move |session, _| {
            Box::pin(async move {
                let fit = role::assert_fit(session, role).await;
                fit.map_err(|error| sqlx::Error::Configuration(Box::new(error)))
            })
        });
        pool.connect_with(options).await.map_err(connect())
    }

    /// Makes the partitions of this month and of `ahead` further ones; returns the names of what was created.
    ///
    /// # Errors
    /// When the maintainer can't connect or is refused.
    pub async fn ensure_partitions(&self, ahead: i32) -> Result<Vec<String>, DatabaseError> {
        let pool = self.pool(Role::Maint, 1).await?;
        let created = partitions::ensure(&pool, ahead).await;
        pool.close().await;
        created
    }

    /// Sets the passwords of service roles from a file (see `migrate --role-passwords`) and returns the roles.
    ///
    /// # Errors
    /// A file that others may read, an unknown role, a password too short, a migrator that may not set passwords.
    pub async fn set_role_passwords(&self, file: &Path) -> Result<Vec<String>, DatabaseError> {
        passwords::set(self.options(Role::Migrator)?, file).await
    }

    /// Waits until an embedded server is gone for good, and says why; never ends for another server. Crashes from which
    /// the server comes back are not reported here.
    pub async fn failed(&self) -> DatabaseError {
        match &self.server {
            Server::Embedded(server) => server.failed().await,
            Server::Elsewhere(_) => std::future::pending().await,
        }
    }

    /// Stops an embedded server and waits for its end. Close the pools first.
    pub async fn stop(self) {
        if let Server::Embedded(server) = self.server {
            server.stop().await;
        }
    }
}

/// Removes the embedded cluster under `base_dir` with all its data.
///
/// # Errors
/// [`DatabaseError::InUse`] while a controller uses it.
pub async fn reset_embedded(base_dir: &Path) -> Result<(), DatabaseError> {
    embedded::reset(base_dir).await
}

fn parse_url(url: &str, key: &str) -> Result<PgConnectOptions, DatabaseError> {
    PgConnectOptions::from_str(url).map_err(|source| DatabaseError::BadUrl {
        key: key.to_owned(),
        source,
    })
}
