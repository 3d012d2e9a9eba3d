//! Frames are rendered again: leasing them, judging the second opinion, replacing what it shows to be wrong, and what the
//! end of each attempt means for the repair.

use std::sync::Arc;
use std::time::{Duration, Instant};

use flatrender_protocol::message::{
    Ending, FrameHeader, FrameOutcome, LeaseKey, OutcomeClass, Report, ToAgent,
};
use flatrender_protocol::state::{
    AttemptState, FrameJobState, RepairEvent, RepairReason, RepairState,
};
use flatrender_protocol::{AttemptId, JobId, NodeId, RepairId};
use serde_json::{Value, json};

use super::{Leader, second};
use crate::plan::{Lease, LeaseWork, Repair, RepairChoice, repair};
use crate::store::repairs::{self, Change, RepairRow};
use crate::store::{StoreError, begin, commit, frames, jobs, leases};
use flatrender_protocol::message::Shown;

/// Failed attempts after which a repair is given up.
const FAILURES_TO_FAIL: u32 = 3;

/// What a repair is, beside what the planner needs.
pub(super) struct RepairFacts {
    pub row: Arc<RepairRow>,
    /// Attempts that failed.
    failures: u32,
    /// What the second opinion said, until its attempt's report says whether it can be believed.
    opinion: Option<bool>,
}

/// What an attempt's end means for its repair.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    /// Everything was replaced.
    Done,
    /// The second opinion differs; the rest follows.
    Confirmed,
    /// The second opinion agrees.
    Dismissed,
    /// Somebody else, or the same again.
    Again,
    /// It counts as a failure, and then again.
    Failure,
    /// The renderer says the same here as there.
    Template,
}

/// All that decides it.
struct Came {
    probing: bool,
    reason: RepairReason,
    opinion: Option<bool>,
    all_replaced: bool,
    ending: Ending,
    class: OutcomeClass,
}

fn next_of(came: &Came) -> Next {
    let suspect = came.class == OutcomeClass::Suspect;
    match (came.ending, came.probing, came.opinion) {
        (Ending::Stopped, _, _) => Next::Again,
        (Ending::Succeeded | Ending::Failed, _, _)
            if suspect && came.reason == RepairReason::Suspect =>
        {
            Next::Template
        }
        (Ending::Failed, _, _) | (Ending::Succeeded, true, None) => Next::Failure,
        (Ending::Succeeded, _, _) if suspect => Next::Failure,
        (Ending::Succeeded, true, Some(true)) => Next::Dismissed,
        (Ending::Succeeded, _, _) if came.all_replaced => Next::Done,
        (Ending::Succeeded, true, Some(false)) => Next::Confirmed,
        (Ending::Succeeded, false, _) => Next::Failure,
    }
}

impl Leader {
    /// Takes what the database says of these jobs' repairs; what a person dismissed is told to stop.
    pub(super) async fn read_repairs(&mut self, ids: &[JobId]) -> Result<(), StoreError> {
        let mut tx = begin(&self.farm.worker).await?;
        let rows = repairs::of_jobs(&mut tx, ids).await?;
        commit(tx).await?;
        for row in rows {
            let (id, job) = (row.id, row.job);
            let failed = match row.state {
                RepairState::Open | RepairState::Leased => false,
                RepairState::Failed => true,
                RepairState::Done | RepairState::Dismissed => {
                    if self.snapshot.repairs.remove(&id).is_some() {
                        self.to_check.insert(job);
                        self.stop_repair(id);
                    }
                    self.repairs.remove(&id);
                    continue;
                }
            };
            let patience = Duration::from_millis(self.farm.settings.repair_patience_ms);
            let known = self.snapshot.repairs.get(&id);
            let patient_until = known.map_or(self.last_turn + patience, |r| r.patient_until);
            let planned = Repair {
                job,
                probe: row.probe,
                left: row.left.clone(),
                excluded: row.excluded.clone(),
                patient_until,
                failed,
            };
            self.snapshot.repairs.insert(id, planned);
            let row = Arc::new(row);
            let facts = self.repairs.entry(id).or_insert_with(|| RepairFacts {
                row: row.clone(),
                failures: 0,
                opinion: None,
            });
            facts.row = row;
            self.to_check.insert(job);
        }
        Ok(())
    }

