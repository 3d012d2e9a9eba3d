//! Processes of this machine, as the farm needs them: a renderer and everything it started as one tree that can be
//! listed, asked to stop and killed, and a way to recognise a process again after a restart. The same names on every
//! system. It decides nothing: when to stop or kill is `work`'s business.

use std::ffi::OsString;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub use unix::{
    Reaped, alive, ask_to_stop, become_root, boot, cpu_ms, end_launcher, identify, kill, members,
    reap, spawn,
};
#[cfg(windows)]
mod windows;
#[cfg(windows)]
pub use windows::{
    Reaped, alive, ask_to_stop, become_root, boot, cpu_ms, end_launcher, identify, kill, members,
    reap, spawn,
};

/// What to start: an argument vector, never a command line, and nothing of it is read by a shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Where it runs.
    pub folder: PathBuf,
    /// The file that gets its output, both streams, appended.
    pub log: PathBuf,
}

/// A process that can't be mistaken for a later one with the same number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ident {
    /// Its number.
    pub pid: u32,
    /// When it started, in the system's own unit since the system came up.
    pub started: u64,
    /// Which run of the system that was.
    pub boot: String,
}

/// A renderer with everything that it started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tree {
    /// The process that called [`become_root`]: it owns the tree and is not part of it.
    pub root: Ident,
    /// The first process of the tree.
    pub launcher: Ident,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// Its exit code, when it ended by itself.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
}
