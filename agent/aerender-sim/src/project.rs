//! Answers for: opening a project as After Effects does for a render: its composition, its range, its footage, and the texts for
//! what is wrong with them. Must not: render.

use crate::arguments::Arguments;
use crate::code::job_tag;
use crate::ending::{Ended, Failure};
use crate::picture::{Lacks, Scene};
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

/// Finds the composition, and what rendering it takes.
///
/// # Errors
///
/// If it is not there, or too big to be rendered.
pub fn find(
    project: &Project,
    folder: &Path,
    arguments: &Arguments,
    name: &str,
    stem: &str,
    display_base: Option<i64>,
) -> Result<Opened, Failure> {
    let Ok(comp) = project.comp(name) else {
        return Err(Failure::not_found("No comp was found with the given name."));
    };
    // it was read a moment ago; one that is gone now is found out by whoever renders
    let file = arguments.project.as_ref().map(std::fs::read);
    let file = file.and_then(Result::ok).unwrap_or_default();
    let size = (usize::from(comp.width), usize::from(comp.height));
    if size.0 * size.1 == 0 || size.0 * size.1 > MOST_PIXELS {
        let text = format!(
            "a picture of {} x {} pixels can not be rendered.",
            size.0, size.1
        );
        return Err(Failure::runtime(&text));
    }
    let base = display_base.unwrap_or_else(|| project.display_base());
    let first = project.first_display_frame(comp) - project.display_base() + base;
    let missing = missing_files(project, comp, folder);
    let mut shown = texts(comp);
    shown.extend(missing.iter().map(|path| format!("MISSING: {path}")));
    let rate = Rate {
        num: comp.rate.num,
        den: comp.rate.den.max(1),
    };
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
        frames: comp.frames,
        job: job_tag(stem),
        values_digest: values::digest(project, comp, &file),
        lacks: Lacks::default(),
    };
    Ok(Opened {
        rate,
        display_base: base,
        range: range(comp, first, arguments)?,
        missing,
        scene,
    })
}

/// The range of `-s` and `-e`, what is not given from the work area.
fn range(comp: &Composition, first: i64, arguments: &Arguments) -> Result<(i64, i64), Failure> {
    let work = comp.work_area_frames();
    let start = arguments.start.unwrap_or(first + i64::from(work.start));
    let end = arguments.end.unwrap_or(first + i64::from(work.end) - 1);
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
