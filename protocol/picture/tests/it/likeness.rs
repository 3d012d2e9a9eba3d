//! Measures, comparisons and small pictures, against what they are defined to be.

use flatrender_picture::{Limits, Picture, Rgb8, Rgba8, compare, measure, psnr, scaled};

use crate::files::{self, HEIGHT, WIDTH, scene};

fn picture_of(rgba: Vec<u8>, width: u32, height: u32) -> Rgba8 {
    Rgba8 {
        width,
        height,
        rgba,
    }
}

#[test]
fn psnr_is_that_of_its_definition() {
    let one = picture_of([100, 100, 100, 255].repeat(64), 8, 8);
    let mut other = one.clone();
    assert_eq!(psnr(&one.as_picture(), &other.as_picture()), f64::INFINITY);
    // One channel of one of 64 pixels differs by 51 of 255: a fifth.
    other.rgba[0] += 51;
    let likeness = compare(&one.as_picture(), &other.as_picture()).unwrap();
    let expected = -10.0 * (0.04_f64 / 256.0).log10();
    assert!((likeness.psnr_db - expected).abs() < 0.001, "{likeness:?}");
    assert!((likeness.worst - 0.2).abs() < 1e-6);
    assert!((likeness.differing - 1.0 / 64.0).abs() < 1e-9);
    let wider = picture_of([0; 4].repeat(72), 9, 8);
    assert!(compare(&one.as_picture(), &wider.as_picture()).is_none());
}

#[test]
fn colours_that_are_not_seen_do_not_differ() {
    let one = picture_of([200, 0, 0, 0].repeat(64), 8, 8);
    let other = picture_of([0, 0, 90, 0].repeat(64), 8, 8);
    assert_eq!(psnr(&one.as_picture(), &other.as_picture()), f64::INFINITY);
}

#[test]
fn the_same_scene_is_told_from_another_whatever_its_format() {
    let (png, jpeg, exr) = (
        files::png_rgba(),
        files::jpeg(),
        files::exr(false, exr::prelude::Compression::ZIP16),
    );
    let decode = |bytes| Picture::decode(bytes, &Limits::default()).unwrap();
    let opaque = picture_of(
        scene()
            .chunks_exact(4)
            .flat_map(|p| [p[0], p[1], p[2], 255])
            .collect(),
        WIDTH,
        HEIGHT,
    );
    let same = psnr(&opaque.as_picture(), &decode(&jpeg));
    let other = psnr(&decode(&png), &decode(&exr));
    assert!(same > 28.0 && other < 20.0, "{same} {other}");
}

#[test]
fn a_thumbnail_has_the_luma_of_its_cells() {
    // Four of nine columns white, the others black; lower half at half alpha.
    let rgba = (0..72 * 64_u32).flat_map(|at| {
        let value = if at % 72 < 32 { 255 } else { 0 };
        let alpha = if at / 72 < 32 { 255 } else { 128 };
        [value, value, value, alpha]
    });
    let measures = measure(&picture_of(rgba.collect(), 72, 64).as_picture());
    for (row, cells) in measures.thumbnail.iter().enumerate() {
        let bright = if row < 4 { 255 } else { 128 };
        assert_eq!(cells[..4], [bright; 4]);
        assert_eq!(cells[4..], [0; 5]);
    }
    let mean = (1.0 + 128.0 / 255.0) / 2.0 * 4.0 / 9.0;
    assert!((f64::from(measures.mean_luma) - mean).abs() < 0.001);
}

#[test]
fn scaling_keeps_means_and_lays_over_the_background() {
    let half = picture_of(
        [[0, 0, 0, 0], [255, 255, 255, 255]].concat().repeat(6 * 7),
        12,
        7,
    );
    for (width, height) in [(1, 1), (5, 3), (12, 7)] {
        let small = scaled(&half.as_picture(), width, height, [0, 255, 0]);
        assert_eq!((small.width, small.height), (width, height));
        let mean = |channel: usize| {
            let total: u64 = small
                .rgb
                .iter()
                .skip(channel)
                .step_by(3)
                .map(|&byte| u64::from(byte))
                .sum();
            total as f64 / f64::from(width * height)
        };
        assert!(
            (mean(0) - 127.5).abs() < 1.5 && (mean(1) - 255.0).abs() < 0.5,
            "{width}×{height}"
        );
    }
    let larger = scaled(&half.as_picture(), 24, 14, [0, 255, 0]);
    assert_eq!(
        larger.rgb[..12],
        [0, 255, 0, 0, 255, 0, 255, 255, 255, 255, 255, 255]
    );
}

#[test]
fn small_pictures_are_files_that_are_read_again() {
    let picture = Rgb8 {
        width: 16,
        height: 8,
        rgb: (0..16 * 8 * 3_u32).map(|at| (at / 2) as u8).collect(),
    };
    let png = picture.to_png().unwrap();
    assert_eq!(
        *Picture::decode(&png, &Limits::of_size(16, 8))
            .unwrap()
            .samples,
        *picture.rgb
    );
    let jpeg = picture.to_jpeg(90).unwrap();
    let again = Picture::decode(&jpeg, &Limits::of_size(16, 8)).unwrap();
    let png = Picture::decode(&png, &Limits::default()).unwrap();
    assert!(psnr(&again, &png) > 30.0);
}
