//! Answers for: what is measured on a picture: mean luma over black, a 64-bit difference hash (9 × 8 cells of mean luma; each bit
//! says whether a cell is darker than the one on its right), the luma of these cells, and what holds for every pixel (flags). Must not:
//! judge, allocate by pixel.
//!
//! Luma, hash and cells are of every row up to 540, of every second to 810, and so on (270 to 540 rows are looked at): what they are
//! for does not hang on single rows. Flags are of every pixel.

use std::ops::Range;

use flatrender_protocol::message::{Measures, PictureFlags};

use crate::picture::{Alpha, Depth, Picture};

/// Cells across.
const COLUMNS: usize = 9;
/// Cells down.
const ROWS: usize = 8;
/// At least so many rows are looked at, where there are as many.
const FEWEST_ROWS: u32 = 270;

/// Luma weights of BT.709 in 1/256ths; they add up to 256.
const RED: u32 = 54;
const GREEN: u32 = 183;
const BLUE: u32 = 19;

/// Bytes that are scanned before it is asked whether going on can change anything.
const SCAN_BYTES: usize = 48 * 1024;

/// Luma of white: weights × 255 × an alpha of 255.
const WHITE: u64 = 256 * 255 * 255;

#[derive(Clone, Copy, Default)]
struct Cell {
    sum: u64,
    pixels: u64,
}

type Cells = [[Cell; COLUMNS]; ROWS];

/// Measures a picture. 16-bit samples count by their upper 8 bits; linear light as sRGB shows it.
pub fn measure(picture: &Picture<'_>) -> Measures {
    let cells = cells(picture);
    let all = cells.as_flattened();
    let sum: u64 = all.iter().map(|cell| cell.sum).sum();
    let pixels: u64 = all.iter().map(|cell| cell.pixels).sum();
    let mean_luma = sum as f64 / (pixels.max(1) * WHITE) as f64;
    Measures {
        width: picture.width,
        height: picture.height,
        bits: picture.depth.bits(),
        alpha: picture.alpha != Alpha::None,
        mean_luma: mean_luma as f32,
        perceptual_hash: difference_hash(&cells),
        flags: flags(picture),
        thumbnail: thumbnail(&cells),
    }
}

fn cells(picture: &Picture<'_>) -> Cells {
    let width = picture.width as usize;
    let pixel_bytes = picture.pixel_bytes();
    let edges: [Range<usize>; COLUMNS] =
        std::array::from_fn(|column| column * width / COLUMNS..(column + 1) * width / COLUMNS);
    let mut cells = [[Cell::default(); COLUMNS]; ROWS];
    let step = (picture.height / FEWEST_ROWS).max(1);
    let float = picture.depth.is_float().then(|| picture.is_premultiplied());
    let mut shown = Vec::new();
    for y in (0..picture.height).step_by(step as usize) {
        let cells = &mut cells[y as usize * ROWS / picture.height as usize];
        if let Some(premultiplied) = float {
            picture.row_over_black(y, premultiplied, &mut shown);
        }
        let row = &picture.samples[y as usize * width * pixel_bytes..][..width * pixel_bytes];
        for (cell, edge) in cells.iter_mut().zip(&edges) {
            cell.pixels += edge.len() as u64;
            cell.sum += if float.is_some() {
                shown[edge.clone()].iter().map(shown_luma).sum()
            } else {
                luma_sum(
                    &row[edge.start * pixel_bytes..edge.end * pixel_bytes],
                    picture,
                )
            };
        }
    }
    cells
}

fn difference_hash(cells: &Cells) -> u64 {
    let mut hash = 0;
    for row in cells {
        for pair in row.windows(2) {
            let (left, right) = (pair[0], pair[1]);
            // left.sum / left.pixels < right.sum / right.pixels, without the divisions; empty cells are never darker
            let darker = u128::from(left.sum) * u128::from(right.pixels)
                < u128::from(right.sum) * u128::from(left.pixels);
            hash = hash << 1 | u64::from(darker);
        }
    }
    hash
}

fn thumbnail(cells: &Cells) -> [[u8; COLUMNS]; ROWS] {
    cells.map(|row| row.map(|cell| (cell.sum * 255 / (cell.pixels.max(1) * WHITE)) as u8))
}

fn shown_luma(pixel: &[f32; 4]) -> u64 {
    let luma = 0.2126 * pixel[0] + 0.7152 * pixel[1] + 0.0722 * pixel[2];
    (f64::from(luma) * WHITE as f64) as u64
}

/// Sum of luma × 256 × 255 over a run of pixels of whole numbers, over black.
fn luma_sum(run: &[u8], picture: &Picture<'_>) -> u64 {
    let over_black = picture.alpha != Alpha::Premultiplied;
    match (picture.channels, picture.depth == Depth::Eight) {
        (4, true) if over_black => sum::<4>(run, |p| rgb(p[0], p[1], p[2]) * u32::from(p[3])),
        (4, true) => sum::<4>(run, |p| rgb(p[0], p[1], p[2]) * 255),
        (3, true) => sum::<3>(run, |p| rgb(p[0], p[1], p[2]) * 255),
        (4, false) if over_black => sum::<8>(run, |p| rgb(p[1], p[3], p[5]) * u32::from(p[7])),
        (4, false) => sum::<8>(run, |p| rgb(p[1], p[3], p[5]) * 255),
        (3, false) => sum::<6>(run, |p| rgb(p[1], p[3], p[5]) * 255),
        (2, true) if over_black => sum::<2>(run, |p| gray(p[0]) * u32::from(p[1])),
        (2, true) => sum::<2>(run, |p| gray(p[0]) * 255),
        (_, true) => sum::<1>(run, |p| gray(p[0]) * 255),
        (2, false) if over_black => sum::<4>(run, |p| gray(p[1]) * u32::from(p[3])),
        (2, false) => sum::<4>(run, |p| gray(p[1]) * 255),
        (_, false) => sum::<2>(run, |p| gray(p[1]) * 255),
    }
}

