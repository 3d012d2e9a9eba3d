//! Committing the planner's choices, and telling the agents: only after the commit.

use std::collections::HashMap;

use flatrender_protocol::message::{FramesWork, Lease as LeaseMessage, LeaseKey, ToAgent, Work};
use flatrender_protocol::state::{AttemptState, JobEvent, JobState};
use flatrender_protocol::{AttemptId, JobId, NodeId, Span, Split};

use super::{JobFacts, Leader};
use crate::plan::{Lease, LeaseWork, spans};
use crate::store::events::{NewEvent, Who};
use crate::store::jobs::{self, Change};
use crate::store::leases::{self, Wanted};
use crate::store::{StoreError, commit};

/// The stock template that gives a still sequence with alpha (`reference`: TIFF Sequence with Alpha is the only one).
pub(super) const OUTPUT_TEMPLATE: &str = "TIFF Sequence with Alpha";
pub(super) const SETTINGS_TEMPLATE: &str = "Best Settings";

impl Leader {
    /// Leases frames, in one transaction. Answers whether any was leased.
    pub(super) async fn lease_frames(
        &mut self,
        choices: Vec<(JobId, NodeId, Span, bool)>,
    ) -> Result<bool, StoreError> {
        if choices.is_empty() {
            return Ok(false);
        }
        let wanted: Vec<Wanted> = choices
            .into_iter()
            .map(|(job, node, span, speculative)| Wanted {
                attempt: AttemptId::new(),
                job,
                node,
                span,
                speculative,
            })
            .collect();
        let mut jobs: Vec<JobId> = wanted.iter().map(|w| w.job).collect();
        jobs.sort_unstable();
        jobs.dedup();
        let mut tx = self.begin().await?;
        jobs::lock(&mut tx, &jobs).await?;
        let leased: HashMap<AttemptId, LeaseKey> = leases::lease(&mut tx, &wanted)
            .await?
            .into_iter()
            .map(|l| (l.key.attempt, l.key))
            .collect();
        let mut events = Vec::new();
        for id in &jobs {
            if wanted
                .iter()
                .any(|w| w.job == *id && leased.contains_key(&w.attempt))
            {
                events.extend(
                    self.step(&mut tx, *id, JobEvent::FramesLeased, None)
                        .await?,
                );
            }
        }
        for want in wanted
            .iter()
            .filter(|want| leased.contains_key(&want.attempt))
        {
            events.push(self.lease_event(want.job, want.node, want.attempt, lease_reason(want)));
        }
        Self::write_events(&mut tx, &events).await?;
        commit(tx).await?;
        self.farm.news.notify_waiters();
        if leased.len() < wanted.len() {
            // Somebody closed the job, or memory and database differ: read it again.
            self.look = true;
            self.reread(&jobs).await?;
        }
        for want in wanted {
            let Some(key) = leased.get(&want.attempt).copied() else {
                continue;
            };
            let Some(facts) = self.facts.get(&want.job) else {
                continue;
            };
            let message = frames_message(facts, key, want.span);
            let work = LeaseWork::Frames {
                span: want.span,
                speculative: want.speculative,
            };
            self.hold(Lease {
                key,
                job: want.job,
                node: want.node,
                work,
                shrinking: false,
                stopping: false,
            });
            if let Some(job) = self.snapshot.jobs.get_mut(&want.job)
                && matches!(job.state, JobState::Queued | JobState::Preparing)
            {
                job.state = JobState::Running;
            }
            if let Some(message) = message {
                self.send(want.node, ToAgent::Lease(Box::new(message)));
            }
        }
        Ok(!leased.is_empty())
    }

    pub(super) fn lease_event(
        &self,
        job: JobId,
        node: NodeId,
        attempt: AttemptId,
        why: String,
    ) -> NewEvent {
        NewEvent {
            tenant: self.tenant(job),
            subject: "attempt",
            job: Some(job),
            node: Some(node),
            attempt: Some(attempt),
            from: None,
            to: AttemptState::Starting.as_str(),
            who: Who::Planner,
            why: Some(why),
        }
    }

