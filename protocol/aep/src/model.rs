//! What a project is to the rest of the farm: plain data, in project order, nothing derived from the machine it is read on.

use serde::Serialize;

use crate::rational::Rational;
use crate::version::{AeOs, AeVersion};

/// How the project was wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Container {
    /// `.aep` or `.aet`.
    #[serde(rename = "RIFX")]
    Rifx,
    /// `.aepx`.
    #[serde(rename = "XML")]
    Xml,
    /// `.mogrt`: a zip that holds a zip that holds the project.
    #[serde(rename = "zip(mogrt)>zip(aegraphic)>RIFX")]
    Mogrt,
    /// A zip that holds the project directly: an `.aegraphic`, or a collected folder.
    #[serde(rename = "zip>RIFX")]
    Zip,
}

/// A whole project.
#[derive(Debug, Clone, Serialize)]
pub struct Project {
    /// How it was wrapped.
    pub container: Container,
    /// Size of the file it was read from, in bytes.
    pub project_bytes: u64,
    /// The After Effects that saved it. Older ones can't open it.
    pub ae_version: AeVersion,
    /// The system it was saved on, if the file says one we know.
    pub ae_os: Option<AeOs>,
    /// Folders of the Project panel.
    pub folders: Vec<Folder>,
    /// Compositions.
    pub comps: Vec<Composition>,
    /// Everything a layer can show that is not a composition: files, solids, placeholders.
    pub footage: Vec<Footage>,
    /// How frames are counted: 0 from 0, 1 from 1, 2 by timecode conversion (from 0).
    pub frames_count_type: u32,
    /// Colour depth: 8, 16 or 32 bits a channel.
    pub bits_per_channel: u32,
    /// The render queue as it was saved.
    pub render_queue: Vec<QueueItem>,
    /// The language of expressions the project is set to, such as `javascript-1.0`; empty in files older than the choice.
    pub expression_engine: String,
    /// What is odd or broken in the file, in words. Empty for a sound one.
    pub warnings: Vec<String>,
    /// Bytes are missing or broken: what is here may not be all there was.
    pub damaged: bool,
}

/// A folder of the Project panel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Folder {
    /// Item id, unique in the project.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// Id of the folder it stands in; 0 is the root.
    pub parent: u32,
}

/// A composition: size, rate, length and layers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Composition {
    /// Item id, unique in the project.
    pub id: u32,
    /// Its name; not always unique.
    pub name: String,
    /// Id of the folder it stands in; 0 is the root.
    pub folder_id: u32,
    /// Pixels across.
    pub width: u16,
    /// Pixels down.
    pub height: u16,
    /// Frames a second. Exact, NTSC rates too.
    pub rate: Rational,
    /// Frames a second as the file has them: 29.97 is 29 and 63570/65536 there.
    pub rate_stored: Rational,
    /// Width of a pixel over its height.
    pub pixel_aspect: Rational,
    /// Length in frames: duration × rate, to the nearest.
    pub frames: u32,
    /// Length in seconds as stored.
    pub duration: Rational,
    /// Start and end of the work area in seconds from the composition's start.
    pub work_area: (Rational, Rational),
    /// The time its timeline starts at, in seconds.
    pub display_start: Rational,
    /// Background as red, green, blue.
    pub background: [u8; 3],
    /// Its timecode drops frames.
    pub drop_frame: bool,
    /// Match name of its 3D renderer, such as `ADBE Escher` (Classic 3D); empty if the file names none.
    pub renderer: String,
    /// Its switches.
    pub switches: CompSwitches,
    /// A file that stands in for it.
    pub proxy: Option<FileRef>,
    /// Layers, top first.
    pub layers: Vec<Layer>,
}

/// The switches of a composition; where they stand in the file is not verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "switches, as people see them"
)]
pub struct CompSwitches {
    /// Motion blur is on for layers that ask for it.
    pub motion_blur: bool,
    /// Frame blending is on for layers that ask for it.
    pub frame_blending: bool,
    /// Keeps its own frame rate when it is nested.
    pub keeps_rate: bool,
    /// Keeps its own resolution when it is nested.
    pub keeps_resolution: bool,
    /// Shy layers are hidden in the timeline; they still render.
    pub hides_shy: bool,
}

/// What a layer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LayerKind {
    /// Editable text.
    Text,
    /// Vector shapes.
    Shape,
    /// A file.
    Footage,
    /// Stands for footage that is to come.
    Placeholder,
    /// One colour.
    Solid,
    /// Another composition.
    Precomp,
    /// A null object: shows nothing.
    Null,
    /// Applies its effects to what lies below.
    Adjustment,
    /// A light.
    Light,
    /// A camera.
    Camera,
    /// A 3D model.
    Model,
    /// Its source is not in the project, or its type is newer than this reader.
    Unknown,
}

/// Digits that the number of a file is shown with at most.
const MOST_DIGITS: usize = 20;

