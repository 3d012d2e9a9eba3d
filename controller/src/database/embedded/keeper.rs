//! Keeps one server process up: a thread that starts it, waits for its end, and starts it again unless it was asked to
//! stop.
//!
//! The thread lives as long as the server is wanted, because Linux sends the parent-death signal when the *thread* that
//! spawned the child ends. Only this thread reaps the child, under the lock that signals are sent under, so a signal can
//! never hit a process that merely got the same id. It never deletes `postmaster.pid`.

#![expect(clippy::disallowed_methods, reason = "keeps a process, by deadlines")]

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use tokio::sync::watch;

use super::account::Account;
use super::binaries::Programs;
use super::layout::{Layout, Lock};
use super::{Durability, process};

/// How long a start is tried again while the remains of a former server are in the way.
const REMAINS_PATIENCE: Duration = Duration::from_secs(30);
/// A server that ran this long counts as one that had come up.
const PROVEN_AFTER: Duration = Duration::from_secs(20);
/// Failed starts in a row of a server that had been up before, until the thread gives up.
const FAILURES_MAX: u32 = 6;

/// What the server does, as far as the thread knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Phase {
    /// Being started, or started again.
    Starting,
    /// A process is there; whether it answers is for others to find out.
    Up,
    /// Ended as asked.
    Stopped,
    /// Given up, with what the server said last.
    Failed(String),
}

/// What the thread needs to start the server.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) programs: Programs,
    pub(super) account: Account,
    pub(super) layout: Layout,
    pub(super) durability: Durability,
    pub(super) log: File,
    /// Held as long as a server may be there.
    pub(super) lock: Lock,
}

#[derive(Debug, Default)]
struct Control {
    pid: Option<i32>,
    stopping: bool,
    proven: bool,
}

/// The handle to the thread.
#[derive(Debug, Clone)]
pub(super) struct Keeper {
    control: Arc<(Mutex<Control>, Condvar)>,
    phase: watch::Receiver<Phase>,
}

impl Keeper {
    /// Starts the thread, and with it the server.
    pub(super) fn start(plan: Plan) -> std::io::Result<Self> {
        let control = Arc::new((Mutex::new(Control::default()), Condvar::new()));
        let (sender, phase) = watch::channel(Phase::Starting);
        let keeper = Self { control, phase };
        let inner = keeper.clone();
        std::thread::Builder::new()
            .name("postgres".into())
            .spawn(move || inner.run(plan, &sender))?;
        Ok(keeper)
    }

    /// To follow what the server does.
    pub(super) fn phase(&self) -> watch::Receiver<Phase> {
        self.phase.clone()
    }

    /// The process id of the server, while there is one.
    pub(super) fn pid(&self) -> Option<i32> {
        self.control().pid
    }

    /// The server has answered: from now on its end is a crash to recover from, not a failed start.
    pub(super) fn proven(&self) {
        self.control().proven = true;
    }

    /// Ends the server with `signal` and keeps it down.
    pub(super) fn stop(&self, signal: Signal) {
        let mut control = self.control();
        control.stopping = true;
        if let Some(pid) = control.pid {
            process::send(pid, signal);
        }
        self.control.1.notify_all();
    }

    fn control(&self) -> std::sync::MutexGuard<'_, Control> {
        self.control
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn run(self, plan: Plan, phase: &watch::Sender<Phase>) {
        let mut attempts = Attempts::default();
        loop {
            phase.send_replace(Phase::Starting);
            let log_from = plan.log.metadata().map_or(0, |meta| meta.len());
            let began = Instant::now();
            let ended = match self.spawn(&plan) {
                Ok(Some(child)) => {
                    phase.send_replace(Phase::Up);
                    Ended {
                        said: self.wait(child),
                        output: tail(&plan.log, log_from),
                        lasted: began.elapsed(),
                    }
                }
                Ok(None) => break,
                Err(error) => Ended {
                    said: error.to_string(),
                    output: String::new(),
                    lasted: Duration::ZERO,
                },
            };
            if self.control().stopping {
                break;
            }
            let proven = std::mem::take(&mut self.control().proven);
            let Some(pause) = attempts.next(&ended, proven) else {
                drop(plan.lock);
                phase.send_replace(Phase::Failed(ended.text()));
                return;
            };
            let (said, pause_ms) = (ended.text(), pause.as_millis());
            tracing::warn!(
                said,
                pause_ms,
                "the embedded database server ended by itself and is started again"
            );
            self.pause(pause);
        }
        drop(plan.lock); // before anyone hears that the server is gone
        phase.send_replace(Phase::Stopped);
    }

