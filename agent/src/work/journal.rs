//! What the agent must know after it was killed, one folder an attempt: the lease, how far it had come, which shim, which
//! frames had left its hands. Written and synced **before** the step it speaks of, so that the next agent finds every
//! process and file that this one may have made. It holds no frames; those are in the spool.

#![expect(
    clippy::disallowed_methods,
    reason = "the journal tells a person when; nothing is decided by it"
)]

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use flatrender_protocol::AttemptId;
use flatrender_protocol::message::{Lease, LeaseKey, Report, Work};
use serde::{Deserialize, Serialize};

use super::durable;
use crate::process::Ident;

/// The layout that this build writes and reads.
const VERSION: u32 = 1;

/// How far an attempt has come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Taken on; nothing was started.
    Accepted,
    /// The shim is about to be started, or has been: its folder tells.
    Starting,
    /// The renderer runs.
    Running {
        /// The shim.
        shim: Ident,
    },
    /// The renderer was told to stop, or is about to be.
    Stopping {
        /// Why, for people.
        why: String,
    },
    /// All is over but the report's way to the controller.
    Ended(Report),
}

/// What is written down of one attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    version: u32,
    /// The lease, as it came.
    pub lease: Lease,
    /// End of the span as it is now: shrinking lowers it. 0 for work without frames.
    pub until: u32,
    /// How far it has come.
    pub step: Step,
    /// When it was taken on, in milliseconds since 1970.
    pub taken_unix_ms: u64,
    /// From start to the first frame, once known.
    pub startup_ms: Option<u32>,
    /// The renderer's version line.
    pub renderer: String,
}

/// The journal of one attempt, and its folder.
#[derive(Debug)]
pub struct Journal {
    folder: PathBuf,
    record: Record,
    handed: BTreeSet<u32>,
    acknowledged: File,
}

/// Why a journal can't be used.
#[derive(Debug, thiserror::Error)]
#[error("{doing} {path}")]
pub struct JournalError {
    doing: &'static str,
    path: PathBuf,
    #[source]
    source: io::Error,
}

