//! What a composition needs: the walk from it through the compositions it shows, and the answers a submission is checked by.
//! Cycles and sources that do not exist are normal input here.

use std::collections::{BTreeSet, HashMap, HashSet};

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

/// What rendering a composition takes: what it reaches through the compositions it shows, by layers that are on or give a
/// matte; guide layers don't count. Footage also by sounding layers whose speaker is on. What only an expression reaches is
/// not in it.
#[derive(Debug)]
pub struct Needs<'a> {
    /// The composition itself.
    pub comp: &'a Composition,
    /// The compositions it reaches, itself first, each once.
    pub comps: Vec<&'a Composition>,
    /// The layers that are rendered, each with its composition.
    pub layers: Vec<(&'a Composition, &'a Layer)>,
    /// Layers that are not seen and heard all the same: a sounding file under a speaker that is on.
    pub only_heard: Vec<(&'a Composition, &'a Layer)>,
    /// The files that are opened, with where, in project order.
    pub footage: Vec<FootageUse>,
    /// PostScript names of the fonts its texts use.
    pub fonts: BTreeSet<&'a str>,
    /// Match names of its effects.
    pub effects: BTreeSet<&'a str>,
    /// Properties that an expression computes.
    pub expressions: u64,
    /// It has sound of its own.
    pub sound: bool,
}

/// A project with its items by id, for whoever asks about many compositions.
#[derive(Debug)]
pub struct Index<'a> {
    project: &'a Project,
    comps: HashMap<u32, &'a Composition>,
    files: HashMap<u32, usize>,
}

