//! Attempts that ended: what it means for their frames, their job and their node.

use std::time::{Duration, Instant};

use flatrender_protocol::message::{Ending, OutcomeClass, Report, ToAgent};
use flatrender_protocol::state::{AttemptState, FrameJobState, Health, JobEvent, JobState};
use flatrender_protocol::{JobId, NodeId, Span};
use time::OffsetDateTime;

use super::Leader;
use crate::plan::{Lease, LeaseWork};
use crate::store::events::{NewEvent, Who};
use crate::store::leases::{self, End, Kind};
use crate::store::{StoreError, commit, jobs, nodes};

/// The same frame failing on so many nodes fails that frame.
const NODES_TO_FAIL: usize = 3;
/// On a farm with fewer nodes, so many failures of it.
const FAILURES_TO_FAIL: usize = 6;
/// Films that fail before the job does.
const FILMS_TO_FAIL: u32 = 3;
/// Failures in a row that put a node under quarantine.
const FAILURES_TO_QUARANTINE: u32 = 3;
pub(super) const FIRST_PAUSE: Duration = Duration::from_secs(2);
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(60);
const QUARANTINE: Duration = Duration::from_secs(60);

impl Leader {
    pub(super) async fn take_reports(&mut self, now: Instant) -> Result<(), StoreError> {
        for (node, _, report) in std::mem::take(&mut self.reports) {
            self.take_report(node, report, now).await?;
        }
        Ok(())
    }

    async fn take_report(
        &mut self,
        node: NodeId,
        report: Report,
        now: Instant,
    ) -> Result<(), StoreError> {
        let key = report.lease;
        let live = self.snapshot.leases.get(&key.attempt);
        let Some(lease) = live
            .filter(|lease| lease.key == key && lease.node == node)
            .cloned()
        else {
            // Lost, cancelled, or acknowledged before and told again: either way the agent may forget it.
            self.send(node, ToAgent::ReportAck(key));
            return Ok(());
        };
        if lease.repairs().is_some() {
            self.repair_reported(node, &lease, &report, now).await?;
            self.send(node, ToAgent::ReportAck(key));
            return Ok(());
        }
        let of_snapshot = lease.work == LeaseWork::Snapshot;
        match (lease.span(), report.ending) {
            (None, Ending::Succeeded) => match lease.work {
                LeaseWork::Prepare => self.prepare_made(&lease, report, now).await?,
                LeaseWork::Sound => self.sound_made(&lease, report, now).await?,
                LeaseWork::Snapshot => self.snapshot_made(&lease, report, now).await?,
                LeaseWork::Assemble | LeaseWork::Frames { .. } | LeaseWork::Repair { .. } => {
                    self.film_made(&lease, report).await?;
                }
            },
            (Some(_), Ending::Succeeded) if !self.snapshot.unpublished(&lease).is_empty() => {
                // Its last frames are still on their way.
                let until = now + Duration::from_millis(self.farm.settings.report_grace_ms);
                self.awaited.insert(key.attempt, (node, report, until));
                return Ok(());
            }
            (Some(_), Ending::Succeeded) => self.succeeded(node, &lease, &report).await?,
            (_, Ending::Stopped) => self.stopped(&lease, &report).await?,
            (_, Ending::Failed) if of_snapshot => {
                self.snapshot_failed(&lease, &report, now).await?;
            }
            (_, Ending::Failed) => self.failed(node, &lease, &report, now).await?,
        }
        self.send(node, ToAgent::ReportAck(key));
        Ok(())
    }

    async fn succeeded(
        &mut self,
        node: NodeId,
        lease: &Lease,
        report: &Report,
    ) -> Result<(), StoreError> {
        self.doubt(lease, report).await?;
        let mut tx = self.begin().await?;
        jobs::lock(&mut tx, &[lease.job]).await?;
        leases::end(&mut tx, lease.key, AttemptState::Succeeded, &end_of(report)).await?;
        leases::finish(&mut tx, &[lease.key.attempt]).await?;
        let event = NewEvent {
            tenant: self.tenant(lease.job),
            subject: "attempt",
            job: Some(lease.job),
            node: Some(node),
            attempt: Some(lease.key.attempt),
            from: None,
            to: AttemptState::Succeeded.as_str(),
            who: Who::Agent,
            why: None,
        };
        Self::write_events(&mut tx, &[event]).await?;
        commit(tx).await?;
        self.farm.news.notify_waiters();
        self.let_go(lease.key);
        self.node_failures.remove(&node);
        self.forget_if_over(lease.job);
        Ok(())
    }

