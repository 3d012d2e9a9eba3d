//! A private PostgreSQL server of the controller's own: found on the machine, made on the first start, run as a child,
//! reachable only through a unix socket in a folder that nobody else may open.
//!
//! It must not touch what is inside the database (`migrations` does) nor download anything. Why a child and not a daemon:
//! the controller then sees its end and what it said, leaves nothing behind when it is killed, and needs no port.

#[cfg(unix)]
mod account;
pub mod binaries;
#[cfg(unix)]
mod keeper;
#[cfg(unix)]
mod layout;
#[cfg(unix)]
mod process;
#[cfg(unix)]
mod server;
#[cfg(not(unix))]
#[path = "unavailable.rs"]
mod server;

pub use server::{Embedded, reset};

/// The bootstrap superuser of an embedded cluster. Services never connect as it.
pub(super) const SUPERUSER: &str = "flatrender";
/// The database inside an embedded cluster.
pub(super) const DATABASE: &str = "flatrender";

/// What a cluster survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// What was committed outlives a power cut.
    Full,
    /// The death of processes but not of the machine, since nothing is ever synced: for tests only, no option of any program leads here.
    ForTestsOnly,
}

impl Durability {
    /// The server's settings, given on its command line so that they hold whatever its files say.
    #[cfg(unix)]
    fn settings(self) -> &'static [&'static str] {
        match self {
            Self::Full => &[
                "listen_addresses=",
                "unix_socket_permissions=0700",
                "logging_collector=off",
                "log_destination=stderr",
                "log_checkpoints=off",
                "jit=off",
                "timezone=UTC",
                "log_timezone=UTC",
                "max_connections=200",
                "fsync=on",
                "full_page_writes=on",
                "synchronous_commit=on",
                // After a crash everything is synced before recovery: at once, as for a new cluster, where the system can.
                #[cfg(target_os = "linux")]
                "recovery_init_sync_method=syncfs",
            ],
            Self::ForTestsOnly => &[
                "listen_addresses=",
                "unix_socket_permissions=0700",
                "logging_collector=off",
                "log_destination=stderr",
                "log_checkpoints=off",
                "jit=off",
                "timezone=UTC",
                "log_timezone=UTC",
                "max_connections=400",
                "fsync=off",
                "full_page_writes=off",
                "autovacuum=off",
            ],
        }
    }
}
