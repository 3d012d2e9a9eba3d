//! Answers for: the templates an English After Effects comes with, and what each means. Must not: write.

use crate::ending::Failure;
use crate::module::{Channels, Depth, Format, Module, bad_setting, switch};
use crate::timecode::Rate;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Render settings templates.
const SETTINGS: [&str; 6] = [
    "Best Settings",
    "Current Settings",
    "DV Settings",
    "Draft Settings",
    "Multi-Machine Settings",
    "_HIDDEN X-Factor",
];

/// The one that leaves files alone that are there already.
const SKIPS_EXISTING: &str = "Multi-Machine Settings";
/// The one for a quick look.
const DRAFT: &str = "Draft Settings";

/// The only stock template of a still sequence that is not Photoshop's.
pub const TIFF_SEQUENCE: &str = "TIFF Sequence with Alpha";

/// Which part of a composition is rendered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Span {
    /// Its work area.
    WorkArea,
    /// All of it.
    Comp,
    /// From a time on, for so long; seconds from the composition's start.
    Custom {
        /// From here …
        start: f64,
        /// … for so long.
        duration: f64,
    },
}

/// The render settings a render uses.
#[derive(Debug, Clone, PartialEq)]
pub struct RenderSettings {
    /// The template's name.
    pub name: String,
    /// Files that are there already are left alone.
    pub skip_existing: bool,
    /// Best, Draft, Wireframe; only said.
    pub quality: String,
    /// Every so many pixels across and down one is rendered: 1 to 4.
    pub divisor: usize,
    /// What is rendered unless frames are asked for.
    pub span: Span,
    /// Another rate than the composition's.
    pub rate: Option<Rate>,
}

/// Looks a render settings template up; `Best Settings` if none is asked for.
///
/// # Errors
///
/// aerender's text for an unknown one.
pub fn render_settings(asked: Option<&str>) -> Result<RenderSettings, Failure> {
    let name = asked.unwrap_or("Best Settings");
    if !SETTINGS.contains(&name) {
        let text = "No render settings template was found with the given name.";
        return Err(Failure::not_found(text));
    }
    let draft = name == DRAFT;
    Ok(RenderSettings {
        name: name.to_owned(),
        skip_existing: name == SKIPS_EXISTING,
        quality: if draft { "Draft" } else { "Best" }.to_owned(),
        divisor: if draft { 2 } else { 1 },
        span: Span::WorkArea,
        rate: None,
    })
}

/// Names of resolutions by their divisor, from 1.
const RESOLUTIONS: [&str; 4] = ["Full", "Half", "Third", "Quarter"];

/// Keys of the scripting guide that change nothing here; `3:2 Pulldown` is cut at its colon.
const TOLD: [&str; 10] = [
    "3",
    "Color Depth",
    "Disk Cache",
    "Effects",
    "Field Render",
    "Frame Blending",
    "Guide Layers",
    "Motion Blur",
    "Proxy Use",
    "Solo Switches",
];

