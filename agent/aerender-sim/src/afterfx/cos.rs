//! Answers for: text documents (COS, the object syntax of PDF) as values that can be changed and written again. Must not: know
//! what a key means. What is not changed keeps its words; only the space between them is made even.

/// Deepest nesting that is read.
const MOST_DEPTH: usize = 64;
/// Most values in one document.
const MOST_VALUES: usize = 1_000_000;

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub enum Cos {
    /// A number, name or keyword, as it is written.
    Word(Vec<u8>),
    /// A string, its escapes undone.
    Text(Vec<u8>),
    /// A list.
    Array(Vec<Cos>),
    /// Keys without their slash, and values.
    Dict(Vec<(Vec<u8>, Cos)>),
}

impl Cos {
    /// A number.
    #[must_use]
    pub fn number(value: f64) -> Cos {
        // a point belongs to every number that is no count
        let text = if value.fract() == 0.0 && value.abs() < 1e15 {
            format!("{value:.1}")
        } else {
            format!("{value}")
        };
        Cos::Word(text.into_bytes())
    }

    /// A whole number.
    #[must_use]
    pub fn whole(value: usize) -> Cos {
        Cos::Word(value.to_string().into_bytes())
    }

    /// A text in UTF-16 with its mark.
    #[must_use]
    pub fn text(text: &str) -> Cos {
        let units = text.encode_utf16().flat_map(u16::to_be_bytes);
        Cos::Text([0xfe, 0xff].into_iter().chain(units).collect())
    }

    /// The value under keys, one dictionary inside the other.
    #[must_use]
    pub fn at(&self, path: &[&str]) -> Option<&Cos> {
        path.iter().try_fold(self, |value, key| match value {
            Cos::Dict(entries) => entries
                .iter()
                .find(|(name, _)| name == key.as_bytes())
                .map(|(_, inner)| inner),
            Cos::Word(_) | Cos::Text(_) | Cos::Array(_) => None,
        })
    }

    /// The list under keys; empty if there is none.
    #[must_use]
    pub fn array(&self, path: &[&str]) -> &[Cos] {
        match self.at(path) {
            Some(Cos::Array(values)) => values,
            Some(Cos::Word(_) | Cos::Text(_) | Cos::Dict(_)) | None => &[],
        }
    }

    /// The number under keys.
    #[must_use]
    pub fn as_number(&self, path: &[&str]) -> Option<f64> {
        match self.at(path) {
            Some(Cos::Word(word)) => std::str::from_utf8(word)
                .ok()?
                .parse()
                .ok()
                .filter(|number: &f64| number.is_finite()),
            Some(Cos::Text(_) | Cos::Array(_) | Cos::Dict(_)) | None => None,
        }
    }

    /// The text under keys.
    #[must_use]
    pub fn as_text(&self, path: &[&str]) -> Option<String> {
        match self.at(path) {
            Some(Cos::Text(bytes)) => Some(decode(bytes)),
            Some(Cos::Word(_) | Cos::Array(_) | Cos::Dict(_)) | None => None,
        }
    }

    /// The place under keys; what is not there is made, what is no dictionary becomes one.
    pub fn make(&mut self, path: &[&str]) -> &mut Cos {
        let mut value = self;
        for key in path {
            if !matches!(value, Cos::Dict(_)) {
                *value = Cos::Dict(Vec::new());
            }
            let Cos::Dict(entries) = value else {
                unreachable!("it was made a dictionary");
            };
            let place = entries.iter().position(|(name, _)| name == key.as_bytes());
            let place = place.unwrap_or_else(|| {
                entries.push((key.as_bytes().to_vec(), Cos::Dict(Vec::new())));
                entries.len() - 1
            });
            value = &mut entries[place].1;
        }
        value
    }

    /// The list under keys; made if it is not there.
    pub fn make_array(&mut self, path: &[&str]) -> &mut Vec<Cos> {
        let value = self.make(path);
        if !matches!(value, Cos::Array(_)) {
            *value = Cos::Array(Vec::new());
        }
        match value {
            Cos::Array(values) => values,
            Cos::Word(_) | Cos::Text(_) | Cos::Dict(_) => unreachable!("it was made a list"),
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Cos::Word(word) => out.extend(word),
            Cos::Text(bytes) => {
                out.push(b'(');
                for byte in bytes {
                    if matches!(byte, b'(' | b')' | b'\\') {
                        out.push(b'\\');
                    }
                    out.push(*byte);
                }
                out.push(b')');
            }
            Cos::Array(values) => {
                out.extend(b"[ ");
                for value in values {
                    value.write(out);
                    out.push(b' ');
                }
                out.push(b']');
            }
            Cos::Dict(entries) => {
                out.extend(b"<< ");
                write_entries(entries, out);
                out.extend(b">>");
            }
        }
    }

    /// The document again: the entries of the outermost dictionary without its brackets.
    #[must_use]
    pub fn to_document(&self) -> Vec<u8> {
        let mut out = b" ".to_vec();
        match self {
            Cos::Dict(entries) => write_entries(entries, &mut out),
            Cos::Word(_) | Cos::Text(_) | Cos::Array(_) => self.write(&mut out),
        }
        out.pop();
        out
    }
}

