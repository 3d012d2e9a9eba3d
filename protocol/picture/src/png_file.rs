//! Answers for: PNG files, decoded whole with every checksum checked; palettes and depths below 8 bits are expanded. Must not:
//! allocate before the header's size is believed.

use std::borrow::Cow;
use std::io::Cursor;

use png::{BitDepth, ColorType, DecodeOptions, Decoder, DecodingError, Transformations};

use crate::error::PictureError;
use crate::limits::{FileFormat, Limits};
use crate::picture::{Alpha, Depth, Picture};

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// What the decoder may allocate beside the samples: rows, and metadata such as profiles.
const BESIDE_BYTES: usize = 64 << 20;

pub(crate) fn decode<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Picture<'a>, PictureError> {
    whole(bytes)?;
    let mut options = DecodeOptions::default();
    options.set_ignore_checksums(false);
    options.set_skip_ancillary_crc_failures(false);
    options.set_ignore_text_chunk(true);
    options.set_ignore_iccp_chunk(true);
    let mut decoder = Decoder::new_with_options(Cursor::new(bytes), options);
    decoder.set_limits(png::Limits {
        bytes: BESIDE_BYTES,
    });
    decoder.set_transformations(Transformations::EXPAND);
    let header = decoder.read_header_info().map_err(no_data)?;
    limits.check_size(header.width, header.height)?;
    let (width, height) = (header.width, header.height);
    let mut reader = decoder.read_info().map_err(no_data)?;
    if reader.info().animation_control.is_some() {
        return Err(PictureError::Unsupported {
            format: FileFormat::Png,
            what: "it is animated".into(),
            way_out: "write one file a frame",
        });
    }
    let (color, bits) = reader.output_color_type();
    let channels = color.samples() as u8;
    let depth = match bits {
        BitDepth::Eight => Depth::Eight,
        BitDepth::Sixteen => Depth::Sixteen,
        BitDepth::One | BitDepth::Two | BitDepth::Four => {
            return Err(PictureError::damaged(format!(
                "its {bits:?} bits a channel are not expanded"
            )));
        }
    };
    let alpha = match color {
        ColorType::GrayscaleAlpha | ColorType::Rgba => Alpha::Straight,
        ColorType::Grayscale | ColorType::Rgb | ColorType::Indexed => Alpha::None,
    };
    limits.check_kind(depth.bits(), alpha != Alpha::None)?;
    let pixel_bytes = usize::from(channels) * depth.sample_bytes();
    limits.check_bytes(width, height, pixel_bytes as u64)?;
    let mut samples = vec![0; width as usize * height as usize * pixel_bytes];
    reader.next_frame(&mut samples).map_err(no_data)?;
    reader.finish().map_err(no_data)?;
    if depth == Depth::Sixteen {
        samples
            .as_chunks_mut::<2>()
            .0
            .iter_mut()
            .for_each(|pair| pair.swap(0, 1));
    }
    Ok(Picture {
        format: FileFormat::Png,
        width,
        height,
        channels,
        depth,
        alpha,
        samples: Cow::Owned(samples),
    })
}

fn no_data(error: DecodingError) -> PictureError {
    PictureError::damaged(format!("its PNG data can't be decoded: {error}"))
}

/// Walks the chunks (PNG, section 5.3: length, type, data, checksum): the last is `IEND`, and nothing follows it.
fn whole(bytes: &[u8]) -> Result<(), PictureError> {
    let begin = &bytes[..bytes.len().min(SIGNATURE.len())];
    if begin != SIGNATURE {
        return Err(if SIGNATURE.starts_with(begin) {
            PictureError::torn(bytes, "its signature is not all there")
        } else {
            PictureError::damaged("its signature was changed, as a transfer in text mode does")
        });
    }
    let mut at = SIGNATURE.len();
    loop {
        let Some((length, rest)) = bytes[at..].split_first_chunk::<4>() else {
            return Err(PictureError::torn(
                bytes,
                format!("a chunk should begin at {at}"),
            ));
        };
        let length = u32::from_be_bytes(*length) as usize;
        let kind = rest.get(..4);
        let Some(end) = kind
            .and(at.checked_add(12 + length))
            .filter(|&end| end <= bytes.len())
        else {
            return Err(PictureError::torn(
                bytes,
                format!("the chunk at {at} needs {length} bytes and a checksum"),
            ));
        };
        at = end;
        if kind == Some(b"IEND") {
            break;
        }
    }
    if at < bytes.len() {
        return Err(PictureError::Trailing {
            format: FileFormat::Png,
            end: at as u64,
            more: (bytes.len() - at) as u64,
        });
    }
    Ok(())
}
