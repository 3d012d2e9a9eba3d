//! Answers for: drawing rectangles, discs, rings and letters into 8-bit RGBA pixels. Everything is clipped at the edges.
//! Must not: know what is drawn.

use crate::font;

/// Red, green, blue.
pub type Colour = [u8; 3];

/// A picture under work.
#[derive(Debug, Clone)]
pub struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Canvas {
    /// A transparent black picture.
    #[must_use]
    pub fn new(width: usize, height: usize) -> Self {
        Self {
            width,
            height,
            pixels: vec![0; width * height * 4],
        }
    }

    /// Pixels across.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Pixels down.
    #[must_use]
    pub fn height(&self) -> usize {
        self.height
    }

    /// The pixels, row by row, four bytes each.
    #[must_use]
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// The pixels for somebody who paints by himself.
    pub fn pixels_mut(&mut self) -> &mut [u8] {
        &mut self.pixels
    }

    /// The samples at 16 bits. Between black and white the lower byte differs from pixel to pixel, so that whoever cuts it off is
    /// found out; the upper one is the sample at 8 bits.
    pub fn deep_samples(&self) -> impl Iterator<Item = u16> {
        self.pixels.iter().enumerate().map(|(at, &sample)| {
            let upper = u16::from(sample) << 8;
            match sample {
                0 | 255 => upper | u16::from(sample),
                _ => upper | (at as u16).wrapping_mul(167) & 0xff,
            }
        })
    }

    /// A part of it: left, top, width and height, which lie inside.
    #[must_use]
    pub fn window(&self, (left, top, width, height): (usize, usize, usize, usize)) -> Self {
        let mut part = Self::new(width, height);
        let rows = self.pixels.chunks_exact((self.width * 4).max(4)).skip(top);
        for (to, from) in part.pixels.chunks_exact_mut((width * 4).max(4)).zip(rows) {
            to.copy_from_slice(&from[left * 4..(left + width) * 4]);
        }
        part
    }

    /// With noise in the right half of the lower half, where it is below the row `top`.
    #[must_use]
    pub fn with_noise(mut self, top: usize, mut noise: impl FnMut() -> Colour) -> Self {
        let (left, top) = (self.width / 2, top.max(self.height / 2));
        for row in self
            .pixels
            .chunks_exact_mut((self.width * 4).max(4))
            .skip(top)
        {
            for pixel in row.chunks_exact_mut(4).skip(left) {
                pixel[..3].copy_from_slice(&noise());
            }
        }
        self
    }

    /// Fills everything, from `top` in the upper left to `bottom` in the lower right corner.
    pub fn gradient(&mut self, top: Colour, bottom: Colour) {
        let longest = (self.width + self.height).max(1) as u32;
        for y in 0..self.height {
            let row = &mut self.pixels[y * self.width * 4..(y + 1) * self.width * 4];
            for (x, pixel) in row.chunks_exact_mut(4).enumerate() {
                let share = (x + y) as u32 * 256 / longest;
                for channel in 0..3 {
                    pixel[channel] = mix(top[channel], bottom[channel], share);
                }
                pixel[3] = 255;
            }
        }
    }

    /// Fills a rectangle; `share` of 256 is opaque.
    pub fn rectangle(
        &mut self,
        (left, top): (i32, i32),
        (width, height): (i32, i32),
        colour: Colour,
        share: u32,
    ) {
        let across = clip(left, left.saturating_add(width), self.width);
        for y in clip(top, top.saturating_add(height), self.height) {
            for x in across.clone() {
                self.blend(x, y, colour, share);
            }
        }
    }

    /// Draws a disc with a soft edge.
    pub fn disc(&mut self, (x, y): (f32, f32), radius: f32, colour: Colour, share: u32) {
        self.band((x, y), 0.0, radius, colour, share);
    }

    /// Draws a ring of one `thickness`, with soft edges.
    pub fn ring(
        &mut self,
        centre: (f32, f32),
        radius: f32,
        thickness: f32,
        colour: Colour,
        share: u32,
    ) {
        self.band(centre, radius - thickness, radius, colour, share);
    }

    /// What lies between two circles of one centre.
    fn band(&mut self, (x, y): (f32, f32), inner: f32, outer: f32, colour: Colour, share: u32) {
        let across = clip((x - outer) as i32 - 1, (x + outer) as i32 + 2, self.width);
        for py in clip((y - outer) as i32 - 1, (y + outer) as i32 + 2, self.height) {
            for px in across.clone() {
                let (dx, dy) = (px as f32 + 0.5 - x, py as f32 + 0.5 - y);
                let distance = (dx * dx + dy * dy).sqrt();
                let mut cover = (outer - distance + 0.5).clamp(0.0, 1.0);
                if inner > 0.0 {
                    cover = cover.min((distance - inner + 0.5).clamp(0.0, 1.0));
                }
                if cover > 0.0 {
                    self.blend(px, py, colour, (cover * share as f32) as u32);
                }
            }
        }
    }

    /// Writes `text` with dots of `dot` pixels, its upper left corner at the given place, with a shadow under it.
    pub fn text(&mut self, (left, top): (i32, i32), dot: i32, text: &str, colour: Colour) {
        let shadow = (dot / 3).max(1);
        self.letters((left + shadow, top + shadow), dot, text, [0, 0, 0], 140);
        self.letters((left, top), dot, text, colour, 256);
    }

    fn letters(
        &mut self,
        (left, top): (i32, i32),
        dot: i32,
        text: &str,
        colour: Colour,
        share: u32,
    ) {
        let mut x = left;
        for letter in text.chars() {
            if x > self.width as i32 {
                break;
            }
            for (row, bits) in font::glyph(letter).into_iter().enumerate() {
                for column in 0..font::WIDTH {
                    if bits >> (font::WIDTH - 1 - column) & 1 == 1 {
                        let corner = (x + column as i32 * dot, top + row as i32 * dot);
                        self.rectangle(corner, (dot, dot), colour, share);
                    }
                }
            }
            x += dot * (font::WIDTH as i32 + 1);
        }
    }

    fn blend(&mut self, x: usize, y: usize, colour: Colour, share: u32) {
        let at = (y * self.width + x) * 4;
        for (channel, value) in colour.into_iter().enumerate() {
            self.pixels[at + channel] = mix(self.pixels[at + channel], value, share);
        }
        self.pixels[at + 3] = 255;
    }
}

