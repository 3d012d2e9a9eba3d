//! Answers for: one file, one answer: it is a whole and right frame, with its digests, measures and packed bytes, or why not.
//! Must not: read files, believe a header.

use flatrender_protocol::Digest;
use flatrender_protocol::message::{BlobRef, Measures, Packing};

use super::directory::{Alpha, Directory};
use super::error::NotAFrame;
use super::{decode, directory, measure};

/// zstd at this level keeps up with a renderer on a fraction of a core (`-1` packs footage worse, `3` costs twice as much).
const ZSTD_LEVEL: i32 = 1;

/// More pixels than any composition that a node could render (After Effects ends at 30,000 × 30,000; its memory long before).
const MOST_PIXELS: u64 = 1 << 28;

/// What a right frame looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expect {
    /// Width, in pixels.
    pub width: u32,
    /// Height, in pixels.
    pub height: u32,
}

impl Expect {
    /// The longest file that a frame of this size can be: 4 channels of 16 bits, LZW at its worst, and 16 MiB of metadata.
    pub fn most_file_bytes(&self) -> u64 {
        let pixels = (u64::from(self.width) * u64::from(self.height)).min(MOST_PIXELS);
        pixels * 12 + (16 << 20)
    }

    pub(super) fn check_size(&self, width: u32, height: u32) -> Result<(), NotAFrame> {
        let found = (width, height);
        let expected = (self.width, self.height);
        if found != expected {
            return Err(NotAFrame::WrongSize { found, expected });
        }
        if width == 0 || height == 0 {
            return Err(NotAFrame::damaged("it has no pixels"));
        }
        let pixels = u64::from(width) * u64::from(height);
        if pixels > MOST_PIXELS {
            return Err(NotAFrame::TooLarge {
                what: "the picture",
                bytes: pixels * 4,
                limit: MOST_PIXELS * 4,
            });
        }
        Ok(())
    }

    /// Reads the directory of a file that may be a frame of this size.
    pub(super) fn directory(&self, bytes: &[u8]) -> Result<Directory, NotAFrame> {
        let limit = self.most_file_bytes();
        if bytes.len() as u64 > limit {
            return Err(NotAFrame::TooLarge {
                what: "the file",
                bytes: bytes.len() as u64,
                limit,
            });
        }
        directory::read(bytes, |width, height| self.check_size(width, height))
    }
}

/// A frame that is whole and right.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified {
    /// The file, packed.
    pub packed: Vec<u8>,
    /// Digest and length of `packed`.
    pub blob: BlobRef,
    /// How it is packed.
    pub packing: Packing,
    /// Digest of width, height (32 bits each, little-endian), channels, bits a channel (a byte each) and the decoded
    /// samples (16-bit ones little-endian): the same for the same picture, however its file is compressed.
    pub pixels: Digest,
    /// What was measured.
    pub measures: Measures,
}

/// Decodes all of `bytes`, measures the picture and packs the file. CPU-bound: call it off the async threads.
pub fn verify(bytes: &[u8], expect: &Expect) -> Result<Verified, NotAFrame> {
    let directory = expect.directory(bytes)?;
    let samples = decode::samples(bytes, &directory)?;
    let measured = measure::measure(&samples, &directory);
    let pixels = pixels(&samples, &directory);
    let packed =
        zstd::bulk::compress(bytes, ZSTD_LEVEL).map_err(|source| NotAFrame::Packing { source })?;
    Ok(Verified {
        blob: BlobRef {
            digest: Digest::of(&packed),
            bytes: packed.len() as u64,
        },
        packed,
        packing: Packing::ZstdTiff,
        pixels,
        measures: Measures {
            width: directory.width,
            height: directory.height,
            bits: directory.bits,
            alpha: directory.alpha != Alpha::None,
            mean_luma: measured.mean_luma,
            perceptual_hash: measured.hash,
        },
    })
}

fn pixels(samples: &[u8], directory: &Directory) -> Digest {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&directory.width.to_le_bytes());
    hasher.update(&directory.height.to_le_bytes());
    hasher.update(&[directory.channels, directory.bits]);
    hasher.update(samples);
    hasher.finalize().into()
}
