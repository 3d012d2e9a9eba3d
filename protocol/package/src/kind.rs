//! Kinds of files by extension, and what the first bytes of a file betray.
//!
//! The list is what After Effects imports, as far as it is known to us, and what its collecting leaves beside it. A kind that
//! is missing here is added here; what nobody knows does not go to every workstation of a farm.

use serde::Serialize;

use crate::error::Refused;
use crate::name::PackageName;
use crate::rules::Rules;

/// Bytes of a file's beginning that are looked at.
pub(crate) const HEAD_BYTES: usize = 4096;

/// What a file in a package is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FileKind {
    /// An After Effects project.
    Project,
    /// A picture, or one of a sequence.
    Image,
    /// A film.
    Video,
    /// Sound.
    Audio,
    /// A font file.
    Font,
    /// A 3D model with its parts.
    Model,
    /// Tables, subtitles, colour tables, reports.
    Data,
    /// A script; only where the rules allow it.
    Script,
    /// A program or library; only where the rules allow it.
    Program,
}

/// Every extension that a package may hold, by kind.
pub const EXTENSIONS: [(FileKind, &[&str]); 7] = [
    (FileKind::Project, &["aep", "aepx", "aet"]),
    (
        FileKind::Image,
        &[
            "ai", "arw", "avif", "bmp", "cin", "cr2", "cr3", "dib", "dng", "dpx", "eps", "exr",
            "gif", "hdr", "heic", "heif", "ico", "iff", "j2k", "jp2", "jpe", "jpeg", "jpg", "jxl",
            "nef", "orf", "pbm", "pcx", "pdf", "pgm", "png", "ppm", "psb", "psd", "pxr", "raf",
            "raw", "rgb", "rgba", "rgbe", "rla", "rle", "rpf", "rw2", "sgi", "svg", "sxr", "tdi",
            "tga", "tif", "tiff", "vda", "vst", "webp", "xyze",
        ],
    ),
    (
        FileKind::Video,
        &[
            "264", "3g2", "3gp", "ari", "arx", "asf", "avc", "avi", "braw", "crm", "dv", "f4v",
            "flv", "gxf", "h264", "hevc", "m1v", "m2p", "m2t", "m2ts", "m2v", "m4v", "mkv", "mod",
            "mov", "mp4", "mpe", "mpeg", "mpg", "mts", "mxf", "ogv", "r3d", "tod", "ts", "vob",
            "webm", "wmv",
        ],
    ),
    (
        FileKind::Audio,
        &[
            "aac", "ac3", "aif", "aifc", "aiff", "bwf", "flac", "m4a", "mp2", "mp3", "mpa", "oga",
            "ogg", "opus", "wav", "wma",
        ],
    ),
    (FileKind::Font, &["otc", "otf", "ttc", "ttf"]),
    (
        FileKind::Model,
        &["bin", "c4d", "fbx", "glb", "gltf", "mtl", "obj"],
    ),
    (
        FileKind::Data,
        &[
            "3dl", "acv", "aco", "ase", "csv", "cube", "ffx", "icc", "icm", "json", "look", "lut",
            "mgjson", "srt", "tsv", "txt", "vtt", "xml", "xmp",
        ],
    ),
];

/// Extensions of scripts.
pub const SCRIPT_EXTENSIONS: [&str; 22] = [
    "applescript",
    "bash",
    "bat",
    "cmd",
    "command",
    "hta",
    "js",
    "jse",
    "jsx",
    "jsxbin",
    "jsxinc",
    "lua",
    "mjs",
    "pl",
    "ps1",
    "psm1",
    "py",
    "rb",
    "scpt",
    "sh",
    "vbs",
    "wsf",
];

/// Extensions of programs, libraries, installers, plug-ins and of what starts one.
pub const PROGRAM_EXTENSIONS: [&str; 25] = [
    "8bf", "aex", "app", "appimage", "bundle", "com", "cpl", "deb", "desktop", "dll", "dmg",
    "dylib", "exe", "jar", "lnk", "msi", "pkg", "plugin", "reg", "rpm", "scr", "so", "url",
    "webloc", "zxp",
];

