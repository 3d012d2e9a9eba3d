//! Answers for: getting a blob as a pinned file, one fetch a digest however many ask, and the room for it. Must not: block the async
//! threads with anything that takes longer than a rename.

#![expect(
    clippy::disallowed_methods,
    reason = "the last use is the time of the file itself"
)]

use std::collections::HashMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use flatrender_protocol::Digest;
use flatrender_protocol::message::BlobRef;
use tokio::sync::watch;

use super::disk;
use super::error::CacheError;
use super::fetch::{Fetch, fetch_into};
use super::index::{Index, Victim};
use crate::host::free_bytes;

/// How much the cache may take.
#[derive(Debug, Clone, Copy)]
pub struct CacheLimits {
    /// The most bytes it holds.
    pub max_bytes: u64,
    /// What it leaves free on the disk.
    pub min_free_bytes: u64,
}

/// The cache. Clones are handles to the same one; a folder must have one cache only.
#[derive(Debug, Clone)]
pub struct Cache {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    blobs: PathBuf,
    parts: PathBuf,
    limits: CacheLimits,
    index: Mutex<Index>,
    flights: Mutex<HashMap<Digest, Arc<Flight>>>,
    changes: watch::Sender<u64>,
}

/// What all who ask for one digest share.
#[derive(Debug, Default)]
struct Flight {
    /// Held by the one who fetches; the last failure in words.
    turn: tokio::sync::Mutex<String>,
    failures: AtomicU64,
}

impl Cache {
    /// Opens the cache in `dir`, makes the folder if it is not there, and reads what it holds. Blocking, and quick: each
    /// file is hashed before its first use, not here.
    pub fn open(dir: &Path, limits: CacheLimits) -> Result<Self, CacheError> {
        let (blobs, parts) = (dir.join("blobs"), dir.join("parts"));
        for folder in [&blobs, &parts] {
            fs::create_dir_all(folder).map_err(CacheError::io("make", folder))?;
        }
        let mut found = list(&blobs)?;
        found.sort_by_key(|file| file.used);
        let found = found
            .into_iter()
            .map(|file| (file.digest, file.bytes))
            .collect();
        let rests = list(&parts)?
            .into_iter()
            .map(|file| (file.digest, file.bytes))
            .collect();
        let inner = Inner {
            blobs,
            parts,
            limits,
            index: Mutex::new(Index::new(found, rests)),
            flights: Mutex::default(),
            changes: watch::Sender::new(0),
        };
        inner.make_room(&mut inner.index(), 0)?;
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// The blob as a file that stays until the answer is dropped; fetched when it is not there. Whoever asks for a digest
    /// that somebody else is fetching waits for that fetch, and goes on with it if the other gives up. Dropping the
    /// future stops the fetch; what has come is kept.
    pub async fn get(&self, blob: &BlobRef, fetch: &impl Fetch) -> Result<Pinned, CacheError> {
        if let Some(pinned) = self.pin(blob.digest, true) {
            return Ok(pinned);
        }
        let boarding = Boarding::new(&self.inner, blob.digest);
        let failures = boarding.flight.failures.load(Ordering::Acquire);
        let mut turn = boarding.flight.turn.lock().await;
        if let Some(pinned) = self.pin(blob.digest, true) {
            return Ok(pinned);
        }
        if boarding.flight.failures.load(Ordering::Acquire) != failures {
            return Err(CacheError::Shared(turn.clone()));
        }
        let brought = self.bring(blob, fetch).await;
        if let Err(error) = &brought {
            *turn = in_words(error);
            boarding.flight.failures.fetch_add(1, Ordering::Release);
        }
        brought
    }

    /// Digest and size of each blob that is there, the one used last first.
    pub fn entries(&self) -> Vec<(Digest, u64)> {
        self.inner.index().entries()
    }

    /// Changes whenever [`Cache::entries`] gains or loses a blob.
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.inner.changes.subscribe()
    }

