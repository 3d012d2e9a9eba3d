//! XML projects (.aepx) rewritten as RIFX, so that one reader serves both.
//! A streaming pass: no document type, no entity but the built-in ones, nesting capped as in RIFX.

use quick_xml::Reader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesStart, Event};

use crate::MAX_PROJECT_BYTES;
use crate::bytes::MAX_STRING_BYTES;
use crate::chunk::{MAX_DEPTH, Tag};
use crate::warn::Warnings;

const ROOT: &[u8] = b"AfterEffectsProject";
const SNIFFED_BYTES: usize = 4096;

/// Whether the bytes start like an XML project.
pub(crate) fn looks_like_project(bytes: &[u8]) -> bool {
    let bytes = bytes
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(bytes)
        .trim_ascii_start();
    let start = &bytes[..bytes.len().min(SNIFFED_BYTES)];
    start.starts_with(b"<") && start.windows(ROOT.len()).any(|window| window == ROOT)
}

/// The chunks of the document. What can't be understood is left out with a warning.
pub(crate) fn to_rifx(bytes: &[u8], warnings: &mut Warnings) -> Vec<u8> {
    let mut reader = Reader::from_reader(bytes);
    let mut tree = Tree::new();
    loop {
        if tree.out.len() as u64 > MAX_PROJECT_BYTES {
            warnings
                .damaged("the XML holds too many elements: what follows is left out".to_owned());
            break;
        }
        match reader.read_event() {
            Ok(Event::Start(start)) => tree.start(&start, warnings),
            Ok(Event::Empty(start)) => {
                tree.start(&start, warnings);
                tree.end();
            }
            Ok(Event::End(_)) => tree.end(),
            Ok(Event::Text(text)) => tree.text(&text),
            Ok(Event::CData(data)) => tree.text(&data),
            Ok(Event::GeneralRef(reference)) => tree.reference(&reference),
            Ok(Event::Eof) => break,
            Ok(Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_)) => {}
            Err(error) => {
                let at = reader.error_position();
                warnings.damaged(format!(
                    "the XML is broken at byte {at} ({error}): what follows is lost"
                ));
                break;
            }
        }
    }
    if !tree.open.is_empty() {
        warnings.damaged("the XML ends in the middle: what would follow is lost".to_owned());
    }
    tree.finish()
}

/// One open element.
enum Open {
    /// The document itself.
    Root,
    /// A container whose length is written when it closes; the offset of its length field.
    List(usize),
    /// A string; its text.
    Text(Vec<u8>),
    /// A leaf that is complete, or something we don't keep: what is inside is passed over.
    Skipped,
}

struct Tree {
    out: Vec<u8>,
    open: Vec<Open>,
    /// Elements inside a skipped one.
    skipped_depth: usize,
}

impl Tree {
    fn new() -> Tree {
        Tree {
            out: b"RIFX\0\0\0\0Egg!".to_vec(),
            open: Vec::new(),
            skipped_depth: 0,
        }
    }

    fn start(&mut self, start: &BytesStart<'_>, warnings: &mut Warnings) {
        if matches!(self.open.last(), Some(Open::Skipped)) {
            self.skipped_depth += 1;
            return;
        }
        let opened = self.opened(start, warnings);
        self.open.push(opened);
    }

    fn opened(&mut self, start: &BytesStart<'_>, warnings: &mut Warnings) -> Open {
        let element = start.local_name();
        let name = element.as_ref();
        if self.open.is_empty() {
            return if name == ROOT {
                Open::Root
            } else {
                Open::Skipped
            };
        }
        if self.open.len() >= MAX_DEPTH {
            warnings.add(format!(
                "nested deeper than {MAX_DEPTH} levels: what lies below is left out"
            ));
            return Open::Skipped;
        }
        match name {
            b"string" => return Open::Text(Vec::new()),
            b"fileReference" => {
                let alias = file_reference(start);
                self.leaf(*b"alas", &alias);
                return Open::Skipped;
            }
            _ => {}
        }
        let Some(tag) = tag(name) else {
            return Open::Skipped;
        };
        let Some(hex) = attribute(start, b"bdata") else {
            return self.list(tag);
        };
        match unhex(&hex) {
            Some(data) if tag == *b"btdk" => {
                self.leaf(*b"LIST", &[b"btdk".as_slice(), &data].concat())
            }
            Some(data) => self.leaf(tag, &data),
            None => warnings.damaged(format!(
                "the data of <{}> is not hexadecimal: left out",
                String::from_utf8_lossy(name)
            )),
        }
        Open::Skipped
    }

