//! Who is next, which frames, which node: a pure function of a snapshot and a time. No async, no clock, no SQL. The leader
//! keeps the snapshot, fed by its own commits; it can be thrown away and read again at any time.

mod decide;
mod estimate;
mod length;
mod snapshot;
mod snapshots;
pub mod spans;

pub use decide::{Choice, decide};
pub use estimate::seconds_left;
pub use length::frame_job_length;
pub use snapshot::{Asked, Cost, Job, Lease, LeaseWork, Node, Snapshot};
