//! Answers for: the one file that the values script writes about its run: what was set and what was not, and what After Effects
//! knows of the composition that will be rendered. Must not: decide what becomes of the job.

use serde::{Deserialize, Serialize};

use super::document::{CompRef, VERSION};
use crate::Ratio;

/// Largest report that is read, in bytes: the texts of a document come back in it, escaped.
const LARGEST_BYTES: usize = 128 << 20;

/// What the script has done and seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// [`VERSION`].
    pub version: u32,
    /// The After Effects that ran it.
    pub host: Host,
    /// The prepared project was saved.
    pub saved: bool,
    /// Why the run ended early, if it did.
    pub stopped: Option<Stopped>,
    /// One entry for each change of the document, in order.
    pub changes: Vec<ChangeReport>,
    /// What became of the scenes, if there were any.
    pub scenes: Option<ChangeReport>,
    /// The composition that will be rendered, if it was found.
    pub comp: Option<CompReport>,
    /// Fonts of the text layers that it reaches.
    pub fonts: Vec<FontReport>,
    /// PostScript names of fonts that this After Effects misses or replaces; `None` before 24.0, which can't say.
    pub fonts_missing: Option<Vec<String>>,
    /// Effects of the layers that it reaches.
    pub effects: Vec<EffectReport>,
    /// Expressions that fail there.
    pub expression_errors: Vec<ExpressionError>,
    /// Footage of the project that is not there.
    pub footage_missing: Vec<MissingFootage>,
    /// What could not be looked at, in words: a list was longer than the script follows, or a member was refused.
    pub notes: Vec<String>,
}

/// The After Effects that ran the script.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// As `app.version` has it: `25.0x1`.
    pub version: String,
    /// As `$.os` has it.
    pub os: String,
}

/// The step that ended the run early.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stopped {
    /// `open`, `apply`, `inspect` or `save`.
    pub step: String,
    /// After Effects' words.
    pub message: String,
}

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is set.
    Set,
    /// It is set but for what `detail` says.
    Partly,
    /// Composition, layer or property is not there, or another one is.
    Missing,
    /// After Effects, or the kind of the target, refused it.
    Failed,
}

/// What became of one change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeReport {
    /// What became of it.
    pub outcome: Outcome,
    /// A word for machines: `no_comp`, `no_layer`, `no_property`, `wrong_type`, `animated`, `out_of_range`, `no_file`, `wrong_media`,
    /// `font_replaced`, `no_direction`, `no_sound`, `too_long`, `unsupported`, `refused`; empty when all is set.
    pub reason: String,
    /// The same for people.
    pub detail: String,
    /// An expression computes the property: what was set may not be what is seen.
    pub computed: bool,
    /// The text as the layer has it now.
    pub text: Option<String>,
    /// PostScript name of the font as the layer has it now.
    pub font: Option<String>,
}

/// The composition that will be rendered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompReport {
    /// Which it is.
    pub comp: CompRef,
    /// Its length in frames.
    pub frames: u32,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// Frames a second, as a float; [`CompReport::rate`] has it exactly.
    pub frame_rate: f64,
    /// Width of a pixel over its height.
    pub pixel_aspect: f64,
    /// The project counts frames from this: 0 or 1.
    pub project_base: u32,
    /// The frame that the timeline shows first, before the project's base.
    pub start_frame: i32,
    /// Background as red, green, blue; 0 to 1.
    pub background: [f64; 3],
    /// Something that is reached has sound, and its speaker is on.
    pub sound: bool,
}

/// A font in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FontReport {
    /// PostScript name, of the layer's first character.
    pub name: String,
    /// Layers that use it.
    pub layers: u32,
}

/// An effect in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EffectReport {
    /// Match name.
    pub name: String,
    /// How often it is applied.
    pub count: u32,
}

/// An expression that fails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpressionError {
    /// Name of the composition.
    pub comp: String,
    /// Name of the layer.
    pub layer: String,
    /// Match names from the layer to the property.
    pub property: Vec<String>,
    /// After Effects' words.
    pub message: String,
}

/// Footage that is not there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MissingFootage {
    /// Name of the item.
    pub name: String,
    /// Where the file was.
    pub path: String,
}

/// Why a report is not taken.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// More bytes than a report has.
    #[error("read the script's report: {bytes} bytes, at most {LARGEST_BYTES} are taken")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// Not JSON of this shape.
    #[error("read the script's report: {0}")]
    Shape(#[from] serde_json::Error),
    /// Another script wrote it.
    #[error("read the script's report: version {found}, this farm reads {VERSION}")]
    Version {
        /// Its version.
        found: u32,
    },
}

impl Report {
    /// Reads a report.
    ///
    /// # Errors
    ///
    /// If it is too large, of another shape or of another version.
    pub fn from_json(json: &[u8]) -> Result<Self, ReportError> {
        if json.len() > LARGEST_BYTES {
            return Err(ReportError::TooLarge { bytes: json.len() });
        }
        let report: Self = serde_json::from_slice(json)?;
        if report.version != VERSION {
            return Err(ReportError::Version {
                found: report.version,
            });
        }
        Ok(report)
    }

    /// Whether everything was set, and saved.
    #[must_use]
    pub fn complete(&self) -> bool {
        let set = |report: &ChangeReport| report.outcome == Outcome::Set;
        self.saved
            && self.stopped.is_none()
            && self.changes.iter().all(set)
            && self.scenes.iter().all(set)
    }
}

impl CompReport {
    /// The frame rate as an exact ratio: NTSC rates as thousandths of 1001, others in the 65536ths that a project stores.
    /// `None` if it is no rate.
    #[must_use]
    pub fn rate(&self) -> Option<Ratio> {
        if !(0.01..=100_000.0).contains(&self.frame_rate) {
            return None;
        }
        let whole = self.frame_rate.round();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "positive and at most 100000 × 65536"
        )]
        let bits = |value: f64| value.round() as u64;
        // projects store 29.97 and 59.94, not 30000/1001 and 60000/1001: 0.00006 off at most, and 0.02 from the whole number
        let ntsc = (self.frame_rate * 1.001).round();
        if (self.frame_rate - ntsc / 1.001).abs() < 1e-4 && (self.frame_rate - whole).abs() > 1e-3 {
            return Ratio::new(bits(ntsc) * 1000, 1001);
        }
        Ratio::new(bits(self.frame_rate * 65_536.0), 65_536)
    }

    /// The number that aerender calls the first frame.
    #[must_use]
    pub fn first_display_frame(&self) -> i64 {
        i64::from(self.project_base) + i64::from(self.start_frame)
    }
}
