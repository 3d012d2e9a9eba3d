//! Frames that are finished and not yet acknowledged. Each is one file, synced before anybody hears of the frame: a line of
//! JSON with its header, then its bytes. It leaves when the controller has said what became of it, and not before. Bounded
//! in bytes; [`Spool::state`] says when it is full. It knows nothing of renderers.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use flatrender_protocol::message::{FrameHeader, LeaseKey};
use flatrender_protocol::{AttemptId, Digest};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::durable;

/// Most bytes of a header's line.
const MAX_HEADER_BYTES: u64 = 16 << 10;

/// Why a frame can't be kept, or read again.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// Its limit is reached; [`Spool::room`] tells when to try again.
    #[error(
        "keep a frame of {bytes} bytes: {held} of {limit} bytes are in use by frames that wait for the controller"
    )]
    Full {
        /// Of the frame.
        bytes: u64,
        /// In the spool.
        held: u64,
        /// Allowed.
        limit: u64,
    },
    /// The disk.
    #[error("use the spool's file {path}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// What the spool holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SpoolState {
    /// Frames.
    pub frames: u32,
    /// Their bytes, headers included.
    pub bytes: u64,
    /// Most bytes.
    pub limit: u64,
    /// Whether the last frame that came found no room.
    pub full: bool,
}

/// A frame in the spool.
#[derive(Debug, Clone)]
pub struct Spooled {
    /// What stands before its bytes on the wire.
    pub header: FrameHeader,
    path: PathBuf,
    offset: u64,
}

impl Spooled {
    /// Reads its bytes again.
    ///
    /// # Errors
    /// When they can't be read, or are not what was written.
    pub fn bytes(&self) -> Result<Vec<u8>, SpoolError> {
        let wrong = |source| SpoolError::File {
            path: self.path.clone(),
            source,
        };
        let read = || -> io::Result<Vec<u8>> {
            let mut file = File::open(&self.path)?;
            io::Seek::seek(&mut file, io::SeekFrom::Start(self.offset))?;
            let mut bytes = Vec::new();
            file.take(self.header.blob.bytes + 1)
                .read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        let bytes = read().map_err(wrong)?;
        if bytes.len() as u64 != self.header.blob.bytes
            || Digest::of(&bytes) != self.header.blob.digest
        {
            return Err(wrong(io::Error::new(
                io::ErrorKind::InvalidData,
                "its bytes are not those that were written",
            )));
        }
        Ok(bytes)
    }
}

type Key = (LeaseKey, u32);

#[derive(Debug)]
struct Entry {
    spooled: Spooled,
    file_bytes: u64,
    /// The session that has it in hand, if one has.
    taken_by: Option<u64>,
}

#[derive(Debug, Default)]
struct Inner {
    entries: BTreeMap<Key, Entry>,
    bytes: u64,
    full: bool,
}

/// The spool. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Spool {
    folder: Arc<PathBuf>,
    limit: u64,
    inner: Arc<Mutex<Inner>>,
    more: Arc<Notify>,
    room: Arc<Notify>,
}

#[derive(Serialize, Deserialize)]
struct Line {
    version: u32,
    header: FrameHeader,
}

