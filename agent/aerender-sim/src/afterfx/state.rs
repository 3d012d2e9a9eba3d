//! Answers for: the state of a project as the model has it (`../model/project.js`, `../model/layers.js`), which is what `load` makes
//! of a file and `save` puts back. Must not: know chunks.

use serde::{Deserialize, Serialize};

/// A project.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Frames are counted from 0 or 1.
    pub display_start: u32,
    /// Where it was opened.
    pub path: String,
    /// Compositions, footage and folders.
    pub items: Vec<Item>,
}

/// An item of the project panel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Its id.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// What it is.
    #[serde(flatten)]
    pub kind: Kind,
}

/// What an item is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Kind {
    /// A composition.
    Comp(Comp),
    /// A file, solid or placeholder.
    Footage(Footage),
    /// A folder.
    Folder {},
}

/// A composition; times in seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(
    missing_docs,
    reason = "the names are those of the scripting guide's CompItem"
)]
pub struct Comp {
    pub width: u32,
    pub height: u32,
    pub pixel_aspect: f64,
    pub duration: f64,
    pub frame_rate: f64,
    pub display_start: f64,
    pub work_start: f64,
    pub work_duration: f64,
    pub background: [f64; 3],
    pub layers: Vec<Layer>,
}

/// A footage item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Footage {
    /// `file`, `solid` or `placeholder`.
    pub source: String,
    /// Where the file is, for files.
    pub path: String,
    /// The file is not there.
    pub missing: bool,
    /// It was brought in by this run.
    #[serde(default)]
    pub imported: bool,
    /// One picture.
    pub still: bool,
    /// It has a picture.
    pub video: bool,
    /// It has sound.
    pub audio: bool,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// Length in seconds.
    pub duration: f64,
}

/// A layer; times in seconds of its composition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Layer {
    /// Its id.
    pub id: u32,
    /// The layer that it is a duplicate of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy_of: Option<u32>,
    /// The name the timeline shows.
    pub name: String,
    /// It has a name of its own, not its source's.
    pub name_set: bool,
    /// `text`, `shape`, `camera`, `light` or `av`.
    pub kind: String,
    /// Its eye.
    pub enabled: bool,
    /// Its speaker.
    pub audio_enabled: bool,
    /// Its lock.
    pub locked: bool,
    /// Where its source begins.
    pub start: f64,
    /// Where it begins to be seen.
    #[serde(rename = "in")]
    pub from: f64,
    /// Where it ends.
    #[serde(rename = "out")]
    pub to: f64,
    /// Item id of what it shows.
    pub source: Option<u32>,
    /// Its time is remapped.
    pub remapped: bool,
    /// The group of all its properties.
    pub properties: Property,
}

/// A property or a group of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Property {
    /// Match name; empty for the group of all.
    #[serde(rename = "match")]
    pub match_name: String,
    /// A name of its own.
    pub name: Option<String>,
    /// `group`, `one`, `two`, `two_spatial`, `three`, `three_spatial`, `color`, `text` or `other`.
    #[serde(rename = "type")]
    pub kind: String,
    /// An effect's switch.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// What a group holds.
    #[serde(default)]
    pub children: Vec<Property>,
    /// Its numbers, as After Effects shows them.
    #[serde(default)]
    pub value: Vec<f64>,
    /// How many key frames it has.
    #[serde(default)]
    pub keys: u32,
    /// Its expression; empty if there is none.
    #[serde(default)]
    pub expression: String,
    /// The least value it takes, if that is known.
    #[serde(default)]
    pub least: Option<f64>,
    /// The greatest value it takes, if that is known.
    #[serde(default)]
    pub most: Option<f64>,
    /// Its text.
    #[serde(default)]
    pub text: Option<Text>,
    /// The script set it.
    #[serde(default)]
    pub changed: bool,
    /// Where it is below the layer's chunk; absent for what the file leaves out because it is as always.
    #[serde(default)]
    pub at: Option<Vec<usize>>,
}

fn yes() -> bool {
    true
}

/// A text document, of its first character.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Text {
    /// The text, paragraphs ended by carriage returns but for the last.
    pub text: String,
    /// PostScript name of the font.
    pub font: String,
    /// Size in pixels.
    pub size: f64,
    /// Fill as red, green, blue.
    pub color: Option<[f64; 3]>,
    /// `left_to_right` or `right_to_left`.
    pub direction: Option<String>,
    /// 1 is the universal composer.
    pub composer: u32,
}

impl Property {
    /// A group.
    #[must_use]
    pub fn group(match_name: &str, children: Vec<Property>) -> Property {
        Property {
            children,
            ..Property::of(match_name, "group", Vec::new())
        }
    }

    /// A property that is as always.
    #[must_use]
    pub fn of(match_name: &str, kind: &str, value: Vec<f64>) -> Property {
        Property {
            match_name: match_name.to_owned(),
            name: None,
            kind: kind.to_owned(),
            enabled: true,
            children: Vec::new(),
            value,
            keys: 0,
            expression: String::new(),
            least: None,
            most: None,
            text: None,
            changed: false,
            at: None,
        }
    }
}
