//! COS, the object syntax of PDF, as text documents carry it: without the outer `<< >>`, strings in UTF-16.
//! A value tree with caps on nesting, size and count; what is broken ends the document, what was read before it stays.

/// Deepest nesting that is read; real documents stay below 15.
const MAX_DEPTH: usize = 64;
/// Longest document that is read. A real one has tens of kilobytes.
const MAX_DOCUMENT_BYTES: usize = 16 << 20;
/// Most values in one document.
const MAX_VALUES: usize = 1_000_000;

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cos<'a> {
    /// `null`, `true`, `false` and names: nothing we read depends on them.
    Other,
    Number(f64),
    Text(String),
    Array(Vec<Cos<'a>>),
    Dict(Vec<(&'a [u8], Cos<'a>)>),
}

impl<'a> Cos<'a> {
    /// The value under the keys of `path`, one dictionary inside the other. Keys are written without the slash.
    pub(crate) fn at(&self, path: &[&str]) -> Option<&Cos<'a>> {
        path.iter().try_fold(self, |value, key| match value {
            Cos::Dict(entries) => entries
                .iter()
                .find(|(name, _)| *name == key.as_bytes())
                .map(|(_, inner)| inner),
            _ => None,
        })
    }

    pub(crate) fn array(&self, path: &[&str]) -> &[Cos<'a>] {
        match self.at(path) {
            Some(Cos::Array(values)) => values,
            _ => &[],
        }
    }

    pub(crate) fn text(&self, path: &[&str]) -> Option<&str> {
        match self.at(path) {
            Some(Cos::Text(text)) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn number(&self, path: &[&str]) -> Option<f64> {
        match self.at(path) {
            Some(Cos::Number(number)) => Some(*number),
            _ => None,
        }
    }
}

/// Reads a document: the entries of its outermost dictionary. The second value is false if it was broken.
pub(crate) fn parse(document: &[u8]) -> (Cos<'_>, bool) {
    let mut reader = Reader {
        rest: &document[..document.len().min(MAX_DOCUMENT_BYTES)],
        values: 0,
        sound: document.len() <= MAX_DOCUMENT_BYTES,
    };
    let entries = reader.entries(0);
    let sound = reader.sound && reader.rest.is_empty();
    (Cos::Dict(entries), sound)
}

struct Reader<'a> {
    rest: &'a [u8],
    values: usize,
    sound: bool,
}

impl<'a> Reader<'a> {
    fn skip_space(&mut self) {
        let end = self
            .rest
            .iter()
            .position(|byte| !matches!(byte, 0 | b'\t' | b'\n' | 0x0c | b'\r' | b' '));
        self.rest = &self.rest[end.unwrap_or(self.rest.len())..];
    }

    fn eat(&mut self, token: &[u8]) -> bool {
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// A run of characters that belong to one name, number or keyword.
    fn word(&mut self) -> &'a [u8] {
        let end = self.rest.iter().position(|byte| {
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
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        word
    }

    /// Key and value pairs up to `>>`, or to the end of the document at depth 0.
    fn entries(&mut self, depth: usize) -> Vec<(&'a [u8], Cos<'a>)> {
        let mut entries = Vec::new();
        loop {
            self.skip_space();
            if depth > 0 && self.eat(b">>") {
                return entries;
            }
            if self.rest.is_empty() {
                self.sound &= depth == 0;
                return entries;
            }
            if !self.eat(b"/") {
                return self.broken(entries);
            }
            let key = self.word();
            match self.value(depth + 1) {
                Some(value) => entries.push((key, value)),
                None => return entries,
            }
        }
    }

    fn array(&mut self, depth: usize) -> Vec<Cos<'a>> {
        let mut values = Vec::new();
        loop {
            self.skip_space();
            if self.eat(b"]") {
                return values;
            }
            match self.value(depth + 1) {
                Some(value) => values.push(value),
                None => return values,
            }
        }
    }

    /// The next value; `None` ends the whole document.
    fn value(&mut self, depth: usize) -> Option<Cos<'a>> {
        self.skip_space();
        self.values += 1;
        if depth > MAX_DEPTH || self.values > MAX_VALUES || self.rest.is_empty() {
            return self.broken(None);
        }
        if self.eat(b"<<") {
            return Some(Cos::Dict(self.entries(depth)));
        }
        if self.eat(b"[") {
            return Some(Cos::Array(self.array(depth)));
        }
        if self.eat(b"(") {
            return Some(Cos::Text(self.string()));
        }
        if self.eat(b"/") {
            self.word();
            return Some(Cos::Other);
        }
        let word = self.word();
        if word.is_empty() {
            return self.broken(None);
        }
        let number = std::str::from_utf8(word)
            .ok()
            .and_then(|word| word.parse::<f64>().ok());
        Some(
            number
                .filter(|number| number.is_finite())
                .map_or(Cos::Other, Cos::Number),
        )
    }

    /// A string up to its closing parenthesis. Escapes are bytes of UTF-16, so they are undone before decoding.
    fn string(&mut self) -> String {
        let mut bytes = Vec::new();
        loop {
            let Some((first, rest)) = self.rest.split_first() else {
                self.sound = false;
                return decode(&bytes);
            };
            self.rest = rest;
            match first {
                b')' => return decode(&bytes),
                b'\\' => self.escape(&mut bytes),
                other => bytes.push(*other),
            }
        }
    }

    fn escape(&mut self, bytes: &mut Vec<u8>) {
        let Some((first, rest)) = self.rest.split_first() else {
            return;
        };
        self.rest = rest;
        match first {
            b'n' => bytes.push(b'\n'),
            b'r' => bytes.push(b'\r'),
            b't' => bytes.push(b'\t'),
            b'b' => bytes.push(8),
            b'f' => bytes.push(12),
            b'0'..=b'7' => {
                let mut code = u32::from(first - b'0');
                for _ in 0..2 {
                    if let Some(digit @ b'0'..=b'7') = self.rest.first() {
                        code = code * 8 + u32::from(digit - b'0');
                        self.rest = &self.rest[1..];
                    }
                }
                bytes.push(u8::try_from(code & 0xff).expect("masked to a byte"));
            }
            other => bytes.push(*other),
        }
    }

    fn broken<T>(&mut self, value: T) -> T {
        self.sound = false;
        self.rest = &[];
        value
    }
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
        let array = value.array(&["0", "1"]);
        assert_eq!(array[..2], [Cos::Number(0.5), Cos::Number(-2.0)]);
        assert_eq!(array.len(), 5);
    }

    #[test]
    fn strings_are_unescaped_before_they_are_decoded() {
        let (value, sound) = parse(b"/0 (\xfe\xff\0\\(\0a\0\\)\0\\\\\x06\\050\0\r) /1 (plain\\r)");
        assert!(sound);
        assert_eq!(value.text(&["0"]), Some("(a)\\\u{628}\r"));
        assert_eq!(value.text(&["1"]), Some("plain\r"));
    }

    #[test]
    fn nesting_beyond_the_cap_ends_the_document() {
        let deep = [b"/0 1 /1 ".as_slice(), &b"[".repeat(100_000)].concat();
        let (value, sound) = parse(&deep);
        assert!(!sound);
        assert_eq!(value.number(&["0"]), Some(1.0));
    }

    #[test]
    fn a_cut_document_keeps_what_came_before() {
        let (value, sound) = parse(b"/0 << /1 (\xfe\xff\0a) /2 (\xfe\xff\0b");
        assert!(!sound);
        assert_eq!(value.text(&["0", "1"]), Some("a"));
    }
}
