//! The RIFX tree, walked in place: a chunk is a borrowed slice, its children are read when asked for.
//! It knows ids, lengths and nesting and keeps the caps on them; what a chunk means is for the other modules.

use crate::error::ReadError;
use crate::warn::Warnings;

/// A chunk id or the kind of a `LIST`, spaces included.
pub(crate) type Tag = [u8; 4];

/// Deepest nesting that is followed. Real projects stay below 25.
pub(crate) const MAX_DEPTH: usize = 64;

/// Most chunks in one project. Real ones have tens of thousands.
const MAX_CHUNKS: u64 = 5_000_000;

/// One chunk: a leaf with its bytes, or a container whose bytes are further chunks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chunk<'a> {
    pub(crate) id: Tag,
    /// The kind of a `LIST`; `None` for everything else.
    pub(crate) kind: Option<Tag>,
    /// The bytes after the header, and after the kind of a `LIST`.
    pub(crate) data: &'a [u8],
}

impl<'a> Chunk<'a> {
    /// A container around the chunks in `data`.
    pub(crate) fn root(data: &'a [u8]) -> Chunk<'a> {
        Chunk {
            id: *b"RIFX",
            kind: Some(*b"Egg!"),
            data,
        }
    }

    /// Whether the bytes are further chunks. `btdk` is a list by its header but holds COS text; the names in `tdsn` and its
    /// like are chunks in newer files and plain text in older ones, so they count as leaves.
    pub(crate) fn is_container(&self) -> bool {
        self.kind.is_some_and(|kind| kind != *b"btdk")
    }

    /// The direct children; none for a leaf.
    pub(crate) fn children(&self) -> Chunks<'a> {
        Chunks {
            rest: if self.is_container() { self.data } else { &[] },
            overrun: false,
        }
    }

    /// The bytes of the first direct child with this id.
    pub(crate) fn leaf(&self, id: &Tag) -> Option<&'a [u8]> {
        self.children()
            .find(|chunk| chunk.id == *id && chunk.kind.is_none())
            .map(|chunk| chunk.data)
    }

    /// The first direct `LIST` of this kind.
    pub(crate) fn list(&self, kind: &Tag) -> Option<Chunk<'a>> {
        self.children().find(|chunk| chunk.kind == Some(*kind))
    }

    /// The first `LIST` of this kind anywhere below, depth first.
    pub(crate) fn find_list(&self, kind: &Tag) -> Option<Chunk<'a>> {
        let mut open = vec![self.children()];
        while let Some(level) = open.last_mut() {
            match level.next() {
                None => {
                    open.pop();
                }
                Some(chunk) if chunk.kind == Some(*kind) => return Some(chunk),
                Some(chunk) if chunk.is_container() && open.len() < MAX_DEPTH => {
                    open.push(chunk.children())
                }
                Some(_) => {}
            }
        }
        None
    }
}

/// The chunks of one level, in order. Ends at the first header that makes no sense; a list that claims more than there
/// is gives what there is, a leaf that does is left out.
#[derive(Debug, Clone)]
pub(crate) struct Chunks<'a> {
    rest: &'a [u8],
    overrun: bool,
}

impl<'a> Iterator for Chunks<'a> {
    type Item = Chunk<'a>;

    fn next(&mut self) -> Option<Chunk<'a>> {
        let Some((header, body)) = self.rest.split_first_chunk::<8>() else {
            self.overrun |= !self.rest.is_empty();
            self.rest = &[];
            return None;
        };
        let id = [header[0], header[1], header[2], header[3]];
        let length = u32::from_be_bytes([header[4], header[5], header[6], header[7]]) as usize;
        let Some(data) = body.get(..length) else {
            self.rest = &[];
            self.overrun = true;
            let chunk = shape(id, body);
            return chunk.is_container().then_some(chunk);
        };
        // the pad byte after an odd length is missing at the very end of some files
        self.rest = body.get(length + (length & 1)..).unwrap_or(&[]);
        Some(shape(id, data))
    }
}

