//! Answers for: a decoded frame as the bytes that ffmpeg gets (red, green, blue; over the background; padded), and a thumbnail of
//! them to compare the finished film with. Pure, CPU-bound.

use crate::frame::Picture;

/// Cells of a thumbnail, each way, where the picture has as many pixels.
const CELLS: u32 = 8;

/// The mean colours of a frame's cells: what the finished film must show.
pub(super) type Thumbnail = Vec<u8>;

/// Cells across and down for a film of this size.
pub(super) fn cells(size: (u32, u32)) -> (u32, u32) {
    (size.0.min(CELLS), size.1.min(CELLS))
}

/// The picture over `background`, its last column and row repeated `padded` times.
pub(super) fn compose(picture: &Picture, background: [u8; 3], padded: (u8, u8)) -> Vec<u8> {
    let (width, columns) = (picture.width as usize, usize::from(padded.0));
    let row_bytes = (width + columns) * 3;
    let rows = picture.height as usize + usize::from(padded.1);
    let mut out = Vec::with_capacity(row_bytes * rows);
    for row in picture.rgba.chunks_exact(width * 4) {
        for pixel in row.as_chunks::<4>().0 {
            out.extend_from_slice(&over(*pixel, background));
        }
        let last = out.len() - 3;
        for _ in 0..columns {
            out.extend_from_within(last..last + 3);
        }
    }
    let last = out.len() - row_bytes;
    for _ in 0..padded.1 {
        out.extend_from_within(last..last + row_bytes);
    }
    out
}

/// Straight alpha over an opaque background, rounded to the nearest.
fn over(pixel: [u8; 4], background: [u8; 3]) -> [u8; 3] {
    let [red, green, blue, alpha] = pixel;
    match alpha {
        255 => [red, green, blue],
        0 => background,
        _ => {
            let mix = |color: u8, behind: u8| {
                let sum = u32::from(color) * u32::from(alpha)
                    + u32::from(behind) * u32::from(255 - alpha);
                ((sum + 127) / 255) as u8
            };
            [
                mix(red, background[0]),
                mix(green, background[1]),
                mix(blue, background[2]),
            ]
        }
    }
}

/// Mean colours of the cells of a composed frame.
pub(super) fn thumbnail(rgb: &[u8], size: (u32, u32)) -> Thumbnail {
    let (across, down) = cells(size);
    let (width, height) = (size.0 as usize, size.1 as usize);
    let (across, down) = (across as usize, down as usize);
    let mut sums = vec![[0_u64; 3]; across * down];
    let mut pixels = vec![0_u64; across * down];
    for (y, row) in rgb.chunks_exact(width * 3).enumerate() {
        let line = y * down / height * across;
        for cell in 0..across {
            let (from, to) = (cell * width / across, (cell + 1) * width / across);
            let [mut red, mut green, mut blue] = [0_u64; 3];
            for pixel in row[from * 3..to * 3].as_chunks::<3>().0 {
                red += u64::from(pixel[0]);
                green += u64::from(pixel[1]);
                blue += u64::from(pixel[2]);
            }
            let sum = &mut sums[line + cell];
            *sum = [sum[0] + red, sum[1] + green, sum[2] + blue];
            pixels[line + cell] += (to - from) as u64;
        }
    }
    let mean = |(sum, count): (&[u64; 3], &u64)| sum.map(|sum| (sum / (*count).max(1)) as u8);
    sums.iter().zip(&pixels).flat_map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alpha_is_rounded_to_the_nearest() {
        for color in [0, 1, 127, 200, 255_u8] {
            for behind in [0, 64, 255_u8] {
                for alpha in 0..=255_u8 {
                    let part = f64::from(alpha) / 255.0;
                    let exact = f64::from(color) * part + f64::from(behind) * (1.0 - part);
                    let found = over([color, 0, 0, alpha], [behind, 0, 0])[0];
                    assert!(
                        (f64::from(found) - exact).abs() <= 0.500_001,
                        "{color} {behind} {alpha}"
                    );
                }
            }
        }
    }

    #[test]
    fn padding_repeats_the_last_column_and_row() {
        let picture = Picture {
            width: 1,
            height: 1,
            rgba: vec![1, 2, 3, 255],
        };
        assert_eq!(compose(&picture, [0; 3], (1, 1)), [1, 2, 3].repeat(4));
        let picture = Picture {
            width: 2,
            height: 1,
            rgba: vec![1, 2, 3, 255, 4, 5, 6, 0],
        };
        assert_eq!(
            compose(&picture, [7, 8, 9], (0, 1)),
            [1, 2, 3, 7, 8, 9, 1, 2, 3, 7, 8, 9]
        );
    }

    #[test]
    fn a_thumbnail_holds_the_mean_of_each_cell() {
        // Two cells would be 8 × 1; a picture of 16 × 2 has cells of 2 × 1 pixels.
        let rgb: Vec<u8> = (0..16 * 2_u8).flat_map(|at| [at, 100, at * 2]).collect();
        let cells = thumbnail(&rgb, (16, 2));
        assert_eq!(cells.len(), 8 * 2 * 3);
        assert_eq!(cells[..6], [0, 100, 1, 2, 100, 5]);
    }
}
