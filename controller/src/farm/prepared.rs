//! What the values script reported, and what becomes of a job by it: pure, so that a project that is found again is judged
//! like one that was just made.

use flatrender_aep::effects;
use flatrender_protocol::message::BlobRef;
use flatrender_protocol::values::{ChangeReport, CompReport, Outcome, Report};
use flatrender_protocol::{FrameList, Layer, Ratio, Source, Split};

use crate::store::jobs::{JobRow, OwnSound};
use crate::store::prepared::{Facts, PrepareRow, PreparedRow};

/// Entries of a list that are kept in words; the rest is counted.
const NAMED: usize = 20;
/// Match names of effects that are looked at.
const MOST_EFFECTS: usize = 2_000;
/// Letters of one text of the script that are repeated.
const LONGEST: usize = 400;
/// Largest frame, in pixels: 16K by 16K.
pub(super) const MAX_PIXELS: u32 = 16_384 * 16_384;

/// What the farm goes by of a report; in words, why there is nothing to go by.
pub(super) fn facts(report: &Report, blob: BlobRef) -> Result<Facts, String> {
    if let Some(stopped) = &report.stopped {
        return Err(format!(
            "After Effects stopped at the step \"{}\": {}",
            cut(&stopped.step),
            cut(&stopped.message)
        ));
    }
    let Some(comp) = report.comp.clone().filter(|_| report.saved) else {
        return Err(if report.saved {
            "After Effects did not find the composition in the project that it saved".to_owned()
        } else {
            "After Effects did not save the project".to_owned()
        });
    };
    let scenes = report
        .scenes
        .iter()
        .map(|scenes| ("scenes".to_owned(), scenes));
    let changes = report.changes.iter().enumerate();
    let changes = changes.map(|(at, change)| (format!("changes[{at}]"), change));
    let mut unset = Vec::new();
    let mut partly = Vec::new();
    let mut unset_count = 0;
    for (what, change) in changes.chain(scenes) {
        match change.outcome {
            Outcome::Set => {}
            Outcome::Partly => partly.push(told(&what, change)),
            Outcome::Missing | Outcome::Failed => {
                unset_count += 1;
                unset.push(told(&what, change));
            }
        }
        unset.truncate(NAMED);
        partly.truncate(NAMED);
    }
    Ok(Facts {
        report: blob,
        host: cut(&report.host.version),
        comp,
        unset,
        unset_count,
        partly,
        effects: report
            .effects
            .iter()
            .take(MOST_EFFECTS)
            .map(|effect| cut(&effect.name))
            .collect(),
        notes: notes(report),
    })
}

fn told(what: &str, change: &ChangeReport) -> String {
    format!("{what} ({}): {}", cut(&change.reason), cut(&change.detail))
}

/// What people should know of a project that can be rendered all the same.
fn notes(report: &Report) -> Vec<String> {
    let mut notes = Vec::new();
    let missing = report.fonts_missing.iter().flatten();
    listed(
        &mut notes,
        "After Effects misses or replaces fonts",
        missing.map(|font| cut(font)),
    );
    let errors = report.expression_errors.iter().map(|error| {
        let (comp, layer) = (cut(&error.comp), cut(&error.layer));
        format!("{comp} / {layer}: {}", cut(&error.message))
    });
    listed(&mut notes, "expressions fail", errors);
    let footage = report.footage_missing.iter();
    listed(
        &mut notes,
        "footage of the project is not there",
        footage.map(|file| format!("{} ({})", cut(&file.name), cut(&file.path))),
    );
    notes.extend(report.notes.iter().take(NAMED).map(|note| cut(note)));
    notes
}

fn listed(notes: &mut Vec<String>, what: &str, all: impl Iterator<Item = String>) {
    let all: Vec<String> = all.collect();
    if all.is_empty() {
        return;
    }
    let shown = all.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
    let more = all.len().saturating_sub(5);
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    notes.push(format!("{what}: {shown}{more}"));
}

/// The job as it is once its project is prepared; in words, why it can't be rendered.
pub(super) fn adopt(
    job: &JobRow,
    wanted: &PrepareRow,
    prepared: &PreparedRow,
    mixes: bool,
) -> Result<JobRow, String> {
    let facts = &prepared.facts;
    let mut notes = job.notes.clone();
    if facts.unset_count > 0 {
        let more = facts.unset_count.saturating_sub(facts.unset.len());
        let more = if more > 0 {
            format!("; and {more} more")
        } else {
            String::new()
        };
        let what = format!(
            "{} of the values could not be set: {}{more}",
            facts.unset_count,
            facts.unset.join("; ")
        );
        if !wanted.allow_missing {
            return Err(format!(
                "{what}; mend them, or send the job with allow_missing to render it without them"
            ));
        }
        notes.push(what);
    }
    notes.extend(
        facts
            .partly
            .iter()
            .map(|part| format!("set, but not wholly: {part}")),
    );
    notes.extend(facts.notes.iter().cloned());
    let comp = &facts.comp;
    if comp.width == 0 || comp.height == 0 || comp.width.saturating_mul(comp.height) > MAX_PIXELS {
        return Err(format!(
            "the prepared composition is {} × {}; 1 to {MAX_PIXELS} pixels can be rendered",
            comp.width, comp.height
        ));
    }
    let frames = frame_list(job, wanted, comp)?;
    let (split, why) = split_of(facts.effects.iter().map(String::as_str));
    notes.extend(why);
    let (sound, why) = own_sound(mixes, wanted.own_sound, comp.sound, &frames);
    notes.extend(why);
    let layer = Layer::File {
        blob: prepared.project.clone(),
        name: wanted.prepared_name.clone(),
    };
    let mut layers = job.source.layers.clone();
    layers.push(layer);
    Ok(JobRow {
        source: Source {
            layers,
            project: wanted.prepared_name.clone(),
        },
        prepared: true,
        rate: rate(job, comp)?,
        pixel_aspect: pixel_aspect(job, comp)?,
        background: comp.background.map(byte),
        width: comp.width,
        height: comp.height,
        frames,
        split,
        sound,
        notes,
        pin: prepared.release(),
        ..job.clone()
    })
}

