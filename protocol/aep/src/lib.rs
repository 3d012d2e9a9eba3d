//! Reads After Effects project files (`.aep`, `.aet`, `.aepx`, `.mogrt`) without After Effects, and writes small ones for tests
//! and the demo.
//!
//! The format is undocumented; what is known of it was found by reading real files. The input comes from strangers: every
//! length is checked, every walk is capped, damage becomes a warning or a [`ReadError`], never a panic. Nothing here opens a
//! file that a project names.

mod bytes;
pub mod check;
mod chunk;
mod comp;
mod container;
mod cos;
pub mod effects;
mod error;
mod footage;
mod inspect;
mod layer;
mod model;
mod parade;
mod queue;
mod rational;
mod reach;
mod read;
mod text;
mod truth;
mod version;
mod warn;
pub mod write;
mod xml;

pub use error::{CompError, ReadError};
pub use inspect::{ProjectInspection, UNVERIFIED, inspect_json};
pub use model::{
    CompSwitches, Composition, Container, FileRef, Folder, Footage, FootageKind, Layer, LayerKind,
    LayerSwitches, MatteBy, OutputModule, Project, QueueItem, QueueStatus, Sequence, SpanSource,
    TrackMatte,
};
pub use rational::Rational;
pub use reach::{FootageUse, Index, Needs};
pub use read::{parse, read_file};
pub use truth::{ProjectTruth, truth_json};
pub use version::{AeOs, AeVersion};

/// Largest project that is read, also after unpacking.
pub const MAX_PROJECT_BYTES: u64 = 512 << 20;