    /// A job that is over has nothing to be repaired.
    pub(super) fn forget_repairs(&mut self, id: JobId) {
        self.snapshot.repairs.retain(|_, repair| repair.job != id);
        self.repairs.retain(|_, facts| facts.row.job != id);
        self.to_check.remove(&id);
    }

    fn stop_repair(&mut self, id: RepairId) {
        let held: Vec<(LeaseKey, NodeId)> = self
            .snapshot
            .leases
            .values_mut()
            .filter(|lease| lease.repairs().is_some_and(|(repair, _)| repair == id))
            .map(|lease| {
                lease.stopping = true;
                (lease.key, lease.node)
            })
            .collect();
        for (lease, node) in held {
            let reason = "its frames are taken as they are".to_owned();
            self.send(node, ToAgent::Drop { lease, reason });
        }
    }

    /// Leases frames of a repair. Answers whether it did.
    pub(super) async fn lease_repair(&mut self, choice: RepairChoice) -> Result<bool, StoreError> {
        let RepairChoice {
            repair,
            job,
            node,
            span,
        } = choice;
        let attempt = AttemptId::new();
        let mut tx = self.begin().await?;
        jobs::lock(&mut tx, &[job]).await?;
        let Some(leased) = repairs::lease(&mut tx, repair, attempt, node, span).await? else {
            commit(tx).await?;
            self.look = true;
            self.read_repairs(&[job]).await?;
            return Ok(false);
        };
        let words = self.repairs.get(&repair).map_or_else(String::new, |facts| {
            let what = if facts.row.probe.is_some() {
                "a second opinion on"
            } else {
                "again"
            };
            format!(
                "{what} ordinals {} to {} ({})",
                span.lo,
                span.hi - 1,
                facts.row.reason
            )
        });
        let events = [
            self.lease_event(job, node, attempt, words.clone()),
            self.repair_event(job, Some(RepairState::Open), RepairState::Leased, words),
        ];
        Self::write_events(&mut tx, &events).await?;
        commit(tx).await?;
        self.farm.news.notify_waiters();
        let message = self
            .facts
            .get(&job)
            .and_then(|facts| super::lease::frames_message(facts, leased.key, span));
        if let Some(facts) = self.repairs.get_mut(&repair) {
            facts.opinion = None;
        }
        self.hold(Lease {
            key: leased.key,
            job,
            node,
            work: LeaseWork::Repair { repair, span },
            shrinking: false,
            stopping: false,
        });
        if let Some(message) = message {
            self.send(node, ToAgent::Lease(Box::new(message)));
        }
        Ok(true)
    }

    /// Frames that repairs rendered: second opinions are judged, what is wrong is replaced.
    pub(super) async fn take_repaired(
        &mut self,
        came: Vec<(NodeId, FrameHeader)>,
    ) -> Result<(), StoreError> {
        for (node, header) in came {
            let outcome = self.take_repaired_frame(node, &header).await?;
            let (lease, ordinal) = (header.lease, header.ordinal);
            let answer = ToAgent::FrameAck {
                lease,
                ordinal,
                outcome,
            };
            self.send(node, answer);
        }
        Ok(())
    }

    async fn take_repaired_frame(
        &mut self,
        node: NodeId,
        header: &FrameHeader,
    ) -> Result<FrameOutcome, StoreError> {
        let refused = || FrameOutcome::Refused {
            reason: "no lease of this node names it, or its repair is over".to_owned(),
        };
        let lease = self.snapshot.leases.get(&header.lease.attempt);
        let lease = lease.filter(|lease| lease.key == header.lease && lease.node == node);
        let Some((job, (id, span))) = lease.and_then(|l| Some((l.job, l.repairs()?))) else {
            return Ok(refused());
        };
        let Some(row) = self.repairs.get(&id).map(|facts| facts.row.clone()) else {
            return Ok(refused());
        };
        if !span.contains(header.ordinal) {
            return Ok(refused());
        }
        let probe = row.probe == Some(header.ordinal);
        if probe && row.reason != RepairReason::Suspect {
            let agrees = self.second_opinion(job, node, header).await?;
            if let Some(facts) = self.repairs.get_mut(&id) {
                facts.opinion = Some(agrees);
            }
            if agrees {
                return Ok(FrameOutcome::AlreadyPublished);
            }
        }
        let mut tx = self.begin().await?;
        jobs::lock(&mut tx, &[job]).await?;
        let replaced = repairs::replace(&mut tx, node, header).await?;
        commit(tx).await?;
        if replaced && let Some(planned) = self.snapshot.repairs.get_mut(&id) {
            repair::replaced(planned, header.ordinal);
        }
        if probe && let Some(facts) = self.repairs.get_mut(&id) {
            facts.opinion = Some(false);
        }
        Ok(if replaced {
            FrameOutcome::Published
        } else {
            FrameOutcome::AlreadyPublished
        })
    }

