//! Which projects are prepared next, and by whom. They go before frames: a short attempt opens a whole job. Jobs that want the
//! same values in the same package share one attempt.

use std::collections::HashSet;
use std::time::Instant;

use flatrender_protocol::state::JobState;
use flatrender_protocol::{Digest, JobId};

use super::decide::{Choice, Slots, candidates};
use super::fit;
use super::snapshot::{Job, LeaseWork, Snapshot};

/// Whether a job waits for values to be set.
pub fn waits(job: &Job) -> Option<Digest> {
    match job.state {
        JobState::Queued | JobState::Preparing => job.prepare,
        JobState::Running
        | JobState::Assembling
        | JobState::Done
        | JobState::Paused
        | JobState::Cancelling
        | JobState::Cancelled
        | JobState::Failed => None,
    }
}

/// What is being prepared by nodes that are not lost.
pub fn at_work(snapshot: &Snapshot) -> HashSet<Digest> {
    snapshot
        .jobs
        .values()
        .filter(|job| snapshot.at_work(job, LeaseWork::Prepare))
        .filter_map(|job| job.prepare)
        .collect()
}

/// At most half of all slots prepare, so that frames go on under a flood of jobs with values.
fn room(snapshot: &Snapshot) -> usize {
    let working = snapshot.nodes.values().filter(|node| node.takes_work());
    let slots: u32 = working.map(|node| node.slots).sum();
    let busy = snapshot
        .leases
        .values()
        .filter(|lease| lease.work == LeaseWork::Prepare)
        .count();
    let most = usize::try_from(slots / 2).unwrap_or(usize::MAX).max(1);
    most.saturating_sub(busy)
}

pub(super) fn decide(
    snapshot: &Snapshot,
    jobs: &[(&JobId, &Job)],
    now: Instant,
    slots: &mut Slots,
    choices: &mut Vec<Choice>,
) {
    let waiting: Vec<_> = jobs
        .iter()
        .filter_map(|(id, job)| Some((**id, *job, waits(job)?)))
        .collect();
    if waiting.is_empty() {
        return;
    }
    let mut taken = at_work(snapshot);
    let mut room = room(snapshot);
    for (id, job, key) in waiting {
        if room == 0 {
            return;
        }
        if taken.contains(&key) {
            continue;
        }
        let best = candidates(snapshot, job, now, slots)
            .filter(|(_, node)| node.can_prepare)
            .min_by_key(|(id, node)| (fit::cold(job, node), node.leases.len(), *id));
        if let Some((node, _)) = best {
            taken.insert(key);
            room -= 1;
            slots.take(node);
            choices.push(Choice::Prepare { job: id, node });
        }
    }
}
