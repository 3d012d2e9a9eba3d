//! Bytes into lines of text: any encoding, any pieces, bounded memory. Must not: know what a line means.
//!
//! Ends of lines are LF, CR and both. A byte-order mark decides for UTF-16 (what a shell's redirection on Windows writes);
//! NUL bytes, further marks and terminal colours are dropped. Everything else is UTF-8 where it is valid; else the code
//! page of an Asian After Effects where that yields a word that is known (`reference/aerender.md` 2.4: Shift-JIS, EUC-KR;
//! GBK is background knowledge), else UTF-8 with replacements. It never fails.

use std::borrow::Cow;

use encoding_rs::{EUC_KR, Encoding, GBK, SHIFT_JIS};

use super::words;

/// Bytes of one line that are kept; what is longer is cut.
pub const MAX_LINE_BYTES: usize = 16 << 10;
/// Code pages of After Effects in languages whose words are looked for.
const CODE_PAGES: [&Encoding; 3] = [SHIFT_JIS, EUC_KR, GBK];

/// What the stream is made of.
#[derive(Debug, Default)]
enum Form {
    /// Not known before its second byte.
    #[default]
    Undecided,
    /// The first byte of what may be a mark.
    HalfMark(u8),
    /// One byte after the other.
    Bytes,
    /// UTF-16.
    Wide(Wide),
}

#[derive(Debug, Default)]
struct Wide {
    big_endian: bool,
    half: Option<u8>,
    high: Option<u16>,
}

/// Lines under work.
#[derive(Debug, Default)]
pub struct Lines {
    form: Form,
    line: Vec<u8>,
}

impl Lines {
    /// Takes bytes in; calls `each` with every line that is complete now and not blank.
    pub fn feed(&mut self, mut bytes: &[u8], each: &mut dyn FnMut(&str)) {
        while let Form::Undecided | Form::HalfMark(_) = self.form {
            let Some((&byte, rest)) = bytes.split_first() else {
                return;
            };
            bytes = rest;
            self.decide(byte, each);
        }
        match &mut self.form {
            Form::Wide(_) => self.feed_wide(bytes, each),
            Form::Bytes | Form::Undecided | Form::HalfMark(_) => self.feed_bytes(bytes, each),
        }
    }

    /// The stream is over: an unfinished last line counts as well.
    pub fn end(&mut self, each: &mut dyn FnMut(&str)) {
        if let Form::HalfMark(byte) = self.form {
            self.form = Form::Bytes;
            self.keep(&[byte]);
        }
        self.end_line(each);
    }

    /// Bytes that are held.
    #[cfg(test)]
    pub fn held(&self) -> usize {
        self.line.capacity()
    }

    fn decide(&mut self, byte: u8, each: &mut dyn FnMut(&str)) {
        self.form = match (&self.form, byte) {
            (Form::Undecided, 0xff | 0xfe) => Form::HalfMark(byte),
            (Form::HalfMark(0xff), 0xfe) => Form::Wide(Wide::default()),
            (Form::HalfMark(0xfe), 0xff) => Form::Wide(Wide {
                big_endian: true,
                ..Wide::default()
            }),
            (&Form::HalfMark(before), _) => {
                self.form = Form::Bytes;
                return self.feed_bytes(&[before, byte], each);
            }
            (Form::Undecided | Form::Bytes | Form::Wide(_), _) => {
                self.form = Form::Bytes;
                return self.feed_bytes(&[byte], each);
            }
        };
    }

    fn feed_bytes(&mut self, mut bytes: &[u8], each: &mut dyn FnMut(&str)) {
        while let Some(at) = memchr::memchr2(b'\n', b'\r', bytes) {
            self.keep(&bytes[..at]);
            self.end_line(each);
            bytes = &bytes[at + 1..];
        }
        self.keep(bytes);
    }

