//! How far a job's frames may be spread over nodes: a property of the template.

use serde::{Deserialize, Serialize};

use crate::state::names;

/// How far the frames of a job may be spread.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// As the planner likes.
    Free,
    /// Into few long frame jobs: each computes the past of a simulation again.
    Costly,
    /// Not at all: one node renders each run of frames from its start.
    Never,
}

names!(Split {
    Free = "free",
    Costly = "costly",
    Never = "never",
});
