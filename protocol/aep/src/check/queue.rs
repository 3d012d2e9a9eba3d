//! Findings about the render queue. The farm does not render from it: what is odd there shows what was meant, and what
//! another renderer would do.

use super::findings::{Findings, names, several, short};
use super::{Finding, Severity};
use crate::model::{Composition, Project, QueueItem, QueueStatus, SpanSource};

/// Templates that every After Effects has when it is installed.
const STANDARD: [&str; 6] = [
    "Best Settings",
    "Current Settings",
    "DV Settings",
    "Draft Settings",
    "Multi-Machine Settings",
    "Lossless",
];

pub(super) fn check(project: &Project, asked: Option<&Composition>, findings: &mut Findings) {
    let comp_of = |item: &QueueItem| project.comps.iter().find(|comp| comp.id == item.comp_id);
    let mut templates = Vec::new();
    for (at, item) in project.render_queue.iter().enumerate() {
        if asked.is_some_and(|asked| asked.id != item.comp_id) {
            continue;
        }
        let comp = comp_of(item);
        one(at + 1, item, comp, findings);
        let outputs = item
            .outputs
            .iter()
            .filter_map(|output| output.template.as_deref());
        let named = std::iter::once(item.template.as_str()).chain(outputs);
        for name in named.filter(|name| !name.is_empty() && !STANDARD.contains(name)) {
            if !templates.contains(&name) && templates.len() < 100 {
                templates.push(name);
            }
        }
    }
    if !templates.is_empty() {
        findings.add(Finding {
            severity: Severity::Note,
            code: "queue_templates",
            what: format!(
                "the render queue names {} of somebody's own: {}",
                several(templates.len(), "template"),
                names(templates.into_iter())
            ),
            comp: None,
            layer: None,
            remedy:
                "templates belong to a user account: a node has only those that were made on it"
                    .to_owned(),
        });
    }
}

fn one(number: usize, item: &QueueItem, comp: Option<&Composition>, findings: &mut Findings) {
    let mut add = |severity, code, what: String, remedy: &str| {
        findings.add(Finding {
            severity,
            code,
            what: format!("render-queue item {number} {what}"),
            comp: comp.map(|comp| short(&comp.name)),
            layer: None,
            remedy: remedy.to_owned(),
        });
    };
    if comp.is_none() {
        add(
            Severity::Warning,
            "queue_no_comp",
            format!(
                "renders item {}, which is no composition of the project",
                item.comp_id
            ),
            "remove it from the queue",
        );
    }
    // what is done or off asks for nothing
    let waits = match item.status {
        QueueStatus::NeedsOutput | QueueStatus::Queued | QueueStatus::Rendering => true,
        QueueStatus::Unqueued
        | QueueStatus::UserStopped
        | QueueStatus::ErrorStopped
        | QueueStatus::Done
        | QueueStatus::Unknown => false,
    };
    if item.status == QueueStatus::NeedsOutput || waits && item.outputs.is_empty() {
        add(
            Severity::Warning,
            "queue_no_output",
            "has no output".to_owned(),
            "name the composition to the farm; it makes its own output",
        );
    }
    if item.status == QueueStatus::ErrorStopped {
        add(
            Severity::Warning,
            "queue_failed",
            "was stopped by an error when it was last rendered".to_owned(),
            "render a few frames of it in After Effects and see why",
        );
    }
    if item.outputs.len() > 1 {
        add(
            Severity::Warning,
            "queue_several_outputs",
            format!("has {} output modules", item.outputs.len()),
            "the farm makes one film; submit once for each output",
        );
    }
    if waits {
        span(item, &mut add);
    }
}

fn span(item: &QueueItem, add: &mut impl FnMut(Severity, &'static str, String, &str)) {
    // files before After Effects 15 don't say where the span is from
    let custom = match item.span_source {
        Some(SpanSource::Custom) => true,
        None => item.time_span.is_some(),
        Some(SpanSource::Composition | SpanSource::WorkArea | SpanSource::Unknown) => false,
    };
    if let (true, Some((start, length))) = (custom, item.time_span) {
        add(
            Severity::Note,
            "queue_time_span",
            format!(
                "has a time span of its own: {:.3} s from {:.3} s",
                length.as_f64(),
                start.as_f64()
            ),
            "give the frames to the farm with --frames; it does not read the queue's",
        );
    }
    if let Some(rate) = item.rate {
        add(
            Severity::Note,
            "queue_rate",
            format!(
                "renders at a rate of its own: {:.3} frames a second",
                rate.as_f64()
            ),
            "the farm renders at the composition's rate; set that",
        );
    }
    let (across, down) = item.resolution;
    if across > 1 || down > 1 {
        add(
            Severity::Note,
            "queue_resolution",
            format!("renders one in {across} × {down} pixels"),
            "the farm renders all of them",
        );
    }
}
