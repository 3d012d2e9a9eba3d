//! Answers for: how many 1920×1080 frames of each format one core verifies a second: decoded, measured, digested, packed. Two kinds of
//! content: "graphic" (ramps, an edge, flat ground) and "footage" (half the frame is smooth with grain). Must not: be a test.
//!
//! `cargo run --release -p flatrender-picture --example bench_verify [ROUNDS]`; time is that of the thread on the processor where the
//! system tells it (Linux), so that what else the machine does hardly counts.

use std::io::{Cursor, Write};
use std::time::{Duration, Instant};

use flatrender_picture::{Limits, Picture, PictureError, measure, pack, unpack, verify};
use tiff::encoder::{Compression, Predictor, TiffEncoder, colortype};

const WIDTH: u32 = 1920;
const HEIGHT: u32 = 1080;

fn main() -> anyhow::Result<()> {
    let rounds: u32 = std::env::args()
        .nth(1)
        .map_or(Ok(20), |rounds| rounds.parse())?;
    for (content, rgba) in [("graphic", graphic()), ("footage", footage())] {
        for (format, file) in files(&rgba)? {
            bench(content, format, &file, rounds)?;
        }
    }
    Ok(())
}

fn bench(content: &str, format: &str, file: &[u8], rounds: u32) -> anyhow::Result<()> {
    let limits = Limits::of_size(WIDTH, HEIGHT);
    let packed = verify(file, &limits)?.packed;
    let whole = per_second(rounds, || verify(file, &limits).map(|_| ()))?;
    let opened = per_second(rounds, || -> Result<(), PictureError> {
        Picture::decode(&unpack(&packed, &limits)?, &limits)?.to_rgba8();
        Ok(())
    })?;
    let picture = Picture::decode(file, &limits)?;
    let decoding = per_second(rounds, || Picture::decode(file, &limits).map(|_| ()))?;
    let measuring = per_second(rounds, || -> anyhow::Result<()> {
        measure(&picture);
        Ok(())
    })?;
    let digesting = per_second(rounds, || -> anyhow::Result<()> {
        picture.pixels_digest();
        Ok(())
    })?;
    let packing = per_second(rounds, || pack(file, &picture).map(|_| ()))?;
    let ms = |per_second: f64| 1000.0 / per_second;
    writeln!(
        std::io::stdout(),
        "bench verify {format:<20} {content}: {whole:6.1} frames/s (decode {:.2} ms, measure {:.2}, digest {:.2}, pack {:.2}), unpack {opened:.1}/s, {:.2} -> {:.2} MB",
        ms(decoding),
        ms(measuring),
        ms(digesting),
        ms(packing),
        file.len() as f64 / 1e6,
        packed.len() as f64 / 1e6,
    )?;
    Ok(())
}

fn per_second<E: Into<anyhow::Error>>(
    rounds: u32,
    mut work: impl FnMut() -> Result<(), E>,
) -> anyhow::Result<f64> {
    let start = on_the_processor();
    for _ in 0..rounds {
        work().map_err(Into::into)?;
    }
    Ok(f64::from(rounds) / (on_the_processor() - start).as_secs_f64())
}

fn on_the_processor() -> Duration {
    #[expect(clippy::disallowed_methods, reason = "a bench measures time")]
    static START: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    let spent = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = spent.and_then(|text| text.split(' ').next()?.parse().ok());
    nanos.map_or_else(|| START.elapsed(), Duration::from_nanos)
}

fn graphic() -> Vec<u8> {
    let pixel = |x: u32, y: u32| {
        let disc = (i64::from(x) - 960).pow(2) + (i64::from(y) - 540).pow(2) < 300 * 300;
        let bar = (x / 90 + y / 70).is_multiple_of(5);
        match (disc, bar) {
            (true, _) => [(x / 8) as u8, (y / 5) as u8, 200, 255],
            (false, true) => [240, 180, (x / 8) as u8, 255],
            (false, false) => [24, 28, (y / 9) as u8, 255],
        }
    };
    (0..WIDTH * HEIGHT)
        .flat_map(|at| pixel(at % WIDTH, at / WIDTH))
        .collect()
}

