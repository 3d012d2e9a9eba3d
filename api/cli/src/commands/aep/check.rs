//! `flatctl aep check`: what a farm would stumble over in a project, each finding with the way out.

use flatrender_aep::check::{Finding, Question, Severity, check};
use flatrender_aep::{CompError, Project};
use serde::Serialize;

use super::files::Roots;
use super::fonts;
use crate::args::AepCheck;
use crate::failure::{Exit, Failure};
use crate::output::{Paint, Screen, safe};
use crate::render::check as reading;

use super::tree::Node;

#[derive(Serialize)]
struct Answer<'a> {
    file: String,
    ae_version: String,
    comp: Option<&'a str>,
    errors: usize,
    warnings: usize,
    notes: usize,
    findings: &'a [Finding],
}

/// Runs the command. It ends well if nothing is an error.
pub(super) fn run(asked: &AepCheck, screen: &Screen) -> Result<Exit, Failure> {
    let did = format!("check {}", asked.file.display());
    let project = reading::read(&asked.file, &did)?;
    let comp = match &asked.comp {
        Some(name) => Some(project.comp(name).map_err(|error| not_found(error, &did))?),
        None => None,
    };
    let fonts = fonts::at_hand(&asked.file, &asked.fonts, &did)?;
    let roots = Roots::new(&asked.file, project.container, &asked.root);
    let findings = check(
        &project,
        &Question {
            comp,
            ae_version: asked.ae_version,
            files: &|file| roots.presence(file),
            fonts: fonts.as_ref(),
        },
    );
    show(asked, &project, &findings, screen);
    let broken = findings
        .iter()
        .any(|finding| finding.severity == Severity::Error);
    Ok(if broken { Exit::Failed } else { Exit::Done })
}

fn not_found(error: CompError, did: &str) -> Failure {
    let why = error.to_string();
    let CompError::NotFound { known, .. } = error;
    let failure = Failure::input(did, "/composition", "not_found", why);
    if known.is_empty() {
        failure.hint("save a project that has the composition")
    } else {
        failure.hint("name one of them with --comp")
    }
}

fn show(asked: &AepCheck, project: &Project, findings: &[Finding], screen: &Screen) {
    let count = |severity| {
        findings
            .iter()
            .filter(|finding| finding.severity == severity)
            .count()
    };
    let (errors, warnings, notes) = (
        count(Severity::Error),
        count(Severity::Warning),
        count(Severity::Note),
    );
    if screen.json {
        screen.document(&Answer {
            file: asked.file.display().to_string(),
            ae_version: project.ae_version.to_string(),
            comp: asked.comp.as_deref(),
            errors,
            warnings,
            notes,
            findings,
        });
        return;
    }
    for finding in findings {
        node(finding).draw(screen);
    }
    screen.say(&format!(
        "{}, {}, {}",
        several(errors, "error"),
        several(warnings, "warning"),
        several(notes, "note")
    ));
}

fn node(finding: &Finding) -> Node {
    let (word, paint) = match finding.severity {
        Severity::Error => ("error", Paint::Bad),
        Severity::Warning => ("warning", Paint::Warn),
        Severity::Note => ("note", Paint::Plain),
    };
    let place = match (&finding.layer, &finding.comp) {
        (Some(layer), _) => format!(" [{}]", safe(layer)),
        (None, Some(comp)) => format!(" [{}]", safe(comp)),
        (None, None) => String::new(),
    };
    Node::painted(
        paint,
        format!("{word} {}{place}: {}", finding.code, safe(&finding.what)),
    )
    .with([Node::new(safe(&finding.remedy))])
}

fn several(count: usize, one: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        _ => format!("{count} {one}s"),
    }
}