/// One layer of a composition.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Layer {
    /// Place in the stack from the top, from 1.
    pub index: u32,
    /// Layer id, unique in the project.
    pub id: u32,
    /// The name the timeline shows.
    pub name: String,
    /// What it is.
    pub kind: LayerKind,
    /// The eye is on.
    pub enabled: bool,
    /// A guide layer: seen while editing, not rendered.
    pub guide: bool,
    /// The speaker is on.
    pub audio_enabled: bool,
    /// Gives a layer that is on its track matte: rendered even with its eye off.
    pub is_matte: bool,
    /// The switches that are not above.
    pub switches: LayerSwitches,
    /// Id of the composition or footage it shows.
    pub source_id: Option<u32>,
    /// Id of the layer it follows.
    pub parent_id: Option<u32>,
    /// Its track matte.
    pub matte: Option<TrackMatte>,
    /// Seconds of the composition at which its source starts.
    pub start: Rational,
    /// Seconds of the composition at which it appears and at which it is gone.
    pub span: (Rational, Rational),
    /// How much longer its source takes: 1 is as it is, −1 backwards.
    pub stretch: Rational,
    /// Its texts: one, or one a keyframe. Lines are separated by a carriage return, as After Effects keeps them.
    pub text: Vec<String>,
    /// PostScript names of the fonts its texts really use.
    pub fonts: Vec<String>,
    /// Sizes its texts use, in pixels.
    pub sizes: Vec<f64>,
    /// An expression on the text may change it while rendering.
    pub text_computed: bool,
    /// Match names of its effects, in order.
    pub effects: Vec<String>,
    /// How many of its properties an expression computes, whether it is switched on or not.
    pub expressions: u32,
    /// Match names of the properties with an expression, the first 100 different ones.
    pub computed: Vec<String>,
}

/// The switches of a layer that tell little of the picture's truth; where they stand in the file is not verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "switches, as people see them"
)]
pub struct LayerSwitches {
    /// Seen alone while any layer is; aerender may follow that.
    pub solo: bool,
    /// Stands in space.
    pub three_d: bool,
    /// Can be hidden in the timeline.
    pub shy: bool,
    /// Can't be changed by hand.
    pub locked: bool,
    /// Its effects are on.
    pub effects: bool,
    /// Asks for motion blur.
    pub motion_blur: bool,
    /// Asks for frame blending.
    pub frame_blending: bool,
    /// Collapses transformations, or rasterizes continuously.
    pub collapse: bool,
}

/// How one layer cuts another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct TrackMatte {
    /// By what.
    pub by: MatteBy,
    /// The layer that cuts, if it is in the composition.
    pub layer_id: Option<u32>,
}

/// What of a track matte cuts; the numbers in the file are not verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MatteBy {
    /// Its alpha.
    Alpha,
    /// Where its alpha is not.
    AlphaInverted,
    /// Its brightness.
    Luma,
    /// Its darkness.
    LumaInverted,
    /// A number this reader does not know.
    Unknown,
}

/// What a footage item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FootageKind {
    /// One colour, made by After Effects.
    Solid,
    /// A stand-in for footage to come.
    Placeholder,
    /// A file or an image sequence.
    File,
}

/// A footage item of the Project panel.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Footage {
    /// Item id, unique in the project.
    pub id: u32,
    /// Its name; that of its file unless it was renamed.
    pub name: String,
    /// Id of the folder it stands in; 0 is the root.
    pub folder_id: u32,
    /// What it is.
    pub kind: FootageKind,
    /// Pixels across; 0 for sound.
    pub width: u16,
    /// Pixels down; 0 for sound.
    pub height: u16,
    /// The format's four-character code: `png!`, `8BPS`, `MP3A`; empty for placeholders.
    pub fourcc: String,
    /// Colour of a solid as red, green, blue.
    pub color: Option<[u8; 3]>,
    /// Where the file is, for files whose place could be read.
    pub file: Option<FileRef>,
    /// Samples of sound a second; 0 is silent.
    pub audio_rate_hz: f64,
    /// Frames a second of its own; `None` for stills, solids and sound.
    pub rate: Option<Rational>,
    /// Frames a second it is read at instead of its own.
    pub rate_conformed: Option<Rational>,
    /// Length in seconds; `None` for what has none.
    pub duration: Option<Rational>,
    /// Width of a pixel over its height.
    pub pixel_aspect: Rational,
    /// How often it is shown in a row; at least 1.
    pub loops: u8,
    /// The layer of the file that it shows, for layered files.
    pub source_layer: Option<String>,
    /// What is known of it as an image sequence.
    pub sequence: Option<Sequence>,
    /// A file that stands in for it.
    pub proxy: Option<FileRef>,
}

/// An image sequence. Not verified on a real one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sequence {
    /// Number of its first file.
    pub first: Option<u32>,
    /// Number of its last file.
    pub last: Option<u32>,
    /// How many digits the number has at least.
    pub digits: u32,
    /// What stands before the number.
    pub prefix: String,
    /// What stands after it, the dot included if the project has it.
    pub suffix: String,
    /// The names of its files, where the project lists them.
    pub names: Vec<String>,
}

