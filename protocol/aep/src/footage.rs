//! Footage items: solids, placeholders and files, from `sspc`, `opti` and the file reference beside them.
//! Paths are reported as stored; nothing here looks at a disk.

use serde::Deserialize;

use crate::bytes::{
    MAX_STRING_BYTES, f32_at, f64_at, four_char_at, fraction_at, name as read_name, text_at, u8_at,
    u16_at, u32_at,
};
use crate::chunk::Chunk;
use crate::model::{FileRef, Footage, FootageKind, Sequence};
use crate::rational::Rational;
use crate::warn::Warnings;

/// What `opti` says in its second word for a placeholder.
const PLACEHOLDER: u16 = 2;

/// The smallest frame number that means "none".
const UNDEFINED: u32 = 0xffff_fffe;

/// Reads a footage item; `None` if it has no source at all.
pub(crate) fn read(
    item: Chunk<'_>,
    id: u32,
    name: String,
    folder_id: u32,
    warnings: &mut Warnings,
) -> Option<Footage> {
    let mut pins = item.children().filter(|chunk| chunk.kind == Some(*b"Pin "));
    let pin = pins.next()?;
    let proxy = pins.next().and_then(|pin| file_ref(pin, was_missing(pin)));
    let sspc = pin.leaf(b"sspc").unwrap_or(&[]);
    let opti = pin.leaf(b"opti").unwrap_or(&[]);
    let (kind, own_name) = if opti.starts_with(b"Soli") {
        (FootageKind::Solid, text_at(opti, 26, 256))
    } else if opti.starts_with(&[0; 4]) && u16_at(opti, 4) == Some(PLACEHOLDER) {
        (FootageKind::Placeholder, text_at(opti, 10, 256))
    } else {
        (FootageKind::File, None)
    };
    let file = match kind {
        FootageKind::File => file_ref(pin, was_missing(pin)),
        FootageKind::Solid | FootageKind::Placeholder => None,
    };
    if kind == FootageKind::File && file.is_none() {
        warnings.add(format!(
            "where the file of footage item {id} {name:?} is can't be read"
        ));
    }
    let texts = Texts::of(pin);
    let sequence = sequence(pin, sspc, &texts, file.as_ref());
    let name = Some(name)
        .filter(|name| !name.is_empty())
        .or(own_name)
        .or_else(|| sequence.as_ref().and_then(Sequence::name))
        .or_else(|| file.as_ref().map(|file| file.file_name().to_owned()))
        .unwrap_or_default();
    Some(Footage {
        id,
        name,
        folder_id,
        kind,
        width: u16_at(sspc, 32).unwrap_or(0),
        height: u16_at(sspc, 36).unwrap_or(0),
        fourcc: format_code(kind, sspc, opti),
        color: if kind == FootageKind::Solid {
            color(opti)
        } else {
            None
        },
        file,
        audio_rate_hz: f64_at(sspc, 160)
            .filter(|rate| rate.is_finite() && *rate > 0.0)
            .unwrap_or(0.0),
        rate: native_rate(sspc),
        rate_conformed: stored_rate(u16_at(sspc, 148), u16_at(sspc, 150)),
        duration: fraction_at(sspc, 38, 42).filter(|duration| duration.is_positive()),
        pixel_aspect: fraction_at(sspc, 136, 140)
            .filter(|aspect| aspect.is_positive())
            .unwrap_or(Rational::ONE),
        loops: u8_at(sspc, 129).unwrap_or(1).max(1),
        source_layer: texts.layer,
        sequence,
        proxy,
    })
}

/// Whether the source could not be found when the project was saved.
pub(crate) fn was_missing(pin: Chunk<'_>) -> bool {
    pin.leaf(b"sspc")
        .and_then(|sspc| u8_at(sspc, 115))
        .is_some_and(|flag| flag != 0)
}

/// A rate of 0 is none.
fn stored_rate(whole: Option<u16>, fraction: Option<u16>) -> Option<Rational> {
    Some(Rational::from_stored_rate(whole?, fraction?)).filter(|rate| rate.is_positive())
}

