//! Answers for: PackBits (TIFF revision 6.0, section 9). Must not: read or write outside what it is given.

/// Decodes `raw` until `out` is full; how many bytes were written, fewer where the codes end before. A run that goes beyond
/// `out` is cut, as rows may be padded.
pub(super) fn decode(raw: &[u8], out: &mut [u8]) -> usize {
    let mut rest = raw;
    let mut written = 0;
    while let Some((&code, behind)) = rest.split_first() {
        let room = &mut out[written..];
        if room.is_empty() {
            break;
        }
        match code.cast_signed() {
            // "No operation", says the specification.
            -128 => rest = behind,
            literal @ 0.. => {
                let length = literal as usize + 1;
                let taken = length.min(room.len()).min(behind.len());
                room[..taken].copy_from_slice(&behind[..taken]);
                written += taken;
                rest = behind.get(length..).unwrap_or(&[]);
            }
            run => {
                let Some((&byte, behind)) = behind.split_first() else {
                    break;
                };
                let length = (usize::from(run.unsigned_abs()) + 1).min(room.len());
                room[..length].fill(byte);
                written += length;
                rest = behind;
            }
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_specification_is_read() {
        let packed = [
            0xFE, 0xAA, 0x02, 0x80, 0x00, 0x2A, 0xFD, 0xAA, 0x03, 0x80, 0x00, 0x2A, 0x22, 0xF7,
            0xAA,
        ];
        let plain = [
            0xAA, 0xAA, 0xAA, 0x80, 0x00, 0x2A, 0xAA, 0xAA, 0xAA, 0xAA, 0x80, 0x00, 0x2A, 0x22,
            0xAA, 0xAA, 0xAA, 0xAA, 0xAA, 0xAA, 0xAA, 0xAA, 0xAA, 0xAA,
        ];
        let mut out = [0; 24];
        assert_eq!(decode(&packed, &mut out), 24);
        assert_eq!(out, plain);
        for length in 0..packed.len() {
            assert!(decode(&packed[..length], &mut out) < 24, "{length}");
        }
        assert_eq!(decode(&[0x80, 0x80], &mut out), 0);
    }
}
