//! Answers for: the bytes of one picture's file, as an output module wants it. Must not: write files.

use crate::canvas::Canvas;
use crate::module::{Channels, Depth, Format, Module};
use crate::tiff;

/// The file of a picture.
///
/// # Errors
///
/// If the picture can't be encoded, or if the crop leaves nothing of it.
pub fn bytes(canvas: &Canvas, module: &Module) -> std::io::Result<Vec<u8>> {
    let window = module.window((canvas.width(), canvas.height()));
    let window = window.ok_or_else(|| std::io::Error::other("nothing is left after the crop"))?;
    let canvas = canvas.window(window);
    let (width, height) = (canvas.width() as u32, canvas.height() as u32);
    let places = module.channels.places();
    match module.format {
        Format::Tiff => {
            let bits = match module.depth {
                Depth::Eight => 8,
                Depth::Sixteen => 16,
            };
            let mut bytes = tiff::header(width, height, bits, places.len() as u32);
            match module.depth {
                Depth::Eight => bytes.extend(shallow(&canvas, places)),
                Depth::Sixteen => bytes.extend(deep(&canvas, places).flat_map(u16::to_le_bytes)),
            }
            Ok(bytes)
        }
        Format::Png => png_bytes(&canvas, module),
        Format::Psd => Ok(psd_bytes(&canvas, module)),
        Format::Aiff | Format::Avi | Format::QuickTime | Format::H264 => Err(
            std::io::Error::other("it writes one file for the whole range"),
        ),
    }
}

fn shallow<'a>(canvas: &'a Canvas, places: &'a [usize]) -> impl Iterator<Item = u8> + 'a {
    let pixels = canvas.pixels().chunks_exact(4);
    pixels.flat_map(|pixel| places.iter().map(|&place| pixel[place]))
}

fn deep<'a>(canvas: &'a Canvas, places: &'a [usize]) -> impl Iterator<Item = u16> + 'a {
    let samples = canvas.deep_samples().enumerate();
    samples
        .filter(|(at, _)| places.contains(&(at % 4)))
        .map(|(_, sample)| sample)
}

fn png_bytes(canvas: &Canvas, module: &Module) -> std::io::Result<Vec<u8>> {
    let places = module.channels.places();
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, canvas.width() as u32, canvas.height() as u32);
    encoder.set_color(match module.channels {
        Channels::Rgb => png::ColorType::Rgb,
        Channels::Rgba => png::ColorType::Rgba,
        Channels::Alpha => png::ColorType::Grayscale,
    });
    let samples: Vec<u8> = match module.depth {
        Depth::Eight => {
            encoder.set_depth(png::BitDepth::Eight);
            shallow(canvas, places).collect()
        }
        Depth::Sixteen => {
            encoder.set_depth(png::BitDepth::Sixteen);
            deep(canvas, places).flat_map(u16::to_be_bytes).collect()
        }
    };
    encoder.write_header()?.write_image_data(&samples)?;
    Ok(bytes)
}

/// A Photoshop file of one flat picture, not compressed (Adobe Photoshop File Formats Specification).
fn psd_bytes(canvas: &Canvas, module: &Module) -> Vec<u8> {
    let places = module.channels.places();
    let (bits, mode): (u16, u16) = match (module.depth, module.channels) {
        (Depth::Eight, Channels::Rgb | Channels::Rgba) => (8, 3),
        (Depth::Sixteen, Channels::Rgb | Channels::Rgba) => (16, 3),
        (Depth::Eight, Channels::Alpha) => (8, 1),
        (Depth::Sixteen, Channels::Alpha) => (16, 1),
    };
    let mut bytes = b"8BPS\0\x01\0\0\0\0\0\0".to_vec();
    bytes.extend((places.len() as u16).to_be_bytes());
    bytes.extend((canvas.height() as u32).to_be_bytes());
    bytes.extend((canvas.width() as u32).to_be_bytes());
    bytes.extend(bits.to_be_bytes());
    bytes.extend(mode.to_be_bytes());
    // neither colour table nor resources nor layers; not compressed
    bytes.extend([0; 4 + 4 + 4 + 2]);
    for place in places {
        match module.depth {
            Depth::Eight => bytes.extend(shallow(canvas, &[*place])),
            Depth::Sixteen => {
                bytes.extend(deep(canvas, &[*place]).flat_map(u16::to_be_bytes));
            }
        }
    }
    bytes
}
