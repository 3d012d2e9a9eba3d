//! Answers for: the head of an AIFF file of 16-bit stereo (Audio Interchange File Format, Apple, 1989). Must not: know the sound.

use crate::sound::{CHANNELS, RATE_HZ};

/// Bytes of one sample of all channels.
pub const SAMPLE_BYTES: u32 = 4;
/// Most samples of one file: its lengths are words of 32 bits.
pub const MOST_SAMPLES: u32 = (u32::MAX - 64) / SAMPLE_BYTES;

/// What stands before `samples` samples, [`MOST_SAMPLES`] at most, of [`SAMPLE_BYTES`] each.
#[must_use]
pub fn header(samples: u32) -> Vec<u8> {
    let sound = samples.min(MOST_SAMPLES) * SAMPLE_BYTES;
    let mut head = b"FORM".to_vec();
    head.extend((4 + 26 + 16 + sound).to_be_bytes());
    head.extend(b"AIFFCOMM");
    head.extend(18_u32.to_be_bytes());
    head.extend(CHANNELS.to_be_bytes());
    head.extend(samples.to_be_bytes());
    head.extend(16_u16.to_be_bytes());
    head.extend(extended(RATE_HZ));
    head.extend(b"SSND");
    head.extend((8 + sound).to_be_bytes());
    head.extend([0; 8]); // no offset, no blocks
    head
}

/// A number as an 80-bit float of IEEE 754: exponent, then the bits from the highest one on.
fn extended(number: u32) -> [u8; 10] {
    let mut bytes = [0; 10];
    if number > 0 {
        let shift = number.leading_zeros();
        let exponent = 16_383 + 31 - shift as u16;
        bytes[..2].copy_from_slice(&exponent.to_be_bytes());
        bytes[2..6].copy_from_slice(&(number << shift).to_be_bytes());
    }
    bytes
}

/// Samples as they stand in the file.
#[must_use]
pub fn bytes(samples: &[[i16; 2]]) -> Vec<u8> {
    let each = samples.iter().flatten();
    each.flat_map(|sample| sample.to_be_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_80_bit_floats() {
        // as in Apple's own example of 44.1 kHz
        assert_eq!(extended(44_100), [0x40, 0x0e, 0xac, 0x44, 0, 0, 0, 0, 0, 0]);
        assert_eq!(extended(0), [0; 10]);
    }

    #[test]
    fn lengths_fit_together() {
        let head = header(3);
        assert_eq!(head.len(), 54);
        assert_eq!(head[4..8], (54_u32 - 8 + 12).to_be_bytes());
    }
}
