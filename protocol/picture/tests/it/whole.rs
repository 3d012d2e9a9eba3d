//! Whole files of every format: every sample is what its writer was given.

use flatrender_picture::{
    Alpha, Depth, FileFormat, Limits, Picture, format_of, measure, pack, unpack,
};
use flatrender_protocol::message::Packing;

use crate::files::{self, HEIGHT, WIDTH, scene, scene_16, scene_rgb};

fn limits() -> Limits {
    Limits::of_size(WIDTH, HEIGHT)
}

fn decoded(bytes: &[u8]) -> Picture<'_> {
    Picture::decode(bytes, &limits()).unwrap()
}

/// 16-bit samples as the file has them, big-endian, and as a picture has them.
fn both_ends(samples: &[u16]) -> (Vec<u8>, Vec<u8>) {
    let big = samples
        .iter()
        .flat_map(|sample| sample.to_be_bytes())
        .collect();
    (
        big,
        samples
            .iter()
            .flat_map(|sample| sample.to_le_bytes())
            .collect(),
    )
}

#[test]
fn png_of_every_kind_has_the_samples_it_was_written_with() {
    use png::{BitDepth, ColorType};
    let picture = files::png_rgba();
    let picture = decoded(&picture);
    assert_eq!(
        (picture.format, picture.depth, picture.alpha),
        (FileFormat::Png, Depth::Eight, Alpha::Straight)
    );
    assert_eq!(picture.samples, scene());
    assert_eq!(
        decoded(&files::png(ColorType::Rgb, BitDepth::Eight, &scene_rgb())).samples,
        scene_rgb()
    );
    let (big, little) = both_ends(&scene_16());
    let sixteen = files::png(ColorType::Rgba, BitDepth::Sixteen, &big);
    assert_eq!(decoded(&sixteen).samples, little);
    assert_eq!(decoded(&sixteen).depth, Depth::Sixteen);
    let gray: Vec<u8> = scene().chunks_exact(4).map(|p| p[0]).collect();
    assert_eq!(
        decoded(&files::png(ColorType::Grayscale, BitDepth::Eight, &gray)).samples,
        gray
    );
    let indexed = files::png(ColorType::Indexed, BitDepth::Eight, &gray);
    let expanded: Vec<u8> = gray.iter().flat_map(|&at| [at, 255 - at, 7]).collect();
    assert_eq!(decoded(&indexed).samples, expanded);
    let two: Vec<u8> = vec![0b10_01_10_00; WIDTH.div_ceil(4) as usize * HEIGHT as usize];
    assert_eq!(
        decoded(&files::png(ColorType::Grayscale, BitDepth::Two, &two)).samples[..4],
        [170, 85, 170, 0]
    );
}

#[test]
fn exr_of_every_kind_has_the_samples_it_was_written_with() {
    use exr::prelude::{Compression, f16};
    for compression in [
        Compression::Uncompressed,
        Compression::RLE,
        Compression::ZIP1,
        Compression::ZIP16,
        Compression::PIZ,
    ] {
        for half in [false, true] {
            let bytes = files::exr(half, compression);
            let picture = decoded(&bytes);
            let depth = if half { Depth::Half } else { Depth::Float };
            assert_eq!(
                (picture.depth, picture.alpha, picture.channels),
                (depth, Alpha::Premultiplied, 4)
            );
            let pixels = picture.samples.as_chunks::<16>().0;
            for (at, pixel) in pixels.iter().enumerate() {
                let (r, g, b, a) = files::exr_pixel(at % WIDTH as usize, at / WIDTH as usize);
                let expected = [r, g, b, a].map(|value| {
                    if half {
                        f16::from_f32(value).to_f32()
                    } else {
                        value
                    }
                });
                let found: Vec<f32> = pixel
                    .as_chunks::<4>()
                    .0
                    .iter()
                    .map(|raw| f32::from_le_bytes(*raw))
                    .collect();
                assert_eq!(found, expected, "{compression:?} {half} {at}");
            }
        }
    }
}

