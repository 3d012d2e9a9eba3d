//! Frames of running and finished jobs as small pictures: which one is the newest, and one of them as JPEG. The stored frame
//! is decoded here, on the threads for such work, a few at a time; what was made lately is kept.

use std::num::NonZeroUsize;
use std::sync::Mutex;

use bytes::Bytes;
use flatrender_preview::{Pixels, PreviewError, scaled};
use flatrender_protocol::rest::NewestFrameView;
use flatrender_protocol::{Digest, JobId, TenantId};
use lru::LruCache;
use tokio::sync::Semaphore;

use super::Farm;
use super::views::rfc3339;
use crate::blobs::{Area, BlobError};
use crate::store::jobs::{self, JobRow, Which};
use crate::store::{self, StoreError, frames};

/// Pictures made at once, over all requests: each holds a decoded frame.
const AT_ONCE: usize = 2;
/// Pictures kept, and the largest that is.
const KEPT: NonZeroUsize = NonZeroUsize::new(256).expect("it is not 0");
const MAX_KEPT_BYTES: usize = 256 << 10;
/// Most bytes of a stored frame that is read, packed or not.
const MAX_FRAME_BYTES: u64 = 512 << 20;
/// Width of a picture when nothing is said, where the frame has as much.
const USUAL_WIDTH: u32 = 960;

/// Which frame of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhichFrame {
    /// Published last.
    Newest,
    /// By the number that After Effects and people see.
    Display(i64),
}

/// A frame as JPEG.
#[derive(Debug, Clone)]
pub struct FramePicture {
    /// The file.
    pub jpeg: Bytes,
    /// Names the picture: frame and size.
    pub tag: String,
    /// The display frame.
    pub display: i64,
}

