//! Whether a second opinion shows the same picture as the frame that was doubted: by what was measured where that decides,
//! else by the pixels of both. Renderers need not agree to the bit; pictures must.

use bytes::Bytes;
use flatrender_picture::{Limits, Picture, PictureError, compare, unpack};
use flatrender_protocol::Digest;
use flatrender_protocol::message::{FrameHeader, Shown};

use crate::blobs::{Area, Blobs};
use crate::plan::verify;
use crate::store::frames::FrameRow;

/// From this likeness on two pictures are one (peak signal to noise): rounding of another processor stays above it, a
/// missing layer does not.
const SAME_DB: f64 = 40.0;
/// Largest packed frame that is read.
const MOST_BYTES: u64 = 256 << 20;

/// Whether both show the same. Frames that can't be read or decoded do not.
pub(super) async fn agrees(
    blobs: &Blobs,
    first: &FrameRow,
    second: &Shown,
    header: &FrameHeader,
) -> bool {
    if let Some(agree) = verify::agree(&first.shown, second) {
        return agree;
    }
    let size = (second.measures.width, second.measures.height);
    let read = async |digest: Digest| blobs.read(Area::Farm, digest, MOST_BYTES).await;
    let (ours, theirs) = match (
        read(first.blob.digest).await,
        read(header.blob.digest).await,
    ) {
        (Ok(ours), Ok(theirs)) => (ours, theirs),
        (ours, theirs) => {
            for error in [ours.err(), theirs.err()].into_iter().flatten() {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "a frame can't be compared"
                );
            }
            return false;
        }
    };
    let likeness = tokio::task::spawn_blocking(move || likeness(&ours, &theirs, size)).await;
    match likeness {
        Ok(Ok(db)) => db >= SAME_DB,
        Ok(Err(error)) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "a frame can't be compared"
            );
            false
        }
        Err(error) => {
            tracing::error!(%error, "two frames made their comparison fail");
            false
        }
    }
}

/// Peak signal to noise of two packed frames, in decibels; none of two forms are alike.
fn likeness(ours: &Bytes, theirs: &Bytes, size: (u32, u32)) -> Result<f64, PictureError> {
    let limits = Limits::of_size(size.0, size.1);
    let (ours, theirs) = (unpack(ours, &limits)?, unpack(theirs, &limits)?);
    let ours = Picture::decode(&ours, &limits)?;
    let theirs = Picture::decode(&theirs, &limits)?;
    let likeness = compare(&ours, &theirs);
    Ok(likeness.map_or(0.0, |likeness| likeness.psnr_db))
}
