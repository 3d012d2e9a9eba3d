//! Answers for: what the cache holds and what may go, in memory: sizes, pins, order of last use, room promised to fetches. Must not:
//! touch the disk or wait; the store does both.

use std::collections::HashMap;

use flatrender_protocol::Digest;
use lru::LruCache;

/// One blob that is there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub bytes: u64,
    pub pins: usize,
    /// Hashed since the start, and right.
    pub verified: bool,
}

/// What is to be removed to make room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Victim {
    /// The rest of a fetch that nobody goes on with.
    Part(Digest),
    Blob(Digest),
}

#[derive(Debug)]
pub(super) struct Index {
    blobs: LruCache<Digest, Entry>,
    /// Broken-off fetches and their lengths, none of which is under way.
    parts: HashMap<Digest, u64>,
    /// Sizes of the blobs that are being fetched.
    promised: HashMap<Digest, u64>,
}

impl Index {
    /// `blobs` from the one used longest ago to the one used last.
    pub fn new(blobs: Vec<(Digest, u64)>, parts: HashMap<Digest, u64>) -> Self {
        let mut index = Self {
            blobs: LruCache::unbounded(),
            parts,
            promised: HashMap::new(),
        };
        for (digest, bytes) in blobs {
            let entry = Entry {
                bytes,
                pins: 0,
                verified: false,
            };
            index.blobs.put(digest, entry);
        }
        index
    }

    /// Pins the blob if it is there, and counts it as used.
    pub fn pin(&mut self, digest: Digest) -> Option<Entry> {
        let entry = self.blobs.get_mut(&digest)?;
        entry.pins += 1;
        Some(*entry)
    }

    pub fn unpin(&mut self, digest: Digest) {
        if let Some(entry) = self.blobs.peek_mut(&digest) {
            entry.pins = entry.pins.saturating_sub(1);
        }
    }

    pub fn verified(&mut self, digest: Digest) {
        if let Some(entry) = self.blobs.peek_mut(&digest) {
            entry.verified = true;
        }
    }

    /// Forgets a blob, whoever pins it.
    pub fn remove(&mut self, digest: Digest) {
        self.blobs.pop(&digest);
    }

    /// The fetch of a blob begins; its part, if there is one, is no rest any more.
    pub fn promise(&mut self, digest: Digest, bytes: u64) {
        self.parts.remove(&digest);
        self.promised.insert(digest, bytes);
    }

    /// The fetch ended with a whole blob, which is pinned for whoever fetched it.
    pub fn arrived(&mut self, digest: Digest, bytes: u64) {
        self.promised.remove(&digest);
        let entry = Entry {
            bytes,
            pins: 1,
            verified: true,
        };
        self.blobs.put(digest, entry);
    }

    /// The fetch broke off and left `part` bytes.
    pub fn broke_off(&mut self, digest: Digest, part: u64) {
        self.promised.remove(&digest);
        if part > 0 {
            self.parts.insert(digest, part);
        }
    }

    /// Bytes that are there or promised.
    pub fn total(&self) -> u64 {
        let blobs: u64 = self.blobs.iter().map(|(_, entry)| entry.bytes).sum();
        blobs + self.parts.values().sum::<u64>() + self.promised.values().sum::<u64>()
    }

    /// Bytes that can't be removed.
    pub fn in_use(&self) -> u64 {
        let pinned: u64 = self
            .blobs
            .iter()
            .filter(|(_, entry)| entry.pins > 0)
            .map(|(_, entry)| entry.bytes)
            .sum();
        pinned + self.promised.values().sum::<u64>()
    }

    /// Takes out what goes first: rests of fetches, then the unpinned blob used longest ago; `None` when nothing may go.
    pub fn evict(&mut self) -> Option<Victim> {
        if let Some(digest) = self.parts.keys().next().copied() {
            self.parts.remove(&digest);
            return Some(Victim::Part(digest));
        }
        let oldest = self.blobs.iter().rev().find(|(_, entry)| entry.pins == 0)?;
        let digest = *oldest.0;
        self.blobs.pop(&digest);
        Some(Victim::Blob(digest))
    }

    pub fn entries(&self) -> Vec<(Digest, u64)> {
        self.blobs
            .iter()
            .map(|(digest, entry)| (*digest, entry.bytes))
            .collect()
    }
}
