//! Scaling by area: each pixel of the result is the mean of what it covers of the frame, weighed by how much of it. Colours
//! count as much as their alpha, so that what shines through leaves no fringe. It works a row at a time: beside the frame
//! and the result only two rows are held.

use crate::{Pixels, PreviewError};

/// The picture in another size; unchanged when it has that size. Larger than the frame, its pixels become blocks.
///
/// # Errors
/// [`PreviewError::Size`] when a side is 0.
pub fn scaled(from: &Pixels, width: u32, height: u32) -> Result<Pixels, PreviewError> {
    if (width, height) == (from.width, from.height) {
        return Ok(from.clone());
    }
    if width == 0 || height == 0 {
        let bytes = 0;
        return Err(PreviewError::Size {
            width,
            height,
            bytes,
        });
    }
    let columns = spans(from.width, width);
    let rows = spans(from.height, height);
    let row_bytes = from.width as usize * 4;
    let mut rgba = Vec::with_capacity(width as usize * height as usize * 4);
    let mut sum = vec![[0.0_f32; 4]; width as usize];
    for row in &rows {
        sum.fill([0.0; 4]);
        for (index, weight) in row.parts() {
            let line = &from.rgba[index * row_bytes..(index + 1) * row_bytes];
            add_row(line, &columns, weight, &mut sum);
        }
        rgba.extend(sum.iter().flat_map(|pixel| straight(*pixel)));
    }
    Pixels::new(width, height, rgba)
}

/// What one pixel of the result covers in one direction.
struct Covered {
    first: usize,
    /// Of the first, of those between, of the last; they add up to 1.
    weights: [f32; 3],
    last: usize,
}

impl Covered {
    fn parts(&self) -> impl Iterator<Item = (usize, f32)> + '_ {
        (self.first..=self.last).map(|index| {
            let [first, between, last] = self.weights;
            let weight = if index == self.first {
                first
            } else if index == self.last {
                last
            } else {
                between
            };
            (index, weight)
        })
    }
}

/// In integers, so that no rounding leaves the frame.
fn spans(from: u32, to: u32) -> Vec<Covered> {
    let (from, to) = (u64::from(from), u64::from(to));
    let part = |units: u64| units as f32 / from as f32;
    (0..to)
        .map(|at| {
            // In units of 1 / to of a pixel of the frame; each pixel of the result covers `from` of them.
            let (begin, end) = (at * from, (at + 1) * from);
            let (first, last) = (begin / to, (end - 1) / to);
            let weights = if first == last {
                [1.0, 0.0, 0.0]
            } else {
                [
                    part((first + 1) * to - begin),
                    part(to),
                    part(end - last * to),
                ]
            };
            Covered {
                first: first as usize,
                weights,
                last: last as usize,
            }
        })
        .collect()
}

fn add_row(line: &[u8], columns: &[Covered], weight: f32, sum: &mut [[f32; 4]]) {
    let (pixels, _) = line.as_chunks::<4>();
    for (column, sum) in columns.iter().zip(sum) {
        let mut mean = [0.0_f32; 4];
        for (index, part) in column.parts() {
            let [red, green, blue, alpha] = pixels[index].map(f32::from);
            let alpha = alpha * part;
            mean[0] += red * alpha;
            mean[1] += green * alpha;
            mean[2] += blue * alpha;
            mean[3] += alpha;
        }
        for (sum, mean) in sum.iter_mut().zip(mean) {
            *sum += mean * weight;
        }
    }
}

/// Colours that were multiplied by their alpha (0 … 255), divided again.
fn straight([red, green, blue, alpha]: [f32; 4]) -> [u8; 4] {
    let byte = |value: f32| value.round().clamp(0.0, 255.0) as u8;
    if alpha < 0.5 {
        return [0; 4];
    }
    [
        byte(red / alpha),
        byte(green / alpha),
        byte(blue / alpha),
        byte(alpha),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(width: u32, values: &[u8]) -> Pixels {
        let rgba: Vec<u8> = values.iter().flat_map(|v| [*v, *v, *v, 255]).collect();
        let height = u32::try_from(values.len()).unwrap() / width;
        Pixels::new(width, height, rgba).unwrap()
    }

    fn reds(picture: &Pixels) -> Vec<u8> {
        picture
            .rgba()
            .chunks_exact(4)
            .map(|pixel| pixel[0])
            .collect()
    }

    #[test]
    fn each_pixel_is_the_mean_of_what_it_covers() {
        let four = grey(4, &[0, 100, 200, 40, 0, 100, 200, 40]);
        assert_eq!(reds(&scaled(&four, 2, 1).unwrap()), [50, 120]);
        // Three pixels over two: the middle one counts half for each.
        let three = grey(3, &[90, 30, 0]);
        assert_eq!(reds(&scaled(&three, 2, 1).unwrap()), [70, 10]);
        assert_eq!(reds(&scaled(&three, 1, 1).unwrap()), [40]);
        assert_eq!(reds(&scaled(&three, 6, 1).unwrap()), [90, 90, 30, 30, 0, 0]);
        assert_eq!(scaled(&three, 3, 1).unwrap(), three);
        assert!(scaled(&three, 0, 1).is_err());
    }

    #[test]
    fn a_flat_picture_stays_flat_at_every_size() {
        let flat = Pixels::new(37, 23, [9, 200, 31, 128].repeat(37 * 23)).unwrap();
        for (width, height) in [(1, 1), (5, 23), (36, 22), (38, 24), (101, 7)] {
            let scaled = scaled(&flat, width, height).unwrap();
            assert_eq!((scaled.width(), scaled.height()), (width, height));
            let all = scaled
                .rgba()
                .chunks_exact(4)
                .all(|it| it == [9, 200, 31, 128]);
            assert!(all, "{width} × {height}");
        }
    }

    #[test]
    fn what_is_clear_gives_no_colour_to_its_neighbours() {
        let rgba = vec![255, 0, 0, 255, 0, 255, 0, 0];
        let half = scaled(&Pixels::new(2, 1, rgba).unwrap(), 1, 1).unwrap();
        assert_eq!(half.rgba(), [255, 0, 0, 128]);
        let clear = Pixels::new(2, 1, vec![7, 7, 7, 0, 8, 8, 8, 0]).unwrap();
        assert_eq!(scaled(&clear, 1, 1).unwrap().rgba(), [0; 4]);
    }
}
