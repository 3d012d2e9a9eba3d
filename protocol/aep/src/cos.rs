//! COS, the object syntax of PDF, as text documents carry it: without the outer `<< >>`, strings in UTF-16.
//!
//! Nothing is built: a value is the bytes it is written with, and a path is walked by skipping what lies beside it. So a
//! document costs no memory, whatever it holds. One pass at the start says how much of it is sound; what is broken ends the
//! document, what stands before it stays.

/// Deepest nesting that is read; real documents stay below 15. At most 64, the bits of a level mask.
const MAX_DEPTH: u32 = 64;
/// Longest document that is read. A real one has tens of kilobytes.
const MAX_DOCUMENT_BYTES: usize = 16 << 20;

/// One value, unread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Value<'a> {
    /// From the value's first byte to the end of what is known to be its own.
    bytes: &'a [u8],
    /// The document itself, which has no `<<` around it.
    outermost: bool,
}

/// Reads a document: the entries of its outermost dictionary. The second value is false if it was broken or cut.
pub(crate) fn parse(document: &[u8]) -> (Value<'_>, bool) {
    let within = &document[..document.len().min(MAX_DOCUMENT_BYTES)];
    let mut scan = Scan::new(within, true);
    while scan.step() == Step::More {}
    let sound = scan.sound() && within.len() == document.len();
    let value = Value {
        bytes: &within[..scan.good],
        outermost: true,
    };
    (value, sound)
}

impl<'a> Value<'a> {
    /// The value under the keys of `path`, one dictionary inside the other. Keys are written without the slash.
    pub(crate) fn at(self, path: &[&str]) -> Option<Value<'a>> {
        path.iter().try_fold(self, |value, key| {
            let mut rest = value.entries()?;
            loop {
                rest = skip_space(rest).strip_prefix(b"/")?;
                let (name, after) = word(rest);
                let (inner, after) = take(skip_space(after))?;
                if name == key.as_bytes() {
                    return Some(inner);
                }
                rest = after;
            }
        })
    }

    /// The values of the array under `path`; none if there is no array.
    pub(crate) fn array(self, path: &[&str]) -> Values<'a> {
        let rest = self
            .at(path)
            .and_then(|value| value.bytes.strip_prefix(b"["));
        Values {
            rest: rest.unwrap_or(&[]),
        }
    }

    /// The string under `path`.
    pub(crate) fn text(self, path: &[&str]) -> Option<String> {
        let mut rest = self.at(path)?.bytes.strip_prefix(b"(")?;
        let mut bytes = Vec::new();
        loop {
            let Some((first, after)) = rest.split_first() else {
                return Some(decode(&bytes));
            };
            rest = after;
            match first {
                b')' => return Some(decode(&bytes)),
                b'\\' => rest = unescape(rest, &mut bytes),
                other => bytes.push(*other),
            }
        }
    }

    /// The number under `path`, if it is finite.
    pub(crate) fn number(self, path: &[&str]) -> Option<f64> {
        let (digits, _) = word(self.at(path)?.bytes);
        let number: f64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
        number.is_finite().then_some(number)
    }

    /// What stands inside a dictionary.
    fn entries(self) -> Option<&'a [u8]> {
        if self.outermost {
            Some(self.bytes)
        } else {
            self.bytes.strip_prefix(b"<<")
        }
    }
}

/// The values of an array, in order.
#[derive(Debug, Clone)]
pub(crate) struct Values<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Values<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        let rest = skip_space(self.rest);
        if rest.first().is_none_or(|first| *first == b']') {
            self.rest = &[];
            return None;
        }
        let (value, after) = take(rest)?;
        self.rest = after;
        Some(value)
    }
}

/// The value at the start of `rest`, and what follows it. One that is cut off by the end of the document reaches to that end.
fn take(rest: &[u8]) -> Option<(Value<'_>, &[u8])> {
    let mut scan = Scan::new(rest, false);
    while scan.step() == Step::More {
        if scan.depth == 0 {
            break;
        }
    }
    let (bytes, after) = rest.split_at(scan.good);
    let value = Value {
        bytes,
        outermost: false,
    };
    (!bytes.is_empty()).then_some((value, after))
}

#[derive(PartialEq, Eq)]
enum Step {
    More,
    Over,
}

