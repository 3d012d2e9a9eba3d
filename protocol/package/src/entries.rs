//! From the directory to content: which entries are files of the package, under which normalised names, and which one is the
//! project. All that can be refused without reading content is refused here.

use std::collections::HashMap;

use unicode_normalization::UnicodeNormalization;

use crate::directory::{Method, Placed};
use crate::error::{PackageError, Refused};
use crate::kind::{self, FileKind};
use crate::links::LINKS_FILE;
use crate::name::{PackageName, collision_key};
use crate::rules::{Limits, Rules};

/// A file of the package.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) name: PackageName,
    pub(crate) kind: FileKind,
    pub(crate) placed: Placed,
}

/// What will be read.
#[derive(Debug)]
pub(crate) struct Plan {
    /// In the order they lie in the zip.
    pub(crate) files: Vec<Entry>,
    pub(crate) project: PackageName,
    /// Litter of systems: left out.
    pub(crate) ignored: Vec<PackageName>,
}

impl Plan {
    pub(crate) fn bytes(&self) -> u64 {
        let sizes = self.files.iter().map(|file| file.placed.record.unpacked);
        sizes.fold(0, u64::saturating_add)
    }
}

/// Judges every entry.
pub(crate) fn plan(placed: Vec<Placed>, rules: &Rules) -> Result<Plan, PackageError> {
    let mut names = Names::default();
    let mut files = Vec::new();
    let mut ignored = Vec::new();
    for one in placed {
        let label = one.label();
        let refuse = |why| PackageError::of(&label, why);
        let found = entry_name(&one, &rules.limits).map_err(refuse)?;
        check_type(&one, &found).map_err(refuse)?;
        match found {
            Found::Folder(name) if name.is_litter() => {}
            Found::Folder(name) => names.folder(name.as_str()).map_err(refuse)?,
            Found::File(name) if name.is_litter() => ignored.push(name),
            Found::File(name) => {
                names.file(&name).map_err(refuse)?;
                let kind = kind::admit(&name, rules).map_err(refuse)?;
                files.push(Entry {
                    name,
                    kind,
                    placed: one,
                });
            }
        }
    }
    strip_top_folders(&mut files);
    for file in &files {
        check_size(file, &rules.limits)
            .map_err(|why| PackageError::of(&file.placed.label(), why))?;
    }
    check_totals(&files, &rules.limits)?;
    let project = find_project(&files, rules)?;
    files.sort_by_key(|file| file.placed.data_at);
    Ok(Plan {
        files,
        project,
        ignored,
    })
}

enum Found {
    File(PackageName),
    Folder(PackageName),
}

fn entry_name(one: &Placed, limits: &Limits) -> Result<Found, Refused> {
    // macOS writes UTF-8 without the flag for it: what is UTF-8 is taken as such, nothing else is guessed at
    let text = std::str::from_utf8(&one.record.name).map_err(|_| Refused::NameNotUtf8)?;
    let name = |text| PackageName::new(text, limits).map_err(Refused::Name);
    match text.strip_suffix('/') {
        Some(folder) if !folder.is_empty() => Ok(Found::Folder(name(folder)?)),
        Some(_) | None => Ok(Found::File(name(text)?)),
    }
}

/// Regular files and empty folders, by both systems' attributes: readers differ in which they believe.
fn check_type(one: &Placed, found: &Found) -> Result<(), Refused> {
    const DOS_VOLUME: u32 = 0x08;
    const DOS_FOLDER: u32 = 0x10;
    const DOS_REPARSE: u32 = 0x400;
    let attributes = one.record.attributes;
    let is_folder = matches!(found, Found::Folder(_));
    let special = |what| Err(Refused::Special { what });
    match attributes >> 16 & 0o170_000 {
        0 => {}
        0o100_000 if !is_folder => {}
        0o040_000 if is_folder => {}
        0o100_000 | 0o040_000 => return Err(Refused::FalseFolder),
        0o120_000 => return special("a symbolic link"),
        0o020_000 | 0o060_000 => return special("a device"),
        0o010_000 => return special("a pipe"),
        0o140_000 => return special("a socket"),
        _ => return special("something unknown"),
    }
    if attributes & DOS_VOLUME != 0 {
        return special("the name of a volume");
    }
    if attributes & DOS_REPARSE != 0 {
        return special("a link of Windows");
    }
    if !is_folder && attributes & DOS_FOLDER != 0 {
        return Err(Refused::FalseFolder);
    }
    if is_folder && one.record.unpacked != 0 {
        return Err(Refused::FalseFolder);
    }
    Ok(())
}

