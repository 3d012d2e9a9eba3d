//! What the planner knows. Fed by the leader's commits and by what comes over the links; equal to the database at rest.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Instant;

use flatrender_protocol::message::LeaseKey;
use flatrender_protocol::state::{Health, JobState, Link, Policy, may_lease};
use flatrender_protocol::{AttemptId, Digest, JobId, NodeId, Release, RepairId, Run, Span, Split};

use super::repair::Repair;
use super::spans;

/// Everything.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// All nodes that are not retired.
    pub nodes: HashMap<NodeId, Node>,
    /// All jobs that are not finished; ids are in the order of submission.
    pub jobs: BTreeMap<JobId, Job>,
    /// All snapshots that wait or are rendered; ids are in the order of asking.
    pub snapshots: BTreeMap<JobId, Asked>,
    /// The last lease was a snapshot's: nothing of a film was leased since.
    pub snapshot_was_last: bool,
    /// All live leases.
    pub leases: HashMap<AttemptId, Lease>,
    /// Frames of these jobs that are looked at again, or that nobody could mend; ids are in the order they came.
    pub repairs: BTreeMap<RepairId, Repair>,
    /// No copies before this time: so many nodes fell silent at once that it is the network.
    pub no_copies_until: Option<Instant>,
}

/// A node.
#[derive(Debug, Clone)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// The operator's.
    pub policy: Policy,
    /// The system's.
    pub health: Health,
    /// The clock's.
    pub link: Link,
    /// Whether a session is open: nothing can be leased without one.
    pub reachable: bool,
    /// Attempts at once.
    pub slots: u32,
    /// Has a renderer.
    pub can_render: bool,
    /// The versions of its renderers.
    pub renderers: Vec<String>,
    /// Has ffmpeg.
    pub can_assemble: bool,
    /// Has an After Effects that runs scripts.
    pub can_prepare: bool,
    /// The After Effects it renders with, where its version can be read.
    pub release: Option<Release>,
    /// What its template cache holds.
    pub cache: HashSet<Digest>,
    /// Its live leases.
    pub leases: Vec<AttemptId>,
}

impl Node {
    /// Whether anything new may be leased to it, slots aside.
    pub fn takes_work(&self) -> bool {
        self.reachable && may_lease(self.policy, self.health, self.link)
    }

    /// Slots that nothing runs in.
    pub fn free_slots(&self) -> u32 {
        self.slots
            .saturating_sub(u32::try_from(self.leases.len()).unwrap_or(u32::MAX))
    }
}

/// A job.
#[derive(Debug, Clone)]
pub struct Job {
    /// Where it is.
    pub state: JobState,
    /// 0 … 100.
    pub priority: i32,
    /// What nodes need in their caches.
    pub needs: Vec<Digest>,
    /// Values are still to be set: jobs with the same key share the project that comes of it.
    pub prepare: Option<Digest>,
    /// The composition's own sound is still to be rendered.
    pub wants_sound: bool,
    /// How far its frames may be spread.
    pub split: Split,
    /// The After Effects that its frames are of.
    pub pin: Option<Release>,
    /// Frames in all.
    pub total: u32,
    /// Consecutive display frames, in order: a frame job never crosses a border of these.
    pub runs: Vec<Run>,
    /// Ordinals that nobody holds.
    pub todo: Vec<Span>,
    /// Ordinals that are published.
    pub published: Vec<Span>,
    /// The first frame must be published before the rest opens.
    pub canary: bool,
    /// What a frame and a start cost, once measured.
    pub cost: Option<Cost>,
    /// Nodes that failed it, and until when they are kept away.
    pub avoid: HashMap<NodeId, Instant>,
    /// Frames published by node: who has most of them assembles first.
    pub frames_by_node: HashMap<NodeId, u32>,
    /// Its live leases.
    pub leases: Vec<AttemptId>,
}

/// A snapshot that somebody asked for.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// What a node's cache holds when nothing need be fetched for it.
    pub source: Vec<Digest>,
    /// The only version of the renderer that may render it; any when `None`.
    pub renderer: Option<String>,
    /// Nodes that failed it.
    pub failed_on: HashSet<NodeId>,
    /// Nodes that failed it, and until when they are kept away even if there is no other.
    pub avoid: HashMap<NodeId, Instant>,
    /// Its live lease.
    pub lease: Option<AttemptId>,
}

