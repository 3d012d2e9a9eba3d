//! Frames of one film are of one release of After Effects: the one that prepared it, else that of its first right frame.

use std::collections::HashMap;

use flatrender_protocol::message::{FrameHeader, FrameOutcome, ToAgent};
use flatrender_protocol::{AttemptId, JobId, NodeId, Release};

use super::Leader;
use crate::store::frames::Offered;
use crate::store::{StoreError, Tx, prepared};

impl Leader {
    /// Refuses frames of another release than their job's. It takes a node that changed its After Effects while it rendered.
    pub(super) fn of_pinned_release(
        &self,
        offered: Vec<(NodeId, FrameHeader)>,
        jobs: &HashMap<AttemptId, JobId>,
    ) -> Vec<(NodeId, FrameHeader)> {
        let (good, other): (Vec<_>, Vec<_>) = offered.into_iter().partition(|(_, header)| {
            let job = jobs.get(&header.lease.attempt);
            let pin = job.and_then(|job| self.snapshot.jobs.get(job)?.pin);
            pin.is_none() || header.renderer.parse().ok() == pin
        });
        for (node, header) in other {
            let reason = format!(
                "it is of After Effects {}, and its job's frames are of another release",
                header.renderer
            );
            let (lease, ordinal) = (header.lease, header.ordinal);
            let outcome = FrameOutcome::Refused { reason };
            self.send(
                node,
                ToAgent::FrameAck {
                    lease,
                    ordinal,
                    outcome,
                },
            );
        }
        good
    }

    /// Pins the jobs whose first frame this batch publishes.
    pub(super) async fn pin(
        &self,
        tx: &mut Tx,
        offered: &[(NodeId, FrameHeader)],
        outcomes: &[Offered],
    ) -> Result<HashMap<JobId, Release>, StoreError> {
        let mut pins = HashMap::new();
        for ((_, header), outcome) in offered.iter().zip(outcomes) {
            let Offered::Published { job, .. } = outcome else {
                continue;
            };
            let unpinned = self
                .snapshot
                .jobs
                .get(job)
                .is_some_and(|job| job.pin.is_none());
            if unpinned && let Ok(release) = header.renderer.parse() {
                pins.entry(*job).or_insert(release);
            }
        }
        for (job, release) in &pins {
            prepared::pin(tx, *job, *release).await?;
        }
        Ok(pins)
    }

    /// After the commit.
    pub(super) fn pinned(&mut self, pins: &HashMap<JobId, Release>) {
        for (id, release) in pins {
            if let Some(job) = self.snapshot.jobs.get_mut(id) {
                job.pin = Some(*release);
            }
        }
    }
}
