//! Who renders a composition's own sound: one attempt a job, leased beside the canary. The film waits for it.

use std::time::Instant;

use flatrender_protocol::JobId;

use super::decide::{Choice, Slots};
use super::fit;
use super::snapshot::{Job, LeaseWork, Snapshot};

pub(super) fn decide(
    snapshot: &Snapshot,
    id: JobId,
    job: &Job,
    now: Instant,
    slots: &mut Slots,
    choices: &mut Vec<Choice>,
) {
    if !job.wants_sound || snapshot.at_work(job, LeaseWork::Sound) {
        return;
    }
    // A project that a later After Effects saved can't be opened by an earlier one.
    if let Some(node) = fit::renderer(snapshot, job, job.pin, now, slots) {
        slots.take(node);
        choices.push(Choice::Sound { job: id, node });
    }
}
