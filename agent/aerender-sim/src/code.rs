//! Answers for: the machine-readable code of job, frame number and values in the picture: where it stands, how it is painted, and how
//! it is read back from the luma plane of a decoded H.264 film. Must not: know about files, films or After Effects.
//!
//! Layout: 16 × 8 square cells in the top left corner, black or white, no margin. Row by row, most significant bit first, they
//! hold 16 bytes: job (4), frame (4), values (4), CRC-32 of those 12 (4), each byte XORed with a fixed mask so that no code is
//! all of one colour. The cell size is a pure function of the picture's size rounded up to even numbers, because H.264 wants even
//! sizes and an odd picture is padded at its right and bottom edges: painted at 351 × 856, read at 352 × 856.
//!
//! The smallest picture that carries a code is 63 × 31 (64 × 32 after rounding, cells of 4 pixels). Below that nothing is painted and
//! [`read`] answers `None`. A wrong answer needs a CRC-32 that fits by accident: one in four thousand million pictures
//! that look like a code at all.

/// Cells in a row.
const COLUMNS: usize = 16;
/// Rows of cells.
const ROWS: usize = 8;
/// Bytes that are checked by the CRC.
const SAID: usize = 12;
/// Bytes of a code.
const BYTES: usize = COLUMNS * ROWS / 8;
/// The smallest cell that survives compression, in pixels.
const SMALLEST_CELL: usize = 4;
/// The least difference in luma between the darkest and the brightest cell.
const LEAST_CONTRAST: u32 = 64;
/// What each byte is XORed with.
const WHITENING: [u8; BYTES] = [
    0xa5, 0x3c, 0x69, 0xc3, 0x5a, 0x96, 0xd2, 0x2d, 0x4b, 0xb4, 0x78, 0x87, 0x1e, 0xe1, 0x36, 0xc9,
];

/// What a frame says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Code {
    /// [`job_tag`] of the output file's stem.
    pub job: u32,
    /// The display frame, as in the file's name.
    pub frame: i32,
    /// [`crate::values::digest`] of what the composition shows.
    pub values: u32,
}

/// A stable 32-bit tag of a job: FNV-1a (64 bit) over the stem of its output files, folded to 32 bits.
///
/// The stem is what stands before `_[#####]` in the output path; the agent uses the job's id.
#[must_use]
pub fn job_tag(stem: &str) -> u32 {
    tag(stem.as_bytes())
}

/// [`job_tag`]'s hash of any bytes.
#[must_use]
pub fn tag(bytes: &[u8]) -> u32 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in bytes {
        hash ^= u64::from(*byte);
        hash = hash.wrapping_mul(0x0000_0100_0000_01b3);
    }
    let [a, b, c, d, e, f, g, h] = hash.to_be_bytes();
    u32::from_be_bytes([a, b, c, d]) ^ u32::from_be_bytes([e, f, g, h])
}

/// The edge of a cell in pixels for a picture of `width` × `height`, or `None` if the picture is too small for a code.
///
/// As large as fits, but no more than a 45th of the shorter side (8 pixels at least), so that the code stays a corner of
/// the picture; a multiple of 4 from 8 on, even below, to sit well on the codec's blocks.
#[must_use]
pub fn cell_size(width: usize, height: usize) -> Option<usize> {
    let width = width.next_multiple_of(2);
    let height = height.next_multiple_of(2);
    let fits = (width / COLUMNS).min(height / ROWS);
    let wanted = (width.min(height) / 45).max(8);
    let cell = fits.min(wanted);
    let cell = if cell >= 8 {
        cell - cell % 4
    } else {
        cell - cell % 2
    };
    (cell >= SMALLEST_CELL).then_some(cell)
}

/// The part of the picture the code covers, as width and height in pixels; `(0, 0)` if there is none.
#[must_use]
pub fn area(width: usize, height: usize) -> (usize, usize) {
    cell_size(width, height).map_or((0, 0), |cell| {
        ((cell * COLUMNS).min(width), (cell * ROWS).min(height))
    })
}

