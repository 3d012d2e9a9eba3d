//! Answers for: the road from frames and tracks to a film that is known to be right. Must not: leave a process or a half-made film
//! behind.

use std::future::Future;
use std::path::{Path, PathBuf};

use flatrender_protocol::Digest;
use flatrender_protocol::message::{BlobRef, FilmReport, FilmWork, TrackKind};
use futures_util::{Stream, StreamExt, stream};
use tokio::io::AsyncWriteExt;
use tokio_util::sync::CancellationToken;

use super::check::{self, Expected};
use super::command::{self, Input};
use super::compose::{Thumbnail, compose, thumbnail};
use super::error::FilmError;
use super::plan::Plan;
use super::process::{Pipe, Purpose, Running};
use super::sound::probe_sound;
use crate::frame::{Expect, unpack};

/// Frames that are unpacked ahead of ffmpeg, and the memory they may take together.
const AHEAD: usize = 4;
const AHEAD_BYTES: usize = 256 << 20;

/// A sound track, fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Track {
    /// What it is.
    pub kind: TrackKind,
    /// The sound file.
    pub path: PathBuf,
    /// 100 leaves it as loud as it is.
    pub volume_percent: u16,
}

/// Where the frames of a film come from.
pub trait FrameSource: Sync {
    /// The packed frame. Several are asked for at once, in order; they are wanted in order.
    fn packed(&self, ordinal: u32) -> impl Future<Output = Result<Vec<u8>, FilmError>> + Send;
}

/// Makes the film `out` of `work.frames` frames and the tracks (`work.tracks` and `work.manifest` are the caller's to fetch), decodes it
/// again, and says what it is. When it does not succeed, or the future is dropped, ffmpeg is killed and nothing is at `out`.
pub async fn assemble(
    work: &FilmWork,
    frames: &impl FrameSource,
    tracks: &[Track],
    out: &Path,
    cancel: &CancellationToken,
) -> Result<FilmReport, FilmError> {
    let mut unfinished = Unfinished { out, kept: false };
    let report = tokio::select! {
        biased;
        () = cancel.cancelled() => Err(FilmError::Cancelled),
        made = make(work, frames, tracks, out) => made,
    }?;
    unfinished.kept = true;
    Ok(report)
}

/// Removes the film unless it is kept.
struct Unfinished<'a> {
    out: &'a Path,
    kept: bool,
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if !self.kept {
            // It may never have been begun.
            let _ = std::fs::remove_file(self.out);
        }
    }
}

async fn make(
    work: &FilmWork,
    frames: &impl FrameSource,
    tracks: &[Track],
    out: &Path,
) -> Result<FilmReport, FilmError> {
    let plan = Plan::new(work)?;
    let mut inputs = Vec::new();
    for track in tracks {
        let sound = probe_sound(&track.path, track.kind.as_str()).await?;
        inputs.push(Input {
            path: &track.path,
            channels: sound.channels,
            volume_percent: track.volume_percent,
        });
    }
    let thumbnails = encode(&plan, frames, &inputs, out).await?;
    let expected = Expected {
        plan: &plan,
        thumbnails: &thumbnails,
        sound: !tracks.is_empty(),
    };
    check::film(out, &expected).await?;
    let (width, height) = plan.size();
    Ok(FilmReport {
        blob: keep(out).await?,
        width,
        height,
        padded: plan.padded,
        frames: plan.frames,
        duration_ms: plan.rate.millis_of(u64::from(plan.frames)),
        sound: !tracks.is_empty(),
    })
}

/// Feeds ffmpeg; the thumbnails of what it was fed are the answer.
async fn encode(
    plan: &Plan,
    frames: &impl FrameSource,
    inputs: &[Input<'_>],
    out: &Path,
) -> Result<Vec<Thumbnail>, FilmError> {
    let purpose = Purpose {
        program: "ffmpeg",
        doing: "make the film",
    };
    let args = command::encode(plan, inputs, out);
    let mut ffmpeg = Running::start(purpose, &args, Pipe::Input)?;
    let mut stdin = ffmpeg.stdin();
    let mut thumbnails = Vec::with_capacity(plan.frames as usize);
    let mut composed = std::pin::pin!(composed(plan, frames));
    while let Some(frame) = composed.next().await {
        let (rgb, thumbnail) = frame?;
        if ffmpeg.step(stdin.write_all(&rgb)).await?.is_err() {
            // It does not listen any more; its exit says why.
            drop(stdin);
            ffmpeg.end().await?;
            return Err(FilmError::wrong("ffmpeg ended before it had all frames"));
        }
        thumbnails.push(thumbnail);
    }
    drop(stdin);
    ffmpeg.end().await?;
    Ok(thumbnails)
}

/// The frames as ffmpeg gets them, in order, a few of them made ahead.
fn composed<'a>(
    plan: &'a Plan,
    frames: &'a impl FrameSource,
) -> impl Stream<Item = Result<(Vec<u8>, Thumbnail), FilmError>> + 'a {
    let frame_bytes = plan.size().0 as usize * plan.size().1 as usize * 8;
    let ahead = (AHEAD_BYTES / frame_bytes).clamp(1, AHEAD);
    stream::iter(0..plan.frames)
        .map(move |ordinal| async move {
            let packed = frames.packed(ordinal).await?;
            let plan = *plan;
            tokio::task::spawn_blocking(move || unpack_and_compose(&plan, ordinal, &packed))
                .await
                .unwrap_or_else(|error| {
                    Err(FilmError::Unavailable {
                        ordinal,
                        source: Box::new(error),
                    })
                })
        })
        .buffered(ahead)
}

