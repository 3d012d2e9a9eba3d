//! What is done to a file before it is read: changes that know of chunks, of XML and of COS, and changes of plain bytes.

use fastrand::Rng;

use super::tree::{self, Node};

/// A file to start from.
pub struct Seed {
    /// Where it is from.
    pub name: String,
    /// The file.
    pub bytes: Vec<u8>,
    /// What changes make sense.
    pub form: Form,
}

/// How a seed is wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Chunks.
    Rifx,
    /// The same as XML.
    Xml,
    /// An archive.
    Zip,
}

/// Words that mean something to a reader: sizes, signs, "none".
const WORDS: [u32; 20] = [
    0,
    1,
    2,
    3,
    4,
    7,
    8,
    9,
    255,
    256,
    514,
    2246,
    0x7fff,
    0xffff,
    0x0001_0000,
    0x7fff_ffff,
    0x8000_0000,
    0x8000_0001,
    0xffff_fffe,
    0xffff_ffff,
];

/// Chunk ids and list kinds that the reader asks for.
const TAGS: [&[u8; 4]; 36] = [
    b"LIST", b"Fold", b"Item", b"Sfdr", b"Layr", b"tdgp", b"tdbs", b"btds", b"btdk", b"Pin ",
    b"Als2", b"alas", b"LRdr", b"list", b"LItm", b"LOm ", b"Roou", b"ExEn", b"PRin", b"prin",
    b"sspc", b"opti", b"StVc", b"idta", b"cdta", b"ldta", b"Utf8", b"tdmn", b"lhd3", b"ldat",
    b"head", b"svap", b"nnhd", b"nhed", b"Rout", b"cdrp",
];

/// Pieces of the languages inside a project.
const PIECES: [&[u8]; 32] = [
    b"<<",
    b">>",
    b"[",
    b"]",
    b"(",
    b")",
    b"\\",
    b"/0 ",
    b"/1 ",
    b"\xfe\xff",
    b"(\xfe\xff\xd8\x00)",
    b"1e999",
    b"-",
    b"<Item>",
    b"</Item>",
    b"<string>",
    b"</string>",
    b"<![CDATA[",
    b"]]>",
    b"<!--",
    b"&#x110000;",
    b"&lt;",
    b"<Layr/>",
    b"<cdta bdata=\"00\"/>",
    b"bdata=\"",
    b"\"",
    b"{\"fullpath\":\"",
    b"ADBE Effect Parade\0",
    b"ADBE Group End\0",
    b"\0",
    b"../..",
    b"PK\x01\x02",
];

/// Changes a copy of a seed, in a buffer that is used again.
pub struct Mutator {
    nodes: Vec<Node>,
    other: Vec<Node>,
}

impl Mutator {
    /// One that has done nothing yet.
    pub fn new() -> Mutator {
        Mutator {
            nodes: Vec::new(),
            other: Vec::new(),
        }
    }

    /// Puts a changed copy of `seed` into `file`; `donor` may lend a chunk.
    pub fn apply(&mut self, seed: &Seed, donor: &Seed, rng: &mut Rng, file: &mut Vec<u8>) {
        file.clear();
        file.extend_from_slice(&seed.bytes);
        for _ in 0..1 + rng.u32(..4) * rng.u32(..3) {
            if file.is_empty() {
                return;
            }
            match seed.form {
                Form::Rifx if rng.u32(..4) != 0 => self.structure(donor, rng, file),
                Form::Xml if rng.bool() => elements(rng, file),
                Form::Rifx | Form::Xml | Form::Zip => plain(rng, file),
            }
        }
    }

    fn structure(&mut self, donor: &Seed, rng: &mut Rng, file: &mut Vec<u8>) {
        tree::walk(file, &mut self.nodes);
        if self.nodes.len() < 2 {
            plain(rng, file);
            return;
        }
        let at = rng.usize(1..self.nodes.len());
        let node = self.nodes[at];
        match rng.u32(..12) {
            0 => put_word(rng, file, node.head + 4),
            1 => put(file, node.head, tag(rng)),
            2 if node.list => put(file, node.head + 8, tag(rng)),
            3 => self.replace(node, &[], rng.u32(..8) != 0, file),
            4 => {
                let copies = 1 + rng.usize(..3) * rng.usize(..3);
                let twin = file[node.head..node.end().min(file.len())].repeat(copies + 1);
                self.replace(node, &twin, rng.u32(..8) != 0, file);
            }
            5 => self.graft(node, donor, rng, file),
            6 => {
                let mut wrapped = file[node.head..node.end().min(file.len())].to_vec();
                let kind = tag(rng);
                for _ in 0..1 + rng.usize(..8) * rng.usize(..12) {
                    wrapped = tree::chunk(*b"LIST", &[kind.as_slice(), &wrapped].concat());
                }
                self.replace(node, &wrapped, true, file);
            }
            7 => {
                let other = self.nodes[rng.usize(1..self.nodes.len())];
                let bytes = file[other.head..other.end().min(file.len())].to_vec();
                self.replace(node, &bytes, rng.u32(..8) != 0, file);
            }
            8 => self.resize(node, rng, file),
            _ => field(node, rng, file),
        }
    }

