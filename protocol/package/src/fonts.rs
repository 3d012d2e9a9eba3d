//! PostScript names of font files: by them projects ask for fonts.

use serde::Serialize;
use ttf_parser::{Face, name_id};

use crate::name::PackageName;

/// Most faces of one collection; the largest in use have a few dozen.
const MAX_FACES: u32 = 256;
/// Longest PostScript name; the OpenType specification asks for 63.
const MAX_NAME: usize = 127;

/// A face of a font file in a package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Font {
    /// The font file.
    pub file: PackageName,
    /// Which face of a collection, from 0.
    pub index: u32,
    /// Its PostScript name, as a project's text names it.
    pub postscript_name: String,
}

/// The PostScript names of the faces of a font file, in order. Named instances of variable fonts are not listed: their names
/// are made up by who shows them.
///
/// # Errors
/// In words, when the bytes are no font, or a face has no name.
pub fn postscript_names(bytes: &[u8]) -> Result<Vec<String>, String> {
    let faces = ttf_parser::fonts_in_collection(bytes).unwrap_or(1);
    if faces == 0 || faces > MAX_FACES {
        return Err(format!(
            "it says it has {faces} faces; 1 to {MAX_FACES} are read"
        ));
    }
    (0..faces).map(|index| face_name(bytes, index)).collect()
}

fn face_name(bytes: &[u8], index: u32) -> Result<String, String> {
    let face = Face::parse(bytes, index).map_err(|error| error.to_string())?;
    face.names()
        .into_iter()
        .filter(|name| name.name_id == name_id::POST_SCRIPT_NAME)
        .find_map(|name| {
            // the names of old Macs are bytes; a PostScript name is ASCII in any encoding
            let text = match name.is_unicode() {
                true => name.to_string(),
                false => String::from_utf8(name.name.to_vec()).ok(),
            };
            text.filter(|text| is_postscript_name(text))
        })
        .ok_or_else(|| "it has no PostScript name".to_owned())
}

fn is_postscript_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_NAME && text.bytes().all(|byte| byte.is_ascii_graphic())
}
