//! Answers for: TIFF files as pictures (TIFF revision 6.0): 8 and 16 bits; uncompressed, LZW, Deflate, PackBits; strips and tiles, channels
//! side by side or in planes; both byte orders. Must not: be content with less than all samples.

mod decode;
mod directory;
mod lzw;
mod packbits;

use crate::error::PictureError;
use crate::limits::{FileFormat, Limits};
use crate::picture::Picture;

pub(crate) fn decode<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Picture<'a>, PictureError> {
    let directory = directory::read(bytes, |width, height| limits.check_size(width, height))?;
    limits.check_kind(directory.depth.bits(), directory.has_alpha())?;
    let pixel_bytes = usize::from(directory.channels) * directory.depth.sample_bytes();
    limits.check_bytes(directory.width, directory.height, pixel_bytes as u64)?;
    Ok(Picture {
        format: FileFormat::Tiff,
        width: directory.width,
        height: directory.height,
        channels: directory.channels,
        depth: directory.depth,
        alpha: directory.alpha,
        samples: decode::samples(bytes, &directory)?,
    })
}
