//! Answers for: every sample of a TIFF picture, decoded. Must not: be content with less than all of them, allocate more than
//! the picture and one of its blocks take.

use std::borrow::Cow;
use std::io::Read;

use super::directory::{Block, Compression, Directory};
use super::lzw::{self, Decoded};
use super::packbits;
use crate::error::PictureError;
use crate::picture::Depth;

/// Decodes all blocks. Raw little-endian strips that lie one behind the other are borrowed.
pub(super) fn samples<'a>(
    bytes: &'a [u8],
    directory: &Directory,
) -> Result<Cow<'a, [u8]>, PictureError> {
    let row_bytes = directory.width as usize * directory.pixel_bytes();
    if let Some(raw) = in_one_piece(bytes, directory, row_bytes) {
        return Ok(Cow::Borrowed(raw));
    }
    let mut out = vec![0; row_bytes * directory.height as usize];
    if directory.is_strips() {
        let strip_bytes = row_bytes * directory.block_height as usize;
        for (index, (strip, into)) in
            (directory.blocks.iter().zip(out.chunks_mut(strip_bytes))).enumerate()
        {
            unsqueeze(&bytes[strip.start..strip.end], into, index, directory)?;
            finish(into, row_bytes, directory);
        }
    } else {
        scattered(bytes, directory, &mut out)?;
    }
    if directory.white_is_zero {
        invert(&mut out, directory);
    }
    Ok(Cow::Owned(out))
}

fn in_one_piece<'a>(bytes: &'a [u8], directory: &Directory, row_bytes: usize) -> Option<&'a [u8]> {
    let as_is = directory.compression == Compression::None
        && directory.is_strips()
        && !directory.white_is_zero
        && (directory.depth == Depth::Eight || !directory.big_endian);
    let first = directory.blocks.first().filter(|_| as_is)?.start;
    let mut expected = first;
    let mut rows = directory.height as usize;
    for Block { start, end } in &directory.blocks {
        let of_strip = rows.min(directory.block_height as usize);
        if *start != expected || end - start != of_strip * row_bytes {
            return None;
        }
        expected = *end;
        rows -= of_strip;
    }
    bytes.get(first..expected)
}

/// Tiles, and planes of strips or tiles: each is decoded by itself and its rows are put where they belong.
fn scattered(bytes: &[u8], directory: &Directory, out: &mut [u8]) -> Result<(), PictureError> {
    let (width, height) = (directory.width as usize, directory.height as usize);
    let (block_width, block_height) = (
        directory.block_width as usize,
        directory.block_height as usize,
    );
    let (across, down) = (width.div_ceil(block_width), height.div_ceil(block_height));
    let sample_bytes = directory.depth.sample_bytes();
    let pixel_bytes = directory.pixel_bytes();
    let of_block = if directory.planar {
        sample_bytes
    } else {
        pixel_bytes
    };
    let block_row_bytes = block_width * of_block;
    let mut block = vec![0; block_row_bytes * block_height];
    for (index, place) in directory.blocks.iter().enumerate() {
        let plane = index / (across * down);
        let (top, left) = (
            index / across % down * block_height,
            index % across * block_width,
        );
        let rows = block_height.min(height - top);
        // A tile is always whole; the last strip has only the rows that are left.
        let needed = if directory.tiled {
            block.len()
        } else {
            rows * block_row_bytes
        };
        unsqueeze(
            &bytes[place.start..place.end],
            &mut block[..needed],
            index,
            directory,
        )?;
        finish(&mut block[..needed], block_row_bytes, directory);
        let columns = block_width.min(width - left);
        for (row, from) in block.chunks_exact(block_row_bytes).take(rows).enumerate() {
            let into =
                &mut out[((top + row) * width + left) * pixel_bytes..][..columns * pixel_bytes];
            if of_block == pixel_bytes {
                into.copy_from_slice(&from[..into.len()]);
                continue;
            }
            for (pixel, sample) in into
                .chunks_exact_mut(pixel_bytes)
                .zip(from.chunks_exact(sample_bytes))
            {
                pixel[plane * sample_bytes..][..sample_bytes].copy_from_slice(sample);
            }
        }
    }
    Ok(())
}

