//! Files that are not whole or not right: each is refused with words, none panics, none takes memory for what it only claims.

use flatrender_picture::{FileFormat, Limits, Picture, PictureError, unpack};

use crate::files::{self, HEIGHT, WIDTH};

fn limits() -> Limits {
    Limits::of_size(WIDTH, HEIGHT)
}

fn refused(bytes: &[u8], limits: &Limits) -> PictureError {
    Picture::decode(bytes, limits).unwrap_err()
}

#[test]
fn a_file_cut_off_anywhere_is_torn_or_empty() {
    for (name, bytes) in files::one_of_each() {
        for length in 0..bytes.len() {
            let error = refused(&bytes[..length], &limits());
            let expected = match length {
                0 => matches!(error, PictureError::Empty),
                // A header that ends early may read as one that contradicts itself.
                1..400 if name.starts_with("EXR") => matches!(
                    error,
                    PictureError::Torn { .. }
                        | PictureError::Damaged { .. }
                        | PictureError::Unsupported { .. }
                ),
                _ => matches!(error, PictureError::Torn { .. }),
            };
            assert!(expected, "{name}, {length} of {}: {error:?}", bytes.len());
        }
    }
}

#[test]
fn a_file_that_goes_on_after_its_picture_says_where_it_ended() {
    for (name, mut bytes) in files::one_of_each().into_iter().skip(1) {
        let length = bytes.len() as u64;
        bytes.extend([0; 7]);
        match refused(&bytes, &limits()) {
            PictureError::Trailing { end, more, .. } => {
                assert_eq!((end, more), (length, 7), "{name}")
            }
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn a_png_with_a_wrong_checksum_is_damaged() {
    let bytes = files::png_rgba();
    for at in (8..bytes.len()).step_by(11) {
        let mut changed = bytes.clone();
        changed[at] ^= 0x10;
        assert!(Picture::decode(&changed, &limits()).is_err(), "byte {at}");
    }
    let mut text_mode = bytes;
    text_mode.remove(4);
    assert!(matches!(
        refused(&text_mode, &limits()),
        PictureError::Damaged { .. }
    ));
}

#[test]
fn what_is_not_wanted_is_named() {
    for (name, bytes) in files::one_of_each() {
        let picture = Picture::decode(&bytes, &limits()).unwrap();
        let (bits, alpha) = (picture.depth.bits(), picture.channels == 4);
        assert!(
            matches!(refused(&bytes, &Limits::of_size(HEIGHT, WIDTH)), PictureError::WrongSize { found, .. } if found == (WIDTH, HEIGHT)),
            "{name}"
        );
        let deeper = Limits {
            bits: Some(bits + 8),
            ..limits()
        };
        assert!(
            matches!(refused(&bytes, &deeper), PictureError::WrongDepth { found, .. } if found == bits),
            "{name}"
        );
        let other_alpha = Limits {
            alpha: Some(!alpha),
            ..limits()
        };
        assert!(
            matches!(refused(&bytes, &other_alpha), PictureError::WrongAlpha { found } if found == alpha),
            "{name}"
        );
        for format in [
            FileFormat::Tiff,
            FileFormat::Png,
            FileFormat::Jpeg,
            FileFormat::Exr,
        ] {
            let named = Limits {
                format: Some(format),
                ..limits()
            };
            assert_eq!(
                Picture::decode(&bytes, &named).is_ok(),
                format == picture.format,
                "{name} named {format}"
            );
        }
        let exact = Limits {
            bits: Some(bits),
            alpha: Some(alpha),
            format: Some(picture.format),
            ..limits()
        };
        assert!(Picture::decode(&bytes, &exact).is_ok(), "{name}");
    }
}

#[test]
fn a_picture_that_is_too_large_is_refused_by_its_header() {
    // IHDR of a PNG: width and height at 16, its checksum at 29.
    let mut png = files::png_rgba();
    png[16..20].copy_from_slice(&60_000_u32.to_be_bytes());
    png[20..24].copy_from_slice(&60_000_u32.to_be_bytes());
    let checksum = crc32(&png[12..29]);
    png[29..33].copy_from_slice(&checksum.to_be_bytes());
    assert!(matches!(
        refused(&png, &Limits::default()),
        PictureError::TooLarge { .. }
    ));
    let words = refused(&png, &Limits::default()).to_string();
    assert!(words.contains("at most 536870912 are read"), "{words}");
    // 16K in 16 bits: its size alone would pass, its depth does not.
    png[16..20].copy_from_slice(&15_360_u32.to_be_bytes());
    png[20..24].copy_from_slice(&8_640_u32.to_be_bytes());
    png[24] = 16;
    let checksum = crc32(&png[12..29]);
    png[29..33].copy_from_slice(&checksum.to_be_bytes());
    assert!(
        matches!(refused(&png, &Limits::default()), PictureError::TooLarge { bytes, .. } if bytes == 15_360 * 8_640 * 8)
    );
    // JPEG: height and width follow the depth in the frame header.
    let mut jpeg = files::jpeg();
    let frame = jpeg
        .windows(2)
        .position(|pair| pair == [0xFF, 0xC0])
        .unwrap();
    jpeg[frame + 5..frame + 9].fill(0xEA);
    assert!(matches!(
        refused(&jpeg, &Limits::default()),
        PictureError::TooLarge { .. }
    ));
}

/// The checksum of PNG chunks (PNG, annex D), bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            if crc & 1 == 1 {
                crc >> 1 ^ 0xEDB8_8320
            } else {
                crc >> 1
            }
        })
    })
}

#[test]
fn packed_bytes_that_unpack_to_too_much_are_refused() {
    let limit = limits().most_file_bytes();
    let bomb = zstd::bulk::compress(&vec![0; limit as usize * 4], 1).unwrap();
    assert!(bomb.len() < 65_536);
    assert!(matches!(
        unpack(&bomb, &limits()),
        Err(PictureError::TooLarge { .. })
    ));
    assert!(matches!(
        unpack(&bomb[..bomb.len() / 2], &Limits::default()),
        Err(PictureError::Packing { .. } | PictureError::TooLarge { .. })
    ));
}

#[test]
fn cmyk_and_animations_are_refused_with_a_way_out() {
    let mut jpeg = files::jpeg();
    let frame = jpeg
        .windows(2)
        .position(|pair| pair == [0xFF, 0xC0])
        .unwrap();
    jpeg[frame + 9] = 4;
    assert_eq!(
        refused(&jpeg, &limits()).to_string(),
        "this kind of JPEG file is not supported: it has four channels (CMYK); use baseline or progressive JPEG in gray or RGB"
    );
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, WIDTH, HEIGHT);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_animated(2, 0).unwrap();
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&files::scene()).unwrap();
    writer.write_image_data(&files::scene()).unwrap();
    writer.finish().unwrap();
    assert!(
        refused(&out, &limits())
            .to_string()
            .contains("it is animated")
    );
}
