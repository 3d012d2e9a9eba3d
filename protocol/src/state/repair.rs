//! The life of a frame-repair job.

use serde::{Deserialize, Serialize};

use super::{Illegal, names};

/// Where a frame-repair job is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RepairState {
    /// Waits for a node.
    Open,
    /// A node renders its frames again.
    Leased,
    /// Its frames were replaced.
    Done,
    /// No node could.
    Failed,
    /// The suspicion was dropped.
    Dismissed,
}

names!(RepairState {
    Open = "open",
    Leased = "leased",
    Done = "done",
    Failed = "failed",
    Dismissed = "dismissed",
});

/// What happens to a frame-repair job.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RepairEvent {
    /// A node got it.
    Leased,
    /// Its frames were replaced.
    Repaired,
    /// The node let go without replacing them.
    GivenBack,
    /// No node can.
    Exhausted,
    /// A second opinion or a person dismisses it.
    Dismissed,
}

impl RepairState {
    /// The state after `event`.
    ///
    /// # Errors
    /// [`Illegal`] when the machine has no such step.
    pub fn next(self, event: RepairEvent) -> Result<Self, Illegal> {
        use RepairEvent as E;
        use RepairState as S;
        Ok(match (self, event) {
            (S::Open, E::Leased) => S::Leased,
            (S::Leased, E::Repaired) => S::Done,
            (S::Leased, E::GivenBack) => S::Open,
            (S::Open | S::Leased, E::Exhausted) => S::Failed,
            (S::Open | S::Leased, E::Dismissed) => S::Dismissed,
            (state, event) => return Err(Illegal::new("repair job", state, event)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repair_given_back_is_open_again() {
        let leased = RepairState::Open.next(RepairEvent::Leased).unwrap();
        assert_eq!(leased.next(RepairEvent::GivenBack), Ok(RepairState::Open));
        assert!(RepairState::Done.next(RepairEvent::Leased).is_err());
    }
}