/// Paints `code` into the top left corner of an 8-bit RGBA picture; leaves a picture that is too small as it is.
///
/// # Panics
///
/// If `rgba` is shorter than `width * height * 4`.
pub fn paint(rgba: &mut [u8], width: usize, height: usize, code: &Code) {
    assert!(
        rgba.len() >= width * height * 4,
        "the picture has fewer bytes than its size says"
    );
    let Some(cell) = cell_size(width, height) else {
        return;
    };
    let bytes = encode(code);
    for y in 0..(cell * ROWS).min(height) {
        for x in 0..(cell * COLUMNS).min(width) {
            let index = (y / cell) * COLUMNS + x / cell;
            let bit = bytes[index / 8] >> (7 - index % 8) & 1;
            let value = if bit == 1 { 255 } else { 0 };
            let at = (y * width + x) * 4;
            rgba[at..at + 4].copy_from_slice(&[value, value, value, 255]);
        }
    }
}

/// Reads the code from a luma plane of 8 bits a pixel, full or limited range, without padding between rows.
///
/// `None` if there is no code, if it is damaged, or if the plane is shorter than its size says.
#[must_use]
pub fn read(luma: &[u8], width: usize, height: usize) -> Option<Code> {
    let cell = cell_size(width, height)?;
    if luma.len() < width.checked_mul(height)? {
        return None;
    }
    let mut means = [0_u32; COLUMNS * ROWS];
    for (index, mean) in means.iter_mut().enumerate() {
        let left = (index % COLUMNS) * cell;
        let top = (index / COLUMNS) * cell;
        *mean = cell_mean(luma, (width, height), (left, top), cell)?;
    }
    let darkest = *means.iter().min()?;
    let brightest = *means.iter().max()?;
    let contrast = brightest - darkest;
    if contrast < LEAST_CONTRAST {
        return None;
    }
    let middle = darkest + contrast / 2;
    let mut bytes = [0_u8; BYTES];
    for (index, &mean) in means.iter().enumerate() {
        if mean.abs_diff(middle) < contrast / 8 {
            return None; // neither black nor white
        }
        if mean > middle {
            bytes[index / 8] |= 1 << (7 - index % 8);
        }
    }
    decode(bytes)
}

/// The mean luma of the inner half of a cell.
fn cell_mean(
    luma: &[u8],
    (width, height): (usize, usize),
    (left, top): (usize, usize),
    cell: usize,
) -> Option<u32> {
    let inset = cell / 4;
    let right = (left + cell - inset).min(width);
    let bottom = (top + cell - inset).min(height);
    let mut sum = 0_u32;
    let mut count = 0_u32;
    for y in top + inset..bottom {
        for &value in luma.get(y * width + left + inset..y * width + right)? {
            sum += u32::from(value);
            count += 1;
        }
    }
    sum.checked_div(count)
}

fn encode(code: &Code) -> [u8; BYTES] {
    let mut bytes = [0_u8; BYTES];
    bytes[..4].copy_from_slice(&code.job.to_be_bytes());
    bytes[4..8].copy_from_slice(&code.frame.to_be_bytes());
    bytes[8..SAID].copy_from_slice(&code.values.to_be_bytes());
    let crc = crc32(&bytes[..SAID]);
    bytes[SAID..].copy_from_slice(&crc.to_be_bytes());
    whiten(bytes)
}

