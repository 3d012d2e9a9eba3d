//! Answers for: the templates an English After Effects comes with, and which of them the stand-in can write. Must not: write.

use crate::ending::Failure;
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

/// The only stock template of a still sequence that is not Photoshop's.
pub const TIFF_SEQUENCE: &str = "TIFF Sequence with Alpha";

/// The stock template that writes sound and no picture.
pub const AIFF: &str = "AIFF 48kHz";

/// The other output module templates.
const OTHER_OUTPUTS: [&str; 10] = [
    "Alpha Only",
    "H.264 - Match Render Settings -  5 Mbps",
    "H.264 - Match Render Settings - 15 Mbps",
    "H.264 - Match Render Settings - 40 Mbps",
    "High Quality",
    "High Quality with Alpha",
    "Lossless",
    "Lossless with Alpha",
    "Multi-Machine Sequence",
    "Photoshop",
];

/// The render settings a render uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderSettings {
    /// The template's name.
    pub name: String,
    /// Files that are there already are left alone.
    pub skip_existing: bool,
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
    Ok(RenderSettings {
        name: name.to_owned(),
        skip_existing: name == SKIPS_EXISTING,
    })
}

/// What an output module writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// TIFF files, one a frame.
    Tiff,
    /// PNG files, one a frame; no stock template does that.
    Png,
    /// One AIFF file of sound.
    Aiff,
}

impl Format {
    /// The extension that the module gives to its files, whatever was asked for.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Tiff => "tif",
            Self::Png => "png",
            Self::Aiff => "aif",
        }
    }

    /// As the header of an item names it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Tiff => "TIFF Sequence",
            Self::Png => "PNG Sequence",
            Self::Aiff => "AIFF",
        }
    }

    /// Whether the whole range goes into one file.
    #[must_use]
    pub fn is_whole(self) -> bool {
        match self {
            Self::Aiff => true,
            Self::Tiff | Self::Png => false,
        }
    }
}

/// Looks an output module template up; the stock one that can be written here if none is asked for.
///
/// # Errors
///
/// aerender's text for an unknown one, our own for one that is known and writes what can't be written here.
pub fn output_module(
    asked: Option<&str>,
    made: &BTreeMap<String, Format>,
) -> Result<Format, Failure> {
    let name = asked.unwrap_or(TIFF_SEQUENCE);
    if let Some(format) = made.get(name) {
        return Ok(*format);
    }
    if name == TIFF_SEQUENCE {
        return Ok(Format::Tiff);
    }
    if name == AIFF {
        return Ok(Format::Aiff);
    }
    if OTHER_OUTPUTS.contains(&name) {
        return Err(Failure::runtime(&format!(
            "the output module template \"{name}\" can not be written here, only \"{TIFF_SEQUENCE}\" and \"{AIFF}\" can."
        )));
    }
    let text = "No output module template was found with the given name.";
    Err(Failure::not_found(text))
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
        let none = BTreeMap::new();
        let made = BTreeMap::from([("PNG Sequence".to_owned(), Format::Png)]);
        assert_eq!(output_module(Some("PNG Sequence"), &made), Ok(Format::Png));
        assert!(output_module(None, &none).is_ok());
        assert!(output_module(Some(TIFF_SEQUENCE), &none).is_ok());
        let movie = output_module(Some("Lossless"), &none).unwrap_err();
        assert_eq!(
            movie.text,
            "aerender Error: After Effects error: the output module template \"Lossless\" can not be written here, \
             only \"TIFF Sequence with Alpha\" and \"AIFF 48kHz\" can."
        );
        let unknown = output_module(Some("PNG Sequence"), &none).unwrap_err();
        assert_eq!(
            unknown.text,
            "aerender ERROR: No output module template was found with the given name."
        );
    }
}
