//! States as people see them: one word and its colour, for jobs and for nodes.

use flatrender_protocol::rest::NodeView;
use flatrender_protocol::state::{Health, JobState, Link, Policy};

use crate::output::Paint;

/// The colour of a job's state.
pub fn state_paint(state: JobState) -> Paint {
    match state {
        JobState::Queued => Paint::Plain,
        JobState::Preparing | JobState::Running | JobState::Assembling => Paint::Busy,
        JobState::Done => Paint::Good,
        JobState::Paused | JobState::Cancelling => Paint::Warn,
        JobState::Cancelled => Paint::Dim,
        JobState::Failed => Paint::Bad,
    }
}

/// The three states of a node as one word: the one that matters most.
pub fn node_status(node: &NodeView) -> (&'static str, Paint) {
    match (node.policy, node.health, node.link) {
        (Policy::Retired, _, _) => ("retired", Paint::Dim),
        (_, _, Link::Lost) => ("lost", Paint::Bad),
        (_, _, Link::Silent) => ("silent", Paint::Warn),
        (_, Health::Quarantined, Link::Online) => ("quarantined", Paint::Warn),
        (Policy::Draining, Health::Ok, Link::Online) => ("draining", Paint::Warn),
        (Policy::Cordoned, Health::Ok, Link::Online) => ("cordoned", Paint::Warn),
        (Policy::Active, Health::Ok, Link::Online) if node.leases.is_empty() => {
            ("ready", Paint::Good)
        }
        (Policy::Active, Health::Ok, Link::Online) => ("busy", Paint::Busy),
    }
}
