//! Names inside a package: what is a name, how it is normalised, and which two names are one on some file system.
//!
//! Slashes separate, names are Unicode in NFC, and a name that one of Linux, macOS and Windows would not take, or would take
//! for another one, is refused on all of them: a package must unpack to the same files everywhere.

use std::fmt;

use serde::{Serialize, Serializer};
use unicase::UniCase;
use unicode_normalization::UnicodeNormalization;

use crate::error::NameFault;
use crate::rules::Limits;

/// Characters that are shown of a name in an error.
const SHOWN_CHARS: usize = 120;

/// Names of Windows' devices; `NUL.txt` is one too.
const DEVICES: [&str; 6] = ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"];

/// A file's name in a package: relative, in NFC, parts separated by `/`, good on Linux, macOS and Windows.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PackageName(String);

impl PackageName {
    /// Checks and normalises a name. A slash at its end is a fault: that is a folder's.
    ///
    /// # Errors
    /// The first fault of the name.
    pub fn new(text: &str, limits: &Limits) -> Result<Self, NameFault> {
        if text.is_empty() {
            return Err(NameFault::Empty);
        }
        // before any part is looked at: a drive's colon is not a stream's
        if text.starts_with('/') {
            return Err(NameFault::Absolute);
        }
        if text.starts_with("\\\\") {
            return Err(NameFault::Server);
        }
        let bytes = text.as_bytes();
        if bytes[0].is_ascii_alphabetic() && bytes.get(1) == Some(&b':') {
            return Err(NameFault::Drive);
        }
        if text.len() > limits.path_units.saturating_mul(4) {
            return Err(NameFault::PathTooLong {
                limit: limits.path_units,
            });
        }
        let name: String = text.nfc().collect();
        let depth = name.split('/').count();
        if depth > limits.depth {
            return Err(NameFault::TooDeep {
                depth,
                limit: limits.depth,
            });
        }
        for part in name.split('/') {
            check_part(part, limits)?;
        }
        if name.encode_utf16().count() > limits.path_units {
            return Err(NameFault::PathTooLong {
                limit: limits.path_units,
            });
        }
        Ok(Self(name))
    }

