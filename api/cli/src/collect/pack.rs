//! Writes what was collected into a package, and reads the package back with the farm's own judgement before it gets its name.

use std::fs::File;
use std::io::{self, BufReader, BufWriter};
use std::path::{Path, PathBuf};

use flatrender_package::{Archive, Manifest, PackageError, Packer, Refused, Rules};
use tempfile::NamedTempFile;

use super::{Collection, Picked};
use crate::render::check::folder;

/// A package that was written.
#[derive(Debug)]
pub struct Packed {
    /// What is in it.
    pub manifest: Manifest,
    /// Bytes of the zip.
    pub bytes: u64,
}

/// Why there is no package.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// It can't be written there.
    #[error("write {}", path.display())]
    Write {
        /// The package.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file that was found can't be read.
    #[error("read {}", path.display())]
    Open {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// What was collected makes no package that the farm would take.
    #[error(transparent)]
    Package(#[from] PackageError),
}

/// Writes the package to `out`, over what is there; it appears whole or not at all. `progress` is told of every piece, written or
/// read back, and may stop: in all twice the bytes of the files.
///
/// # Errors
/// When a file can't be read, the package can't be written, or the farm would refuse it.
pub fn pack(
    collection: &Collection,
    out: &Path,
    progress: &mut dyn FnMut(u64) -> bool,
) -> Result<Packed, PackError> {
    fits(collection)?;
    match attempt(collection, out, false, progress) {
        // honest files can be as even as a bomb: uncompressed they are none
        Err(PackError::Package(error))
            if matches!(error.refused(), Some(Refused::Ratio { .. })) =>
        {
            attempt(collection, out, true, progress)
        }
        result => result,
    }
}

/// Said before gigabytes are copied.
fn fits(collection: &Collection) -> Result<(), PackageError> {
    let limits = Rules::default().limits;
    let entries = collection.files.len() as u64 + 2;
    if entries > limits.entries {
        let limit = limits.entries;
        return Err(Refused::TooManyEntries { entries, limit }.into());
    }
    let bytes = collection.bytes();
    if bytes > limits.unpacked_bytes {
        let limit = limits.unpacked_bytes;
        return Err(Refused::TooLargeUnpacked { bytes, limit }.into());
    }
    Ok(())
}

impl Collection {
    /// Bytes of all files that were found, the project among them.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let files = self.files.iter().map(|file| file.bytes);
        files.fold(self.project.bytes, u64::saturating_add)
    }
}

fn attempt(
    collection: &Collection,
    out: &Path,
    stored: bool,
    progress: &mut dyn FnMut(u64) -> bool,
) -> Result<Packed, PackError> {
    let write = |source| PackError::Write {
        path: out.to_owned(),
        source,
    };
    let file = tempfile::Builder::new()
        .prefix(".flatctl-")
        .tempfile_in(folder(out))
        .map_err(write)?;
    write_zip(collection, &file, stored, progress)?;
    let rules = Rules {
        project: Some(collection.project.file.to_string()),
        ..Rules::default()
    };
    let back = BufReader::new(file.reopen().map_err(write)?);
    let mut before = 0;
    let manifest = Archive::open(back, &rules)?.check(&mut |done| {
        let piece = done - before;
        before = done;
        progress(piece)
    })?;
    file.as_file().sync_all().map_err(write)?;
    let bytes = file.as_file().metadata().map_err(write)?.len();
    readable(&file).map_err(write)?;
    file.persist(out).map_err(|error| write(error.error))?;
    Ok(Packed { manifest, bytes })
}

fn write_zip(
    collection: &Collection,
    file: &NamedTempFile,
    stored: bool,
    progress: &mut dyn FnMut(u64) -> bool,
) -> Result<(), PackError> {
    let rules = Rules::default();
    let mut packer = Packer::new(BufWriter::new(file.as_file()), rules, stored);
    for Picked { file, from, .. } in [&collection.project].into_iter().chain(&collection.files) {
        let open = |source| PackError::Open {
            path: from.clone(),
            source,
        };
        let source = File::open(from).map_err(open)?;
        packer.add(file, source, progress)?;
    }
    if !collection.links.links.is_empty() {
        packer.add_links(&collection.links)?;
    }
    let writer = packer.finish()?;
    writer.into_inner().map_err(|error| {
        PackError::Package(PackageError::Pack {
            source: error.into_error().into(),
        })
    })?;
    Ok(())
}

/// A temporary file is its owner's alone; a package is a file like others.
#[cfg(unix)]
fn readable(file: &NamedTempFile) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.as_file()
        .set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn readable(_: &NamedTempFile) -> io::Result<()> {
    Ok(())
}
