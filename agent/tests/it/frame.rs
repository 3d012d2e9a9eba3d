//! Whole frames: decoded to the right pixels, measured, packed and unpacked.

use flatrender_agent::frame::{Expect, NotAFrame, unpack, verify};
use flatrender_protocol::Digest;
use proptest::prelude::*;
use tiff::decoder::{Decoder, DecodingResult};

use crate::tiff_files::{Squeeze, TiffFile};

/// Any small picture, written in any way that the agent reads.
pub fn any_file() -> impl Strategy<Value = TiffFile> {
    let shape = (
        1..14_u32,
        1..14_u32,
        1..=4_u8,
        prop_oneof![Just(8_u8), Just(16)],
    );
    let ways = (
        prop_oneof![
            Just(Squeeze::None),
            Just(Squeeze::Lzw),
            Just(Squeeze::Deflate)
        ],
        any::<bool>(),
        any::<bool>(),
        1..14_u32,
        any::<bool>(),
        any::<bool>(),
        0..3_u16,
    );
    (shape, ways).prop_flat_map(|((width, height, channels, bits), ways)| {
        let length = (width * height) as usize * usize::from(channels) * usize::from(bits / 8);
        // Few values, so that the compressors have something to do.
        let samples = prop::collection::vec(prop_oneof![Just(0), Just(255), 0..=255_u8], length);
        let (squeeze, predictor, big_endian, rows, directory_first, white_is_zero, meaning) = ways;
        samples.prop_map(move |samples| TiffFile {
            width,
            height,
            channels,
            bits,
            samples,
            squeeze,
            predictor: predictor && squeeze != Squeeze::None,
            big_endian,
            rows_per_strip: rows.min(height),
            directory_first,
            white_is_zero: white_is_zero && channels < 3,
            extra_samples: channels.is_multiple_of(2).then_some(meaning),
        })
    })
}

/// Samples as another decoder reads them, 16-bit ones as little-endian pairs.
pub fn by_another_decoder(file: &[u8]) -> Option<Vec<u8>> {
    let mut decoder = Decoder::new(std::io::Cursor::new(file)).ok()?;
    match decoder.read_image().ok()? {
        DecodingResult::U8(samples) => Some(samples),
        DecodingResult::U16(samples) => {
            Some(samples.into_iter().flat_map(u16::to_le_bytes).collect())
        }
        _ => None,
    }
}

fn expect_of(file: &TiffFile) -> Expect {
    Expect {
        width: file.width,
        height: file.height,
    }
}

proptest! {
    #[test]
    fn every_kind_of_file_verifies_with_its_pixels(file in any_file()) {
        let bytes = file.bytes();
        let verified = verify(&bytes, &expect_of(&file)).unwrap();
        prop_assert_eq!(verified.pixels, file.pixels());
        prop_assert_eq!(verified.blob.digest, Digest::of(&verified.packed));
        prop_assert_eq!(verified.blob.bytes, verified.packed.len() as u64);
        let limits = flatrender_picture::Limits::of_size(file.width, file.height);
        prop_assert_eq!(&*flatrender_picture::unpack(&verified.packed, &limits).unwrap(), &bytes[..]);
        prop_assert_eq!(verified.measures.bits, file.bits);
        prop_assert_eq!(verified.measures.alpha, file.channels.is_multiple_of(2));
        if file.channels != 2 && !file.white_is_zero && file.extra_samples != Some(0) {
            // (The other decoder leaves an alpha channel out whose meaning is not said.)
            prop_assert_eq!(by_another_decoder(&bytes).unwrap(), file.samples);
        }
    }

    #[test]
    fn mean_luma_is_that_of_the_definition(file in any_file()) {
        let verified = verify(&file.bytes(), &expect_of(&file)).unwrap();
        let expected = mean_luma(&file);
        let found = f64::from(verified.measures.mean_luma);
        // 16-bit samples are measured by their upper byte, weights are 1/256ths.
        prop_assert!((found - expected).abs() < 0.01, "{} for {}", found, expected);
    }

    #[test]
    fn a_packed_frame_unpacks_to_straight_rgba(file in any_file()) {
        let verified = verify(&file.bytes(), &expect_of(&file)).unwrap();
        let picture = unpack(&verified.packed, &expect_of(&file)).unwrap();
        prop_assert_eq!((picture.width, picture.height), (file.width, file.height));
        let samples = samples(&file);
        for (pixel, found) in samples.chunks_exact(usize::from(file.channels)).zip(picture.rgba.chunks_exact(4)) {
            let expected = match *pixel {
                [gray] => [gray, gray, gray, 1.0],
                [gray, alpha] => [gray, gray, gray, alpha],
                [red, green, blue] => [red, green, blue, 1.0],
                [red, green, blue, alpha] => [red, green, blue, alpha],
                _ => unreachable!(),
            };
            prop_assert_eq!(found[3], (expected[3] * 255.0).round() as u8);
            // What colour a pixel has that is hardly there depends on rounding; straight alpha leaves it alone.
            if file.extra_samples == Some(2) || expected[3] == 1.0 {
                for channel in 0..3 {
                    prop_assert_eq!(found[channel], (expected[channel] * 255.0).round() as u8);
                }
            }
        }
    }
}

