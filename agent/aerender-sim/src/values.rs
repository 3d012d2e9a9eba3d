//! Answers for: a digest of what is set in a composition and in what it shows: layers with their switches, texts, footage,
//! lengths. It goes into every frame's code, so that a frame of a project with other values is told apart in the finished film.
//! Must not: know how values get into a project.

use std::collections::BTreeSet;
use std::fmt::Write;

use flatrender_aep::{Composition, Project};

use crate::code::job_tag;

/// The digest: [`job_tag`]'s hash over a listing of the composition and of every composition that it reaches.
#[must_use]
pub fn digest(project: &Project, comp: &Composition) -> u32 {
    let mut listing = String::new();
    let mut seen = BTreeSet::from([comp.id]);
    let mut wanted = vec![comp];
    while let Some(comp) = wanted.pop() {
        list(&mut listing, project, comp);
        let sources = comp.layers.iter().filter_map(|layer| layer.source_id);
        for source in sources {
            let nested = project.comps.iter().find(|nested| nested.id == source);
            if let Some(nested) = nested.filter(|nested| seen.insert(nested.id)) {
                wanted.push(nested);
            }
        }
    }
    job_tag(&listing)
}

fn list(listing: &mut String, project: &Project, comp: &Composition) {
    let mut line = |what: std::fmt::Arguments<'_>| {
        // Writing to a string can't fail.
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