/// At most 256 × 255 × 255 a pixel, so that 64 bits hold the sum of any picture, and 32 that of 256 pixels.
fn sum<const BYTES: usize>(run: &[u8], luma: impl Fn(&[u8; BYTES]) -> u32) -> u64 {
    let (pixels, _) = run.as_chunks::<BYTES>();
    pixels
        .chunks(256)
        .map(|some| u64::from(some.iter().map(&luma).sum::<u32>()))
        .sum()
}

fn rgb(red: u8, green: u8, blue: u8) -> u32 {
    RED * u32::from(red) + GREEN * u32::from(green) + BLUE * u32::from(blue)
}

fn gray(value: u8) -> u32 {
    256 * u32::from(value)
}

/// What every pixel was found to be so far.
#[derive(Clone, Copy)]
struct Seen {
    all_opaque: bool,
    all_transparent: bool,
    all_black: bool,
}

fn flags(picture: &Picture<'_>) -> PictureFlags {
    let samples = &*picture.samples;
    let pixel_bytes = picture.pixel_bytes();
    let first = samples.len().min(pixel_bytes);
    let seen = match (picture.depth, picture.channels) {
        (Depth::Eight, 4) => scan::<4>(samples, |p| (p[0] | p[1] | p[2], p[3])),
        (Depth::Eight, 2) => scan::<2>(samples, |p| (p[0], p[1])),
        (Depth::Eight, _) => opaque(samples),
        (Depth::Sixteen, 4) => scan::<8>(samples, |p| {
            let color = p[0] | p[1] | p[2] | p[3] | p[4] | p[5];
            (color, alpha_byte(p[6], p[7]))
        }),
        (Depth::Sixteen, 2) => scan::<4>(samples, |p| (p[0] | p[1], alpha_byte(p[2], p[3]))),
        (Depth::Sixteen, _) => opaque(samples),
        (Depth::Half | Depth::Float, 4) => scan::<16>(samples, |p| {
            let value = |at: usize| f32::from_le_bytes([p[at], p[at + 1], p[at + 2], p[at + 3]]);
            (
                light(value(0)) | light(value(4)) | light(value(8)),
                opacity(value(12)),
            )
        }),
        (Depth::Half | Depth::Float, 2) => scan::<8>(samples, |p| {
            let value = |at: usize| f32::from_le_bytes([p[at], p[at + 1], p[at + 2], p[at + 3]]);
            (light(value(0)), opacity(value(4)))
        }),
        (Depth::Half | Depth::Float, _) => {
            scan::<4>(samples, |p| (light(f32::from_le_bytes(*p)), 255))
        }
    };
    PictureFlags {
        float: picture.depth.is_float(),
        alpha_used: !seen.all_opaque,
        black: seen.all_black,
        transparent: seen.all_transparent,
        // Every pixel is the one before it; two places of one slice are compared at the speed of memory, up to the first difference.
        flat: samples[first..] == samples[..samples.len() - first],
    }
}

/// 0 for none, 255 for all, between for between: what the scan tells apart.
fn alpha_byte(low: u8, high: u8) -> u8 {
    match (low, high) {
        (0, 0) => 0,
        (255, 255) => 255,
        _ => 128,
    }
}

fn light(value: f32) -> u8 {
    // (What is no number is not brighter than black.)
    u8::from(value > 0.0)
}

fn opacity(value: f32) -> u8 {
    if value >= 1.0 {
        255
    } else if value > 0.0 {
        128
    } else {
        0
    }
}

/// Pictures without alpha: every sample is light.
fn opaque(samples: &[u8]) -> Seen {
    Seen {
        all_opaque: true,
        all_transparent: false,
        all_black: samples
            .chunks(SCAN_BYTES)
            .all(|some| some.iter().fold(0, |all, byte| all | byte) == 0),
    }
}

/// Looks at pixels until nothing more can be learned; `of` gives what is light in a pixel, and its alpha.
fn scan<const BYTES: usize>(samples: &[u8], of: impl Fn(&[u8; BYTES]) -> (u8, u8)) -> Seen {
    let mut seen = Seen {
        all_opaque: true,
        all_transparent: true,
        all_black: true,
    };
    for some in samples.as_chunks::<BYTES>().0.chunks(SCAN_BYTES / BYTES) {
        if !seen.all_transparent && !seen.all_black {
            // Most pictures get here at once; one fold of one byte is what the processor does sixteen pixels at a time.
            seen.all_opaque = some.iter().fold(255, |least, pixel| least & of(pixel).1) == 255;
            if !seen.all_opaque {
                break;
            }
            continue;
        }
        let (mut least, mut most, mut brightest) = (255_u8, 0_u8, 0_u8);
        for pixel in some {
            let (light, alpha) = of(pixel);
            least &= alpha;
            most |= alpha;
            brightest |= if alpha == 0 { 0 } else { light };
        }
        seen.all_opaque &= least == 255;
        seen.all_transparent &= most == 0;
        seen.all_black &= brightest == 0;
        if !seen.all_opaque && !seen.all_transparent && !seen.all_black {
            break;
        }
    }
    seen
}
