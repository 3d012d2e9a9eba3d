//! Takes frames from a renderer's folder into the spool: which file is which frame, a few at a time, verified whole before
//! it counts, removed from the folder when it is safe. A file that is no frame yet may become one; the watch offers it
//! again when it changes.

#![expect(
    clippy::disallowed_methods,
    reason = "the loop over one attempt reads the clock and hands `now` to what decides"
)]

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::Instant;

use flatrender_protocol::message::{FrameHeader, FramesWork, LeaseKey};
use tokio::task::JoinSet;

use super::spool::{Spool, SpoolError};
use crate::aerender::FrameName;
use crate::frame::{Expect, verify_named};

/// Files that are verified at once.
const AT_ONCE: usize = 2;

/// What became of a file.
#[derive(Debug)]
pub(super) enum Taken {
    /// It is a frame, and in the spool.
    Kept(u32),
    /// It is no frame, perhaps not yet.
    NotYet(u32),
    /// There is no room in the spool.
    NoRoom,
    /// The spool fails.
    Failed(SpoolError),
}

enum Outcome {
    Kept,
    NotAFrame(String),
    Spool(SpoolError),
}

/// Where a frame goes that is whole and right.
#[derive(Clone)]
pub(super) enum Shelf {
    /// To the controller.
    Spool(Spool),
    /// Here, as the renderer wrote it.
    File(PathBuf),
}

struct Offer {
    path: PathBuf,
    render_ms: u32,
}

/// Takes the frames of one attempt.
pub(super) struct Taker {
    work: FramesWork,
    lease: LeaseKey,
    renderer: String,
    names: FrameName,
    shelf: Shelf,
    queue: BTreeMap<u32, Offer>,
    in_hand: HashSet<u32>,
    running: JoinSet<(u32, PathBuf, Outcome)>,
    refused: HashMap<u32, String>,
    last_offer: Instant,
    no_room: bool,
}

impl Taker {
    pub(super) fn new(
        work: FramesWork,
        lease: LeaseKey,
        stem: String,
        renderer: String,
        shelf: Shelf,
    ) -> Self {
        Self {
            work,
            lease,
            renderer,
            names: FrameName::new(stem),
            shelf,
            queue: BTreeMap::new(),
            in_hand: HashSet::new(),
            running: JoinSet::new(),
            refused: HashMap::new(),
            last_offer: Instant::now(),
            no_room: false,
        }
    }

    /// The ordinal of a file by its name, when it is one of the lease.
    pub(super) fn ordinal(&self, path: &Path) -> Option<u32> {
        let display = self.names.display(path)?;
        let offset = u32::try_from(display.checked_sub(self.work.first_display)?).ok()?;
        let ordinal = self.work.span.lo.checked_add(offset)?;
        self.work.span.contains(ordinal).then_some(ordinal)
    }

    /// The display frame of an ordinal of the lease.
    pub(super) fn display(&self, ordinal: u32) -> i64 {
        self.work.first_display + i64::from(ordinal) - i64::from(self.work.span.lo)
    }

    /// A file is worth looking at.
    pub(super) fn offer(&mut self, ordinal: u32, path: PathBuf, now: Instant) {
        let render_ms = now.duration_since(self.last_offer).as_millis();
        self.last_offer = now;
        self.queue.insert(
            ordinal,
            Offer {
                path,
                render_ms: u32::try_from(render_ms).unwrap_or(u32::MAX),
            },
        );
        self.pump();
    }

    /// One past the highest ordinal whose file is here.
    pub(super) fn begun(&self) -> u32 {
        let queued = self.queue.keys().next_back();
        let in_hand = self.in_hand.iter().max();
        queued.max(in_hand).map_or(0, |ordinal| ordinal + 1)
    }

    /// Nothing is in hand, and nothing waits to be.
    pub(super) fn idle(&self) -> bool {
        self.queue.is_empty() && self.running.is_empty()
    }

    /// It waits for the spool.
    pub(super) fn waits_for_room(&self) -> bool {
        self.no_room
    }