    /// Makes a name of any text: what can't be in a name becomes `_`, what is too long is cut before its extension. `None`
    /// if nothing is left or it is too deep.
    #[must_use]
    pub fn made_of(text: &str, limits: &Limits) -> Option<Self> {
        let parts: Vec<String> = text.split('/').map(|part| mend(part, limits)).collect();
        Self::new(&parts.join("/"), limits).ok()
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The parts, folders first.
    pub fn parts(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/')
    }

    /// The last part.
    #[must_use]
    pub fn file_name(&self) -> &str {
        self.parts().next_back().unwrap_or(&self.0)
    }

    /// What comes after the last point of the last part, in small letters; empty if there is none.
    #[must_use]
    pub fn extension(&self) -> String {
        match self.file_name().rsplit_once('.') {
            Some((stem, extension)) if !stem.is_empty() => extension.to_lowercase(),
            _ => String::new(),
        }
    }

    /// What it has in common with every name that is the same file where case and Unicode form do not count.
    #[must_use]
    pub fn collision_key(&self) -> String {
        collision_key(&self.0)
    }

    /// Without its first folder; `None` if it is in none.
    pub(crate) fn below_first(&self) -> Option<Self> {
        self.0
            .split_once('/')
            .map(|(_, rest)| Self(rest.to_owned()))
    }

    /// Its first folder, if it is in one.
    pub(crate) fn first_folder(&self) -> Option<&str> {
        self.0.split_once('/').map(|(first, _)| first)
    }

    /// Files that systems leave beside what people packed: no content.
    pub(crate) fn is_litter(&self) -> bool {
        self.parts().any(|part| part == "__MACOSX")
            || self.file_name().starts_with("._")
            || matches!(
                self.file_name().to_ascii_lowercase().as_str(),
                ".ds_store" | "thumbs.db" | "desktop.ini"
            )
    }
}

impl fmt::Display for PackageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for PackageName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// Two names with one key are one file where the file system ignores case (Windows, macOS) or Unicode forms (macOS).
pub(crate) fn collision_key(name: &str) -> String {
    let decomposed: String = name.nfd().collect();
    UniCase::unicode(decomposed)
        .to_folded_case()
        .nfd()
        .collect()
}

fn check_part(part: &str, limits: &Limits) -> Result<(), NameFault> {
    match part {
        "" => return Err(NameFault::EmptyPart),
        "." => return Err(NameFault::Here),
        ".." => return Err(NameFault::Climbs),
        _ => {}
    }
    for letter in part.chars() {
        match letter {
            '\\' => return Err(NameFault::Backslash),
            ':' => return Err(NameFault::Stream),
            '<' | '>' | '"' | '|' | '?' | '*' => return Err(NameFault::Forbidden { letter }),
            letter if letter.is_control() || is_invisible(letter) => {
                return Err(NameFault::Control {
                    code: u32::from(letter),
                });
            }
            _ => {}
        }
    }
    if part.ends_with(['.', ' ']) {
        return Err(NameFault::Trailing);
    }
    if part.starts_with(' ') {
        return Err(NameFault::Leading);
    }
    if is_device(part) {
        return Err(NameFault::Device {
            part: part.to_owned(),
        });
    }
    if part.len() > limits.part_bytes {
        return Err(NameFault::PartTooLong {
            bytes: part.len(),
            limit: limits.part_bytes,
        });
    }
    Ok(())
}

/// Characters that turn the writing around or can't be seen: two names that look the same. The joiners of Persian, Arabic and
/// Indic scripts (U+200C, U+200D) are letters' business and stay.
fn is_invisible(letter: char) -> bool {
    matches!(
        letter,
        '\u{ad}' | '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    )
}

fn is_device(part: &str) -> bool {
    let stem = part.split('.').next().unwrap_or(part).trim_end();
    let stem = stem.to_uppercase();
    if DEVICES.contains(&stem.as_str()) {
        return true;
    }
    let number = stem
        .strip_prefix("COM")
        .or_else(|| stem.strip_prefix("LPT"));
    // Windows takes the small raised digits of Latin-1 for digits too
    number.is_some_and(|number| {
        let mut digits = number.chars();
        matches!(
            (digits.next(), digits.next()),
            (Some('0'..='9' | '¹' | '²' | '³'), None)
        )
    })
}

fn mend(part: &str, limits: &Limits) -> String {
    let mut mended: String = part
        .nfc()
        .map(|letter| match letter {
            '\\' | ':' | '<' | '>' | '"' | '|' | '?' | '*' => '_',
            letter if letter.is_control() || is_invisible(letter) => '_',
            letter => letter,
        })
        .collect();
    mended = mended
        .trim_start_matches(' ')
        .trim_end_matches(['.', ' '])
        .to_owned();
    if is_device(&mended) {
        mended.insert(0, '_');
    }
    // room for what tells two of one name apart
    shorten(&mended, limits.part_bytes.min(limits.path_units / 2))
}

/// Cut to `bytes`, before the extension.
fn shorten(part: &str, bytes: usize) -> String {
    if part.len() <= bytes {
        return part.to_owned();
    }
    let (stem, extension) = match part.rsplit_once('.') {
        Some((stem, extension)) if extension.len() < bytes / 2 => (stem, format!(".{extension}")),
        _ => (part, String::new()),
    };
    let mut end = bytes.saturating_sub(extension.len()).min(stem.len());
    while !stem.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{extension}", stem[..end].trim_end_matches(['.', ' ']))
}

/// A name as it may stand in a message: what acts on a terminal is made visible, and it is cut where it is long.
#[must_use]
pub fn shown(name: &str) -> String {
    let mut text = String::from("\"");
    for (index, letter) in name.chars().enumerate() {
        if index == SHOWN_CHARS {
            text.push('…');
            break;
        }
        if letter.is_control() || is_invisible(letter) {
            text.extend(letter.escape_unicode());
        } else {
            text.push(letter);
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> NameFault {
        PackageName::new(text, &Limits::default()).unwrap_err()
    }

    #[test]
    fn good_names_stay_and_are_composed() {
        for name in [
            "promo.aep",
            "(Footage)/آسمان.mov",
            "a/b c/d.e.png",
            "COMMON.png",
            "com10.png",
            "console.png",
            "نیم\u{200c}فاصله.mov",
        ] {
            assert_eq!(
                PackageName::new(name, &Limits::default()).unwrap().as_str(),
                name
            );
        }
        let decomposed = PackageName::new("cafe\u{301}.png", &Limits::default()).unwrap();
        assert_eq!(decomposed.as_str(), "caf\u{e9}.png");
    }

    #[test]
    fn devices_are_known_in_every_dress() {
        for name in [
            "aux.jsx",
            "NUL",
            "a/con.tar.gz",
            "COM1",
            "lpt9.png",
            "com\u{b9}.png",
            "conin$",
            "nul .txt",
        ] {
            assert!(matches!(fault(name), NameFault::Device { .. }), "{name}");
        }
    }

    #[test]
    fn names_that_differ_in_case_or_form_share_a_key() {
        for (a, b) in [
            ("A.txt", "a.txt"),
            ("caf\u{e9}", "cafe\u{301}"),
            ("STRASSE", "straße"),
            ("Ω", "\u{2126}"),
            ("\u{212a}.png", "k.png"),
        ] {
            assert_eq!(collision_key(a), collision_key(b), "{a} {b}");
        }
        assert_ne!(collision_key("a"), collision_key("b"));
    }

    #[test]
    fn any_text_becomes_a_name_or_nothing() {
        let made = |text: &str| {
            PackageName::made_of(text, &Limits::default()).map(|name| name.as_str().to_owned())
        };
        assert_eq!(made("a:b?.mov").as_deref(), Some("a_b_.mov"));
        assert_eq!(made("aux.png").as_deref(), Some("_aux.png"));
        assert_eq!(made("end. ").as_deref(), Some("end"));
        assert_eq!(made("..").as_deref(), None);
        let long = made(&format!("{}.mov", "é".repeat(300))).unwrap();
        assert!(long.len() <= 255 && long.ends_with(".mov"), "{long}");
    }

    #[test]
    fn what_acts_on_a_terminal_is_made_visible() {
        assert_eq!(shown("a\u{1b}[31m\u{202e}b"), "\"a\\u{1b}[31m\\u{202e}b\"");
        assert!(shown(&"x".repeat(1000)).chars().count() < 130);
    }
}
