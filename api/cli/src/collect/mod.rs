//! Collects what a project needs: the footage its compositions show and the fonts their texts use, from where the project says,
//! from beside it, and from where the person says. Finds and names; packing is `pack`'s business.
//!
//! What a project says of places is that of the machine that saved it. Only files whose kind a package may hold are taken, and
//! all of them are told with the place they came from: a project of a stranger can name any file of this machine.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use flatrender_aep::{CompError, Composition, Footage, FootageKind, Project};
use flatrender_package::{Limits, Link, Links, PackageName, kind_of};
use serde::Serialize;

mod find;
mod fonts;
mod pack;
mod place;

pub use find::Mapping;
pub use pack::{PackError, Packed, pack};

use place::Places;

/// What to collect.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Compositions by name; none is all of them.
    pub comps: Vec<String>,
    /// Also files that no composition shows.
    pub all: bool,
    /// Folders with fonts.
    pub fonts: Vec<PathBuf>,
    /// Where footage moved to.
    pub maps: Vec<Mapping>,
}

/// A file of this machine and its name in the package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Picked {
    /// Its name in the package.
    pub file: PackageName,
    /// Where it is.
    pub from: PathBuf,
    /// Its size when it was found.
    pub bytes: u64,
}

/// Footage that was not found, or can't be packed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// The footage item's id.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// The path the project has.
    pub path: String,
    /// Who shows it, as `composition / layer`; empty if nobody does.
    pub layers: Vec<String>,
    /// What is wrong.
    pub why: String,
    /// What to do.
    pub remedy: String,
}

/// All that was found and not found.
#[derive(Debug)]
pub struct Collection {
    /// The project itself.
    pub project: Picked,
    /// Footage and fonts, sorted by name.
    pub files: Vec<Picked>,
    /// Where the footage came from.
    pub links: Links,
    /// Footage that is not in it.
    pub missing: Vec<Missing>,
    /// PostScript names of fonts that were not found: nodes must have them.
    pub missing_fonts: Vec<String>,
    /// What is odd, in words.
    pub warnings: Vec<String>,
}

/// Why nothing can be collected.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// A composition that is not there.
    #[error(transparent)]
    Comp(#[from] CompError),
    /// The project's own file.
    #[error("read {}", path.display())]
    Project {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Its name gives none for a package.
    #[error("the name of {} can't be one in a package", path.display())]
    Name {
        /// Which one.
        path: PathBuf,
    },
}

/// A footage item that is wanted.
struct Need<'a> {
    footage: &'a Footage,
    layers: Vec<String>,
}

/// Collects what `wanted` asks of `project`, which was read from the file `path`.
///
/// # Errors
/// When a composition is not there or the project's file can't be packed; what is not found is no error but told.
pub fn collect(
    project: &Project,
    path: &Path,
    wanted: &Wanted,
) -> Result<Collection, CollectError> {
    let limits = Limits::default();
    let comps = comps(project, &wanted.comps)?;
    let own = own_file(path, &limits)?;
    let mut places = Places::new(&own.file, limits);
    let mut missing = Vec::new();
    let mut warnings = Vec::new();
    let mut links: BTreeMap<String, Link> = BTreeMap::new();
    let finder = find::Finder::new(project, path, &wanted.maps);
    for need in needs(project, &comps, wanted.all, &mut warnings) {
        match take(&need, &finder, &mut places, &mut warnings) {
            Ok(link) => {
                links.entry(link.path.clone()).or_insert(link);
            }
            Err(one) => missing.push(*one),
        }
    }
    let needed = match wanted.all {
        true => fonts::needed(project, &project.comps.iter().collect::<Vec<_>>()),
        false => fonts::needed(project, &comps),
    };
    let mut folders = wanted.fonts.clone();
    folders.extend(fonts::beside(path));
    let (found, missing_fonts) = fonts::find(needed, &folders, &mut warnings);
    for font in found {
        if places.font(&font).is_none() {
            warnings.push(format!(
                "font {} is not packed: no name in a package can be made of its own",
                font.display()
            ));
        }
    }
    Ok(Collection {
        links: Links::new(&own.file, links.into_values().collect()),
        project: own,
        files: places.into_files(),
        missing,
        missing_fonts,
        warnings,
    })
}

