//! Answers for: opening a project as After Effects does for a render: its composition, its range, its footage, and the texts for
//! what is wrong with them. Must not: render.

use crate::arguments::Arguments;
use crate::code::job_tag;
use crate::ending::{Ended, Failure};
use crate::module::Module;
use crate::picture::{Lacks, Scene};
use crate::templates::{RenderSettings, Span};
use crate::timecode::Rate;
use crate::values;
use crate::voice::Voice;
use flatrender_aep::{Composition, FileRef, LayerKind, Project, ReadError};
use std::path::{Path, PathBuf};

/// The stand-in's After Effects, as in its version line.
const MAJOR_VERSION: u32 = 25;
/// The greatest picture that is rendered, in pixels.
const MOST_PIXELS: usize = 100_000_000;
/// The most frames of one run.
const MOST_FRAMES: i64 = 1_000_000;

/// A composition that is ready to be rendered.
#[derive(Debug)]
pub struct Opened {
    /// What its frames show.
    pub scene: Scene,
    /// Its frames a second.
    pub rate: Rate,
    /// The frame of the timecode's zero, in display frames: 1 in projects that count from 1.
    pub display_base: i64,
    /// The display frames to be rendered, both included.
    pub range: (i64, i64),
    /// Files that it shows and that are not here.
    pub missing: Vec<String>,
    /// The composition's own size.
    pub size: (usize, usize),
}

/// Reads the project; says if it has to be converted.
///
/// # Errors
///
/// If there is no project, or if it can't be read.
pub fn open(arguments: &Arguments, voice: &mut Voice) -> Result<(Project, PathBuf), Ended> {
    if arguments.team_project.is_some() {
        return Err(
            Failure::not_found("team projects can not be opened here, only a -project.").into(),
        );
    }
    let Some(path) = &arguments.project else {
        return Err(Failure::not_found("No project provided and no project open.").into());
    };
    if !path.is_file() {
        let text = format!(
            "Can not open project file. Make sure path is correct: {}",
            path.display()
        );
        return Err(Failure::not_found(&text).into());
    }
    let project = flatrender_aep::read_file(path).map_err(|error| unreadable(&error))?;
    if project.damaged {
        return Err(Failure::runtime("file is damaged.").into());
    }
    let version = &project.ae_version;
    if version.major > MAJOR_VERSION {
        let text = format!(
            "this file was created with a newer version of After Effects ({}.{}) and can not be opened.",
            version.major, version.minor
        );
        return Err(Failure::runtime(&text).into());
    }
    if version.major < MAJOR_VERSION {
        voice.optional(&format!(
            "INFO:After Effects: this project must be converted from version {}.{}.{}. The original file will be unchanged.",
            version.major, version.minor, version.patch
        ))?;
    }
    Ok((project, path.clone()))
}

fn unreadable(error: &ReadError) -> Failure {
    // After Effects names no cause; whoever looks for one finds it behind its text.
    Failure::runtime(&format!("file is damaged. ({error})"))
}

/// What is asked of a project.
#[derive(Debug)]
pub struct Order<'a> {
    /// The folder the project stands in.
    pub folder: &'a Path,
    /// The command line.
    pub arguments: &'a Arguments,
    /// The composition.
    pub comp: &'a str,
    /// The stem of the files.
    pub stem: &'a str,
    /// The number of the project's first frame, in place of its own.
    pub display_base: Option<i64>,
    /// How it is rendered.
    pub settings: &'a RenderSettings,
    /// What is written.
    pub module: &'a Module,
}

