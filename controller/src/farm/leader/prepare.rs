//! Values become part of the project once: the attempt is leased, its report judged, and every job that waits for the same
//! package and values goes on with what came of it, in one transaction with its todo.

use std::sync::Arc;
use std::time::Instant;

use flatrender_protocol::message::{
    BlobRef, Lease as LeaseMessage, Made, OutcomeClass, PrepareWork, Report, ToAgent, Work,
};
use flatrender_protocol::state::{AttemptState, JobEvent, JobState};
use flatrender_protocol::values;
use flatrender_protocol::{AttemptId, JobId, NodeId};

use super::Leader;
use super::load::{has_canary, prepare_key};
use super::report::end_of;
use crate::blobs::Area;
use crate::farm::prepared::{adopt, facts};
use crate::plan::{Lease, LeaseWork};
use crate::store::events::{self, NewEvent, Who};
use crate::store::jobs::{self, JobRow, OwnSound};
use crate::store::leases::{self, Kind};
use crate::store::prepared::{self, Facts, PreparedRow};
use crate::store::{StoreError, Tx, commit};

/// Largest report that is read; a document's texts come back in it, escaped.
const MAX_REPORT: u64 = 64 << 20;

/// What a report comes to: what was made, or whose fault it is that nothing was, in words.
type Judged = Result<(BlobRef, Facts), (OutcomeClass, String)>;

impl Leader {
    /// Leases a prepare to a node. Answers whether it did.
    pub(super) async fn lease_prepare(
        &mut self,
        id: JobId,
        node: NodeId,
    ) -> Result<bool, StoreError> {
        let Some(facts) = self.facts.get(&id) else {
            return Ok(false);
        };
        let row = facts.row.clone();
        let Some(wanted) = row.prepare.clone() else {
            return Ok(false);
        };
        let attempt = AttemptId::new();
        let mut tx = self.begin().await?;
        jobs::lock(&mut tx, &[id]).await?;
        let leased = leases::lease_whole(&mut tx, attempt, id, node, Kind::Prepare).await?;
        let Some(leased) = leased else {
            commit(tx).await?;
            self.look = true;
            return Ok(false);
        };
        let mut events = vec![self.lease_event(id, node, attempt, "set the values".to_owned())];
        if self
            .snapshot
            .jobs
            .get(&id)
            .is_some_and(|job| job.state == JobState::Queued)
        {
            events.extend(
                self.step(&mut tx, id, JobEvent::PrepareLeased, None)
                    .await?,
            );
        }
        Self::write_events(&mut tx, &events).await?;
        commit(tx).await?;
        self.farm.news.notify_waiters();
        if let Some(job) = self.snapshot.jobs.get_mut(&id) {
            job.state = JobState::Preparing;
        }
        self.hold(Lease {
            key: leased.key,
            job: id,
            node,
            work: LeaseWork::Prepare,
            shrinking: false,
            stopping: false,
        });
        let message = LeaseMessage {
            key: leased.key,
            job: id,
            job_name: row.name.clone(),
            work: Work::Prepare(PrepareWork {
                source: row.source.clone(),
                composition: wanted.comp,
                values: wanted.values,
                prepared_name: wanted.prepared_name,
            }),
        };
        self.send(node, ToAgent::Lease(Box::new(message)));
        Ok(true)
    }

    /// A prepare was reported done: its report decides what becomes of all jobs that wait for it.
    pub(super) async fn prepare_made(
        &mut self,
        lease: &Lease,
        mut report: Report,
        now: Instant,
    ) -> Result<(), StoreError> {
        let (project, facts) = match self.judged(&report).await {
            Ok(made) => made,
            Err((class, message)) => {
                report.class = class;
                report.message = message;
                return self.failed(lease.node, lease, &report, now).await;
            }
        };
        let Some(row) = self.facts.get(&lease.job).map(|facts| facts.row.clone()) else {
            return Ok(());
        };
        let key = prepare_key(&row);
        let waiting = self.snapshot.jobs.iter();
        let waiting = waiting.filter(|(_, job)| job.prepare.is_some() && job.prepare == key);
        let ids: Vec<JobId> = waiting.map(|(id, _)| *id).collect();
        let mut tx = self.begin().await?;
        let mut locked = ids.clone();
        locked.push(lease.job);
        locked.sort_unstable();
        locked.dedup();
        let open = jobs::lock(&mut tx, &locked).await?;
        let live = leases::end(
            &mut tx,
            lease.key,
            AttemptState::Succeeded,
            &end_of(&report),
        )
        .await?;
        if live {
            let event = self.ended_event(lease);
            Self::write_events(&mut tx, &[event]).await?;
        }
        let prepared = prepared::keep(&mut tx, &row, project, facts).await?;
        let ids: Vec<JobId> = ids.into_iter().filter(|id| open.contains(id)).collect();
        let settled = self.take_over(&mut tx, &ids, &prepared).await?;
        commit(tx).await?;
        self.farm.news.notify_waiters();
        self.let_go(lease.key);
        self.node_failures.remove(&lease.node);
        self.taken_over(settled);
        self.finish_cancelled().await
    }

