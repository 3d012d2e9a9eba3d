//! Chunks as bytes, and fields put at their places in a leaf.

use crate::chunk::Tag;

/// A chunk with its length and pad byte.
pub(super) fn leaf(id: Tag, data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len()).expect("a spec is far below 4 GiB");
    let mut out = Vec::with_capacity(data.len() + 9);
    out.extend(id);
    out.extend(length.to_be_bytes());
    out.extend(data);
    if data.len() % 2 == 1 {
        out.push(0);
    }
    out
}

/// A `LIST` of a kind around chunks, or around the text of a `btdk`.
pub(super) fn list(kind: Tag, content: &[u8]) -> Vec<u8> {
    leaf(*b"LIST", &[kind.as_slice(), content].concat())
}

/// A name or text in a `Utf8` chunk.
pub(super) fn utf8(text: &str) -> Vec<u8> {
    leaf(*b"Utf8", text.as_bytes())
}

/// A property's match name, 40 bytes with zeros after it.
pub(super) fn match_name(name: &str) -> Vec<u8> {
    let mut field = name.as_bytes().to_vec();
    field.resize(field.len().max(39) + 1, 0);
    leaf(*b"tdmn", &field)
}

/// A property group: its switches, an empty name, the match names and values in `content`, and its end.
pub(super) fn group(content: &[u8]) -> Vec<u8> {
    let body = [
        leaf(*b"tdsb", &1u32.to_be_bytes()),
        leaf(*b"tdsn", &utf8("")),
        content.to_vec(),
        match_name("ADBE Group End"),
    ];
    list(*b"tdgp", &body.concat())
}

/// The bytes of a leaf while its fields are set.
pub(super) struct Fields(pub(super) Vec<u8>);

impl Fields {
    pub(super) fn new(length: usize) -> Fields {
        Fields(vec![0; length])
    }

    pub(super) fn put(mut self, at: usize, bytes: &[u8]) -> Fields {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }

    pub(super) fn u16(self, at: usize, value: u16) -> Fields {
        self.put(at, &value.to_be_bytes())
    }

    pub(super) fn u32(self, at: usize, value: u32) -> Fields {
        self.put(at, &value.to_be_bytes())
    }

    /// A fraction in two words; the dividend may carry a sign.
    pub(super) fn fraction(self, at: usize, (dividend, divisor): (i32, u32)) -> Fields {
        self.u32(at, dividend.cast_unsigned()).u32(at + 4, divisor)
    }
}