    fn pin(&self, digest: Digest, only_verified: bool) -> Option<Pinned> {
        let mut index = self.inner.index();
        let entry = index.pin(digest)?;
        if only_verified && !entry.verified {
            index.unpin(digest);
            return None;
        }
        drop(index);
        let pinned = Pinned::new(self, digest);
        // Only the order of use after a restart hangs on it.
        let used =
            fs::File::open(&pinned.path).and_then(|file| file.set_modified(SystemTime::now()));
        if let Err(error) = used {
            tracing::debug!(%digest, %error, "the time of use could not be noted");
        }
        Some(pinned)
    }

    async fn bring(&self, blob: &BlobRef, fetch: &impl Fetch) -> Result<Pinned, CacheError> {
        if let Some(pinned) = self.check_what_is_there(blob.digest).await? {
            return Ok(pinned);
        }
        let promise = Promise::new(&self.inner, blob)?;
        fetch_into(&promise.part, blob, fetch).await?;
        let path = self.inner.blob_path(blob.digest);
        promise.keep(&path)?;
        let pinned = Pinned::new(self, blob.digest);
        self.inner.tell_change();
        disk::sync_dir(&self.inner.blobs).map_err(CacheError::io("sync", &self.inner.blobs))?;
        Ok(pinned)
    }

    /// Hashes a blob that an earlier run left here. One that is not what its name says is removed.
    async fn check_what_is_there(&self, digest: Digest) -> Result<Option<Pinned>, CacheError> {
        let Some(pinned) = self.pin(digest, false) else {
            return Ok(None);
        };
        let path = pinned.path.clone();
        let found = tokio::task::spawn_blocking(move || disk::digest(&path))
            .await
            .unwrap_or_else(|error| Err(std::io::Error::other(error)));
        match found {
            Ok(found) if found == digest => {
                self.inner.index().verified(digest);
                return Ok(Some(pinned));
            }
            Ok(found) => {
                tracing::warn!(%digest, %found, "a cached file was damaged; it is fetched again")
            }
            Err(error) => {
                tracing::warn!(%digest, %error, "a cached file can't be read; it is fetched again")
            }
        }
        let mut index = self.inner.index();
        index.remove(digest);
        remove(&pinned.path)?;
        drop(index);
        self.inner.tell_change();
        Ok(None)
    }
}

impl Inner {
    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn blob_path(&self, digest: Digest) -> PathBuf {
        self.blobs.join(digest.to_string())
    }

    fn part_path(&self, digest: Digest) -> PathBuf {
        self.parts.join(digest.to_string())
    }

    fn tell_change(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    /// Removes what may go until the cache is within its limits with `to_come` more bytes on the disk.
    fn make_room(&self, index: &mut Index, to_come: u64) -> Result<(), CacheError> {
        loop {
            let limit = self.limits.max_bytes;
            let over = index.total() > limit;
            let free = free_bytes(&self.blobs)
                .map_err(CacheError::io("ask for free space at", &self.blobs))?;
            let floor = self.limits.min_free_bytes;
            let tight = to_come > 0 && free < to_come.saturating_add(floor);
            if !over && !tight {
                return Ok(());
            }
            match index.evict() {
                Some(Victim::Part(digest)) => remove(&self.part_path(digest))?,
                Some(Victim::Blob(digest)) => {
                    tracing::info!(%digest, "removed from the cache to make room");
                    self.tell_change();
                    remove(&self.blob_path(digest))?;
                }
                None if tight => {
                    return Err(CacheError::DiskFull {
                        needed: to_come,
                        free,
                        floor,
                    });
                }
                // At the start nothing is pinned, so that everything over the limit could go.
                None => {
                    return Err(CacheError::Full {
                        needed: to_come,
                        in_use: index.in_use(),
                        limit,
                    });
                }
            }
        }
    }
}

/// A blob that stays in the cache, at its path, until this is dropped.
#[derive(Debug)]
pub struct Pinned {
    inner: Arc<Inner>,
    digest: Digest,
    path: PathBuf,
}

impl Pinned {
    /// For a digest that has just been pinned in the index.
    fn new(cache: &Cache, digest: Digest) -> Self {
        Self {
            inner: Arc::clone(&cache.inner),
            digest,
            path: cache.inner.blob_path(digest),
        }
    }