fn unpack_and_compose(
    plan: &Plan,
    ordinal: u32,
    packed: &[u8],
) -> Result<(Vec<u8>, Thumbnail), FilmError> {
    let expect = Expect {
        width: plan.frame.0,
        height: plan.frame.1,
    };
    let picture = unpack(packed, &expect).map_err(|source| FilmError::Frame { ordinal, source })?;
    let rgb = compose(&picture, plan.background, plan.padded);
    let thumbnail = thumbnail(&rgb, plan.size());
    Ok((rgb, thumbnail))
}

/// Makes the film durable and names it.
async fn keep(out: &Path) -> Result<BlobRef, FilmError> {
    let path = out.to_owned();
    let named = tokio::task::spawn_blocking(move || {
        let file = std::fs::File::open(&path)?;
        file.sync_all()?;
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(&file)?;
        Ok(BlobRef {
            digest: Digest::from(hasher.finalize()),
            bytes: hasher.count(),
        })
    });
    named
        .await
        .unwrap_or_else(|error| Err(std::io::Error::other(error)))
        .map_err(|source| FilmError::Io {
            operation: "sync and name",
            path: out.to_owned(),
            source,
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::film::available;
    use flatrender_protocol::Ratio;

    struct Gray;

    impl FrameSource for Gray {
        async fn packed(&self, ordinal: u32) -> Result<Vec<u8>, FilmError> {
            // 4 × 2 pixels of gray: the header, eight fields of a number, the pixels.
            let mut file = b"II*\0\x08\0\0\0\x08\0".to_vec();
            for (tag, value) in [
                (256, 4),
                (257, 2),
                (258, 8),
                (259, 1),
                (262, 1),
                (273, 110),
                (278, 2),
                (279, 8),
            ] {
                file.extend(u16::to_le_bytes(tag));
                file.extend([4, 0, 1, 0, 0, 0]);
                file.extend(u32::to_le_bytes(value));
            }
            file.extend([0; 4]);
            file.extend([(ordinal * 60) as u8; 8]);
            zstd::bulk::compress(&file, 1).map_err(|error| FilmError::Unavailable {
                ordinal,
                source: Box::new(error),
            })
        }
    }

    fn work() -> FilmWork {
        FilmWork {
            manifest: BlobRef {
                digest: Digest::of(b""),
                bytes: 0,
            },
            frames: 4,
            rate: Ratio { num: 25, den: 1 },
            width: 4,
            height: 2,
            pixel_aspect: Ratio::ONE,
            background: [0; 3],
            tracks: Vec::new(),
        }
    }

    #[tokio::test]
    async fn a_film_that_is_not_what_it_should_be_is_found_out() {
        if !available().await {
            eprintln!(
                "SKIP: a_film_that_is_not_what_it_should_be_is_found_out: ffmpeg is not installed"
            );
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("film.mp4");
        let plan = Plan::new(&work()).unwrap();
        let thumbnails = encode(&plan, &Gray, &[], &out).await.unwrap();
        let said = async |plan: &Plan, thumbnails: &[Thumbnail], sound| {
            let expected = Expected {
                plan,
                thumbnails,
                sound,
            };
            check::film(&out, &expected)
                .await
                .err()
                .map(|error| error.to_string())
        };
        let wrong = |what: &str| Some(format!("the film was decoded again and is wrong: {what}"));
        assert_eq!(said(&plan, &thumbnails, false).await, None);
        let mut swapped = thumbnails.clone();
        swapped.swap(1, 2);
        let words = said(&plan, &swapped, false).await.unwrap();
        assert!(
            words.contains("picture 1 does not look like the frame it was made of"),
            "{words}"
        );
        let longer = Plan { frames: 5, ..plan };
        assert_eq!(
            said(&longer, &thumbnails, false).await,
            wrong("its length in ticks is 1600 instead of 2000")
        );
        assert_eq!(
            said(&plan, &thumbnails, true).await,
            wrong("it has 0 streams beside the picture, and one of sound is wanted")
        );
        let stretched = Plan {
            pixel_aspect: Ratio { num: 10, den: 11 },
            ..plan
        };
        assert_eq!(
            said(&stretched, &thumbnails, false).await,
            wrong("its pixel aspect is 1/1 instead of 10/11")
        );
        let whole = std::fs::read(&out).unwrap();
        std::fs::write(&out, &whole[..whole.len() - 40]).unwrap();
        assert!(said(&plan, &thumbnails, false).await.is_some());
    }
}
