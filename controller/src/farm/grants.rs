//! Which blobs each node may read: those that its live leases name, and no others.

use std::collections::{HashMap, HashSet};
use std::sync::RwLock;

use flatrender_protocol::{AttemptId, Digest, NodeId};

/// What the live leases of one node name.
type OfNode = HashMap<AttemptId, HashSet<Digest>>;

/// The digests of live leases, by node.
#[derive(Debug, Default)]
pub struct Grants(RwLock<HashMap<NodeId, OfNode>>);

impl Grants {
    /// A lease names these.
    pub fn give(&self, node: NodeId, attempt: AttemptId, digests: HashSet<Digest>) {
        let mut nodes = self.0.write().expect("nobody panics while holding it");
        nodes.entry(node).or_default().insert(attempt, digests);
    }

    /// The lease is over.
    pub fn take_back(&self, node: NodeId, attempt: AttemptId) {
        let mut nodes = self.0.write().expect("nobody panics while holding it");
        if let Some(leases) = nodes.get_mut(&node) {
            leases.remove(&attempt);
        }
    }

    /// Whether a live lease of the node names the digest.
    pub fn allows(&self, node: NodeId, digest: &Digest) -> bool {
        let nodes = self.0.read().expect("nobody panics while holding it");
        nodes
            .get(&node)
            .is_some_and(|leases| leases.values().any(|digests| digests.contains(digest)))
    }

    /// Forgets everything: a new leader gives anew.
    pub fn clear(&self) {
        self.0
            .write()
            .expect("nobody panics while holding it")
            .clear();
    }
}
