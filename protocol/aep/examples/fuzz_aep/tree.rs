//! The chunks of a RIFX file as the mutations see them: where each begins and which one holds it, so that a chunk can be
//! taken out or put in with the lengths above it made right, or left wrong on purpose.

/// One chunk.
#[derive(Debug, Clone, Copy)]
pub struct Node {
    /// Offset of its header.
    pub head: usize,
    /// Length of what follows the header, without the pad byte.
    pub length: usize,
    /// The node that holds it.
    pub parent: Option<usize>,
    /// It is a `LIST` of chunks.
    pub list: bool,
}

impl Node {
    /// The first byte behind it and its pad byte.
    pub fn end(&self) -> usize {
        self.head + 8 + self.length + self.length % 2
    }

    /// The first byte of its data; of a list, of its first child.
    pub fn inside(&self) -> usize {
        self.head + if self.list { 12 } else { 8 }
    }
}

/// Most chunks that are looked at: enough for any seed.
const MAX_NODES: usize = 20_000;

/// The chunks of a whole RIFX file that make sense, each after the one that holds it.
pub fn walk(file: &[u8], nodes: &mut Vec<Node>) {
    nodes.clear();
    if file.len() < 12 || !file.starts_with(b"RIFX") {
        return;
    }
    nodes.push(Node {
        head: 0,
        length: length_at(file, 4).min(file.len() - 8),
        parent: None,
        list: true,
    });
    let mut at = 0;
    while let Some(node) = nodes.get(at).copied() {
        if node.list {
            children(file, node, at, nodes);
        }
        at += 1;
    }
}

fn children(file: &[u8], node: Node, at: usize, nodes: &mut Vec<Node>) {
    let end = (node.head + 8 + node.length).min(file.len());
    let mut head = node.inside();
    while head + 8 <= end && nodes.len() < MAX_NODES {
        let length = length_at(file, head + 4);
        if head + 8 + length > end {
            return;
        }
        let kind = &file[head + 8..head + 8 + length.min(4)];
        let list = file[head..].starts_with(b"LIST") && length >= 4 && kind != b"btdk";
        let child = Node {
            head,
            length,
            parent: Some(at),
            list,
        };
        head = child.end();
        nodes.push(child);
    }
}

fn length_at(file: &[u8], at: usize) -> usize {
    file[at..at + 4]
        .try_into()
        .map_or(0, |bytes| u32::from_be_bytes(bytes) as usize)
}

/// Makes the lengths above a change right: `from` and all that hold it grow by `by` bytes, which may be below zero.
pub fn grow(file: &mut [u8], nodes: &[Node], from: Option<usize>, by: isize) {
    let mut next = from;
    while let Some(at) = next {
        let node = nodes[at];
        let length = node.length.saturating_add_signed(by);
        let stated = u32::try_from(length).unwrap_or(u32::MAX);
        file[node.head + 4..node.head + 8].copy_from_slice(&stated.to_be_bytes());
        next = node.parent;
    }
}

/// A chunk around bytes.
pub fn chunk(id: [u8; 4], data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    let mut out = [id.as_slice(), &length.to_be_bytes(), data].concat();
    if data.len() % 2 == 1 {
        out.push(0);
    }
    out
}

/// A project with what the reader does not look at taken out: large leaves cut, unknown lists dropped, long runs of layers
/// and items shortened. Small files are read faster, so more of them.
pub fn shrunk(file: &[u8]) -> Option<Vec<u8>> {
    let mut nodes = Vec::new();
    walk(file, &mut nodes);
    let root = nodes.first()?;
    let body = smaller(&file[12..8 + root.length], 0);
    Some(chunk(*b"RIFX", &[b"Egg!".as_slice(), &body].concat()))
}

/// Kinds of lists that the reader follows.
const READ: [&[u8; 4]; 20] = [
    b"Fold", b"Item", b"Sfdr", b"Layr", b"tdgp", b"tdbs", b"btds", b"Pin ", b"Als2", b"LRdr",
    b"list", b"LItm", b"LOm ", b"ExEn", b"PRin", b"sspc", b"StVc", b"om-s", b"mrst", b"btdk",
];
const LARGE_LEAF: usize = 600;
const CUT_LEAF: usize = 160;
const SAME_KIND: usize = 8;
const DEPTH: usize = 40;

fn smaller(level: &[u8], depth: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let mut head = 0;
    let mut groups = 0;
    let mut many: std::collections::HashMap<[u8; 4], usize> = std::collections::HashMap::new();
    while head + 8 <= level.len() {
        let length = length_at(level, head + 4);
        let Some(data) = level.get(head + 8..head + 8 + length) else {
            break;
        };
        let id = [
            level[head],
            level[head + 1],
            level[head + 2],
            level[head + 3],
        ];
        head += 8 + length + length % 2;
        let kind = data.first_chunk::<4>().filter(|_| &id == b"LIST").copied();
        match kind {
            Some(kind) if READ.contains(&&kind) && depth < DEPTH => {
                let seen = many.entry(kind).or_default();
                *seen += 1;
                groups += usize::from(&kind == b"tdgp" || &kind == b"tdbs");
                if *seen > SAME_KIND && groups > SAME_KIND || *seen > 3 * SAME_KIND {
                    continue;
                }
                let inside = if &kind == b"btdk" {
                    data[4..].to_vec()
                } else {
                    smaller(&data[4..], depth + 1)
                };
                out.extend(chunk(id, &[kind.as_slice(), &inside].concat()));
            }
            Some(_) => {}
            None if data.len() > LARGE_LEAF && !matches!(&id, b"ldat") => {
                out.extend(chunk(id, &data[..CUT_LEAF]));
            }
            None => out.extend(chunk(id, data)),
        }
    }
    out
}
