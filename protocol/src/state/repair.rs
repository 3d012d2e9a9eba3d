//! The life of a frame-repair job.

use serde::{Deserialize, Serialize};

use super::{Illegal, names};

/// Where a frame-repair job is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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

/// Why frames are looked at again.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RepairReason {
    /// A person asked for it.
    Asked,
    /// Frames are missing.
    Gap,
    /// Another size, depth or alpha than the job's majority.
    Size,
    /// Black where a picture is likely.
    Black,
    /// The same picture where movement is likely.
    Frozen,
    /// Their attempt said things that let them be doubted.
    Suspect,
    /// Half a picture.
    Torn,
}

names!(RepairReason {
    Asked = "asked",
    Gap = "gap",
    Size = "size",
    Black = "black",
    Frozen = "frozen",
    Suspect = "suspect",
    Torn = "torn",
});

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
    /// The second opinion differs: what is left is to be rendered again.
    Confirmed,
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
            (S::Leased, E::GivenBack | E::Confirmed) => S::Open,
            (S::Open | S::Leased, E::Exhausted) => S::Failed,
            (S::Open | S::Leased | S::Failed, E::Dismissed) => S::Dismissed,
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

    #[test]
    fn what_no_node_could_mend_can_still_be_accepted() {
        let failed = RepairState::Open.next(RepairEvent::Exhausted).unwrap();
        assert_eq!(
            failed.next(RepairEvent::Dismissed),
            Ok(RepairState::Dismissed)
        );
        assert!(RepairState::Done.next(RepairEvent::Dismissed).is_err());
    }
}
