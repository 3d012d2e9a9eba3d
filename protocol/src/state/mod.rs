//! The state machines of the farm. Each is an enum with `next(state, event)`: one match that names every legal step;
//! everything else is an [`Illegal`] that carries both. The database repeats them as CHECKs.

use std::fmt;

mod attempt;
mod frame;
mod frame_job;
mod job;
mod node;
mod repair;
mod snapshot;

pub use attempt::{AttemptEvent, AttemptState, EndOutcome};
pub use frame::{FrameEvent, FrameState};
pub use frame_job::{FrameJobEvent, FrameJobState};
pub use job::{JobEvent, JobState};
pub use node::{Health, Link, Policy, may_lease};
pub use repair::{RepairEvent, RepairReason, RepairState};
pub use snapshot::{SnapshotEvent, SnapshotState};

/// A step that the machine does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{machine}: {event} is not possible when {state}")]
pub struct Illegal {
    machine: &'static str,
    state: String,
    event: String,
}

impl Illegal {
    pub(crate) fn new(
        machine: &'static str,
        state: impl fmt::Debug,
        event: impl fmt::Debug,
    ) -> Self {
        Self {
            machine,
            state: format!("{state:?}"),
            event: format!("{event:?}"),
        }
    }
}

/// Gives an enum of unit variants its one name in SQL, JSON and text, and the way back.
macro_rules! names {
    ($type:ident { $($variant:ident = $text:literal),* $(,)? }) => {
        impl $type {
            /// Every value, in the order of a normal life.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The one name it has in SQL, JSON and on screens.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::state::UnknownName;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($text => Ok(Self::$variant),)*
                    _ => Err($crate::state::UnknownName::new(stringify!($type), text)),
                }
            }
        }
    };
}
pub(crate) use names;

/// A name that the enum does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{name}\" is no {kind}")]
pub struct UnknownName {
    kind: &'static str,
    name: String,
}

impl UnknownName {
    pub(crate) fn new(kind: &'static str, name: &str) -> Self {
        Self {
            kind,
            name: name.chars().take(60).collect(),
        }
    }
}
