//! Owns the attempts of this agent: takes up those that the journals name, takes on leases, passes on what the controller
//! says, and knows at any moment what is held. One task, one loop; every attempt is a task of its own that never waits for
//! this one. Channels are bounded; an attempt empties its own whatever it waits for.

use std::collections::HashMap;
use std::sync::Arc;

use flatrender_protocol::message::{Held, Lease, LeaseKey, Report, ToAgent, ToController, Verdict};
use tokio::sync::{Mutex, Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::attempt::{self, Room, Tells, Told};
use super::journal::{Journal, JournalError, Step};
use super::spool::Spool;
use super::{Renderer, Uplink};
use crate::cache::Cache;
use crate::config::Config;

/// What may wait for the supervisor.
const ORDERS: usize = 64;
/// What may wait for one attempt.
const TOLD: usize = 64;
/// What attempts may have told that is not heard yet.
const TELLS: usize = 256;

/// Why there is no work.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// The folder of attempts.
    #[error("use the folder of attempts")]
    Folder(#[source] std::io::Error),
    /// The journals.
    #[error("read the journals of an earlier run")]
    Journal(#[from] JournalError),
}

/// What is going on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Busy {
    /// Attempts that are running.
    pub slots: u32,
    /// Leases held, ended ones included.
    pub held: u32,
    /// Processes of renderers.
    pub renderers: Vec<u32>,
}

/// What a session begins with.
#[derive(Debug)]
pub struct Resume {
    /// Leases held.
    pub held: Vec<Held>,
    /// What to say after they are told.
    pub then: Vec<ToController>,
}

enum Order {
    Said(ToAgent),
    Session {
        out: mpsc::Sender<ToController>,
        resume: oneshot::Sender<Resume>,
    },
    Busy(oneshot::Sender<Busy>),
}

/// The link's end of work. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Handle {
    orders: mpsc::Sender<Order>,
    tasks: TaskTracker,
}

impl std::fmt::Debug for Order {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Said(_) => "Said",
            Self::Session { .. } => "Session",
            Self::Busy(_) => "Busy",
        })
    }
}

impl Handle {
    /// A session begins: what work has to say goes to `out` from now on, and no longer to an earlier one's. When `out` is
    /// full, the session is too slow to be of use: it is let go of, and its receiver ends.
    pub async fn session(&self, out: mpsc::Sender<ToController>) -> Option<Resume> {
        let (resume, resumed) = oneshot::channel();
        self.orders
            .send(Order::Session { out, resume })
            .await
            .ok()?;
        resumed.await.ok()
    }

    /// Passes on what the controller said.
    pub async fn said(&self, message: ToAgent) {
        let _ = self.orders.send(Order::Said(message)).await;
    }

    /// What is going on; `None` when work is over.
    pub async fn busy(&self) -> Option<Busy> {
        let (busy, answer) = oneshot::channel();
        self.orders.send(Order::Busy(busy)).await.ok()?;
        answer.await.ok()
    }

    /// Returns when every task of work has ended, after the shutdown.
    pub async fn ended(&self) {
        self.tasks.wait().await;
    }
}

/// Begins to work: attempts that the journals name go on at once. Ends when `shutdown` says so; renderers go on under
/// their shims then, unless the configuration says that they are stopped.
///
/// # Errors
/// When the data folder can't be used.
pub fn start<U: Uplink>(
    config: Config,
    renderer: Option<Renderer>,
    spool: Spool,
    cache: Cache,
    uplink: Arc<U>,
    shutdown: CancellationToken,
) -> Result<Handle, WorkError> {
    let attempts = config.folder("attempts");
    std::fs::create_dir_all(&attempts).map_err(WorkError::Folder)?;
    let journals = Journal::load_all(&attempts)?;
    let (orders, ordered) = mpsc::channel(ORDERS);
    let (tells, told) = mpsc::channel(TELLS);
    let tasks = TaskTracker::new();
    let slots = config.slots as usize;
    let room = Arc::new(Room {
        config,
        renderer,
        spool,
        cache,
        uplink,
        slots: Arc::new(Semaphore::new(slots)),
        starts: Arc::new(Mutex::new(())),
        tells,
        processes: std::sync::Mutex::default(),
    });
    let mut supervisor = Supervisor {
        room,
        slots,
        attempts: HashMap::new(),
        out: None,
        tasks: tasks.clone(),
    };
    for journal in journals {
        // What was written of it stays in the spool: those frames need not be rendered again.
        supervisor.take_up(journal);
    }
    tasks.spawn(supervisor.run(ordered, told, shutdown));
    tasks.close();
    Ok(Handle { orders, tasks })
}

