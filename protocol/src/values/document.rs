//! Answers for: the shape of a values document, and reading and writing it as JSON. Must not: judge what the values mean
//! (`check.rs` has the limits).

use serde::{Deserialize, Serialize};

use super::FileName;
use super::check::Wrong;
use crate::Digest;

/// The version of the document that this build writes and reads.
pub const VERSION: u32 = 1;
/// Largest document that is read, in bytes.
pub const LARGEST_DOCUMENT_BYTES: usize = 16 << 20;

/// Everything a job sets in its template.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Values {
    /// [`VERSION`].
    pub version: u32,
    /// What is set, in this order.
    pub changes: Vec<Change>,
    /// Order and length of scenes, after all changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scenes: Option<Scenes>,
}

/// One thing that is set on one layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// The composition that has the layer.
    pub comp: CompRef,
    /// The layer.
    pub layer: LayerRef,
    /// What is set.
    pub set: Set,
}

/// A composition as the manifest has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompRef {
    /// Its item id.
    pub id: u32,
    /// Its name, which must agree.
    pub name: String,
}

/// A layer as the manifest has it. It is found by its id where After Effects has layer ids (22.0 and later), else by its index;
/// its name must agree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerRef {
    /// Place in the stack from the top, from 1.
    pub index: u32,
    /// Its layer id.
    pub id: u32,
    /// The name the timeline shows.
    pub name: String,
}

/// One step down a layer's properties.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// A match name (`ADBE Effect Parade`) or the name that After Effects shows.
    Name(String),
    /// Place in an indexed group, from 1.
    Index(u32),
}

/// What is set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Set {
    /// A text layer's text, and how it is set. What is absent stays as it is.
    Text {
        /// The text in logical order; it is never reordered. Lines end with `\n`, `\r` or `\r\n`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
        /// PostScript name of the font.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        font: Option<String>,
        /// Size in pixels.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        size: Option<f64>,
        /// Direction of the paragraphs. After Effects has it from 24.0 on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        direction: Option<Direction>,
        /// Fill as red, green, blue; 0 to 1.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        color: Option<[f64; 3]>,
    },
    /// Another still picture as the layer's source.
    Image {
        /// The file.
        file: FileName,
    },
    /// Another video as the layer's source.
    Video {
        /// The file.
        file: FileName,
    },
    /// Another sound as the layer's source.
    Audio {
        /// The file.
        file: FileName,
    },
    /// A colour property.
    Color {
        /// Where it is below the layer.
        property: Vec<Step>,
        /// Red, green, blue, alpha; 0 to 1.
        rgba: [f64; 4],
    },
    /// A property of one number: slider, angle, menu, check box, opacity.
    Number {
        /// Where it is below the layer.
        property: Vec<Step>,
        /// The number, in the property's own unit.
        value: f64,
    },
    /// A property of two or three numbers: point, position, scale.
    Point {
        /// Where it is below the layer.
        property: Vec<Step>,
        /// The numbers, in the property's own unit.
        value: Vec<f64>,
    },
    /// The layer's eye.
    Visible {
        /// Whether it is on.
        on: bool,
    },
    /// An Essential Graphics control of the composition that the layer shows.
    Control {
        /// Its name, below the names of the groups it is in.
        name: Vec<String>,
        /// What it gets.
        value: ControlValue,
    },
    /// How loud a layer's sound is.
    AudioLevel {
        /// Left channel.
        left: f64,
        /// Right channel.
        right: f64,
        /// What the two are.
        unit: LevelUnit,
    },
}

/// Value of an Essential Graphics control.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ControlValue {
    /// A slider, angle or menu.
    Number(f64),
    /// A check box.
    Switch(bool),
    /// A text.
    Text(String),
    /// Red, green, blue, alpha; 0 to 1.
    Color([f64; 4]),
    /// A point or scale, two or three numbers.
    Point(Vec<f64>),
    /// A media replacement.
    Media(FileName),
}

/// Direction of a text's paragraphs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Latin and its like.
    LeftToRight,
    /// Persian, Arabic, Hebrew.
    RightToLeft,
}

/// Unit of a sound level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LevelUnit {
    /// Decibels, as After Effects shows them: 0 is unchanged.
    Db,
    /// Percent of the amplitude: 100 is unchanged, 0 is silent.
    Percent,
}

/// Order and length of the scenes of one composition: its layers, one behind the other in time. The composition gets the
/// length of all of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenes {
    /// The composition.
    pub comp: CompRef,
    /// The scenes in order. A layer that comes again is duplicated.
    pub order: Vec<Scene>,
    /// Layers of scenes that are not in this film: eye and speaker are turned off.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LayerRef>,
    /// Layers that last as long as the film: backgrounds, music.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub throughout: Vec<LayerRef>,
}

/// One scene.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scene {
    /// The layer that shows it.
    pub layer: LayerRef,
    /// Its length in frames of the composition that has the scenes.
    pub frames: u32,
    /// How many of them it shares with the next scene.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub overlap: u32,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it by reference"
)]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Why a values document is not taken.
#[derive(Debug, thiserror::Error)]
pub enum ValuesError {
    /// More bytes than [`LARGEST_DOCUMENT_BYTES`].
    #[error("read the values: {bytes} bytes, at most {LARGEST_DOCUMENT_BYTES} are taken")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// Not JSON of this shape. The cause names the field, line and column.
    #[error("read the values: {0}")]
    Shape(#[from] serde_json::Error),
    /// Of this shape, but beyond what is taken.
    #[error("take the values: {}", Wrong::list(.0))]
    Wrong(Vec<Wrong>),
}

impl Values {
    /// Reads a document and checks it against every limit.
    ///
    /// # Errors
    ///
    /// If it is too large, not of this shape (an unknown field is an error that names it), or beyond a limit; all that is
    /// beyond a limit is named at once.
    pub fn from_json(json: &[u8]) -> Result<Self, ValuesError> {
        if json.len() > LARGEST_DOCUMENT_BYTES {
            return Err(ValuesError::TooLarge { bytes: json.len() });
        }
        let values: Self = serde_json::from_slice(json)?;
        values.checked()
    }

    /// The document, if it is within every limit.
    ///
    /// # Errors
    ///
    /// Names every field that is not.
    pub fn checked(self) -> Result<Self, ValuesError> {
        match self.wrong() {
            wrong if wrong.is_empty() => Ok(self),
            wrong => Err(ValuesError::Wrong(wrong)),
        }
    }

    /// The digest that names these values: of the document as this build writes it. Two documents that differ only in space, order
    /// of keys or what is written of defaults have the same. It names what files there are, not what is in them.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&serde_json::to_vec(self).expect("plain data is always JSON"))
    }

    /// Files of the package that the changes need, each once, in order of use.
    #[must_use]
    pub fn files(&self) -> Vec<&FileName> {
        let mut files = Vec::new();
        for change in &self.changes {
            let file = match &change.set {
                Set::Image { file } | Set::Video { file } | Set::Audio { file } => file,
                Set::Control {
                    value: ControlValue::Media(file),
                    ..
                } => file,
                Set::Text { .. }
                | Set::Color { .. }
                | Set::Number { .. }
                | Set::Point { .. }
                | Set::Visible { .. }
                | Set::Control { .. }
                | Set::AudioLevel { .. } => continue,
            };
            if !files.contains(&file) {
                files.push(file);
            }
        }
        files
    }
}