impl RenderSettings {
    /// The name of its resolution.
    #[must_use]
    pub fn resolution(&self) -> &'static str {
        RESOLUTIONS
            .get(self.divisor - 1)
            .copied()
            .unwrap_or("Custom")
    }

    /// Applies `-renderSettings`; the keys that change nothing here.
    ///
    /// # Errors
    ///
    /// For a key that After Effects doesn't have, and for a value that can't be meant.
    pub fn apply(&mut self, settings: &[(String, String)]) -> Result<Vec<String>, Failure> {
        let mut told = Vec::new();
        for (key, value) in settings {
            let bad = || bad_setting("render queue", key, value);
            match (key.as_str(), value.as_str()) {
                ("Quality", "Best" | "Draft" | "Wireframe" | "Current Settings") => {
                    self.quality.clone_from(value);
                }
                ("Resolution", "Current Settings") => {}
                ("Resolution", name) => {
                    let place = RESOLUTIONS.iter().position(|known| *known == name);
                    self.divisor = place.ok_or_else(bad)? + 1;
                }
                ("Skip Existing Files", _) => self.skip_existing = switch(value).ok_or_else(bad)?,
                ("Time Span", "Work Area" | "Work Area Only") => self.span = Span::WorkArea,
                ("Time Span", "Length of Comp") => self.span = Span::Comp,
                ("Time Span", "Custom") => {}
                ("Time Span Start" | "Time Span End" | "Time Span Duration", _) => {
                    let seconds = value
                        .parse()
                        .ok()
                        .filter(|seconds: &f64| seconds.is_finite());
                    self.span = self.span.with(key, seconds.ok_or_else(bad)?);
                }
                ("Frame Rate", "Use comp's frame rate") => self.rate = None,
                ("Frame Rate", "Use this frame rate") => {}
                ("Use this frame rate", _) => self.rate = Some(rate(value).ok_or_else(bad)?),
                (known, _) if TOLD.contains(&known) => told.push(key.clone()),
                _ => return Err(bad()),
            }
        }
        Ok(told)
    }
}

impl Span {
    /// With one time of its own. A span that was not custom begins at 0 and has no length until that is given.
    fn with(self, key: &str, seconds: f64) -> Self {
        let (start, duration) = match self {
            Self::Custom { start, duration } => (start, duration),
            Self::WorkArea | Self::Comp => (0.0, 0.0),
        };
        match key {
            "Time Span Start" => Self::Custom {
                start: seconds,
                duration,
            },
            "Time Span End" => Self::Custom {
                start,
                duration: seconds - start,
            },
            _ => Self::Custom {
                start,
                duration: seconds,
            },
        }
    }
}

/// A rate from its decimal spelling: 23.976, 29.97, 59.94 and 119.88 are the exact NTSC ones.
fn rate(value: &str) -> Option<Rate> {
    let rate: f64 = value.trim().parse().ok()?;
    if !(1.0..=999.0).contains(&rate) {
        return None;
    }
    let ntsc = (rate * 1.001).round();
    let num = if (rate * 1.001 - ntsc).abs() < 0.002 && rate.fract() != 0.0 {
        (ntsc * 1000.0, 1001)
    } else {
        ((rate * 1000.0).round(), 1000)
    };
    Some(Rate {
        num: num.0 as i64,
        den: num.1,
    })
}

/// An output module template that somebody made, in the settings of the stand-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Made {
    /// Just the format.
    Format(Format),
    /// More of it.
    Full {
        /// What it writes.
        format: Format,
        /// With which channels.
        #[serde(default = "with_alpha")]
        channels: Channels,
        /// With 8 or 16 bits.
        #[serde(default = "eight")]
        depth: Depth,
    },
}

fn with_alpha() -> Channels {
    Channels::Rgba
}

fn eight() -> Depth {
    Depth::Eight
}

/// Looks an output module template up; the TIFF sequence if none is asked for.
///
/// # Errors
///
/// aerender's text for an unknown one, our own for the hidden ones, of which nothing is known.
pub fn output_module(
    asked: Option<&str>,
    made: &BTreeMap<String, Made>,
) -> Result<Module, Failure> {
    let name = asked.unwrap_or(TIFF_SEQUENCE);
    let module = |format, channels| Module::new(name, format, channels, Depth::Eight);
    Ok(match (made.get(name), name) {
        (Some(Made::Format(format)), _) => module(*format, Channels::Rgba),
        (
            Some(Made::Full {
                format,
                channels,
                depth,
            }),
            _,
        ) => Module::new(name, *format, *channels, *depth),
        (None, TIFF_SEQUENCE) => module(Format::Tiff, Channels::Rgba),
        (None, "AIFF 48kHz") => module(Format::Aiff, Channels::Rgb),
        (None, "Photoshop" | "Multi-Machine Sequence") => module(Format::Psd, Channels::Rgba),
        (None, "Lossless") => module(LOSSLESS, Channels::Rgb),
        (None, "Lossless with Alpha") => module(LOSSLESS, Channels::Rgba),
        (None, "Alpha Only") => module(LOSSLESS, Channels::Alpha),
        (None, "High Quality") => module(Format::QuickTime, Channels::Rgb),
        (None, "High Quality with Alpha") => module(Format::QuickTime, Channels::Rgba),
        (None, "H.264 - Match Render Settings -  5 Mbps") => h264(name, 5_000),
        (None, "H.264 - Match Render Settings - 15 Mbps") => h264(name, 15_000),
        (None, "H.264 - Match Render Settings - 40 Mbps") => h264(name, 40_000),
        (None, _) => {
            let text = "No output module template was found with the given name.";
            return Err(Failure::not_found(text));
        }
    })
}

