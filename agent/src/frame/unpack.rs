//! Answers for: a packed frame as a picture that can be put over a background. Must not: unpack more than a frame of the
//! expected size can hold.

use std::io::{self, Read};

use flatrender_protocol::message::Packing;

use super::decode;
use super::directory::{Alpha, Colors, Directory};
use super::error::NotAFrame;
use super::verify::Expect;

/// zstd at the levels in use needs 512 KiB; a frame that asks for more than 8 MiB (2²³) was not packed by an agent.
const WINDOW_LOG: u32 = 23;

/// A decoded frame: 8 bits a channel, red, green, blue and straight alpha.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Width, in pixels.
    pub width: u32,
    /// Height, in pixels.
    pub height: u32,
    /// 4 bytes a pixel, row by row.
    pub rgba: Vec<u8>,
}

/// Unpacks and decodes a frame. CPU-bound: call it off the async threads.
///
/// Premultiplied colours are divided by their alpha. Where the file has an alpha channel and does not say what it means, it is
/// premultiplied when no colour anywhere exceeds its alpha (After Effects' own template for TIFF sequences multiplies).
pub fn unpack(packed: &[u8], packing: Packing, expect: &Expect) -> Result<Picture, NotAFrame> {
    let file = match packing {
        Packing::ZstdTiff => unzstd(packed, expect.most_file_bytes())?,
    };
    let directory = expect.directory(&file)?;
    let samples = decode::samples(&file, &directory)?;
    Ok(Picture {
        width: directory.width,
        height: directory.height,
        rgba: to_rgba(&samples, &directory),
    })
}

fn unzstd(packed: &[u8], limit: u64) -> Result<Vec<u8>, NotAFrame> {
    let damaged = |source: io::Error| NotAFrame::Packing { source };
    let mut decoder = zstd::stream::read::Decoder::with_buffer(packed).map_err(damaged)?;
    decoder.window_log_max(WINDOW_LOG).map_err(damaged)?;
    let mut file = Vec::new();
    decoder
        .take(limit + 1)
        .read_to_end(&mut file)
        .map_err(damaged)?;
    if file.len() as u64 > limit {
        return Err(NotAFrame::TooLarge {
            what: "the unpacked frame",
            bytes: file.len() as u64,
            limit,
        });
    }
    Ok(file)
}

fn to_rgba(samples: &[u8], directory: &Directory) -> Vec<u8> {
    let eight: Vec<u8>;
    let samples = if directory.bits == 16 {
        eight = samples
            .as_chunks::<2>()
            .0
            .iter()
            .map(|&pair| to_eight(u16::from_le_bytes(pair)))
            .collect();
        &eight
    } else {
        samples
    };
    let mut rgba = match (directory.colors, directory.channels) {
        (Colors::Rgb, 4) => samples.to_vec(),
        (Colors::Rgb, _) => spread::<3>(samples, |p| [p[0], p[1], p[2], 255]),
        (Colors::Gray, 2) => spread::<2>(samples, |p| [p[0], p[0], p[0], p[1]]),
        (Colors::Gray, _) => spread::<1>(samples, |p| [p[0], p[0], p[0], 255]),
    };
    let premultiplied = match directory.alpha {
        Alpha::None | Alpha::Straight => false,
        Alpha::Premultiplied => true,
        Alpha::Unsaid => rgba
            .as_chunks::<4>()
            .0
            .iter()
            .all(|p| p[0].max(p[1]).max(p[2]) <= p[3]),
    };
    if premultiplied {
        rgba.as_chunks_mut::<4>().0.iter_mut().for_each(divide);
    }
    rgba
}

/// `round(value × 255 ÷ 65535)`, exactly.
fn to_eight(value: u16) -> u8 {
    ((u32::from(value) * 255 + 32_895) >> 16) as u8
}

fn spread<const BYTES: usize>(samples: &[u8], rgba: impl Fn(&[u8; BYTES]) -> [u8; 4]) -> Vec<u8> {
    samples
        .as_chunks::<BYTES>()
        .0
        .iter()
        .flat_map(rgba)
        .collect()
}

/// Undoes a premultiplication, rounded.
fn divide(pixel: &mut [u8; 4]) {
    let alpha = u32::from(pixel[3]);
    if alpha == 0 || alpha == 255 {
        return;
    }
    for color in &mut pixel[..3] {
        *color = ((u32::from(*color) * 255 + alpha / 2) / alpha).min(255) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_bits_become_eight_with_exact_rounding() {
        for value in 0..=u16::MAX {
            let exact = (f64::from(value) * 255.0 / 65535.0).round() as u8;
            assert_eq!(to_eight(value), exact, "{value}");
        }
    }
}