#[test]
fn linear_light_is_shown_as_srgb_and_divided_by_alpha() {
    let bytes = files::exr(false, exr::prelude::Compression::ZIP16);
    let rgba = decoded(&bytes).to_rgba8().rgba;
    // Row 0 is half transparent, row 1 opaque; both show the same colours: 18/36 of light is 188, a quarter is 137.
    let pixel = |x: usize, y: usize| &rgba[(y * WIDTH as usize + x) * 4..][..4];
    assert_eq!(pixel(18, 0), [188, 0, 137, 128]);
    assert_eq!(pixel(18, 1)[0], 188);
    assert_eq!(pixel(36, 22), [255, 255, 137, 255]);
    assert_eq!(pixel(0, 1)[3], 255);
}

#[test]
fn jpeg_is_near_what_it_was_written_with() {
    let bytes = files::jpeg();
    let picture = decoded(&bytes);
    assert_eq!((picture.channels, picture.alpha), (3, Alpha::None));
    let difference = |(a, b): (&u8, &u8)| u64::from(a.abs_diff(*b));
    let total: u64 = picture
        .samples
        .iter()
        .zip(&scene_rgb())
        .map(difference)
        .sum();
    let mean = total as f64 / scene_rgb().len() as f64;
    assert!(mean < 6.0, "mean difference {mean}");
}

#[test]
fn what_ffmpeg_writes_has_its_samples() {
    for compression in ["raw", "packbits", "lzw", "deflate"] {
        let arguments = ["-c:v", "tiff", "-compression_algo", compression];
        let Some(file) = files::by_ffmpeg(&arguments) else {
            return;
        };
        assert_eq!(decoded(&file).samples, scene(), "{compression}");
        assert_eq!(decoded(&file).format, FileFormat::Tiff);
    }
    let (_, little) = both_ends(&scene_16());
    for codec in ["png", "tiff"] {
        let file = files::by_ffmpeg(&["-c:v", codec]).unwrap();
        assert_eq!(decoded(&file).samples, scene(), "{codec}");
        let file = files::by_ffmpeg_of("rgba64le", &little, &["-c:v", codec]).unwrap();
        assert_eq!(decoded(&file).samples, little, "{codec}");
    }
    let baseline =
        files::by_ffmpeg(&["-c:v", "mjpeg", "-pix_fmt", "yuvj444p", "-q:v", "2"]).unwrap();
    assert_eq!(decoded(&baseline).channels, 3);
    let float = files::by_ffmpeg(&[
        "-c:v",
        "exr",
        "-pix_fmt",
        "gbrapf32le",
        "-format",
        "half",
        "-compression",
        "zip16",
    ])
    .unwrap();
    assert_eq!(decoded(&float).depth, Depth::Half);
}

#[test]
fn progressive_jpeg_is_read() {
    #[expect(clippy::disallowed_methods, reason = "a test that runs a short tool")]
    let made = std::process::Command::new("convert")
        .args([
            "-size",
            "37x23",
            "gradient:red-blue",
            "-interlace",
            "JPEG",
            "-quality",
            "90",
            "jpg:-",
        ])
        .output();
    let made = made.map(|output| output.stdout).unwrap_or_default();
    if !made.starts_with(&[0xFF, 0xD8]) {
        return println!("skipped: no ImageMagick");
    }
    assert!(
        made.windows(2).any(|pair| pair == [0xFF, 0xC2]),
        "it is progressive"
    );
    let picture = decoded(&made);
    assert!(
        picture.samples[0] > 240 && picture.samples[2] < 15,
        "red above"
    );
    let last = picture.samples.len() - 3;
    assert!(
        picture.samples[last] < 15 && picture.samples[last + 2] > 240,
        "blue below"
    );
}

