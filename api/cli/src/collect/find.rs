//! Where a project's footage may be on this machine. The order is that of `reference/aep-format.md` §7: the mapped path, the path
//! itself, the place it had relative to the project, and then what After Effects' collecting makes: `(Footage)` beside the
//! project. That relative place is inferred from the format, so it is a candidate like the others: what exists first, wins.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use flatrender_aep::{FileRef, Footage, Project, Sequence};
use flatrender_package::{FileKind, kind_of};

use super::file_extension;
use crate::render::check::folder;

/// Where collected footage lies beside a project.
pub(super) const FOOTAGE: &str = "(Footage)";
/// Entries of folders that are looked at in one search.
const MAX_ENTRIES: usize = 50_000;
/// Folders in folders that are looked into.
const MAX_DEPTH: usize = 16;
/// Folders of the Project panel above an item.
const MAX_PANEL_FOLDERS: usize = 32;

/// Footage that was below one folder and is below another: `D:\jobs=/mnt/jobs`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    from: Vec<String>,
    /// Windows does not tell small letters from large ones.
    windows: bool,
    to: PathBuf,
}

impl FromStr for Mapping {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("\"{text}\" is not FROM=TO; write for example D:\\jobs=/mnt/jobs");
        let (from, to) = text.split_once('=').ok_or_else(wrong)?;
        let windows = !from.starts_with('/');
        let parts: Vec<String> = parts(from, windows).map(str::to_owned).collect();
        if parts.is_empty() || to.is_empty() {
            return Err(wrong());
        }
        Ok(Self {
            from: parts,
            windows,
            to: PathBuf::from(to),
        })
    }
}

impl Mapping {
    /// Where a path is now, if it was below the folder.
    fn apply(&self, file: &FileRef) -> Option<PathBuf> {
        if file.windows != self.windows {
            return None;
        }
        let mut rest = parts(&file.path, file.windows);
        for own in &self.from {
            let part = rest.next()?;
            let same = match self.windows {
                true => own.to_lowercase() == part.to_lowercase(),
                false => own == part,
            };
            if !same {
                return None;
            }
        }
        let mut path = self.to.clone();
        for part in rest {
            if part == ".." || part == "." {
                return None;
            }
            path.push(part);
        }
        Some(path)
    }
}

fn parts(path: &str, windows: bool) -> impl Iterator<Item = &str> {
    path.split(move |letter| letter == '/' || windows && letter == '\\')
        .filter(|part| !part.is_empty())
}

/// Why a file was not found.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotFound {
    /// Nowhere.
    #[error("not found; looked at {}", listed(looked))]
    Nowhere {
        /// Where.
        looked: Vec<PathBuf>,
    },
    /// In more than one folder under `(Footage)`.
    #[error("found more than once under {FOOTAGE}: {}", listed(places))]
    Several {
        /// Where.
        places: Vec<PathBuf>,
    },
}

impl NotFound {
    pub(super) fn remedy(&self) -> &'static str {
        match self {
            Self::Nowhere { .. } => {
                "put it beside the project in (Footage), or say where it is with --map FROM=TO"
            }
            Self::Several { .. } => "leave the one that is meant, or relink it in the project",
        }
    }
}

fn listed(paths: &[PathBuf]) -> String {
    let shown: Vec<String> = paths
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    shown.join(", ")
}

/// Looks for the footage of one project.
pub(super) struct Finder<'a> {
    beside: PathBuf,
    maps: &'a [Mapping],
    /// Folders of the Project panel: name and parent by id.
    panel: HashMap<u32, (&'a str, u32)>,
    /// What lies under `(Footage)`, by name.
    collected: HashMap<String, Vec<PathBuf>>,
}

impl<'a> Finder<'a> {
    pub(super) fn new(project: &'a Project, path: &Path, maps: &'a [Mapping]) -> Self {
        let beside = folder(path).to_owned();
        let mut collected: HashMap<String, Vec<PathBuf>> = HashMap::new();
        for path in walk(&beside.join(FOOTAGE)) {
            if let Some(name) = path.file_name().and_then(|name| name.to_str()) {
                collected.entry(name.to_owned()).or_default().push(path);
            }
        }
        let folders = project.folders.iter();
        Self {
            beside,
            maps,
            panel: folders
                .map(|folder| (folder.id, (folder.name.as_str(), folder.parent)))
                .collect(),
            collected,
        }
    }

