//! Frames whose bytes are durable become official: one transaction a batch, acknowledged after its commit.

use std::collections::HashMap;

use flatrender_protocol::message::{FrameHeader, FrameOutcome, LeaseKey, ToAgent};
use flatrender_protocol::{AttemptId, JobId, NodeId, Span};

use super::Leader;
use crate::plan::{Cost, spans};
use crate::store::frames::{self, Offered};
use crate::store::{StoreError, commit, jobs};

impl Leader {
    pub(super) async fn publish(&mut self) -> Result<(), StoreError> {
        let came = std::mem::take(&mut self.frames);
        if came.is_empty() {
            return Ok(());
        }
        let (again, offered): (Vec<_>, Vec<_>) = came
            .into_iter()
            .map(|(node, _, header)| (node, header))
            .partition(|(_, header)| self.is_repair(header));
        self.take_repaired(again).await?;
        if offered.is_empty() {
            return Ok(());
        }
        let jobs_of = self.jobs_of(&offered).await?;
        let offered = self.of_pinned_release(offered, &jobs_of);
        let mut ids: Vec<JobId> = jobs_of.values().copied().collect();
        ids.sort_unstable();
        ids.dedup();
        let mut tx = self.begin().await?;
        jobs::lock(&mut tx, &ids).await?;
        let outcomes = frames::publish(&mut tx, &offered).await?;
        let pins = self.pin(&mut tx, &offered, &outcomes).await?;
        commit(tx).await?;
        let complete: Vec<JobId> = ids
            .into_iter()
            .filter(|id| self.becomes_complete(*id, &offered, &outcomes))
            .collect();
        self.farm.news.notify_waiters();
        self.pinned(&pins);
        for ((node, header), outcome) in offered.iter().zip(outcomes) {
            self.published(*node, header, outcome);
        }
        for id in complete {
            self.frames_complete(id).await?;
        }
        self.finish_awaited().await
    }

    fn is_repair(&self, header: &FrameHeader) -> bool {
        let lease = self.snapshot.leases.get(&header.lease.attempt);
        lease.is_some_and(|lease| lease.repairs().is_some())
    }

    async fn jobs_of(
        &self,
        offered: &[(NodeId, FrameHeader)],
    ) -> Result<HashMap<AttemptId, JobId>, StoreError> {
        let mut known = HashMap::new();
        let mut unknown: Vec<LeaseKey> = Vec::new();
        for (_, header) in offered {
            match self.snapshot.leases.get(&header.lease.attempt) {
                Some(lease) => {
                    known.insert(lease.key.attempt, lease.job);
                }
                None => unknown.push(header.lease),
            }
        }
        if !unknown.is_empty() {
            let mut tx = self.begin().await?;
            known.extend(frames::jobs_of(&mut tx, &unknown).await?);
            commit(tx).await?;
        }
        Ok(known)
    }

    /// Whether this batch publishes the last frames of a job.
    fn becomes_complete(
        &self,
        id: JobId,
        offered: &[(NodeId, FrameHeader)],
        outcomes: &[Offered],
    ) -> bool {
        let Some(job) = self.snapshot.jobs.get(&id) else {
            return false;
        };
        let mut done = job.published.clone();
        for ((_, header), outcome) in offered.iter().zip(outcomes) {
            if matches!(outcome, Offered::Published { job, .. } if *job == id) {
                spans::add(&mut done, one(header.ordinal));
            }
        }
        spans::count(&done) == job.total && spans::count(&job.published) < job.total
    }

    fn published(&mut self, node: NodeId, header: &FrameHeader, outcome: Offered) {
        let outcome = match outcome {
            Offered::Published { job: id, late } => {
                if let Some(job) = self.snapshot.jobs.get_mut(&id) {
                    spans::add(&mut job.published, one(header.ordinal));
                    if late {
                        spans::remove(&mut job.todo, one(header.ordinal));
                    }
                    *job.frames_by_node.entry(node).or_default() += 1;
                    let first = self
                        .snapshot
                        .leases
                        .get(&header.lease.attempt)
                        .and_then(|lease| lease.span())
                        .is_some_and(|span| span.lo == header.ordinal);
                    let measured = self.facts.get_mut(&id).map_or(0, |facts| {
                        let before = facts.measured;
                        facts.measured += u32::from(!first);
                        before
                    });
                    job.cost = Some(learn(
                        job.cost,
                        f64::from(header.render_ms),
                        first,
                        measured,
                    ));
                }
                FrameOutcome::Published
            }
            Offered::Already => FrameOutcome::AlreadyPublished,
            Offered::Refused => FrameOutcome::Refused {
                reason: "no lease of this node names it, or its job is over".to_owned(),
            },
        };
        let (lease, ordinal) = (header.lease, header.ordinal);
        self.send(
            node,
            ToAgent::FrameAck {
                lease,
                ordinal,
                outcome,
            },
        );
    }
}

/// What frames have cost: the mean of the newest ones. The first frame of a lease carries the start-up; until another
/// one is measured it stands in for a frame as well. Frames come in bursts (several are under work at once), so that
/// single ones say little: `measured` of them have been counted before this one.
fn learn(before: Option<Cost>, millis: f64, first: bool, measured: u32) -> Cost {
    const NEWEST: u32 = 32;
    let mix = |old: f64, count: u32| old + (millis - old) / f64::from(count.clamp(1, NEWEST));
    match before {
        None => Cost {
            startup_ms: millis,
            frame_ms: millis,
        },
        Some(cost) if first => Cost {
            startup_ms: mix(cost.startup_ms, 4),
            ..cost
        },
        Some(cost) => Cost {
            frame_ms: mix(cost.frame_ms, measured + 1),
            ..cost
        },
    }
}

fn one(ordinal: u32) -> Span {
    Span {
        lo: ordinal,
        hi: ordinal + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bursts_of_frames_give_their_mean() {
        let mut cost = learn(None, 900.0, true, 0);
        for n in 0..40 {
            cost = learn(Some(cost), if n % 4 == 0 { 320.0 } else { 0.0 }, false, n);
        }
        assert!((60.0..100.0).contains(&cost.frame_ms), "{cost:?}");
        assert!((cost.startup_ms - 900.0).abs() < 1.0, "{cost:?}");
    }
}