fn native_rate(sspc: &[u8]) -> Option<Rational> {
    let whole = u32_at(sspc, 56).and_then(|whole| u16::try_from(whole).ok());
    stored_rate(whole, u16_at(sspc, 60))
}

/// The strings of a source: the layer it shows before the file reference, the parts of a sequence's names after it.
struct Texts {
    layer: Option<String>,
    after: [String; 2],
}

impl Texts {
    fn of(pin: Chunk<'_>) -> Texts {
        let mut texts = Texts {
            layer: None,
            after: Default::default(),
        };
        let mut after_file = false;
        for chunk in pin.children() {
            if chunk.id == *b"opti" {
                break;
            }
            if chunk.kind == Some(*b"Als2") {
                after_file = true;
            } else if chunk.id == *b"Utf8" && after_file {
                texts.after.swap(0, 1);
                texts.after[1] = read_name(chunk.data);
            } else if chunk.id == *b"Utf8" {
                texts.layer = Some(read_name(chunk.data)).filter(|name| !name.is_empty());
            }
        }
        texts
    }
}

/// The numbers of a sequence, if the source is one.
fn sequence(
    pin: Chunk<'_>,
    sspc: &[u8],
    texts: &Texts,
    file: Option<&FileRef>,
) -> Option<Sequence> {
    let number = |at| u32_at(sspc, at).filter(|number| *number < UNDEFINED);
    let digits = number(180).unwrap_or(0);
    let names = pin.list(b"StVc");
    // a folder is how a project names a sequence; a still has zeros in all three fields
    if !file?.is_folder && names.is_none() {
        return None;
    }
    let names: Vec<String> = names
        .iter()
        .flat_map(|names| names.children())
        .filter(|chunk| chunk.id == *b"Utf8")
        .map(|chunk| read_name(chunk.data))
        .collect();
    // files older than the numbers' fields, and lists by name, have the numbers only in the names
    let numbered = |name: Option<&String>| name.and_then(|name| trailing_number(name));
    Some(Sequence {
        first: number(172).or_else(|| numbered(names.first())),
        last: number(176).or_else(|| numbered(names.last())),
        digits,
        prefix: texts.after[0].clone(),
        suffix: texts.after[1].clone(),
        names,
    })
}

/// The last digits of a file's name: 101 of `render.0101.exr`.
fn trailing_number(name: &str) -> Option<u32> {
    let digit = |letter: char| letter.is_ascii_digit();
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let end = stem.rfind(digit)? + 1;
    let start = stem[..end].trim_end_matches(digit).len();
    stem[start..end].parse().ok()
}

fn format_code(kind: FootageKind, sspc: &[u8], opti: &[u8]) -> String {
    let code = match kind {
        FootageKind::Placeholder => None,
        FootageKind::Solid | FootageKind::File => {
            four_char_at(opti, 0).or_else(|| four_char_at(sspc, 22))
        }
    };
    code.unwrap_or_default()
}

/// Red, green and blue of a solid; stored as fractions after an alpha.
fn color(opti: &[u8]) -> Option<[u8; 3]> {
    let channel = |at: usize| {
        let level = f32_at(opti, at)?.clamp(0.0, 1.0) * 255.0;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped to 0..=255; a NaN becomes 0"
        )]
        Some(level.round() as u8)
    };
    Some([channel(14)?, channel(18)?, channel(22)?])
}

#[derive(Deserialize)]
struct Alias {
    #[serde(default)]
    fullpath: String,
    #[serde(default)]
    platform: u32,
    #[serde(default)]
    ascendcount_base: u32,
    #[serde(default)]
    ascendcount_target: u32,
    #[serde(default)]
    target_is_folder: bool,
}

/// The file reference inside a list. `None` if there is none that can be read.
pub(crate) fn file_ref(list: Chunk<'_>, missing_at_save: bool) -> Option<FileRef> {
    let found = list.list(b"Als2").or_else(|| list.list(b"Alas"))?;
    reference(found, missing_at_save)
}

