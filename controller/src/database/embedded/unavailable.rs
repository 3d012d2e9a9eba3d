//! Systems without unix sockets in the database client have no embedded server; every way in says so and names the way
//! out.

use std::path::Path;

use sqlx::postgres::PgConnectOptions;

use super::Durability;
use crate::database::error::DatabaseError;

/// A server that can't exist here.
#[derive(Debug)]
pub enum Embedded {}

impl Embedded {
    /// Always refuses here.
    ///
    /// # Errors
    /// [`DatabaseError::NoEmbeddedHere`].
    pub async fn start(_base_dir: &Path, _durability: Durability) -> Result<Self, DatabaseError> {
        Err(DatabaseError::NoEmbeddedHere)
    }

    /// Can't be called: there is no server.
    #[must_use]
    pub fn options(&self, _user: &str, _database: &str) -> PgConnectOptions {
        match *self {}
    }

    /// Can't be called: there is no server.
    #[must_use]
    pub fn pid(&self) -> Option<i32> {
        match *self {}
    }

    /// Can't be called: there is no server.
    pub async fn failed(&self) -> DatabaseError {
        match *self {}
    }

    /// Can't be called: there is no server.
    pub async fn stop(self) {
        match self {}
    }
}

/// Always refuses here.
///
/// # Errors
/// [`DatabaseError::NoEmbeddedHere`].
pub async fn reset(_base_dir: &Path) -> Result<(), DatabaseError> {
    Err(DatabaseError::NoEmbeddedHere)
}