#[test]
fn every_format_comes_back_from_its_packing() {
    for (name, bytes) in files::one_of_each() {
        let picture = decoded(&bytes);
        let packed = pack(&bytes, &picture).unwrap();
        let (format, zstd) = format_of(packed.packing);
        assert_eq!(format, picture.format, "{name}");
        assert_eq!(
            zstd,
            packed.bytes.starts_with(b"\x28\xB5\x2F\xFD"),
            "{name}"
        );
        assert!(packed.bytes.len() <= bytes.len(), "{name}");
        assert_eq!(*unpack(&packed.bytes, &limits()).unwrap(), *bytes, "{name}");
    }
    let white = vec![255; scene().len()];
    let stored = files::png(png::ColorType::Rgba, png::BitDepth::Eight, &white);
    assert_eq!(
        pack(&stored, &decoded(&stored)).unwrap().packing,
        Packing::Png,
        "small already"
    );
}

#[test]
fn the_same_picture_has_the_same_digest_in_every_format() {
    let (png, tiff) = (files::png_rgba(), files::tiff_rgba());
    assert_eq!(
        decoded(&png).pixels_digest(),
        decoded(&tiff).pixels_digest()
    );
    let mut other = scene();
    other[5] ^= 1;
    let other = files::png(png::ColorType::Rgba, png::BitDepth::Eight, &other);
    assert_ne!(
        decoded(&png).pixels_digest(),
        decoded(&other).pixels_digest()
    );
}

#[test]
fn flags_are_of_every_pixel() {
    use png::{BitDepth, ColorType};
    let flags =
        |color, depth, samples: &[u8]| measure(&decoded(&files::png(color, depth, samples))).flags;
    let pixels = (WIDTH * HEIGHT) as usize;
    let black = flags(
        ColorType::Rgba,
        BitDepth::Eight,
        &[0, 0, 0, 255].repeat(pixels),
    );
    assert_eq!(
        (black.black, black.flat, black.transparent, black.alpha_used),
        (true, true, false, false)
    );
    let clear = flags(
        ColorType::Rgba,
        BitDepth::Eight,
        &[9, 9, 9, 0].repeat(pixels),
    );
    assert_eq!(
        (clear.black, clear.flat, clear.transparent, clear.alpha_used),
        (true, true, true, true)
    );
    for depth in [BitDepth::Eight, BitDepth::Sixteen] {
        for (color, channels) in [
            (ColorType::Grayscale, 1),
            (ColorType::GrayscaleAlpha, 2),
            (ColorType::Rgb, 3),
            (ColorType::Rgba, 4),
        ] {
            let sample_bytes = if depth == BitDepth::Eight { 1 } else { 2 };
            let pixel_bytes = channels * sample_bytes;
            let has_alpha = channels % 2 == 0;
            let mut samples = vec![0; pixels * pixel_bytes];
            if has_alpha {
                samples
                    .chunks_exact_mut(pixel_bytes)
                    .for_each(|p| p[pixel_bytes - sample_bytes..].fill(255));
            }
            assert!(flags(color, depth, &samples).black, "{color:?} {depth:?}");
            // One pixel in the middle is as dark as can be told from black.
            let at = pixels / 2 * pixel_bytes;
            samples[at + sample_bytes - 1] = 1;
            let one = flags(color, depth, &samples);
            assert!(
                !one.black && !one.flat && !one.alpha_used && !one.transparent,
                "{color:?} {depth:?}"
            );
            if has_alpha {
                samples[at + pixel_bytes - 1] = 254;
                assert!(
                    flags(color, depth, &samples).alpha_used,
                    "{color:?} {depth:?}"
                );
            }
        }
    }
    let floats = files::exr(true, exr::prelude::Compression::ZIP16);
    let float = measure(&decoded(&floats));
    assert!(float.flags.float && float.flags.alpha_used && !float.flags.black);
    assert_eq!((float.bits, float.alpha), (16, true));
}
