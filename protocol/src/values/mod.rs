//! Answers for: what a job sets in its template before it is rendered (texts, media, colours, numbers, points, switches, Essential
//! Graphics, sound levels, scenes), as the JSON that the values script reads, and the report that the script writes. Must not: read
//! projects, or know how After Effects is told.
//!
//! A values document is data only. There is no expression and no script in it, and nothing of it may ever become source text: the
//! script is a constant (`agent/src/aerender/flatrender.jsx`), the document a file beside it. Targets are a composition and a layer
//! as the template's manifest has them, by id, index and name together, so that a layer that moved is found and one that was
//! exchanged is not taken for it.
//!
//! ```json
//! {"version": 1,
//!  "changes": [
//!    {"comp": {"id": 1, "name": "Main"}, "layer": {"index": 2, "id": 35, "name": "Title"},
//!     "set": {"kind": "text", "text": "سلام", "direction": "right_to_left"}},
//!    {"comp": {"id": 1, "name": "Main"}, "layer": {"index": 5, "id": 38, "name": "Music"},
//!     "set": {"kind": "audio_level", "left": 40, "right": 40, "unit": "percent"}}]}
//! ```

mod check;
mod document;
mod file_name;
mod manifest;
pub mod nexrender;
mod report;
mod task;

pub use check::{
    LONGEST_FILM_FRAMES, LONGEST_NAME_BYTES, LONGEST_TEXT_BYTES, LOUDEST_DB, MOST_CHANGES,
    MOST_SCENES, MOST_STEPS, QUIETEST_DB, Wrong,
};
pub use document::{
    Change, CompRef, ControlValue, Direction, LARGEST_DOCUMENT_BYTES, LayerRef, LevelUnit, Scene,
    Scenes, Set, Step, VERSION, Values, ValuesError,
};
pub use file_name::FileName;
pub use manifest::{Manifest, ManifestComp, ManifestLayer};
pub use report::{
    ChangeReport, CompReport, EffectReport, ExpressionError, FontReport, Host, MissingFootage,
    Outcome, Report, ReportError, Stopped,
};
pub use task::{TASK_FILE, Task};
