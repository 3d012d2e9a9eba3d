//! Answers for: what is measured on a picture: mean luma over black, and a 64-bit difference hash (9 × 8 cells of mean luma; each
//! bit says whether a cell is darker than the one on its right). Must not: allocate by pixel, judge.

use std::ops::Range;

use super::directory::{Alpha, Colors, Directory};

const COLUMNS: usize = 9;
const ROWS: usize = 8;

/// Luma weights of BT.709 in 1/256ths; they add up to 256.
const RED: u32 = 54;
const GREEN: u32 = 183;
const BLUE: u32 = 19;

/// What [`measure`] found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Measured {
    /// 0 … 1.
    pub mean_luma: f32,
    pub hash: u64,
}

#[derive(Clone, Copy, Default)]
struct Cell {
    sum: u64,
    pixels: u64,
}

/// Measures decoded samples. 16-bit samples count by their upper 8 bits.
pub(super) fn measure(samples: &[u8], directory: &Directory) -> Measured {
    let width = directory.width as usize;
    let height = directory.height as usize;
    let pixel_bytes = usize::from(directory.channels) * usize::from(directory.bits / 8);
    let edges: [Range<usize>; COLUMNS] = std::array::from_fn(|column| {
        column * width / COLUMNS * pixel_bytes..(column + 1) * width / COLUMNS * pixel_bytes
    });
    let mut cells = [[Cell::default(); COLUMNS]; ROWS];
    for (y, row) in samples.chunks_exact(width * pixel_bytes).enumerate() {
        let cells = &mut cells[y * ROWS / height];
        for (cell, edge) in cells.iter_mut().zip(&edges) {
            cell.sum += luma_sum(&row[edge.clone()], directory);
            cell.pixels += (edge.len() / pixel_bytes) as u64;
        }
    }
    let total: u64 = cells.as_flattened().iter().map(|cell| cell.sum).sum();
    let whitest = (width * height) as f64 * 256.0 * 255.0 * 255.0;
    Measured {
        mean_luma: (total as f64 / whitest) as f32,
        hash: difference_hash(&cells),
    }
}

fn difference_hash(cells: &[[Cell; COLUMNS]; ROWS]) -> u64 {
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

/// Sum of luma × 256 × 255 over a run of pixels, over black.
fn luma_sum(run: &[u8], directory: &Directory) -> u64 {
    let over_black = directory.alpha != Alpha::Premultiplied;
    match (directory.colors, directory.channels, directory.bits) {
        (Colors::Rgb, 4, 8) if over_black => {
            sum::<4>(run, |p| rgb(p[0], p[1], p[2]) * u32::from(p[3]))
        }
        (Colors::Rgb, 4, 8) => sum::<4>(run, |p| rgb(p[0], p[1], p[2]) * 255),
        (Colors::Rgb, _, 8) => sum::<3>(run, |p| rgb(p[0], p[1], p[2]) * 255),
        (Colors::Rgb, 4, _) if over_black => {
            sum::<8>(run, |p| rgb(p[1], p[3], p[5]) * u32::from(p[7]))
        }
        (Colors::Rgb, 4, _) => sum::<8>(run, |p| rgb(p[1], p[3], p[5]) * 255),
        (Colors::Rgb, _, _) => sum::<6>(run, |p| rgb(p[1], p[3], p[5]) * 255),
        (Colors::Gray, 2, 8) if over_black => sum::<2>(run, |p| gray(p[0]) * u32::from(p[1])),
        (Colors::Gray, 2, 8) => sum::<2>(run, |p| gray(p[0]) * 255),
        (Colors::Gray, _, 8) => sum::<1>(run, |p| gray(p[0]) * 255),
        (Colors::Gray, 2, _) if over_black => sum::<4>(run, |p| gray(p[1]) * u32::from(p[3])),
        (Colors::Gray, 2, _) => sum::<4>(run, |p| gray(p[1]) * 255),
        (Colors::Gray, _, _) => sum::<2>(run, |p| gray(p[1]) * 255),
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