    /// There is room again.
    pub(super) fn room(&mut self) {
        self.no_room = false;
        self.pump();
    }

    /// Why the file of an ordinal was no frame, the last time.
    pub(super) fn refusal(&self, ordinal: u32) -> Option<String> {
        self.refused.get(&ordinal).cloned()
    }

    /// What became of the next file; waits for ever when none is in hand. Cancel-safe.
    pub(super) async fn next(&mut self) -> Taken {
        let (ordinal, path, outcome) = loop {
            match self.running.join_next().await {
                Some(Ok(done)) => break done,
                Some(Err(error)) => {
                    // A panic in a decoder: the file stays refused until it changes.
                    tracing::error!(%error, "verifying a file failed");
                    self.in_hand.clear();
                }
                None => std::future::pending().await,
            }
        };
        self.in_hand.remove(&ordinal);
        let taken = match outcome {
            Outcome::Kept => {
                self.refused.remove(&ordinal);
                Taken::Kept(ordinal)
            }
            Outcome::NotAFrame(reason) => {
                self.refused.insert(ordinal, reason);
                Taken::NotYet(ordinal)
            }
            Outcome::Spool(SpoolError::Full { .. }) => {
                self.no_room = true;
                self.queue
                    .entry(ordinal)
                    .or_insert(Offer { path, render_ms: 0 });
                Taken::NoRoom
            }
            Outcome::Spool(error) => Taken::Failed(error),
        };
        self.pump();
        taken
    }

    fn pump(&mut self) {
        while !self.no_room && self.running.len() < AT_ONCE {
            let Some(ordinal) = self
                .queue
                .keys()
                .copied()
                .find(|ordinal| !self.in_hand.contains(ordinal))
            else {
                return;
            };
            let Some(Offer { path, render_ms }) = self.queue.remove(&ordinal) else {
                return;
            };
            self.in_hand.insert(ordinal);
            let expect = Expect {
                width: self.work.width,
                height: self.work.height,
            };
            let (lease, renderer, shelf) = (self.lease, self.renderer.clone(), self.shelf.clone());
            self.running.spawn_blocking(move || {
                let outcome = take(&path, &expect, &shelf, |verified| FrameHeader {
                    lease,
                    ordinal,
                    blob: verified.blob.clone(),
                    packing: verified.packing,
                    pixels: verified.pixels,
                    measures: verified.measures,
                    render_ms,
                    renderer,
                });
                (ordinal, path, outcome)
            });
        }
    }
}

/// Reads, verifies, keeps, removes: in this order.
fn take(
    path: &Path,
    expect: &Expect,
    shelf: &Shelf,
    header: impl FnOnce(&crate::frame::Verified) -> FrameHeader,
) -> Outcome {
    let read = std::fs::symlink_metadata(path).and_then(|metadata| {
        if metadata.is_file() && metadata.len() <= expect.most_file_bytes() {
            std::fs::read(path)
        } else {
            Err(std::io::Error::other(format!(
                "not a file of at most {} bytes",
                expect.most_file_bytes()
            )))
        }
    });
    let bytes = match read {
        Ok(bytes) => bytes,
        Err(error) => return Outcome::NotAFrame(error.to_string()),
    };
    let verified = match verify_named(&bytes, &path.to_string_lossy(), expect) {
        Ok(verified) => verified,
        Err(error) => return Outcome::NotAFrame(error.to_string()),
    };
    match shelf {
        Shelf::Spool(spool) => {
            if let Err(error) = spool.put(header(&verified), &verified.packed) {
                return Outcome::Spool(error);
            }
        }
        Shelf::File(kept) => {
            return match std::fs::rename(path, kept) {
                Ok(()) => Outcome::Kept,
                Err(source) => Outcome::Spool(SpoolError::File {
                    path: kept.clone(),
                    source,
                }),
            };
        }
    }
    if let Err(error) = std::fs::remove_file(path) {
        tracing::warn!(path = %path.display(), %error, "frame is in the spool, its file cannot be removed");
    }
    Outcome::Kept
}
