//! Answers for: every sample of a TIFF picture, decoded. Must not: be content with less than all of them, allocate more than
//! the picture takes.

use std::borrow::Cow;
use std::io::Read;

use super::directory::{Compression, Directory, Strip};
use super::error::NotAFrame;
use super::lzw::{self, Decoded};

/// The samples of a picture, row by row, channels side by side; 16-bit ones as little-endian pairs.
pub(super) type Samples<'a> = Cow<'a, [u8]>;

/// Decodes all strips. Raw little-endian strips that lie one behind the other are borrowed.
pub(super) fn samples<'a>(
    bytes: &'a [u8],
    directory: &Directory,
) -> Result<Samples<'a>, NotAFrame> {
    let row_bytes = directory.width as usize
        * usize::from(directory.channels)
        * usize::from(directory.bits / 8);
    if let Some(raw) = in_one_piece(bytes, directory, row_bytes) {
        return Ok(Cow::Borrowed(raw));
    }
    let mut out = vec![0; row_bytes * directory.height as usize];
    let strip_bytes = row_bytes * directory.rows_per_strip as usize;
    for (index, (strip, into)) in directory
        .strips
        .iter()
        .zip(out.chunks_mut(strip_bytes))
        .enumerate()
    {
        let raw = &bytes[strip.start..strip.end];
        match directory.compression {
            Compression::None => copy(raw, into, index)?,
            Compression::Lzw => lzw(raw, into, index)?,
            Compression::Deflate => deflate(raw, into, index)?,
        }
    }
    if directory.bits == 16 && directory.big_endian {
        out.chunks_exact_mut(2).for_each(|pair| pair.swap(0, 1));
    }
    if directory.predictor {
        for row in out.chunks_exact_mut(row_bytes) {
            undo_differences(row, usize::from(directory.channels), directory.bits);
        }
    }
    if directory.white_is_zero {
        invert(&mut out, directory);
    }
    Ok(Cow::Owned(out))
}

fn in_one_piece<'a>(bytes: &'a [u8], directory: &Directory, row_bytes: usize) -> Option<&'a [u8]> {
    let as_is = directory.compression == Compression::None
        && !directory.white_is_zero
        && (directory.bits == 8 || !directory.big_endian);
    let first = directory.strips.first().filter(|_| as_is)?.start;
    let mut expected = first;
    let mut rows = directory.height as usize;
    for Strip { start, end } in &directory.strips {
        let of_strip = rows.min(directory.rows_per_strip as usize);
        if *start != expected || end - start != of_strip * row_bytes {
            return None;
        }
        expected = *end;
        rows -= of_strip;
    }
    bytes.get(first..expected)
}

fn copy(raw: &[u8], into: &mut [u8], index: usize) -> Result<(), NotAFrame> {
    let raw = raw
        .get(..into.len())
        .ok_or_else(|| too_short(index, raw.len(), into.len()))?;
    into.copy_from_slice(raw);
    Ok(())
}

fn too_short(index: usize, found: usize, needed: usize) -> NotAFrame {
    NotAFrame::damaged(format!(
        "strip {index} holds {found} bytes of pixels, and its rows need {needed}"
    ))
}

fn lzw(raw: &[u8], into: &mut [u8], index: usize) -> Result<(), NotAFrame> {
    match lzw::decode(raw, into) {
        Decoded::Full => Ok(()),
        Decoded::Short(found) => Err(too_short(index, found, into.len())),
        Decoded::Nonsense => Err(NotAFrame::damaged(format!("strip {index} is no LZW data"))),
    }
}

fn deflate(raw: &[u8], into: &mut [u8], index: usize) -> Result<(), NotAFrame> {
    let mut decoder = flate2::bufread::ZlibDecoder::new(raw);
    let no_data = |error: std::io::Error| {
        NotAFrame::damaged(format!("strip {index} does not inflate: {error}"))
    };
    let mut written = 0;
    while written < into.len() {
        match decoder.read(&mut into[written..]).map_err(no_data)? {
            0 => return Err(too_short(index, written, into.len())),
            more => written += more,
        }
    }
    // Going on to the end of the stream makes the decoder check its checksum.
    let more = decoder.read(&mut [0]).map_err(no_data)?;
    if more > 0 {
        return Err(NotAFrame::damaged(format!(
            "strip {index} holds more than its rows"
        )));
    }
    Ok(())
}

fn undo_differences(row: &mut [u8], channels: usize, bits: u8) {
    if bits == 8 {
        for at in channels..row.len() {
            row[at] = row[at].wrapping_add(row[at - channels]);
        }
        return;
    }
    for at in (channels * 2..row.len()).step_by(2) {
        let left = u16::from_le_bytes([row[at - channels * 2], row[at - channels * 2 + 1]]);
        let here = u16::from_le_bytes([row[at], row[at + 1]]);
        row[at..at + 2].copy_from_slice(&here.wrapping_add(left).to_le_bytes());
    }
}

/// Turns white-is-zero gray into black-is-zero; alpha, the second channel, stays.
fn invert(samples: &mut [u8], directory: &Directory) {
    let bytes = usize::from(directory.bits / 8);
    for pixel in samples.chunks_exact_mut(bytes * usize::from(directory.channels)) {
        pixel[..bytes].iter_mut().for_each(|byte| *byte = !*byte);
    }
}
