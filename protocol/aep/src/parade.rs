//! The properties of a layer by match name: its effects, and which properties an expression computes.

use std::collections::HashSet;

use crate::bytes::text_at;
use crate::chunk::{Chunk, Chunks, MAX_DEPTH};

const PARADE: &str = "ADBE Effect Parade";
const GROUP_END: &str = "ADBE Group End";

/// Longest match name that is kept, in bytes. The field has 40 in real files.
const MAX_MATCH_NAME: usize = 256;

/// Most match names of computed properties that are kept of one layer.
const MAX_COMPUTED: usize = 100;

/// Match names of a layer's effects, in order. A name that begins with `Pseudo/` is a preset's control group and needs no
/// plug-in.
pub(crate) fn match_names(layer: Chunk<'_>) -> Vec<String> {
    let Some(properties) = layer.list(b"tdgp") else {
        return Vec::new();
    };
    let Some(parade) = group_after(properties, PARADE) else {
        return Vec::new();
    };
    let mut names = Vec::new();
    let mut pending = None;
    for chunk in parade.children() {
        if chunk.id == *b"tdmn" {
            pending = match_name(chunk).filter(|name| name != GROUP_END);
        } else if chunk.kind == Some(*b"sspc") {
            names.extend(pending.take());
        }
    }
    names
}

/// The property group that follows the match name `wanted`.
pub(crate) fn group_after<'a>(properties: Chunk<'a>, wanted: &str) -> Option<Chunk<'a>> {
    let mut children = properties.children();
    children
        .by_ref()
        .find(|chunk| chunk.id == *b"tdmn" && match_name(*chunk).as_deref() == Some(wanted))?;
    children
        .take_while(|chunk| chunk.id != *b"tdmn")
        .find(|chunk| chunk.kind.is_some())
}

fn match_name(chunk: Chunk<'_>) -> Option<String> {
    text_at(chunk.data, 0, MAX_MATCH_NAME)
}

/// How many properties of a layer have an expression, and the match names of the first different ones.
pub(crate) fn computed(layer: Chunk<'_>) -> (u32, Vec<String>) {
    let mut count: u32 = 0;
    let mut names = Vec::new();
    let mut known = HashSet::new();
    let mut open: Vec<(Chunks<'_>, &[u8])> = vec![(layer.children(), b"".as_slice())];
    while let Some((level, named)) = open.last_mut() {
        let Some(chunk) = level.next() else {
            open.pop();
            continue;
        };
        if chunk.id == *b"tdmn" {
            *named = chunk.data;
            continue;
        }
        let named = *named;
        if chunk.kind == Some(*b"tdbs") {
            let expression = chunk.leaf(b"Utf8").unwrap_or(b"");
            if expression.trim_ascii().is_empty() {
                continue;
            }
            count = count.saturating_add(1);
            if names.len() < MAX_COMPUTED && known.insert(named) {
                names.extend(text_at(named, 0, MAX_MATCH_NAME));
            }
        } else if chunk.is_container() && open.len() < MAX_DEPTH {
            open.push((chunk.children(), named));
        }
    }
    (count, names)
}
