//! Lines of text as a person reads them, compared with stored pictures (`tests/pictures`).

use std::path::{Path, PathBuf};

use aerender_sim::canvas::Canvas;
use aerender_sim::text::Writer;

const SIZE: (usize, usize) = (420, 64);
/// How far a channel may be off: another version of the rasteriser may round otherwise.
const TOLERANCE: u8 = 24;
const PERSIAN: &str = "سلام دنیا: می\u{200c}خواهم ۱۲۳";

fn drawn(text: &str) -> Canvas {
    let mut canvas = Canvas::new(SIZE.0, SIZE.1);
    canvas.gradient([16, 24, 64], [16, 24, 64]);
    Writer::default().line(&mut canvas, (8, 6), 32.0, text, [255, 255, 255]);
    canvas
}

fn stored(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pictures");
    folder.join(format!("{name}.png"))
}

/// Stores what is drawn, to be looked at before it is committed.
fn store(canvas: &Canvas, name: &str) {
    let file = std::fs::File::create(stored(name)).unwrap();
    let mut encoder = png::Encoder::new(file, SIZE.0 as u32, SIZE.1 as u32);
    encoder.set_color(png::ColorType::Rgba);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(canvas.pixels()).unwrap();
}

/// Pixels of `canvas` that are not as in the stored picture.
fn off(canvas: &Canvas, name: &str) -> usize {
    let file = std::io::BufReader::new(std::fs::File::open(stored(name)).unwrap());
    let mut reader = png::Decoder::new(file).read_info().unwrap();
    let size = (reader.info().width as usize, reader.info().height as usize);
    assert_eq!(size, SIZE);
    let mut pixels = vec![0; canvas.pixels().len()];
    reader.next_frame(&mut pixels).unwrap();
    let pairs = pixels.chunks_exact(4).zip(canvas.pixels().chunks_exact(4));
    let differs = |(a, b): &(&[u8], &[u8])| {
        let mut channels = a.iter().zip(b.iter());
        channels.any(|(a, b)| a.abs_diff(*b) > TOLERANCE)
    };
    pairs.filter(differs).count()
}

fn is_as_stored(text: &str, name: &str) {
    let canvas = drawn(text);
    if std::env::var_os("FLATRENDER_STORE_PICTURES").is_some() {
        store(&canvas, name);
    }
    assert_eq!(off(&canvas, name), 0, "{text}");
}

#[test]
fn persian_is_joined_and_runs_from_right_to_left() {
    is_as_stored(PERSIAN, "persian");
    // The picture can tell: letters in another order, or unjoined, are another picture.
    let reversed: String = PERSIAN.chars().rev().collect();
    assert!(off(&drawn(&reversed), "persian") > 200);
    let unjoined = PERSIAN.replace("سلام", "س\u{200c}ل\u{200c}ا\u{200c}م");
    assert!(off(&drawn(&unjoined), "persian") > 200);
}

#[test]
fn both_directions_share_a_line() {
    is_as_stored("Price قیمت 12.50 (تومان)", "mixed");
}

#[test]
fn strange_text_is_drawn_without_fail() {
    for text in ["", "\u{202e}abc", "\u{0}\u{ffff}", "👩‍👩‍👧", &"ـ".repeat(2000)] {
        drawn(text);
    }
}
