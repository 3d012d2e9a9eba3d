//! Answers for: the templates an English After Effects comes with, and which of them the stand-in can write. Must not: write.

use crate::ending::Failure;

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

/// The other output module templates.
const OTHER_OUTPUTS: [&str; 11] = [
    "AIFF 48kHz",
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

/// Checks that the output module template is the one that can be written here, or that none is asked for.
///
/// # Errors
///
/// aerender's text for an unknown one, our own for one that is known.
pub fn check_output_module(asked: Option<&str>) -> Result<(), Failure> {
    match asked {
        None => Ok(()),
        Some(TIFF_SEQUENCE) => Ok(()),
        Some(name) if OTHER_OUTPUTS.contains(&name) => Err(Failure::runtime(&format!(
            "the output module template \"{name}\" can not be written here, only \"{TIFF_SEQUENCE}\" can."
        ))),
        Some(_) => {
            let text = "No output module template was found with the given name.";
            Err(Failure::not_found(text))
        }
    }
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
        assert!(check_output_module(None).is_ok());
        assert!(check_output_module(Some(TIFF_SEQUENCE)).is_ok());
        let movie = check_output_module(Some("Lossless")).unwrap_err();
        assert_eq!(
            movie.text,
            "aerender Error: After Effects error: the output module template \"Lossless\" can not be written here, \
             only \"TIFF Sequence with Alpha\" can."
        );
        let unknown = check_output_module(Some("PNG Sequence")).unwrap_err();
        assert_eq!(
            unknown.text,
            "aerender ERROR: No output module template was found with the given name."
        );
    }
}
