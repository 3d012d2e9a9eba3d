//! Process trees on Windows, as far as std goes: a launcher is started and waited for. Listing and killing a whole tree
//! needs a job object, which comes with the Windows service; until then these calls say so instead of guessing, and the
//! agent refuses to start renderers there.

use std::io;
use std::time::Duration;

use super::{End, Ident, Spec, Tree};

/// What [`reap`] saw.
#[derive(Debug, Default)]
pub struct Reaped {
    /// Children that ended since the last call.
    pub ended: Vec<(u32, End)>,
    /// No child is left, dead or alive.
    pub childless: bool,
}

fn unsupported() -> io::Error {
    io::Error::new(
        io::ErrorKind::Unsupported,
        "this version cannot run renderers on Windows yet: it has no job objects to own their processes with",
    )
}

/// Makes this process the root of the tree that it is going to spawn.
///
/// # Errors
/// Always: not supported yet.
pub fn become_root() -> io::Result<()> {
    Err(unsupported())
}

/// Starts the launcher.
///
/// # Errors
/// Always: not supported yet.
pub fn spawn(_spec: &Spec) -> io::Result<Tree> {
    Err(unsupported())
}

/// Asks the launcher to end; there is none, see [`spawn`].
pub fn ask_to_stop(_tree: &Tree) {}

/// Ends the launcher; there is none, see [`spawn`].
pub fn end_launcher(_tree: &Tree) {}

/// Kills the tree; there is none, see [`spawn`].
pub fn kill(_tree: &Tree, _limit: Duration) -> Vec<Ident> {
    Vec::new()
}

/// Collects the children that have ended; there are none, see [`spawn`].
pub fn reap() -> Reaped {
    Reaped {
        ended: Vec::new(),
        childless: true,
    }
}

/// Whether that very process is there; none can have been started, see [`spawn`].
pub fn alive(_ident: &Ident) -> bool {
    false
}

/// Everything in the tree; nothing, see [`spawn`].
pub fn members(_tree: &Tree) -> Vec<Ident> {
    Vec::new()
}

/// Which run of the system this is.
pub fn boot() -> String {
    sysinfo::System::boot_time().unwrap_or_default().to_string()
}

/// Names the process that has this number now.
pub fn identify(pid: u32) -> Option<Ident> {
    let mut system = sysinfo::System::new().ok()?;
    let which = [sysinfo::Pid::from_u32(pid)];
    system.refresh_processes_specifics(
        sysinfo::ProcessesToUpdate::Some(&which),
        true,
        sysinfo::ProcessRefreshKind::nothing(),
    );
    system.process(which[0]).map(|process| Ident {
        pid,
        started: process.start_time(),
        boot: boot(),
    })
}

/// Processor time that these processes have used so far, in milliseconds.
pub fn cpu_ms(_processes: &[Ident]) -> u64 {
    0
}