/// A walk over tokens that knows only where it is: how deep, and in which levels a key has to come next.
struct Scan<'a> {
    all: &'a [u8],
    rest: &'a [u8],
    /// How many of the bytes are whole tokens at their place, with the last one if it was cut.
    good: usize,
    depth: u32,
    /// One bit a level below the outermost: it is a dictionary.
    dictionaries: u64,
    /// One bit a level: a key comes next.
    key_next: u64,
    /// The outermost level: `Some` for a document, with whether a key comes next.
    document: Option<bool>,
    broken: bool,
}

impl<'a> Scan<'a> {
    fn new(all: &'a [u8], document: bool) -> Scan<'a> {
        Scan {
            all,
            rest: all,
            good: 0,
            depth: 0,
            dictionaries: 0,
            key_next: 0,
            document: document.then_some(true),
            broken: false,
        }
    }

    /// Whether the walk came to its end with everything closed.
    fn sound(&self) -> bool {
        !self.broken && self.depth == 0 && self.document != Some(false)
    }

    /// Passes over one token.
    fn step(&mut self) -> Step {
        self.rest = skip_space(self.rest);
        let Some(first) = self.rest.first() else {
            return Step::Over;
        };
        let rest = self.rest;
        let walked = match first {
            b'>' if rest.starts_with(b">>") => self.close(true, &rest[2..]),
            b']' => self.close(false, &rest[1..]),
            b'/' => self.name(word(&rest[1..]).1),
            _ if self.wants_key() => None,
            b'<' if rest.starts_with(b"<<") => self.open(true, &rest[2..]),
            b'[' => self.open(false, &rest[1..]),
            b'(' => self.string(&rest[1..]),
            _ => {
                let (word, after) = word(rest);
                (!word.is_empty()).then(|| self.value(after))
            }
        };
        let Some(after) = walked else {
            self.broken = true;
            return Step::Over;
        };
        self.rest = after;
        self.good = self.all.len() - after.len();
        if self.broken { Step::Over } else { Step::More }
    }

    fn bit(&self) -> Option<u64> {
        (self.depth > 0).then(|| 1 << (self.depth - 1))
    }

    fn wants_key(&self) -> bool {
        match self.bit() {
            Some(bit) => self.dictionaries & self.key_next & bit != 0,
            None => self.document == Some(true),
        }
    }

    /// A name is a key where a key is wanted, and a value elsewhere.
    fn name(&mut self, after: &'a [u8]) -> Option<&'a [u8]> {
        if !self.wants_key() {
            return Some(self.value(after));
        }
        match self.bit() {
            Some(bit) => self.key_next &= !bit,
            None => self.document = Some(false),
        }
        Some(after)
    }

    /// Notes that a value has come.
    fn value(&mut self, after: &'a [u8]) -> &'a [u8] {
        match self.bit() {
            Some(bit) => self.key_next |= bit,
            None => self.document = self.document.map(|_| true),
        }
        after
    }

    fn open(&mut self, dictionary: bool, after: &'a [u8]) -> Option<&'a [u8]> {
        if self.depth == MAX_DEPTH {
            return None;
        }
        self.depth += 1;
        let bit = self.bit()?;
        self.key_next |= bit;
        if dictionary {
            self.dictionaries |= bit;
        } else {
            self.dictionaries &= !bit;
        }
        Some(after)
    }

    fn close(&mut self, dictionary: bool, after: &'a [u8]) -> Option<&'a [u8]> {
        let bit = self.bit()?;
        let is_dictionary = self.dictionaries & bit != 0;
        let complete = !is_dictionary || self.key_next & bit != 0;
        if is_dictionary != dictionary || !complete {
            return None;
        }
        self.depth -= 1;
        Some(self.value(after))
    }

    /// Up to the closing parenthesis. One that never comes is broken, but what there is counts.
    fn string(&mut self, inside: &'a [u8]) -> Option<&'a [u8]> {
        let mut rest = inside;
        loop {
            let at = rest.iter().position(|byte| matches!(byte, b')' | b'\\'));
            let Some(at) = at else {
                self.broken = true;
                return Some(&[]);
            };
            if rest[at] == b')' {
                return Some(self.value(&rest[at + 1..]));
            }
            rest = rest.get(at + 2..).unwrap_or(&[]);
        }
    }
}

fn skip_space(bytes: &[u8]) -> &[u8] {
    let end = bytes
        .iter()
        .position(|byte| !matches!(byte, 0 | b'\t' | b'\n' | 0x0c | b'\r' | b' '));
    &bytes[end.unwrap_or(bytes.len())..]
}

/// A run of characters that belong to one name, number or keyword, and what follows it.
fn word(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|byte| {
        matches!(
            byte,
            0 | b'\t'
                | b'\n'
                | 0x0c
                | b'\r'
                | b' '
                | b'/'
                | b'('
                | b')'
                | b'<'
                | b'>'
                | b'['
                | b']'
        )
    });
    bytes.split_at(end.unwrap_or(bytes.len()))
}

/// Undoes the escape behind a backslash. Escapes are bytes of UTF-16, so they are undone before decoding.
fn unescape<'a>(rest: &'a [u8], bytes: &mut Vec<u8>) -> &'a [u8] {
    let Some((first, mut rest)) = rest.split_first() else {
        return rest;
    };
    match first {
        b'n' => bytes.push(b'\n'),
        b'r' => bytes.push(b'\r'),
        b't' => bytes.push(b'\t'),
        b'b' => bytes.push(8),
        b'f' => bytes.push(12),
        b'0'..=b'7' => {
            let mut code = u32::from(first - b'0');
            for _ in 0..2 {
                if let Some((digit @ b'0'..=b'7', after)) = rest.split_first() {
                    code = code * 8 + u32::from(digit - b'0');
                    rest = after;
                }
            }
            bytes.push(u8::try_from(code & 0xff).expect("masked to a byte"));
        }
        other => bytes.push(*other),
    }
    rest
}

/// UTF-16 with its mark; without one the bytes are Latin-1.
fn decode(bytes: &[u8]) -> String {
    let Some(units) = bytes.strip_prefix(b"\xfe\xff") else {
        return bytes.iter().map(|byte| char::from(*byte)).collect();
    };
    let units = units
        .chunks_exact(2)
        .map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
    char::decode_utf16(units)
        .map(|unit| unit.unwrap_or('\u{fffd}'))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dictionaries_arrays_numbers_and_names_nest() {
        let (value, sound) = parse(b" /98 << /0 9 >> /0 << /1 [ .5 -2 true /nil << >> ] >> ");
        assert!(sound);
        assert_eq!(value.number(&["98", "0"]), Some(9.0));
        let array: Vec<Value<'_>> = value.array(&["0", "1"]).collect();
        assert_eq!(array[0].number(&[]), Some(0.5));
        assert_eq!(array[1].number(&[]), Some(-2.0));
        assert_eq!(array[2].number(&[]), None);
        assert_eq!(array.len(), 5);
        assert_eq!(value.array(&["98"]).count(), 0);
        assert_eq!(value.at(&["0", "2"]), None);
    }

    #[test]
    fn strings_are_unescaped_before_they_are_decoded() {
        let (value, sound) = parse(b"/0 (\xfe\xff\0\\(\0a\0\\)\0\\\\\x06\\050\0\r) /1 (plain\\r)");
        assert!(sound);
        assert_eq!(value.text(&["0"]).unwrap(), "(a)\\\u{628}\r");
        assert_eq!(value.text(&["1"]).unwrap(), "plain\r");
        assert_eq!(value.number(&["1"]), None);
    }

    #[test]
    fn nesting_beyond_the_cap_ends_the_document() {
        let deep = [b"/0 1 /1 ".as_slice(), &b"[".repeat(100_000)].concat();
        let (value, sound) = parse(&deep);
        assert!(!sound);
        assert_eq!(value.number(&["0"]), Some(1.0));
        let fits = [b"[".repeat(64), b"]".repeat(64)].concat();
        assert!(parse(&[b"/0 ".as_slice(), &fits].concat()).1);
        let too_deep = [b"[".repeat(65), b"]".repeat(65)].concat();
        assert!(!parse(&[b"/0 ".as_slice(), &too_deep].concat()).1);
    }

    #[test]
    fn a_cut_document_keeps_what_came_before() {
        let (value, sound) = parse(b"/0 << /1 (\xfe\xff\0a) /2 (\xfe\xff\0b");
        assert!(!sound);
        assert_eq!(value.text(&["0", "1"]).unwrap(), "a");
        assert_eq!(value.text(&["0", "2"]).unwrap(), "b");
        assert_eq!(value.text(&["0", "3"]), None);
    }

    #[test]
    fn what_does_not_pair_up_is_broken() {
        for broken in [
            "/0 << /1 ] >>",
            "/0 [ 1 >>",
            "/0 << 5 6 >>",
            "/0 << /1 >>",
            "/0",
            "5",
            "/0 )",
            "/0 (a",
            "/0 <a",
        ] {
            assert!(!parse(broken.as_bytes()).1, "{broken}");
        }
    }
}
