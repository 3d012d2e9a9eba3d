//! Findings about the file and its compositions: damage, versions, names, lengths, renderers, stand-ins.

use std::collections::HashMap;

use super::findings::{Findings, several, short};
use super::{Finding, Question, Severity};
use crate::model::{Composition, Project};

/// The 3D renderer every After Effects has.
const CLASSIC_3D: &str = "ADBE Escher";

pub(super) fn check(project: &Project, question: &Question<'_>, findings: &mut Findings) {
    let whole = |severity, code, what: String, remedy: &str| Finding {
        severity,
        code,
        what,
        comp: None,
        layer: None,
        remedy: remedy.to_owned(),
    };
    if project.damaged {
        let why = project
            .warnings
            .first()
            .map_or("bytes are missing", String::as_str);
        findings.add(whole(
            Severity::Error,
            "damaged_file",
            format!("the file is cut or damaged: {why}"),
            "save it again in After Effects, or copy it again",
        ));
    }
    if project.comps.is_empty() {
        findings.add(whole(
            Severity::Error,
            "no_comps",
            "the project has no compositions".to_owned(),
            "save a project with the composition to render",
        ));
    }
    if project.ae_version.beta {
        findings.add(whole(
            Severity::Warning,
            "saved_by_beta",
            format!("a beta saved it ({})", project.ae_version),
            "save it with a released After Effects; others may refuse to open it",
        ));
    }
    version(project, question, findings);
}

fn version(project: &Project, question: &Question<'_>, findings: &mut Findings) {
    let Some((major, minor)) = question.ae_version else {
        return;
    };
    let saved = project.ae_version;
    let asked = match minor {
        u32::MAX => major.to_string(),
        minor => format!("{major}.{minor}"),
    };
    let (severity, code, what, remedy) = if saved.major > major {
        (
            Severity::Error,
            "newer_ae",
            format!("After Effects {saved} saved it; {asked} can't open it"),
            format!(
                "render it with After Effects {} or newer, or save it for an older one",
                saved.major
            ),
        )
    } else if saved.major == major && saved.minor > minor {
        (
            Severity::Warning,
            "newer_ae",
            format!("After Effects {saved} saved it, a later release than {asked}"),
            format!("render it with {}.{} or newer", saved.major, saved.minor),
        )
    } else if saved.major < major {
        (
            Severity::Note,
            "older_ae",
            format!("After Effects {saved} saved it; {asked} converts it each time it is opened"),
            format!("open and save it once with After Effects {major}, and look at the result"),
        )
    } else {
        return;
    };
    findings.add(Finding {
        severity,
        code,
        what,
        comp: None,
        layer: None,
        remedy,
    });
}

pub(super) fn compositions(
    project: &Project,
    asked: Option<&Composition>,
    comps: &[&Composition],
    findings: &mut Findings,
) {
    duplicates(project, asked, findings);
    for comp in comps {
        one(
            project,
            comp,
            asked.is_none_or(|asked| asked.id == comp.id),
            findings,
        );
    }
}

/// aerender takes a composition by its name.
fn duplicates(project: &Project, asked: Option<&Composition>, findings: &mut Findings) {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for comp in &project.comps {
        *counts.entry(comp.name.as_str()).or_default() += 1;
    }
    for comp in &project.comps {
        let count = counts.remove(comp.name.as_str()).unwrap_or(0);
        if count < 2 {
            continue;
        }
        let is_asked = asked.is_some_and(|asked| asked.name == comp.name);
        findings.add(Finding {
            severity: if is_asked {
                Severity::Error
            } else {
                Severity::Warning
            },
            code: "duplicate_comp_name",
            what: format!("{} have this name", several(count, "composition")),
            comp: Some(short(&comp.name)),
            layer: None,
            remedy: "rename all but one: a renderer is told the name only, and takes the first"
                .to_owned(),
        });
    }
}

/// What is odd about one composition. `target` says that it may be what is rendered, not only shown by another.
fn one(project: &Project, comp: &Composition, target: bool, findings: &mut Findings) {
    let of_comp = |severity, code, what: String, remedy: String| Finding {
        severity,
        code,
        what,
        comp: Some(short(&comp.name)),
        layer: None,
        remedy,
    };
    if comp.frames == 0 || comp.width == 0 || comp.height == 0 {
        let what = format!(
            "it is {} × {} with {}",
            comp.width,
            comp.height,
            several(comp.frames as usize, "frame")
        );
        let remedy = "set its size, rate and length in After Effects".to_owned();
        findings.add(of_comp(Severity::Error, "empty_comp", what, remedy));
    }
    let area = comp.work_area_frames();
    if target && (area.start > 0 || area.end < comp.frames) {
        let first = project.first_display_frame(comp);
        let at = |ordinal: u32| first.saturating_add(i64::from(ordinal));
        let (start, end) = (at(area.start), at(area.end).saturating_sub(1));
        let last = at(comp.frames).saturating_sub(1);
        findings.add(of_comp(
            Severity::Note,
            "work_area",
            format!(
                "its work area is {start} to {end}, {} of {} frames: without a frame range only these are rendered",
                area.end - area.start,
                comp.frames
            ),
            format!("ask for --frames {first}-{last} to render all of it"),
        ));
    }
    if !comp.renderer.is_empty() && comp.renderer != CLASSIC_3D {
        findings.add(of_comp(
            Severity::Warning,
            "renderer",
            format!("its 3D renderer is \"{}\", not Classic 3D", short(&comp.renderer)),
            "make sure every node has it and can run it without a screen; Classic 3D renders everywhere".to_owned(),
        ));
    }
    if let Some(proxy) = &comp.proxy {
        findings.add(of_comp(
            Severity::Warning,
            "proxy",
            format!("a proxy stands in for it: {}", short(&proxy.path)),
            "remove the proxy, or render with settings that use none".to_owned(),
        ));
    }
}
