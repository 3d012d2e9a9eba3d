//! Which nodes can have a job: by what they have, and by the After Effects that its frames are pinned to.

use std::time::Instant;

use flatrender_protocol::{NodeId, Release};

use super::decide::{Slots, candidates};
use super::snapshot::{Job, Node, Snapshot};

/// The After Effects that a job's frames are of: what it is pinned to, else that of whoever is at them. Frames of two
/// releases are not mixed unseen, also while nothing is published yet.
pub fn release(snapshot: &Snapshot, job: &Job) -> Option<Release> {
    job.pin.or_else(|| {
        snapshot
            .leases_of(job)
            .filter(|lease| lease.span().is_some())
            .find_map(|lease| snapshot.nodes.get(&lease.node)?.release)
    })
}

/// Whether a node renders with the After Effects that is wanted.
pub fn renders(node: &Node, wanted: Option<Release>) -> bool {
    node.can_render && (wanted.is_none() || node.release == wanted)
}

/// How many nodes could render it, if they were free.
pub fn helpers(snapshot: &Snapshot, wanted: Option<Release>) -> u32 {
    let count = snapshot
        .nodes
        .values()
        .filter(|node| node.takes_work() && renders(node, wanted))
        .count();
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// The best node with a free slot: one that need not fetch much before one that must; by id where all is equal.
pub(super) fn renderer(
    snapshot: &Snapshot,
    job: &Job,
    wanted: Option<Release>,
    now: Instant,
    slots: &Slots,
) -> Option<NodeId> {
    candidates(snapshot, job, now, slots)
        .filter(|(_, node)| renders(node, wanted))
        .min_by_key(|(id, node)| (cold(job, node), node.leases.len(), *id))
        .map(|(id, _)| id)
}

/// How much of what a job needs a node would have to fetch.
pub(super) fn cold(job: &Job, node: &Node) -> usize {
    let missing = |digest: &&flatrender_protocol::Digest| !node.cache.contains(*digest);
    job.needs.iter().filter(missing).count()
}