struct Attempt {
    told: mpsc::Sender<Told>,
    until: u32,
    started: bool,
    ended: bool,
    report: Option<Report>,
}

struct Supervisor<U> {
    room: Arc<Room<U>>,
    slots: usize,
    attempts: HashMap<LeaseKey, Attempt>,
    out: Option<mpsc::Sender<ToController>>,
    tasks: TaskTracker,
}

impl<U: Uplink> Supervisor<U> {
    async fn run(
        mut self,
        mut orders: mpsc::Receiver<Order>,
        mut told: mpsc::Receiver<(LeaseKey, Tells)>,
        shutdown: CancellationToken,
    ) {
        loop {
            tokio::select! {
                () = shutdown.cancelled() => break,
                Some(order) = orders.recv() => self.order(order).await,
                Some((key, tells)) = told.recv() => self.heard(key, tells),
            }
        }
        if self.room.config.stop_renderers {
            for attempt in self.attempts.values() {
                let _ = attempt.told.send(Told::GiveBack).await;
            }
            // They end when their renderers have; what they tell meanwhile is for the journal and the next agent.
            while self.attempts.values().any(|attempt| !attempt.ended) {
                match told.recv().await {
                    Some((key, tells)) => self.heard(key, tells),
                    None => break,
                }
            }
        }
        // With its sender gone, each attempt leaves.
    }

    async fn order(&mut self, order: Order) {
        match order {
            Order::Said(message) => self.said(message).await,
            Order::Session { out, resume } => {
                self.out = Some(out);
                let _ = resume.send(self.resume());
            }
            Order::Busy(answer) => {
                let free = self.room.slots.available_permits();
                let _ = answer.send(Busy {
                    slots: u32::try_from(self.slots.saturating_sub(free)).unwrap_or(u32::MAX),
                    held: u32::try_from(self.attempts.len()).unwrap_or(u32::MAX),
                    renderers: self.room.processes(),
                });
            }
        }
    }

    fn resume(&self) -> Resume {
        let mut keys: Vec<LeaseKey> = self.attempts.keys().copied().collect();
        keys.sort_unstable();
        let mut resume = Resume {
            held: Vec::new(),
            then: Vec::new(),
        };
        for key in keys {
            let attempt = &self.attempts[&key];
            resume.held.push(Held {
                lease: key,
                until: attempt.until,
                ended: attempt.ended,
            });
            if attempt.started && !attempt.ended {
                resume.then.push(ToController::Started(key));
            }
            if let Some(report) = &attempt.report {
                resume.then.push(ToController::Report(report.clone()));
            }
        }
        resume
    }