/// Finds the composition, and what rendering it takes.
///
/// # Errors
///
/// If it is not there, or too big to be rendered.
pub fn find(project: &Project, order: &Order<'_>) -> Result<Opened, Failure> {
    let &Order {
        folder,
        arguments,
        stem,
        display_base,
        settings,
        ..
    } = order;
    let Ok(comp) = project.comp(order.comp) else {
        return Err(Failure::not_found("No comp was found with the given name."));
    };
    // it was read a moment ago; one that is gone now is found out by whoever renders
    let file = arguments.project.as_ref().map(std::fs::read);
    let file = file.and_then(Result::ok).unwrap_or_default();
    let own_size = (usize::from(comp.width), usize::from(comp.height));
    let divided = |side: usize| side.div_ceil(settings.divisor.max(1));
    let rendered = (divided(own_size.0), divided(own_size.1));
    let size = order.module.resized(rendered);
    if size.0 * size.1 == 0 || size.0 * size.1 > MOST_PIXELS {
        let text = format!(
            "a picture of {} x {} pixels can not be rendered.",
            size.0, size.1
        );
        return Err(Failure::runtime(&text));
    }
    let base = display_base.unwrap_or_else(|| project.display_base());
    let own_rate = Rate {
        num: comp.rate.num,
        den: comp.rate.den.max(1),
    };
    let rate = settings.rate.unwrap_or(own_rate);
    let own_first = project.first_display_frame(comp) - project.display_base() + base;
    let other = |frames: i64| converted(frames, own_rate, rate);
    let first = base + other(own_first - base);
    let missing = missing_files(project, comp, folder);
    let mut shown = texts(comp);
    shown.extend(missing.iter().map(|path| format!("MISSING: {path}")));
    let scene = Scene {
        name: comp.name.clone(),
        about: format!(
            "{stem}  {}x{}  {:.2} fps",
            size.0,
            size.1,
            rate.per_second()
        ),
        values: shown,
        background: comp.background,
        size,
        first_frame: first,
        frames: u32::try_from(other(i64::from(comp.frames))).unwrap_or(u32::MAX),
        job: job_tag(stem),
        values_digest: values::digest(project, comp, &file),
        lacks: Lacks::default(),
    };
    Ok(Opened {
        rate,
        display_base: base,
        range: {
            let (start, end) = span(comp, own_first, own_rate, order);
            checked((first + other(start), first + other(end) - 1))?
        },
        size: own_size,
        missing,
        scene,
    })
}

/// Frames of a rate as frames of another one, to the nearest.
fn converted(frames: i64, from: Rate, to: Rate) -> i64 {
    if from == to {
        return frames;
    }
    (frames as f64 / from.per_second() * to.per_second()).round() as i64
}

/// The span of `-s` and `-e` in frames of the composition from its first on, the end not included; what is not given from the render
/// settings.
fn span(comp: &Composition, first: i64, rate: Rate, order: &Order<'_>) -> (i64, i64) {
    let frames = |seconds: f64| (seconds * rate.per_second()).round() as i64;
    let (start, end) = match order.settings.span {
        Span::WorkArea => {
            let work = comp.work_area_frames();
            (i64::from(work.start), i64::from(work.end))
        }
        Span::Comp => (0, i64::from(comp.frames)),
        Span::Custom { start, duration } => {
            let from = frames(start);
            (from, from.saturating_add(frames(duration)))
        }
    };
    let given = order.arguments;
    (
        given.start.map_or(start, |start| start - first),
        given.end.map_or(end, |end| end - first + 1),
    )
}

fn checked((start, end): (i64, i64)) -> Result<(i64, i64), Failure> {
    if end < start || end - start >= MOST_FRAMES {
        let text = format!("a time span from frame {start} to frame {end} can not be rendered.");
        return Err(Failure::runtime(&text));
    }
    Ok((start, end))
}

/// The texts that are set in the composition.
fn texts(comp: &Composition) -> Vec<String> {
    let texts = comp
        .layers
        .iter()
        .filter(|layer| layer.enabled && layer.kind == LayerKind::Text);
    texts
        .filter_map(|layer| {
            let text = layer.text.first()?.trim().replace(['\r', '\n'], " / ");
            Some(if text == layer.name {
                text
            } else {
                format!("{}: {text}", layer.name)
            })
        })
        .collect()
}

/// The files that the composition shows and that are neither where the project says nor beside it.
fn missing_files(project: &Project, comp: &Composition, folder: &Path) -> Vec<String> {
    let uses = project.missing_footage(comp).into_iter();
    uses.filter(|file| place(&file.file, folder).is_none())
        .map(|file| file.path)
        .collect()
}

/// Where a file is: at its path, or beside the project in `folder`.
pub(crate) fn place(file: &FileRef, folder: &Path) -> Option<PathBuf> {
    let stored = Path::new(&file.path);
    if file.is_absolute() && stored.exists() {
        return Some(stored.to_owned());
    }
    let (up, parts) = file.beside_project()?;
    let below = folder.ancestors().nth(usize::try_from(up).ok()?)?;
    Some(below.join(parts.iter().collect::<PathBuf>())).filter(|path| path.exists())
}

/// The warning about frames that lie outside the composition, if there are some.
#[must_use]
pub fn blank_frames_warning(opened: &Opened) -> Option<String> {
    let first = opened.scene.first_frame;
    let end = first + i64::from(opened.scene.frames);
    let (from, to) = opened.range;
    if from >= first && to < end {
        return None;
    }
    let seconds = |frames: i64| {
        let text = format!("{:.2}", frames as f64 / opened.rate.per_second());
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    Some(format!(
        "WARNING:After Effects warning: timeSpanStart of {} seconds will cause render to have frames outside of range \
         defined by comp displayStartTime ({}) and end of comp duration ({}). Render will succeed, but may have blank frames.",
        seconds(from - first),
        seconds(first - opened.display_base),
        seconds(end - opened.display_base)
    ))
}