/// Extensions of archives, which a package never holds: what is in them could not be checked.
const ARCHIVE_EXTENSIONS: [&str; 14] = [
    "7z", "bz2", "cab", "gz", "iso", "mogrt", "rar", "tar", "tbz2", "tgz", "txz", "xz", "zip",
    "zst",
];

/// The kind of a file by its extension (small letters, no point); `None` if a package may not hold it.
#[must_use]
pub fn kind_of(extension: &str) -> Option<FileKind> {
    EXTENSIONS
        .iter()
        .find(|(_, known)| known.contains(&extension))
        .map(|(kind, _)| *kind)
}

/// The kind of a packaged file, if the rules let it in.
pub(crate) fn admit(name: &PackageName, rules: &Rules) -> Result<FileKind, Refused> {
    let extension = name.extension();
    if let Some(kind) = kind_of(&extension) {
        return Ok(kind);
    }
    let known = extension.as_str();
    if ARCHIVE_EXTENSIONS.contains(&known) {
        return Err(Refused::ArchiveInside { what: extension });
    }
    if SCRIPT_EXTENSIONS.contains(&known) {
        return match rules.allow_scripts {
            true => Ok(FileKind::Script),
            false => Err(Refused::Script { extension }),
        };
    }
    if PROGRAM_EXTENSIONS.contains(&known) {
        return match rules.allow_programs {
            true => Ok(FileKind::Program),
            false => Err(Refused::Program {
                what: format!(".{extension}"),
            }),
        };
    }
    Err(Refused::Extension { extension })
}

/// Refuses what a file's beginning shows it to be, whatever it is called.
pub(crate) fn admit_content(kind: FileKind, head: &[u8], rules: &Rules) -> Result<(), Refused> {
    const ARCHIVES: [(&[u8], &str); 6] = [
        (b"PK\x03\x04", "zip"),
        (b"7z\xbc\xaf\x27\x1c", "7z"),
        (b"Rar!\x1a\x07", "rar"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"\xfd7zXZ\x00", "xz"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
    ];
    if let Some((_, what)) = ARCHIVES.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Err(Refused::ArchiveInside {
            what: (*what).to_owned(),
        });
    }
    if kind == FileKind::Project && !looks_like_project(head) {
        return Err(Refused::NotAProject);
    }
    if !rules.allow_programs
        && let Some(what) = program(head)
    {
        return Err(Refused::Program {
            what: what.to_owned(),
        });
    }
    if head.starts_with(b"#!") && !rules.allow_scripts {
        return Err(Refused::Script {
            extension: "#!".to_owned(),
        });
    }
    Ok(())
}

fn looks_like_project(head: &[u8]) -> bool {
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let text = text.trim_ascii_start();
    head.starts_with(b"RIFX") || text.starts_with(b"<?xml") || text.starts_with(b"<AfterEffects")
}

fn program(head: &[u8]) -> Option<&'static str> {
    if head.starts_with(b"\x7fELF") {
        return Some("a program of Linux");
    }
    let mach: [[u8; 4]; 5] = [
        [0xfe, 0xed, 0xfa, 0xce],
        [0xfe, 0xed, 0xfa, 0xcf],
        [0xce, 0xfa, 0xed, 0xfe],
        [0xcf, 0xfa, 0xed, 0xfe],
        [0xca, 0xfe, 0xba, 0xbe],
    ];
    if mach.iter().any(|magic| head.starts_with(magic)) {
        return Some("a program of macOS or Java");
    }
    // two letters alone could be a table's; the header they point to could not
    let at = head.get(0x3c..0x40)?;
    let at = u32::from_le_bytes([at[0], at[1], at[2], at[3]]);
    let at = usize::try_from(at).ok()?;
    let pe = head.get(at..at.checked_add(4)?)? == b"PE\0\0";
    (head.starts_with(b"MZ") && pe).then_some("a program of Windows")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_extension_is_of_two_kinds() {
        let mut all: Vec<&str> = EXTENSIONS
            .iter()
            .flat_map(|(_, list)| list.iter().copied())
            .collect();
        all.extend(SCRIPT_EXTENSIONS);
        all.extend(PROGRAM_EXTENSIONS);
        all.extend(ARCHIVE_EXTENSIONS);
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
