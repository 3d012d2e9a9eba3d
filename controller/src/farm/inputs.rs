//! What the leader is told.

use flatrender_protocol::Digest;
use flatrender_protocol::NodeId;
use flatrender_protocol::message::{
    FrameHeader, Held, Inventory, LeaseKey, Report, Sample, ToAgent,
};
use tokio::sync::mpsc;
use uuid::Uuid;

/// One session of one agent; a node's newer session has a larger one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u64);

/// One thing the leader is told.
#[derive(Debug)]
pub enum Input {
    /// A session said hello and was welcomed. It replaces an older one of the node.
    Joined {
        /// Who.
        node: NodeId,
        /// Which session.
        session: SessionId,
        /// Boot id of the agent.
        boot: Uuid,
        /// Its version.
        agent_version: String,
        /// How the leader answers; dropping it ends the session.
        to_agent: mpsc::Sender<ToAgent>,
    },
    /// A session ended. By itself it means nothing: liveness is the clock's.
    Left {
        /// Who.
        node: NodeId,
        /// Which session.
        session: SessionId,
    },
    /// An agent said something.
    Said {
        /// Who.
        node: NodeId,
        /// In which session.
        session: SessionId,
        /// What.
        what: FromAgent,
    },
    /// Something was written that the planner should see.
    Wake,
}

/// What an agent says, that concerns the leader.
#[derive(Debug)]
pub enum FromAgent {
    /// What the machine is.
    Inventory(Inventory),
    /// All that it holds, once, after hello.
    Holding(Vec<Held>),
    /// A renderer is up.
    Started(LeaseKey),
    /// It agreed to end earlier.
    Shrunk {
        /// Which lease.
        lease: LeaseKey,
        /// New end.
        until: u32,
    },
    /// An attempt ended.
    Report(Box<Report>),
    /// A health sample.
    Sample(Sample),
    /// What its cache holds.
    Cache(Vec<(Digest, u64)>),
    /// A frame whose bytes are durable in the store.
    Frame(Box<FrameHeader>),
}
