//! The life of a frame job. It exists from the moment its frames are leased.

use serde::{Deserialize, Serialize};

use super::{Illegal, names};

/// Where a frame job is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FrameJobState {
    /// A node holds it.
    Leased,
    /// Every ordinal of its range is published or failed.
    Done,
    /// Its unpublished frames went back to todo, uncharged.
    Returned,
    /// Its attempt failed; its unpublished frames went back to todo, charged.
    Failed,
    /// The job was ended by a person, or its frames came from a copy.
    Cancelled,
}

names!(FrameJobState {
    Leased = "leased",
    Done = "done",
    Returned = "returned",
    Failed = "failed",
    Cancelled = "cancelled",
});

/// What happens to a frame job.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FrameJobEvent {
    /// Every ordinal is published or failed.
    Finished,
    /// The node is lost, drained or gave it back.
    GivenBack,
    /// The attempt failed.
    AttemptFailed,
    /// The job was cancelled or no longer needs it.
    NotNeeded,
}

impl FrameJobState {
    /// The state after `event`.
    ///
    /// # Errors
    /// [`Illegal`] when the machine has no such step.
    pub fn next(self, event: FrameJobEvent) -> Result<Self, Illegal> {
        use FrameJobEvent as E;
        use FrameJobState as S;
        Ok(match (self, event) {
            (S::Leased, E::Finished) => S::Done,
            (S::Leased, E::GivenBack) => S::Returned,
            (S::Leased, E::AttemptFailed) => S::Failed,
            (S::Leased, E::NotNeeded) => S::Cancelled,
            (state, event) => return Err(Illegal::new("frame job", state, event)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ended_frame_job_stays_ended() {
        for state in FrameJobState::ALL
            .iter()
            .filter(|s| **s != FrameJobState::Leased)
        {
            assert!(state.next(FrameJobEvent::Finished).is_err());
        }
    }
}
