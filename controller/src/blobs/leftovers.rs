//! What lies in the store untouched: blobs that nobody claimed for a while, and parts of uploads that broke off (a kill in
//! the middle of one leaves them). Which blobs a row names is the caller's to say; only the farm's own area is looked through
//! for blobs, films are never.

#![expect(
    clippy::disallowed_methods,
    reason = "a file's age is told by the clock that stamped it"
)]

use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use flatrender_protocol::Digest;

use super::{Area, BlobError, Blobs};

/// Shelves of an area: one for each first byte of a digest.
pub const SHELVES: std::ops::RangeInclusive<u8> = 0..=u8::MAX;

impl Blobs {
    /// The size of a blob of the farm's that somebody is about to use; `None` when it is not there. It counts as touched now,
    /// so that no sweep takes it before a row can name it.
    ///
    /// # Errors
    /// When the disk fails.
    pub async fn claim(&self, digest: Digest) -> Result<Option<u64>, BlobError> {
        let _no_sweep = self.sweep.read().await;
        let path = self.path(Area::Farm, digest);
        on_disk(move || {
            let file = match File::options().append(true).open(path) {
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
                opened => opened?,
            };
            file.set_modified(SystemTime::now())?;
            Ok(Some(file.metadata()?.len()))
        })
        .await
    }

    /// The farm's blobs on one shelf that nobody has touched since `before`.
    ///
    /// # Errors
    /// When the disk fails.
    pub async fn untouched(&self, shelf: u8, before: SystemTime) -> Result<Vec<Digest>, BlobError> {
        let folder = self.shelf(Area::Farm, shelf);
        let named = |name: &OsStr| name.to_str().and_then(|name| name.parse().ok());
        on_disk(move || {
            let found = old_files(&folder, before)?;
            Ok(found.iter().filter_map(|name| named(name)).collect())
        })
        .await
    }

    /// Removes those of `blobs` that nobody has touched since `before` even now; how many.
    ///
    /// # Errors
    /// When the disk fails.
    pub async fn discard(
        &self,
        blobs: Vec<Digest>,
        before: SystemTime,
    ) -> Result<usize, BlobError> {
        let _nobody_claims = self.sweep.write().await;
        let paths: Vec<_> = blobs
            .into_iter()
            .map(|blob| self.path(Area::Farm, blob))
            .collect();
        on_disk(move || {
            let mut gone = 0;
            for path in paths {
                gone += usize::from(remove_old(&path, before)?);
            }
            Ok(gone)
        })
        .await
    }

    /// Removes the parts on one shelf, of both areas, of uploads that nobody has gone on with since `before`; how many.
    ///
    /// # Errors
    /// When the disk fails.
    pub async fn discard_parts(&self, shelf: u8, before: SystemTime) -> Result<usize, BlobError> {
        let folders = [Area::Farm, Area::Files].map(|area| self.shelf(area, shelf));
        on_disk(move || {
            let mut gone = 0;
            for folder in folders {
                for name in old_files(&folder, before)? {
                    if is_part(&name) {
                        gone += usize::from(remove_old(&folder.join(name), before)?);
                    }
                }
            }
            Ok(gone)
        })
        .await
    }

    fn shelf(&self, area: Area, shelf: u8) -> PathBuf {
        self.folder.join(area.prefix()).join(hex::encode([shelf]))
    }

    fn path(&self, area: Area, digest: Digest) -> PathBuf {
        let name = digest.to_string();
        self.folder.join(area.prefix()).join(&name[..2]).join(name)
    }
}

/// The store's library writes to `DIGEST#NUMBER` and renames that.
fn is_part(name: &OsStr) -> bool {
    let parts = name.to_str().and_then(|name| name.split_once('#'));
    parts.is_some_and(|(digest, number)| {
        digest.parse::<Digest>().is_ok() && number.parse::<u64>().is_ok()
    })
}

async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, BlobError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.expect("file work does not panic")
        .map_err(BlobError::Disk)
}

fn old_files(folder: &Path, before: SystemTime) -> io::Result<Vec<std::ffi::OsString>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        match entry.metadata() {
            Ok(meta) if is_old(&meta, before)? => found.push(entry.file_name()),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

fn is_old(meta: &Metadata, before: SystemTime) -> io::Result<bool> {
    Ok(meta.is_file() && meta.modified()? < before)
}

fn remove_old(path: &Path, before: SystemTime) -> io::Result<bool> {
    let gone = match fs::metadata(path) {
        Ok(meta) if is_old(&meta, before)? => fs::remove_file(path),
        Ok(_) => return Ok(false),
        Err(error) => Err(error),
    };
    match gone {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
