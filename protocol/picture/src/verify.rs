//! Answers for: one file, one answer: it is a whole and right picture, with its digests, measures and packed bytes, or why not.
//! Must not: read files, believe a header.

use flatrender_protocol::Digest;
use flatrender_protocol::message::{BlobRef, Measures, Packing};

use crate::error::PictureError;
use crate::limits::Limits;
use crate::measure::measure;
use crate::packing::pack;
use crate::picture::Picture;

/// A frame that is whole and right.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified {
    /// The file, packed.
    pub packed: Vec<u8>,
    /// Digest and length of `packed`.
    pub blob: BlobRef,
    /// How it is packed.
    pub packing: Packing,
    /// [`Picture::pixels_digest`]: the same for the same picture, however its file is compressed.
    pub pixels: Digest,
    /// What was measured.
    pub measures: Measures,
}

/// Decodes all of `bytes`, measures the picture and packs the file. CPU-bound: call it off the async threads.
pub fn verify(bytes: &[u8], limits: &Limits) -> Result<Verified, PictureError> {
    let picture = Picture::decode(bytes, limits)?;
    let measures = measure(&picture);
    let pixels = picture.pixels_digest();
    let packed = pack(bytes, &picture)?;
    Ok(Verified {
        blob: BlobRef {
            digest: Digest::of(&packed.bytes),
            bytes: packed.bytes.len() as u64,
        },
        packing: packed.packing,
        packed: packed.bytes.into_owned(),
        pixels,
        measures,
    })
}
