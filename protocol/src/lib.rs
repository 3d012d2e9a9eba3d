//! What controller, agent and API agree on: ids, frame lists, state machines, messages, the codec, the REST shapes
//! the values of a job, and (behind the feature `link`) the QUIC link. Knows nobody else; its types never see an async runtime.

pub mod digest;
pub mod frames;
pub mod ids;
#[cfg(feature = "link")]
pub mod link;
pub mod message;
pub mod rate;
pub mod release;
pub mod rest;
pub mod source;
pub mod split;
pub mod state;
pub mod values;
pub mod wire;

pub use digest::Digest;
pub use frames::{FrameList, Run, Span};
pub use ids::{AttemptId, JobId, NodeId, RepairId, SnapshotId, TenantId};
pub use rate::Ratio;
pub use release::Release;
pub use source::{Layer, Source};
pub use split::Split;