    pub(super) async fn stopped(
        &mut self,
        lease: &Lease,
        report: &Report,
    ) -> Result<(), StoreError> {
        let ended = vec![(lease.clone(), AttemptState::Cancelled, end_of(report))];
        self.end_leases(ended, FrameJobState::Returned, Who::Agent)
            .await
    }

    pub(super) async fn failed(
        &mut self,
        node: NodeId,
        lease: &Lease,
        report: &Report,
        now: Instant,
    ) -> Result<(), StoreError> {
        tracing::warn!(%node, attempt = %lease.key.attempt, class = report.class.as_str(), message = report.message, "an attempt failed");
        self.doubt(lease, report).await?;
        self.note_crash(lease, report).await?;
        let culprit = self.snapshot.unpublished(lease).first().map(|span| span.lo);
        let ended = vec![(lease.clone(), AttemptState::Failed, end_of(report))];
        self.end_leases(ended, FrameJobState::Failed, Who::Agent)
            .await?;
        self.blame_node(node, report, now).await?;
        for id in self.sharing(lease) {
            self.pause(id, node, now);
        }
        match culprit {
            Some(ordinal) => self.blame_frame(lease.job, ordinal, node, report).await,
            None => match lease.work {
                LeaseWork::Assemble => self.blame_film(lease.job, report).await,
                LeaseWork::Prepare => self.blame_work(lease, Kind::Prepare, node, report).await,
                LeaseWork::Sound => self.blame_work(lease, Kind::Sound, node, report).await,
                LeaseWork::Frames { .. } | LeaseWork::Repair { .. } | LeaseWork::Snapshot => Ok(()),
            },
        }
    }

    /// Keeps the job away from the node that failed it, longer each time.
    pub(super) fn pause(&mut self, id: JobId, node: NodeId, now: Instant) {
        let again = self.facts.get(&id).map_or(0, |facts| {
            let work = facts.work_failures.values().flatten();
            work.chain(facts.failures.values().flatten())
                .filter(|failed| **failed == node)
                .count()
        });
        let pause = FIRST_PAUSE
            .saturating_mul(1 << again.min(10))
            .min(LONGEST_PAUSE);
        if let Some(job) = self.snapshot.jobs.get_mut(&id) {
            job.avoid.insert(node, now + pause);
        }
    }

    async fn blame_frame(
        &mut self,
        id: JobId,
        ordinal: u32,
        node: NodeId,
        report: &Report,
    ) -> Result<(), StoreError> {
        let Some(facts) = self.facts.get_mut(&id) else {
            return Ok(());
        };
        let failed = facts.failures.entry(ordinal).or_default();
        failed.push(node);
        let (failed, count) = (failed.clone(), failed.len());
        if !hopeless(&failed, report.class) {
            return Ok(());
        }
        let names = self.names_of(&failed);
        let Some(facts) = self.facts.get(&id) else {
            return Ok(());
        };
        let display = facts.row.frames.display(ordinal).unwrap_or_default();
        let reason = format!(
            "frame {display} failed {count} times, on {names}: {}",
            words(report)
        );
        self.fail_job(
            id,
            Some(Span {
                lo: ordinal,
                hi: ordinal + 1,
            }),
            reason,
        )
        .await
    }

    /// What has no frames failed: after enough nodes the job can't go on, and neither can those that wait for the same.
    async fn blame_work(
        &mut self,
        lease: &Lease,
        kind: Kind,
        node: NodeId,
        report: &Report,
    ) -> Result<(), StoreError> {
        let sharing = self.sharing(lease);
        for id in &sharing {
            if let Some(facts) = self.facts.get_mut(id) {
                facts.work_failures.entry(kind).or_default().push(node);
            }
        }
        let failed = self.facts.get(&lease.job);
        let failed = failed.and_then(|facts| facts.work_failures.get(&kind).cloned());
        let failed = failed.unwrap_or_default();
        let count = failed.len();
        if !hopeless(&failed, report.class) {
            return Ok(());
        }
        let what = match kind {
            Kind::Prepare => "the project could not be prepared",
            Kind::Sound => {
                "the composition's own sound could not be rendered (the job can be sent again without it)"
            }
            Kind::Frames | Kind::Assemble | Kind::Snapshot => "it could not be rendered",
        };
        let names = self.names_of(&failed);
        let reason = format!("{what} in {count} attempts, on {names}: {}", words(report));
        for job in sharing {
            self.fail_job(job, None, reason.clone()).await?;
        }
        Ok(())
    }

