//! Answers for: what an output module writes: format, channels, depth, size, and the settings that change them. Must not: write it.
//!
//! Keys and values are those of the scripting guide's `OutputModule.setSettings`; how sizes are spelt there is **not verified**.

use crate::ending::Failure;
use serde::Deserialize;

/// What kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// TIFF files, one a frame.
    Tiff,
    /// PNG files, one a frame; no stock template does that.
    Png,
    /// Photoshop files, one a frame.
    Psd,
    /// One AIFF file of sound.
    Aiff,
    /// One AVI file, uncompressed.
    Avi,
    /// One QuickTime file: `ProRes`, or Animation for the lossless templates of macOS.
    QuickTime,
    /// One MP4 file of H.264.
    H264,
}

impl Format {
    /// The extension that the module gives to its files, whatever was asked for.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Tiff => "tif",
            Self::Png => "png",
            Self::Psd => "psd",
            Self::Aiff => "aif",
            Self::Avi => "avi",
            Self::QuickTime => "mov",
            Self::H264 => "mp4",
        }
    }

    /// As the header of an item names it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Tiff => "TIFF Sequence",
            Self::Png => "PNG Sequence",
            Self::Psd => "Photoshop Sequence",
            Self::Aiff => "AIFF",
            Self::Avi => "AVI",
            Self::QuickTime => "QuickTime",
            Self::H264 => "H.264",
        }
    }

    /// Whether the whole range goes into one file.
    #[must_use]
    pub fn is_whole(self) -> bool {
        match self {
            Self::Aiff | Self::Avi | Self::QuickTime | Self::H264 => true,
            Self::Tiff | Self::Png | Self::Psd => false,
        }
    }
}

/// Which channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channels {
    /// Colours alone.
    Rgb,
    /// Colours and alpha.
    Rgba,
    /// Alpha alone, as grey.
    Alpha,
}

impl Channels {
    /// The places of its samples in a pixel of red, green, blue, alpha.
    #[must_use]
    pub fn places(self) -> &'static [usize] {
        match self {
            Self::Rgb => &[0, 1, 2],
            Self::Rgba => &[0, 1, 2, 3],
            Self::Alpha => &[3],
        }
    }

    /// As After Effects names it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rgb => "RGB",
            Self::Rgba => "RGB + Alpha",
            Self::Alpha => "Alpha",
        }
    }
}

/// Bits a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u8")]
pub enum Depth {
    /// 8.
    Eight,
    /// 16.
    Sixteen,
}

impl Depth {
    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Eight => Self::Sixteen,
            Self::Sixteen => Self::Eight,
        }
    }
}

impl TryFrom<u8> for Depth {
    type Error = String;

    fn try_from(bits: u8) -> Result<Self, String> {
        match bits {
            8 => Ok(Self::Eight),
            16 => Ok(Self::Sixteen),
            _ => Err(format!(
                "a depth of {bits} bits can not be written, only 8 and 16"
            )),
        }
    }
}

/// Pixels that are cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Crop {
    /// Whether any are.
    pub on: bool,
    /// Above.
    pub top: usize,
    /// At the left.
    pub left: usize,
    /// Below.
    pub bottom: usize,
    /// At the right.
    pub right: usize,
}

/// An output module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Module {
    /// The name of its template.
    pub name: String,
    /// What it writes.
    pub format: Format,
    /// With which channels.
    pub channels: Channels,
    /// With how many bits.
    pub depth: Depth,
    /// Thousand bits a second, for H.264.
    pub kbps: u32,
    /// Whether pictures get another size.
    pub resize: bool,
    /// Which.
    pub size: Option<(usize, usize)>,
    /// What is cut off after that.
    pub crop: Crop,
    /// Sound, if there is some.
    pub sound: bool,
    /// The number of the first file; the frame's own if it is not set.
    pub starting_number: Option<i64>,
    /// Files are numbered by frame.
    pub comp_frame_number: bool,
}

