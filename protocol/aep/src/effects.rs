//! The effects on a layer, by match name: which plug-ins a node needs.

use crate::bytes::{MAX_STRING_BYTES, cp1252_at};
use crate::chunk::Chunk;

const PARADE: &str = "ADBE Effect Parade";
const GROUP_END: &str = "ADBE Group End";

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
    cp1252_at(chunk.data, 0, MAX_STRING_BYTES)
}