/// The frames against the prepared composition, whose length values may have changed.
fn frame_list(job: &JobRow, wanted: &PrepareRow, comp: &CompReport) -> Result<FrameList, String> {
    let first = comp.first_display_frame();
    let last = first + i64::from(comp.frames) - 1;
    let Some(asked) = &wanted.frames else {
        let same = comp.frames == wanted.template_frames;
        let inside = job.frames.first() >= first && job.frames.last() <= last;
        if same && inside {
            return Ok(job.frames.clone());
        }
        // The work area was of another length: all of the new one is meant.
        return FrameList::range(first, last).ok_or_else(|| {
            format!(
                "the prepared composition has {} frames; 1 to 1,000,000 can be rendered",
                comp.frames
            )
        });
    };
    let list = FrameList::parse(asked).map_err(|error| error.to_string())?;
    if list.first() < first || list.last() > last {
        return Err(format!(
            "{list} is outside the prepared composition, whose frames are {first} to {last} as After Effects shows them"
        ));
    }
    Ok(list)
}

/// The template's exact rate where After Effects tells the same one.
fn rate(job: &JobRow, comp: &CompReport) -> Result<Ratio, String> {
    if (job.rate.as_f64() - comp.frame_rate).abs() < 1e-4 {
        return Ok(job.rate);
    }
    comp.rate()
        .filter(|rate| (0.01..=1000.0).contains(&rate.as_f64()))
        .ok_or_else(|| {
            format!(
                "the prepared composition's frame rate {} can't be used",
                comp.frame_rate
            )
        })
}

/// The template's exact pixel aspect where After Effects tells the same one.
fn pixel_aspect(job: &JobRow, comp: &CompReport) -> Result<Ratio, String> {
    if (job.pixel_aspect.as_f64() - comp.pixel_aspect).abs() < 5e-4 {
        return Ok(job.pixel_aspect);
    }
    let known = (0.01..=100.0).contains(&comp.pixel_aspect);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positive and at most a million"
    )]
    let thousandths = (comp.pixel_aspect * 10_000.0).round() as u64;
    Ratio::new(thousandths, 10_000)
        .filter(|_| known)
        .ok_or_else(|| {
            format!(
                "the prepared composition's pixel aspect {} can't be used",
                comp.pixel_aspect
            )
        })
}

fn byte(part: f64) -> u8 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0 to 255 by the clamp; what is no number is 0"
    )]
    let byte = (part.clamp(0.0, 1.0) * 255.0).round() as u8;
    byte
}

/// How far frames with these effects may be spread, and a note where they may not be.
pub(super) fn split_of<'a>(match_names: impl Iterator<Item = &'a str>) -> (Split, Option<String>) {
    let mut split = Split::Free;
    let mut by = "";
    for name in match_names {
        let this = match effects::about(name).split() {
            effects::Split::Free => Split::Free,
            effects::Split::Long => Split::Costly,
            effects::Split::Whole => Split::Never,
        };
        if this > split {
            (split, by) = (this, name);
        }
    }
    let why = (split == Split::Never).then(|| {
        let name = effects::about(by).name.unwrap_or(by);
        format!(
            "the effect {name} goes by the frames that it rendered before: each run of frames is rendered by one node, \
             from its first frame on"
        )
    });
    (split, why)
}

/// What becomes of the composition's own sound: `mixes` is whether this farm has it in films at all.
pub(super) fn own_sound(
    mixes: bool,
    wanted: bool,
    has: bool,
    frames: &FrameList,
) -> (OwnSound, Option<String>) {
    if !has {
        return (OwnSound::None, None);
    }
    if !wanted {
        let why = "the composition's own sound is left out, as asked";
        return (OwnSound::LeftOut, Some(why.to_owned()));
    }
    if !mixes {
        let why = "the composition's own sound is left out: this farm mixes only music, sfx and voiceover";
        return (OwnSound::LeftOut, Some(why.to_owned()));
    }
    if frames.runs().len() > 1 {
        let why = "the composition's own sound is left out: the frames are not consecutive";
        return (OwnSound::LeftOut, Some(why.to_owned()));
    }
    (OwnSound::Wanted, None)
}

/// A text of After Effects, without what can't be stored or shown.
fn cut(text: &str) -> String {
    let letters = text
        .chars()
        .filter(|letter| !letter.is_control() || *letter == '\n');
    letters.take(LONGEST).collect()
}
