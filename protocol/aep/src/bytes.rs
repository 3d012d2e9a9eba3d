//! Fixed-place fields of a leaf chunk, read with a length check each, and the strings in them.

use crate::rational::Rational;

/// Longest string that is kept, in bytes.
pub(crate) const MAX_STRING_BYTES: usize = 1 << 20;

/// Longest name that is kept, in bytes. Names in real projects stay far below.
const MAX_NAME_BYTES: usize = 4096;

pub(crate) fn u8_at(data: &[u8], at: usize) -> Option<u8> {
    data.get(at).copied()
}

pub(crate) fn u16_at(data: &[u8], at: usize) -> Option<u16> {
    data.get(at..)?
        .first_chunk::<2>()
        .map(|bytes| u16::from_be_bytes(*bytes))
}

pub(crate) fn u32_at(data: &[u8], at: usize) -> Option<u32> {
    data.get(at..)?
        .first_chunk::<4>()
        .map(|bytes| u32::from_be_bytes(*bytes))
}

pub(crate) fn f32_at(data: &[u8], at: usize) -> Option<f32> {
    u32_at(data, at).map(f32::from_bits)
}

pub(crate) fn f64_at(data: &[u8], at: usize) -> Option<f64> {
    data.get(at..)?
        .first_chunk::<8>()
        .map(|bytes| f64::from_be_bytes(*bytes))
}

/// An unsigned fraction: dividend and divisor in two words. `None` if the divisor is 0.
pub(crate) fn fraction_at(data: &[u8], dividend: usize, divisor: usize) -> Option<Rational> {
    Rational::checked(
        i64::from(u32_at(data, dividend)?),
        i64::from(u32_at(data, divisor)?),
    )
}

/// A fraction whose dividend carries a sign.
pub(crate) fn signed_fraction_at(data: &[u8], dividend: usize, divisor: usize) -> Option<Rational> {
    Rational::checked(
        i64::from(u32_at(data, dividend)?.cast_signed()),
        i64::from(u32_at(data, divisor)?),
    )
}

/// A four-character code without the zero bytes that stand for none.
pub(crate) fn four_char_at(data: &[u8], at: usize) -> Option<String> {
    let code = data.get(at..)?.first_chunk::<4>()?;
    Some(
        code.iter()
            .filter(|byte| **byte != 0)
            .map(|byte| char::from(*byte))
            .collect(),
    )
}

/// The name in a `Utf8` chunk, capped.
pub(crate) fn name(data: &[u8]) -> String {
    let mut end = data.len().min(MAX_NAME_BYTES);
    // not in the middle of a character
    while end < data.len() && end > 0 && data[end] & 0xc0 == 0x80 {
        end -= 1;
    }
    String::from_utf8_lossy(&data[..end]).into_owned()
}

/// A NUL-terminated string in a field of at most `width` bytes: UTF-8 as newer After Effects writes it, Windows-1252 if it is
/// not that.
pub(crate) fn text_at(data: &[u8], at: usize, width: usize) -> Option<String> {
    let field = data.get(at..)?;
    let field = &field[..field.len().min(width)];
    let end = field
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(field.len());
    let text = &field[..end];
    Some(match std::str::from_utf8(text) {
        Ok(text) => text.to_owned(),
        Err(_) => text.iter().map(|byte| cp1252(*byte)).collect(),
    })
}

/// The characters 0x80 to 0x9F of Windows-1252; the five unassigned ones are the C1 controls.
const CP1252_HIGH: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}',
    '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

fn cp1252(byte: u8) -> char {
    match byte {
        0x80..=0x9f => CP1252_HIGH[usize::from(byte - 0x80)],
        _ => char::from(byte),
    }
}