    /// Starts the process, unless it is not wanted any more.
    fn spawn(&self, plan: &Plan) -> std::io::Result<Option<Child>> {
        let mut command = plan
            .account
            .command(&plan.programs.path("postgres"), &plan.layout.base);
        command
            .arg("-D")
            .arg(&plan.layout.data)
            .arg("-k")
            .arg(&plan.layout.socket_dir);
        for setting in plan.durability.settings() {
            command.args(["-c", setting]);
        }
        if let Some(pid) = plan
            .layout
            .recorded_pid()
            .filter(|pid| process::is_surely_no_server(*pid))
        {
            // A server that died without cleaning up and was not reaped yet, or whose id another program got, would keep
            // the new one from starting for as long as that id exists. With this variable, which pg_ctl sets for the like
            // reason, PostgreSQL does not take that id for a rival. It still makes sure that no process uses the old
            // shared memory, and it removes the stale file itself.
            command.env("PG_GRANDPARENT_PID", pid.to_string());
        }
        command
            .stdin(std::process::Stdio::null())
            .stdout(plan.log.try_clone()?)
            .stderr(plan.log.try_clone()?);
        process::own_group(&mut command);
        process::die_with_parent(&mut command, Signal::SIGINT);
        let mut control = self.control();
        if control.stopping {
            return Ok(None);
        }
        let child = command.spawn()?;
        control.pid = i32::try_from(child.id()).ok();
        Ok(Some(child))
    }

    fn wait(&self, mut child: Child) -> String {
        loop {
            process::wait_unreaped(&mut child);
            let mut control = self.control();
            match child.try_wait() {
                Ok(None) => {}
                Ok(Some(status)) => {
                    control.pid = None;
                    return describe(status);
                }
                Err(error) => {
                    control.pid = None;
                    return error.to_string();
                }
            }
        }
    }

    fn pause(&self, pause: Duration) {
        let guard = self.control();
        let waited = self
            .control
            .1
            .wait_timeout_while(guard, pause, |control| !control.stopping);
        drop(waited);
    }
}

struct Ended {
    said: String,
    output: String,
    lasted: Duration,
}

impl Ended {
    /// A former server's lock or shared memory is still there; both go away by themselves.
    fn is_in_the_way_of_remains(&self) -> bool {
        let lock_file = self.output.contains("lock file") && self.output.contains("already exists");
        lock_file || self.output.contains("pre-existing shared memory block")
    }

    fn text(&self) -> String {
        let lines: Vec<&str> = self
            .output
            .lines()
            .filter(|line| !line.trim().is_empty())
            .collect();
        let last = lines[lines.len().saturating_sub(6)..].join(" | ");
        format!("{} ({last})", self.said)
    }
}

/// Decides whether and when to try again.
#[derive(Debug, Default)]
struct Attempts {
    failures: u32,
    ever_proven: bool,
    remains_since: Option<Instant>,
}

impl Attempts {
    fn next(&mut self, ended: &Ended, proven: bool) -> Option<Duration> {
        if proven || ended.lasted >= PROVEN_AFTER {
            *self = Self {
                ever_proven: self.ever_proven || proven,
                ..Self::default()
            };
        }
        self.failures += 1;
        if ended.is_in_the_way_of_remains() {
            let since = *self.remains_since.get_or_insert_with(Instant::now);
            return (since.elapsed() < REMAINS_PATIENCE).then_some(Duration::from_millis(50));
        }
        let may = self.ever_proven && self.failures <= FAILURES_MAX;
        may.then(|| Duration::from_millis(50) * 2_u32.pow(self.failures.min(7)))
    }
}

fn describe(status: ExitStatus) -> String {
    format!("it ended with {status}")
}

/// The last few kilobytes that the server wrote since `from`.
fn tail(log: &File, from: u64) -> String {
    const LIMIT: u64 = 4096;
    let Ok(meta) = log.metadata() else {
        return String::new();
    };
    let start = from.max(meta.len().saturating_sub(LIMIT));
    let mut bytes = vec![0; usize::try_from(meta.len().saturating_sub(start)).unwrap_or(0)];
    match log.read_at(&mut bytes, start) {
        Ok(read) => String::from_utf8_lossy(&bytes[..read]).into_owned(),
        Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(output: &str) -> Ended {
        Ended {
            said: "exit".into(),
            output: output.into(),
            lasted: Duration::from_millis(10),
        }
    }

    #[test]
    fn a_first_start_that_fails_is_not_tried_again() {
        let mut attempts = Attempts::default();
        assert_eq!(
            attempts.next(&ended("FATAL: could not create shared memory"), false),
            None
        );
    }

    #[test]
    fn remains_of_a_former_server_are_waited_for() {
        for text in [
            "FATAL:  lock file \"postmaster.pid\" already exists",
            "FATAL:  pre-existing shared memory block",
        ] {
            let mut attempts = Attempts::default();
            assert_eq!(
                attempts.next(&ended(text), false),
                Some(Duration::from_millis(50)),
                "{text}"
            );
            attempts.remains_since = Instant::now().checked_sub(REMAINS_PATIENCE);
            assert_eq!(attempts.next(&ended(text), false), None, "{text}");
        }
    }

    #[test]
    fn a_server_that_was_up_is_started_again_ever_more_slowly_until_it_is_given_up() {
        let mut attempts = Attempts::default();
        let mut pauses = vec![attempts.next(&ended("PANIC"), true)];
        while let Some(Some(_)) = pauses.last() {
            pauses.push(attempts.next(&ended("PANIC"), false));
        }
        assert_eq!(pauses.len(), FAILURES_MAX as usize + 1);
        assert!(
            pauses
                .windows(2)
                .all(|pair| pair[1].is_none() || pair[0] <= pair[1]),
            "{pauses:?}"
        );
    }
}