/// A file reference: `Als2`, in CS6 and older `Alas`.
pub(crate) fn reference(list: Chunk<'_>, missing_at_save: bool) -> Option<FileRef> {
    let alias = list.leaf(b"alas")?;
    match list.kind.as_ref() {
        Some(b"Alas") => parse_old_record(alias, missing_at_save),
        Some(_) | None => parse_alias(alias, missing_at_save),
    }
}

/// Where the length of the path stands in the record of CS6 and older, as its low byte first.
const OLD_LENGTH_AT: usize = 12;

/// The binary record of CS6 and older on Windows: behind twelve bytes the length of what follows, little-endian, then a backslash,
/// the path and a NUL. Seen in one real project; records of macOS are of another kind and not read.
fn parse_old_record(record: &[u8], missing_at_save: bool) -> Option<FileRef> {
    let length = record.get(OLD_LENGTH_AT..)?.first_chunk::<2>()?;
    let length = usize::from(u16::from_le_bytes(*length));
    let text = record.get(OLD_LENGTH_AT + 2..)?.get(..length)?;
    let path = text_at(text, 0, length)?;
    let path = match path.strip_prefix('\\') {
        Some(inner) if path_is_windows(inner) => inner,
        Some(_) | None => path.as_str(),
    };
    path_is_windows(path).then(|| FileRef {
        path: path.to_owned(),
        windows: true,
        is_folder: false,
        steps_up: 0,
        steps_down: 0,
        missing_at_save,
        old_record: true,
    })
}

/// The JSON of one `alas`.
fn parse_alias(alias: &[u8], missing_at_save: bool) -> Option<FileRef> {
    if alias.len() > MAX_STRING_BYTES {
        return None;
    }
    let alias: Alias = serde_json::from_slice(alias).ok()?;
    if alias.fullpath.is_empty() {
        return None;
    }
    Some(FileRef {
        windows: alias.platform == 1 || path_is_windows(&alias.fullpath),
        path: alias.fullpath,
        is_folder: alias.target_is_folder,
        steps_up: alias.ascendcount_base,
        steps_down: alias.ascendcount_target,
        missing_at_save,
        old_record: false,
    })
}

/// Whether a path is one of Windows by its look: a drive or a server.
pub(crate) fn path_is_windows(path: &str) -> bool {
    let bytes = path.as_bytes();
    let drive = bytes.first().is_some_and(u8::is_ascii_alphabetic) && bytes.get(1) == Some(&b':');
    drive || path.starts_with("\\\\")
}

impl FileRef {
    /// The parts of the path, with the separators of the system it is from.
    fn parts(&self) -> impl DoubleEndedIterator<Item = &str> {
        let windows = self.windows;
        self.path
            .split(move |c: char| c == '/' || windows && c == '\\')
            .filter(|part| !part.is_empty())
    }

    /// The last part of the path.
    #[must_use]
    pub fn file_name(&self) -> &str {
        self.parts().next_back().unwrap_or(&self.path)
    }

    /// Whether the path holds from a root, a drive or a server; if not it is relative to the project's folder.
    #[must_use]
    pub fn is_absolute(&self) -> bool {
        self.path.starts_with('/')
            || self.windows && (self.path.starts_with('\\') || path_is_windows(&self.path))
    }

    /// Where the file may be beside a project that was moved together with its footage: steps up from the project's
    /// folder, and the parts of the path from there. A candidate, not a truth.
    ///
    /// `None` if the project does not say, or if a part of the path would climb.
    #[must_use]
    pub fn beside_project(&self) -> Option<(u32, Vec<&str>)> {
        let parts: Vec<&str> = self.parts().collect();
        let (up, down) = if self.is_absolute() {
            (
                self.steps_up.checked_sub(1)?,
                usize::try_from(self.steps_down).ok()?,
            )
        } else {
            (0, parts.len())
        };
        let first = parts.len().checked_sub(down)?;
        let below = &parts[first..];
        if below.is_empty() || below.iter().any(|part| matches!(*part, "." | "..")) {
            return None;
        }
        Some((up, below.to_vec()))
    }
}