/// Keys of the scripting guide that change nothing here.
const TOLD: [&str; 15] = [
    "Audio Bit Depth",
    "Audio Channels",
    "Audio Sample Rate",
    "Color",
    "Convert to Linear Light",
    "Include Project Link",
    "Include Source XMP Metadata",
    "Lock Aspect Ratio",
    "Output Color Space",
    "Output File Info",
    "Post-Render Action",
    "Preserve RGB",
    "Resize Quality",
    "Use Region of Interest",
    "Video Output",
];

impl Module {
    /// A module as templates have it.
    #[must_use]
    pub fn new(name: &str, format: Format, channels: Channels, depth: Depth) -> Self {
        Self {
            name: name.to_owned(),
            format,
            channels,
            depth,
            kbps: 15_000,
            resize: false,
            size: None,
            crop: Crop::default(),
            sound: true,
            starting_number: None,
            comp_frame_number: true,
        }
    }

    /// Applies `-outputSettings`; the keys that change nothing here.
    ///
    /// # Errors
    ///
    /// For a key that After Effects doesn't have or doesn't let scripts set, and for a value that can't be meant.
    pub fn apply(&mut self, settings: &[(String, String)]) -> Result<Vec<String>, Failure> {
        let mut told = Vec::new();
        for (key, value) in settings {
            let bad = || bad_setting("output module", key, value);
            match key.as_str() {
                "Channels" => self.channels = channels(value).ok_or_else(bad)?,
                "Depth" => self.set_depth(value).ok_or_else(bad)?,
                "Resize" => self.resize = switch(value).ok_or_else(bad)?,
                "Resize to" => self.size = Some(size(value).ok_or_else(bad)?),
                "Crop" => self.crop.on = switch(value).ok_or_else(bad)?,
                "Crop Top" => self.crop.top = value.parse().map_err(|_| bad())?,
                "Crop Left" => self.crop.left = value.parse().map_err(|_| bad())?,
                "Crop Bottom" => self.crop.bottom = value.parse().map_err(|_| bad())?,
                "Crop Right" => self.crop.right = value.parse().map_err(|_| bad())?,
                "Output Audio" if value == "Auto" => self.sound = true,
                "Output Audio" => self.sound = switch(value).ok_or_else(bad)?,
                "Use Comp Frame Number" => {
                    self.comp_frame_number = switch(value).ok_or_else(bad)?;
                }
                "Starting #" => {
                    let number: i32 = value.parse().map_err(|_| bad())?;
                    self.starting_number = Some(i64::from(number));
                }
                known if TOLD.contains(&known) => told.push(key.clone()),
                _ => return Err(bad()),
            }
        }
        Ok(told)
    }

    fn set_depth(&mut self, value: &str) -> Option<()> {
        let (depth, channels) = match value {
            "Millions of Colors" => (Depth::Eight, Channels::Rgb),
            "Millions of Colors+" => (Depth::Eight, Channels::Rgba),
            "Trillions of Colors" => (Depth::Sixteen, Channels::Rgb),
            "Trillions of Colors+" => (Depth::Sixteen, Channels::Rgba),
            _ => return None,
        };
        self.depth = depth;
        if self.channels != Channels::Alpha {
            self.channels = channels;
        }
        Some(())
    }

