//! The life of a published frame.

use serde::{Deserialize, Serialize};

use super::{Illegal, names};

/// What the farm thinks of a frame that has a row.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FrameState {
    /// Official.
    Published,
    /// Official, but doubted: it holds the job back until repaired or accepted.
    Suspect,
}

names!(FrameState { Published = "published", Suspect = "suspect" });

/// What happens to a published frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FrameEvent {
    /// Something speaks against it.
    Doubted,
    /// A person or a flag accepts it, a second opinion agrees, or a repair replaced it.
    Cleared,
}

impl FrameState {
    /// The state after `event`.
    ///
    /// # Errors
    /// [`Illegal`] when the machine has no such step.
    pub fn next(self, event: FrameEvent) -> Result<Self, Illegal> {
        match (self, event) {
            (Self::Published, FrameEvent::Doubted) => Ok(Self::Suspect),
            (Self::Suspect, FrameEvent::Cleared) => Ok(Self::Published),
            (state, event) => Err(Illegal::new("frame", state, event)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubt_is_cleared_once() {
        let suspect = FrameState::Published.next(FrameEvent::Doubted).unwrap();
        assert_eq!(suspect.next(FrameEvent::Cleared), Ok(FrameState::Published));
        assert!(FrameState::Published.next(FrameEvent::Cleared).is_err());
    }
}