    /// The jobs that an attempt is for: of a prepare, all that wait for the same project.
    fn sharing(&self, lease: &Lease) -> Vec<JobId> {
        let key = self
            .snapshot
            .jobs
            .get(&lease.job)
            .and_then(|job| job.prepare);
        let shared = key.filter(|_| lease.work == LeaseWork::Prepare);
        let jobs = self.snapshot.jobs.iter();
        let jobs = jobs.filter(|(id, job)| {
            **id == lease.job || shared.is_some() && crate::plan::prepare_wanted(job) == shared
        });
        jobs.map(|(id, _)| *id).collect()
    }

    /// Each node once, by name.
    fn names_of(&self, nodes: &[NodeId]) -> String {
        let mut on = nodes.to_vec();
        on.sort_unstable();
        on.dedup();
        let names: Vec<String> = on
            .iter()
            .map(|id| {
                self.snapshot
                    .nodes
                    .get(id)
                    .map_or_else(|| id.to_string(), |n| n.name.clone())
            })
            .collect();
        names.join(", ")
    }

    async fn blame_film(&mut self, id: JobId, report: &Report) -> Result<(), StoreError> {
        let Some(facts) = self.facts.get_mut(&id) else {
            return Ok(());
        };
        facts.film_failures += 1;
        if facts.film_failures < FILMS_TO_FAIL {
            return Ok(());
        }
        let reason = format!(
            "every frame is there, but the film could not be made in {FILMS_TO_FAIL} attempts: {}",
            report.message
        );
        self.fail_job(id, None, reason).await
    }

    pub(super) async fn fail_job(
        &mut self,
        id: JobId,
        failed: Option<Span>,
        reason: String,
    ) -> Result<(), StoreError> {
        tracing::error!(job = %id, reason, "a job failed");
        let mut tx = self.begin().await?;
        jobs::lock(&mut tx, &[id]).await?;
        if let Some(span) = failed {
            jobs::fail_frames(&mut tx, id, &[span]).await?;
        }
        jobs::close(&mut tx, id).await?;
        let event = self
            .step(&mut tx, id, JobEvent::CannotFinish, Some(reason.clone()))
            .await?;
        Self::write_events(&mut tx, event.as_slice()).await?;
        let payload = serde_json::json!({ "job": id, "reason": reason });
        let tenant = self.tenant(id);
        crate::store::events::outbox(
            &mut tx,
            tenant,
            "render.job.failed",
            &id.to_string(),
            &payload,
        )
        .await?;
        commit(tx).await?;
        self.farm.news.notify_waiters();
        if let Some(job) = self.snapshot.jobs.get_mut(&id) {
            job.state = JobState::Failed;
        }
        self.drop_leases(id, "the job failed").await?;
        self.forget_if_over(id);
        Ok(())
    }

    /// A job that is over is forgotten once nobody holds anything of it.
    pub(super) fn forget_if_over(&mut self, id: JobId) {
        let over = self
            .snapshot
            .jobs
            .get(&id)
            .is_some_and(|job| job.state.is_final() && job.leases.is_empty());
        if over {
            self.snapshot.jobs.remove(&id);
            self.facts.remove(&id);
            self.forget_repairs(id);
        }
    }

    pub(super) async fn blame_node(
        &mut self,
        node: NodeId,
        report: &Report,
        now: Instant,
    ) -> Result<(), StoreError> {
        if report.class != OutcomeClass::Node {
            return Ok(());
        }
        let failures = self.node_failures.entry(node).or_default();
        *failures += 1;
        let count = *failures;
        let evidence = serde_json::json!({ "failures_in_a_row": count, "message": report.message });
        self.quarantine_after(node, count, &evidence, now).await
    }

