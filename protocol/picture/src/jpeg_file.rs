//! Answers for: JPEG files (ITU-T T.81), baseline and progressive, 8 bits, gray or three colours, decoded whole. Must not: guess
//! pixels that are not there, as viewers do.

use std::borrow::Cow;

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::error::PictureError;
use crate::limits::{FileFormat, Limits};
use crate::picture::{Alpha, Depth, Picture};

/// Scans of a progressive picture; encoders write about ten. Each costs a pass over all coefficients.
const MOST_SCANS: usize = 64;

/// What the frame header says (T.81, B.2.2).
struct Frame {
    width: u32,
    height: u32,
    channels: u8,
}

pub(crate) fn decode<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Picture<'a>, PictureError> {
    let frame = whole(bytes, limits)?;
    let colors = if frame.channels == 1 {
        ColorSpace::Luma
    } else {
        ColorSpace::RGB
    };
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(frame.width as usize)
        .set_max_height(frame.height as usize)
        .jpeg_set_max_scans(MOST_SCANS)
        .jpeg_set_out_colorspace(colors);
    let no_data = |error| PictureError::damaged(format!("its JPEG data can't be decoded: {error}"));
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(no_data)?;
    let needed = frame.width as usize * frame.height as usize * usize::from(frame.channels);
    if decoder.output_buffer_size() != Some(needed) {
        return Err(PictureError::damaged(
            "it has a second frame header of another size",
        ));
    }
    let mut samples = vec![0; needed];
    decoder.decode_into(&mut samples).map_err(no_data)?;
    Ok(Picture {
        format: FileFormat::Jpeg,
        width: frame.width,
        height: frame.height,
        channels: frame.channels,
        depth: Depth::Eight,
        alpha: Alpha::None,
        samples: Cow::Owned(samples),
    })
}

/// Walks the markers (T.81, B.1.1): a frame header of a kind that is read, at least one scan, and the end of the image as the
/// last bytes of the file.
fn whole(bytes: &[u8], limits: &Limits) -> Result<Frame, PictureError> {
    let mut at = 2;
    let mut frame = None;
    loop {
        let (marker, behind) = marker(bytes, at)?;
        at = behind;
        match marker {
            0xD9 => break,
            // Restarts and `TEM` have no segment; escaped bytes are data.
            0x00 | 0x01 | 0xD0..=0xD7 => continue,
            0xD8 => {
                return Err(PictureError::damaged(
                    "a second picture begins before the first has ended",
                ));
            }
            _ => {}
        }
        let segment = segment(bytes, at)?;
        at += segment.len() + 2;
        match marker {
            0xC0..=0xC2 if frame.is_some() => {
                return Err(PictureError::damaged("it has two frame headers"));
            }
            0xC0..=0xC2 => frame = Some(frame_header(segment, limits)?),
            0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF => {
                return Err(unsupported(format!("its coding process is {marker:#04X}")));
            }
            0xDA => at = end_of_scan(bytes, at)?,
            _ => {}
        }
    }
    if at < bytes.len() {
        return Err(PictureError::Trailing {
            format: FileFormat::Jpeg,
            end: at as u64,
            more: (bytes.len() - at) as u64,
        });
    }
    frame.ok_or_else(|| PictureError::damaged("it has no frame header"))
}

/// The marker at `at`, fill bytes skipped, and where what follows it begins.
fn marker(bytes: &[u8], at: usize) -> Result<(u8, usize), PictureError> {
    let rest = bytes.get(at..).unwrap_or(&[]);
    let fill = rest.iter().take_while(|&&byte| byte == 0xFF).count();
    match rest.get(fill) {
        None => Err(PictureError::torn(
            bytes,
            format!("the end of the picture is not there; a marker is needed at {at}"),
        )),
        Some(_) if fill == 0 => Err(PictureError::damaged(format!(
            "byte {at} should begin a marker"
        ))),
        Some(&marker) => Ok((marker, at + fill + 1)),
    }
}

/// What a segment holds, without its length.
fn segment(bytes: &[u8], at: usize) -> Result<&[u8], PictureError> {
    let torn = || PictureError::torn(bytes, format!("the segment at {at} is not all there"));
    let length = bytes.get(at..at + 2).ok_or_else(torn)?;
    let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
    if length < 2 {
        return Err(PictureError::damaged(format!(
            "the segment at {at} says that it has {length} bytes"
        )));
    }
    bytes.get(at + 2..at + length).ok_or_else(torn)
}

/// Where entropy-coded data that begins at `at` ends: at the next marker that is no restart.
fn end_of_scan(bytes: &[u8], mut at: usize) -> Result<usize, PictureError> {
    while let Some(found) = bytes[at..].iter().position(|&byte| byte == 0xFF) {
        at += found;
        match bytes.get(at + 1) {
            Some(0x00 | 0xD0..=0xD7) => at += 2,
            Some(_) => return Ok(at),
            None => break,
        }
    }
    Err(PictureError::torn(
        bytes,
        "the data of its last scan does not end",
    ))
}

fn frame_header(segment: &[u8], limits: &Limits) -> Result<Frame, PictureError> {
    let [bits, high, low, wide, narrow, channels, ..] = *segment else {
        return Err(PictureError::damaged("its frame header is too short"));
    };
    let height = u32::from(u16::from_be_bytes([high, low]));
    let width = u32::from(u16::from_be_bytes([wide, narrow]));
    if bits != 8 {
        return Err(PictureError::UnsupportedDepth {
            found: format!("{bits} bits (JPEG)"),
        });
    }
    match channels {
        1 | 3 => {}
        4 => return Err(unsupported("it has four channels (CMYK)".into())),
        other => return Err(unsupported(format!("it has {other} channels"))),
    }
    limits.check_size(width, height)?;
    limits.check_kind(8, false)?;
    // A progressive picture's coefficients take two bytes each until it is done.
    limits.check_bytes(width, height, u64::from(channels) * 3)?;
    Ok(Frame {
        width,
        height,
        channels,
    })
}

fn unsupported(what: String) -> PictureError {
    PictureError::Unsupported {
        format: FileFormat::Jpeg,
        what,
        way_out: "use baseline or progressive JPEG in gray or RGB",
    }
}
