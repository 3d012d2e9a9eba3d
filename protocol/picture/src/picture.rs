//! Answers for: a decoded picture: its samples as they were stored, and the same as 8-bit straight RGBA or as rows of display values.
//! Must not: measure, judge, or know formats beyond choosing their decoder.

use std::borrow::Cow;

use flatrender_protocol::Digest;

use crate::error::PictureError;
use crate::limits::{FileFormat, Limits};
use crate::{exr_file, jpeg_file, light, png_file, tiff};

/// What a sample is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// 0 … 255, as shown.
    Eight,
    /// 0 … 65535, as shown; stored as little-endian pairs.
    Sixteen,
    /// Linear light from a 16-bit float; stored as a little-endian 32-bit float.
    Half,
    /// Linear light; stored as a little-endian 32-bit float.
    Float,
}

impl Depth {
    /// Bits a channel in the file.
    pub fn bits(self) -> u8 {
        match self {
            Self::Eight => 8,
            Self::Sixteen | Self::Half => 16,
            Self::Float => 32,
        }
    }

    /// Whether samples are floating point.
    pub fn is_float(self) -> bool {
        match self {
            Self::Eight | Self::Sixteen => false,
            Self::Half | Self::Float => true,
        }
    }

    /// Bytes of a sample as [`Picture::samples`] holds it.
    pub fn sample_bytes(self) -> usize {
        match self {
            Self::Eight => 1,
            Self::Sixteen => 2,
            Self::Half | Self::Float => 4,
        }
    }
}

/// What the last sample of a pixel is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alpha {
    /// There is none.
    None,
    /// Colours are as bright as they would be without it.
    Straight,
    /// Colours are multiplied by it.
    Premultiplied,
    /// It is there, and the file does not say what it means.
    Unsaid,
}

/// A picture, decoded whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture<'a> {
    /// What the file was.
    pub format: FileFormat,
    /// Width, in pixels.
    pub width: u32,
    /// Height, in pixels.
    pub height: u32,
    /// 1 (gray), 2 (gray, alpha), 3 (red, green, blue) or 4 (and alpha).
    pub channels: u8,
    /// What a sample is.
    pub depth: Depth,
    /// What the last channel is.
    pub alpha: Alpha,
    /// All samples, row by row, channels side by side. Borrowed from the file where they lie there just so.
    pub samples: Cow<'a, [u8]>,
}

/// A picture of 8 bits a channel: red, green, blue and straight alpha.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rgba8 {
    /// Width, in pixels.
    pub width: u32,
    /// Height, in pixels.
    pub height: u32,
    /// 4 bytes a pixel, row by row.
    pub rgba: Vec<u8>,
}

impl<'a> Picture<'a> {
    /// Decodes all of a file, whatever its format. CPU-bound: call it off the async threads.
    ///
    /// # Errors
    /// [`PictureError`]: it is torn, damaged, of a kind that is not read, or not what `limits` want. Size and memory are
    /// checked on what the header says, before anything is allocated by it.
    pub fn decode(bytes: &'a [u8], limits: &Limits) -> Result<Self, PictureError> {
        let found = FileFormat::of_bytes(bytes)?;
        if let Some(expected) = limits.format.filter(|&expected| expected != found) {
            return Err(PictureError::WrongFormat { found, expected });
        }
        limits.check_file(bytes)?;
        match found {
            FileFormat::Tiff => tiff::decode(bytes, limits),
            FileFormat::Png => png_file::decode(bytes, limits),
            FileFormat::Jpeg => jpeg_file::decode(bytes, limits),
            FileFormat::Exr => exr_file::decode(bytes, limits),
        }
    }

    /// Bytes of a pixel as `samples` holds it.
    pub fn pixel_bytes(&self) -> usize {
        usize::from(self.channels) * self.depth.sample_bytes()
    }