    /// The file. It must only be read.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its digest.
    pub fn digest(&self) -> Digest {
        self.digest
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        self.inner.index().unpin(self.digest);
    }
}

/// Room that is held for a blob while it is fetched. Dropped, it leaves the rest of the fetch to be used or evicted.
struct Promise<'a> {
    inner: &'a Inner,
    blob: &'a BlobRef,
    part: PathBuf,
    kept: bool,
}

impl<'a> Promise<'a> {
    fn new(inner: &'a Inner, blob: &'a BlobRef) -> Result<Self, CacheError> {
        let BlobRef { digest, bytes } = *blob;
        let limit = inner.limits.max_bytes;
        if bytes > limit {
            return Err(CacheError::TooLarge {
                digest,
                bytes,
                limit,
            });
        }
        let part = inner.part_path(digest);
        let have = fs::metadata(&part).map_or(0, |metadata| metadata.len());
        let mut index = inner.index();
        index.promise(digest, bytes);
        let promise = Self {
            inner,
            blob,
            part,
            kept: false,
        };
        let room = inner.make_room(&mut index, bytes.saturating_sub(have));
        // The promise locks the index when it is dropped.
        drop(index);
        room.map_err(|error| match error {
            CacheError::Full { in_use, limit, .. } => CacheError::Full {
                needed: bytes,
                in_use: in_use.saturating_sub(bytes),
                limit,
            },
            other => other,
        })?;
        Ok(promise)
    }

    /// Makes the whole blob visible, pinned once.
    fn keep(mut self, path: &Path) -> Result<(), CacheError> {
        let mut index = self.inner.index();
        disk::write_protect(&self.part).map_err(CacheError::io("write-protect", &self.part))?;
        fs::rename(&self.part, path).map_err(CacheError::io("rename to", path))?;
        index.arrived(self.blob.digest, self.blob.bytes);
        self.kept = true;
        drop(index);
        Ok(())
    }
}

impl Drop for Promise<'_> {
    fn drop(&mut self) {
        if !self.kept {
            let part = fs::metadata(&self.part).map_or(0, |metadata| metadata.len());
            self.inner.index().broke_off(self.blob.digest, part);
        }
    }
}

/// A share in a flight; the last one to leave takes it off the board.
struct Boarding<'a> {
    inner: &'a Inner,
    digest: Digest,
    flight: Arc<Flight>,
}

impl<'a> Boarding<'a> {
    fn new(inner: &'a Inner, digest: Digest) -> Self {
        let mut flights = inner.flights.lock().unwrap_or_else(PoisonError::into_inner);
        let flight = Arc::clone(flights.entry(digest).or_default());
        drop(flights);
        Self {
            inner,
            digest,
            flight,
        }
    }
}

impl Drop for Boarding<'_> {
    fn drop(&mut self) {
        let mut flights = self
            .inner
            .flights
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // One count is the board's, one is ours, and the board is locked.
        if Arc::strong_count(&self.flight) <= 2 {
            flights.remove(&self.digest);
        }
    }
}

struct Found {
    digest: Digest,
    bytes: u64,
    used: SystemTime,
}

/// The blobs in a folder; what has no digest for a name is not the cache's and is left alone.
fn list(dir: &Path) -> Result<Vec<Found>, CacheError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).map_err(CacheError::io("read", dir))? {
        let entry = entry.map_err(CacheError::io("read", dir))?;
        let metadata = entry
            .metadata()
            .map_err(CacheError::io("look at", &entry.path()))?;
        let digest = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok());
        match digest.filter(|_| metadata.is_file()) {
            Some(digest) => found.push(Found {
                digest,
                bytes: metadata.len(),
                used: metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH),
            }),
            None => {
                tracing::warn!(path = %entry.path().display(), "this is not the cache's and is left alone")
            }
        }
    }
    Ok(found)
}

fn remove(path: &Path) -> Result<(), CacheError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(CacheError::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}

/// An error and its causes in one line.
fn in_words(error: &CacheError) -> String {
    let mut words = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        words.push_str(": ");
        words.push_str(&cause.to_string());
        next = cause.source();
    }
    words
}