    async fn second_opinion(
        &self,
        job: JobId,
        node: NodeId,
        header: &FrameHeader,
    ) -> Result<bool, StoreError> {
        let mut tx = begin(&self.farm.worker).await?;
        let first = frames::shown(&mut tx, job, Some(&[header.ordinal])).await?;
        commit(tx).await?;
        let Some((_, first)) = first.into_iter().next() else {
            return Ok(false);
        };
        let theirs = Shown {
            attempt: header.lease.attempt,
            node,
            pixels: header.pixels,
            measures: header.measures,
        };
        Ok(second::agrees(&self.farm.blobs, &first, &theirs, header).await)
    }

    /// An attempt of a repair ended.
    pub(super) async fn repair_reported(
        &mut self,
        node: NodeId,
        lease: &Lease,
        report: &Report,
        now: Instant,
    ) -> Result<(), StoreError> {
        let Some((id, _)) = lease.repairs() else {
            return Ok(());
        };
        self.doubt(lease, report).await?;
        let state = match report.ending {
            Ending::Succeeded => AttemptState::Succeeded,
            Ending::Failed => AttemptState::Failed,
            Ending::Stopped => AttemptState::Cancelled,
        };
        let next = self.what_follows(id, report);
        let mut tx = self.begin().await?;
        jobs::lock(&mut tx, &[lease.job]).await?;
        leases::end(&mut tx, lease.key, state, &super::report::end_of(report)).await?;
        repairs::end_lease(&mut tx, lease.key.attempt, frame_job_state(report.ending)).await?;
        if let Some((event, change)) = self.step_of(id, next.as_ref(), node, report)
            && let Ok(to) = RepairState::Leased.next(event)
            && repairs::set_state(&mut tx, id, RepairState::Leased, to, &change).await?
        {
            let why = report.message.clone();
            let moved = self.repair_event(lease.job, Some(RepairState::Leased), to, why);
            Self::write_events(&mut tx, &[moved]).await?;
        }
        commit(tx).await?;
        self.farm.news.notify_waiters();
        self.let_go(lease.key);
        if report.ending == Ending::Failed {
            self.blame_node(node, report, now).await?;
            self.pause(lease.job, node, now);
        }
        match next {
            Some(Next::Confirmed | Next::Done) => self.blame_for_frames(id, now).await?,
            Some(Next::Dismissed | Next::Again | Next::Failure | Next::Template) | None => {}
        }
        self.read_repairs(&[lease.job]).await?;
        self.finish_cancelled().await
    }

    fn what_follows(&mut self, id: RepairId, report: &Report) -> Option<Next> {
        let left = &self.snapshot.repairs.get(&id)?.left;
        let facts = self.repairs.get_mut(&id)?;
        let next = next_of(&Came {
            probing: facts.row.probe.is_some(),
            reason: facts.row.reason,
            opinion: facts.opinion,
            all_replaced: left.is_empty(),
            ending: report.ending,
            class: report.class,
        });
        facts.failures += u32::from(next == Next::Failure);
        Some(next)
    }

    /// The step of the repair's machine, and what it writes down.
    fn step_of(
        &self,
        id: RepairId,
        next: Option<&Next>,
        node: NodeId,
        report: &Report,
    ) -> Option<(RepairEvent, Change)> {
        let facts = self.repairs.get(&id)?;
        let name = self.names(&[node]).join("");
        let failed = |why: String| Change {
            evidence: json!({ "failed": why }),
            ..Change::default()
        };
        Some(match next? {
            Next::Done => (RepairEvent::Repaired, heard(json!({ "repaired_on": name }))),
            Next::Confirmed => (RepairEvent::Confirmed, heard(json!({ "differs_on": name }))),
            Next::Dismissed => (RepairEvent::Dismissed, heard(json!({ "agrees_on": name }))),
            Next::Again => (RepairEvent::GivenBack, Change::default()),
            Next::Template => (
                RepairEvent::Exhausted,
                failed(format!("{name} says: {}", report.message)),
            ),
            Next::Failure if facts.failures >= FAILURES_TO_FAIL => (
                RepairEvent::Exhausted,
                failed(format!(
                    "{} attempts failed, the last on {name}: {}",
                    facts.failures, report.message
                )),
            ),
            Next::Failure => (RepairEvent::GivenBack, Change::default()),
        })
    }

