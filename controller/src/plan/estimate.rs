//! When a job will be done, by what it has cost so far.

use super::snapshot::{Job, Snapshot};
use super::spans;

/// Seconds until the last frame, or `None` before anything was measured. The film is not counted.
pub fn seconds_left(snapshot: &Snapshot, job: &Job) -> Option<u64> {
    let cost = job.cost?;
    let left = job.total.saturating_sub(spans::count(&job.published));
    let at_work = job
        .leases
        .iter()
        .filter_map(|attempt| snapshot.leases.get(attempt))
        .filter(|lease| lease.span().is_some())
        .count()
        .max(1);
    let millis = f64::from(left) * cost.frame_ms / at_work as f64
        + if job.todo.is_empty() {
            0.0
        } else {
            cost.startup_ms
        };
    Some((millis / 1000.0).ceil() as u64)
}
