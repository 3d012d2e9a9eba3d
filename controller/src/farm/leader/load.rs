//! Reading everything at the start of a term, and what others wrote during it.

#![expect(
    clippy::disallowed_methods,
    reason = "what is loaded is stamped with the leader's clock"
)]

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use flatrender_protocol::message::{LeaseKey, ToAgent};
use flatrender_protocol::state::{JobState, Link, Policy};
use flatrender_protocol::{JobId, Span};

use super::{JobFacts, Leader};
use crate::farm::Farm;
use crate::plan::{Job, Lease, LeaseWork, Node, Snapshot};
use crate::store::jobs::{self, JobRow, Which};
use crate::store::nodes::NodeRow;
use crate::store::{StoreError, attempts, begin_leading, commit, leases, nodes};

impl Leader {
    pub(super) async fn load(farm: Farm, epoch: i64) -> Result<Self, StoreError> {
        let now = Instant::now();
        let mut tx = begin_leading(&farm.worker, epoch).await?;
        let node_rows = nodes::all(&mut tx).await?;
        let job_rows = jobs::read(&mut tx, Which::Unfinished).await?;
        let ids: Vec<JobId> = job_rows.iter().map(|row| row.id).collect();
        let published: HashMap<JobId, Vec<Span>> =
            jobs::published(&mut tx, &ids).await?.into_iter().collect();
        let live = leases::live(&mut tx, None).await?;
        let failures = attempts::failures(&mut tx, &ids).await?;
        commit(tx).await?;

        let mut leader = Self {
            patient_until: now + Duration::from_millis(farm.settings.takeover_grace_ms),
            farm,
            epoch,
            snapshot: Snapshot::default(),
            facts: HashMap::new(),
            asked: HashMap::new(),
            sessions: HashMap::new(),
            heard: HashMap::new(),
            watch: BTreeSet::new(),
            fell_silent: VecDeque::new(),
            node_failures: HashMap::new(),
            quarantined: HashMap::new(),
            last_turn: now,
            frames: Vec::new(),
            started: Vec::new(),
            reports: Vec::new(),
            awaited: HashMap::new(),
            samples: Vec::new(),
            look: true,
        };
        for row in node_rows
            .into_iter()
            .filter(|row| row.policy != Policy::Retired)
        {
            leader.know(row, now);
        }
        for row in job_rows {
            let done = published.get(&row.id).cloned().unwrap_or_default();
            leader.open_job(row, done);
        }
        for failed in failures.iter().filter(|failed| failed.kind == "assemble") {
            if let Some(facts) = leader.facts.get_mut(&failed.job) {
                facts.film_failures += failed.count;
            }
        }
        leader.read_snapshots(now).await?;
        for row in live {
            let work = match row.span {
                Some(span) => LeaseWork::Frames {
                    span,
                    speculative: row.speculative,
                },
                None if row.kind == "snapshot" => LeaseWork::Snapshot,
                None => LeaseWork::Assemble,
            };
            leader.hold(Lease {
                key: row.key,
                job: row.job,
                node: row.node,
                work,
                shrinking: false,
                stopping: false,
            });
        }
        leader.snapshot.no_copies_until = Some(leader.patient_until);
        leader.grant_films().await?;
        Ok(leader)
    }

    /// Takes a node into the snapshot. A new leader counts it as heard now, and as it was left.
    pub(super) fn know(&mut self, row: NodeRow, now: Instant) {
        let heard = self.farm.presence.of(row.id);
        if row.link != Link::Lost {
            heard.note(now);
            self.watch
                .insert((now + self.farm.settings.silent_after(), row.id));
        }
        self.heard.insert(row.id, heard);
        let node = Node {
            name: row.name,
            policy: row.policy,
            health: row.health,
            link: row.link,
            reachable: false,
            slots: row.slots.unsigned_abs(),
            can_render: !row.renderers.is_empty(),
            renderers: row.renderers,
            can_assemble: row.can_assemble,
            cache: std::collections::HashSet::new(),
            leases: Vec::new(),
        };
        if row.health_until.is_some() {
            self.quarantined.insert(row.id, now);
        }
        self.snapshot.nodes.insert(row.id, node);
    }

    pub(super) fn open_job(&mut self, row: JobRow, published: Vec<Span>) {
        let job = Job {
            state: row.state,
            priority: row.priority,
            project: row.package,
            total: row.frames.len(),
            runs: row.frames.runs(),
            todo: row.todo.clone(),
            published,
            canary: row.canary,
            cost: None,
            avoid: HashMap::new(),
            frames_by_node: HashMap::new(),
            leases: Vec::new(),
        };
        self.snapshot.jobs.insert(row.id, job);
        let facts = JobFacts {
            row: Arc::new(row),
            failures: HashMap::new(),
            film_failures: 0,
            measured: 0,
        };
        self.facts.insert(facts.row.id, facts);
    }

    /// Takes a committed lease into the snapshot, and lets its node read what it names.
    pub(super) fn hold(&mut self, lease: Lease) {
        if let Some(facts) = self.facts.get(&lease.job) {
            let mut digests: std::collections::HashSet<_> = [facts.row.package].into();
            digests.extend(facts.row.tracks.iter().map(|track| track.digest));
            self.farm
                .grants
                .give(lease.node, lease.key.attempt, digests);
        }
        if let Some(row) = self.asked.get(&lease.job) {
            let digests = row.source.blobs().map(|blob| blob.digest).collect();
            self.farm
                .grants
                .give(lease.node, lease.key.attempt, digests);
        }
        self.snapshot.hold(lease);
    }

    pub(super) fn let_go(&mut self, key: LeaseKey) -> Option<Lease> {
        let lease = self.snapshot.let_go(key.attempt)?;
        self.farm.grants.take_back(lease.node, key.attempt);
        self.awaited.remove(&key.attempt);
        Some(lease)
    }

    /// Jobs that came in, or that a person changed.
    pub(super) async fn read_changes(&mut self) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let rows = jobs::read(&mut tx, Which::Unfinished).await?;
        commit(tx).await?;
        for row in rows {
            let Some(known) = self.snapshot.jobs.get_mut(&row.id) else {
                self.open_job(row, Vec::new());
                continue;
            };
            known.priority = row.priority;
            if known.state != row.state && row.state == JobState::Cancelling {
                known.state = row.state;
                self.drop_leases(row.id, "the job was cancelled").await?;
            }
        }
        self.finish_cancelled().await
    }

    /// Tells every holder of a job's leases to stop. They end when the holders report, or are lost.
    pub(super) async fn drop_leases(&mut self, job: JobId, reason: &str) -> Result<(), StoreError> {
        let held: Vec<_> = self
            .snapshot
            .jobs
            .get(&job)
            .map_or(Vec::new(), |job| job.leases.clone());
        let mut keys = Vec::new();
        for attempt in held {
            let Some(lease) = self.snapshot.leases.get_mut(&attempt) else {
                continue;
            };
            lease.stopping = true;
            let (key, node) = (lease.key, lease.node);
            keys.push(key);
            self.send(
                node,
                ToAgent::Drop {
                    lease: key,
                    reason: reason.to_owned(),
                },
            );
        }
        if keys.is_empty() {
            return Ok(());
        }
        let mut tx = self.begin().await?;
        leases::stopping(&mut tx, &keys).await?;
        commit(tx).await
    }
}