/// The pixels a text takes across at dots of one pixel.
#[must_use]
pub fn text_width(text: &str) -> usize {
    (text.chars().count() * (font::WIDTH + 1)).saturating_sub(1)
}

/// `share` of 256 of `over`, the rest of `under`.
#[must_use]
pub fn mix(under: u8, over: u8, share: u32) -> u8 {
    let share = share.min(256);
    ((u32::from(under) * (256 - share) + u32::from(over) * share) / 256) as u8
}

fn clip(from: i32, to: i32, limit: usize) -> std::ops::Range<usize> {
    let limit = i32::try_from(limit).unwrap_or(i32::MAX);
    from.clamp(0, limit) as usize..to.clamp(0, limit) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawing_outside_is_clipped() {
        let mut canvas = Canvas::new(4, 3);
        canvas.gradient([0, 0, 0], [255, 255, 255]);
        canvas.rectangle((-5, -5), (100, 100), [9, 9, 9], 256);
        canvas.disc((-3.0, 50.0), 20.0, [1, 2, 3], 256);
        canvas.ring((2.0, 2.0), 90.0, 2.0, [1, 2, 3], 256);
        canvas.text((2, -3), 2, "edge", [255, 0, 0]);
        assert_eq!(canvas.pixels().len(), 4 * 3 * 4);
        assert!(canvas.pixels().chunks_exact(4).all(|pixel| pixel[3] == 255));
    }

    #[test]
    fn a_picture_without_size_takes_everything() {
        let mut canvas = Canvas::new(0, 0);
        canvas.gradient([0, 0, 0], [1, 1, 1]);
        canvas.text((0, 0), 1, "x", [1, 1, 1]);
        assert!(canvas.pixels().is_empty());
    }
}