fn shape(id: Tag, data: &[u8]) -> Chunk<'_> {
    match data.split_first_chunk::<4>() {
        Some((kind, inner)) if id == *b"LIST" => Chunk {
            id,
            kind: Some(*kind),
            data: inner,
        },
        _ => Chunk {
            id,
            kind: None,
            data,
        },
    }
}

/// Walks the whole tree once: counts it against the caps and says where it is damaged.
pub(crate) fn survey(root: Chunk<'_>, warnings: &mut Warnings) -> Result<(), ReadError> {
    let mut open = vec![(root, root.children())];
    let mut seen: u64 = 0;
    while let Some((parent, level)) = open.last_mut() {
        let next = level.next();
        if level.overrun {
            level.overrun = false;
            warnings.damaged(format!(
                "damaged or cut short inside {}: what follows there is lost",
                name(parent)
            ));
        }
        let Some(chunk) = next else {
            open.pop();
            continue;
        };
        seen += 1;
        if seen > MAX_CHUNKS {
            return Err(ReadError::TooMany {
                what: "chunks",
                limit: MAX_CHUNKS,
            });
        }
        if !chunk.is_container() {
            continue;
        }
        if open.len() < MAX_DEPTH {
            open.push((chunk, chunk.children()));
        } else {
            warnings.add(format!(
                "nested deeper than {MAX_DEPTH} levels at {}: what lies below is left out",
                name(&chunk)
            ));
        }
    }
    Ok(())
}

fn name(chunk: &Chunk<'_>) -> String {
    let tag = chunk.kind.as_ref().unwrap_or(&chunk.id);
    format!(
        "`{}`",
        String::from_utf8_lossy(tag).trim_end().escape_debug()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(id: &Tag, data: &[u8]) -> Vec<u8> {
        let mut out = id.to_vec();
        out.extend(u32::try_from(data.len()).unwrap().to_be_bytes());
        out.extend(data);
        if data.len() % 2 == 1 {
            out.push(0);
        }
        out
    }

    fn list(kind: &Tag, data: &[u8]) -> Vec<u8> {
        leaf(b"LIST", &[kind.as_slice(), data].concat())
    }

    #[test]
    fn odd_lengths_are_padded_and_lists_nest() {
        let tree = [leaf(b"Utf8", b"abc"), list(b"Item", &leaf(b"idta", b"12"))].concat();
        let root = Chunk::root(&tree);
        assert_eq!(root.leaf(b"Utf8"), Some(b"abc".as_slice()));
        let item = root.list(b"Item").unwrap();
        assert_eq!(item.leaf(b"idta"), Some(b"12".as_slice()));
        assert!(root.find_list(b"btdk").is_none());
    }

    #[test]
    fn a_cut_list_gives_what_is_left_and_a_cut_leaf_nothing() {
        let whole = list(
            b"Item",
            &[leaf(b"idta", b"12"), leaf(b"Utf8", b"abcd")].concat(),
        );
        let cut = &whole[..whole.len() - 1];
        let mut warnings = Warnings::default();
        survey(Chunk::root(cut), &mut warnings).unwrap();
        let item = Chunk::root(cut).list(b"Item").unwrap();
        assert_eq!(item.leaf(b"idta"), Some(b"12".as_slice()));
        assert_eq!(item.leaf(b"Utf8"), None);
        assert!(warnings.is_damaged());
    }

    #[test]
    fn nesting_is_followed_to_the_cap_and_no_further() {
        let mut tree = list(b"deep", &[]);
        for _ in 0..10_000 {
            tree = list(b"tdgp", &tree);
        }
        let mut warnings = Warnings::default();
        survey(Chunk::root(&tree), &mut warnings).unwrap();
        assert!(Chunk::root(&tree).find_list(b"deep").is_none());
        assert!(warnings.into_list()[0].contains("nested deeper than 64"));
    }
}