    /// Keeps a node from work once `count` things speak against it, longer the more they are.
    pub(super) async fn quarantine_after(
        &mut self,
        node: NodeId,
        count: u32,
        evidence: &serde_json::Value,
        now: Instant,
    ) -> Result<(), StoreError> {
        if count < FAILURES_TO_QUARANTINE {
            return Ok(());
        }
        let pause = QUARANTINE * (count - FAILURES_TO_QUARANTINE + 1).min(30);
        let mut tx = self.begin().await?;
        let until = OffsetDateTime::now_utc() + pause;
        nodes::set_health(&mut tx, node, Some((evidence, until))).await?;
        commit(tx).await?;
        self.quarantined.insert(node, now + pause);
        if let Some(node) = self.snapshot.nodes.get_mut(&node) {
            node.health = Health::Quarantined;
        }
        tracing::warn!(%node, ?pause, %evidence, "quarantined");
        Ok(())
    }

    /// Successful reports whose last frame has just been published.
    pub(super) async fn finish_awaited(&mut self) -> Result<(), StoreError> {
        let complete: Vec<_> = self
            .awaited
            .keys()
            .filter_map(|attempt| self.snapshot.leases.get(attempt))
            .filter(|lease| self.snapshot.unpublished(lease).is_empty())
            .cloned()
            .collect();
        for lease in complete {
            let Some((node, report, _)) = self.awaited.remove(&lease.key.attempt) else {
                continue;
            };
            self.succeeded(node, &lease, &report).await?;
            self.send(node, ToAgent::ReportAck(lease.key));
        }
        Ok(())
    }

    /// Success was reported, and the frames never came: that is a failure.
    pub(super) async fn give_up_awaited(&mut self, now: Instant) -> Result<(), StoreError> {
        let over: Vec<_> = self
            .awaited
            .iter()
            .filter(|(_, (_, _, until))| *until <= now)
            .map(|(attempt, _)| *attempt)
            .collect();
        for attempt in over {
            let Some((node, mut report, _)) = self.awaited.remove(&attempt) else {
                continue;
            };
            let Some(lease) = self.snapshot.leases.get(&attempt).cloned() else {
                continue;
            };
            report.class = OutcomeClass::Transient;
            report.message = "success was reported, but not all frames arrived".to_owned();
            self.failed(node, &lease, &report, now).await?;
            self.send(node, ToAgent::ReportAck(lease.key));
        }
        Ok(())
    }

    /// Cancelled jobs that nobody holds anything of any more, and failed ones likewise.
    pub(super) async fn finish_cancelled(&mut self) -> Result<(), StoreError> {
        let done: Vec<(JobId, JobState)> = self
            .snapshot
            .jobs
            .iter()
            .filter(|(_, job)| job.leases.is_empty())
            .filter(|(_, job)| job.state == JobState::Cancelling || job.state.is_final())
            .map(|(id, job)| (*id, job.state))
            .collect();
        for (id, state) in done {
            if state == JobState::Cancelling {
                let mut tx = self.begin().await?;
                jobs::lock(&mut tx, &[id]).await?;
                let event = self.step(&mut tx, id, JobEvent::LetGo, None).await?;
                Self::write_events(&mut tx, event.as_slice()).await?;
                commit(tx).await?;
                self.farm.news.notify_waiters();
            }
            self.snapshot.jobs.remove(&id);
            self.facts.remove(&id);
            self.forget_repairs(id);
        }
        Ok(())
    }
}

/// Whether another try would be in vain: on enough nodes, or often enough where there are not so many.
fn hopeless(failed: &[NodeId], class: OutcomeClass) -> bool {
    let mut on = failed.to_vec();
    on.sort_unstable();
    on.dedup();
    let limit = match class {
        OutcomeClass::Template => NODES_TO_FAIL,
        OutcomeClass::Ok | OutcomeClass::Node | OutcomeClass::Transient | OutcomeClass::Suspect => {
            FAILURES_TO_FAIL
        }
    };
    on.len() >= NODES_TO_FAIL || failed.len() >= limit
}

/// What the renderer said.
fn words(report: &Report) -> &str {
    if report.message.is_empty() {
        "the renderer gave no reason"
    } else {
        &report.message
    }
}

pub(super) fn end_of(report: &Report) -> End {
    End {
        class: Some(report.class),
        exit_code: report.exit_code,
        message: report.message.clone(),
        log_tail: report.log_tail.clone(),
        startup_ms: report.startup_ms,
        total_ms: Some(report.total_ms),
    }
}