    /// Where the file, or the folder of the sequence, is.
    pub(super) fn find(&self, footage: &Footage, file: &FileRef) -> Result<PathBuf, NotFound> {
        let candidates = self.candidates(footage, file);
        let there = |path: &PathBuf| match file.is_folder {
            true => path.is_dir(),
            false => path.is_file(),
        };
        if let Some(found) = candidates.iter().find(|path| there(path)) {
            return Ok(found.clone());
        }
        let collected = self.collected.get(file.file_name());
        let same: Vec<PathBuf> = collected
            .into_iter()
            .flatten()
            .filter(|path| there(path))
            .cloned()
            .collect();
        match same.as_slice() {
            [] => Err(NotFound::Nowhere { looked: candidates }),
            [one] => Ok(one.clone()),
            _ => Err(NotFound::Several { places: same }),
        }
    }

    fn candidates(&self, footage: &Footage, file: &FileRef) -> Vec<PathBuf> {
        let mut paths: Vec<PathBuf> = self.maps.iter().filter_map(|map| map.apply(file)).collect();
        if file.is_absolute() && file.windows == cfg!(windows) {
            paths.push(PathBuf::from(&file.path));
        }
        if let Some((up, parts)) = file.beside_project() {
            // of the real place: a relative path has too few folders to climb
            let beside = fs::canonicalize(&self.beside).unwrap_or_else(|_| self.beside.clone());
            let up = usize::try_from(up).unwrap_or(usize::MAX);
            let base = if up == 0 {
                Some(self.beside.as_path())
            } else {
                beside.ancestors().nth(up)
            };
            paths.extend(base.map(|base| {
                parts
                    .iter()
                    .fold(base.to_owned(), |path, part| path.join(part))
            }));
        }
        let name = file.file_name();
        if !matches!(name, "" | "." | "..") {
            let collected = self.beside.join(FOOTAGE);
            if let Some(panel) = self.panel_folder(footage.folder_id) {
                paths.push(collected.join(panel).join(name));
            }
            paths.push(collected.join(name));
            paths.push(self.beside.join(name));
        }
        let mut seen = Vec::new();
        paths.retain(|path| {
            let new = !seen.contains(path);
            seen.push(path.clone());
            new
        });
        paths
    }

    /// The folders of the Project panel above an item, which collecting repeats on the disk; `None` at the top, or where a name
    /// can't be a folder's.
    fn panel_folder(&self, id: u32) -> Option<PathBuf> {
        let mut names = Vec::new();
        let mut next = id;
        while let Some((name, parent)) = self.panel.get(&next) {
            let plain = !name.contains(['/', '\\']) && !matches!(*name, "" | "." | "..");
            if !plain || names.len() == MAX_PANEL_FOLDERS {
                return None;
            }
            names.push(*name);
            next = *parent;
        }
        names.reverse();
        (!names.is_empty()).then(|| names.iter().collect())
    }
}

/// Files and folders below a folder, in the order of their names; links are not followed.
pub(super) fn walk(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut next = vec![(root.to_owned(), 0)];
    while let Some((folder, depth)) = next.pop() {
        // a folder that can't be read holds nothing we could take
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries.flatten() {
            if found.len() == MAX_ENTRIES {
                return found;
            }
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_folder && depth < MAX_DEPTH {
                next.push((entry.path(), depth + 1));
            }
            found.push(entry.path());
        }
    }
    found.sort();
    found
}

/// The pictures of a sequence's folder that the project shows, sorted; where it does not say which, all numbered ones.
pub(super) fn pictures(folder: &Path, sequence: Option<&Sequence>) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let shown = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        let said = sequence.zip(name).and_then(|(all, name)| all.shows(name));
        match said {
            Some(shown) => shown && kind_of(&file_extension(path)) == Some(FileKind::Image),
            None => number(path).is_some(),
        }
    };
    let mut found: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_file() && shown(path))
        .take(MAX_ENTRIES)
        .collect();
    found.sort();
    if found.is_empty() {
        return Err(format!(
            "{} holds no pictures of the sequence",
            folder.display()
        ));
    }
    Ok(found)
}

/// What is wrong with the pictures that were found, in words: fewer than the project shows, or a hole in their numbers.
pub(super) fn incomplete(pictures: &[PathBuf], sequence: Option<&Sequence>) -> Option<String> {
    let hole = gap(pictures);
    let Some(wanted) = sequence.and_then(Sequence::count) else {
        return hole;
    };
    let found = u64::try_from(pictures.len()).unwrap_or(u64::MAX);
    if found >= wanted {
        return None;
    }
    let hole = hole.map_or_else(String::new, |hole| format!("; {hole}"));
    Some(format!("{found} of its {wanted} pictures are there{hole}"))
}