/// Every name and every folder on the way to it, by what a careless file system makes of it.
#[derive(Default)]
struct Names {
    seen: HashMap<String, (String, bool)>,
}

impl Names {
    fn folder(&mut self, name: &str) -> Result<(), Refused> {
        let ends = name
            .match_indices('/')
            .map(|(at, _)| at)
            .chain([name.len()]);
        for end in ends {
            let folder = &name[..end];
            let seen = self
                .seen
                .entry(collision_key(folder))
                .or_insert_with(|| (folder.to_owned(), false));
            match seen {
                (other, true) => {
                    return Err(Refused::FileAndFolder {
                        name: other.clone(),
                    });
                }
                (other, false) if other != folder => {
                    return Err(Refused::Collides {
                        other: other.clone(),
                    });
                }
                (_, false) => {}
            }
        }
        Ok(())
    }

    fn file(&mut self, name: &PackageName) -> Result<(), Refused> {
        if let Some((folder, _)) = name.as_str().rsplit_once('/') {
            self.folder(folder)?;
        }
        let key = collision_key(name.as_str());
        match self.seen.insert(key, (name.as_str().to_owned(), true)) {
            None => Ok(()),
            Some((other, false)) => Err(Refused::FileAndFolder { name: other }),
            Some((other, true)) if other == name.as_str() => Err(Refused::Twice),
            Some((other, true)) => Err(Refused::Collides { other }),
        }
    }
}

/// A folder that holds everything says nothing. Taken off until none is left, so that what was unpacked packs to the same
/// digest again.
fn strip_top_folders(files: &mut [Entry]) {
    loop {
        let Some(top) = files.first().and_then(|file| file.name.first_folder()) else {
            return;
        };
        if files
            .iter()
            .any(|file| file.name.first_folder() != Some(top))
        {
            return;
        }
        for file in &mut *files {
            if let Some(below) = file.name.below_first() {
                file.name = below;
            }
        }
    }
}

fn check_size(file: &Entry, limits: &Limits) -> Result<(), Refused> {
    let record = &file.placed.record;
    let limit = match file.kind {
        FileKind::Font => limits.font_bytes,
        _ if file.name.as_str() == LINKS_FILE => limits.links_bytes,
        FileKind::Project
        | FileKind::Image
        | FileKind::Video
        | FileKind::Audio
        | FileKind::Model
        | FileKind::Data
        | FileKind::Script
        | FileKind::Program => limits.file_bytes,
    };
    if record.unpacked > limit {
        return Err(Refused::FileTooLarge {
            bytes: record.unpacked,
            limit,
        });
    }
    if file.placed.method == Method::Stored && record.packed != record.unpacked {
        return Err(Refused::HeadersDiffer { field: "size" });
    }
    check_ratio(record.unpacked, record.packed, limits)
}

fn check_ratio(unpacked: u64, packed: u64, limits: &Limits) -> Result<(), Refused> {
    if unpacked > limits.ratio_free_bytes && unpacked > packed.saturating_mul(limits.ratio) {
        return Err(Refused::Ratio {
            unpacked,
            packed,
            limit: limits.ratio,
        });
    }
    Ok(())
}

fn check_totals(files: &[Entry], limits: &Limits) -> Result<(), Refused> {
    let sum = |of: fn(&Entry) -> u64| files.iter().map(of).fold(0, u64::saturating_add);
    let unpacked = sum(|file| file.placed.record.unpacked);
    let packed = sum(|file| file.placed.record.packed);
    if unpacked > limits.unpacked_bytes {
        return Err(Refused::TooLargeUnpacked {
            bytes: unpacked,
            limit: limits.unpacked_bytes,
        });
    }
    check_ratio(unpacked, packed, limits)
}

fn find_project(files: &[Entry], rules: &Rules) -> Result<PackageName, Refused> {
    let projects: Vec<&PackageName> = files
        .iter()
        .filter(|file| file.kind == FileKind::Project)
        .map(|file| &file.name)
        .collect();
    let known = || projects.iter().map(|name| name.to_string()).collect();
    if let Some(wanted) = &rules.project {
        let composed: String = wanted.nfc().collect();
        let found = projects.iter().find(|name| name.as_str() == composed);
        return found
            .map(|name| (*name).clone())
            .ok_or_else(|| Refused::ProjectNotThere {
                name: wanted.clone(),
                known: known(),
            });
    }
    match projects.as_slice() {
        [one] => Ok((*one).clone()),
        [] => Err(Refused::NoProject { files: files.len() }),
        _ => Err(Refused::SeveralProjects { names: known() }),
    }
}
