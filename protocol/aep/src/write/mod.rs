//! Writes small projects for tests and the demo: what [`crate::parse`] reads back is the spec, field by field.
//!
//! The files hold what a reader needs and no more. Other readers of the format take them too; After Effects itself is not
//! promised to open them, and they are no evidence of how it writes.

mod chunks;
mod items;
mod queue;
mod text;

use crate::footage::path_is_windows;
use crate::model::QueueStatus;
use crate::rational::Rational;
use crate::version::{self, AeOs, AeVersion};

use chunks::{leaf, list};
use items::Ids;

/// The font of a text layer that names none.
pub const DEFAULT_FONT: &str = "ArialMT";
/// The size of a text that names none.
pub const TEXT_SIZE: f64 = 48.0;

/// A project to write.
#[derive(Debug, Clone, PartialEq)]
pub struct ProjectSpec {
    /// The After Effects that is said to have saved it.
    pub ae_version: AeVersion,
    /// The system it is said to have been saved on.
    pub ae_os: AeOs,
    /// How frames are counted: 0 from 0, 1 from 1, 2 by timecode (from 0). At most 255.
    pub frames_count_type: u32,
    /// Compositions, in project order.
    pub comps: Vec<CompSpec>,
    /// The render queue.
    pub render_queue: Vec<QueueSpec>,
}

impl Default for ProjectSpec {
    fn default() -> ProjectSpec {
        ProjectSpec {
            ae_version: AeVersion {
                major: 25,
                minor: 0,
                patch: 0,
                build: 1,
                beta: false,
            },
            ae_os: AeOs::Windows,
            frames_count_type: 2,
            comps: Vec::new(),
            render_queue: Vec::new(),
        }
    }
}

/// An item of the render queue to write.
#[derive(Debug, Clone, PartialEq)]
pub struct QueueSpec {
    /// The first composition of this name; a name that is not in the project leaves an item that renders nothing.
    pub comp: String,
    /// Where it stands. [`QueueStatus::Unknown`] is written as a number no After Effects has.
    pub status: QueueStatus,
    /// Name of its render settings; cut to 63 bytes.
    pub template: String,
    /// Start and length in frames, if it has a time span of its own.
    pub time_span: Option<(u32, u32)>,
    /// Its output modules.
    pub outputs: Vec<OutputSpec>,
}

impl QueueSpec {
    /// A queued item with the settings After Effects begins with, and no output.
    #[must_use]
    pub fn new(comp: &str) -> QueueSpec {
        QueueSpec {
            comp: comp.to_owned(),
            status: QueueStatus::Queued,
            template: "Best Settings".to_owned(),
            time_span: None,
            outputs: Vec::new(),
        }
    }
}

/// An output module to write.
#[derive(Debug, Clone, PartialEq)]
pub struct OutputSpec {
    /// Four-character code of its format, such as `png!`.
    pub format: [u8; 4],
    /// The folder it writes to.
    pub folder: String,
    /// Name of its template.
    pub template: String,
    /// Template of the file name.
    pub file_template: String,
}

/// A composition to write.
#[derive(Debug, Clone, PartialEq)]
pub struct CompSpec {
    /// Its name.
    pub name: String,
    /// Pixels across.
    pub width: u16,
    /// Pixels down.
    pub height: u16,
    /// Frames a second. Stored in 65536ths: NTSC rates and multiples of 1/65536 come back as they are, others rounded.
    pub rate: Rational,
    /// Length in frames.
    pub frames: u32,
    /// The frame its timeline starts at.
    pub display_start_frames: i32,
    /// First frame of the work area and the one after its last, from the composition's start; `None` is all of it.
    pub work_area: Option<(u32, u32)>,
    /// Width of a pixel over its height. Both parts are stored as 32 bits.
    pub pixel_aspect: Rational,
    /// Background as red, green, blue.
    pub background: [u8; 3],
    /// Layers, top first.
    pub layers: Vec<LayerSpec>,
    /// Paths of files that are not there: each becomes a footage item and a layer below the others, named like the file.
    pub footage: Vec<String>,
}

impl CompSpec {
    /// An empty composition on black with square pixels.
    #[must_use]
    pub fn new(name: &str, width: u16, height: u16, rate: Rational, frames: u32) -> CompSpec {
        CompSpec {
            name: name.to_owned(),
            width,
            height,
            rate,
            frames,
            display_start_frames: 0,
            work_area: None,
            pixel_aspect: Rational::ONE,
            background: [0; 3],
            layers: Vec::new(),
            footage: Vec::new(),
        }
    }

    /// All layers that are written: those given, then one for each file in `footage`.
    #[must_use]
    pub fn all_layers(&self) -> Vec<LayerSpec> {
        let missing = self.footage.iter().map(|path| {
            let file = FileSpec {
                missing_at_save: true,
                ..FileSpec::new(path)
            };
            LayerSpec::new(file.file_name(), KindSpec::File(file.clone()))
        });
        self.layers.iter().cloned().chain(missing).collect()
    }
}