/// What stands in front of a picture's number, the number, and the extension.
fn number(path: &Path) -> Option<(String, u64, String)> {
    let extension = file_extension(path);
    if kind_of(&extension) != Some(FileKind::Image) {
        return None;
    }
    let stem = path.file_stem()?.to_str()?;
    let text = stem.trim_end_matches(|letter: char| letter.is_ascii_digit());
    let number = stem[text.len()..].parse().ok()?;
    Some((text.to_owned(), number, extension))
}

/// The first number that is not there between the first and the last one, in words.
fn gap(pictures: &[PathBuf]) -> Option<String> {
    let mut groups: HashMap<(String, String), Vec<u64>> = HashMap::new();
    for (text, number, extension) in pictures.iter().filter_map(|path| number(path)) {
        groups.entry((text, extension)).or_default().push(number);
    }
    let mut gaps: Vec<String> = Vec::new();
    for ((text, extension), mut numbers) in groups {
        numbers.sort_unstable();
        let hole = numbers
            .windows(2)
            .find(|pair| pair[1] > pair[0].saturating_add(1));
        gaps.extend(hole.map(|pair| format!("{text}{}.{extension} is not there", pair[0] + 1)));
    }
    gaps.sort();
    gaps.into_iter().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, windows: bool) -> FileRef {
        FileRef {
            path: path.to_owned(),
            windows,
            is_folder: false,
            steps_up: 0,
            steps_down: 0,
            missing_at_save: false,
            old_record: false,
        }
    }

    #[test]
    fn footage_that_moved_is_looked_for_where_it_is_now() {
        let map: Mapping = "D:\\Jobs=/mnt/jobs".parse().unwrap();
        let at = |path: &str, windows| map.apply(&file(path, windows));
        assert_eq!(
            at("d:\\JOBS\\a\\b.mov", true),
            Some("/mnt/jobs/a/b.mov".into())
        );
        assert_eq!(at("D:/Jobs/b.mov", true), Some("/mnt/jobs/b.mov".into()));
        assert_eq!(at("D:\\Jobs2\\b.mov", true), None);
        assert_eq!(at("D:\\Jobs\\..\\b.mov", true), None);
        assert_eq!(at("/D:/Jobs/b.mov", false), None);
        let posix: Mapping = "/Volumes/Clips=/clips".parse().unwrap();
        assert_eq!(
            posix.apply(&file("/Volumes/Clips/a.mov", false)),
            Some("/clips/a.mov".into())
        );
        assert_eq!(posix.apply(&file("/volumes/clips/a.mov", false)), None);
        for wrong in ["", "=", "a=", "=b", "abc"] {
            assert!(wrong.parse::<Mapping>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_sequence_takes_exactly_the_pictures_it_shows() {
        let folder = tempfile::tempdir().unwrap();
        for name in [
            "a_0002.png",
            "a_0003.png",
            "A_0004.PNG",
            "a_0005.png",
            "a_3.png",
            "b_0003.png",
            "a_0003.txt",
        ] {
            std::fs::write(folder.path().join(name), "x").unwrap();
        }
        let mut sequence = Sequence {
            first: Some(3),
            last: Some(5),
            digits: 4,
            prefix: "a_".to_owned(),
            suffix: ".png".to_owned(),
            names: Vec::new(),
        };
        let names = |sequence: Option<&Sequence>| -> Vec<String> {
            let found = pictures(folder.path(), sequence).unwrap();
            let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
            found.iter().map(name).collect()
        };
        assert_eq!(
            names(Some(&sequence)),
            ["A_0004.PNG", "a_0003.png", "a_0005.png"]
        );
        assert_eq!(names(None).len(), 6);
        let found = pictures(folder.path(), Some(&sequence)).unwrap();
        assert_eq!(incomplete(&found, Some(&sequence)), None);
        assert_eq!(
            incomplete(&found[1..], Some(&sequence)).as_deref(),
            Some("2 of its 3 pictures are there; a_4.png is not there")
        );
        sequence.names = vec!["b_0003.png".to_owned(), "../secret.png".to_owned()];
        assert_eq!(names(Some(&sequence)), ["b_0003.png"]);
    }

    #[test]
    fn a_hole_in_a_sequence_is_named() {
        let paths = |names: &[&str]| names.iter().map(PathBuf::from).collect::<Vec<_>>();
        assert_eq!(gap(&paths(&["a_0001.png", "a_0002.png"])), None);
        assert_eq!(
            gap(&paths(&["a_0001.png", "a_0004.png", "b7.png"])).as_deref(),
            Some("a_2.png is not there")
        );
    }
}
