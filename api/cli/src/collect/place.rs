//! Names in the package for what was found. A file that lay below the project's folder keeps its place, so that After Effects
//! finds it by itself; all else goes to `(Footage)`, and the links say what became of which path.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use flatrender_aep::FileRef;
use flatrender_package::{LINKS_FILE, Limits, PackageName};

use super::Picked;
use super::find::FOOTAGE;

/// Where fonts go.
const FONTS: &str = "(Fonts)";
/// Names that are tried for one file before we give up.
const TRIES: u32 = 10_000;

/// What has a place so far.
pub(super) struct Places {
    limits: Limits,
    taken: HashSet<String>,
    /// Packaged name by place on this machine: a file that two items show is packed once.
    known: HashMap<PathBuf, String>,
    files: Vec<Picked>,
}

impl Places {
    pub(super) fn new(project: &PackageName, limits: Limits) -> Self {
        let links = PackageName::new(LINKS_FILE, &limits).map(|name| name.collision_key());
        Self {
            taken: [project.collision_key()].into_iter().chain(links).collect(),
            limits,
            known: HashMap::new(),
            files: Vec::new(),
        }
    }

    /// A place for a file; its packaged name.
    pub(super) fn file(&mut self, file: &FileRef, from: &Path) -> Result<String, String> {
        if let Some(known) = self.known.get(from) {
            return Ok(known.clone());
        }
        let own = self.own_place(file).filter(|name| self.is_free(name));
        let name = match own {
            Some(name) => name,
            None => self.free(FOOTAGE, &name_of(from))?,
        };
        self.put(name, from)
    }

    /// Places for the pictures of a sequence; the packaged folder.
    pub(super) fn sequence(
        &mut self,
        file: &FileRef,
        from: &Path,
        pictures: &[PathBuf],
    ) -> Result<String, String> {
        // a folder of its own: sequences of two folders never mix, those of one stay together
        let folder = match self.known.get(from) {
            Some(known) => known.clone(),
            None => {
                let own = self.own_place(file).filter(|name| self.is_free(name));
                let folder = match own {
                    Some(name) => name,
                    None => self.free(FOOTAGE, &name_of(from))?,
                };
                self.taken.insert(folder.collision_key());
                folder.to_string()
            }
        };
        for picture in pictures {
            if self.known.contains_key(picture) {
                continue;
            }
            let name = format!("{folder}/{}", name_of(picture));
            let name = PackageName::new(&name, &self.limits)
                .map_err(|fault| format!("{}: {fault}", picture.display()))?;
            if !self.is_free(&name) {
                return Err(format!(
                    "{} is there twice where case does not count",
                    picture.display()
                ));
            }
            self.put(name, picture)?;
        }
        self.known.insert(from.to_owned(), folder.clone());
        Ok(folder)
    }

    /// A place for a font file; `None` if no name can be made.
    pub(super) fn font(&mut self, from: &Path) -> Option<String> {
        if let Some(known) = self.known.get(from) {
            return Some(known.clone());
        }
        let name = self.free(FONTS, &name_of(from)).ok()?;
        self.put(name, from).ok()
    }

    /// All that has a place, sorted by it.
    pub(super) fn into_files(mut self) -> Vec<Picked> {
        self.files.sort_by(|a, b| a.file.cmp(&b.file));
        self.files
    }

    /// The place it had below the project's folder, if it was there and its name can stay as it is.
    fn own_place(&self, file: &FileRef) -> Option<PackageName> {
        let (up, parts) = file.beside_project()?;
        let text = parts.join("/");
        let name = PackageName::new(&text, &self.limits).ok()?;
        (up == 0 && name.as_str() == text).then_some(name)
    }

    fn is_free(&self, name: &PackageName) -> bool {
        !self.taken.contains(&name.collision_key())
    }

    /// The first name that is free: in the folder, then in numbered folders of it.
    fn free(&self, folder: &str, name: &str) -> Result<PackageName, String> {
        let made = PackageName::made_of(name, &self.limits)
            .ok_or_else(|| format!("no name in a package can be made of \"{name}\""))?;
        for attempt in 1..TRIES {
            let text = match attempt {
                1 => format!("{folder}/{made}"),
                _ => format!("{folder}/{attempt}/{made}"),
            };
            let name = PackageName::new(&text, &self.limits).map_err(|fault| fault.to_string())?;
            if self.is_free(&name) {
                return Ok(name);
            }
        }
        Err(format!("more than {TRIES} files are called \"{name}\""))
    }

    fn put(&mut self, name: PackageName, from: &Path) -> Result<String, String> {
        let about = from
            .metadata()
            .map_err(|error| format!("{}: {error}", from.display()))?;
        self.taken.insert(name.collision_key());
        self.known.insert(from.to_owned(), name.to_string());
        let packed = name.to_string();
        self.files.push(Picked {
            file: name,
            from: from.to_owned(),
            bytes: about.len(),
        });
        Ok(packed)
    }
}

fn name_of(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}
