//! Answers for: small pictures for people: over a background, scaled by the mean of the area that each pixel covers, as JPEG or
//! PNG. Must not: keep a picture's shape by itself, sharpen.

use crate::error::PictureError;
use crate::limits::FileFormat;
use crate::picture::Picture;

/// The longest side of what is written.
const MOST_SIDE: u32 = 16_384;

/// An opaque picture of 8 bits a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rgb8 {
    /// Width, in pixels.
    pub width: u32,
    /// Height, in pixels.
    pub height: u32,
    /// 3 bytes a pixel, row by row.
    pub rgb: Vec<u8>,
}

/// The picture over `background`, stretched to `width` × `height` (each at least 1 and at most 16,384; what is beyond is cut to it).
/// What grows is repeated, not smoothed. Alpha is laid over the background as it is shown, as films are made. CPU-bound.
pub fn scaled(picture: &Picture<'_>, width: u32, height: u32, background: [u8; 3]) -> Rgb8 {
    let (width, height) = (width.clamp(1, MOST_SIDE), height.clamp(1, MOST_SIDE));
    let background = background.map(|color| f32::from(color) / 255.0);
    let premultiplied = picture.is_premultiplied();
    let columns: Vec<Span> = (0..width)
        .map(|at| Span::of(at, width, picture.width))
        .collect();
    let mut rgb = Vec::with_capacity(width as usize * height as usize * 3);
    let mut row = Vec::new();
    let mut in_row = None;
    let mut sums = vec![[0.0_f32; 3]; width as usize];
    for at in 0..height {
        let span = Span::of(at, height, picture.height);
        sums.fill([0.0; 3]);
        for y in span.first..=span.last {
            if in_row != Some(y) {
                picture.row_over_black(y, premultiplied, &mut row);
                in_row = Some(y);
            }
            let share = span.share(y);
            for (sum, column) in sums.iter_mut().zip(&columns) {
                add(sum, &row, column, share, background);
            }
        }
        rgb.extend(sums.iter().flatten().map(|sum| (sum * 255.0 + 0.5) as u8));
    }
    Rgb8 { width, height, rgb }
}

/// Adds what a column's pixels of one row show, by the share that each has of the new pixel.
fn add(sum: &mut [f32; 3], row: &[[f32; 4]], column: &Span, share: f32, background: [f32; 3]) {
    for x in column.first..=column.last {
        let pixel = row[x as usize];
        let part = share * column.share(x);
        for ((sum, color), behind) in sum.iter_mut().zip(&pixel[..3]).zip(background) {
            *sum += (color + behind * (1.0 - pixel[3])) * part;
        }
    }
}

/// What of the old line of pixels one new pixel covers.
struct Span {
    first: u32,
    last: u32,
    from: f64,
    to: f64,
}

impl Span {
    fn of(at: u32, new: u32, old: u32) -> Self {
        let scale = f64::from(old) / f64::from(new);
        let (from, to) = (f64::from(at) * scale, f64::from(at + 1) * scale);
        let first = (from as u32).min(old - 1);
        let last = ((to.ceil() as u32).max(1) - 1).clamp(first, old - 1);
        Self {
            first,
            last,
            from,
            to,
        }
    }

    /// The share of old pixel `at` in the new one; shares add up to 1.
    fn share(&self, at: u32) -> f32 {
        let covered = f64::from(at + 1).min(self.to) - f64::from(at).max(self.from);
        (covered.max(0.0) / (self.to - self.from)) as f32
    }
}

impl Rgb8 {
    /// As a JPEG file of this quality, 1 … 100.
    pub fn to_jpeg(&self, quality: u8) -> Result<Vec<u8>, PictureError> {
        let mut out = Vec::new();
        image::codecs::jpeg::JpegEncoder::new_with_quality(&mut out, quality.clamp(1, 100))
            .encode(
                &self.rgb,
                self.width,
                self.height,
                image::ExtendedColorType::Rgb8,
            )
            .map_err(|error| cannot(FileFormat::Jpeg, &error))?;
        Ok(out)
    }

    /// As a PNG file.
    pub fn to_png(&self) -> Result<Vec<u8>, PictureError> {
        let mut out = Vec::new();
        let mut encoder = png::Encoder::new(&mut out, self.width, self.height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_source_srgb(png::SrgbRenderingIntent::Perceptual);
        let mut writer = encoder
            .write_header()
            .map_err(|error| cannot(FileFormat::Png, &error))?;
        writer
            .write_image_data(&self.rgb)
            .map_err(|error| cannot(FileFormat::Png, &error))?;
        writer
            .finish()
            .map_err(|error| cannot(FileFormat::Png, &error))?;
        Ok(out)
    }
}

fn cannot(format: FileFormat, error: &dyn std::error::Error) -> PictureError {
    PictureError::Encode {
        format,
        why: error.to_string(),
    }
}
