//! Answers for: TIFF's LZW (TIFF revision 6.0, section 13: most significant bit first, codes of 9 to 12 bits, one code early). Must not:
//! read or write outside what it is given, whatever the codes say.
//!
//! It is our own because a node verifies every frame it renders: an entry of the table is a place in the output, where its string
//! already stands, so that a code is one short copy instead of a walk through a tree. The tests compare it with the general decoder
//! of the `weezl` crate.

const CLEAR: usize = 256;
const END: usize = 257;
const FIRST_FREE: usize = 258;
const CODES: usize = 4096;

/// Copies up to this long are done at a stroke.
const STROKE: usize = 16;

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decoded {
    /// The output is full.
    Full,
    /// The codes ended after so many bytes.
    Short(usize),
    /// A code stands for nothing.
    Nonsense,
}

/// A string in the output.
#[derive(Clone, Copy, Default)]
struct Place {
    at: u32,
    length: u32,
}

/// The codes, most significant bit first.
struct Codes<'a> {
    bytes: &'a [u8],
    held: u64,
    bits: u32,
}

impl Codes<'_> {
    /// The next code of `width` bits; `None` at the end.
    fn next(&mut self, width: u32) -> Option<usize> {
        if self.bits < width {
            self.refill();
            if self.bits < width {
                return None;
            }
        }
        self.bits -= width;
        Some((self.held >> self.bits) as usize & ((1 << width) - 1))
    }

    fn refill(&mut self) {
        if let Some((four, rest)) = self.bytes.split_first_chunk::<4>() {
            self.held = self.held << 32 | u64::from(u32::from_be_bytes(*four));
            self.bits += 32;
            self.bytes = rest;
            return;
        }
        for byte in self.bytes {
            self.held = self.held << 8 | u64::from(*byte);
            self.bits += 8;
        }
        self.bytes = &[];
    }
}

/// Decodes `raw` until `out` is full. `out` is less than 4 GiB long.
pub(super) fn decode(raw: &[u8], out: &mut [u8]) -> Decoded {
    let mut codes = Codes {
        bytes: raw,
        held: 0,
        bits: 0,
    };
    let mut table = [Place::default(); CODES];
    let (mut free, mut width) = (FIRST_FREE, 9);
    let mut before: Option<Place> = None;
    let mut written = 0;
    while written < out.len() {
        let Some(code) = codes.next(width) else {
            return Decoded::Short(written);
        };
        if code == CLEAR {
            (free, width, before) = (FIRST_FREE, 9, None);
            continue;
        }
        if code == END {
            return Decoded::Short(written);
        }
        // The string before, and the first byte of this one, which will stand right behind it.
        if let Some(before) = before.filter(|_| free < CODES) {
            table[free] = Place {
                at: before.at,
                length: before.length + 1,
            };
            free += 1;
            if free + 1 >= 1 << width && width < 12 {
                width += 1;
            }
        }
        let length = if code < CLEAR {
            out[written] = code as u8;
            1
        } else if code < free {
            copy(out, table[code], written)
        } else {
            return Decoded::Nonsense;
        };
        before = Some(Place {
            at: written as u32,
            length: length as u32,
        });
        written += length;
    }
    Decoded::Full
}

/// Copies a string to `to`, as far as there is room; its last byte may be the first of the copy.
fn copy(out: &mut [u8], from: Place, to: usize) -> usize {
    let (at, length) = (from.at as usize, from.length as usize);
    let length = length.min(out.len() - to);
    if length <= STROKE && to + STROKE <= out.len() {
        // What is copied too much is written over by what comes next.
        out.copy_within(at..at + STROKE, to);
    } else {
        out.copy_within(at..at + length, to);
    }
    if at + length > to {
        out[to + length - 1] = out[at];
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encoded(bytes: &[u8]) -> Vec<u8> {
        weezl::encode::Encoder::with_tiff_size_switch(weezl::BitOrder::Msb, 8)
            .encode(bytes)
            .unwrap()
    }

    /// Bytes with repetitions of every length, long enough for several tables.
    fn compressible() -> impl Strategy<Value = Vec<u8>> {
        let run = (0..=255_u8, 1..200_usize).prop_map(|(byte, length)| vec![byte; length]);
        let noise = prop::collection::vec(any::<u8>(), 1..400);
        let few = prop::collection::vec(0..4_u8, 1..2000);
        prop::collection::vec(prop_oneof![run, noise, few], 0..40).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn what_another_encoder_wrote_is_read(bytes in compressible()) {
            let raw = encoded(&bytes);
            let mut out = vec![0xAA; bytes.len()];
            prop_assert_eq!(decode(&raw, &mut out), Decoded::Full);
            prop_assert!(out == bytes);
            let mut longer = vec![0; bytes.len() + 5];
            prop_assert_eq!(decode(&raw, &mut longer), Decoded::Short(bytes.len()));
        }

        #[test]
        fn any_codes_are_read_as_another_decoder_reads_them(
            bytes in compressible(),
            at in any::<prop::sample::Index>(),
            value in any::<u8>(),
        ) {
            let mut raw = encoded(&bytes);
            let at = at.index(raw.len());
            raw[at] = value;
            let mut ours = vec![0; bytes.len()];
            let decoded = decode(&raw, &mut ours);
            let mut theirs = vec![0; bytes.len()];
            let mut decoder = weezl::decode::Configuration::with_tiff_size_switch(weezl::BitOrder::Msb, 8)
                .with_yield_on_full_buffer(true)
                .build();
            let found = decoder.decode_bytes(&raw, &mut theirs);
            if decoded == Decoded::Full && found.consumed_out == bytes.len() {
                prop_assert!(ours == theirs);
            }
        }

        #[test]
        fn noise_never_panics(raw in prop::collection::vec(any::<u8>(), 0..3000), length in 0..5000_usize) {
            let mut out = vec![0; length];
            if let Decoded::Short(written) = decode(&raw, &mut out) {
                prop_assert!(written < length);
            }
        }
    }
}