fn footage() -> Vec<u8> {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut out = Vec::with_capacity((WIDTH * HEIGHT * 4) as usize);
    for at in 0..WIDTH * HEIGHT {
        let (x, y) = (at % WIDTH, at / WIDTH);
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let grain = if y >= HEIGHT / 2 { state } else { 0 };
        let sample = |base: u32, bits: u64| (base as u8).saturating_add((bits & 7) as u8);
        out.extend([
            sample(x / 9, grain),
            sample(y / 6, grain >> 8),
            sample((x + y) / 14, grain >> 16),
            255,
        ]);
    }
    out
}

fn files(rgba: &[u8]) -> anyhow::Result<Vec<(&'static str, Vec<u8>)>> {
    let rgb: Vec<u8> = rgba
        .as_chunks::<4>()
        .0
        .iter()
        .flat_map(|p| [p[0], p[1], p[2]])
        .collect();
    let sixteen: Vec<u16> = rgba.iter().map(|&byte| u16::from(byte) * 257).collect();
    let lzw = Compression::Lzw;
    let mut jpeg = Vec::new();
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut jpeg, 92).encode(
        &rgb,
        WIDTH,
        HEIGHT,
        image::ExtendedColorType::Rgb8,
    )?;
    Ok(vec![
        (
            "TIFF 8",
            tiff_file::<colortype::RGBA8>(rgba, Compression::Uncompressed, Predictor::None)?,
        ),
        (
            "TIFF 8 LZW",
            tiff_file::<colortype::RGBA8>(rgba, lzw, Predictor::None)?,
        ),
        (
            "TIFF 8 LZW predictor",
            tiff_file::<colortype::RGBA8>(rgba, lzw, Predictor::Horizontal)?,
        ),
        (
            "TIFF 16",
            tiff_file::<colortype::RGBA16>(&sixteen, Compression::Uncompressed, Predictor::None)?,
        ),
        (
            "TIFF 16 LZW",
            tiff_file::<colortype::RGBA16>(&sixteen, lzw, Predictor::None)?,
        ),
        ("PNG 8", png_file(rgba, png::BitDepth::Eight)?),
        (
            "PNG 16",
            png_file(
                &sixteen
                    .iter()
                    .flat_map(|sample| sample.to_be_bytes())
                    .collect::<Vec<u8>>(),
                png::BitDepth::Sixteen,
            )?,
        ),
        ("JPEG", jpeg),
        ("EXR half ZIP", exr_file(rgba)?),
    ])
}

fn tiff_file<C: colortype::ColorType>(
    samples: &[C::Inner],
    compression: Compression,
    predictor: Predictor,
) -> anyhow::Result<Vec<u8>>
where
    [C::Inner]: tiff::encoder::TiffValue,
{
    let mut out = Cursor::new(Vec::new());
    TiffEncoder::new(&mut out)?
        .with_compression(compression)
        .with_predictor(predictor)
        .write_image::<C>(WIDTH, HEIGHT, samples)?;
    Ok(out.into_inner())
}

fn png_file(samples: &[u8], depth: png::BitDepth) -> anyhow::Result<Vec<u8>> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, WIDTH, HEIGHT);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(depth);
    encoder.write_header()?.write_image_data(samples)?;
    Ok(out)
}

fn exr_file(rgba: &[u8]) -> anyhow::Result<Vec<u8>> {
    use exr::prelude::*;
    let mut out = Cursor::new(Vec::new());
    let channels = SpecificChannels::rgba(|at: Vec2<usize>| {
        let pixel = &rgba[(at.y() * WIDTH as usize + at.x()) * 4..][..4];
        let [red, green, blue, alpha] =
            [0, 1, 2, 3].map(|channel| f16::from_f32(f32::from(pixel[channel]) / 255.0));
        (red, green, blue, alpha)
    });
    let layer = Layer::new(
        (WIDTH as usize, HEIGHT as usize),
        LayerAttributes::named("frame"),
        Encoding {
            compression: Compression::ZIP16,
            ..Encoding::FAST_LOSSLESS
        },
        channels,
    );
    Image::from_layer(layer)
        .write()
        .non_parallel()
        .to_buffered(&mut out)?;
    Ok(out.into_inner())
}
