//! The life of a snapshot: one frame of a composition as a picture, rendered once however many ask for it.

use serde::{Deserialize, Serialize};

use super::{Illegal, names};

/// Where a snapshot is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum SnapshotState {
    /// Waits for a node.
    Queued,
    /// A node renders it.
    Leased,
    /// The picture is there.
    Done,
    /// No node could; asking again later tries again.
    Failed,
}

names!(SnapshotState {
    Queued = "queued",
    Leased = "leased",
    Done = "done",
    Failed = "failed",
});

/// What happens to a snapshot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SnapshotEvent {
    /// A node got it.
    Leased,
    /// The node let go without a picture.
    GivenBack,
    /// The picture is in the store.
    Made,
    /// No node can.
    Exhausted,
    /// Somebody asks for it again after it failed.
    AskedAgain,
}

impl SnapshotState {
    /// Whether it waits for nothing: there is a picture, or there will be none.
    pub const fn is_over(self) -> bool {
        match self {
            Self::Queued | Self::Leased => false,
            Self::Done | Self::Failed => true,
        }
    }

    /// The state after `event`.
    ///
    /// # Errors
    /// [`Illegal`] when the machine has no such step.
    pub fn next(self, event: SnapshotEvent) -> Result<Self, Illegal> {
        use SnapshotEvent as E;
        use SnapshotState as S;
        Ok(match (self, event) {
            (S::Queued, E::Leased) => S::Leased,
            (S::Leased, E::GivenBack) => S::Queued,
            (S::Leased, E::Made) => S::Done,
            (S::Leased, E::Exhausted) => S::Failed,
            (S::Failed, E::AskedAgain) => S::Queued,
            (state, event) => return Err(Illegal::new("snapshot", state, event)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_failed_one_can_be_asked_for_again_and_only_a_leased_one_made() {
        for state in SnapshotState::ALL {
            let again = state.next(SnapshotEvent::AskedAgain);
            assert_eq!(again.is_ok(), *state == SnapshotState::Failed, "{state}");
            let made = state.next(SnapshotEvent::Made);
            assert_eq!(made.is_ok(), *state == SnapshotState::Leased, "{state}");
        }
        assert_eq!(
            SnapshotState::Leased.next(SnapshotEvent::GivenBack),
            Ok(SnapshotState::Queued)
        );
    }
}
