//! What a composition needs: the walk from it through the compositions it shows, and the answers a submission is checked by.
//! Cycles and sources that do not exist are normal input here.

use std::collections::{HashMap, HashSet};

use serde::Serialize;

use crate::error::CompError;
use crate::model::{Composition, FileRef, Footage, FootageKind, Layer, LayerKind, Project};

/// How much of a composition's name is repeated for each of its layers.
const SHOWN_COMP_CHARS: usize = 80;

/// A file that a composition shows, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FootageUse {
    /// Item id.
    pub id: u32,
    /// The item's name.
    pub name: String,
    /// The path as stored: of the machine that saved the project, or relative to the project's folder.
    pub path: String,
    /// All that is known of where the file is.
    pub file: FileRef,
    /// The layers that show it, as `composition / layer`.
    pub layers: Vec<String>,
    /// It could not be found when the project was last saved. Stale by nature.
    pub missing_at_save: bool,
}

impl Project {
    /// The composition of this name; the first one if there are several, as aerender takes it.
    ///
    /// # Errors
    /// [`CompError::NotFound`] with the names there are.
    pub fn comp(&self, name: &str) -> Result<&Composition, CompError> {
        self.comps
            .iter()
            .find(|comp| comp.name == name)
            .ok_or_else(|| CompError::NotFound {
                name: name.to_owned(),
                known: self.comps.iter().map(|comp| comp.name.clone()).collect(),
            })
    }

    /// The number the project gives to the first frame of a composition whose timeline starts at 0.
    #[must_use]
    pub fn display_base(&self) -> i64 {
        i64::from(self.frames_count_type % 2)
    }

    /// The number After Effects shows for the composition's first frame, and counts `-s` and `-e` from.
    #[must_use]
    pub fn first_display_frame(&self, comp: &Composition) -> i64 {
        let start = comp.display_start.times_rounded(comp.rate);
        self.display_base().saturating_add(start)
    }

    /// The files that rendering `comp` opens, through all compositions it shows, in project order: those of layers that are
    /// on or give a matte, and sounding ones under a speaker that is on; guide layers don't count. Whether they are there is
    /// for the caller to see.
    #[must_use]
    pub fn missing_footage(&self, comp: &Composition) -> Vec<FootageUse> {
        let sounding = self.sounding();
        let seen = self.reachable(comp, |layer| layer.enabled || layer.is_matte);
        let heard = self.reachable(comp, |layer| layer.audio_enabled);
        let heard = heard
            .into_iter()
            .filter(|(_, layer)| layer.source_id.is_some_and(|id| sounding.contains(&id)));
        let mut uses: HashMap<u32, Vec<String>> = HashMap::new();
        let mut counted = HashSet::new();
        for (owner, layer) in seen.into_iter().chain(heard) {
            if let Some(id) = layer.source_id
                && counted.insert((owner.id, layer.index))
            {
                let within: String = owner.name.chars().take(SHOWN_COMP_CHARS).collect();
                let place = format!("{within} / {}", layer.name);
                uses.entry(id).or_default().push(place);
            }
        }
        let mut found = Vec::new();
        for footage in self
            .footage
            .iter()
            .filter(|item| item.kind == FootageKind::File)
        {
            let (Some(file), Some(layers)) = (&footage.file, uses.remove(&footage.id)) else {
                continue;
            };
            found.push(FootageUse {
                id: footage.id,
                name: footage.name.clone(),
                path: file.path.clone(),
                file: file.clone(),
                layers,
                missing_at_save: file.missing_at_save,
            });
        }
        found
    }

    /// Whether a film of `comp` has sound of its own: a file with sound under a layer whose speaker is on. The eye does not
    /// matter: a hidden layer is still heard.
    #[must_use]
    pub fn has_sound(&self, comp: &Composition) -> bool {
        let sounding = self.sounding();
        self.reachable(comp, |layer| layer.audio_enabled)
            .iter()
            .any(|(_, layer)| layer.source_id.is_some_and(|id| sounding.contains(&id)))
    }

    /// Ids of the files that have sound.
    fn sounding(&self) -> HashSet<u32> {
        self.footage
            .iter()
            .filter(|item| item.kind == FootageKind::File && item.audio_rate_hz > 0.0)
            .map(|item| item.id)
            .collect()
    }

    /// The footage item with this id.
    #[must_use]
    pub fn footage_item(&self, id: u32) -> Option<&Footage> {
        self.footage.iter().find(|item| item.id == id)
    }

    /// The layers that count when `comp` is rendered, each with its composition; each composition once.
    fn reachable<'a>(
        &'a self,
        comp: &'a Composition,
        counts: impl Fn(&Layer) -> bool,
    ) -> Vec<(&'a Composition, &'a Layer)> {
        let comps: HashMap<u32, &Composition> = self
            .comps
            .iter()
            .rev()
            .map(|comp| (comp.id, comp))
            .collect();
        let mut seen = HashSet::from([comp.id]);
        let mut next = vec![comp];
        let mut found = Vec::new();
        while let Some(comp) = next.pop() {
            for layer in comp
                .layers
                .iter()
                .filter(|layer| shows(layer) && counts(layer))
            {
                found.push((comp, layer));
                if let Some(inner) = layer.source_id.and_then(|id| comps.get(&id))
                    && seen.insert(inner.id)
                {
                    next.push(inner);
                }
            }
        }
        found
    }
}

/// Whether a layer can put its source into the picture or the sound.
fn shows(layer: &Layer) -> bool {
    let from_source = matches!(
        layer.kind,
        LayerKind::Footage
            | LayerKind::Solid
            | LayerKind::Precomp
            | LayerKind::Adjustment
            | LayerKind::Unknown
    );
    from_source && !layer.guide
}