/// Samples as 0 … 1.
fn samples(file: &TiffFile) -> Vec<f64> {
    if file.bits == 8 {
        return file
            .samples
            .iter()
            .map(|&sample| f64::from(sample) / 255.0)
            .collect();
    }
    let pairs = file.samples.chunks_exact(2);
    pairs
        .map(|pair| f64::from(u16::from_le_bytes([pair[0], pair[1]])) / 65535.0)
        .collect()
}

fn mean_luma(file: &TiffFile) -> f64 {
    let weigh = |red: f64, green: f64, blue: f64| 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    let premultiplied = file.extra_samples == Some(1);
    let total: f64 = samples(file)
        .chunks_exact(usize::from(file.channels))
        .map(|pixel| match *pixel {
            [gray] => gray,
            [gray, alpha] => gray * if premultiplied { 1.0 } else { alpha },
            [red, green, blue] => weigh(red, green, blue),
            [red, green, blue, alpha] => {
                weigh(red, green, blue) * if premultiplied { 1.0 } else { alpha }
            }
            _ => unreachable!(),
        })
        .sum();
    total / f64::from(file.width * file.height)
}

#[test]
fn near_pictures_have_near_hashes() {
    let ramp = |noise: u8| {
        let samples = (0..90 * 80_u32)
            .map(|at| (at % 90 * 2) as u8 + (at * 7 % 5) as u8 * noise)
            .collect();
        let file = TiffFile::plain(90, 80, 1, samples);
        verify(&file.bytes(), &expect_of(&file))
            .unwrap()
            .measures
            .perceptual_hash
    };
    let mirrored = TiffFile::plain(
        90,
        80,
        1,
        (0..90 * 80_u32)
            .map(|at| 200 - (at % 90 * 2) as u8)
            .collect(),
    );
    let mirrored = verify(&mirrored.bytes(), &expect_of(&mirrored)).unwrap();
    assert_eq!(
        ramp(0),
        u64::MAX,
        "every cell is darker than its right neighbour"
    );
    assert!((ramp(0) ^ ramp(1)).count_ones() <= 4);
    assert_eq!(mirrored.measures.perceptual_hash, 0);
}

#[test]
fn premultiplied_colours_are_divided_and_unsaid_ones_guessed() {
    let premultiplied = |meaning| TiffFile {
        extra_samples: meaning,
        ..TiffFile::plain(2, 1, 4, vec![100, 50, 0, 128, 7, 7, 7, 255])
    };
    let rgba = |file: &TiffFile| {
        let packed = verify(&file.bytes(), &expect_of(file)).unwrap().packed;
        unpack(&packed, &expect_of(file)).unwrap().rgba
    };
    let divided = vec![199, 100, 0, 128, 7, 7, 7, 255];
    assert_eq!(rgba(&premultiplied(Some(1))), divided);
    assert_eq!(rgba(&premultiplied(Some(0))), divided);
    assert_eq!(rgba(&premultiplied(None)), divided);
    assert_eq!(rgba(&premultiplied(Some(2))), premultiplied(None).samples);
    let brighter_than_alpha = TiffFile {
        extra_samples: Some(0),
        ..TiffFile::plain(2, 1, 4, vec![100, 50, 0, 128, 200, 7, 7, 199])
    };
    assert_eq!(rgba(&brighter_than_alpha), brighter_than_alpha.samples);
}