fn decode(bytes: [u8; BYTES]) -> Option<Code> {
    let bytes = whiten(bytes);
    let word = |at: usize| [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
    (crc32(&bytes[..SAID]) == u32::from_be_bytes(word(SAID))).then(|| Code {
        job: u32::from_be_bytes(word(0)),
        frame: i32::from_be_bytes(word(4)),
        values: u32::from_be_bytes(word(8)),
    })
}

fn whiten(mut bytes: [u8; BYTES]) -> [u8; BYTES] {
    for (byte, mask) in bytes.iter_mut().zip(WHITENING) {
        *byte ^= mask;
    }
    bytes
}

/// CRC-32 as in ISO 3309 (the one of zip and PNG), bit by bit: twelve bytes don't need a table.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for &byte in bytes {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            let carry = crc & 1;
            crc >>= 1;
            if carry == 1 {
                crc ^= 0xedb8_8320;
            }
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn luma_of(rgba: &[u8], limited: bool) -> Vec<u8> {
        rgba.chunks_exact(4)
            .map(|pixel| match limited {
                true => 16 + (u32::from(pixel[1]) * 219 / 255) as u8,
                false => pixel[1],
            })
            .collect()
    }

    #[test]
    fn crc_is_the_known_one() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn job_tag_never_changes() {
        assert_eq!(job_tag(""), 0xcbf2_9ce4 ^ 0x8422_2325);
        assert_eq!(job_tag("a"), 0xaf63_dc4c ^ 0x8601_ec8c);
        assert_ne!(job_tag("job-1"), job_tag("job-2"));
    }

    #[test]
    fn cells_are_as_the_page_says() {
        for (width, height, cell) in [
            (64, 32, Some(4)),
            (63, 31, Some(4)),
            (62, 32, None),
            (64, 30, None),
            (100, 100, Some(6)),
            (150, 50, Some(6)),
            (351, 856, Some(8)),
            (352, 856, Some(8)),
            (1280, 720, Some(16)),
            (1920, 1080, Some(24)),
            (0, 0, None),
        ] {
            assert_eq!(cell_size(width, height), cell, "{width} × {height}");
        }
    }

    proptest! {
        #[test]
        fn what_is_painted_is_read(job: u32, frame: i32, values: u32, width in 63_usize..700, height in 31_usize..400, limited: bool) {
            let code = Code { job, frame, values };
            let mut rgba = vec![90; width * height * 4];
            paint(&mut rgba, width, height, &code);
            prop_assert_eq!(read(&luma_of(&rgba, limited), width, height), Some(code));
        }

        #[test]
        fn an_odd_picture_is_read_after_padding(frame: i32, width in 63_usize..400, height in 31_usize..200, pad in 0_u8..=255) {
            let code = Code { job: 7, frame, values: 5 };
            let mut rgba = vec![90; width * height * 4];
            paint(&mut rgba, width, height, &code);
            let luma = luma_of(&rgba, true);
            let even = width.next_multiple_of(2);
            let mut padded = Vec::new();
            for row in luma.chunks_exact(width) {
                padded.extend_from_slice(row);
                padded.resize(padded.len().next_multiple_of(even), pad);
            }
            padded.resize(even * height.next_multiple_of(2), pad);
            prop_assert_eq!(read(&padded, even, height.next_multiple_of(2)), Some(code));
        }

        #[test]
        fn one_flipped_cell_is_never_read_as_another_code(frame: i32, cell in 0_usize..128) {
            let (width, height) = (150, 70);
            let code = Code { job: 99, frame, values: 3 };
            let mut rgba = vec![90; width * height * 4];
            paint(&mut rgba, width, height, &code);
            let mut luma = luma_of(&rgba, false);
            for y in 0..8 {
                for x in 0..8 {
                    let at = (cell / 16 * 8 + y) * width + cell % 16 * 8 + x;
                    luma[at] = 255 - luma[at];
                }
            }
            prop_assert_eq!(read(&luma, width, height), None);
        }

        #[test]
        fn noise_is_no_code(luma in proptest::collection::vec(any::<u8>(), 64 * 32)) {
            prop_assert_eq!(read(&luma, 64, 32), None);
        }
    }

    #[test]
    fn plain_pictures_and_short_planes_are_no_code() {
        for value in [0, 16, 128, 235, 255] {
            assert_eq!(read(&vec![value; 1280 * 720], 1280, 720), None);
        }
        assert_eq!(read(&[0; 100], 1280, 720), None);
        assert_eq!(read(&[], 0, 0), None);
    }

    #[test]
    fn a_small_picture_stays_as_it_is() {
        let mut rgba = vec![90; 62 * 22 * 4];
        paint(
            &mut rgba,
            62,
            22,
            &Code {
                job: 1,
                frame: 2,
                values: 3,
            },
        );
        assert!(rgba.iter().all(|&byte| byte == 90));
    }
}
