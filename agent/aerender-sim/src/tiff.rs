//! Answers for: the bytes of an uncompressed TIFF file of one, three or four channels of 8 or 16 bits, as TIFF revision 6.0 describes it. Must not: write files.
//!
//! The directory stands in front of the pixels. A file that was torn off therefore looks whole to whoever reads only its
//! beginning, which is what a checker of frames has to see through.

/// Pixels of one strip take about this many bytes.
const STRIP_BYTES: usize = 64 * 1024;

const SHORT: u16 = 3;
const LONG: u16 = 4;
const RATIONAL: u16 = 5;

/// The bytes in front of the pixels of a `width` × `height` picture. The file is these bytes and then the pixels,
/// row by row, each of `samples` samples (1 is grey, 3 colour, 4 colour and alpha) of `bits` bits (8 or 16) with the lower byte first.
#[must_use]
pub fn header(width: u32, height: u32, bits: u16, samples: u32) -> Vec<u8> {
    let row_bytes = width * samples * u32::from(bits / 8);
    let rows_per_strip = (STRIP_BYTES as u32 / row_bytes.max(1)).clamp(1, height.max(1));
    let strips = height.div_ceil(rows_per_strip);
    // Every tag whose values don't fit the four bytes of its entry points behind the directory.
    let entries = if samples == 4 { 13_u32 } else { 12 };
    let behind = 8 + 2 + entries * 12 + 4;
    let depths_at = behind;
    let resolution_at = depths_at + 8;
    let offsets_at = resolution_at + 8;
    let counts_at = offsets_at + strips * 4;
    let pixels_at = counts_at + strips * 4;

    let strip_bytes = |strip: u32| {
        let rows = rows_per_strip.min(height - strip * rows_per_strip);
        rows * row_bytes
    };
    let offsets: Vec<u32> = (0..strips)
        .map(|strip| pixels_at + strip * rows_per_strip * row_bytes)
        .collect();
    let counts: Vec<u32> = (0..strips).map(strip_bytes).collect();
    // One value is kept in the entry itself.
    let in_place = |values: &[u32], at: u32| if values.len() == 1 { values[0] } else { at };

    let mut out = Vec::with_capacity(pixels_at as usize);
    out.extend_from_slice(b"II*\0");
    out.extend_from_slice(&8_u32.to_le_bytes());
    out.extend_from_slice(&(entries as u16).to_le_bytes());
    let mut entry = |tag: u16, kind: u16, count: u32, value: u32| {
        out.extend_from_slice(&tag.to_le_bytes());
        out.extend_from_slice(&kind.to_le_bytes());
        out.extend_from_slice(&count.to_le_bytes());
        out.extend_from_slice(&value.to_le_bytes());
    };
    entry(256, LONG, 1, width);
    entry(257, LONG, 1, height);
    let depths = vec![u32::from(bits); samples as usize];
    entry(258, SHORT, samples, in_place(&depths, depths_at)); // bits a sample
    entry(259, SHORT, 1, 1); // not compressed
    entry(262, SHORT, 1, if samples == 1 { 1 } else { 2 }); // grey, or RGB
    entry(273, LONG, strips, in_place(&offsets, offsets_at));
    entry(277, SHORT, 1, samples); // samples a pixel
    entry(278, LONG, 1, rows_per_strip);
    entry(279, LONG, strips, in_place(&counts, counts_at));
    entry(282, RATIONAL, 1, resolution_at);
    entry(283, RATIONAL, 1, resolution_at);
    entry(284, SHORT, 1, 1); // samples side by side
    if samples == 4 {
        entry(338, SHORT, 1, 1); // the fourth is alpha, colours are premultiplied
    }
    out.extend_from_slice(&0_u32.to_le_bytes()); // no other directory
    for _ in 0..4 {
        out.extend_from_slice(&bits.to_le_bytes());
    }
    out.extend_from_slice(&72_u32.to_le_bytes());
    out.extend_from_slice(&1_u32.to_le_bytes());
    for value in offsets.iter().chain(&counts) {
        out.extend_from_slice(&value.to_le_bytes());
    }
    debug_assert_eq!(out.len(), pixels_at as usize);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::tiff::decoder::{Decoder, DecodingResult};
    use std::io::Cursor;

    #[test]
    fn another_decoder_reads_the_same_pixels() {
        for (width, height) in [(1, 1), (4, 4), (351, 856), (1280, 720)] {
            let pixels: Vec<u8> = (0..width * height * 4).map(|n| (n % 251) as u8).collect();
            let mut file = header(width, height, 8, 4);
            file.extend_from_slice(&pixels);
            let mut decoder = Decoder::new(Cursor::new(file)).unwrap();
            assert_eq!(decoder.dimensions().unwrap(), (width, height));
            assert_eq!(decoder.colortype().unwrap(), ::tiff::ColorType::RGBA(8));
            let DecodingResult::U8(read) = decoder.read_image().unwrap() else {
                panic!("not 8 bits a sample");
            };
            assert_eq!(read, pixels, "{width} × {height}");
        }
    }

    #[test]
    fn another_decoder_reads_16_bits_too() {
        let (width, height) = (351, 200);
        let samples: Vec<u16> = (0..width * height * 4)
            .map(|n| (n % 65_521) as u16)
            .collect();
        let mut file = header(width, height, 16, 4);
        file.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
        let mut decoder = Decoder::new(Cursor::new(file)).unwrap();
        assert_eq!(decoder.colortype().unwrap(), ::tiff::ColorType::RGBA(16));
        let DecodingResult::U16(read) = decoder.read_image().unwrap() else {
            panic!("not 16 bits a sample");
        };
        assert_eq!(read, samples);
    }

    #[test]
    fn a_torn_file_does_not_decode() {
        let mut file = header(64, 64, 8, 4);
        file.resize(file.len() + 64 * 64 * 2, 9);
        let mut decoder = Decoder::new(Cursor::new(file)).unwrap();
        assert!(decoder.read_image().is_err());
    }
}
