//! What a file is by its first bytes, and the way from there to RIFX bytes.
//! Archives are read in memory with a cap on what they inflate to; nothing is ever unpacked to disk.

use std::borrow::Cow;
use std::io::{Cursor, Read};

use crate::MAX_PROJECT_BYTES;
use crate::chunk::Chunk;
use crate::error::ReadError;
use crate::model::Container;
use crate::warn::Warnings;
use crate::xml;

/// Most files in an archive. A template has its project and its footage.
const MAX_ARCHIVE_FILES: usize = 100_000;

/// What an archive may inflate to, for each of its bytes. Real projects shrink to a 26th at most.
const INFLATED_PER_BYTE: u64 = 32;

/// What even a small archive may inflate to.
const INFLATED_AT_LEAST: u64 = 1 << 20;

type Zip<'a> = zip::ZipArchive<Cursor<&'a [u8]>>;

/// The project's chunks as RIFX, wherever they came from.
pub(crate) struct Opened<'a> {
    pub(crate) container: Container,
    pub(crate) rifx: Cow<'a, [u8]>,
}

/// Finds the project in the bytes of a file.
pub(crate) fn open<'a>(bytes: &'a [u8], warnings: &mut Warnings) -> Result<Opened<'a>, ReadError> {
    check_size(bytes.len() as u64)?;
    if is_zip(bytes) {
        return open_archive(bytes, warnings);
    }
    open_plain(bytes, warnings)
}

/// The chunks of a RIFX file: what lies between the header and the length it states, or the end of the file.
pub(crate) fn body<'a>(rifx: &'a [u8], warnings: &mut Warnings) -> Chunk<'a> {
    let stated = crate::bytes::u32_at(rifx, 4).unwrap_or(0) as usize;
    let after_header = rifx.get(8..).unwrap_or(&[]);
    let held = after_header.get(..stated).unwrap_or_else(|| {
        warnings.damaged(format!(
            "the file is cut short: it says {stated} bytes follow its header, {} do",
            after_header.len()
        ));
        after_header
    });
    Chunk::root(held.get(4..).unwrap_or(&[]))
}

fn check_size(bytes: u64) -> Result<(), ReadError> {
    if bytes > MAX_PROJECT_BYTES {
        return Err(ReadError::TooLarge {
            bytes,
            limit: MAX_PROJECT_BYTES,
        });
    }
    Ok(())
}

fn is_zip(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06")
}

fn open_plain<'a>(bytes: &'a [u8], warnings: &mut Warnings) -> Result<Opened<'a>, ReadError> {
    if bytes.starts_with(b"RIFX") {
        return match bytes.get(8..12) {
            Some(b"Egg!") | None => Ok(Opened {
                container: Container::Rifx,
                rifx: Cow::Borrowed(bytes),
            }),
            Some(form) => Err(ReadError::NotAProject {
                found: format!(
                    "a RIFX file of another kind ({:?})",
                    String::from_utf8_lossy(form)
                ),
            }),
        };
    }
    if xml::looks_like_project(bytes) {
        return Ok(Opened {
            container: Container::Xml,
            rifx: Cow::Owned(xml::to_rifx(bytes, warnings)),
        });
    }
    Err(ReadError::NotAProject {
        found: describe(bytes),
    })
}

/// Says what a file that is no project looks like.
fn describe(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(64)]);
    let known: &[(&[u8], &str)] = &[
        (b"RIFF", "it is a RIFF file (sound or video)"),
        (
            b"version https://git-lfs",
            "it is a Git LFS pointer, not the file it stands for",
        ),
        (b"\x89PNG", "it is a PNG image"),
        (b"\xff\xfe", "it is UTF-16 text; XML projects are UTF-8"),
        (b"\xfe\xff", "it is UTF-16 text; XML projects are UTF-8"),
        (b"%PDF", "it is a PDF"),
    ];
    if bytes.is_empty() {
        return "the file is empty".to_owned();
    }
    if bytes.iter().all(|byte| *byte == 0) {
        return "the file holds only zero bytes".to_owned();
    }
    if let Some((_, words)) = known.iter().find(|(start, _)| bytes.starts_with(start)) {
        return (*words).to_owned();
    }
    let start: String = text.chars().take(16).collect();
    format!("it starts with {start:?}, not with RIFX, a project's XML or a zip")
}

