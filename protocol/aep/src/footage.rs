//! Footage items: solids, placeholders and files, from `sspc`, `opti` and the file reference beside them.
//! Paths are reported as stored; nothing here looks at a disk.

use serde::Deserialize;

use crate::bytes::{MAX_STRING_BYTES, cp1252_at, f32_at, f64_at, four_char_at, u8_at, u16_at};
use crate::chunk::Chunk;
use crate::model::{FileRef, Footage, FootageKind};
use crate::warn::Warnings;

/// What `opti` says in its second word for a placeholder.
const PLACEHOLDER: u16 = 2;

/// Reads a footage item; `None` if it has no source at all.
pub(crate) fn read(
    item: Chunk<'_>,
    id: u32,
    name: String,
    folder_id: u32,
    warnings: &mut Warnings,
) -> Option<Footage> {
    // a second one is the proxy
    let pin = item.list(b"Pin ")?;
    let sspc = pin.leaf(b"sspc").unwrap_or(&[]);
    let opti = pin.leaf(b"opti").unwrap_or(&[]);
    let (kind, own_name) = if opti.starts_with(b"Soli") {
        (FootageKind::Solid, cp1252_at(opti, 26, 256))
    } else if u16_at(opti, 4) == Some(PLACEHOLDER) {
        (FootageKind::Placeholder, cp1252_at(opti, 10, 256))
    } else {
        (FootageKind::File, None)
    };
    let missing = u8_at(sspc, 115).is_some_and(|flag| flag != 0);
    let file = match kind {
        FootageKind::File => file_ref(pin, missing),
        FootageKind::Solid | FootageKind::Placeholder => None,
    };
    if kind == FootageKind::File && file.is_none() {
        warnings.add(format!(
            "where the file of footage item {id} {name:?} is can't be read"
        ));
    }
    let name = Some(name)
        .filter(|name| !name.is_empty())
        .or(own_name)
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
    })
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

/// The file reference (`Als2`) inside a list. `None` if there is none, or only the binary form of CS6 and older.
pub(crate) fn file_ref(list: Chunk<'_>, missing_at_save: bool) -> Option<FileRef> {
    let alias = list.list(b"Als2")?.leaf(b"alas")?;
    parse_alias(alias, missing_at_save)
}

/// The JSON of one `alas`.
pub(crate) fn parse_alias(alias: &[u8], missing_at_save: bool) -> Option<FileRef> {
    if alias.len() > MAX_STRING_BYTES {
        return None;
    }
    let alias: Alias = serde_json::from_slice(alias).ok()?;
    if alias.fullpath.is_empty() {
        return None;
    }
    Some(FileRef {
        path: alias.fullpath,
        windows: alias.platform == 1,
        is_folder: alias.target_is_folder,
        steps_up: alias.ascendcount_base,
        steps_down: alias.ascendcount_target,
        missing_at_save,
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
