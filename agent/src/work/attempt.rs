//! One attempt from lease to report, whatever it is for: its turn for a slot, its work, its end, its report, and that it
//! is forgotten only when the controller has the report. What an attempt is told while it waits for anything is heard at
//! once: nothing here may hold up the supervisor.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::future::Future;
use std::sync::Arc;

use flatrender_protocol::Digest;
use flatrender_protocol::message::{Ending, LeaseKey, OutcomeClass, Report, Work};
use tokio::sync::{Mutex, Semaphore, mpsc};
use tracing::Instrument;

use super::journal::{Journal, JournalError, Step, now_unix_ms};
use super::spool::Spool;
use super::{Renderer, Uplink, assemble, durable, render, snapshot};
use crate::aerender::cut;
use crate::cache::Cache;
use crate::config::Config;

/// What every attempt of this agent uses.
pub(super) struct Room<U> {
    pub config: Config,
    pub renderer: Option<Renderer>,
    pub spool: Spool,
    pub cache: Cache,
    pub uplink: Arc<U>,
    /// Attempts that may run at once.
    pub slots: Arc<Semaphore>,
    /// Renderers start one after the other (`reference/aerender.md` 1.10).
    pub starts: Arc<Mutex<()>>,
    pub tells: mpsc::Sender<(LeaseKey, Tells)>,
    /// Processes of each attempt's renderer, as they were seen last.
    pub processes: std::sync::Mutex<BTreeMap<LeaseKey, Vec<u32>>>,
}

impl<U> Room<U> {
    /// Processes of all renderers.
    pub(super) fn processes(&self) -> Vec<u32> {
        self.seen().values().flatten().copied().collect()
    }

    /// Notes the processes of one; none when it has ended.
    pub(super) fn note_processes(&self, lease: LeaseKey, processes: Vec<u32>) {
        if processes.is_empty() {
            self.seen().remove(&lease);
        } else {
            self.seen().insert(lease, processes);
        }
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, BTreeMap<LeaseKey, Vec<u32>>> {
        self.processes
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// What an attempt is told.
#[derive(Debug, Clone)]
pub(super) enum Told {
    /// Render nothing at or beyond this ordinal.
    Shrink(u32),
    /// Stop and forget.
    Drop(String),
    /// Stop and give back what is not rendered; the agent ends.
    GiveBack,
    /// A frame is settled.
    Acknowledged(u32),
    /// A blob is durable.
    Stored(Digest),
    /// A blob came and can't be taken; why.
    Refused(Digest, String),
    /// The report is durable.
    ReportAcknowledged,
}

/// What an attempt tells.
#[derive(Debug, Clone)]
pub(super) enum Tells {
    /// The renderer's process is up.
    Started,
    /// Its span ends here now.
    Shrunk(u32),
    /// It runs no more; its report follows when its frames are settled.
    Ended,
    /// What it came to.
    Report(Box<Report>),
    /// It is forgotten.
    Forgotten,
}

/// An attempt's journal, and its ear.
pub(super) struct Desk<U> {
    pub room: Arc<Room<U>>,
    pub journal: Journal,
    told: mpsc::Receiver<Told>,
    /// The controller does not want it any more.
    pub dropped: Option<String>,
    /// The agent ends and wants it stopped.
    pub give_back: bool,
    /// The agent ends; what runs under a shim goes on.
    pub leaving: bool,
    pub stored: HashSet<Digest>,
    /// What the controller does not take, and why.
    pub refused: HashMap<Digest, String>,
    report_acknowledged: bool,
}

impl<U: Uplink> Desk<U> {
    pub(super) fn new(room: Arc<Room<U>>, journal: Journal, told: mpsc::Receiver<Told>) -> Self {
        Self {
            room,
            journal,
            told,
            dropped: None,
            give_back: false,
            leaving: false,
            stored: HashSet::new(),
            refused: HashMap::new(),
            report_acknowledged: false,
        }
    }

    /// Whether the attempt is to stop, for whatever reason.
    pub(super) fn stopped(&self) -> bool {
        self.dropped.is_some() || self.give_back || self.leaving
    }

    /// Hears one thing that it is told. Cancel-safe.
    pub(super) async fn hear(&mut self) -> Option<Told> {
        if self.leaving {
            return std::future::pending().await;
        }
        self.told.recv().await
    }

    /// Does what needs no renderer; the caller looks at the flags.
    pub(super) async fn obey(&mut self, told: Option<Told>) {
        match told {
            None => self.leaving = true,
            Some(Told::Drop(reason)) => self.dropped = Some(reason),
            Some(Told::GiveBack) => self.give_back = true,
            Some(Told::Acknowledged(ordinal)) => self.settle(ordinal),
            Some(Told::Stored(digest)) => {
                self.stored.insert(digest);
            }
            Some(Told::Refused(digest, reason)) => {
                self.refused.insert(digest, reason);
            }
            Some(Told::ReportAcknowledged) => self.report_acknowledged = true,
            Some(Told::Shrink(until)) => self.shrink(until, 0).await,
        }
    }

    /// Lowers the end of the span to `wanted`, but not below `begun`: what has been begun is finished.
    pub(super) async fn shrink(&mut self, wanted: u32, begun: u32) {
        let Work::Frames(work) = &self.journal.record().lease.work else {
            return;
        };
        let handed = self.journal.first_unhanded_above().unwrap_or(work.span.lo);
        let lowest = work.span.lo.max(begun).max(handed);
        let until = wanted.max(lowest).min(self.journal.record().until);
        if until < self.journal.record().until
            && let Err(error) = self.journal.shrink(until)
        {
            // Unwritten it does not hold: the controller keeps the longer span, and nothing is lost by that.
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "shrink not written down"
            );
            return;
        }
        self.tell(Tells::Shrunk(until)).await;
    }

    /// A frame leaves the spool; the journal remembers it first.
    fn settle(&mut self, ordinal: u32) {
        if let Err(error) = self.journal.acknowledged(ordinal) {
            tracing::error!(
                ordinal,
                error = &error as &dyn std::error::Error,
                "frame kept in the spool"
            );
            return;
        }
        if let Err(error) = self.room.spool.acknowledge(self.journal.key(), ordinal) {
            tracing::warn!(
                ordinal,
                error = &error as &dyn std::error::Error,
                "frame not removed from the spool"
            );
        }
    }

    /// Waits for `work` and hears what comes meanwhile; `None` as soon as the attempt is to stop.
    pub(super) async fn attend<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::pin!(work);
        loop {
            if self.stopped() {
                return None;
            }
            tokio::select! {
                done = &mut work => return Some(done),
                told = self.hear() => self.obey(told).await,
            }
        }
    }

    /// Like [`Desk::attend`] for work that has to be waited for even so.
    pub(super) async fn see_through<T>(&mut self, work: impl Future<Output = T>) -> T {
        tokio::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                told = self.hear() => self.obey(told).await,
            }
        }
    }

    pub(super) async fn tell(&self, tells: Tells) {
        // Nobody hears it when the agent ends; the next one tells again.
        let _ = self.room.tells.send((self.journal.key(), tells)).await;
    }

    /// A report of this attempt as it is now.
    pub(super) fn report(&self, ending: Ending, class: OutcomeClass, message: String) -> Report {
        let record = self.journal.record();
        Report {
            lease: record.lease.key,
            ending,
            class,
            exit_code: None,
            message: cut(message),
            log_tail: String::new(),
            startup_ms: record.startup_ms,
            total_ms: u32::try_from(now_unix_ms().saturating_sub(record.taken_unix_ms))
                .unwrap_or(u32::MAX),
            made: None,
        }
    }

    /// The report of an attempt that was told to stop before it had begun, or whose rest is given back.
    pub(super) fn stopped_report(&self) -> Report {
        let why = match &self.dropped {
            Some(reason) => reason.clone(),
            None if self.give_back => "the agent was told to end".to_owned(),
            None => "everything was given back".to_owned(),
        };
        self.report(Ending::Stopped, OutcomeClass::Ok, why)
    }
}

