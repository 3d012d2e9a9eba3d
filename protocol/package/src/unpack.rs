//! The folder a package is unpacked to: made beside its final place, filled through a handle that leads nowhere else, and
//! renamed when everything is in it. Whatever fails, nothing is left behind.

use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, File, OpenOptions};

use crate::error::PackageError;
use crate::name::PackageName;

/// Names that are tried for the folder that is filled.
const TRIES: u64 = 16;

/// A folder that is being filled.
pub(crate) struct Folder {
    target: PathBuf,
    parent: Dir,
    name: String,
    temporary: String,
    /// `None` once it is renamed, or being taken away.
    inside: Option<Dir>,
}

/// A file that is being filled.
pub(crate) struct Filling {
    file: File,
    path: PathBuf,
}

impl Folder {
    /// Makes the folder that will be `target`, which must not exist.
    pub(crate) fn begin(target: &Path) -> Result<Self, PackageError> {
        let refused = |why| PackageError::Target {
            path: target.to_owned(),
            why,
        };
        let name = target
            .file_name()
            .and_then(|name| name.to_str())
            .ok_or_else(|| refused("its name is not one a folder can have"))?
            .to_owned();
        let above = match target.parent() {
            Some(above) if above != Path::new("") => above,
            Some(_) | None => Path::new("."),
        };
        let parent = Dir::open_ambient_dir(above, ambient_authority())
            .map_err(|_| refused("the folder above it can't be opened"))?;
        // a link counts as there, wherever it leads
        if parent.symlink_metadata(&name).is_ok() {
            return Err(refused("it is there already"));
        }
        let write = |source| PackageError::Write {
            path: target.to_owned(),
            source,
        };
        let temporary = make_temporary(&parent).map_err(write)?;
        let mut folder = Self {
            target: target.to_owned(),
            parent,
            name,
            temporary,
            inside: None,
        };
        // made above: from here on a failure takes it away
        folder.inside = Some(folder.parent.open_dir(&folder.temporary).map_err(write)?);
        Ok(folder)
    }

    /// A new file in it, with the folders on the way.
    pub(crate) fn file(&self, name: &PackageName) -> Result<Filling, PackageError> {
        let path = self.target.join(name.as_str());
        let open = || -> io::Result<File> {
            let inside = self.inside.as_ref().ok_or(io::ErrorKind::NotFound)?;
            if let Some((folder, _)) = name.as_str().rsplit_once('/') {
                inside.create_dir_all(folder)?;
            }
            let mut options = OpenOptions::new();
            inside.open_with(name.as_str(), options.write(true).create_new(true))
        };
        match open() {
            Ok(file) => Ok(Filling { file, path }),
            Err(source) => Err(PackageError::Write { path, source }),
        }
    }

    /// Puts it in its place.
    pub(crate) fn finish(mut self) -> Result<(), PackageError> {
        // Windows renames no folder that is open
        self.inside = None;
        self.parent
            .rename(&self.temporary, &self.parent, &self.name)
            .map_err(|source| PackageError::Write {
                path: self.target.clone(),
                source,
            })?;
        self.temporary.clear();
        Ok(())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        self.inside = None;
        if !self.temporary.is_empty() {
            // nobody is left to tell; the next one to clean up finds it by its name
            let _ = self.parent.remove_dir_all(&self.temporary);
        }
    }
}

impl Filling {
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), PackageError> {
        self.file
            .write_all(bytes)
            .map_err(|source| PackageError::Write {
                path: self.path.clone(),
                source,
            })
    }
}

/// A folder under a name nobody guesses; one that is there is never used.
fn make_temporary(parent: &Dir) -> io::Result<String> {
    let mut last = io::ErrorKind::AlreadyExists.into();
    for attempt in 0..TRIES {
        let name = format!(".unpacking-{:016x}", RandomState::new().hash_one(attempt));
        match parent.create_dir(&name) {
            Ok(()) => return Ok(name),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(last)
}
