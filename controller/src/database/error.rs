//! The errors of the database room: what went wrong, with which file, role or folder, and the way out.
//!
//! It must not print causes (the one printer of the program walks the chain), and never carries a password.

use std::path::PathBuf;

/// Why the database can't be opened, migrated or used.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// No PostgreSQL server programs of version 15 or newer on this machine.
    #[error(
        "find a PostgreSQL server, version 15 or newer (looked in {looked}); install it \
         (Debian, Ubuntu: `apt install postgresql`; Fedora: `dnf install postgresql-server`; \
         macOS: `brew install postgresql@17`; Windows: run a PostgreSQL server and give its address), \
         or set FLATRENDER_PG_BIN to the folder with `initdb` and `postgres`, \
         or use a running server with --database-url"
    )]
    NoServerPrograms {
        /// The places that were looked at, for the message.
        looked: String,
    },
    /// The data folder was made by another major version than those that are installed.
    #[error(
        "open the database in {}: it was made by PostgreSQL {data}, but this machine has {found}; \
         install PostgreSQL {data} beside it, or move the data: with PostgreSQL {data} `pg_dumpall` it, \
         move the folder away, start anew and load the dump with psql",
        data_dir.display()
    )]
    OtherMajor {
        /// The folder with the data.
        data_dir: PathBuf,
        /// The major version that made the data.
        data: u32,
        /// The versions found, for the message.
        found: String,
    },
    /// This system has no embedded server.
    #[error(
        "run an embedded PostgreSQL: it is not available on this system; \
         start a PostgreSQL 15 or newer yourself and give its address with --database-url"
    )]
    NoEmbeddedHere,
    /// Another process uses the base folder.
    #[error(
        "lock {}: the database there is in use by process {holder}; stop that controller first, \
         or choose another data folder",
        base_dir.display()
    )]
    InUse {
        /// The base folder of the cluster.
        base_dir: PathBuf,
        /// Who holds it, as far as known.
        holder: String,
    },
    /// There is no account that the server could run as, since it refuses to run as root.
    #[error(
        "choose an account for PostgreSQL, which refuses to run as root: neither `postgres` nor `nobody` exists; \
         create one (`useradd --system postgres`), run the controller as another user, or use --database-url"
    )]
    NoAccount,
    /// The account that the server would run as can't get to its folder.
    #[error(
        "use {} for the database: the account `{account}`, which PostgreSQL runs as, can't pass through {}; \
         choose another data folder (such as /var/lib/flatrender)",
        base_dir.display(), closed.display()
    )]
    FolderClosed {
        /// The base folder of the cluster.
        base_dir: PathBuf,
        /// The folder on the way that is closed.
        closed: PathBuf,
        /// The account.
        account: String,
    },
    /// A folder belongs to somebody else.
    #[error(
        "use {}: it belongs to user id {owner}, expected {expected}; \
         give it to the right user or choose another data folder",
        path.display()
    )]
    WrongOwner {
        /// The folder.
        path: PathBuf,
        /// Who owns it.
        owner: u32,
        /// Who should.
        expected: u32,
    },
    /// `initdb` failed.
    #[error("make a new database cluster in {}: {said}", data_dir.display())]
    Initdb {
        /// The folder that was to hold the data.
        data_dir: PathBuf,
        /// What the program said last.
        said: String,
    },
    /// The embedded server did not come up, or ended for good.
    #[error("run the embedded PostgreSQL: {said} (its log: {})", log.display())]
    Server {
        /// What it said last.
        said: String,
        /// Where its log is.
        log: PathBuf,
    },
    /// A file or folder could not be used.
    #[error("{doing} {}", path.display())]
    Io {
        /// What was tried, as a verb: "create", "read" …
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The address of a database can't be read. The address itself stays out of the message: it may hold a password.
    #[error(
        "read the address of the database for {key}; expected postgres://USER[:PASSWORD]@HOST[:PORT]/NAME"
    )]
    BadUrl {
        /// The setting or option that holds it.
        key: String,
        /// The cause.
        #[source]
        source: sqlx::Error,
    },
    /// A service role has no address in the configuration.
    #[error(
        "connect as {role}: the configuration has no address for this role; add `{role} = \"postgres://{role}:…\"` to \
         `[database.role_urls]` (each service connects as its own role; --database-url is the migrator's alone)"
    )]
    NoRoleUrl {
        /// The role.
        role: &'static str,
    },
    /// The configuration has an address for a role that does not exist.
    #[error(
        "read `[database.role_urls]`: `{name}` is no service role; those are fr_SERVICE, fr_SERVICE_worker and fr_maint"
    )]
    UnknownRole {
        /// What was written.
        name: String,
    },
    /// The server is too old for the migrations.
    #[error(
        "migrate: the server is PostgreSQL {major}, at least {oldest} is needed; use a newer server"
    )]
    OldServer {
        /// Its major version.
        major: i32,
        /// The oldest that will do.
        oldest: u32,
    },
    /// A pool would connect as a role that no service may use.
    #[error(
        "connect as {role}: the session is user `{user}`, who {reason}; services must use their own roles, which own \
         nothing and can't pass the row-level rules; put the address of `{role}` into `[database.role_urls]`"
    )]
    UnfitRole {
        /// The role that was asked for.
        role: &'static str,
        /// Who the session is.
        user: String,
        /// What is wrong with that user.
        reason: &'static str,
    },
    /// A statement failed.
    #[error("{doing}")]
    Sql {
        /// What was tried, as a verb with its object.
        doing: String,
        /// The cause.
        #[source]
        source: sqlx::Error,
    },
    /// A migration file has been changed after it was applied to this database.
    #[error(
        "migrate: migrations/{file}.sql was changed after it was applied to this database ({how_on}); {way_out}"
    )]
    ChangedFile {
        /// The file without folder and ending.
        file: String,
        /// When and how it was applied.
        how_on: String,
        /// What to do about it.
        way_out: &'static str,
    },
    /// The database has migrations that this program doesn't know.
    #[error(
        "migrate: the database has migration {version} `{file}`, which this program does not know; \
         it was made by a newer flatrender: use that version or a newer one"
    )]
    NewerDatabase {
        /// Number of the unknown migration.
        version: i32,
        /// Its name.
        file: String,
    },
    /// A file of role passwords can't be used.
    #[error("set role passwords from {}: {why}", file.display())]
    Passwords {
        /// The file.
        file: PathBuf,
        /// What is wrong with it; never holds a password.
        why: String,
    },
}

impl DatabaseError {
    /// Turns an I/O error into one that says what was tried with which file.
    pub(crate) fn io(
        doing: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io {
            doing,
            path,
            source,
        }
    }

    /// Turns an SQL error into one that says what was tried.
    pub(crate) fn sql(doing: impl Into<String>) -> impl FnOnce(sqlx::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Sql { doing, source }
    }
}