    /// A step of a job's state machine, guarded by the state it is in; `None` when the step changes nothing.
    pub(super) async fn step(
        &self,
        tx: &mut crate::store::Tx,
        id: JobId,
        event: JobEvent,
        reason: Option<String>,
    ) -> Result<Option<NewEvent>, StoreError> {
        let Some(job) = self.snapshot.jobs.get(&id) else {
            return Ok(None);
        };
        let from = job.state;
        let to = match from.next(event) {
            Ok(to) if to != from => to,
            Ok(_) => return Ok(None),
            Err(illegal) => {
                tracing::warn!(job = %id, %illegal, "a step that the job's state does not allow");
                return Ok(None);
            }
        };
        let change = Change {
            reason: reason.clone(),
        };
        if !jobs::set_state(tx, id, from, to, &change).await? {
            return Ok(None);
        }
        Ok(Some(NewEvent {
            tenant: self.tenant(id),
            subject: "job",
            job: Some(id),
            node: None,
            attempt: None,
            from: Some(from.as_str()),
            to: to.as_str(),
            who: Who::Farm,
            why: reason,
        }))
    }

    pub(super) fn tenant(&self, job: JobId) -> flatrender_protocol::TenantId {
        let of_job = self.facts.get(&job).map(|facts| facts.row.tenant);
        let of_snapshot = || self.asked.get(&job).map(|row| row.tenant);
        of_job
            .or_else(of_snapshot)
            .unwrap_or(flatrender_protocol::TenantId::DEFAULT)
    }

    /// Reads jobs anew whose memory may differ from the database.
    pub(super) async fn reread(&mut self, ids: &[JobId]) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let rows = jobs::read(&mut tx, jobs::Which::Ids(ids.to_vec())).await?;
        commit(tx).await?;
        for row in rows {
            if let Some(job) = self.snapshot.jobs.get_mut(&row.id) {
                if job.state == row.state && spans::count(&job.todo) != spans::count(&row.todo) {
                    tracing::error!(job = %row.id, "the planner's memory differed from the database");
                }
                job.todo = row.todo;
            }
        }
        Ok(())
    }

    pub(super) fn ask_to_shrink(&mut self, attempt: AttemptId, until: u32) {
        let Some(lease) = self.snapshot.leases.get_mut(&attempt) else {
            return;
        };
        lease.shrinking = true;
        let (key, node) = (lease.key, lease.node);
        self.send(node, ToAgent::Shrink { lease: key, until });
    }

    pub(super) async fn note_started(&mut self) -> Result<(), StoreError> {
        let keys = std::mem::take(&mut self.started);
        if keys.is_empty() {
            return Ok(());
        }
        let mut tx = self.begin().await?;
        leases::started(&mut tx, &keys).await?;
        let events: Vec<NewEvent> = keys
            .iter()
            .filter_map(|key| self.snapshot.leases.get(&key.attempt))
            .map(|lease| NewEvent {
                tenant: self.tenant(lease.job),
                subject: "attempt",
                job: Some(lease.job),
                node: Some(lease.node),
                attempt: Some(lease.key.attempt),
                from: Some(AttemptState::Starting.as_str()),
                to: AttemptState::Running.as_str(),
                who: Who::Agent,
                why: None,
            })
            .collect();
        Self::write_events(&mut tx, &events).await?;
        commit(tx).await?;
        self.farm.news.notify_waiters();
        Ok(())
    }
}

fn lease_reason(want: &Wanted) -> String {
    let copy = if want.speculative {
        ", a copy of what a silent node holds"
    } else {
        ""
    };
    format!("ordinals {} to {}{copy}", want.span.lo, want.span.hi - 1)
}

pub(super) fn frames_message(
    facts: &JobFacts,
    key: LeaseKey,
    leased: Span,
) -> Option<LeaseMessage> {
    let row = &facts.row;
    let span = match row.split {
        Split::Free | Split::Costly => leased,
        // What an effect keeps of the frames before is right only from the start of the run; those that are there already
        // come again and change nothing.
        Split::Never => Span {
            lo: row
                .frames
                .runs()
                .iter()
                .find(|run| run.span.hi > leased.lo)?
                .span
                .lo,
            ..leased
        },
    };
    Some(LeaseMessage {
        key,
        job: row.id,
        job_name: row.name.clone(),
        work: Work::Frames(FramesWork {
            source: row.source.clone(),
            composition: row.composition.clone(),
            span,
            first_display: row.frames.display(span.lo)?,
            width: row.width,
            height: row.height,
            output_template: OUTPUT_TEMPLATE.to_owned(),
            settings_template: SETTINGS_TEMPLATE.to_owned(),
        }),
    })
}
