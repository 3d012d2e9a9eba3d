//! What can be refused before a byte is sent: the project, the composition, the frames, sound that is not there. The farm checks all of it again; this is for speed and good words, not for safety.

use std::error::Error;
use std::fs;
use std::path::Path;

use flatrender_aep::{CompError, Composition, Project};
use flatrender_protocol::FrameList;

use super::Sound;
use crate::args::Render;
use crate::failure::{Exit, Failure, last_cause};
use crate::output::count;

/// Checks a `render` command against the project.
///
/// # Errors
/// The first thing that is wrong, with its field.
pub(super) fn render(args: &Render, project: &Project, did: &str) -> Result<(), Failure> {
    if project.damaged {
        let why = "the file is damaged: parts of it are missing or broken";
        return Err(
            Failure::input(did, "/project", "damaged", why).hint(format!(
                "flatctl aep inspect {} says what; save it again in After Effects",
                args.file.display()
            )),
        );
    }
    let comp = composition(project, &args.comp, &args.file, did)?;
    // Values may change how long it is.
    let set = args.values.is_some() || args.nexrender.is_some();
    if let Some(frames) = args.frames.as_ref().filter(|_| !set) {
        check_frames(project, comp, frames, did)?;
    }
    for (index, (kind, sound)) in super::sounds(args).into_iter().enumerate() {
        check_sound(sound, kind.as_str(), &format!("/tracks/{index}/file"), did)?;
    }
    if let Some(out) = &args.out {
        writable(out, did)?;
    }
    Ok(())
}

/// Reads a project for any command.
///
/// # Errors
/// In the reader's words.
pub(crate) fn read(file: &Path, did: &str) -> Result<Project, Failure> {
    flatrender_aep::read_file(file).map_err(|error| {
        let why = match error.source() {
            Some(source) => format!("{error}: {}", last_cause(source)),
            None => error.to_string(),
        };
        Failure::input(did, "/project", "unreadable", why)
    })
}

fn composition<'a>(
    project: &'a Project,
    name: &str,
    file: &Path,
    did: &str,
) -> Result<&'a Composition, Failure> {
    project.comp(name).map_err(|error| {
        let CompError::NotFound { known, .. } = error;
        let why = format!("composition \"{name}\" is not in the project");
        let failure = Failure::input(did, "/composition", "not_found", why);
        let file = file.display();
        match known.as_slice() {
            [] => failure.hint("it has no compositions at all"),
            known => failure.hint(format!(
                "it has {}; flatctl aep inspect {file} shows more",
                listed(known, 12)
            )),
        }
    })
}

fn check_frames(
    project: &Project,
    comp: &Composition,
    frames: &str,
    did: &str,
) -> Result<(), Failure> {
    let list = FrameList::parse(frames)
        .map_err(|error| Failure::input(did, "/frames", "invalid", error))?;
    let first = project.first_display_frame(comp);
    let last = first + i64::from(comp.frames) - 1;
    if list.first() >= first && list.last() <= last {
        return Ok(());
    }
    let outside = if list.first() < first {
        list.first()
    } else {
        list.last()
    };
    let why = format!(
        "frame {outside} of \"{frames}\" is outside composition \"{}\"",
        comp.name
    );
    Err(
        Failure::input(did, "/frames", "out_of_range", why).hint(format!(
            "its {} frames are {first} to {last}",
            count(u64::from(comp.frames))
        )),
    )
}

fn check_sound(sound: &Sound, kind: &str, pointer: &str, did: &str) -> Result<(), Failure> {
    let refused = |why: String| {
        let why = format!("{kind} {}: {why}", sound.file.display());
        Failure::input(did, pointer, "unreadable", why)
    };
    let about = fs::metadata(&sound.file).map_err(|error| refused(last_cause(&error)))?;
    if !about.is_file() {
        return Err(refused("it is not a file".to_owned()));
    }
    if about.len() == 0 {
        return Err(refused("it is empty".to_owned()));
    }
    Ok(())
}

/// A film that can't be written is found out before it is rendered.
pub(crate) fn writable(out: &Path, did: &str) -> Result<(), Failure> {
    let refused = |why: String| {
        Failure::new(
            Exit::Usage,
            did,
            format!("{} can't be written: {why}", out.display()),
        )
    };
    if out.is_dir() || out.file_name().is_none() {
        return Err(refused("it is a folder; name a file in it".to_owned()));
    }
    tempfile::Builder::new()
        .prefix(".flatctl-")
        .tempfile_in(folder(out))
        .map(drop)
        .map_err(|error| refused(last_cause(&error)))
}

/// The folder that a file stands in.
pub(crate) fn folder(file: &Path) -> &Path {
    match file.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

fn listed(names: &[String], most: usize) -> String {
    let shown: Vec<String> = names
        .iter()
        .take(most)
        .map(|name| format!("\"{name}\""))
        .collect();
    match (shown.as_slice(), names.len().saturating_sub(most)) {
        ([one], 0) => one.clone(),
        ([before @ .., last], 0) => format!("{} and {last}", before.join(", ")),
        (_, more) => format!("{} and {more} more", shown.join(", ")),
    }
}
