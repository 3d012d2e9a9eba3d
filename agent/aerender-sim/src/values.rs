//! Answers for: a digest of what is set in a composition and in what it shows: every property of every layer as the file has it,
//! switches, texts, footage, lengths. It goes into every frame's code, so that a frame of a project with other values is told
//! apart in the finished film. Must not: know how values get into a project.

use std::collections::BTreeSet;
use std::io::Write;

use flatrender_aep::{Composition, Project};

use crate::afterfx::tree::{Node, Tree};
use crate::code::tag;

/// The digest: [`tag`]'s hash over a listing of the composition and of every composition that it reaches, each with its
/// bytes in `file` (the project's own). A file that is no binary project gives a digest of the listing alone.
#[must_use]
pub fn digest(project: &Project, comp: &Composition, file: &[u8]) -> u32 {
    let tree = Tree::parse(file).ok();
    let mut listing = Vec::new();
    let mut seen = BTreeSet::from([comp.id]);
    let mut wanted = vec![comp];
    while let Some(comp) = wanted.pop() {
        list(&mut listing, project, comp);
        if let Some(item) = tree.as_ref().and_then(|tree| item(&tree.root, comp.id)) {
            item.write(&mut listing);
        }
        let sources = comp.layers.iter().filter_map(|layer| layer.source_id);
        for source in sources {
            let nested = project.comps.iter().find(|nested| nested.id == source);
            if let Some(nested) = nested.filter(|nested| seen.insert(nested.id)) {
                wanted.push(nested);
            }
        }
    }
    tag(&listing)
}

/// The item with this id, in whatever folder.
fn item(root: &Node, id: u32) -> Option<&Node> {
    let mut open = vec![root];
    while let Some(node) = open.pop() {
        let own = node.leaf_data(b"idta").and_then(|idta| idta.get(16..20));
        if node.is_list(b"Item") && own == Some(&id.to_be_bytes()) {
            return Some(node);
        }
        let holds_items = |child: &&Node| {
            [b"Fold", b"Sfdr", b"Item"]
                .iter()
                .any(|kind| child.is_list(kind))
        };
        open.extend(node.children.iter().filter(holds_items));
    }
    None
}

fn list(listing: &mut Vec<u8>, project: &Project, comp: &Composition) {
    let mut line = |what: std::fmt::Arguments<'_>| {
        // Writing to memory can't fail.
        let _ = writeln!(listing, "{what}");
    };
    line(format_args!(
        "comp {:?} {} {:?}",
        comp.name, comp.frames, comp.background
    ));
    for layer in &comp.layers {
        line(format_args!(
            "layer {:?} {} {} {:?} {:?} {:?}",
            layer.name, layer.enabled, layer.audio_enabled, layer.text, layer.fonts, layer.sizes
        ));
        let source = layer
            .source_id
            .and_then(|id| project.footage.iter().find(|footage| footage.id == id));
        if let Some(footage) = source {
            let path = footage.file.as_ref().map(|file| &file.path);
            line(format_args!(
                "shows {:?} {:?} {:?}",
                footage.name, footage.color, path
            ));
        }
    }
}
