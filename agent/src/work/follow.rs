//! Follows what a renderer does from outside: its output file as it grows, its folder of frames, its processor time. Says
//! whether anything happened; what it means is `aerender`'s and `vigil`'s business.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::aerender::{Event, Reader};
use crate::process::{self, Ident};

/// Bytes of output read at once.
const PIECE: u64 = 1 << 20;
/// Bytes of output that a report carries.
const TAIL_BYTES: usize = 16 << 10;
/// Less use of a processor than this counts as doing nothing, in thousandths.
const IDLE_PER_MILLE: u64 = 20;

/// Reads the output as it comes.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    read: u64,
    reader: Reader,
}

impl Log {
    /// From the beginning: reading it again after a restart comes to the same.
    pub fn new(path: PathBuf) -> Self {
        Self {
            path,
            read: 0,
            reader: Reader::new(),
        }
    }

    /// Bytes read so far.
    pub fn bytes(&self) -> u64 {
        self.read
    }

    /// What was written since the last time. A file that is not there has nothing in it.
    pub fn more(&mut self) -> Vec<Event> {
        let mut bytes = Vec::new();
        let read = File::open(&self.path).and_then(|mut file| {
            file.seek(SeekFrom::Start(self.read))?;
            file.take(PIECE).read_to_end(&mut bytes)
        });
        if let Err(error) = read
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %self.path.display(), %error, "the renderer's output cannot be read");
        }
        self.read += bytes.len() as u64;
        self.reader.read(&bytes)
    }

    /// Everything that is left, when nothing writes any more.
    pub fn rest(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        loop {
            let before = self.read;
            events.extend(self.more());
            if self.read == before {
                events.extend(self.reader.end());
                return events;
            }
        }
    }

    /// The end of the output, as text.
    pub fn tail(&self) -> String {
        let read = || -> io::Result<Vec<u8>> {
            let mut file = File::open(&self.path)?;
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES as u64)))?;
            let mut bytes = Vec::new();
            file.take(TAIL_BYTES as u64).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        let text = String::from_utf8_lossy(&read().unwrap_or_default()).into_owned();
        // Replaced bytes may have made it longer.
        let mut start = text.len().saturating_sub(TAIL_BYTES);
        while !text.is_char_boundary(start) {
            start += 1;
        }
        text[start..].to_owned()
    }
}

/// Whether a process tree does anything: processor time and growth of files.
#[derive(Debug)]
pub struct Activity {
    folder: PathBuf,
    size: (u64, u64),
    cpu_ms: u64,
    looked: Instant,
}

impl Activity {
    /// Of a renderer that writes to `folder`.
    pub fn new(folder: &Path, now: Instant) -> Self {
        Self {
            folder: folder.to_owned(),
            size: (0, 0),
            cpu_ms: 0,
            looked: now,
        }
    }

    /// Whether anything was done since the last look.
    pub fn look(&mut self, members: &[Ident], now: Instant) -> bool {
        let size = self.size();
        let cpu_ms = process::cpu_ms(members);
        let elapsed = now
            .duration_since(self.looked)
            .max(Duration::from_millis(1));
        let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        // It falls when a member has ended.
        let used = cpu_ms.saturating_sub(self.cpu_ms);
        let worked = used.saturating_mul(1000) / elapsed_ms >= IDLE_PER_MILLE;
        let grew = size != self.size;
        (self.size, self.cpu_ms, self.looked) = (size, cpu_ms, now);
        worked || grew
    }

    fn size(&self) -> (u64, u64) {
        std::fs::read_dir(&self.folder).map_or((0, 0), |entries| {
            entries
                .filter_map(|entry| entry.ok()?.metadata().ok())
                .fold((0, 0), |(files, bytes), metadata| {
                    (files + 1, bytes + metadata.len())
                })
        })
    }
}