    /// Its depth as After Effects names it.
    #[must_use]
    pub fn depth_name(&self) -> &'static str {
        match (self.channels, self.depth) {
            (Channels::Rgb, Depth::Eight) => "Millions of Colors",
            (Channels::Rgba, Depth::Eight) => "Millions of Colors+",
            (Channels::Rgb, Depth::Sixteen) => "Trillions of Colors",
            (Channels::Rgba, Depth::Sixteen) => "Trillions of Colors+",
            (Channels::Alpha, Depth::Eight) => "256 Grays",
            (Channels::Alpha, Depth::Sixteen) => "65536 Grays",
        }
    }

    /// The size of its pictures before anything is cut off.
    #[must_use]
    pub fn resized(&self, rendered: (usize, usize)) -> (usize, usize) {
        self.size.filter(|_| self.resize).unwrap_or(rendered)
    }

    /// What is left after the crop: left, top, width and height; `None` if nothing is.
    #[must_use]
    pub fn window(&self, (width, height): (usize, usize)) -> Option<(usize, usize, usize, usize)> {
        let crop = if self.crop.on {
            self.crop
        } else {
            Crop::default()
        };
        let left = |all: usize, one: usize, other: usize| {
            all.checked_sub(one)?
                .checked_sub(other)
                .filter(|&left| left > 0)
        };
        let width = left(width, crop.left, crop.right)?;
        let height = left(height, crop.top, crop.bottom)?;
        Some((crop.left, crop.top, width, height))
    }

    /// What is added to a frame's number for the number of its file.
    #[must_use]
    pub fn number_shift(&self, first_frame: i64) -> i64 {
        if self.comp_frame_number {
            0
        } else {
            self.starting_number.unwrap_or_default() - first_frame
        }
    }
}

/// Another error of the script: what exactly After Effects says is not known.
pub fn bad_setting(of: &str, key: &str, value: &str) -> Failure {
    Failure::scripting(&format!(
        "Unable to call \"setSettings\" because of parameter 1. \"{key}: {value}\" is no setting of an {of} item."
    ))
}

/// Switches as the scripting guide spells them.
pub fn switch(value: &str) -> Option<bool> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "on" | "1" => Some(true),
        "false" | "off" | "0" => Some(false),
        _ => None,
    }
}

fn channels(value: &str) -> Option<Channels> {
    [Channels::Rgb, Channels::Rgba, Channels::Alpha]
        .into_iter()
        .find(|channels| channels.name() == value)
}

/// `960x540`, `960 x 540`, `960,540`; up to 30,000 each way, as compositions.
fn size(value: &str) -> Option<(usize, usize)> {
    let (width, height) = value.split_once(['x', ','])?;
    let side = |text: &str| {
        let side: usize = text.trim().parse().ok()?;
        (1..=30_000).contains(&side).then_some(side)
    };
    Some((side(width)?, side(height)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(settings: &[(&str, &str)]) -> Result<(Module, Vec<String>), Failure> {
        let mut module = Module::new("T", Format::Tiff, Channels::Rgba, Depth::Eight);
        let pairs: Vec<(String, String)> = settings
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        let told = module.apply(&pairs)?;
        Ok((module, told))
    }

    #[test]
    fn settings_change_what_is_written() {
        let (module, told) = applied(&[
            ("Depth", "Trillions of Colors"),
            ("Resize", "true"),
            ("Resize to", "960 x 540"),
            ("Crop", "true"),
            ("Crop Top", "4"),
            ("Crop Right", "10"),
            ("Color", "Straight (Unmatted)"),
        ])
        .unwrap();
        assert_eq!(
            (module.depth, module.channels),
            (Depth::Sixteen, Channels::Rgb)
        );
        assert_eq!(module.resized((1920, 1080)), (960, 540));
        assert_eq!(module.window((960, 540)), Some((0, 4, 950, 536)));
        assert_eq!(module.window((10, 540)), None);
        assert_eq!(told, ["Color"]);
    }

    #[test]
    fn what_scripts_can_not_set_is_an_error_of_the_script() {
        for setting in [
            ("Format", "PNG Sequence"),
            ("Depth", "Many"),
            ("Resize to", "9"),
            ("Crop Top", "-1"),
            ("x", ""),
        ] {
            let failure = applied(&[setting]).unwrap_err();
            assert_eq!(failure.class.exit_code(false), 5);
            assert_eq!(failure.class.exit_code(true), 6);
            assert!(failure.text.contains(setting.0));
        }
    }
}