    fn feed_wide(&mut self, bytes: &[u8], each: &mut dyn FnMut(&str)) {
        for &byte in bytes {
            let Form::Wide(wide) = &mut self.form else {
                return;
            };
            let Some(character) = wide.next(byte) else {
                continue;
            };
            if matches!(character, '\n' | '\r') {
                self.end_line(each);
            } else {
                let mut room = [0; 4];
                self.keep(character.encode_utf8(&mut room).as_bytes());
            }
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = MAX_LINE_BYTES.saturating_sub(self.line.len());
        self.line.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn end_line(&mut self, each: &mut dyn FnMut(&str)) {
        let text = decode(&self.line);
        let text = clean(&text);
        let text = text.trim();
        if !text.is_empty() {
            each(text);
        }
        self.line.clear();
    }
}

impl Wide {
    /// The character that is complete with this byte; a half that nothing fits is dropped.
    fn next(&mut self, byte: u8) -> Option<char> {
        let Some(first) = self.half.take() else {
            self.half = Some(byte);
            return None;
        };
        let unit = if self.big_endian {
            u16::from_be_bytes([first, byte])
        } else {
            u16::from_le_bytes([first, byte])
        };
        if (0xd800..0xdc00).contains(&unit) {
            let torn = self.high.replace(unit).is_some();
            return torn.then_some(char::REPLACEMENT_CHARACTER);
        }
        let units = self.high.take().into_iter().chain([unit]);
        char::decode_utf16(units)
            .last()
            .map(|decoded| decoded.unwrap_or(char::REPLACEMENT_CHARACTER))
    }
}

fn decode(line: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(line);
    if matches!(text, Cow::Borrowed(_)) {
        return text;
    }
    CODE_PAGES
        .iter()
        .filter_map(|page| page.decode_without_bom_handling_and_without_replacement(line))
        .find(|decoded| words::known(decoded))
        .unwrap_or(text)
}

/// Without NULs, byte-order marks, terminal sequences and other control characters.
fn clean(text: &str) -> Cow<'_, str> {
    let clean = |character: char| !character.is_control() && character != '\u{feff}';
    if text
        .chars()
        .all(|character| clean(character) || character == '\t')
    {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if character == '\u{1b}' && characters.next_if_eq(&'[').is_some() {
            // A sequence ends at its first letter.
            for inner in characters.by_ref() {
                if inner.is_ascii_alphabetic() {
                    break;
                }
            }
        } else if character == '\t' {
            out.push(' ');
        } else if clean(character) {
            out.push(character);
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(bytes: &[u8], piece: usize) -> Vec<String> {
        let mut out = Vec::new();
        let mut lines = Lines::default();
        let mut each = |line: &str| out.push(line.to_owned());
        for part in bytes.chunks(piece) {
            lines.feed(part, &mut each);
        }
        lines.end(&mut each);
        out
    }

    fn wide(text: &str, big: bool) -> Vec<u8> {
        let units = "\u{feff}".encode_utf16().chain(text.encode_utf16());
        units
            .flat_map(|unit| {
                if big {
                    unit.to_be_bytes()
                } else {
                    unit.to_le_bytes()
                }
            })
            .collect()
    }

    #[test]
    fn every_encoding_comes_to_the_same_text() {
        let text = "PROGRESS: a\r\n合計経過時間 : 0 秒\r\u{1f3ac}b";
        let wanted = ["PROGRESS: a", "合計経過時間 : 0 秒", "\u{1f3ac}b"];
        for piece in [1, 2, 3, 7, 4096] {
            for bytes in [
                text.as_bytes().to_vec(),
                [b"\xef\xbb\xbf", text.as_bytes()].concat(),
                wide(text, false),
                wide(text, true),
            ] {
                assert_eq!(lines(&bytes, piece), wanted, "{piece}");
            }
        }
    }

    #[test]
    fn old_code_pages_are_known_by_their_words() {
        for (page, text) in [
            (SHIFT_JIS, "合計経過時間 : 0 秒"),
            (EUC_KR, "총 경과 시간: 3 초"),
            (GBK, "总计经过时间: 3 秒"),
        ] {
            let (bytes, _, bad) = page.encode(text);
            assert!(!bad);
            assert_eq!(lines(&bytes, 5), [text]);
        }
        assert_eq!(lines(b"f\xfcr", 1), ["f\u{fffd}r"]);
    }

    #[test]
    fn nothing_that_is_no_text_is_left() {
        assert_eq!(
            lines(b"\0P\0R\0\n\x1b[32mgreen\x1b[0m\ta\x07\n\n \r\n", 3),
            ["PR", "green a"]
        );
        assert_eq!(lines(b"\xff", 1), ["\u{fffd}"]);
        assert_eq!(lines(b"\xff\xfe\x00\xd8\x41\x00", 1), ["A"]);
    }

    #[test]
    fn an_endless_line_takes_no_more_than_its_limit() {
        let mut held = Lines::default();
        for _ in 0..200 {
            held.feed(&[b'x'; 4096], &mut |_| panic!("no line has ended"));
        }
        assert!(held.held() <= 2 * MAX_LINE_BYTES);
    }
}
