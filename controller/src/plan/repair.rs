//! Which repair goes to which node. Repairs go before the frames of films: a film waits for each of them.

use std::time::Instant;

use flatrender_protocol::state::{JobState, Link, Policy};
use flatrender_protocol::{JobId, NodeId, RepairId, Span};

use super::fit;
use super::snapshot::{Job, LeaseWork, Snapshot};
use super::spans;

/// Frames that are looked at again.
#[derive(Debug, Clone, PartialEq)]
pub struct Repair {
    /// The job.
    pub job: JobId,
    /// The one frame that is rendered first, as a second opinion.
    pub probe: Option<u32>,
    /// What is not replaced yet, the probe included.
    pub left: Vec<Span>,
    /// Nodes whose work is doubted.
    pub excluded: Vec<NodeId>,
    /// From then on an excluded node is better than none.
    pub patient_until: Instant,
    /// Nobody could mend it: it holds the job, and is not leased.
    pub failed: bool,
}

impl Repair {
    /// The next ordinals to be rendered for it.
    fn next(&self, job: &Job) -> Option<Span> {
        let span = match self.probe {
            Some(probe) => Span::new(probe, probe.checked_add(1)?)?,
            None => *self.left.first()?,
        };
        let end = job
            .runs
            .get(job.runs.partition_point(|run| run.span.hi <= span.lo))
            .map_or(span.hi, |run| run.span.hi.min(span.hi));
        Span::new(span.lo, end)
    }
}

/// A repair for a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RepairChoice {
    /// Which repair.
    pub repair: RepairId,
    /// Its job.
    pub job: JobId,
    /// The node.
    pub node: NodeId,
    /// The ordinals, of one run.
    pub span: Span,
}

/// Repairs that a free node can take now. `free` answers whether a node has a slot left, and takes it.
pub(super) fn repairs(
    snapshot: &Snapshot,
    now: Instant,
    mut free: impl FnMut(&dyn Fn(NodeId) -> bool) -> Option<NodeId>,
) -> Vec<RepairChoice> {
    let mut choices: Vec<RepairChoice> = Vec::new();
    for (id, repair) in &snapshot.repairs {
        let Some(job) = snapshot.jobs.get(&repair.job) else {
            continue;
        };
        if repair.failed || job.state != JobState::Running || leased(snapshot, job, *id) {
            continue;
        }
        let Some(span) = repair.next(job) else {
            continue;
        };
        let taken = choices.iter().filter(|c| c.job == repair.job);
        if taken
            .map(|c| c.span)
            .chain(under_repair(snapshot, job))
            .any(|other| overlap(other, span))
        {
            continue;
        }
        let anybody = repair.patient_until <= now || !somebody_else(snapshot, job, repair);
        let fits = |node: NodeId| {
            (anybody || !repair.excluded.contains(&node))
                && snapshot
                    .nodes
                    .get(&node)
                    .is_some_and(|n| fit::renders(n, job.pin))
                && job.avoid.get(&node).is_none_or(|until| *until <= now)
        };
        // A node that was excluded is asked only when nobody else has a slot either.
        let fresh = |node: NodeId| fits(node) && !repair.excluded.contains(&node);
        if let Some(node) = free(&fresh).or_else(|| free(&fits)) {
            choices.push(RepairChoice {
                repair: *id,
                job: repair.job,
                node,
                span,
            });
        }
    }
    choices
}

/// Whether the farm has a node whose work is not doubted here and that may come to it by itself or by an operator.
fn somebody_else(snapshot: &Snapshot, job: &Job, repair: &Repair) -> bool {
    snapshot.nodes.iter().any(|(id, node)| {
        let there = match node.policy {
            Policy::Active | Policy::Cordoned | Policy::Draining => node.link != Link::Lost,
            Policy::Retired => false,
        };
        there && fit::renders(node, job.pin) && !repair.excluded.contains(id)
    })
}

fn leased(snapshot: &Snapshot, job: &Job, id: RepairId) -> bool {
    job.leases
        .iter()
        .filter_map(|held| snapshot.leases.get(held))
        .any(|lease| matches!(lease.work, LeaseWork::Repair { repair, .. } if repair == id))
}

fn under_repair(snapshot: &Snapshot, job: &Job) -> impl Iterator<Item = Span> {
    job.leases
        .iter()
        .filter_map(|held| snapshot.leases.get(held))
        .filter_map(|lease| lease.repairs().map(|(_, span)| span))
}

fn overlap(a: Span, b: Span) -> bool {
    a.lo < b.hi && b.lo < a.hi
}

/// Whether anything of a job is still being looked at again.
pub fn under_way(snapshot: &Snapshot, job: JobId) -> bool {
    snapshot
        .repairs
        .values()
        .any(|repair| repair.job == job && !repair.failed)
}

/// Notes that a frame of a repair was replaced.
pub fn replaced(repair: &mut Repair, ordinal: u32) {
    spans::remove(
        &mut repair.left,
        Span {
            lo: ordinal,
            hi: ordinal + 1,
        },
    );
}
