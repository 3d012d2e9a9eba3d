//! The leader: one task that owns the planner's snapshot and is the only writer of leases, frames and states. It takes
//! everything that has come in, commits it in batches, decides, commits the choices, and only then tells the agents. While a
//! transaction is under way the next batch gathers by itself, so that a busy farm has large ones and a quiet farm no delay.
//!
//! It holds nothing that the database does not: when the database is away or another controller leads, it drops
//! everything, closes the sessions, and reads again once it leads again.

#![expect(
    clippy::disallowed_methods,
    reason = "the leader's loop reads the one clock of liveness and hands `now` to what decides"
)]

mod assemble;
mod crash;
mod expiry;
mod lease;
mod load;
mod pins;
mod prepare;
mod publish;
mod repair;
mod report;
mod second;
mod session;
mod snapshot;
mod sound;
mod suspect;
mod verify;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use flatrender_protocol::message::{FrameHeader, LeaseKey, Report, Sample, ToAgent};
use flatrender_protocol::state::Link;
use flatrender_protocol::{AttemptId, JobId, NodeId, RepairId};
use time::OffsetDateTime;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep_until};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Farm, FromAgent, Heard, Input, SessionId};
use crate::plan::{self, Choice, Snapshot};
use crate::store::events::NewEvent;
use crate::store::jobs::JobRow;
use crate::store::leases::Kind;
use crate::store::snapshots::SnapshotRow;
use crate::store::{self, StoreError, Tx, leadership};

/// Inputs taken before the leader commits and decides.
const BATCH: usize = 512;
/// How often it is told why jobs wait.
const WAITS_EVERY: Duration = Duration::from_millis(250);

/// Leads whenever it can, until `shutdown`; then lets go of the leadership.
pub async fn run(farm: Farm, mut inputs: mpsc::Receiver<Input>, shutdown: CancellationToken) {
    let holder = Uuid::new_v4();
    loop {
        let claimed = tokio::select! {
            () = shutdown.cancelled() => return,
            claimed = claim(&farm, holder, &mut inputs) => claimed,
        };
        tracing::info!(epoch = claimed, "this controller leads");
        let outcome = lead(&farm, claimed, &mut inputs, &shutdown).await;
        farm.grants.clear();
        match outcome {
            Ok(()) => {
                if let Err(error) = leadership::release(&farm.worker, claimed).await {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "leadership was not released"
                    );
                }
                return;
            }
            Err(error) => tracing::error!(
                error = &error as &dyn std::error::Error,
                "this controller stops leading and will start over"
            ),
        }
    }
}

/// Waits until this controller leads. What comes in meanwhile is dropped: the sessions end with it and agents come again.
async fn claim(farm: &Farm, holder: Uuid, inputs: &mut mpsc::Receiver<Input>) -> i64 {
    let mut every = interval(farm.settings.term() / 3);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let name = format!("process {}", std::process::id());
    loop {
        tokio::select! {
            _ = every.tick() => {}
            Some(_) = inputs.recv() => continue,
        }
        match leadership::claim(&farm.worker, holder, &name, farm.settings.term()).await {
            Ok(Some(epoch)) => return epoch,
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "leadership can't be claimed"
                );
            }
        }
    }
}

async fn lead(
    farm: &Farm,
    epoch: i64,
    inputs: &mut mpsc::Receiver<Input>,
    shutdown: &CancellationToken,
) -> Result<(), StoreError> {
    let mut leader = Leader::load(farm.clone(), epoch).await?;
    let mut term = interval(farm.settings.term() / 3);
    term.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        let wake = leader.next_deadline();
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            _ = term.tick() => leader.renew().await?,
            count = inputs.recv_many(&mut batch, BATCH) => {
                if count == 0 {
                    return Ok(());
                }
            }
            () = sleep_until(wake.into()) => {}
        }
        let now = Instant::now();
        for input in batch.drain(..) {
            leader.take(input, now).await?;
        }
        leader.settle(now).await?;
    }
}

/// A session as the leader knows it.
struct Session {
    id: SessionId,
    boot: Uuid,
    agent_version: String,
    to_agent: mpsc::Sender<ToAgent>,
    /// It has told all that it holds: leases before that could be doubled.
    told: bool,
}

