//! The fonts that texts use, by PostScript name, and the files that have them. Fonts of the machine are not looked through: what
//! is installed may not be given away, and nodes have their own.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use flatrender_aep::{Composition, LayerKind, Project};
use flatrender_package::{FileKind, Limits, kind_of, postscript_names};

use super::{file_extension, find};
use crate::render::check::folder;

/// Folders beside a project that may hold its fonts.
const BESIDE: [&str; 3] = ["(Fonts)", "Fonts", "fonts"];

/// PostScript names of the fonts that the texts of these compositions use, through the compositions they show. Layers that
/// are off, unless they give a matte, and guide layers don't count.
pub(super) fn needed(project: &Project, comps: &[&Composition]) -> BTreeSet<String> {
    let by_id: HashMap<u32, &Composition> = project
        .comps
        .iter()
        .rev()
        .map(|comp| (comp.id, comp))
        .collect();
    let mut next: Vec<&Composition> = comps.to_vec();
    let mut seen: HashSet<u32> = next.iter().map(|comp| comp.id).collect();
    let mut fonts = BTreeSet::new();
    while let Some(comp) = next.pop() {
        let layers = comp.layers.iter();
        for layer in layers.filter(|layer| !layer.guide && (layer.enabled || layer.is_matte)) {
            if layer.kind == LayerKind::Text {
                fonts.extend(layer.fonts.iter().cloned());
            }
            if let Some(inner) = layer.source_id.and_then(|id| by_id.get(&id))
                && seen.insert(inner.id)
            {
                next.push(inner);
            }
        }
    }
    fonts
}

/// Folders for fonts beside the project.
pub(super) fn beside(project: &Path) -> Vec<PathBuf> {
    let beside = folder(project);
    BESIDE.iter().map(|name| beside.join(name)).collect()
}

/// Font files in these folders that have one of the fonts, and the fonts that none has. The first file with a font wins.
pub(super) fn find(
    mut needed: BTreeSet<String>,
    folders: &[PathBuf],
    warnings: &mut Vec<String>,
) -> (Vec<PathBuf>, Vec<String>) {
    let mut found = Vec::new();
    for path in folders.iter().flat_map(|folder| find::walk(folder)) {
        if needed.is_empty() {
            break;
        }
        if kind_of(&file_extension(&path)) != Some(FileKind::Font) || !path.is_file() {
            continue;
        }
        let names = match read(&path) {
            Ok(names) => names,
            Err(why) => {
                warnings.push(format!("font {}: {why}", path.display()));
                continue;
            }
        };
        let had = needed.len();
        needed.retain(|font| !names.contains(font));
        if needed.len() < had {
            found.push(path);
        }
    }
    (found, needed.into_iter().collect())
}

fn read(path: &Path) -> Result<Vec<String>, String> {
    let limit = Limits::default().font_bytes;
    let about = path.metadata().map_err(|error| error.to_string())?;
    if about.len() > limit {
        return Err(format!("{} bytes, at most {limit} are taken", about.len()));
    }
    let bytes = fs::read(path).map_err(|error| error.to_string())?;
    postscript_names(&bytes)
}