fn while_(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> JournalError {
    let path = path.to_owned();
    move |source| JournalError {
        doing,
        path,
        source,
    }
}

impl Journal {
    /// Takes a lease on: from here on the next agent knows of it.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn create(attempts: &Path, lease: Lease, renderer: &str) -> Result<Self, JournalError> {
        let folder = attempts.join(lease.key.attempt.to_string());
        std::fs::create_dir_all(&folder).map_err(while_("make", &folder))?;
        durable::sync_folder(attempts).map_err(while_("sync", attempts))?;
        let until = lease.work.until();
        let record = Record {
            version: VERSION,
            lease,
            until,
            step: Step::Accepted,
            taken_unix_ms: now_unix_ms(),
            startup_ms: None,
            renderer: renderer.to_owned(),
        };
        let mut journal = Self::open(folder, record)?;
        journal.write()?;
        Ok(journal)
    }

    /// The journals that an agent before this one left. A folder without a readable journal is moved aside, not deleted:
    /// it says what is wrong, and nothing in it is started.
    ///
    /// # Errors
    /// When the folder of all attempts can't be read.
    pub fn load_all(attempts: &Path) -> Result<Vec<Self>, JournalError> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(attempts).map_err(while_("read", attempts))? {
            let folder = entry.map_err(while_("read", attempts))?.path();
            let is_attempt = folder
                .file_name()
                .and_then(|name| name.to_str())
                .is_some_and(|name| name.parse::<AttemptId>().is_ok());
            if !is_attempt {
                continue;
            }
            let path = folder.join("attempt.json");
            match durable::read_json::<Record>(&path) {
                Ok(Some(record)) if record.version == VERSION => {
                    found.push(Self::open(folder, record)?)
                }
                // Killed before the first line was written: nothing was started either.
                Ok(None) => drop(std::fs::remove_dir_all(&folder)),
                Ok(Some(record)) => set_aside(&folder, &format!("version {}", record.version)),
                Err(error) => set_aside(&folder, &error.to_string()),
            }
        }
        found.sort_by_key(|journal| journal.record.taken_unix_ms);
        Ok(found)
    }

    fn open(folder: PathBuf, record: Record) -> Result<Self, JournalError> {
        let path = folder.join("acknowledged");
        let before = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(while_("read", &path)(error)),
        };
        let handed = before
            .chunks_exact(4)
            .map(|four| u32::from_le_bytes(four.try_into().expect("chunks of four")))
            .collect();
        let acknowledged = File::options()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(while_("open", &path))?;
        if before.len() % 4 != 0 {
            // A write was torn; what is whole stays in step.
            let whole = before.len() - before.len() % 4;
            acknowledged
                .set_len(whole as u64)
                .map_err(while_("mend", &path))?;
        }
        Ok(Self {
            folder,
            record,
            handed,
            acknowledged,
        })
    }

    fn write(&mut self) -> Result<(), JournalError> {
        let path = self.folder.join("attempt.json");
        durable::write_json(&path, &self.record).map_err(while_("write", &path))
    }

    /// Writes down the step that comes next.
    ///
    /// # Errors
    /// When it can't be written; the step must not be taken then.
    pub fn step(&mut self, step: Step) -> Result<(), JournalError> {
        self.record.step = step;
        self.write()
    }

    /// Writes down where the span ends now.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn shrink(&mut self, until: u32) -> Result<(), JournalError> {
        self.record.until = until;
        self.write()
    }

    /// Remembers how long the first frame took; written with the next step.
    pub fn first_frame_after(&mut self, startup_ms: u32) {
        self.record.startup_ms = Some(startup_ms);
    }

    /// A frame is in the spool; a snapshot's is in its place.
    pub fn handed(&mut self, ordinal: u32) {
        self.handed.insert(ordinal);
    }

    /// A frame is about to leave the spool: from here on only this file knows that it was rendered. Not synced: it guards
    /// against the death of the agent; when the machine dies, so does the renderer that would have gone on.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn acknowledged(&mut self, ordinal: u32) -> Result<(), JournalError> {
        self.handed.insert(ordinal);
        self.acknowledged
            .write_all(&ordinal.to_le_bytes())
            .map_err(while_("write", &self.folder.join("acknowledged")))
    }

    /// Ordinals that need not be rendered again: in the spool, or past it.
    pub fn is_handed(&self, ordinal: u32) -> bool {
        self.handed.contains(&ordinal)
    }

    /// One past the highest ordinal in the spool or past it.
    pub fn first_unhanded_above(&self) -> Option<u32> {
        self.handed.last().map(|last| last + 1)
    }

    /// Ordinals of the span, as it is now, that are still owed.
    pub fn owed(&self) -> Vec<u32> {
        match &self.record.lease.work {
            Work::Frames(work) => (work.span.lo..self.record.until)
                .filter(|ordinal| !self.handed.contains(ordinal))
                .collect(),
            Work::Snapshot(_) => (0..self.record.until)
                .filter(|ordinal| !self.handed.contains(ordinal))
                .collect(),
            Work::Assemble(_) | Work::Prepare(_) | Work::Sound(_) => Vec::new(),
        }
    }

    /// What is written down.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// The lease's name.
    pub fn key(&self) -> LeaseKey {
        self.record.lease.key
    }

    /// The attempt's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where the renderer works and writes; nothing else is in it.
    pub fn scratch(&self) -> PathBuf {
        self.folder.join("scratch")
    }

    /// A snapshot's frame, whole and right, as the renderer wrote it.
    pub fn frame(&self) -> PathBuf {
        self.folder.join("frame")
    }

    /// The renderer's output.
    pub fn log(&self) -> PathBuf {
        self.folder.join("renderer.log")
    }

    /// Removes everything of the attempt; it is forgotten.
    ///
    /// # Errors
    /// When something can't be removed.
    pub fn forget(self) -> Result<(), JournalError> {
        // The journal itself first: without it the rest is rubbish, and known as such.
        let path = self.folder.join("attempt.json");
        std::fs::remove_file(&path).map_err(while_("remove", &path))?;
        std::fs::remove_dir_all(&self.folder).map_err(while_("remove", &self.folder))
    }
}

fn set_aside(folder: &Path, why: &str) {
    tracing::error!(folder = %folder.display(), why, "journal cannot be read; set aside as *.unreadable");
    let mut name = folder.as_os_str().to_owned();
    name.push(".unreadable");
    let _ = std::fs::rename(folder, PathBuf::from(name));
}

/// Now, in milliseconds since 1970.
pub fn now_unix_ms() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| {
            u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
        })
}
