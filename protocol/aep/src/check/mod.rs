//! What a farm would stumble over in a project, before it costs a node a second: each finding with where, how bad, and the
//! way out. Nothing here opens a file: whether footage and fonts are there is asked of the caller.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::model::{Composition, FileRef, Layer, Project};
use crate::reach::{self, Index};

mod contents;
mod findings;
mod queue;
mod whole;

use findings::Findings;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know.
    Note,
    /// Renders, perhaps not as it was meant.
    Warning,
    /// Does not render, or not rightly.
    Error,
}

/// One thing a farm would stumble over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What kind it is, for programs: `missing_footage`, `duplicate_comp_name`, …
    pub code: &'static str,
    /// What it is, in words.
    pub what: String,
    /// The composition it is in.
    pub comp: Option<String>,
    /// The layer it is on, as `composition / layer` if it is not in `comp` itself.
    pub layer: Option<String>,
    /// The way out.
    pub remedy: String,
}

/// Whether a file is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It is.
    There,
    /// It is not where the project says.
    Missing,
    /// It was not looked for, because no place it may be lies within the allowed folders.
    Outside,
    /// It can't be looked for: it would lie in the archive the project came from.
    Packed,
}

/// What a check is asked, and what the machine knows.
pub struct Question<'a> {
    /// Only this composition and what it reaches; `None` for all of the project.
    pub comp: Option<&'a Composition>,
    /// The After Effects that is to render it, as major and minor release; `u32::MAX` is any minor one.
    pub ae_version: Option<(u32, u32)>,
    /// Whether a file is there.
    pub files: &'a dyn Fn(&FileRef) -> Presence,
    /// PostScript names of the fonts at hand; `None` if nobody looked.
    pub fonts: Option<&'a BTreeSet<String>>,
}

/// Most layers that are walked for one composition. Real ones have thousands.
const MOST_WALKED: usize = 2_000_000;

/// All findings, the worst first, each kind in the project's order. Not more than a thousand: what is beyond is counted in a
/// last one.
#[must_use]
pub fn check(project: &Project, question: &Question<'_>) -> Vec<Finding> {
    let mut findings = Findings::default();
    let index = Index::new(project);
    let needs = question
        .comp
        .map(|comp| index.needs(comp, MOST_WALKED).ok_or(comp));
    let layers = match &needs {
        None => all_layers(project, &index),
        Some(Ok(needs)) => [needs.layers.as_slice(), &needs.only_heard].concat(),
        Some(Err(comp)) => {
            findings.add(Finding {
                severity: Severity::Warning,
                code: "too_large",
                what: format!(
                    "it reaches more than {MOST_WALKED} layers: only its own were checked"
                ),
                comp: Some(findings::short(&comp.name)),
                layer: None,
                remedy: "pre-render parts of it".to_owned(),
            });
            comp.layers.iter().map(|layer| (*comp, layer)).collect()
        }
    };
    let comps: Vec<&Composition> = match &needs {
        None => project.comps.iter().collect(),
        Some(Ok(needs)) => needs.comps.clone(),
        Some(Err(comp)) => vec![*comp],
    };
    whole::check(project, question, &mut findings);
    whole::compositions(project, question.comp, &comps, &mut findings);
    contents::footage(project, question, &layers, &mut findings);
    contents::fonts(question, &layers, &mut findings);
    contents::effects(&layers, &mut findings);
    contents::expressions(project, &layers, &mut findings);
    contents::solo(&comps, &mut findings);
    queue::check(project, question.comp, &mut findings);
    findings.sorted()
}

/// The layers of all compositions that are seen or heard if their composition is.
fn all_layers<'a>(project: &'a Project, index: &Index<'_>) -> Vec<(&'a Composition, &'a Layer)> {
    let layers = project
        .comps
        .iter()
        .flat_map(|comp| comp.layers.iter().map(move |layer| (comp, layer)));
    let counts = |layer: &Layer| {
        !layer.guide && (reach::seen_alone(layer) || layer.audio_enabled && index.sounds(layer))
    };
    layers.filter(|(_, layer)| counts(layer)).collect()
}