fn comps<'a>(project: &'a Project, names: &[String]) -> Result<Vec<&'a Composition>, CompError> {
    if names.is_empty() {
        return Ok(project.comps.iter().collect());
    }
    names.iter().map(|name| project.comp(name)).collect()
}

fn own_file(path: &Path, limits: &Limits) -> Result<Picked, CollectError> {
    let io = |source| CollectError::Project {
        path: path.to_owned(),
        source,
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let file = PackageName::made_of(&name, limits).ok_or_else(|| CollectError::Name {
        path: path.to_owned(),
    })?;
    Ok(Picked {
        file,
        from: path.to_owned(),
        bytes: path.metadata().map_err(io)?.len(),
    })
}

/// The footage that is wanted, in project order, with who shows it.
fn needs<'a>(
    project: &'a Project,
    comps: &[&Composition],
    all: bool,
    warnings: &mut Vec<String>,
) -> Vec<Need<'a>> {
    let mut layers: HashMap<u32, Vec<String>> = HashMap::new();
    for comp in comps {
        for used in project.missing_footage(comp) {
            let known = layers.entry(used.id).or_default();
            for layer in used.layers {
                if !known.contains(&layer) {
                    known.push(layer);
                }
            }
        }
    }
    let mut found = Vec::new();
    for footage in &project.footage {
        if footage.kind != FootageKind::File {
            continue;
        }
        if footage.file.is_none() {
            warnings.push(format!(
                "footage \"{}\": the project does not say where its file is (After Effects CS6 and older); \
                 save it again in a newer one",
                footage.name
            ));
            continue;
        }
        let layers = layers.remove(&footage.id);
        if let Some(layers) = layers.or_else(|| all.then(Vec::new)) {
            found.push(Need { footage, layers });
        }
    }
    found
}

/// Finds one and gives it its place.
fn take(
    need: &Need<'_>,
    finder: &find::Finder<'_>,
    places: &mut Places,
    warnings: &mut Vec<String>,
) -> Result<Link, Box<Missing>> {
    let footage = need.footage;
    let gone = |why: String, remedy: &str| {
        Box::new(Missing {
            id: footage.id,
            name: footage.name.clone(),
            path: footage
                .file
                .as_ref()
                .map_or_else(String::new, |file| file.path.clone()),
            layers: need.layers.clone(),
            why,
            remedy: remedy.to_owned(),
        })
    };
    let Some(file) = &footage.file else {
        return Err(gone(
            "its place is not known".to_owned(),
            "save the project again",
        ));
    };
    let from = finder.find(footage, file).map_err(|error| {
        let remedy = error.remedy();
        gone(error.to_string(), remedy)
    })?;
    let packed = if file.is_folder {
        let pictures = find::pictures(&from, footage.sequence.as_ref()).map_err(|why| {
            gone(
                why,
                "put the numbered pictures of the sequence into that folder",
            )
        })?;
        if let Some(what) = find::incomplete(&pictures, footage.sequence.as_ref()) {
            warnings.push(format!("sequence {}: {what}", from.display()));
        }
        places.sequence(file, &from, &pictures)
    } else {
        let extension = file_extension(&from);
        if kind_of(&extension).is_none() {
            return Err(gone(
                match extension.as_str() {
                    "" => "a package holds no files without an extension".to_owned(),
                    other => format!("a package holds no .{other} files"),
                },
                "convert it to a kind that a package holds, and relink it in the project",
            ));
        }
        places.file(file, &from)
    };
    let packed = packed.map_err(|why| gone(why, "rename it, and relink it in the project"))?;
    Ok(Link {
        path: file.path.clone(),
        windows: file.windows,
        file: packed,
        sequence: file.is_folder,
    })
}

/// The extension of a file in small letters; empty if it has none.
fn file_extension(path: &Path) -> String {
    let extension = path.extension().unwrap_or_default();
    extension.to_string_lossy().to_lowercase()
}
