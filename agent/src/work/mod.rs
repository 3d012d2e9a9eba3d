//! Work: attempts from lease to report, the spool of finished frames, the shim that outlives the agent, and the journal
//! by which the next agent finds it all again.

pub mod durable;
pub mod journal;
pub mod shim;
pub mod spool;