fn write_entries(entries: &[(Vec<u8>, Cos)], out: &mut Vec<u8>) {
    for (key, value) in entries {
        out.push(b'/');
        out.extend(key);
        out.push(b' ');
        value.write(out);
        out.push(b' ');
    }
}

fn decode(bytes: &[u8]) -> String {
    let Some(units) = bytes.strip_prefix(b"\xfe\xff") else {
        return bytes.iter().map(|byte| char::from(*byte)).collect();
    };
    let units: Vec<u16> = units
        .chunks_exact(2)
        .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
        .collect();
    String::from_utf16_lossy(&units)
}

/// Reads a document; `None` if it is broken anywhere.
#[must_use]
pub fn parse(document: &[u8]) -> Option<Cos> {
    let mut reader = Reader {
        rest: document,
        values: 0,
    };
    let entries = reader.entries(0)?;
    Some(Cos::Dict(entries))
}

struct Reader<'a> {
    rest: &'a [u8],
    values: usize,
}

fn is_space(byte: u8) -> bool {
    matches!(byte, 0 | b'\t' | b'\n' | 0x0c | b'\r' | b' ')
}

impl Reader<'_> {
    fn eat(&mut self, token: &[u8]) -> bool {
        let found = self.rest.strip_prefix(token);
        self.rest = found.unwrap_or(self.rest);
        found.is_some()
    }

    fn skip(&mut self) {
        let spaces = self.rest.iter().take_while(|byte| is_space(**byte)).count();
        self.rest = &self.rest[spaces..];
    }

    fn word(&mut self) -> Vec<u8> {
        let ends = |byte: &u8| is_space(*byte) || b"/()<>[]".contains(byte);
        let length = self.rest.iter().position(ends).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(length);
        self.rest = rest;
        word.to_vec()
    }

    fn entries(&mut self, depth: usize) -> Option<Vec<(Vec<u8>, Cos)>> {
        let mut entries = Vec::new();
        loop {
            self.skip();
            if (depth > 0 && self.eat(b">>")) || (depth == 0 && self.rest.is_empty()) {
                return Some(entries);
            }
            if !self.eat(b"/") {
                return None;
            }
            let key = self.word();
            entries.push((key, self.value(depth + 1)?));
        }
    }

    fn value(&mut self, depth: usize) -> Option<Cos> {
        self.skip();
        self.values += 1;
        if depth > MOST_DEPTH || self.values > MOST_VALUES {
            return None;
        }
        if self.eat(b"<<") {
            return self.entries(depth).map(Cos::Dict);
        }
        if self.eat(b"[") {
            let mut values = Vec::new();
            loop {
                self.skip();
                if self.eat(b"]") {
                    return Some(Cos::Array(values));
                }
                values.push(self.value(depth + 1)?);
            }
        }
        if self.eat(b"(") {
            return self.string().map(Cos::Text);
        }
        let name: &[u8] = if self.eat(b"/") { b"/" } else { b"" };
        let word = [name, &self.word()].concat();
        (!word.is_empty()).then_some(Cos::Word(word))
    }

    fn string(&mut self) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        loop {
            let (first, rest) = self.rest.split_first()?;
            self.rest = rest;
            match first {
                b')' => return Some(bytes),
                b'\\' => {
                    let (escaped, rest) = self.rest.split_first()?;
                    self.rest = rest;
                    bytes.push(match escaped {
                        b'n' => b'\n',
                        b'r' => b'\r',
                        b't' => b'\t',
                        b'b' => 8,
                        b'f' => 12,
                        b'0'..=b'7' => self.octal(*escaped),
                        other => *other,
                    });
                }
                other => bytes.push(*other),
            }
        }
    }

    fn octal(&mut self, first: u8) -> u8 {
        let mut code = first - b'0';
        for _ in 0..2 {
            if let Some((digit @ b'0'..=b'7', rest)) = self.rest.split_first() {
                code = code.wrapping_mul(8).wrapping_add(digit - b'0');
                self.rest = rest;
            }
        }
        code
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_comes_back_and_takes_changes() {
        let source =
            b" /98 << /0 9 >> /0 << /1 [ .5 -2 /nil << >> (\xfe\xff\0\\(\0a\0\\)) ] /2 true >>";
        let mut document = parse(source).unwrap();
        assert_eq!(document.to_document(), source);
        assert_eq!(document.array(&["0", "1"]).len(), 5);
        *document.make(&["0", "3", "4"]) = Cos::text("سلام)");
        let again = parse(&document.to_document()).unwrap();
        assert_eq!(again.as_text(&["0", "3", "4"]).as_deref(), Some("سلام)"));
        assert_eq!(again.as_number(&["98", "0"]), Some(9.0));
    }

    #[test]
    fn what_is_broken_is_not_taken() {
        for broken in [
            b"/0 << ".as_slice(),
            b"/0 [",
            b"/0 (",
            b"/0",
            b"0",
            b"/0 )",
            &b"/0 [".repeat(100),
        ] {
            assert_eq!(parse(broken), None, "{:?}", String::from_utf8_lossy(broken));
        }
    }
}