    fn list(&mut self, tag: Tag) -> Open {
        let plain = matches!(&tag, b"tdsn" | b"fnam" | b"pdnm" | b"RCom");
        self.out.extend(if plain { tag } else { *b"LIST" });
        let length_at = self.out.len();
        self.out.extend([0; 4]);
        if !plain {
            self.out.extend(tag);
        }
        Open::List(length_at)
    }

    fn leaf(&mut self, tag: Tag, data: &[u8]) {
        self.out.extend(tag);
        let length_at = self.out.len();
        self.out.extend([0; 4]);
        self.out.extend(data);
        self.close(length_at);
    }

    /// Writes the length of what stands after `length_at`, and the pad byte.
    fn close(&mut self, length_at: usize) {
        let length = self.out.len() - length_at - 4;
        let stated = u32::try_from(length).expect("the input is capped far below 4 GiB");
        self.out[length_at..length_at + 4].copy_from_slice(&stated.to_be_bytes());
        if length % 2 == 1 {
            self.out.push(0);
        }
    }

    fn end(&mut self) {
        if self.skipped_depth > 0 {
            self.skipped_depth -= 1;
            return;
        }
        match self.open.pop() {
            Some(Open::List(length_at)) => self.close(length_at),
            Some(Open::Text(text)) => self.leaf(*b"Utf8", &text),
            Some(Open::Root | Open::Skipped) | None => {}
        }
    }

    fn text(&mut self, bytes: &[u8]) {
        if let Some(Open::Text(text)) = self.open.last_mut() {
            let room = MAX_STRING_BYTES.saturating_sub(text.len());
            text.extend(&bytes[..bytes.len().min(room)]);
        }
    }

    fn reference(&mut self, reference: &quick_xml::events::BytesRef<'_>) {
        let built_in = reference
            .decode()
            .ok()
            .and_then(|name| resolve_xml_entity(&name));
        let mut buffer = [0; 4];
        let text = match (reference.resolve_char_ref(), built_in) {
            (Ok(Some(character)), _) => character.encode_utf8(&mut buffer),
            (_, Some(text)) => text,
            (_, None) => "\u{fffd}",
        };
        self.text(text.as_bytes());
    }

    /// Closes what the document left open, and the file.
    fn finish(mut self) -> Vec<u8> {
        while !self.open.is_empty() {
            self.skipped_depth = 0;
            self.end();
        }
        self.close(4);
        self.out
    }
}

/// An element's name as a chunk id, padded with spaces; `None` for names no chunk can have.
fn tag(name: &[u8]) -> Option<Tag> {
    if name.is_empty() || name.len() > 4 {
        return None;
    }
    let mut tag = [b' '; 4];
    tag[..name.len()].copy_from_slice(name);
    Some(tag)
}

fn attribute(start: &BytesStart<'_>, wanted: &[u8]) -> Option<Vec<u8>> {
    start
        .attributes()
        .with_checks(false)
        .flatten()
        .find(|attribute| attribute.key.local_name().as_ref() == wanted)
        .map(|attribute| attribute.value.into_owned())
}

/// The `alas` JSON that a RIFX project has in place of the attributes.
fn file_reference(start: &BytesStart<'_>) -> Vec<u8> {
    let text = |name: &[u8]| {
        let raw = attribute(start, name).unwrap_or_default();
        let raw = String::from_utf8_lossy(&raw).into_owned();
        quick_xml::escape::unescape(&raw).map_or_else(|_| raw.clone(), std::borrow::Cow::into_owned)
    };
    let number = |name: &[u8]| text(name).parse::<u32>().unwrap_or(0);
    let windows = text(b"platform").to_ascii_lowercase().contains("win");
    let reference = serde_json::json!({
        "fullpath": text(b"fullpath"),
        "platform": if windows { 1 } else { 2 },
        "ascendcount_base": number(b"ascendcount_base"),
        "ascendcount_target": number(b"ascendcount_target"),
        "target_is_folder": matches!(text(b"target_is_folder").as_str(), "1" | "true"),
    });
    reference.to_string().into_bytes()
}

fn unhex(text: &[u8]) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs
        .iter()
        .map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?))
        .collect()
}

fn digit(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'a'..=b'f' => Some(character - b'a' + 10),
        b'A'..=b'F' => Some(character - b'A' + 10),
        _ => None,
    }
}