/// What rendering a job costs, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cost {
    /// From the start of the renderer to the first frame.
    pub startup_ms: f64,
    /// A frame after the first.
    pub frame_ms: f64,
}

/// A live lease.
#[derive(Debug, Clone)]
pub struct Lease {
    /// Its name.
    pub key: LeaseKey,
    /// The job.
    pub job: JobId,
    /// The node.
    pub node: NodeId,
    /// What for.
    pub work: LeaseWork,
    /// The holder was asked to end earlier and has not agreed yet.
    pub shrinking: bool,
    /// The holder was told to stop.
    pub stopping: bool,
}

/// What a lease is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseWork {
    /// Frames.
    Frames {
        /// The ordinals.
        span: Span,
        /// A second copy of what a silent node holds.
        speculative: bool,
    },
    /// Frames that are published already, again.
    Repair {
        /// Which repair.
        repair: RepairId,
        /// The ordinals.
        span: Span,
    },
    /// The film.
    Assemble,
    /// A snapshot.
    Snapshot,
    /// Values become part of the project.
    Prepare,
    /// The composition's own sound.
    Sound,
}

impl Lease {
    /// Its ordinals, which are to be published once; none for a film or a repair.
    pub fn span(&self) -> Option<Span> {
        match self.work {
            LeaseWork::Frames { span, .. } => Some(span),
            LeaseWork::Repair { .. }
            | LeaseWork::Assemble
            | LeaseWork::Prepare
            | LeaseWork::Sound
            | LeaseWork::Snapshot => None,
        }
    }

    /// The repair that it is for, and the ordinals.
    pub fn repairs(&self) -> Option<(RepairId, Span)> {
        match self.work {
            LeaseWork::Repair { repair, span } => Some((repair, span)),
            LeaseWork::Frames { .. }
            | LeaseWork::Assemble
            | LeaseWork::Prepare
            | LeaseWork::Sound
            | LeaseWork::Snapshot => None,
        }
    }
}

impl Snapshot {
    /// Adds a committed lease.
    pub fn hold(&mut self, lease: Lease) {
        let attempt = lease.key.attempt;
        if let Some(node) = self.nodes.get_mut(&lease.node) {
            node.leases.push(attempt);
        }
        match lease.work {
            LeaseWork::Frames { .. }
            | LeaseWork::Repair { .. }
            | LeaseWork::Assemble
            | LeaseWork::Prepare
            | LeaseWork::Sound => self.snapshot_was_last = false,
            LeaseWork::Snapshot => self.snapshot_was_last = true,
        }
        if let Some(asked) = self.snapshots.get_mut(&lease.job) {
            asked.lease = Some(attempt);
        }
        if let Some(job) = self.jobs.get_mut(&lease.job) {
            job.leases.push(attempt);
            if let LeaseWork::Frames {
                span,
                speculative: false,
            } = lease.work
            {
                spans::remove(&mut job.todo, span);
            }
        }
        self.leases.insert(attempt, lease);
    }

    /// Removes a lease that ended. Its frames are the caller's to give back.
    pub fn let_go(&mut self, attempt: AttemptId) -> Option<Lease> {
        let lease = self.leases.remove(&attempt)?;
        if let Some(node) = self.nodes.get_mut(&lease.node) {
            node.leases.retain(|held| *held != attempt);
        }
        if let Some(job) = self.jobs.get_mut(&lease.job) {
            job.leases.retain(|held| *held != attempt);
        }
        if let Some(asked) = self.snapshots.get_mut(&lease.job) {
            asked.lease = None;
        }
        Some(lease)
    }

    /// A job's live leases.
    pub fn leases_of<'a>(&'a self, job: &'a Job) -> impl Iterator<Item = &'a Lease> {
        job.leases.iter().filter_map(|held| self.leases.get(held))
    }

    /// Whether somebody who is not lost is at such work for a job.
    pub fn at_work(&self, job: &Job, work: LeaseWork) -> bool {
        self.leases_of(job)
            .filter(|lease| lease.work == work)
            .any(|lease| {
                self.nodes
                    .get(&lease.node)
                    .is_some_and(|node| node.link != Link::Lost)
            })
    }

    /// What of a lease's frames is not published yet.
    pub fn unpublished(&self, lease: &Lease) -> Vec<Span> {
        match (self.jobs.get(&lease.job), lease.span()) {
            (Some(job), Some(span)) => spans::missing(&job.published, span),
            _ => Vec::new(),
        }
    }
}