/// Undoes the compression of a block.
fn unsqueeze(
    raw: &[u8],
    into: &mut [u8],
    index: usize,
    directory: &Directory,
) -> Result<(), PictureError> {
    let name = if directory.tiled { "tile" } else { "strip" };
    match directory.compression {
        Compression::None => {
            let raw = raw
                .get(..into.len())
                .ok_or_else(|| too_short(name, index, raw.len(), into.len()))?;
            into.copy_from_slice(raw);
        }
        Compression::Lzw => match lzw::decode(raw, into) {
            Decoded::Full => {}
            Decoded::Short(found) => return Err(too_short(name, index, found, into.len())),
            Decoded::Nonsense => {
                return Err(PictureError::damaged(format!(
                    "{name} {index} is no LZW data"
                )));
            }
        },
        Compression::Deflate => deflate(raw, into, name, index)?,
        Compression::PackBits => {
            let found = packbits::decode(raw, into);
            if found < into.len() {
                return Err(too_short(name, index, found, into.len()));
            }
        }
    }
    Ok(())
}

/// Makes the samples of a block little-endian, and values of differences.
fn finish(block: &mut [u8], row_bytes: usize, directory: &Directory) {
    if directory.depth == Depth::Sixteen && directory.big_endian {
        block
            .as_chunks_mut::<2>()
            .0
            .iter_mut()
            .for_each(|pair| pair.swap(0, 1));
    }
    if directory.predictor {
        let channels = if directory.planar {
            1
        } else {
            usize::from(directory.channels)
        };
        for row in block.chunks_exact_mut(row_bytes) {
            undo_differences(row, channels, directory.depth);
        }
    }
}

fn too_short(name: &str, index: usize, found: usize, needed: usize) -> PictureError {
    PictureError::damaged(format!(
        "{name} {index} holds {found} bytes of pixels, and its rows need {needed}"
    ))
}

fn deflate(raw: &[u8], into: &mut [u8], name: &str, index: usize) -> Result<(), PictureError> {
    let mut decoder = flate2::bufread::ZlibDecoder::new(raw);
    let no_data = |error: std::io::Error| {
        PictureError::damaged(format!("{name} {index} does not inflate: {error}"))
    };
    let mut written = 0;
    while written < into.len() {
        match decoder.read(&mut into[written..]).map_err(no_data)? {
            0 => return Err(too_short(name, index, written, into.len())),
            more => written += more,
        }
    }
    // Going on to the end of the stream makes the decoder check its checksum.
    let more = decoder.read(&mut [0]).map_err(no_data)?;
    if more > 0 {
        return Err(PictureError::damaged(format!(
            "{name} {index} holds more than its rows"
        )));
    }
    Ok(())
}

fn undo_differences(row: &mut [u8], channels: usize, depth: Depth) {
    if depth == Depth::Eight {
        match channels {
            4 => undo_bytes::<4>(row),
            3 => undo_bytes::<3>(row),
            2 => undo_bytes::<2>(row),
            _ => undo_bytes::<1>(row),
        }
        return;
    }
    for at in (channels * 2..row.len()).step_by(2) {
        let left = u16::from_le_bytes([row[at - channels * 2], row[at - channels * 2 + 1]]);
        let here = u16::from_le_bytes([row[at], row[at + 1]]);
        row[at..at + 2].copy_from_slice(&here.wrapping_add(left).to_le_bytes());
    }
}

fn undo_bytes<const CHANNELS: usize>(row: &mut [u8]) {
    let mut sum = [0_u8; CHANNELS];
    for pixel in row.as_chunks_mut::<CHANNELS>().0 {
        for (sum, sample) in sum.iter_mut().zip(pixel.iter_mut()) {
            *sum = sum.wrapping_add(*sample);
            *sample = *sum;
        }
    }
}

/// Turns white-is-zero gray into black-is-zero; alpha, the second channel, stays.
fn invert(samples: &mut [u8], directory: &Directory) {
    let bytes = directory.depth.sample_bytes();
    for pixel in samples.chunks_exact_mut(directory.pixel_bytes()) {
        pixel[..bytes].iter_mut().for_each(|byte| *byte = !*byte);
    }
}
