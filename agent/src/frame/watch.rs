//! Answers for: which files of a folder are worth verifying now. A file is a frame when it is closed, stable and whole, not when
//! it appears: this tells of closed and stable ones, [`verify`](super::verify) of whole ones. Must not: open files, decide.
//!
//! Two sources, because neither is enough: the system's notifications (`notify`; on Linux a close after writing is among them)
//! come at once but can be lost in an overflow, are unknown to network folders, and elsewhere than on Linux don't tell of closing. The
//! poll behind them is slow and never misses: it offers a file that two polls in a row saw with the same size and time of change. A file
//! with holes is written out of order and is not offered by the poll however still it lies (Unix).

use std::collections::{HashMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind, RenameMode};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Interval, MissedTickBehavior};

/// Notifications held between the system's thread and `next`. What does not fit is left to the poll.
const QUEUE: usize = 256;

/// Why a file is worth looking at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Whoever wrote it has closed it, or moved it here.
    Closed,
    /// It did not change between two polls.
    Stable,
}

/// A file that may be a frame. It is offered again when it changes, whatever became of it; it may already be gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The file.
    pub path: PathBuf,
    /// Why now.
    pub why: Why,
}

/// How a folder is watched.
#[derive(Debug, Clone, Copy)]
pub struct WatchOptions {
    /// Time between two polls.
    pub poll: Duration,
    /// Whether the system's notifications are used beside the poll.
    pub notifications: bool,
}

impl Default for WatchOptions {
    fn default() -> Self {
        Self {
            poll: Duration::from_secs(2),
            notifications: true,
        }
    }
}

/// The folder can't be watched.
#[derive(Debug, thiserror::Error)]
#[error("watch the folder {}", .dir.display())]
pub struct WatchError {
    /// Which.
    pub dir: PathBuf,
    /// Why not.
    #[source]
    pub source: io::Error,
}

/// What the poll knows of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Look {
    bytes: u64,
    changed: Option<SystemTime>,
    holes: bool,
}

#[derive(Debug)]
struct Seen {
    look: Look,
    offered: bool,
}

type Scan = JoinHandle<io::Result<HashMap<PathBuf, Look>>>;

/// Watches one folder, not the folders in it. Dropping it ends the watch.
#[derive(Debug)]
pub struct FolderWatch {
    dir: PathBuf,
    ready: VecDeque<Candidate>,
    seen: HashMap<PathBuf, Seen>,
    closed: mpsc::Receiver<PathBuf>,
    missed: Arc<AtomicBool>,
    poll: Interval,
    scan: Option<Scan>,
    /// Keeps `closed` open when there is no watcher.
    _sender: mpsc::Sender<PathBuf>,
    _watcher: Option<RecommendedWatcher>,
}

impl FolderWatch {
    /// Watches `dir`, with a poll every 2 s. Must be called inside a Tokio runtime. Where the system's notifications
    /// can't be had, the poll does alone.
    pub fn new(dir: &Path) -> Result<Self, WatchError> {
        Self::with_options(dir, WatchOptions::default())
    }

