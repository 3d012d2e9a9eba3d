//! Answers for: a project file as a tree of chunks that can be changed and written again, every byte that nobody touched as it was.
//! Must not: know what a chunk means.

/// A chunk id, or the kind of a list.
pub type Tag = [u8; 4];

/// Deepest nesting that is taken apart; what lies deeper stays bytes. Real projects stay below 25.
const MOST_DEPTH: usize = 64;
/// Most chunks in one project.
const MOST_CHUNKS: usize = 5_000_000;

/// One chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its id.
    pub id: Tag,
    /// The kind of a `LIST`.
    pub kind: Option<Tag>,
    /// The chunks of a list, in order.
    pub children: Vec<Node>,
    /// The bytes of a leaf.
    pub data: Vec<u8>,
}

/// A project file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    /// The chunks of the project.
    pub root: Node,
    /// What follows the project in the file: a packet of XMP.
    trailer: Vec<u8>,
}

/// Why a file is not taken apart.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// XML, archive or something else.
    #[error("it is no binary project (RIFX); the stand-in prepares .aep and .aet only")]
    NotRifx,
    /// A length that leads out of what is there.
    #[error("it is damaged: a chunk at byte {at} is longer than what holds it")]
    Overrun {
        /// Where the chunk begins.
        at: usize,
    },
    /// Beyond the limit.
    #[error("it has more than {MOST_CHUNKS} chunks")]
    TooMany,
}

impl Node {
    /// A leaf.
    #[must_use]
    pub fn leaf(id: &Tag, data: Vec<u8>) -> Node {
        Node {
            id: *id,
            kind: None,
            children: Vec::new(),
            data,
        }
    }

    /// A list.
    #[must_use]
    pub fn list(kind: &Tag, children: Vec<Node>) -> Node {
        Node {
            id: *b"LIST",
            kind: Some(*kind),
            children,
            data: Vec::new(),
        }
    }

    /// Whether it is a list of this kind.
    #[must_use]
    pub fn is_list(&self, kind: &Tag) -> bool {
        self.kind == Some(*kind)
    }

    /// The bytes of the first leaf with this id.
    #[must_use]
    pub fn leaf_data(&self, id: &Tag) -> Option<&[u8]> {
        let mut leaves = self.children.iter().filter(|child| child.kind.is_none());
        leaves
            .find(|child| child.id == *id)
            .map(|child| child.data.as_slice())
    }

    /// The bytes of the first leaf with this id, to change them.
    pub fn leaf_mut(&mut self, id: &Tag) -> Option<&mut Vec<u8>> {
        let mut leaves = self
            .children
            .iter_mut()
            .filter(|child| child.kind.is_none());
        leaves
            .find(|child| child.id == *id)
            .map(|child| &mut child.data)
    }

    /// The first list of this kind.
    #[must_use]
    pub fn child(&self, kind: &Tag) -> Option<&Node> {
        self.children.iter().find(|child| child.is_list(kind))
    }

    /// The first list of this kind, to change it.
    pub fn child_mut(&mut self, kind: &Tag) -> Option<&mut Node> {
        self.children.iter_mut().find(|child| child.is_list(kind))
    }

    /// The node that a path of places leads to.
    pub fn at_mut(&mut self, path: &[usize]) -> Option<&mut Node> {
        path.iter()
            .try_fold(self, |node, place| node.children.get_mut(*place))
    }

    fn length(&self) -> usize {
        let inner: usize = self
            .children
            .iter()
            .map(|child| 8 + child.length().next_multiple_of(2))
            .sum();
        inner + self.data.len() + self.kind.map_or(0, |kind| kind.len())
    }

    /// The chunk as it is in a file.
    // as deep as MOST_DEPTH, which the reader keeps
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.id);
        let length = u32::try_from(self.length()).unwrap_or(u32::MAX);
        out.extend(length.to_be_bytes());
        out.extend(self.kind.iter().flatten());
        out.extend(&self.data);
        for child in &self.children {
            child.write(out);
        }
        if length % 2 == 1 {
            out.push(0);
        }
    }
}

