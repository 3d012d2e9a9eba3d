//! A project as `flatctl aep inspect --json` prints it: the record of the samples' truth file, and under `details` all else
//! that is known, with exact fractions.
//!
//! What was never compared with a real file is named in `unverified`, so that nobody builds on it unawares.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::model::Project;
use crate::reach::{Index, Needs};
use crate::truth::{ProjectTruth, truth_json};

/// The fields of [`ProjectInspection`] whose place or meaning in the file was taken from public notes and not seen in a real
/// file (`reference/aep-format.md`, what is marked `[P]` there). Lists are written as `[]`.
pub const UNVERIFIED: &[&str] = &[
    "details.ae_beta",
    "details.project.bits_per_channel (16 and 32)",
    "details.project.comps[].drop_frame",
    "details.project.comps[].proxy",
    "details.project.comps[].renderer",
    "details.project.comps[].switches",
    "details.project.comps[].layers[].audio_enabled",
    "details.project.comps[].layers[].computed",
    "details.project.comps[].layers[].expressions",
    "details.project.comps[].layers[].guide",
    "details.project.comps[].layers[].kind (camera, light, model)",
    "details.project.comps[].layers[].matte",
    "details.project.comps[].layers[].parent_id",
    "details.project.comps[].layers[].span",
    "details.project.comps[].layers[].stretch",
    "details.project.comps[].layers[].switches",
    "details.project.footage[].color",
    "details.project.footage[].proxy",
    "details.project.footage[].rate_conformed",
    "details.project.footage[].sequence",
    "details.project.footage[].source_layer",
    "details.project.render_queue[].checked",
    "details.project.render_queue[].rate",
    "details.project.render_queue[].resolution",
    "details.project.render_queue[].span_source",
];

/// A whole project for programs.
#[derive(Debug, Serialize)]
pub struct ProjectInspection<'a> {
    /// The truth file's fields.
    #[serde(flatten)]
    truth: ProjectTruth,
    /// All that is known.
    details: Details<'a>,
}

#[derive(Debug, Serialize)]
struct Details<'a> {
    project: &'a Project,
    /// A beta saved it.
    ae_beta: bool,
    /// What each composition needs, in the project's order.
    reach: Vec<CompReach<'a>>,
    /// `reach` has all compositions.
    reach_complete: bool,
    unverified: &'static [&'static str],
}

#[derive(Debug, Serialize)]
struct CompReach<'a> {
    comp_id: u32,
    first_display_frame: i64,
    last_display_frame: i64,
    /// Display frames of the work area, first and last.
    work_area: Option<(i64, i64)>,
    has_sound: bool,
    comps: Vec<u32>,
    footage: Vec<u32>,
    fonts: BTreeSet<&'a str>,
    effects: BTreeSet<&'a str>,
    expressions: u64,
}

/// Most layers and compositions that are walked, and fonts and effects that are named, for all of `reach` together: a chain
/// of compositions can't make a small file a large answer. What is beyond it is left out of `reach` only.
const MAX_REACH: usize = 100_000;

/// What one byte of the file may cost in `reach`, in entries; a real one costs far less.
const BYTES_PER_ENTRY: u64 = 4;

/// The project as one document.
#[must_use]
pub fn inspect_json(project: &Project) -> ProjectInspection<'_> {
    let index = Index::new(project);
    let mut room = usize::try_from(project.project_bytes / BYTES_PER_ENTRY)
        .unwrap_or(MAX_REACH)
        .min(MAX_REACH);
    let reach = project.comps.iter().map_while(|comp| {
        let needs = index.needs(comp, room)?;
        let walked = needs.comps.len() + needs.layers.len();
        room = room.checked_sub(walked + needs.fonts.len() + needs.effects.len())?;
        Some(comp_reach(project, needs))
    });
    let reach: Vec<CompReach<'_>> = reach.collect();
    ProjectInspection {
        truth: truth_json(project),
        details: Details {
            project,
            ae_beta: project.ae_version.beta,
            reach_complete: reach.len() == project.comps.len(),
            reach,
            unverified: UNVERIFIED,
        },
    }
}

fn comp_reach<'a>(project: &Project, needs: Needs<'a>) -> CompReach<'a> {
    let comp = needs.comp;
    let first = project.first_display_frame(comp);
    let area = comp.work_area_frames();
    CompReach {
        comp_id: comp.id,
        first_display_frame: first,
        last_display_frame: first
            .saturating_add(i64::from(comp.frames))
            .saturating_sub(1),
        work_area: (!area.is_empty()).then(|| {
            let at = |ordinal: u32| first.saturating_add(i64::from(ordinal));
            (at(area.start), at(area.end).saturating_sub(1))
        }),
        has_sound: needs.sound,
        comps: needs.comps.iter().map(|comp| comp.id).collect(),
        footage: needs.footage.iter().map(|item| item.id).collect(),
        fonts: needs.fonts,
        effects: needs.effects,
        expressions: needs.expressions,
    }
}
