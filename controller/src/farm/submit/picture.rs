//! What a project says of the film that is wanted: size, rate, frames, what it needs, how far it may be split.

use flatrender_aep::{CompError, Composition, FootageUse, Project, Rational};
use flatrender_protocol::rest::JobSpec;
use flatrender_protocol::values::CompRef;
use flatrender_protocol::{FrameList, Ratio, Split};

use super::Wrong;
use super::package::Template;
use super::values::{Wanted, comp_ref};
use crate::farm::prepared::{MAX_PIXELS, split_of};

/// What the project says of the film that is wanted.
pub(super) struct Picture {
    pub(super) comp: CompRef,
    /// How long the composition is in the project as it came.
    pub(super) template_frames: u32,
    /// It has sound that is heard.
    pub(super) has_sound: bool,
    pub(super) split: Split,
    pub(super) frames: FrameList,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) rate: Ratio,
    pub(super) pixel_aspect: Ratio,
    pub(super) background: [u8; 3],
    pub(super) notes: Vec<String>,
}

impl Picture {
    /// Reads it off the project; `None` when something is wrong with it.
    pub(super) fn of(
        template: &Template,
        spec: &JobSpec,
        wanted: Option<&Wanted>,
        wrong: &mut Wrong,
    ) -> Option<Self> {
        let project = &template.project;
        let comp = match project.comp(&spec.composition) {
            Ok(comp) => comp,
            Err(error @ CompError::NotFound { .. }) => {
                wrong.say("/composition", "not_found", error.to_string());
                return None;
            }
        };
        let before = wrong.0.len();
        let needs = project.needs(comp);
        footage(template, &needs.footage, wrong);
        // Scenes change how long it is: the frames are held against what comes of it.
        let grows = wanted.is_some_and(|wanted| wanted.values.scenes.is_some());
        let frames = frames(project, comp, spec.frames.as_deref(), grows, wrong);
        let (width, height) = (u32::from(comp.width), u32::from(comp.height));
        if width == 0 || height == 0 || width.saturating_mul(height) > MAX_PIXELS {
            let detail = format!(
                "the composition is {width} × {height}; 1 to {MAX_PIXELS} pixels can be rendered"
            );
            wrong.say("/composition", "bad_size", detail);
        }
        let rate = ratio(comp.rate);
        if rate.is_none_or(|rate| rate.as_f64() > 1000.0 || rate.as_f64() < 0.01) {
            let detail = format!(
                "the composition's frame rate {}/{} can't be used",
                comp.rate.num, comp.rate.den
            );
            wrong.say("/composition", "bad_rate", detail);
        }
        let mut notes = Vec::new();
        let pixel_aspect = ratio(comp.pixel_aspect).unwrap_or_else(|| {
            notes.push(
                "the composition's pixel aspect can't be read; square pixels are used".to_owned(),
            );
            Ratio::ONE
        });
        let (split, why) = split_of(needs.effects.iter().copied());
        notes.extend(why);
        if wrong.0.len() > before {
            return None;
        }
        let background = comp.background;
        Some(Self {
            comp: comp_ref(comp),
            template_frames: comp.frames,
            has_sound: needs.sound,
            split,
            frames: frames?,
            width,
            height,
            rate: rate?,
            pixel_aspect,
            background,
            notes,
        })
    }
}

pub(in crate::farm) fn footage(template: &Template, used: &[FootageUse], wrong: &mut Wrong) {
    let finder = template.finder();
    let missing = used.iter().filter(|used| !finder.has(&used.file));
    let footage: Vec<&FootageUse> = missing.collect();
    if footage.is_empty() {
        return;
    }
    let shown: Vec<String> = footage
        .iter()
        .take(10)
        .map(|used| {
            format!(
                "\"{}\" ({}, layer {})",
                used.name,
                used.path,
                used.layers.join(", ")
            )
        })
        .collect();
    let more = footage.len().saturating_sub(shown.len());
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    let (whose, way) = match &template.content {
        None => (
            "a bare project file does not carry",
            "send a package (flatctl package make), or remove or disable these layers",
        ),
        Some(_) => (
            "the package does not have, by a link or where After Effects looks for it beside the project",
            "collect it again (flatctl package make), or remove or disable these layers",
        ),
    };
    let detail = format!(
        "the composition needs footage that {whose}: {}{more}; {way}",
        shown.join(", ")
    );
    wrong.say("/project", "missing_footage", detail);
}

fn frames(
    project: &Project,
    comp: &Composition,
    asked: Option<&str>,
    grows: bool,
    wrong: &mut Wrong,
) -> Option<FrameList> {
    let first = project.first_display_frame(comp);
    let last = first + i64::from(comp.frames) - 1;
    let Some(text) = asked else {
        let area = comp.work_area_frames();
        let list = FrameList::range(
            first + i64::from(area.start),
            first + i64::from(area.end) - 1,
        );
        if list.is_none() {
            wrong.say(
                "/frames",
                "out_of_range",
                "the composition's work area is empty or too long; give frames",
            );
        }
        return list;
    };
    match FrameList::parse(text) {
        Ok(list) if !grows && (list.first() < first || list.last() > last) => {
            let detail = format!(
                "{list} is outside the composition, whose frames are {first} to {last} as After Effects shows them"
            );
            wrong.say("/frames", "out_of_range", detail);
            None
        }
        Ok(list) => Some(list),
        Err(error) => {
            wrong.say("/frames", "malformed", error.to_string());
            None
        }
    }
}

pub(in crate::farm) fn ratio(rational: Rational) -> Option<Ratio> {
    Ratio::new(
        u64::try_from(rational.num).ok()?,
        u64::try_from(rational.den).ok()?,
    )
}