    async fn said(&mut self, message: ToAgent) {
        match message {
            ToAgent::Lease(lease) => self.lease(*lease),
            ToAgent::Shrink { lease, until } => self.tell(lease, Told::Shrink(until)).await,
            ToAgent::Drop { lease, reason } => self.tell(lease, Told::Drop(reason)).await,
            ToAgent::Verdicts(verdicts) => {
                for (lease, verdict) in verdicts {
                    match verdict {
                        Verdict::Keep => {}
                        Verdict::ShrinkTo(until) => self.tell(lease, Told::Shrink(until)).await,
                        Verdict::Drop => {
                            let reason =
                                "the controller has given it to others meanwhile".to_owned();
                            self.tell(lease, Told::Drop(reason)).await;
                        }
                    }
                }
            }
            ToAgent::FrameAck {
                lease,
                ordinal,
                outcome,
            } => {
                tracing::debug!(attempt = %lease.attempt, ordinal, ?outcome, "frame settled");
                if self.attempts.contains_key(&lease) {
                    self.tell(lease, Told::Acknowledged(ordinal)).await;
                } else if let Err(error) = self.room.spool.acknowledge(lease, ordinal) {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "frame not removed from the spool"
                    );
                }
            }
            ToAgent::BlobStored { lease, digest } => self.tell(lease, Told::Stored(digest)).await,
            ToAgent::BlobRefused {
                lease,
                digest,
                reason,
            } => self.tell(lease, Told::Refused(digest, reason)).await,
            ToAgent::ReportAck(lease) => self.tell(lease, Told::ReportAcknowledged).await,
            ToAgent::Welcome { .. } | ToAgent::Refused { .. } => {
                tracing::warn!("greeting in the middle of a session; ignored");
            }
        }
    }

    async fn tell(&mut self, lease: LeaseKey, told: Told) {
        match self.attempts.get(&lease) {
            Some(attempt) => {
                if attempt.told.send(told).await.is_err() {
                    // Its journal failed and it has given up.
                    self.attempts.remove(&lease);
                }
            }
            None => {
                tracing::debug!(attempt = %lease.attempt, ?told, "not held (any more)");
                if let Told::Shrink(until) = told {
                    // Nothing will be rendered of it: the controller may go on.
                    self.say(ToController::Shrunk { lease, until });
                }
            }
        }
    }

    fn lease(&mut self, lease: Lease) {
        if self.attempts.contains_key(&lease.key) {
            tracing::debug!(attempt = %lease.key.attempt, "lease known already");
            return;
        }
        tracing::info!(attempt = %lease.key.attempt, job = %lease.job, name = %lease.job_name, "lease taken");
        let version = self
            .room
            .renderer
            .as_ref()
            .map_or("", |renderer| renderer.version.as_str());
        match Journal::create(&self.room.config.folder("attempts"), lease, version) {
            Ok(journal) => self.take_up(journal),
            // Nothing was started and nothing is promised: the lease runs out at the controller.
            Err(error) => tracing::error!(
                error = &error as &dyn std::error::Error,
                "lease not taken: the journal fails"
            ),
        }
    }

    fn take_up(&mut self, mut journal: Journal) {
        let key = journal.key();
        for ordinal in self.room.spool.ordinals(key) {
            journal.handed(ordinal);
        }
        let (told, hears) = mpsc::channel(TOLD);
        let record = journal.record();
        self.attempts.insert(
            key,
            Attempt {
                told,
                until: record.until,
                started: false,
                ended: matches!(record.step, Step::Ended(_)),
                report: None,
            },
        );
        self.tasks
            .spawn(attempt::run(Arc::clone(&self.room), journal, hears));
    }

    fn heard(&mut self, key: LeaseKey, tells: Tells) {
        let Some(attempt) = self.attempts.get_mut(&key) else {
            return;
        };
        let message = match tells {
            Tells::Started => {
                attempt.started = true;
                ToController::Started(key)
            }
            Tells::Shrunk(until) => {
                attempt.until = until;
                ToController::Shrunk { lease: key, until }
            }
            Tells::Ended => {
                attempt.ended = true;
                return;
            }
            Tells::Report(report) => {
                attempt.ended = true;
                attempt.report = Some(report.as_ref().clone());
                ToController::Report(*report)
            }
            Tells::Forgotten => {
                self.attempts.remove(&key);
                return;
            }
        };
        self.say(message);
    }

    /// Says it to the session there is. What no session hears, the next one asks for ([`Resume`]).
    fn say(&mut self, message: ToController) {
        if let Some(out) = &self.out
            && out.try_send(message).is_err()
        {
            self.out = None;
        }
    }
}