/// Why there is no picture of a frame.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// No such job of this tenant.
    #[error("show a frame: no such job")]
    NoJob,
    /// The job has no such frame, or it is not published yet.
    #[error("{0}")]
    NoFrame(String),
    /// The database is away.
    #[error("find the frame")]
    Store(#[from] StoreError),
    /// The store is away.
    #[error("read the frame")]
    Blobs(#[from] BlobError),
    /// The stored frame can't be read.
    #[error("decode the frame {digest}")]
    Decode {
        /// Which.
        digest: Digest,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// What makes pictures, and those it made lately.
#[derive(Debug)]
pub(super) struct Studio {
    turns: Semaphore,
    kept: Mutex<LruCache<(Digest, u32), Bytes>>,
}

impl Default for Studio {
    fn default() -> Self {
        Self {
            turns: Semaphore::new(AT_ONCE),
            kept: Mutex::new(LruCache::new(KEPT)),
        }
    }
}

impl Studio {
    fn known(&self, key: (Digest, u32)) -> Option<Bytes> {
        let mut kept = self.kept.lock().expect("nobody panics while holding it");
        kept.get(&key).cloned()
    }

    fn keep(&self, key: (Digest, u32), jpeg: &Bytes) {
        if jpeg.len() <= MAX_KEPT_BYTES {
            let mut kept = self.kept.lock().expect("nobody panics while holding it");
            kept.put(key, jpeg.clone());
        }
    }
}

impl Farm {
    /// The newest published frame of a tenant's job.
    ///
    /// # Errors
    /// [`PictureError`].
    pub async fn newest_frame(
        &self,
        tenant: TenantId,
        id: JobId,
    ) -> Result<NewestFrameView, PictureError> {
        let (job, frame) = self.frame_of(tenant, id, WhichFrame::Newest).await?;
        let display = job.frames.display(frame.ordinal).unwrap_or_default();
        Ok(NewestFrameView {
            job: id,
            frame: display,
            ordinal: frame.ordinal,
            digest: frame.blob.digest,
            node: frame.node,
            published_at: rfc3339(frame.published_at),
            frames_done: job.done_count,
            picture: format!("/v1/farm/jobs/{id}/frames/{display}/picture"),
        })
    }

    /// A published frame of a tenant's job as JPEG, `width` pixels wide (at most as wide as the frame is shown), over the
    /// composition's background.
    ///
    /// # Errors
    /// [`PictureError`].
    pub async fn frame_picture(
        &self,
        tenant: TenantId,
        id: JobId,
        which: WhichFrame,
        width: Option<u32>,
    ) -> Result<FramePicture, PictureError> {
        let (job, frame) = self.frame_of(tenant, id, which).await?;
        let size = size_of(&job, width);
        let digest = frame.blob.digest;
        let display = job.frames.display(frame.ordinal).unwrap_or_default();
        let tag = format!("{digest}-{}", size.0);
        let done = |jpeg| FramePicture { jpeg, tag, display };
        if let Some(jpeg) = self.studio.known((digest, size.0)) {
            return Ok(done(jpeg));
        }
        let _turn = self.studio.turns.acquire().await;
        // Somebody before us may have made it.
        if let Some(jpeg) = self.studio.known((digest, size.0)) {
            return Ok(done(jpeg));
        }
        let packed = self.blobs.read(Area::Farm, digest, MAX_FRAME_BYTES).await?;
        let (frame_size, background) = ((job.width, job.height), job.background);
        let made = tokio::task::spawn_blocking(move || {
            let pixels = scaled(&decode(&packed, frame_size)?, size.0, size.1)?;
            Ok::<_, NotReadable>(pixels.to_jpeg(background)?)
        });
        let refused = |source| PictureError::Decode { digest, source };
        let jpeg = match made.await {
            Ok(Ok(jpeg)) => Bytes::from(jpeg),
            Ok(Err(error)) => return Err(refused(Box::new(error))),
            Err(died) => return Err(refused(Box::new(died))),
        };
        self.studio.keep((digest, size.0), &jpeg);
        Ok(done(jpeg))
    }

    async fn frame_of(
        &self,
        tenant: TenantId,
        id: JobId,
        which: WhichFrame,
    ) -> Result<(JobRow, frames::PictureRow), PictureError> {
        let mut tx = store::begin(&self.worker).await?;
        let rows = jobs::read(&mut tx, Which::Ids(vec![id])).await?;
        let job = rows.into_iter().find(|row| row.tenant == tenant);
        let job = job.ok_or(PictureError::NoJob)?;
        let wanted = match which {
            WhichFrame::Newest => None,
            WhichFrame::Display(display) => {
                let ordinal = job.frames.ordinal(display).ok_or_else(|| {
                    let why = format!(
                        "frame {display} of job {id}, whose frames are {}",
                        job.frames
                    );
                    PictureError::NoFrame(why)
                })?;
                Some(ordinal)
            }
        };
        let found = frames::one(&mut tx, id, wanted).await?;
        store::commit(tx).await?;
        let frame = found.ok_or_else(|| {
            PictureError::NoFrame(match which {
                WhichFrame::Newest => format!("a published frame of job {id} yet"),
                WhichFrame::Display(display) => {
                    format!("frame {display} of job {id} yet: it is not published")
                }
            })
        })?;
        Ok((job, frame))
    }
}

/// As wide as asked, but not wider than the frame is in square pixels; as high as that shows it.
fn size_of(job: &JobRow, asked: Option<u32>) -> (u32, u32) {
    let aspect = job.pixel_aspect.as_f64();
    let shown = (f64::from(job.width) * aspect).max(1.0);
    let width = f64::from(asked.unwrap_or(USUAL_WIDTH)).min(shown).max(1.0);
    let height = (f64::from(job.height) * width / shown).max(1.0);
    // Compositions end at 30,000 pixels a side, and aspects are near 1.
    let whole = |side: f64| side.round().min(65_500.0) as u32;
    (whole(width), whole(height))
}

/// Why a stored frame gives no picture.
#[derive(Debug, thiserror::Error)]
enum NotReadable {
    #[error("read it")]
    Frame(#[from] flatrender_picture::PictureError),
    #[error("show it")]
    Preview(#[from] PreviewError),
}

/// A stored frame, however it is packed. Nothing is unpacked beyond what a frame of this size can take.
fn decode(packed: &[u8], (width, height): (u32, u32)) -> Result<Pixels, NotReadable> {
    let limits = flatrender_picture::Limits::of_size(width, height);
    let file = flatrender_picture::unpack(packed, &limits)?;
    let picture = flatrender_picture::Picture::decode(&file, &limits)?.to_rgba8();
    Ok(Pixels::new(picture.width, picture.height, picture.rgba)?)
}
