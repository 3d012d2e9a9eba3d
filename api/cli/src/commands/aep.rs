//! `flatctl aep …`: projects on this machine, read without After Effects and without a farm.

use std::path::Path;

use flatrender_aep::{Composition, FootageKind, Layer, LayerKind, Project, Rational, truth_json};

use crate::args::Aep;
use crate::failure::{Exit, Failure};
use crate::output::{Paint, Screen, count, safe};
use crate::render::check;

/// Runs the command.
///
/// # Errors
/// When the file is not a project that can be read.
pub fn run(command: &Aep, screen: &Screen) -> Result<Exit, Failure> {
    let Aep::Inspect { file } = command;
    let project = check::read(file, &format!("inspect {}", file.display()))?;
    if screen.json {
        screen.document(&truth_json(&project));
    } else {
        show(file, &project, screen);
    }
    Ok(Exit::Done)
}

fn show(file: &Path, project: &Project, screen: &Screen) {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    screen.data(&format!(
        "{}  saved by After Effects {}",
        screen.painted(Paint::Bold, &safe(&name)),
        safe(&project.ae_version.to_string()),
    ));
    for comp in &project.comps {
        composition(project, comp, screen);
    }
    footage(project, screen);
    for warning in &project.warnings {
        screen.aside("warning", warning);
    }
    if project.damaged {
        screen.aside(
            "warning",
            "the file is damaged: there may have been more in it",
        );
    }
}

fn composition(project: &Project, comp: &Composition, screen: &Screen) {
    screen.data(&format!(
        "  composition {}",
        screen.painted(Paint::Bold, &format!("\"{}\"", safe(&comp.name)))
    ));
    let first = project.first_display_frame(comp);
    let last = first + i64::from(comp.frames) - 1;
    let aspect = match comp.pixel_aspect {
        Rational::ONE => String::new(),
        other => format!(", pixel aspect {:.3}", other.as_f64()),
    };
    screen.data(&format!(
        "    {} × {}, {} frames/s{aspect}, {} frames: {first} to {last}",
        comp.width,
        comp.height,
        rate(comp.rate),
        count(u64::from(comp.frames)),
    ));
    let area = comp.work_area_frames();
    if area.start != 0 || area.end != comp.frames {
        screen.data(&format!(
            "    work area: {} to {}",
            first + i64::from(area.start),
            first + i64::from(area.end) - 1
        ));
    }
    for layer in &comp.layers {
        screen.data(&format!(
            "    {:>3}  {}",
            layer.index,
            layer_line(project, layer)
        ));
    }
    for missing in project.missing_footage(comp) {
        let line = format!("    needs {}", safe(&missing.path));
        screen.data(&screen.painted(Paint::Warn, &line));
    }
}

fn layer_line(project: &Project, layer: &Layer) -> String {
    let mut line = format!("{:<10}  \"{}\"", kind(layer.kind), safe(&layer.name));
    let source = layer.source_id.and_then(|id| {
        let comp = project.comps.iter().find(|comp| comp.id == id);
        comp.map(|comp| comp.name.as_str())
            .or_else(|| project.footage_item(id).map(|item| item.name.as_str()))
    });
    if let Some(source) = source.filter(|source| *source != layer.name) {
        line += &format!(" shows \"{}\"", safe(source));
    }
    if let Some(text) = layer.text.first().filter(|text| **text != layer.name) {
        let text: String = text.chars().take(60).collect();
        line += &format!(" says \"{}\"", safe(&text));
    }
    if !layer.fonts.is_empty() {
        line += &format!(" in {}", safe(&layer.fonts.join(", ")));
    }
    if !layer.enabled {
        line += ", off";
    }
    if layer.guide {
        line += ", guide";
    }
    line
}

fn footage(project: &Project, screen: &Screen) {
    for item in &project.footage {
        let name = safe(&item.name);
        let line = match (item.kind, &item.file) {
            (FootageKind::Solid, _) => continue,
            (FootageKind::Placeholder, _) => format!("  placeholder \"{name}\""),
            (FootageKind::File, Some(file)) => format!("  file \"{name}\" at {}", safe(&file.path)),
            (FootageKind::File, None) => format!("  file \"{name}\", its place is not known"),
        };
        screen.data(&line);
    }
}

fn kind(kind: LayerKind) -> &'static str {
    match kind {
        LayerKind::Text => "text",
        LayerKind::Shape => "shape",
        LayerKind::Footage => "footage",
        LayerKind::Solid => "solid",
        LayerKind::Precomp => "precomp",
        LayerKind::Null => "null",
        LayerKind::Adjustment => "adjustment",
        LayerKind::Light => "light",
        LayerKind::Camera => "camera",
        LayerKind::Model => "model",
        LayerKind::Unknown => "unknown",
    }
}

/// Whole rates as they are, others with the exact fraction.
fn rate(rate: Rational) -> String {
    match rate.den {
        1 => rate.num.to_string(),
        _ => format!("{:.3} ({rate})", rate.as_f64()),
    }
}