    /// Puts other bytes in a chunk's place, with the lengths above made right or not.
    fn replace(&self, node: Node, by: &[u8], right: bool, file: &mut Vec<u8>) {
        let end = node.end().min(file.len());
        if right {
            let grown = by.len() as isize - (end - node.head) as isize;
            tree::grow(file, &self.nodes, node.parent, grown);
        }
        file.splice(node.head..end, by.iter().copied());
    }

    fn graft(&mut self, node: Node, donor: &Seed, rng: &mut Rng, file: &mut Vec<u8>) {
        tree::walk(&donor.bytes, &mut self.other);
        if self.other.len() < 2 {
            return;
        }
        let from = self.other[rng.usize(1..self.other.len())];
        let piece = &donor.bytes[from.head..from.end().min(donor.bytes.len())];
        self.replace(node, piece, rng.u32(..8) != 0, file);
    }

    /// Makes a leaf longer or shorter.
    fn resize(&self, node: Node, rng: &mut Rng, file: &mut Vec<u8>) {
        let head = &file[node.head..node.head + 4];
        let id = [head[0], head[1], head[2], head[3]];
        let mut data = file[node.head + 8..node.head + 8 + node.length].to_vec();
        match rng.u32(..3) {
            0 => data.truncate(rng.usize(..=data.len())),
            1 => data.extend(std::iter::repeat_n(rng.u8(..), rng.usize(..64))),
            _ => data.extend_from_slice(piece(rng)),
        }
        self.replace(node, &tree::chunk(id, &data), true, file);
    }
}

/// Changes something inside a chunk: a byte, a word, a piece of a language.
fn field(node: Node, rng: &mut Rng, file: &mut [u8]) {
    let inside = node.inside().min(file.len());
    let end = (node.head + 8 + node.length).min(file.len());
    if inside >= end {
        return;
    }
    let at = rng.usize(inside..end);
    match rng.u32(..4) {
        0 => file[at] = rng.u8(..),
        1 => file[at] ^= 1 << rng.u32(..8),
        2 => put_word(rng, file, at),
        _ => put(file, at, piece(rng)),
    }
}

/// Changes that know no format.
fn plain(rng: &mut Rng, file: &mut Vec<u8>) {
    let at = rng.usize(..file.len());
    let end = (at + 1 + rng.usize(..64) * rng.usize(..64)).min(file.len());
    match rng.u32(..9) {
        0 if rng.u32(..4) == 0 => file.truncate(at),
        0 | 1 => file[at] = rng.u8(..),
        2 => file[at] ^= 1 << rng.u32(..8),
        3 => put_word(rng, file, at),
        4 => {
            file.drain(at..end);
        }
        5 => {
            let piece = file[at..end].to_vec();
            file.splice(at..at, piece);
        }
        6 => {
            let words = piece(rng);
            file.splice(at..at, words.iter().copied());
        }
        7 => put(file, at, piece(rng)),
        _ => {
            let piece = file[at..end].to_vec();
            let to = rng.usize(..file.len());
            put(file, to, &piece);
        }
    }
}

/// Changes of XML: an element twice, away, or with another name.
fn elements(rng: &mut Rng, file: &mut Vec<u8>) {
    let from = rng.usize(..file.len());
    let Some(start) = file[from..].iter().position(|byte| *byte == b'<') else {
        return;
    };
    let start = from + start;
    let mut end = start;
    for _ in 0..1 + rng.usize(..8) {
        let Some(next) = file[end..].iter().position(|byte| *byte == b'>') else {
            break;
        };
        end += next + 1;
    }
    match rng.u32(..4) {
        0 => {
            file.drain(start..end);
        }
        1 => {
            let copies = file[start..end].repeat(1 + rng.usize(..4));
            file.splice(start..start, copies);
        }
        2 => {
            let tag = tag(rng);
            put(file, start + 1, tag.trim_ascii());
        }
        _ => {
            let words = piece(rng);
            file.splice(start..start, words.iter().copied());
        }
    }
}

fn tag(rng: &mut Rng) -> &'static [u8; 4] {
    TAGS[rng.usize(..TAGS.len())]
}

fn piece(rng: &mut Rng) -> &'static [u8] {
    PIECES[rng.usize(..PIECES.len())]
}

fn put_word(rng: &mut Rng, file: &mut [u8], at: usize) {
    let word = match rng.u32(..3) {
        0 => rng.u32(..),
        1 => WORDS[rng.usize(..WORDS.len())],
        _ => WORDS[rng.usize(..WORDS.len())]
            .wrapping_add(rng.u32(..5))
            .wrapping_sub(2),
    };
    put(file, at, &word.to_be_bytes());
}

fn put(file: &mut [u8], at: usize, bytes: &[u8]) {
    let at = at.min(file.len());
    let room = bytes.len().min(file.len() - at);
    file[at..at + room].copy_from_slice(&bytes[..room]);
}