/// What a job is, beside what the planner needs.
struct JobFacts {
    row: Arc<JobRow>,
    /// How often each first unpublished frame failed, and on which nodes.
    failures: HashMap<u32, Vec<NodeId>>,
    /// Failed assemblies.
    film_failures: u32,
    /// On which nodes what has no frames failed.
    work_failures: HashMap<Kind, Vec<NodeId>>,
    /// Frames whose time was counted, first ones of leases left out.
    measured: u32,
}

struct Leader {
    farm: Farm,
    epoch: i64,
    snapshot: Snapshot,
    facts: HashMap<JobId, JobFacts>,
    /// Snapshots that wait or are rendered, as leases name them.
    asked: HashMap<JobId, SnapshotRow>,
    sessions: HashMap<NodeId, Session>,
    heard: HashMap<NodeId, Heard>,
    /// When each node must be looked at again.
    watch: BTreeSet<(Instant, NodeId)>,
    /// Nodes that fell silent lately.
    fell_silent: VecDeque<Instant>,
    /// Failures in a row, by node.
    node_failures: HashMap<NodeId, u32>,
    /// Runs of frames that others rendered otherwise, by node.
    wrong_frames: HashMap<NodeId, u32>,
    /// Frames that are looked at again, beside what the planner needs.
    repairs: HashMap<RepairId, repair::RepairFacts>,
    /// Jobs of which something changed that may have all their frames.
    to_check: BTreeSet<JobId>,
    /// Ends of quarantines.
    quarantined: HashMap<NodeId, Instant>,
    /// Nothing expires before this.
    patient_until: Instant,
    last_turn: Instant,
    // What has come in and is not committed.
    frames: Vec<(NodeId, SessionId, FrameHeader)>,
    started: Vec<LeaseKey>,
    reports: Vec<(NodeId, SessionId, Report)>,
    /// Successful reports whose frames have not all come, and until when they may.
    awaited: HashMap<AttemptId, (NodeId, Report, Instant)>,
    samples: Vec<(NodeId, OffsetDateTime, Sample)>,
    /// Something was written that this leader has not read.
    look: bool,
    /// When it was last told why jobs wait.
    waits_told: Option<Instant>,
}

impl Leader {
    async fn begin(&self) -> Result<Tx, StoreError> {
        store::begin_leading(&self.farm.worker, self.epoch).await
    }

    async fn renew(&mut self) -> Result<(), StoreError> {
        if leadership::renew(&self.farm.worker, self.epoch, self.farm.settings.term()).await? {
            return Ok(());
        }
        Err(StoreError::Deposed { epoch: self.epoch })
    }

    async fn take(&mut self, input: Input, now: Instant) -> Result<(), StoreError> {
        match input {
            Input::Wake => self.look = true,
            Input::Joined {
                node,
                session,
                boot,
                agent_version,
                to_agent,
            } => {
                let told = false;
                let session = Session {
                    id: session,
                    boot,
                    agent_version,
                    to_agent,
                    told,
                };
                self.joined(node, session, now).await?;
            }
            Input::Left { node, session } => self.left(node, session),
            Input::Said {
                node,
                session,
                what,
            } => {
                // An older session's frames still count; nothing else of it does.
                let current = self.sessions.get(&node).is_some_and(|s| s.id == session);
                match what {
                    FromAgent::Frame(header) => self.frames.push((node, session, *header)),
                    _ if !current => {}
                    FromAgent::Inventory(inventory) => self.inventory(node, inventory).await?,
                    FromAgent::Holding(held) => self.holding(node, &held, now).await?,
                    FromAgent::Started(key) => self.started.push(key),
                    FromAgent::Shrunk { lease, until } => self.shrunk(node, lease, until).await?,
                    FromAgent::Report(report) => self.reports.push((node, session, *report)),
                    FromAgent::Sample(sample) => {
                        self.samples.push((node, OffsetDateTime::now_utc(), sample));
                    }
                    FromAgent::Cache(entries) => self.cache(node, &entries).await?,
                }
            }
        }
        Ok(())
    }