impl Spool {
    /// Opens the spool in `folder`; frames that an agent before this one left are in it again. Files that are not whole
    /// (the machine died while they were written) are removed.
    ///
    /// # Errors
    /// When the folder can't be used.
    pub fn open(folder: &Path, limit: u64) -> Result<Self, SpoolError> {
        let wrong = |path: &Path| {
            let path = path.to_owned();
            move |source| SpoolError::File { path, source }
        };
        std::fs::create_dir_all(folder).map_err(wrong(folder))?;
        let mut inner = Inner::default();
        for entry in std::fs::read_dir(folder).map_err(wrong(folder))? {
            let path = entry.map_err(wrong(folder))?.path();
            if path
                .extension()
                .is_none_or(|extension| extension != "frame")
            {
                // Written when the agent was killed: its frame still lies where it was taken from.
                std::fs::remove_file(&path).map_err(wrong(&path))?;
                continue;
            }
            match load(&path) {
                Ok((spooled, file_bytes)) => {
                    inner.bytes += file_bytes;
                    let key = (spooled.header.lease, spooled.header.ordinal);
                    inner.entries.insert(
                        key,
                        Entry {
                            spooled,
                            file_bytes,
                            taken_by: None,
                        },
                    );
                }
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "file in the spool is not a whole frame; removed");
                    std::fs::remove_file(&path).map_err(wrong(&path))?;
                }
            }
        }
        Ok(Self {
            folder: Arc::new(folder.to_owned()),
            limit,
            inner: Arc::new(Mutex::new(inner)),
            more: Arc::new(Notify::new()),
            room: Arc::new(Notify::new()),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Keeps a frame: when this returns, it is on the disk. Blocks on the disk.
    ///
    /// # Errors
    /// [`SpoolError::Full`], or the disk.
    pub fn put(&self, header: FrameHeader, packed: &[u8]) -> Result<(), SpoolError> {
        let key = (header.lease, header.ordinal);
        let path = self
            .folder
            .join(format!("{}-{}-{}.frame", key.0.attempt, key.0.epoch, key.1));
        let wrong = |source| SpoolError::File {
            path: path.clone(),
            source,
        };
        let mut line = serde_json::to_vec(&Line {
            version: 1,
            header: header.clone(),
        })
        .map_err(|error| wrong(io::Error::other(error)))?;
        line.push(b'\n');
        let file_bytes = (line.len() + packed.len()) as u64;
        self.reserve(file_bytes)?;
        if let Err(error) = durable::write(&path, &[&line, packed]) {
            self.lock().bytes -= file_bytes;
            self.room.notify_waiters();
            return Err(wrong(error));
        }
        let entry = Entry {
            spooled: Spooled {
                header,
                path,
                offset: line.len() as u64,
            },
            file_bytes,
            taken_by: None,
        };
        let mut inner = self.lock();
        if let Some(before) = inner.entries.insert(key, entry) {
            // The same file, written anew.
            inner.bytes -= before.file_bytes;
        }
        drop(inner);
        self.more.notify_waiters();
        Ok(())
    }

    fn reserve(&self, bytes: u64) -> Result<(), SpoolError> {
        let mut inner = self.lock();
        inner.full = inner.bytes + bytes > self.limit;
        if inner.full {
            return Err(SpoolError::Full {
                bytes,
                held: inner.bytes,
                limit: self.limit,
            });
        }
        inner.bytes += bytes;
        Ok(())
    }

    /// Returns when a frame has left since the spool was full, or at once when it is not full.
    pub async fn room(&self) {
        let notified = self.room.notified();
        tokio::pin!(notified);
        notified.as_mut().enable();
        if self.state().full {
            notified.await;
        }
    }

    /// The next frame for `session` to send, oldest attempt and lowest ordinal first. It stays taken until it is acknowledged, given
    /// back, or the next session begins. Cancel-safe.
    pub async fn take(&self, session: u64) -> Spooled {
        loop {
            let notified = self.more.notified();
            tokio::pin!(notified);
            notified.as_mut().enable();
            if let Some(spooled) = self.try_take(session) {
                return spooled;
            }
            notified.await;
        }
    }

    fn try_take(&self, session: u64) -> Option<Spooled> {
        let mut inner = self.lock();
        let entry = inner
            .entries
            .values_mut()
            .find(|entry| entry.taken_by != Some(session))?;
        entry.taken_by = Some(session);
        Some(entry.spooled.clone())
    }

    /// `session` could not send a frame; it may be taken again.
    pub fn give_back(&self, session: u64, lease: LeaseKey, ordinal: u32) {
        if let Some(entry) = self.lock().entries.get_mut(&(lease, ordinal))
            && entry.taken_by == Some(session)
        {
            entry.taken_by = None;
        }
        self.more.notify_waiters();
    }

    /// The controller has said what became of a frame: it leaves. Whether it was there. Blocks on the disk, shortly.
    ///
    /// # Errors
    /// When its file can't be removed.
    pub fn acknowledge(&self, lease: LeaseKey, ordinal: u32) -> Result<bool, SpoolError> {
        let mut inner = self.lock();
        let Some(entry) = inner.entries.remove(&(lease, ordinal)) else {
            return Ok(false);
        };
        inner.bytes -= entry.file_bytes;
        inner.full = false;
        drop(inner);
        self.room.notify_waiters();
        // Not synced: a frame that comes back after the machine died is only sent once more.
        std::fs::remove_file(&entry.spooled.path).map_err(|source| SpoolError::File {
            path: entry.spooled.path.clone(),
            source,
        })?;
        Ok(true)
    }

    /// Ordinals of an attempt that are here.
    pub fn ordinals(&self, lease: LeaseKey) -> Vec<u32> {
        self.lock()
            .entries
            .range((lease, 0)..=(lease, u32::MAX))
            .map(|((_, ordinal), _)| *ordinal)
            .collect()
    }

    /// Attempts that have frames here.
    pub fn attempts(&self) -> Vec<AttemptId> {
        let mut attempts: Vec<AttemptId> = self
            .lock()
            .entries
            .keys()
            .map(|(lease, _)| lease.attempt)
            .collect();
        attempts.dedup();
        attempts
    }

    /// What it holds.
    pub fn state(&self) -> SpoolState {
        let inner = self.lock();
        SpoolState {
            frames: u32::try_from(inner.entries.len()).unwrap_or(u32::MAX),
            bytes: inner.bytes,
            limit: self.limit,
            full: inner.full,
        }
    }
}

fn load(path: &Path) -> io::Result<(Spooled, u64)> {
    let file = File::open(path)?;
    let file_bytes = file.metadata()?.len();
    let mut line = Vec::new();
    BufReader::new(file)
        .take(MAX_HEADER_BYTES)
        .read_until(b'\n', &mut line)?;
    let Line { version, header } = serde_json::from_slice(&line)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    let spooled = Spooled {
        header,
        path: path.to_owned(),
        offset: line.len() as u64,
    };
    if version != 1 || spooled.offset + spooled.header.blob.bytes != file_bytes {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "its length is not the one in its header",
        ));
    }
    spooled.bytes().map_err(io::Error::other)?;
    Ok((spooled, file_bytes))
}
