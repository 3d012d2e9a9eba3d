//! Process trees on Unix. The root makes itself leader of a session and, on Linux, reaper of all its descendants: so a
//! process of the tree is found by its parents or by its session, whatever else it does to get away.

#![expect(
    clippy::disallowed_methods,
    reason = "the room that starts processes and waits for their end"
)]

use std::collections::{HashMap, HashSet};
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill as send};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::{End, Ident, Spec, Tree};

/// What [`reap`] saw.
#[derive(Debug, Default)]
pub struct Reaped {
    /// Children that ended since the last call.
    pub ended: Vec<(u32, End)>,
    /// No child is left, dead or alive. On Linux that means that the whole tree is gone.
    pub childless: bool,
}

/// Makes this process the root of the tree that it is going to spawn.
///
/// # Errors
/// What the system says.
pub fn become_root() -> io::Result<()> {
    match nix::unistd::setsid() {
        // EPERM: already the leader of a group; its session serves as well.
        Ok(_) | Err(Errno::EPERM) => {}
        Err(error) => return Err(error.into()),
    }
    #[cfg(target_os = "linux")]
    nix::sys::prctl::set_child_subreaper(true)?;
    Ok(())
}

/// Starts the launcher in a process group of its own. The caller must be the root and must [`reap`].
///
/// # Errors
/// What the system says.
pub fn spawn(spec: &Spec) -> io::Result<Tree> {
    let log = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(&spec.log)?;
    let child = Command::new(&spec.program)
        .args(&spec.args)
        .current_dir(&spec.folder)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .process_group(0)
        .spawn()?;
    Ok(Tree {
        root: identify(std::process::id())
            .ok_or_else(|| io::Error::other("cannot read this process's own start time"))?,
        // Even if it has ended already, it can't be gone altogether before `reap` has seen it.
        launcher: system::one(child.id())
            .map(|one| one.ident())
            .ok_or_else(|| io::Error::other("cannot read the launcher's start time"))?,
    })
}

/// Asks the launcher, and nothing else, to end.
pub fn ask_to_stop(tree: &Tree) {
    signal(&tree.launcher, Signal::SIGTERM);
}

/// Ends the launcher, and nothing else, for sure.
pub fn end_launcher(tree: &Tree) {
    signal(&tree.launcher, Signal::SIGKILL);
}

