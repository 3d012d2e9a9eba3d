//! The assembly of a film: the manifest, the frames and the tracks come over the link, the film goes back, and the report
//! waits until the controller has said that the film is durable. Frames don't go through the cache: they are wanted once.
//! An assembly that an agent before this one began is begun again: nothing of it outlives the agent.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use flatrender_protocol::Digest;
use flatrender_protocol::message::{
    BlobRef, Ending, FilmManifest, FilmReport, FilmWork, Made, OutcomeClass, Report,
};
use tokio::io::AsyncReadExt;
use tokio_util::sync::CancellationToken;

use super::attempt::{Desk, Tells, remove_scratch};
use super::fetch::{self, Failure};
use super::journal::JournalError;
use super::{Uplink, attempt::Room};
use crate::cache::{Fetch, FetchError};
use crate::film::{self, FilmError, FrameSource, Track};
use crate::in_words;

/// Most bytes of a manifest: a million frames, generously.
const MAX_MANIFEST_BYTES: u64 = 256 << 20;
/// Most bytes of a packed frame.
const MAX_FRAME_BYTES: u64 = 1 << 30;
/// Pause before a blob that can't be had is asked for again.
const AGAIN: Duration = Duration::from_secs(1);
/// How long the controller may take to say that a film is durable before it is sent again.
const STORED: Duration = Duration::from_secs(60);
/// How often it is sent whole before the attempt is given up.
const SENDS: u32 = 5;

/// A blob can't be had, and asking again is of no use.
#[derive(Debug, thiserror::Error)]
enum Unavailable {
    #[error("fetch blob {digest}")]
    Fetch {
        digest: Digest,
        #[source]
        source: FetchError,
    },
    #[error("blob {wanted} was fetched and is {found}")]
    Wrong { wanted: Digest, found: Digest },
    #[error("blob {digest} has {bytes} bytes, more than {most}")]
    TooLarge {
        digest: Digest,
        bytes: u64,
        most: u64,
    },
}

/// Assembles; the report, or `None` when the agent leaves.
pub(super) async fn assemble<U: Uplink>(
    desk: &mut Desk<U>,
    work: FilmWork,
) -> Result<Option<Report>, JournalError> {
    let slots = desk.room.slots.clone();
    let Some(_permit) = desk.attend(slots.acquire_owned()).await else {
        return Ok(stopped(desk));
    };
    desk.tell(Tells::Started).await;
    remove_scratch(&desk.journal);
    let film = desk.journal.scratch().join("film.mp4");
    let room = Arc::clone(&desk.room);
    // Dropped when told to stop: the encoder is killed with it.
    let made = desk.attend(make(&room, &work, &film)).await;
    Ok(match made {
        None => stopped(desk),
        Some(Err(failure)) => Some(desk.report(Ending::Failed, failure.class, failure.message)),
        Some(Ok(report)) => hand_over(desk, &report, &film).await,
    })
}

fn stopped<U: Uplink>(desk: &Desk<U>) -> Option<Report> {
    (!desk.leaving).then(|| desk.stopped_report())
}

async fn make<U: Uplink>(
    room: &Room<U>,
    work: &FilmWork,
    film: &Path,
) -> Result<FilmReport, Failure> {
    if let Some(scratch) = film.parent() {
        tokio::fs::create_dir_all(scratch)
            .await
            .map_err(|error| Failure::node(&error))?;
    }
    let manifest = manifest(room, work).await?;
    let mut tracks = Vec::new();
    let mut pins = Vec::new();
    for track in &work.tracks {
        let pinned = fetch::pinned(room, &track.blob).await?;
        tracks.push(Track {
            kind: track.kind,
            path: pinned.path().to_owned(),
            volume_percent: track.volume_percent,
        });
        pins.push(pinned);
    }
    let frames = Frames {
        uplink: Arc::clone(&room.uplink),
        frames: manifest.frames,
    };
    let made = film::assemble(work, &frames, &tracks, film, &CancellationToken::new()).await;
    drop(pins);
    made.map_err(|error| Failure {
        class: class_of(&error),
        message: in_words(&error),
    })
}

fn class_of(error: &FilmError) -> OutcomeClass {
    match error {
        FilmError::Impossible { .. } | FilmError::Sound { .. } => OutcomeClass::Template,
        FilmError::Start { .. } | FilmError::Io { .. } => OutcomeClass::Node,
        FilmError::Unavailable { .. }
        | FilmError::Frame { .. }
        | FilmError::Failed { .. }
        | FilmError::Stalled { .. }
        | FilmError::Wrong { .. }
        | FilmError::Cancelled => OutcomeClass::Transient,
    }
}

