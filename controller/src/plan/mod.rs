//! Who is next, which frames, which node: a pure function of a snapshot and a time. No async, no clock, no SQL. The leader
//! keeps the snapshot, fed by its own commits; it can be thrown away and read again at any time.

mod decide;
mod estimate;
mod explain;
mod fit;
mod length;
mod prepare;
pub mod repair;
mod snapshot;
mod snapshots;
mod sound;
pub mod spans;
pub mod verify;

pub use decide::{Choice, decide};
pub use estimate::seconds_left;
pub use explain::why_waiting;
pub use length::frame_job_length;
pub use prepare::waits as prepare_wanted;
pub use repair::{Repair, RepairChoice};
pub use snapshot::{Asked, Cost, Job, Lease, LeaseWork, Node, Snapshot};