    /// Digest of width, height (32 bits each, little-endian), channels, bits a channel (a byte each; 128 more for floating
    /// point) and the samples: the same for the same picture, however its file is compressed.
    pub fn pixels_digest(&self) -> Digest {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.width.to_le_bytes());
        hasher.update(&self.height.to_le_bytes());
        let float = if self.depth.is_float() { 128 } else { 0 };
        hasher.update(&[self.channels, self.depth.bits() | float]);
        hasher.update(&self.samples);
        hasher.finalize().into()
    }

    /// Whether colours are multiplied by alpha. Where the file has alpha and does not say what it means, they are when no colour
    /// anywhere exceeds its alpha (After Effects' own template for TIFF sequences multiplies).
    pub fn is_premultiplied(&self) -> bool {
        match self.alpha {
            Alpha::None | Alpha::Straight => false,
            Alpha::Premultiplied => true,
            Alpha::Unsaid => match (self.depth, self.channels) {
                (Depth::Eight, 4) => (self.samples.as_chunks::<4>().0.iter())
                    .all(|p| p[0].max(p[1]).max(p[2]) <= p[3]),
                (Depth::Eight, _) => (self.samples.as_chunks::<2>().0.iter()).all(|p| p[0] <= p[1]),
                (Depth::Sixteen, _) => {
                    self.colors_within_alpha(|raw| f32::from(u16::from_le_bytes([raw[0], raw[1]])))
                }
                (Depth::Half | Depth::Float, _) => self.colors_within_alpha(|raw| {
                    f32::from_le_bytes([raw[0], raw[1], raw[2], raw[3]])
                }),
            },
        }
    }

    fn colors_within_alpha(&self, value: impl Fn(&[u8]) -> f32) -> bool {
        let sample_bytes = self.depth.sample_bytes();
        self.samples.chunks_exact(self.pixel_bytes()).all(|pixel| {
            let (colors, alpha) = pixel.split_at(pixel.len() - sample_bytes);
            colors
                .chunks_exact(sample_bytes)
                .all(|color| value(color) <= value(alpha))
        })
    }

    /// 8 bits a channel and straight alpha: 16 bits rounded, linear light as sRGB shows it (`light`), premultiplied colours divided.
    pub fn to_rgba8(&self) -> Rgba8 {
        let rgba = match self.depth {
            Depth::Eight => self.integer_rgba8(&self.samples),
            Depth::Sixteen => {
                let pairs = self.samples.as_chunks::<2>().0.iter();
                let eight: Vec<u8> = pairs
                    .map(|&pair| light::to_eight(u16::from_le_bytes(pair)))
                    .collect();
                self.integer_rgba8(&eight)
            }
            Depth::Half | Depth::Float => self.float_rgba8(),
        };
        Rgba8 {
            width: self.width,
            height: self.height,
            rgba,
        }
    }

    fn integer_rgba8(&self, samples: &[u8]) -> Vec<u8> {
        let mut rgba = match self.channels {
            4 => samples.to_vec(),
            3 => spread::<3>(samples, |p| [p[0], p[1], p[2], 255]),
            2 => spread::<2>(samples, |p| [p[0], p[0], p[0], p[1]]),
            _ => spread::<1>(samples, |p| [p[0], p[0], p[0], 255]),
        };
        let premultiplied = match self.alpha {
            Alpha::None | Alpha::Straight => false,
            Alpha::Premultiplied => true,
            // After the rounding to 8 bits, so that noise of the last of 16 bits decides nothing.
            Alpha::Unsaid => {
                (rgba.as_chunks::<4>().0.iter()).all(|p| p[0].max(p[1]).max(p[2]) <= p[3])
            }
        };
        if premultiplied {
            rgba.as_chunks_mut::<4>().0.iter_mut().for_each(divide);
        }
        rgba
    }

    fn float_rgba8(&self) -> Vec<u8> {
        let premultiplied = self.is_premultiplied();
        let table = light::Table::new();
        let mut rgba = Vec::with_capacity(self.width as usize * self.height as usize * 4);
        for pixel in self.samples.chunks_exact(self.pixel_bytes()) {
            let [red, green, blue, alpha] = self.linear(pixel, premultiplied);
            let alpha = (alpha * 255.0 + 0.5) as u8;
            rgba.extend([
                table.shown(red),
                table.shown(green),
                table.shown(blue),
                alpha,
            ]);
        }
        rgba
    }

    /// A pixel of floats: red, green, blue (straight, linear) and alpha (0 … 1; what is no number is 0).
    fn linear(&self, pixel: &[u8], premultiplied: bool) -> [f32; 4] {
        let at = |channel: usize| {
            let raw = pixel.as_chunks::<4>().0.get(channel).copied();
            raw.map_or(0.0, f32::from_le_bytes)
        };
        let [red, green, blue, alpha] = match self.channels {
            4 => [at(0), at(1), at(2), at(3)],
            3 => [at(0), at(1), at(2), 1.0],
            2 => [at(0), at(0), at(0), at(1)],
            _ => [at(0), at(0), at(0), 1.0],
        };
        let alpha = if alpha.is_nan() {
            0.0
        } else {
            alpha.clamp(0.0, 1.0)
        };
        let divisor = if premultiplied && alpha > 0.0 {
            alpha
        } else {
            1.0
        };
        [red / divisor, green / divisor, blue / divisor, alpha]
    }

    /// Row `y` as it is shown over black: red, green, blue (multiplied by alpha) and alpha, 0 … 1. `premultiplied` is
    /// [`is_premultiplied`](Self::is_premultiplied), asked once.
    pub(crate) fn row_over_black(&self, y: u32, premultiplied: bool, out: &mut Vec<[f32; 4]>) {
        let row_bytes = self.width as usize * self.pixel_bytes();
        let row = &self.samples[y as usize * row_bytes..][..row_bytes];
        out.clear();
        match self.depth {
            Depth::Eight => {
                let value = |byte: &u8| f32::from(*byte) / 255.0;
                out.extend((row.chunks_exact(self.pixel_bytes())).map(|p| {
                    let samples = [
                        value(&p[0]),
                        p.get(1).map_or(0.0, value),
                        p.get(2).map_or(0.0, value),
                        p.get(3).map_or(0.0, value),
                    ];
                    self.over_black(samples, premultiplied)
                }));
            }
            Depth::Sixteen => {
                let value = |pair: &[u8; 2]| f32::from(u16::from_le_bytes(*pair)) / 65535.0;
                out.extend((row.chunks_exact(self.pixel_bytes())).map(|raw| {
                    let p = raw.as_chunks::<2>().0;
                    let samples = [
                        value(&p[0]),
                        p.get(1).map_or(0.0, value),
                        p.get(2).map_or(0.0, value),
                        p.get(3).map_or(0.0, value),
                    ];
                    self.over_black(samples, premultiplied)
                }));
            }
            Depth::Half | Depth::Float => {
                out.extend((row.chunks_exact(self.pixel_bytes())).map(|pixel| {
                    let [red, green, blue, alpha] = self.linear(pixel, premultiplied);
                    [red, green, blue, 1.0].map(|linear| light::shown(linear) * alpha)
                }));
            }
        }
    }

    fn over_black(&self, samples: [f32; 4], premultiplied: bool) -> [f32; 4] {
        let [red, green, blue, alpha] = match self.channels {
            4 => samples,
            3 => [samples[0], samples[1], samples[2], 1.0],
            2 => [samples[0], samples[0], samples[0], samples[1]],
            _ => [samples[0], samples[0], samples[0], 1.0],
        };
        // Colours beyond their alpha are cut to it, as a division by it would.
        let shown = |color: f32| {
            if premultiplied {
                color.min(alpha)
            } else {
                color * alpha
            }
        };
        [shown(red), shown(green), shown(blue), alpha]
    }
}

impl Rgba8 {
    /// The same as a picture, to be measured, compared or scaled.
    pub fn as_picture(&self) -> Picture<'_> {
        Picture {
            format: FileFormat::Png,
            width: self.width,
            height: self.height,
            channels: 4,
            depth: Depth::Eight,
            alpha: Alpha::Straight,
            samples: Cow::Borrowed(&self.rgba),
        }
    }
}

fn spread<const BYTES: usize>(samples: &[u8], rgba: impl Fn(&[u8; BYTES]) -> [u8; 4]) -> Vec<u8> {
    let pixels = samples.as_chunks::<BYTES>().0;
    let mut out = vec![0; pixels.len() * 4];
    for (pixel, into) in pixels.iter().zip(out.as_chunks_mut::<4>().0) {
        *into = rgba(pixel);
    }
    out
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
