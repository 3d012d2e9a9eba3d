//! The fonts at hand, by PostScript name: what the font files of a folder say of themselves.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use flatrender_package::postscript_names;

use crate::failure::{Exit, Failure, last_cause};

/// Folders that collected projects keep their fonts in.
const BESIDE: [&str; 2] = ["(Fonts)", "Fonts"];
/// Folders below the one that is named.
const DEPTH: usize = 4;
/// Most entries that are looked at.
const MOST_FILES: usize = 20_000;
/// Largest font file that is read.
const MOST_BYTES: u64 = 128 << 20;

/// PostScript names of the fonts in `folders`, or beside the project if none is named; `None` if there is no such folder.
///
/// # Errors
/// When a folder that was named can't be read.
pub(super) fn at_hand(
    project: &Path,
    folders: &[PathBuf],
    did: &str,
) -> Result<Option<BTreeSet<String>>, Failure> {
    let mut names = BTreeSet::new();
    let mut left = MOST_FILES;
    for folder in folders {
        gather(folder, 0, &mut left, &mut names).map_err(|error| {
            let why = format!("{} can't be read: {}", folder.display(), last_cause(&error));
            Failure::new(Exit::Usage, did, why)
        })?;
    }
    if !folders.is_empty() {
        return Ok(Some(names));
    }
    let home = project.parent().unwrap_or(Path::new("."));
    let mut found = false;
    for folder in BESIDE.map(|name| home.join(name)) {
        // a folder that nobody named may be missing, or not be ours to read
        found |= folder.is_dir() && gather(&folder, 0, &mut left, &mut names).is_ok();
    }
    Ok(found.then_some(names))
}

fn gather(
    folder: &Path,
    depth: usize,
    left: &mut usize,
    names: &mut BTreeSet<String>,
) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        if *left == 0 {
            return Ok(());
        }
        *left -= 1;
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() && depth < DEPTH {
            gather(&entry.path(), depth + 1, left, names)?;
        } else if kind.is_file() && is_font(&entry.path()) && entry.metadata()?.len() <= MOST_BYTES
        {
            // what is no font has no names
            names.extend(postscript_names(&fs::read(entry.path())?).unwrap_or_default());
        }
    }
    Ok(())
}

fn is_font(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| {
        ["ttf", "otf", "ttc", "otc"]
            .iter()
            .any(|known| extension.eq_ignore_ascii_case(known))
    })
}
