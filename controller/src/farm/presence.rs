//! When each node was last heard, by this controller's own clock. The links write it with every datagram, without a lock in
//! the way; the leader reads it.

#![expect(
    clippy::disallowed_methods,
    reason = "liveness starts with the process"
)]

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use flatrender_protocol::NodeId;

/// The clock of one node. Cheap to clone; a session keeps one.
#[derive(Debug, Clone)]
pub struct Heard {
    start: Instant,
    millis: Arc<AtomicU64>,
}

impl Heard {
    /// The node was heard.
    pub fn note(&self, now: Instant) {
        let millis = now.saturating_duration_since(self.start).as_millis();
        self.millis
            .fetch_max(u64::try_from(millis).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// When it was last heard.
    pub fn at(&self) -> Instant {
        self.start + Duration::from_millis(self.millis.load(Ordering::Relaxed))
    }
}

/// The clocks of all nodes.
#[derive(Debug)]
pub struct Presence {
    start: Instant,
    nodes: RwLock<HashMap<NodeId, Heard>>,
}

impl Default for Presence {
    fn default() -> Self {
        let start = Instant::now();
        Self {
            start,
            nodes: RwLock::default(),
        }
    }
}

impl Presence {
    /// A node's clock; made when it is new, and then never heard.
    pub fn of(&self, node: NodeId) -> Heard {
        if let Some(heard) = self.known(node) {
            return heard;
        }
        let mut nodes = self.nodes.write().expect("nobody panics while holding it");
        nodes
            .entry(node)
            .or_insert_with(|| Heard {
                start: self.start,
                millis: Arc::default(),
            })
            .clone()
    }

    /// A node's clock, if this controller ever heard or awaited it.
    pub fn known(&self, node: NodeId) -> Option<Heard> {
        self.nodes
            .read()
            .expect("nobody panics while holding it")
            .get(&node)
            .cloned()
    }

    /// Counts every node as heard now: a new leader starts patient.
    pub fn all_heard(&self, now: Instant) {
        for heard in self
            .nodes
            .read()
            .expect("nobody panics while holding it")
            .values()
        {
            heard.note(now);
        }
    }
}