fn open_archive<'a>(bytes: &'a [u8], warnings: &mut Warnings) -> Result<Opened<'a>, ReadError> {
    let limit = (bytes.len() as u64)
        .saturating_mul(INFLATED_PER_BYTE)
        .clamp(INFLATED_AT_LEAST, MAX_PROJECT_BYTES);
    let mut archive = read_directory(bytes)?;
    let names = entry_names(&archive)?;
    if let Some(graphic) = names.iter().position(|name| name == "project.aegraphic") {
        let inner = inflate(&mut archive, graphic, limit)?;
        let left = limit.saturating_sub(inner.len() as u64);
        let mut inner_archive = read_directory(&inner)?;
        let rifx = only_project(&mut inner_archive, left, warnings)?;
        return Ok(Opened {
            container: Container::Mogrt,
            rifx: Cow::Owned(rifx),
        });
    }
    if names.iter().any(|name| name == "project.prgraphic") {
        return Err(ReadError::NoProjectInArchive {
            why: "it is a motion graphics template made with Premiere Pro".to_owned(),
        });
    }
    let rifx = only_project(&mut archive, limit, warnings)?;
    Ok(Opened {
        container: Container::Zip,
        rifx: Cow::Owned(rifx),
    })
}

fn read_directory(bytes: &[u8]) -> Result<Zip<'_>, ReadError> {
    // counted before the archive reader makes an entry of each
    let files = bytes
        .windows(4)
        .filter(|window| *window == b"PK\x01\x02")
        .count();
    if files > MAX_ARCHIVE_FILES {
        return Err(ReadError::TooMany {
            what: "files in the archive",
            limit: MAX_ARCHIVE_FILES as u64,
        });
    }
    zip::ZipArchive::new(Cursor::new(bytes)).map_err(|source| ReadError::Archive {
        why: "its directory can't be read".to_owned(),
        source,
    })
}

fn entry_names(archive: &Zip<'_>) -> Result<Vec<String>, ReadError> {
    archive
        .file_names()
        .map(|name| name.map(Cow::into_owned))
        .collect::<Result<_, _>>()
        .map_err(|source| ReadError::Archive {
            why: "a name in it can't be read".to_owned(),
            source,
        })
}

/// The one `.aep` or `.aepx` of an archive, as RIFX.
fn only_project(
    archive: &mut Zip<'_>,
    limit: u64,
    warnings: &mut Warnings,
) -> Result<Vec<u8>, ReadError> {
    let names = entry_names(archive)?;
    let found: Vec<usize> = (0..names.len())
        .filter(|at| is_project_name(&names[*at]))
        .collect();
    let at = match found.as_slice() {
        [one] => *one,
        [] => {
            return Err(ReadError::NoProjectInArchive {
                why: format!("none of its {} files is an .aep or .aepx", names.len()),
            });
        }
        several => {
            return Err(ReadError::NoProjectInArchive {
                why: format!(
                    "it has {} project files; which one is meant is not said",
                    several.len()
                ),
            });
        }
    };
    let bytes = inflate(archive, at, limit)?;
    if is_zip(&bytes) {
        return Err(ReadError::NoProjectInArchive {
            why: "what is named a project in it is another archive".to_owned(),
        });
    }
    let opened = match open_plain(&bytes, warnings)?.rifx {
        Cow::Owned(rifx) => Some(rifx),
        Cow::Borrowed(_) => None,
    };
    // RIFX is taken as it is, without a copy
    Ok(opened.unwrap_or(bytes))
}

fn is_project_name(name: &str) -> bool {
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let extension = file
        .rsplit_once('.')
        .map(|(_, extension)| extension.to_ascii_lowercase());
    // macOS archives carry a `._name` beside every file
    !file.starts_with("._") && matches!(extension.as_deref(), Some("aep" | "aepx" | "aet"))
}

fn inflate(archive: &mut Zip<'_>, at: usize, limit: u64) -> Result<Vec<u8>, ReadError> {
    let entry = archive.by_index(at).map_err(|source| ReadError::Archive {
        why: "the project in it can't be opened".to_owned(),
        source,
    })?;
    // the sizes are the archive's word: believed only if they fit each other and the limit
    let plausible = entry.compressed_size().saturating_mul(INFLATED_PER_BYTE);
    let stated = if entry.size() <= plausible.min(limit)
        && entry.compressed_size() <= limit / INFLATED_PER_BYTE
    {
        usize::try_from(entry.size()).unwrap_or(0)
    } else {
        0
    };
    let mut bytes = Vec::with_capacity(stated.saturating_add(1));
    entry
        .take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| ReadError::Archive {
            why: "the project in it can't be unpacked".to_owned(),
            source: source.into(),
        })?;
    if bytes.len() as u64 > limit {
        return Err(ReadError::TooLarge {
            bytes: bytes.len() as u64,
            limit,
        });
    }
    Ok(bytes)
}
