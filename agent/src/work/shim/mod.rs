//! The shim: a small process of its own under which a renderer runs, so that the renderer, its log and its exit status
//! outlive the agent. This module holds what agent and shim agree on: the folder with its files, and the lines that they
//! say to each other. [`own`] is the process, [`Shim`] the agent's end of it.
//!
//! In the folder: `shim.json` (what to run), `shim.lock` (held for as long as the shim lives), `shim.born` (who is who),
//! `shim.exit` (how it ended, synced before the shim ends), `s` (its socket). A connection is a claim: a shim that nobody
//! claims for long enough stops its renderer by the launcher, kills what is left, and ends.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::process::{Ident, Tree};

mod client;
mod own;

pub use client::{Found, Shim, ShimError};
pub use own::own;

/// What a shim runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Where it runs.
    pub folder: PathBuf,
    /// The file that gets its output.
    pub log: PathBuf,
    /// How long nobody may be connected before it stops by itself.
    pub unclaimed: Duration,
    /// How long it then waits between stopping by the launcher and killing.
    pub grace: Duration,
}

/// Who is who; written when the renderer has been started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Born {
    /// The shim and the launcher.
    pub tree: Tree,
    /// When the launcher was started, in milliseconds since 1970, for people.
    pub at_unix_ms: u64,
}

/// How a shim ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// How the launcher ended; `None` when it never started.
    pub launcher: Option<crate::process::End>,
    /// Whether processes had to be killed.
    pub forced: bool,
    /// Processes that could not be killed.
    pub left: Vec<Ident>,
    /// Whether it stopped because nobody claimed it.
    pub unclaimed: bool,
    /// Why the renderer could not be started.
    pub error: Option<String>,
}

/// What the agent says, one JSON value a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Request {
    /// End the launcher, and only the launcher.
    Stop,
    /// Kill the tree.
    Kill,
}

/// What the shim says, one JSON value a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// The launcher ended; others of the tree may be there yet.
    LauncherEnded(crate::process::End),
    /// Nothing of the tree is left; the shim ends now.
    Ended(Exit),
}

/// The files of a shim's folder.
#[derive(Debug, Clone)]
struct Files {
    folder: PathBuf,
}

impl Files {
    fn of(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }
    fn order(&self) -> PathBuf {
        self.folder.join("shim.json")
    }
    fn lock(&self) -> PathBuf {
        self.folder.join("shim.lock")
    }
    fn born(&self) -> PathBuf {
        self.folder.join("shim.born")
    }
    fn exit(&self) -> PathBuf {
        self.folder.join("shim.exit")
    }
    fn errors(&self) -> PathBuf {
        self.folder.join("shim.log")
    }
    fn socket(&self) -> PathBuf {
        self.folder.join("s")
    }
}

/// Most bytes of a socket's path on every Unix (Linux has 108, macOS 104, both with a final zero).
const MAX_SOCKET_PATH_BYTES: usize = 103;

/// A path for the socket in `folder` that is short enough, with the guard that keeps it usable.
///
/// A long one is reached through an open handle of the folder, which Linux shows below `/proc/self/fd`.
fn short_path(folder: &Path, name: &str) -> io::Result<(PathBuf, Option<std::fs::File>)> {
    let path = folder.join(name);
    if path.as_os_str().len() <= MAX_SOCKET_PATH_BYTES {
        return Ok((path, None));
    }
    #[cfg(target_os = "linux")]
    {
        use std::os::fd::AsRawFd;
        let handle = std::fs::File::open(folder)?;
        let short = PathBuf::from(format!("/proc/self/fd/{}", handle.as_raw_fd())).join(name);
        Ok((short, Some(handle)))
    }
    #[cfg(not(target_os = "linux"))]
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        format!(
            "the socket's path {} has {} bytes, {MAX_SOCKET_PATH_BYTES} are possible; choose a shorter data folder",
            path.display(),
            path.as_os_str().len()
        ),
    ))
}