/// Kills everything in the tree and waits up to `limit` until nothing is left; returns what is left.
pub fn kill(tree: &Tree, limit: Duration) -> Vec<Ident> {
    let deadline = Instant::now() + limit;
    loop {
        // Killed in rounds: a process may fork between being listed and being killed.
        let left = members(tree);
        if left.is_empty() || Instant::now() >= deadline {
            return left;
        }
        for member in &left {
            signal(member, Signal::SIGKILL);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Collects the children that have ended.
pub fn reap() -> Reaped {
    let mut reaped = Reaped::default();
    loop {
        match waitpid(Pid::from_raw(-1), Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, code)) => reaped.ended.push((
                pid.as_raw().unsigned_abs(),
                End {
                    code: Some(code),
                    signal: None,
                },
            )),
            Ok(WaitStatus::Signaled(pid, signal, _)) => reaped.ended.push((
                pid.as_raw().unsigned_abs(),
                End {
                    code: None,
                    signal: Some(signal as i32),
                },
            )),
            Ok(WaitStatus::StillAlive) => return reaped,
            Ok(_) | Err(Errno::EINTR) => {}
            Err(_) => {
                reaped.childless = true;
                return reaped;
            }
        }
    }
}

/// Whether that very process is there and has not ended.
pub fn alive(ident: &Ident) -> bool {
    identify(ident.pid).as_ref() == Some(ident)
}

/// Everything in the tree that has not ended, the root left out.
pub fn members(tree: &Tree) -> Vec<Ident> {
    let all = processes();
    let parents: HashMap<u32, u32> = all.iter().map(|one| (one.pid, one.parent)).collect();
    let root_alive = alive(&tree.root);
    let below = |mut pid: u32| {
        let mut seen = HashSet::new();
        while let Some(&parent) = parents.get(&pid) {
            if parent == tree.root.pid {
                return root_alive;
            }
            if !seen.insert(pid) {
                return false;
            }
            pid = parent;
        }
        false
    };
    let boot = boot();
    all.iter()
        .filter(|one| !one.ended && one.pid != tree.root.pid)
        .filter(|one| {
            let same_session = one.session == tree.root.pid
                && boot == tree.root.boot
                && one.started >= tree.root.started;
            same_session || below(one.pid)
        })
        .map(|one| Ident {
            pid: one.pid,
            started: one.started,
            boot: boot.clone(),
        })
        .collect()
}

fn signal(to: &Ident, signal: Signal) {
    let Ok(pid) = i32::try_from(to.pid) else {
        return;
    };
    if alive(to) {
        // ESRCH: it has just ended by itself, which is what was wanted.
        let _ = send(Pid::from_raw(pid), signal);
    }
}

struct Process {
    pid: u32,
    parent: u32,
    session: u32,
    started: u64,
    ended: bool,
    cpu_ms: u64,
}

impl Process {
    fn ident(&self) -> Ident {
        Ident {
            pid: self.pid,
            started: self.started,
            boot: boot(),
        }
    }
}

#[cfg(target_os = "linux")]
mod system {
    use super::Process;

    /// Linux reports processor time in hundredths of a second to programs, whatever the kernel's own tick is.
    const MS_PER_TICK: u64 = 10;

    pub(super) fn boot() -> String {
        std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
            .map(|text| text.trim().to_owned())
            .unwrap_or_default()
    }

    pub(super) fn one(pid: u32) -> Option<Process> {
        // Read as bytes: a program's name may be anything.
        let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
        let after_name = stat.iter().rposition(|byte| *byte == b')')? + 2;
        let rest = std::str::from_utf8(stat.get(after_name..)?).ok()?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        let number = |index: usize| fields.get(index).and_then(|text| text.parse::<u64>().ok());
        Some(Process {
            pid,
            parent: u32::try_from(number(1)?).ok()?,
            session: u32::try_from(number(3)?).ok()?,
            started: number(19)?,
            ended: matches!(*fields.first()?, "Z" | "X"),
            cpu_ms: (number(11)? + number(12)?) * MS_PER_TICK,
        })
    }

    pub(super) fn all() -> Vec<Process> {
        let Ok(entries) = std::fs::read_dir("/proc") else {
            return Vec::new();
        };
        entries
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter_map(one)
            .collect()
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use super::Process;
    use sysinfo::{Pid, ProcessRefreshKind, ProcessStatus, ProcessesToUpdate, System};

    pub(super) fn boot() -> String {
        System::boot_time().unwrap_or_default().to_string()
    }

    fn read(which: ProcessesToUpdate<'_>) -> Vec<Process> {
        let Ok(mut system) = System::new() else {
            return Vec::new();
        };
        system.refresh_processes_specifics(which, true, ProcessRefreshKind::nothing().with_cpu());
        system
            .processes()
            .iter()
            .map(|(pid, process)| Process {
                pid: pid.as_u32(),
                parent: process.parent().map_or(0, Pid::as_u32),
                session: process.session_id().map_or(0, Pid::as_u32),
                started: process.start_time(),
                ended: matches!(
                    process.status(),
                    ProcessStatus::Zombie | ProcessStatus::Dead
                ),
                cpu_ms: process.accumulated_cpu_time(),
            })
            .collect()
    }

    pub(super) fn one(pid: u32) -> Option<Process> {
        read(ProcessesToUpdate::Some(&[Pid::from_u32(pid)])).pop()
    }

    pub(super) fn all() -> Vec<Process> {
        read(ProcessesToUpdate::All)
    }
}

fn processes() -> Vec<Process> {
    system::all()
}

/// Which run of the system this is.
pub fn boot() -> String {
    system::boot()
}

/// Names the process that has this number now; `None` when there is none that still runs.
pub fn identify(pid: u32) -> Option<Ident> {
    let one = system::one(pid)?;
    (!one.ended).then(|| one.ident())
}

/// Processor time that these processes have used so far, in milliseconds.
pub fn cpu_ms(processes: &[Ident]) -> u64 {
    processes
        .iter()
        .filter_map(|ident| system::one(ident.pid).filter(|one| one.started == ident.started))
        .map(|one| one.cpu_ms)
        .sum()
}