    /// Watches `dir` as `options` say.
    pub fn with_options(dir: &Path, options: WatchOptions) -> Result<Self, WatchError> {
        std::fs::read_dir(dir).map_err(|source| WatchError {
            dir: dir.to_owned(),
            source,
        })?;
        let (sender, closed) = mpsc::channel(QUEUE);
        let missed = Arc::new(AtomicBool::new(false));
        let watcher = options
            .notifications
            .then(|| subscribe(dir, sender.clone(), Arc::clone(&missed)))
            .transpose()
            .unwrap_or_else(|error| {
                tracing::warn!(dir = %dir.display(), %error, "no notifications for this folder; it is polled");
                None
            });
        // The first tick is at once: what was there before the watch is seen by it.
        let mut poll = tokio::time::interval(options.poll);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self {
            dir: dir.to_owned(),
            ready: VecDeque::new(),
            seen: HashMap::new(),
            closed,
            missed,
            poll,
            scan: None,
            _sender: sender,
            _watcher: watcher,
        })
    }

    /// Waits for the next file that is worth verifying. Cancel-safe: what was not returned comes with the next call.
    pub async fn next(&mut self) -> Candidate {
        loop {
            if let Some(candidate) = self.ready.pop_front() {
                return candidate;
            }
            if self.missed.swap(false, Ordering::Relaxed) {
                self.poll.reset_immediately();
            }
            tokio::select! {
                biased;
                Some(path) = self.closed.recv() => self.on_closed(path),
                looked = finished(&mut self.scan) => {
                    self.scan = None;
                    self.on_poll(looked);
                }
                _ = self.poll.tick(), if self.scan.is_none() => {
                    let dir = self.dir.clone();
                    self.scan = Some(tokio::task::spawn_blocking(move || look_at_all(&dir)));
                }
            }
        }
    }

    /// Every file that is there now, by name, empty ones too: for after the renderer has ended, when nothing is being
    /// written any more.
    pub fn sweep(&mut self) -> Vec<PathBuf> {
        self.ready.clear();
        let mut paths: Vec<PathBuf> = match look_at_all(&self.dir) {
            Ok(looks) => looks.into_keys().collect(),
            Err(error) => {
                tracing::warn!(dir = %self.dir.display(), %error, "the folder of frames can't be read");
                Vec::new()
            }
        };
        paths.sort();
        paths
    }

    fn on_closed(&mut self, path: PathBuf) {
        // A file that is gone or is no file is nothing to look at; an empty one has just been made.
        let Some(look) = look_at(&path).filter(|look| look.bytes > 0) else {
            return;
        };
        self.seen.insert(
            path.clone(),
            Seen {
                look,
                offered: true,
            },
        );
        self.ready.push_back(Candidate {
            path,
            why: Why::Closed,
        });
    }

    fn on_poll(&mut self, looked: io::Result<HashMap<PathBuf, Look>>) {
        let looks = match looked {
            Ok(looks) => looks,
            Err(error) => {
                tracing::warn!(dir = %self.dir.display(), %error, "the folder of frames can't be read");
                return;
            }
        };
        self.seen.retain(|path, _| looks.contains_key(path));
        let mut still = Vec::new();
        for (path, look) in looks {
            match self.seen.get_mut(&path) {
                Some(seen) if seen.look == look => {
                    if !seen.offered && look.bytes > 0 && !look.holes {
                        seen.offered = true;
                        still.push(path);
                    }
                }
                _ => {
                    self.seen.insert(
                        path,
                        Seen {
                            look,
                            offered: false,
                        },
                    );
                }
            }
        }
        still.sort();
        self.ready.extend(still.into_iter().map(|path| Candidate {
            path,
            why: Why::Stable,
        }));
    }
}

async fn finished(scan: &mut Option<Scan>) -> io::Result<HashMap<PathBuf, Look>> {
    match scan {
        Some(scan) => scan
            .await
            .unwrap_or_else(|error| Err(io::Error::other(error))),
        None => std::future::pending().await,
    }
}

fn subscribe(
    dir: &Path,
    sender: mpsc::Sender<PathBuf>,
    missed: Arc<AtomicBool>,
) -> notify::Result<RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let Ok(event) = event else {
            missed.store(true, Ordering::Relaxed);
            return;
        };
        if event.need_rescan() {
            missed.store(true, Ordering::Relaxed);
        }
        for path in closed_paths(event) {
            if sender.try_send(path).is_err() {
                missed.store(true, Ordering::Relaxed);
            }
        }
    })?;
    watcher.watch(dir, RecursiveMode::NonRecursive)?;
    Ok(watcher)
}

fn closed_paths(event: notify::Event) -> Vec<PathBuf> {
    match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write))
        | EventKind::Modify(ModifyKind::Name(RenameMode::To)) => event.paths,
        // A rename is also told with both its names at once; its second half alone is enough.
        _ => Vec::new(),
    }
}

fn look_at_all(dir: &Path) -> io::Result<HashMap<PathBuf, Look>> {
    let mut looks = HashMap::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if let Some(look) = look_at(&path) {
            looks.insert(path, look);
        }
    }
    Ok(looks)
}

/// `None` for what is gone and for what is no regular file; links are not followed.
fn look_at(path: &Path) -> Option<Look> {
    let metadata = std::fs::symlink_metadata(path)
        .ok()
        .filter(|it| it.is_file())?;
    Some(Look {
        bytes: metadata.len(),
        changed: metadata.modified().ok(),
        holes: has_holes(&metadata),
    })
}

/// Whether less is allocated than the file is long. A file system that compresses looks the same; there, files are told of by
/// their closing and by the sweep.
#[cfg(unix)]
fn has_holes(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    // Some systems keep the last, incomplete block elsewhere.
    metadata.blocks() * 512 + 4096 < metadata.len()
}

#[cfg(not(unix))]
fn has_holes(_: &std::fs::Metadata) -> bool {
    false
}