/// What the lossless templates write: AVI on Windows, QuickTime on macOS.
const LOSSLESS: Format = if cfg!(target_os = "macos") {
    Format::QuickTime
} else {
    Format::Avi
};

fn h264(name: &str, kbps: u32) -> Module {
    let module = Module::new(name, Format::H264, Channels::Rgb, Depth::Eight);
    Module { kbps, ..module }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_found_by_their_exact_names() {
        assert!(render_settings(None).is_ok());
        assert!(
            render_settings(Some("Multi-Machine Settings"))
                .unwrap()
                .skip_existing
        );
        assert!(render_settings(Some("best settings")).is_err());
        let made = BTreeMap::from([("PNG Sequence".to_owned(), Made::Format(Format::Png))]);
        let format = |name| output_module(Some(name), &made).map(|module| module.format);
        assert_eq!(format("PNG Sequence"), Ok(Format::Png));
        for (name, wanted) in [
            (TIFF_SEQUENCE, Format::Tiff),
            ("AIFF 48kHz", Format::Aiff),
            ("Photoshop", Format::Psd),
            ("High Quality", Format::QuickTime),
            ("H.264 - Match Render Settings -  5 Mbps", Format::H264),
        ] {
            assert_eq!(format(name), Ok(wanted), "{name}");
        }
        // one space too few
        for unknown in ["H.264 - Match Render Settings - 5 Mbps", "JPEG Sequence"] {
            assert_eq!(
                format(unknown).unwrap_err().text,
                "aerender ERROR: No output module template was found with the given name."
            );
        }
    }

    fn applied(settings: &[(&str, &str)]) -> Result<(RenderSettings, Vec<String>), Failure> {
        let mut chosen = render_settings(None)?;
        let pairs: Vec<(String, String)> = settings
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        let told = chosen.apply(&pairs)?;
        Ok((chosen, told))
    }

    #[test]
    fn render_settings_change_what_is_rendered() {
        let (settings, told) = applied(&[
            ("Resolution", "Third"),
            ("Use this frame rate", "29.97"),
            ("Time Span Start", "1"),
            ("Time Span End", "2.5"),
            ("Motion Blur", "Off for All Layers"),
        ])
        .unwrap();
        assert_eq!((settings.divisor, settings.resolution()), (3, "Third"));
        let ntsc = Rate {
            num: 30_000,
            den: 1001,
        };
        assert_eq!(settings.rate, Some(ntsc));
        let span = Span::Custom {
            start: 1.0,
            duration: 1.5,
        };
        assert_eq!(settings.span, span);
        assert_eq!(told, ["Motion Blur"]);
        assert_eq!(
            rate("25"),
            Some(Rate {
                num: 25_000,
                den: 1000
            })
        );
        for setting in [
            ("Resolution", "Fifth"),
            ("Use this frame rate", "0"),
            ("Colour", "red"),
            ("Time Span Start", "NaN"),
        ] {
            assert_eq!(applied(&[setting]).unwrap_err().class.exit_code(false), 5);
        }
    }
}