    async fn judged(&self, report: &Report) -> Judged {
        let transient = |why: String| (OutcomeClass::Transient, why);
        let made = match &report.made {
            Some(Made::Prepared(made)) => made,
            Some(Made::Film(_) | Made::Sound(_) | Made::Snapshot(_)) | None => {
                let why = "success was reported without a prepared project";
                return Err(transient(why.to_owned()));
            }
        };
        for (what, blob) in [
            ("prepared project", &made.project),
            ("report", &made.report),
        ] {
            match self.farm.blobs.size(Area::Farm, blob.digest).await {
                Ok(Some(bytes)) if bytes == blob.bytes => {}
                Ok(_) => {
                    return Err(transient(format!(
                        "the {what} was reported, but is not in the store"
                    )));
                }
                Err(error) => {
                    return Err(transient(format!(
                        "the {what} can't be found in the store: {error}"
                    )));
                }
            }
        }
        let json = self
            .farm
            .blobs
            .read(Area::Farm, made.report.digest, MAX_REPORT)
            .await;
        let json = json.map_err(|error| transient(format!("the report can't be read: {error}")))?;
        let read = tokio::task::spawn_blocking(move || values::Report::from_json(&json)).await;
        let script = read
            .map_err(|_| transient("the report made its reader fail".to_owned()))?
            .map_err(|error| transient(error.to_string()))?;
        let facts = facts(&script, made.report.clone());
        let facts = facts.map_err(|why| (OutcomeClass::Template, why))?;
        Ok((made.project.clone(), facts))
    }

    /// Jobs whose prepared project was there before they came.
    pub(super) async fn find_prepared(&mut self, ids: &[JobId]) -> Result<(), StoreError> {
        let waiting: Vec<JobId> = ids
            .iter()
            .filter(|id| {
                self.snapshot
                    .jobs
                    .get(id)
                    .is_some_and(|job| job.prepare.is_some())
            })
            .copied()
            .collect();
        if waiting.is_empty() {
            return Ok(());
        }
        let mut tx = self.begin().await?;
        let open = jobs::lock(&mut tx, &waiting).await?;
        let found = prepared::of_jobs(&mut tx, &open).await?;
        let mut settled = Vec::new();
        for (id, prepared) in found {
            settled.extend(self.take_over(&mut tx, &[id], &prepared).await?);
        }
        commit(tx).await?;
        if !settled.is_empty() {
            self.farm.news.notify_waiters();
        }
        self.taken_over(settled);
        Ok(())
    }

    /// Writes what becomes of these open, locked jobs: they take over what was prepared, or they fail in words.
    async fn take_over(
        &self,
        tx: &mut Tx,
        ids: &[JobId],
        prepared: &PreparedRow,
    ) -> Result<Vec<(JobId, Option<JobRow>)>, StoreError> {
        let mut settled = Vec::new();
        for id in ids {
            let Some(facts) = self.facts.get(id) else {
                continue;
            };
            let Some(wanted) = &facts.row.prepare else {
                continue;
            };
            match adopt(&facts.row, wanted, prepared, self.farm.settings.own_sound) {
                Ok(row) => {
                    if prepared::settle(tx, &row, prepared.id).await? {
                        let event = self.prepared_event(&row, prepared);
                        Self::write_events(tx, &[event]).await?;
                        settled.push((*id, Some(row)));
                    }
                }
                Err(reason) => {
                    jobs::close(tx, *id).await?;
                    let reason = Some(reason);
                    let event = self
                        .step(tx, *id, JobEvent::CannotFinish, reason.clone())
                        .await?;
                    Self::write_events(tx, event.as_slice()).await?;
                    let payload = serde_json::json!({ "job": id, "reason": reason });
                    let (tenant, key) = (self.tenant(*id), id.to_string());
                    events::outbox(tx, tenant, "render.job.failed", &key, &payload).await?;
                    settled.push((*id, None));
                }
            }
        }
        Ok(settled)
    }

    /// After the commit: the planner's memory follows.
    fn taken_over(&mut self, settled: Vec<(JobId, Option<JobRow>)>) {
        for (id, row) in settled {
            let Some(job) = self.snapshot.jobs.get_mut(&id) else {
                continue;
            };
            let Some(mut row) = row else {
                job.state = JobState::Failed;
                continue;
            };
            job.needs = row.source.cached().collect();
            job.prepare = None;
            job.wants_sound = row.sound == OwnSound::Wanted;
            job.split = row.split;
            job.pin = row.pin;
            job.canary = has_canary(&row);
            job.total = row.frames.len();
            job.runs = row.frames.runs();
            job.todo = vec![flatrender_protocol::Span {
                lo: 0,
                hi: row.frames.len(),
            }];
            row.state = job.state;
            row.todo.clone_from(&job.todo);
            if let Some(facts) = self.facts.get_mut(&id) {
                facts.row = Arc::new(row);
            }
        }
    }

    fn prepared_event(&self, row: &JobRow, prepared: &PreparedRow) -> NewEvent {
        let why = format!(
            "its values are set by After Effects {}: {} frames of {} × {}",
            prepared.facts.host,
            row.frames.len(),
            row.width,
            row.height
        );
        let state = self
            .snapshot
            .jobs
            .get(&row.id)
            .map_or(row.state, |job| job.state);
        NewEvent {
            tenant: row.tenant,
            subject: "job",
            job: Some(row.id),
            node: None,
            attempt: None,
            from: Some(state.as_str()),
            to: state.as_str(),
            who: Who::Farm,
            why: Some(why),
        }
    }

    /// An attempt without frames did what it was for.
    pub(super) fn ended_event(&self, lease: &Lease) -> NewEvent {
        NewEvent {
            tenant: self.tenant(lease.job),
            subject: "attempt",
            job: Some(lease.job),
            node: Some(lease.node),
            attempt: Some(lease.key.attempt),
            from: None,
            to: AttemptState::Succeeded.as_str(),
            who: Who::Agent,
            why: None,
        }
    }
}
