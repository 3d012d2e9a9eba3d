//! Answers for: a frame's file as it travels and is kept: as it is, or in zstd where that gains something. Must not: lose a bit,
//! unpack more than a frame of the expected size can hold.
//!
//! What is packed how can be read off its first bytes, so that whoever has the bytes alone can unpack them.

use std::borrow::Cow;
use std::io::{self, Read};

use flatrender_protocol::message::Packing;

use crate::error::PictureError;
use crate::limits::{FileFormat, Limits};
use crate::picture::Picture;

/// zstd's fast levels: packing must cost less than the checks do (docs/figures.md has what each level costs and gains).
const ZSTD_LEVEL: i32 = -3;

/// zstd at the level in use needs 512 KiB; a frame that asks for more than 8 MiB (2²³) was not packed by an agent.
const WINDOW_LOG: u32 = 23;

const ZSTD_MAGIC: &[u8] = b"\x28\xB5\x2F\xFD";

/// A frame's file, packed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed<'a> {
    /// How.
    pub packing: Packing,
    /// The bytes that travel.
    pub bytes: Cow<'a, [u8]>,
}

/// Packs the file that `picture` was decoded from. A file that is less than half as long as its samples has been compressed
/// already and stays as it is; so does one of which zstd takes off less than a sixteenth.
pub fn pack<'a>(file: &'a [u8], picture: &Picture<'_>) -> Result<Packed<'a>, PictureError> {
    let stored = usize::from(picture.depth.bits() / 8) * usize::from(picture.channels);
    let samples_bytes = stored * picture.width as usize * picture.height as usize;
    let (plain, squeezed) = match picture.format {
        FileFormat::Tiff => (Packing::Tiff, Some(Packing::ZstdTiff)),
        FileFormat::Png => (Packing::Png, Some(Packing::ZstdPng)),
        FileFormat::Jpeg => (Packing::Jpeg, None),
        FileFormat::Exr => (Packing::Exr, Some(Packing::ZstdExr)),
    };
    if let Some(packing) = squeezed.filter(|_| file.len() >= samples_bytes / 2) {
        let bytes = zstd::bulk::compress(file, ZSTD_LEVEL)
            .map_err(|source| PictureError::Packing { source })?;
        if bytes.len() < file.len() - file.len() / 16 {
            return Ok(Packed {
                packing,
                bytes: Cow::Owned(bytes),
            });
        }
    }
    Ok(Packed {
        packing: plain,
        bytes: Cow::Borrowed(file),
    })
}

/// What format a packing holds, and whether it is in zstd.
pub fn format_of(packing: Packing) -> (FileFormat, bool) {
    match packing {
        Packing::ZstdTiff => (FileFormat::Tiff, true),
        Packing::Tiff => (FileFormat::Tiff, false),
        Packing::ZstdPng => (FileFormat::Png, true),
        Packing::Png => (FileFormat::Png, false),
        Packing::Jpeg => (FileFormat::Jpeg, false),
        Packing::ZstdExr => (FileFormat::Exr, true),
        Packing::Exr => (FileFormat::Exr, false),
    }
}

/// The file of a packed frame, by its first bytes: whoever knows how it was packed can compare with [`format_of`].
pub fn unpack<'a>(packed: &'a [u8], limits: &Limits) -> Result<Cow<'a, [u8]>, PictureError> {
    if !packed.starts_with(ZSTD_MAGIC) {
        return Ok(Cow::Borrowed(packed));
    }
    let limit = limits.most_file_bytes();
    let damaged = |source: io::Error| PictureError::Packing { source };
    let mut decoder = zstd::stream::read::Decoder::with_buffer(packed).map_err(damaged)?;
    decoder.window_log_max(WINDOW_LOG).map_err(damaged)?;
    let mut file = Vec::new();
    // What it claims to hold is believed as far as the limit goes.
    if let Ok(Some(claimed)) = zstd::zstd_safe::get_frame_content_size(packed) {
        file.reserve_exact(claimed.min(limit) as usize);
    }
    decoder
        .take(limit + 1)
        .read_to_end(&mut file)
        .map_err(damaged)?;
    if file.len() as u64 > limit {
        return Err(PictureError::TooLarge {
            what: "the unpacked frame",
            bytes: file.len() as u64,
            limit,
        });
    }
    Ok(Cow::Owned(file))
}