    /// Commits what has come in, then decides and commits that.
    async fn settle(&mut self, now: Instant) -> Result<(), StoreError> {
        self.publish().await?;
        self.note_started().await?;
        self.take_reports(now).await?;
        self.write_samples().await?;
        self.expire(now).await?;
        if std::mem::take(&mut self.look) {
            self.read_changes().await?;
            self.read_snapshots(now).await?;
        }
        self.check_complete().await?;
        // A choice can fail to commit (the job was closed meanwhile); then the next turn decides anew.
        for _ in 0..4 {
            let choices = plan::decide(&self.snapshot, now);
            if choices.is_empty() || !self.carry_out(choices).await? {
                break;
            }
        }
        self.tell_estimates();
        self.tell_waits(now);
        Ok(())
    }

    async fn carry_out(&mut self, choices: Vec<Choice>) -> Result<bool, StoreError> {
        let mut frames = Vec::new();
        let mut sounds = Vec::new();
        let mut went_on = false;
        for choice in choices {
            match choice {
                Choice::Frames {
                    job,
                    node,
                    span,
                    speculative,
                } => {
                    frames.push((job, node, span, speculative));
                }
                Choice::Repair(choice) => went_on |= self.lease_repair(choice).await?,
                Choice::Assemble { job, node } => went_on |= self.lease_film(job, node).await?,
                Choice::Snapshot { snapshot, node } => {
                    went_on |= self.lease_snapshot(snapshot, node).await?;
                }
                Choice::Prepare { job, node } => went_on |= self.lease_prepare(job, node).await?,
                Choice::Sound { job, node } => sounds.push((job, node)),
                Choice::Shrink { attempt, until } => self.ask_to_shrink(attempt, until),
            }
        }
        went_on |= self.lease_frames(frames).await?;
        for (job, node) in sounds {
            went_on |= self.lease_sound(job, node).await?;
        }
        Ok(went_on)
    }

    fn send(&self, node: NodeId, message: ToAgent) {
        let Some(session) = self.sessions.get(&node) else {
            return;
        };
        // A full channel is an agent that does not read: its session ends with the sender at the next turn of the link, and
        // what it holds is told again when it comes back.
        if let Err(error) = session.to_agent.try_send(message) {
            tracing::warn!(%node, %error, "the agent does not take what it is told");
        }
    }

    fn tell_estimates(&self) {
        let running = self
            .snapshot
            .jobs
            .iter()
            .filter_map(|(id, job)| Some((*id, plan::seconds_left(&self.snapshot, job)?)));
        let estimates = running.collect();
        *self
            .farm
            .estimates
            .write()
            .expect("nobody panics while holding it") = estimates;
    }

    /// Why jobs wait, for people; not oftener than they would look.
    fn tell_waits(&mut self, now: Instant) {
        if self
            .waits_told
            .is_some_and(|told| now.saturating_duration_since(told) < WAITS_EVERY)
        {
            return;
        }
        self.waits_told = Some(now);
        let jobs = self.snapshot.jobs.iter();
        let waits = jobs
            .filter_map(|(id, job)| Some((*id, plan::why_waiting(&self.snapshot, *id, job, now)?)));
        let waits = waits.collect();
        *self
            .farm
            .waits
            .write()
            .expect("nobody panics while holding it") = waits;
    }

    async fn write_events(tx: &mut Tx, events: &[NewEvent]) -> Result<(), StoreError> {
        store::events::write(tx, events).await
    }

    fn link(&self, node: NodeId) -> Link {
        self.snapshot
            .nodes
            .get(&node)
            .map_or(Link::Lost, |node| node.link)
    }

    fn next_deadline(&self) -> Instant {
        let soon = Instant::now() + Duration::from_secs(1);
        let node = self.watch.first().map_or(soon, |(at, _)| *at);
        let avoided = self
            .snapshot
            .jobs
            .values()
            .flat_map(|job| job.avoid.values().copied());
        let asked = self.snapshot.snapshots.values();
        let avoided = avoided.chain(asked.flat_map(|asked| asked.avoid.values().copied()));
        let awaited = self.awaited.values().map(|(_, _, until)| *until);
        avoided
            .chain(awaited)
            .chain([node])
            .filter(|at| *at > self.last_turn)
            .min()
            .unwrap_or(soon)
            .min(soon)
    }
}