/// Runs one attempt to its end, from wherever its journal stands.
pub(super) async fn run<U: Uplink>(
    room: Arc<Room<U>>,
    journal: Journal,
    told: mpsc::Receiver<Told>,
) {
    let lease = &journal.record().lease;
    let span = tracing::info_span!("attempt", attempt = %lease.key.attempt, job = %lease.job);
    let mut desk = Desk::new(room, journal, told);
    async move {
        if let Err(error) = walk(&mut desk).await {
            // The disk does not take the journal. Nothing more can be promised: the controller's clock ends the lease.
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "attempt given up: its journal fails"
            );
            desk.tell(Tells::Forgotten).await;
            return;
        }
        if !desk.leaving {
            let key = desk.journal.key();
            let tells = desk.room.tells.clone();
            if let Err(error) = desk.journal.forget() {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "attempt not cleaned up"
                );
            }
            let _ = tells.send((key, Tells::Forgotten)).await;
        }
    }
    .instrument(span)
    .await;
}

async fn walk<U: Uplink>(desk: &mut Desk<U>) -> Result<(), JournalError> {
    let report = match desk.journal.record().step.clone() {
        Step::Ended(report) => report,
        Step::Accepted | Step::Starting | Step::Running { .. } | Step::Stopping { .. } => {
            let report = match &desk.journal.record().lease.work {
                Work::Frames(work) => render::render(desk, work.clone()).await?,
                Work::Assemble(work) => assemble::assemble(desk, work.clone()).await?,
                Work::Snapshot(work) => snapshot::snapshot(desk, work.clone()).await?,
                Work::Prepare(_) | Work::Sound(_) => Some(desk.report(
                    Ending::Failed,
                    OutcomeClass::Node,
                    "this version of the agent renders frames, snapshots and films only".to_owned(),
                )),
            };
            let Some(report) = report else {
                return Ok(());
            };
            tracing::info!(ending = ?report.ending, class = report.class.as_str(), message = %report.message, "attempt ended");
            desk.journal.step(Step::Ended(report.clone()))?;
            remove_scratch(&desk.journal);
            report
        }
    };
    desk.tell(Tells::Ended).await;
    send_log(desk);
    // The controller judges by what is published: it gets the report when every frame is settled. A lease that it has
    // dropped already waits for nothing.
    while desk.dropped.is_none()
        && !desk.leaving
        && !desk.room.spool.ordinals(desk.journal.key()).is_empty()
    {
        let told = desk.hear().await;
        desk.obey(told).await;
    }
    desk.tell(Tells::Report(Box::new(report))).await;
    while desk.dropped.is_none() && !desk.leaving && !desk.report_acknowledged {
        let told = desk.hear().await;
        desk.obey(told).await;
    }
    Ok(())
}

fn send_log<U: Uplink>(desk: &Desk<U>) {
    let log = desk.journal.log();
    if desk.dropped.is_none() && log.exists() {
        let (uplink, key) = (Arc::clone(&desk.room.uplink), desk.journal.key());
        tokio::spawn(async move { uplink.log(key, log).await });
    }
}

pub(super) fn remove_scratch(journal: &Journal) {
    if let Err(error) = durable::aside(|| std::fs::remove_dir_all(journal.scratch()))
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(%error, scratch = %journal.scratch().display(), "scratch not removed");
    }
}
