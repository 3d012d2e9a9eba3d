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
use flatrender_protocol::{Digest, JobId, Release, Span, Split};

use super::{JobFacts, Leader};
use crate::farm::Farm;
use crate::plan::{Job, Lease, LeaseWork, Node, Snapshot};
use crate::store::jobs::{self, JobRow, OwnSound, Which};
use crate::store::leases::Kind;
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
            wrong_frames: HashMap::new(),
            repairs: HashMap::new(),
            to_check: BTreeSet::new(),
            quarantined: HashMap::new(),
            last_turn: now,
            frames: Vec::new(),
            started: Vec::new(),
            reports: Vec::new(),
            awaited: HashMap::new(),
            samples: Vec::new(),
            look: true,
            waits_told: None,
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
        for failed in &failures {
            let Some(facts) = leader.facts.get_mut(&failed.job) else {
                continue;
            };
            let many = usize::try_from(failed.count).unwrap_or(usize::MAX);
            match failed.kind {
                Kind::Assemble => facts.film_failures += failed.count,
                Kind::Prepare | Kind::Sound => {
                    let on = facts.work_failures.entry(failed.kind).or_default();
                    on.extend(std::iter::repeat_n(failed.node, many.min(100)));
                }
                // Which frame it was is not in the row: counted anew.
                Kind::Frames | Kind::Snapshot => {}
            }
        }
        leader.read_snapshots(now).await?;
        for row in live {
            let work = match (row.kind, row.span) {
                (_, Some(span)) => match row.repair {
                    Some(repair) => LeaseWork::Repair { repair, span },
                    None => LeaseWork::Frames {
                        span,
                        speculative: row.speculative,
                    },
                },
                (Kind::Prepare, None) => LeaseWork::Prepare,
                (Kind::Sound, None) => LeaseWork::Sound,
                (Kind::Snapshot, None) => LeaseWork::Snapshot,
                (Kind::Assemble | Kind::Frames, None) => LeaseWork::Assemble,
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
        leader.find_prepared(&ids).await?;
        leader.read_repairs(&ids).await?;
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
            renderers: row.renderers.clone(),
            can_assemble: row.can_assemble,
            can_prepare: row.can_prepare,
            release: release_of(&row.renderers),
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
            needs: row.source.cached().collect(),
            prepare: prepare_key(&row),
            wants_sound: row.sound == OwnSound::Wanted,
            split: row.split,
            pin: row.pin,
            total: row.frames.len(),
            runs: row.frames.runs(),
            todo: row.todo.clone(),
            published,
            canary: has_canary(&row),
            cost: None,
            avoid: HashMap::new(),
            frames_by_node: HashMap::new(),
            leases: Vec::new(),
        };
        self.snapshot.jobs.insert(row.id, job);
        self.to_check.insert(row.id);
        let facts = JobFacts {
            row: Arc::new(row),
            failures: HashMap::new(),
            film_failures: 0,
            work_failures: HashMap::new(),
            measured: 0,
        };
        self.facts.insert(facts.row.id, facts);
    }

    /// Takes a committed lease into the snapshot, and lets its node read what it names.
    pub(super) fn hold(&mut self, lease: Lease) {
        if let Some(facts) = self.facts.get(&lease.job) {
            let row = &facts.row;
            let mut digests: std::collections::HashSet<_> =
                row.source.blobs().map(|blob| blob.digest).collect();
            digests.extend(row.tracks.iter().map(|track| track.digest));
            digests.extend(row.prepare.iter().map(|wanted| wanted.values.digest));
            if let OwnSound::Made(sound) = &row.sound {
                digests.insert(sound.digest);
            }
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
        self.to_check.insert(lease.job);
        Some(lease)
    }

    /// Jobs that came in, or that a person changed.
    pub(super) async fn read_changes(&mut self) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let rows = jobs::read(&mut tx, Which::Unfinished).await?;
        let ids: Vec<JobId> = rows.iter().map(|row| row.id).collect();
        // One that was over, and that a person opened again, has frames.
        let unknown: Vec<JobId> = ids.iter().filter(|id| self.forgot(**id)).copied().collect();
        let mut published: HashMap<JobId, Vec<Span>> = jobs::published(&mut tx, &unknown)
            .await?
            .into_iter()
            .collect();
        commit(tx).await?;
        let mut new = Vec::new();
        for row in rows {
            let done = published.remove(&row.id).unwrap_or_default();
            let known = self.snapshot.jobs.get_mut(&row.id);
            let Some(known) = known.filter(|_| !unknown.contains(&row.id)) else {
                new.push(row.id);
                self.open_again(row, done);
                continue;
            };
            known.priority = row.priority;
            if known.state == JobState::Running && row.state == JobState::Running {
                // A person may have taken what held it back.
                self.to_check.insert(row.id);
            }
            if known.state == JobState::Assembling && row.state == JobState::Running {
                known.state = row.state;
                self.drop_leases(row.id, "frames of the film are rendered again")
                    .await?;
                continue;
            }
            if known.state != row.state && row.state == JobState::Cancelling {
                known.state = row.state;
                self.drop_leases(row.id, "the job was cancelled").await?;
            }
        }
        self.find_prepared(&new).await?;
        self.read_repairs(&ids).await?;
        self.finish_cancelled().await
    }

    /// Whether a job is not known, or known to be over.
    fn forgot(&self, id: JobId) -> bool {
        let known = self.snapshot.jobs.get(&id);
        known.is_none_or(|job| job.state.is_final())
    }

    /// Takes a job in; what is still held of its former life is held on.
    fn open_again(&mut self, row: JobRow, published: Vec<Span>) {
        let id = row.id;
        let leases = self.snapshot.jobs.remove(&id).map(|job| job.leases);
        self.open_job(row, published);
        if let (Some(leases), Some(job)) = (leases, self.snapshot.jobs.get_mut(&id)) {
            job.leases = leases;
        }
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

/// The After Effects a node renders with: of several, the one it names first is the one it uses.
pub(super) fn release_of(renderers: &[String]) -> Option<Release> {
    renderers.first()?.parse().ok()
}

/// What jobs that wait for the same prepared project have in common; `None` when there is nothing to wait for.
pub(super) fn prepare_key(row: &JobRow) -> Option<Digest> {
    let hash = row.values_hash.filter(|_| !row.prepared)?;
    let mut hasher = blake3::Hasher::new();
    hasher.update(row.tenant.0.as_bytes());
    hasher.update(row.package.as_bytes());
    hasher.update(hash.as_bytes());
    Some(hasher.finalize().into())
}

/// Whether a first frame goes alone. Where one node renders everything from the start, it would be another start.
pub(super) fn has_canary(row: &JobRow) -> bool {
    row.canary && row.split != Split::Never
}
