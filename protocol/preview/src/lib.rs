//! A decoded frame as a picture for people: scaled by the mean of what each pixel covers, with its alpha as PNG or over a
//! background as JPEG. Pure and CPU-bound: call it off the async threads. It decodes nothing and knows no farm.

mod scale;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder, ImageError};

pub use scale::scaled;

/// Of JPEG, 1 … 100: text stays sharp, and 1080p takes a few hundred kB.
const JPEG_QUALITY: u8 = 88;
/// JPEG counts its sides with 16 bits.
const MAX_JPEG_SIDE: u32 = 65_500;

/// Pixels of a frame: red, green, blue and straight alpha, 8 bits each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pixels {
    width: u32,
    height: u32,
    rgba: Vec<u8>,
}

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub enum PreviewError {
    /// The bytes are not those of a picture of this size.
    #[error("read {width} × {height} pixels: {bytes} bytes came, 4 a pixel are needed")]
    Size {
        /// Width, in pixels.
        width: u32,
        /// Height, in pixels.
        height: u32,
        /// How many bytes came.
        bytes: usize,
    },
    /// A side that the format does not have.
    #[error("encode {width} × {height} pixels as JPEG: a side has 1 to {MAX_JPEG_SIDE}")]
    Side {
        /// Width, in pixels.
        width: u32,
        /// Height, in pixels.
        height: u32,
    },
    /// The encoder refused.
    #[error("encode the picture")]
    Encode(#[from] ImageError),
}

impl Pixels {
    /// Takes 4 bytes a pixel, row by row.
    ///
    /// # Errors
    /// [`PreviewError::Size`] when there are more or fewer, or none.
    pub fn new(width: u32, height: u32, rgba: Vec<u8>) -> Result<Self, PreviewError> {
        let wanted = u128::from(width) * u128::from(height) * 4;
        if wanted == 0 || rgba.len() as u128 != wanted {
            let bytes = rgba.len();
            return Err(PreviewError::Size {
                width,
                height,
                bytes,
            });
        }
        Ok(Self {
            width,
            height,
            rgba,
        })
    }

    /// Width, in pixels.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height, in pixels.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// 4 bytes a pixel, row by row.
    pub fn rgba(&self) -> &[u8] {
        &self.rgba
    }

    /// As PNG: every pixel as it is. A picture that nothing shines through has no alpha channel.
    ///
    /// # Errors
    /// [`PreviewError::Encode`].
    pub fn to_png(&self) -> Result<Vec<u8>, PreviewError> {
        let mut file = Vec::new();
        let encoder =
            PngEncoder::new_with_quality(&mut file, CompressionType::Fast, FilterType::Adaptive);
        let (pixels, _) = self.rgba.as_chunks::<4>();
        if pixels.iter().all(|pixel| pixel[3] == u8::MAX) {
            let rgb: Vec<u8> = pixels
                .iter()
                .flat_map(|[r, g, b, _]| [*r, *g, *b])
                .collect();
            encoder.write_image(&rgb, self.width, self.height, ExtendedColorType::Rgb8)?;
        } else {
            let kind = ExtendedColorType::Rgba8;
            encoder.write_image(&self.rgba, self.width, self.height, kind)?;
        }
        Ok(file)
    }

    /// As JPEG, over `background` (red, green, blue).
    ///
    /// # Errors
    /// [`PreviewError::Side`], [`PreviewError::Encode`].
    pub fn to_jpeg(&self, background: [u8; 3]) -> Result<Vec<u8>, PreviewError> {
        let (width, height) = (self.width, self.height);
        if width.max(height) > MAX_JPEG_SIDE {
            return Err(PreviewError::Side { width, height });
        }
        let (pixels, _) = self.rgba.as_chunks::<4>();
        let rgb: Vec<u8> = pixels
            .iter()
            .flat_map(|pixel| over(*pixel, background))
            .collect();
        let mut file = Vec::new();
        let encoder = JpegEncoder::new_with_quality(&mut file, JPEG_QUALITY);
        encoder.write_image(&rgb, width, height, ExtendedColorType::Rgb8)?;
        Ok(file)
    }
}

/// Straight alpha over an opaque background, rounded to the nearest.
fn over([red, green, blue, alpha]: [u8; 4], background: [u8; 3]) -> [u8; 3] {
    let alpha = u32::from(alpha);
    let mix = |color: u8, behind: u8| {
        let sum = u32::from(color) * alpha + u32::from(behind) * (255 - alpha);
        u8::try_from((sum + 127) / 255).unwrap_or(u8::MAX)
    };
    let [r, g, b] = background;
    [mix(red, r), mix(green, g), mix(blue, b)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(width: u32, height: u32, pixel: impl Fn(u32, u32) -> [u8; 4]) -> Pixels {
        let all = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        let rgba = all.flat_map(|(x, y)| pixel(x, y)).collect();
        Pixels::new(width, height, rgba).unwrap()
    }

    #[test]
    fn png_keeps_every_pixel_and_its_alpha() {
        let shining = picture(17, 9, |x, y| {
            [(x * 15) as u8, (y * 28) as u8, 7, (x + y) as u8]
        });
        let solid = picture(17, 9, |x, y| [(x * 15) as u8, (y * 28) as u8, 7, 255]);
        for (picture, alpha) in [(shining, true), (solid, false)] {
            let read = image::load_from_memory(&picture.to_png().unwrap()).unwrap();
            assert_eq!(read.color().has_alpha(), alpha);
            assert_eq!(read.into_rgba8().into_raw(), picture.rgba());
        }
    }

    #[test]
    fn jpeg_lies_over_the_background() {
        let clear = picture(32, 16, |x, _| {
            if x < 16 {
                [255, 0, 0, 255]
            } else {
                [9, 9, 9, 0]
            }
        });
        let read = image::load_from_memory(&clear.to_jpeg([0, 128, 255]).unwrap()).unwrap();
        let read = read.into_rgb8();
        assert_eq!(read.dimensions(), (32, 16));
        for (x, expected) in [(4, [255, 0, 0]), (28, [0, 128, 255])] {
            let found = read.get_pixel(x, 8).0;
            let near = found.iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= 3);
            assert!(near, "{found:?} at {x}, not {expected:?}");
        }
        assert_eq!(over([200, 100, 0, 128], [0, 0, 255]), [100, 50, 127]);
    }

    #[test]
    fn wrong_sizes_are_refused() {
        for (width, height, bytes) in [(0, 1, 0), (2, 2, 15), (2, 2, 17), (u32::MAX, u32::MAX, 4)] {
            let made = Pixels::new(width, height, vec![0; bytes]);
            assert!(matches!(made, Err(PreviewError::Size { .. })), "{width}");
        }
        let long = picture(70_000, 1, |_, _| [0; 4]);
        let refused = long.to_jpeg([0; 3]);
        assert!(matches!(
            refused,
            Err(PreviewError::Side { width: 70_000, .. })
        ));
    }
}