#[test]
fn another_size_is_named_with_both() {
    let file = TiffFile::plain(4, 3, 3, vec![1; 36]);
    let error = verify(
        &file.bytes(),
        &Expect {
            width: 8,
            height: 3,
        },
    )
    .unwrap_err();
    assert!(matches!(
        error,
        NotAFrame::WrongSize {
            found: (4, 3),
            expected: (8, 3)
        }
    ));
    assert_eq!(
        error.to_string(),
        "the picture is 4×3 pixels, and the job's frames are 8×3"
    );
}

/// Time that this thread has had a processor, so that what else the machine does hardly counts; where the system does not
/// tell, time.
fn on_the_processor() -> std::time::Duration {
    static START: std::sync::LazyLock<std::time::Instant> =
        std::sync::LazyLock::new(std::time::Instant::now);
    let spent = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = spent.and_then(|text| text.split(' ').next()?.parse().ok());
    nanos.map_or_else(|| START.elapsed(), std::time::Duration::from_nanos)
}

/// Frames a second that one core verifies: `cargo test --release -p flatrender-agent -- --ignored --nocapture speed`.
#[test]
#[ignore = "a measurement, for release builds"]
fn speed_of_verifying_1080p() {
    let (width, height) = (1920_u32, 1080_u32);
    let samples: Vec<u8> = (0..width * height)
        .flat_map(|at| {
            let (x, y) = (at % width, at / width);
            let noise = if y > 540 {
                (at.wrapping_mul(2_654_435_761) >> 29) as u8
            } else {
                0
            };
            [
                (x / 8) as u8 + noise,
                (y / 5) as u8 + noise,
                ((x + y) / 12) as u8,
                255,
            ]
        })
        .collect();
    let plain = TiffFile {
        rows_per_strip: 8,
        ..TiffFile::plain(width, height, 4, samples)
    };
    let sixteen = TiffFile {
        bits: 16,
        samples: plain
            .samples
            .iter()
            .flat_map(|&byte| [byte, byte])
            .collect(),
        ..plain.clone()
    };
    let kinds = [
        ("8-bit raw", plain.clone()),
        (
            "8-bit raw, big-endian",
            TiffFile {
                big_endian: true,
                ..plain.clone()
            },
        ),
        (
            "8-bit LZW",
            TiffFile {
                squeeze: Squeeze::Lzw,
                ..plain.clone()
            },
        ),
        (
            "8-bit LZW with predictor",
            TiffFile {
                squeeze: Squeeze::Lzw,
                predictor: true,
                ..plain
            },
        ),
        ("16-bit raw", sixteen.clone()),
        (
            "16-bit raw, big-endian",
            TiffFile {
                big_endian: true,
                ..sixteen
            },
        ),
    ];
    for (name, file) in kinds {
        let bytes = file.bytes();
        let expect = expect_of(&file);
        let rounds = 30;
        let mut packed = Vec::new();
        let start = on_the_processor();
        for _ in 0..rounds {
            packed = verify(&bytes, &expect).unwrap().packed;
        }
        let verifying = on_the_processor() - start;
        let start = on_the_processor();
        for _ in 0..rounds {
            unpack(&packed, &expect).unwrap();
        }
        println!(
            "{name}: {} → {} bytes; verify {:.1} frames/s, unpack {:.1} frames/s",
            bytes.len(),
            packed.len(),
            f64::from(rounds) / verifying.as_secs_f64(),
            f64::from(rounds) / (on_the_processor() - start).as_secs_f64()
        );
    }
}