impl<'a> Index<'a> {
    /// Looks everything up once.
    #[must_use]
    pub fn new(project: &'a Project) -> Index<'a> {
        let comps = project.comps.iter().rev();
        let footage = project.footage.iter().enumerate().rev();
        Index {
            project,
            comps: comps.map(|comp| (comp.id, comp)).collect(),
            files: footage
                .filter(|(_, item)| item.kind == FootageKind::File)
                .map(|(at, item)| (item.id, at))
                .collect(),
        }
    }

    /// What rendering `comp` takes; `None` if it reaches more than `most` layers and compositions.
    #[must_use]
    pub fn needs(&self, comp: &'a Composition, most: usize) -> Option<Needs<'a>> {
        let seen = self.reachable(comp, most, seen_alone)?;
        let heard = self.reachable(comp, most, |layer| layer.audio_enabled)?;
        let sounding = heard.iter().filter(|(_, layer)| self.sounds(layer));
        let sounding: Vec<_> = sounding.copied().collect();
        let mut known = HashSet::from([comp.id]);
        let mut comps = vec![comp];
        for (_, layer) in seen.iter().filter(|(_, layer)| shows(layer)) {
            if let Some(inner) = layer.source_id.and_then(|id| self.comps.get(&id))
                && known.insert(inner.id)
            {
                comps.push(inner);
            }
        }
        let fonts = seen.iter().flat_map(|(_, layer)| &layer.fonts);
        let effects = seen.iter().flat_map(|(_, layer)| &layer.effects);
        let expressions = seen.iter().map(|(_, layer)| u64::from(layer.expressions));
        Some(Needs {
            comp,
            fonts: fonts.map(String::as_str).collect(),
            effects: effects.map(String::as_str).collect(),
            expressions: expressions.sum(),
            sound: !sounding.is_empty(),
            footage: self.uses(&seen, &sounding),
            only_heard: sounding
                .into_iter()
                .filter(|(_, layer)| !seen_alone(layer))
                .collect(),
            comps,
            layers: seen,
        })
    }

    fn file(&self, layer: &Layer) -> Option<(usize, &'a Footage)> {
        let at = *self.files.get(&layer.source_id?)?;
        shows(layer).then(|| (at, &self.project.footage[at]))
    }

    /// Whether the layer shows a file with sound.
    pub(crate) fn sounds(&self, layer: &Layer) -> bool {
        self.file(layer)
            .is_some_and(|(_, item)| item.audio_rate_hz > 0.0)
    }

    /// The files that these layers show, in project order.
    fn uses(&self, seen: &[Place<'a>], heard: &[Place<'a>]) -> Vec<FootageUse> {
        let mut uses: HashMap<usize, Vec<String>> = HashMap::new();
        let mut counted = HashSet::new();
        for (owner, layer) in seen.iter().chain(heard) {
            if let Some((at, _)) = self.file(layer)
                && counted.insert((owner.id, layer.index))
            {
                uses.entry(at).or_default().push(place(owner, layer));
            }
        }
        let mut found = Vec::with_capacity(uses.len());
        for (at, layers) in uses {
            let item = &self.project.footage[at];
            if let Some(file) = &item.file {
                let used = FootageUse {
                    id: item.id,
                    name: item.name.clone(),
                    path: file.path.clone(),
                    file: file.clone(),
                    layers,
                    missing_at_save: file.missing_at_save,
                };
                found.push((at, used));
            }
        }
        found.sort_unstable_by_key(|(at, _)| *at);
        found.into_iter().map(|(_, used)| used).collect()
    }

    /// The layers that count when `comp` is rendered, each with its composition; each composition once.
    fn reachable(
        &self,
        comp: &'a Composition,
        most: usize,
        counts: impl Fn(&Layer) -> bool,
    ) -> Option<Vec<Place<'a>>> {
        let mut seen = HashSet::from([comp.id]);
        let mut next = vec![comp];
        let mut found = Vec::new();
        let mut steps: usize = 0;
        while let Some(comp) = next.pop() {
            steps = steps.saturating_add(1).saturating_add(comp.layers.len());
            if steps > most {
                return None;
            }
            for layer in comp.layers.iter().filter(|layer| !layer.guide) {
                if !counts(layer) {
                    continue;
                }
                found.push((comp, layer));
                if shows(layer)
                    && let Some(inner) = layer.source_id.and_then(|id| self.comps.get(&id))
                    && seen.insert(inner.id)
                {
                    next.push(inner);
                }
            }
        }
        Some(found)
    }
}

/// Whether a layer is rendered if its composition is: guide layers aside.
pub(crate) fn seen_alone(layer: &Layer) -> bool {
    layer.enabled || layer.is_matte
}

/// A layer with its composition.
type Place<'a> = (&'a Composition, &'a Layer);

/// Where a layer is, for people.
pub(crate) fn place(owner: &Composition, layer: &Layer) -> String {
    let within: String = owner.name.chars().take(SHOWN_COMP_CHARS).collect();
    format!("{within} / {}", layer.name)
}

impl Project {
    /// What rendering `comp` takes.
    #[must_use]
    pub fn needs<'a>(&'a self, comp: &'a Composition) -> Needs<'a> {
        Index::new(self)
            .needs(comp, usize::MAX)
            .expect("without a limit there is always an answer")
    }

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
        self.needs(comp).footage
    }

    /// Whether a film of `comp` has sound of its own: a file with sound under a layer whose speaker is on. The eye does not
    /// matter: a hidden layer is still heard.
    #[must_use]
    pub fn has_sound(&self, comp: &Composition) -> bool {
        self.needs(comp).sound
    }

    /// The footage item with this id.
    #[must_use]
    pub fn footage_item(&self, id: u32) -> Option<&Footage> {
        self.footage.iter().find(|item| item.id == id)
    }
}

/// Whether a layer can put its source into the picture or the sound.
fn shows(layer: &Layer) -> bool {
    let from_source = matches!(
        layer.kind,
        LayerKind::Footage
            | LayerKind::Placeholder
            | LayerKind::Solid
            | LayerKind::Precomp
            | LayerKind::Adjustment
            | LayerKind::Unknown
    );
    from_source && !layer.guide
}