impl Sequence {
    /// Whether a file of its folder is one of those it shows: one that is listed, else one whose name is prefix, number with the
    /// digits it takes, and suffix. Small and large letters count as the same. `None` if the project does not say which.
    #[must_use]
    pub fn shows(&self, file_name: &str) -> Option<bool> {
        let file = file_name.to_lowercase();
        if !self.names.is_empty() {
            return Some(self.names.iter().any(|name| name.to_lowercase() == file));
        }
        let (first, last) = (self.first?, self.last?);
        if self.suffix.is_empty() {
            return None;
        }
        let dot = if self.suffix.contains('.') { "" } else { "." };
        let suffix = format!("{dot}{}", self.suffix).to_lowercase();
        let prefix = self.prefix.to_lowercase();
        let digits = file
            .strip_prefix(&prefix)
            .and_then(|rest| rest.strip_suffix(&suffix));
        Some(digits.is_some_and(|digits| self.is_shown(digits, first, last)))
    }

    fn is_shown(&self, digits: &str, first: u32, last: u32) -> bool {
        let padded = usize::try_from(self.digits).unwrap_or(0).min(MOST_DIGITS);
        let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let number = digits.parse::<u32>().ok().filter(|_| plain);
        number.is_some_and(|number| {
            (first..=last).contains(&number) && digits == format!("{number:0padded$}")
        })
    }

    /// How many files it has, where the project says.
    #[must_use]
    pub fn count(&self) -> Option<u64> {
        if !self.names.is_empty() {
            return u64::try_from(self.names.len()).ok();
        }
        if self.suffix.is_empty() {
            return None;
        }
        Some(u64::from(self.last?.checked_sub(self.first?)?) + 1)
    }

    /// What After Effects calls it when nobody gave it a name: `shot_[0003-0011].png`; `None` when a part of that is not known.
    pub fn name(&self) -> Option<String> {
        let (first, last) = (self.first?, self.last?);
        let digits = usize::try_from(self.digits).unwrap_or(0).min(MOST_DIGITS);
        if self.prefix.is_empty() && self.suffix.is_empty() {
            return None;
        }
        let dot = if self.suffix.contains('.') { "" } else { "." };
        Some(format!(
            "{}[{first:0digits$}-{last:0digits$}]{dot}{}",
            self.prefix, self.suffix
        ))
    }
}

/// Where the machine that saved the project had a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileRef {
    /// The path as stored: of the machine that saved it, or relative to the project's folder.
    pub path: String,
    /// A Windows path (`C:\…`, `\\server\…`); otherwise POSIX.
    pub windows: bool,
    /// The path is a folder: an image sequence.
    pub is_folder: bool,
    /// Steps up from the project file to the folder it has in common with the file; 0 if there is none.
    pub steps_up: u32,
    /// How many trailing parts of the path lie below that folder.
    pub steps_down: u32,
    /// The file could not be found when the project was last saved. Stale by nature.
    pub missing_at_save: bool,
    /// Read from the binary record of After Effects CS6 and older on Windows, of which one real example was seen.
    pub old_record: bool,
}

/// Where an item of the render queue stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum QueueStatus {
    /// No output is set.
    NeedsOutput,
    /// The check box is off.
    Unqueued,
    /// Will render.
    Queued,
    /// Was rendering when the project was saved.
    Rendering,
    /// A person stopped it.
    UserStopped,
    /// An error stopped it.
    ErrorStopped,
    /// Has rendered.
    Done,
    /// A value this reader does not know.
    Unknown,
}

/// One item of the render queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QueueItem {
    /// The composition it renders.
    pub comp_id: u32,
    /// Where it stands.
    pub status: QueueStatus,
    /// A bit that notes take for the check box; it is off for queued items of two real files, so nothing should rest on it.
    pub checked: Option<bool>,
    /// Name of its render settings.
    pub template: String,
    /// Start and length in seconds; `None` is the composition's or the work area's.
    pub time_span: Option<(Rational, Rational)>,
    /// Where the time span is from.
    pub span_source: Option<SpanSource>,
    /// Frames a second it renders at instead of the composition's.
    pub rate: Option<Rational>,
    /// One in how many pixels is rendered, across and down; 1 is all of them, 0 what the composition is set to.
    pub resolution: (u16, u16),
    /// Its output modules.
    pub outputs: Vec<OutputModule>,
}

/// Where the time span of a render-queue item is from; its place in the file is not verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SpanSource {
    /// All of the composition.
    Composition,
    /// The composition's work area.
    WorkArea,
    /// Start and length of its own.
    Custom,
    /// A number this reader does not know.
    Unknown,
}

/// One output module of a render-queue item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OutputModule {
    /// Four-character code of the format.
    pub format: String,
    /// Where it writes to, as the machine that saved it knew it.
    pub target: Option<FileRef>,
    /// Name of the output module template.
    pub template: Option<String>,
    /// Template of the file name.
    pub file_template: Option<String>,
}