    /// What somebody else rendered otherwise speaks against the node that showed it first.
    async fn blame_for_frames(&mut self, id: RepairId, now: Instant) -> Result<(), StoreError> {
        let Some(row) = self.repairs.get(&id).map(|facts| facts.row.clone()) else {
            return Ok(());
        };
        // The probe already told; what follows it is the same mistake. What a person asked for is nobody's.
        if row.probe.is_none() || row.reason == RepairReason::Asked {
            return Ok(());
        }
        for node in &row.excluded {
            let wrong = self.wrong_frames.entry(*node).or_default();
            *wrong += 1;
            let count = *wrong;
            let why = row.evidence["why"].as_str().unwrap_or_default().to_owned();
            tracing::warn!(%node, reason = row.reason.as_str(), why, "another node shows other frames");
            let evidence = json!({
                "runs_of_wrong_frames": count, "job": row.job, "reason": row.reason.as_str(), "why": why,
            });
            self.quarantine_after(*node, count, &evidence, now).await?;
        }
        Ok(())
    }

    /// The lease of a repair ended without its node's doing: the repair waits again.
    pub(super) async fn give_repair_back(
        tx: &mut crate::store::Tx,
        lease: &Lease,
    ) -> Result<(), StoreError> {
        let Some((id, _)) = lease.repairs() else {
            return Ok(());
        };
        repairs::end_lease(tx, lease.key.attempt, FrameJobState::Returned).await?;
        let (from, to) = (RepairState::Leased, RepairState::Open);
        repairs::set_state(tx, id, from, to, &Change::default()).await?;
        Ok(())
    }
}

fn heard(evidence: Value) -> Change {
    Change {
        evidence,
        opinion_heard: true,
        exclude: None,
    }
}

fn frame_job_state(ending: Ending) -> FrameJobState {
    match ending {
        Ending::Succeeded => FrameJobState::Done,
        Ending::Failed => FrameJobState::Failed,
        Ending::Stopped => FrameJobState::Returned,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_an_attempt_decides_for_its_repair() {
        use Ending::{Failed, Stopped, Succeeded};
        use OutcomeClass::{Ok, Suspect, Transient};
        use RepairReason::{Black, Suspect as Doubted};
        for (probing, reason, opinion, all_replaced, ending, class, next) in [
            (
                true,
                Black,
                Some(true),
                false,
                Succeeded,
                Ok,
                Next::Dismissed,
            ),
            (
                true,
                Black,
                Some(false),
                false,
                Succeeded,
                Ok,
                Next::Confirmed,
            ),
            (true, Black, Some(false), true, Succeeded, Ok, Next::Done),
            (true, Black, None, false, Succeeded, Ok, Next::Failure),
            (
                true,
                Black,
                Some(true),
                false,
                Succeeded,
                Suspect,
                Next::Failure,
            ),
            (
                true,
                Black,
                Some(true),
                false,
                Failed,
                Transient,
                Next::Failure,
            ),
            (
                true,
                Doubted,
                Some(false),
                false,
                Succeeded,
                Suspect,
                Next::Template,
            ),
            (
                true,
                Doubted,
                Some(false),
                false,
                Succeeded,
                Ok,
                Next::Confirmed,
            ),
            (
                false,
                Doubted,
                None,
                true,
                Succeeded,
                Suspect,
                Next::Template,
            ),
            (false, Black, None, true, Succeeded, Ok, Next::Done),
            (false, Black, None, false, Succeeded, Ok, Next::Failure),
            (false, Black, None, false, Stopped, Ok, Next::Again),
        ] {
            let came = Came {
                probing,
                reason,
                opinion,
                all_replaced,
                ending,
                class,
            };
            assert_eq!(
                next_of(&came),
                next,
                "{probing} {reason} {opinion:?} {ending:?}"
            );
        }
    }
}