async fn manifest<U: Uplink>(room: &Room<U>, work: &FilmWork) -> Result<FilmManifest, Failure> {
    let transient = |message: String| Failure {
        class: OutcomeClass::Transient,
        message,
    };
    let bytes = blob(&*room.uplink, &work.manifest, MAX_MANIFEST_BYTES)
        .await
        .map_err(|error| Failure::transient(&error))?;
    let manifest: FilmManifest = serde_json::from_slice(&bytes)
        .map_err(|error| transient(format!("the film's manifest cannot be read: {error}")))?;
    if manifest.frames.len() as u64 != u64::from(work.frames) {
        return Err(transient(format!(
            "the film's manifest names {} frames, the lease {}",
            manifest.frames.len(),
            work.frames
        )));
    }
    Ok(manifest)
}

/// The frames of a film, fetched when they are wanted.
struct Frames<U> {
    uplink: Arc<U>,
    frames: Vec<BlobRef>,
}

impl<U: Uplink> FrameSource for Frames<U> {
    async fn packed(&self, ordinal: u32) -> Result<Vec<u8>, FilmError> {
        let wanted = &self.frames[ordinal as usize];
        blob(&*self.uplink, wanted, MAX_FRAME_BYTES)
            .await
            .map_err(|error| FilmError::Unavailable {
                ordinal,
                source: Box::new(error),
            })
    }
}

/// A whole blob, checked. When the way to the controller breaks, it waits for another as long as it takes.
async fn blob<F: Fetch>(source: &F, wanted: &BlobRef, most: u64) -> Result<Vec<u8>, Unavailable> {
    if wanted.bytes > most {
        return Err(Unavailable::TooLarge {
            digest: wanted.digest,
            bytes: wanted.bytes,
            most,
        });
    }
    let mut bytes = Vec::new();
    while (bytes.len() as u64) < wanted.bytes {
        let offset = bytes.len() as u64;
        match source.fetch(wanted.digest, offset).await {
            Ok(reader) => {
                // What has come is kept even when it breaks off.
                let read = reader
                    .take(wanted.bytes - offset)
                    .read_to_end(&mut bytes)
                    .await;
                if read.is_err() || bytes.len() as u64 == offset {
                    tokio::time::sleep(AGAIN).await;
                }
            }
            Err(FetchError::Broken { .. } | FetchError::EndedEarly { .. }) => {
                tokio::time::sleep(AGAIN).await
            }
            Err(source @ FetchError::Refused { .. }) => {
                return Err(Unavailable::Fetch {
                    digest: wanted.digest,
                    source,
                });
            }
        }
    }
    let found = Digest::of(&bytes);
    if found != wanted.digest {
        return Err(Unavailable::Wrong {
            wanted: wanted.digest,
            found,
        });
    }
    Ok(bytes)
}

/// Sends the film until it is durable at the controller; the report then. What the controller refuses or never answers ends
/// the attempt, so that its slot is free and the film is made again elsewhere.
async fn hand_over<U: Uplink>(
    desk: &mut Desk<U>,
    report: &FilmReport,
    film: &Path,
) -> Option<Report> {
    let digest = report.blob.digest;
    let mut class = OutcomeClass::Transient;
    let mut failure = format!("the film was sent {SENDS} times and the controller never answered");
    for _ in 0..SENDS {
        let (uplink, key) = (Arc::clone(&desk.room.uplink), desk.journal.key());
        let send = async {
            uplink.film(key, &report.blob, film).await?;
            tokio::time::sleep(STORED).await;
            Ok::<(), std::io::Error>(())
        };
        tokio::pin!(send);
        // The word may come before the last byte is gone, when the controller has that film already.
        let sent = loop {
            if desk.stopped() {
                return stopped(desk);
            }
            if desk.stored.contains(&digest) {
                let mut done = desk.report(Ending::Succeeded, OutcomeClass::Ok, String::new());
                done.made = Some(Made::Film(report.clone()));
                return Some(done);
            }
            if let Some(reason) = desk.refused.remove(&digest) {
                let message = format!("the controller refused the film: {reason}");
                return Some(desk.report(Ending::Failed, OutcomeClass::Transient, message));
            }
            tokio::select! {
                sent = &mut send => break sent,
                told = desk.hear() => desk.obey(told).await,
            }
        };
        if let Err(error) = sent {
            class = OutcomeClass::Node;
            failure = format!("the film was made and can't be read: {error}");
            break;
        }
    }
    Some(desk.report(Ending::Failed, class, failure))
}
