//! Answers for: what a mapping has to know of a template to turn names into targets. Must not: read projects; who has one
//! fills this in.

use std::collections::HashMap;

use super::document::{CompRef, LayerRef};

/// The compositions of a template.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Manifest {
    /// In project order.
    pub comps: Vec<ManifestComp>,
}

/// One composition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestComp {
    /// Item id.
    pub id: u32,
    /// Its name; not always unique.
    pub name: String,
    /// Its layers, top first.
    pub layers: Vec<ManifestLayer>,
}

/// One layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestLayer {
    /// Layer id.
    pub id: u32,
    /// The name the timeline shows.
    pub name: String,
    /// Item id of what it shows.
    pub source: Option<u32>,
}

impl ManifestComp {
    /// As a target.
    #[must_use]
    pub fn target(&self) -> CompRef {
        CompRef {
            id: self.id,
            name: self.name.clone(),
        }
    }

    /// Its layers as targets.
    pub fn targets(&self) -> impl Iterator<Item = LayerRef> {
        (1u32..).zip(&self.layers).map(|(index, layer)| LayerRef {
            index,
            id: layer.id,
            name: layer.name.clone(),
        })
    }
}

impl Manifest {
    /// Compositions that `path` means: `*` all, `Name` all of that name, `Outer->Inner` those named `Inner` that a layer of
    /// `Outer` shows.
    pub(super) fn named(&self, path: &str) -> Vec<&ManifestComp> {
        if path == "*" {
            return self.comps.iter().collect();
        }
        let by_id: HashMap<u32, &ManifestComp> =
            self.comps.iter().map(|comp| (comp.id, comp)).collect();
        let mut parts = path.split("->");
        let first = parts.next().unwrap_or(path);
        let mut found: Vec<&ManifestComp> = self
            .comps
            .iter()
            .filter(|comp| comp.name == first)
            .collect();
        for part in parts {
            let mut inner: Vec<&ManifestComp> = Vec::new();
            let shown = found
                .iter()
                .flat_map(|comp| &comp.layers)
                .filter_map(|layer| layer.source);
            for comp in shown.filter_map(|id| by_id.get(&id)) {
                if comp.name == part && !inner.iter().any(|known| known.id == comp.id) {
                    inner.push(comp);
                }
            }
            found = inner;
        }
        found
    }
}
