//! The life of one attempt on one node. `lost` is not `failed`: it is charged to nobody.

use serde::{Deserialize, Serialize};

use super::{Illegal, names};

/// Where an attempt is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptState {
    /// Leased; the renderer is not up yet.
    Starting,
    /// The renderer runs.
    Running,
    /// The renderer was asked to stop.
    Stopping,
    /// It did what it was for.
    Succeeded,
    /// It ended without doing it.
    Failed,
    /// A person or the farm ended it.
    Cancelled,
    /// Its node was not heard for too long.
    Lost,
}

names!(AttemptState {
    Starting = "starting",
    Running = "running",
    Stopping = "stopping",
    Succeeded = "succeeded",
    Failed = "failed",
    Cancelled = "cancelled",
    Lost = "lost",
});

/// How an attempt ended by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EndOutcome {
    /// All it was for is done.
    Succeeded,
    /// It is not.
    Failed,
    /// It was told to stop.
    Cancelled,
}

/// What happens to an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AttemptEvent {
    /// The renderer's process is up.
    ProcessUp,
    /// A drain, shrink, cancel or the person at the machine stops it.
    StopAsked,
    /// Its process tree is gone.
    Ended(EndOutcome),
    /// Its lease ran out.
    LeaseLost,
}

impl AttemptState {
    /// The state after `event`.
    ///
    /// # Errors
    /// [`Illegal`] when the machine has no such step.
    pub fn next(self, event: AttemptEvent) -> Result<Self, Illegal> {
        use AttemptEvent as E;
        use AttemptState as S;
        Ok(match (self, event) {
            (S::Starting, E::ProcessUp) => S::Running,
            (S::Starting | S::Running, E::StopAsked) => S::Stopping,
            (S::Starting | S::Running | S::Stopping, E::Ended(outcome)) => match outcome {
                EndOutcome::Succeeded => S::Succeeded,
                EndOutcome::Failed => S::Failed,
                EndOutcome::Cancelled => S::Cancelled,
            },
            (S::Starting | S::Running | S::Stopping, E::LeaseLost) => S::Lost,
            (state, event) => return Err(Illegal::new("attempt", state, event)),
        })
    }

    /// Whether the node still holds its lease.
    pub fn is_live(self) -> bool {
        match self {
            Self::Starting | Self::Running | Self::Stopping => true,
            Self::Succeeded | Self::Failed | Self::Cancelled | Self::Lost => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_attempt_can_not_succeed_later() {
        let lost = AttemptState::Running.next(AttemptEvent::LeaseLost).unwrap();
        assert_eq!(lost, AttemptState::Lost);
        assert!(
            lost.next(AttemptEvent::Ended(EndOutcome::Succeeded))
                .is_err()
        );
    }
}