impl Tree {
    /// Takes a project file apart.
    ///
    /// # Errors
    ///
    /// If it is no RIFX, or damaged: what can't be read whole is not written again.
    pub fn parse(bytes: &[u8]) -> Result<Tree, TreeError> {
        if !bytes.starts_with(b"RIFX") || bytes.get(8..12) != Some(b"Egg!") {
            return Err(TreeError::NotRifx);
        }
        let mut reader = Reader { bytes, seen: 0 };
        let end = reader.end(0, bytes.len())?;
        Ok(Tree {
            root: Node {
                id: *b"RIFX",
                kind: Some(*b"Egg!"),
                children: reader.children(12, end, 0)?,
                data: Vec::new(),
            },
            trailer: bytes.get(end.next_multiple_of(2)..).unwrap_or(&[]).to_vec(),
        })
    }

    /// The file again.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.root.write(&mut out);
        out.extend(&self.trailer);
        out
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    seen: usize,
}

impl Reader<'_> {
    /// Where the chunk at `at` ends, which must be before `limit`.
    fn end(&self, at: usize, limit: usize) -> Result<usize, TreeError> {
        let header = self
            .bytes
            .get(at + 4..at + 8)
            .and_then(|bytes| bytes.first_chunk::<4>());
        let length = header.map(|bytes| u32::from_be_bytes(*bytes) as usize);
        length
            .and_then(|length| (at + 8).checked_add(length))
            .filter(|end| *end <= limit)
            .ok_or(TreeError::Overrun { at })
    }

    fn children(&mut self, from: usize, to: usize, depth: usize) -> Result<Vec<Node>, TreeError> {
        let mut children = Vec::new();
        let mut at = from;
        while at < to {
            let end = self.end(at, to)?;
            children.push(self.node(at, end, depth)?);
            at = end.next_multiple_of(2);
        }
        Ok(children)
    }

    fn node(&mut self, at: usize, end: usize, depth: usize) -> Result<Node, TreeError> {
        self.seen += 1;
        if self.seen > MOST_CHUNKS {
            return Err(TreeError::TooMany);
        }
        let tag = |at: usize| {
            self.bytes
                .get(at..at + 4)
                .and_then(|bytes| bytes.first_chunk::<4>())
                .copied()
        };
        let id = tag(at).ok_or(TreeError::Overrun { at })?;
        let kind = if &id == b"LIST" && end >= at + 12 {
            tag(at + 8)
        } else {
            None
        };
        let body = at + if kind.is_some() { 12 } else { 8 };
        // `btdk` is a list by its header and holds text
        let whole = kind.is_none() || kind == Some(*b"btdk") || depth >= MOST_DEPTH;
        Ok(Node {
            id,
            kind,
            data: if whole {
                self.bytes[body..end].to_vec()
            } else {
                Vec::new()
            },
            children: if whole {
                Vec::new()
            } else {
                self.children(body, end, depth + 1)?
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(children: Vec<Node>) -> Vec<u8> {
        let root = Node {
            id: *b"RIFX",
            kind: Some(*b"Egg!"),
            children,
            data: Vec::new(),
        };
        let mut out = Vec::new();
        root.write(&mut out);
        out
    }

    #[test]
    fn odd_lengths_lists_and_what_follows_come_back() {
        let inner = vec![
            Node::leaf(b"Utf8", b"abc".to_vec()),
            Node::leaf(b"cdta", vec![]),
        ];
        let bytes = [
            file(vec![Node::list(b"Item", inner)]),
            b"<?xpacket?>".to_vec(),
        ]
        .concat();
        let tree = Tree::parse(&bytes).unwrap();
        assert_eq!(tree.to_bytes(), bytes);
        assert_eq!(
            tree.root.child(b"Item").unwrap().leaf_data(b"Utf8"),
            Some(b"abc".as_slice())
        );
    }

    #[test]
    fn damage_is_said_and_depth_is_bounded() {
        assert!(matches!(Tree::parse(b"RIFF"), Err(TreeError::NotRifx)));
        let bytes = file(vec![Node::leaf(b"Utf8", b"abcd".to_vec())]);
        for cut in 12..bytes.len() {
            assert!(Tree::parse(&bytes[..cut]).is_err(), "{cut}");
        }
        let mut deep = Node::leaf(b"last", vec![1]);
        for _ in 0..5_000 {
            deep = Node {
                id: *b"LIST",
                kind: Some(*b"tdgp"),
                data: Vec::new(),
                children: vec![deep],
            };
        }
        let bytes = file(vec![deep]);
        let tree = Tree::parse(&bytes).unwrap();
        assert_eq!(tree.to_bytes(), bytes);
    }
}
