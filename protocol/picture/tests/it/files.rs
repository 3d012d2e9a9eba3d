//! Files of every format, written by encoders that are not ours: the `png`, `tiff`, `exr` and `image` crates, and ffmpeg where it is.

use std::io::{Cursor, Write};
use std::process::{Command, Stdio};

pub const WIDTH: u32 = 37;
pub const HEIGHT: u32 = 23;

/// Red, green, blue and alpha of a small scene: ramps, an edge, noise, half transparent stripes.
pub fn scene() -> Vec<u8> {
    (0..WIDTH * HEIGHT)
        .flat_map(|at| {
            let (x, y) = (at % WIDTH, at / WIDTH);
            let noise = (at.wrapping_mul(2_654_435_761) >> 28) as u8;
            let alpha = if y % 5 == 0 { 128 } else { 255 };
            [
                (x * 6) as u8,
                (y * 10) as u8 + noise,
                if x > 20 { 200 } else { 30 },
                alpha,
            ]
        })
        .collect()
}

/// The scene without its alpha.
pub fn scene_rgb() -> Vec<u8> {
    scene()
        .chunks_exact(4)
        .flat_map(|p| [p[0], p[1], p[2]])
        .collect()
}

/// The scene in 16 bits, whose lower bytes differ from its upper ones.
pub fn scene_16() -> Vec<u16> {
    scene()
        .iter()
        .map(|&byte| (u16::from(byte) * 257) ^ 0x3C)
        .collect()
}

pub fn png(color: png::ColorType, depth: png::BitDepth, samples: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, WIDTH, HEIGHT);
    encoder.set_color(color);
    encoder.set_depth(depth);
    if color == png::ColorType::Indexed {
        encoder.set_palette(
            (0..=255_u8)
                .flat_map(|at| [at, 255 - at, 7])
                .collect::<Vec<u8>>(),
        );
    }
    encoder
        .write_header()
        .unwrap()
        .write_image_data(samples)
        .unwrap();
    out
}

pub fn png_rgba() -> Vec<u8> {
    png(png::ColorType::Rgba, png::BitDepth::Eight, &scene())
}

pub fn tiff_rgba() -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    tiff::encoder::TiffEncoder::new(&mut out)
        .unwrap()
        .write_image::<tiff::encoder::colortype::RGBA8>(WIDTH, HEIGHT, &scene())
        .unwrap();
    out.into_inner()
}

pub fn jpeg() -> Vec<u8> {
    let mut out = Vec::new();
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut out, 95)
        .encode(&scene_rgb(), WIDTH, HEIGHT, image::ExtendedColorType::Rgb8)
        .unwrap();
    out
}

/// Linear light, multiplied by alpha, as the format has it.
pub fn exr_pixel(x: usize, y: usize) -> (f32, f32, f32, f32) {
    let alpha = if y.is_multiple_of(5) { 0.5 } else { 1.0 };
    (
        x as f32 / 36.0 * alpha,
        y as f32 / 22.0 * alpha,
        0.25 * alpha,
        alpha,
    )
}

pub fn exr(half: bool, compression: exr::prelude::Compression) -> Vec<u8> {
    use exr::prelude::*;
    let size = (WIDTH as usize, HEIGHT as usize);
    let mut out = Cursor::new(Vec::new());
    let encoding = Encoding {
        compression,
        ..Encoding::FAST_LOSSLESS
    };
    let layer = |channels| Layer::new(size, LayerAttributes::named("frame"), encoding, channels);
    if half {
        let channels = SpecificChannels::rgba(|at: Vec2<usize>| {
            let (r, g, b, a) = exr_pixel(at.x(), at.y());
            (
                f16::from_f32(r),
                f16::from_f32(g),
                f16::from_f32(b),
                f16::from_f32(a),
            )
        });
        let image = Image::from_layer(Layer::new(
            size,
            LayerAttributes::named("frame"),
            encoding,
            channels,
        ));
        image.write().non_parallel().to_buffered(&mut out).unwrap();
    } else {
        let channels = SpecificChannels::rgba(|at: Vec2<usize>| exr_pixel(at.x(), at.y()));
        Image::from_layer(layer(channels))
            .write()
            .non_parallel()
            .to_buffered(&mut out)
            .unwrap();
    }
    out.into_inner()
}

/// One of each format, with its name.
pub fn one_of_each() -> Vec<(&'static str, Vec<u8>)> {
    use exr::prelude::Compression;
    vec![
        ("TIFF", tiff_rgba()),
        ("PNG", png_rgba()),
        ("JPEG", jpeg()),
        ("EXR, float, ZIP", exr(false, Compression::ZIP16)),
        ("EXR, half, plain", exr(true, Compression::Uncompressed)),
    ]
}

/// The scene as ffmpeg writes it; `None`, and a line that says so, where there is no ffmpeg or its build lacks the encoder.
pub fn by_ffmpeg(arguments: &[&str]) -> Option<Vec<u8>> {
    by_ffmpeg_of("rgba", &scene(), arguments)
}

pub fn by_ffmpeg_of(pixels: &str, samples: &[u8], arguments: &[&str]) -> Option<Vec<u8>> {
    let size = format!("{WIDTH}x{HEIGHT}");
    #[expect(clippy::disallowed_methods, reason = "a test that runs a short tool")]
    let child = Command::new("ffmpeg")
        .args([
            "-v", "error", "-f", "rawvideo", "-pix_fmt", pixels, "-s", &size, "-i", "-",
        ])
        .args(arguments)
        .args(["-frames:v", "1", "-f", "image2pipe", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        println!("skipped: no ffmpeg for {arguments:?}");
        return None;
    };
    child.stdin.take().unwrap().write_all(samples).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Some(output.stdout)
}