/// A layer to write.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerSpec {
    /// Its name. If it is empty the reader gives that of the source.
    pub name: String,
    /// What it is.
    pub kind: KindSpec,
    /// The eye is on.
    pub enabled: bool,
    /// A guide layer.
    pub guide: bool,
    /// The speaker is on.
    pub audio_enabled: bool,
    /// Takes its track matte from the layer above.
    pub matte_above: bool,
    /// PostScript name of the font, for text.
    pub font: String,
    /// Size in pixels, for text.
    pub size: f64,
    /// An expression that computes the text, for text; empty is none.
    pub expression: String,
    /// Solo is on.
    pub solo: bool,
    /// It stands in space.
    pub three_d: bool,
    /// It follows the layer below it.
    pub follows_below: bool,
    /// Match names of its effects.
    pub effects: Vec<String>,
}

impl LayerSpec {
    /// A layer that is seen and heard.
    #[must_use]
    pub fn new(name: &str, kind: KindSpec) -> LayerSpec {
        LayerSpec {
            name: name.to_owned(),
            kind,
            enabled: true,
            guide: false,
            audio_enabled: true,
            matte_above: false,
            font: DEFAULT_FONT.to_owned(),
            size: TEXT_SIZE,
            expression: String::new(),
            solo: false,
            three_d: false,
            follows_below: false,
            effects: Vec::new(),
        }
    }
}

/// What a layer is, with what that needs.
#[derive(Debug, Clone, PartialEq)]
pub enum KindSpec {
    /// Text; lines are separated by a carriage return.
    Text(String),
    /// One colour over the whole composition, as red, green, blue.
    Solid([u8; 3]),
    /// An empty shape layer.
    Shape,
    /// A null object.
    Null,
    /// An adjustment layer.
    Adjustment,
    /// The first composition of this name; a name that is not in the project leaves a layer without a source.
    Precomp(String),
    /// A file.
    File(FileSpec),
}

/// A file that a layer shows.
#[derive(Debug, Clone, PartialEq)]
pub struct FileSpec {
    /// Its path: absolute, or relative to the project's folder.
    pub path: String,
    /// Pixels across; 0 for sound.
    pub width: u16,
    /// Pixels down; 0 for sound.
    pub height: u16,
    /// Samples of sound a second; 0 is silent.
    pub audio_rate_hz: f64,
    /// The project says it was missing when it was saved.
    pub missing_at_save: bool,
    /// Steps up from the project file to the folder it shares with the file; 0 says nothing.
    pub steps_up: u32,
    /// How many trailing parts of the path lie below that folder.
    pub steps_down: u32,
    /// The path is a folder with an image sequence.
    pub sequence: Option<SequenceSpec>,
}

/// An image sequence: files `prefix`, number, `suffix` in a folder.
#[derive(Debug, Clone, PartialEq)]
pub struct SequenceSpec {
    /// Number of its first file.
    pub first: u32,
    /// Number of its last file.
    pub last: u32,
    /// How many digits the number has at least.
    pub digits: u32,
    /// What stands before the number.
    pub prefix: String,
    /// What stands after it.
    pub suffix: String,
}

impl FileSpec {
    /// A file by its path. Sound files (`.mp3`, `.wav`, `.aif`, `.aiff`) have 48 kHz and no picture, others a silent
    /// 1920 × 1080.
    #[must_use]
    pub fn new(path: &str) -> FileSpec {
        let sound = matches!(
            items::extension(path).as_str(),
            "mp3" | "wav" | "aif" | "aiff"
        );
        FileSpec {
            path: path.to_owned(),
            width: if sound { 0 } else { 1920 },
            height: if sound { 0 } else { 1080 },
            audio_rate_hz: if sound { 48_000.0 } else { 0.0 },
            missing_at_save: false,
            steps_up: 0,
            steps_down: 0,
            sequence: None,
        }
    }

    /// The last part of the path.
    #[must_use]
    pub fn file_name(&self) -> &str {
        let windows = path_is_windows(&self.path);
        self.path
            .rsplit(|c: char| c == '/' || windows && c == '\\')
            .find(|part| !part.is_empty())
            .unwrap_or(&self.path)
    }
}

/// The bytes of a project file (`.aep`).
#[must_use]
pub fn project(spec: &ProjectSpec) -> Vec<u8> {
    let mut ids = Ids::new(spec);
    let mut fold = Vec::new();
    for (index, comp) in spec.comps.iter().enumerate() {
        fold.extend(items::composition(index, comp, &mut ids));
    }
    let word = version::pack(spec.ae_version, spec.ae_os).to_be_bytes();
    let mut head = vec![0; 20];
    head[4..8].copy_from_slice(&word);
    let count_type = u8::try_from(spec.frames_count_type).unwrap_or(u8::MAX);
    let mut older_settings = vec![0; 32];
    older_settings[14] = count_type;
    let mut settings = vec![0; 40];
    settings[20] = count_type;
    let queue = match spec.render_queue.as_slice() {
        [] => Vec::new(),
        _ => queue::render_queue(spec, &ids),
    };
    let body = [
        b"Egg!".to_vec(),
        leaf(*b"svap", &word),
        leaf(*b"head", &head),
        leaf(*b"nhed", &older_settings),
        leaf(*b"nnhd", &settings),
        leaf(*b"adfr", &48_000.0f64.to_be_bytes()),
        leaf(*b"acer", &[1]),
        list(*b"Fold", &fold),
        queue,
    ];
    leaf(*b"RIFX", &body.concat())
}
