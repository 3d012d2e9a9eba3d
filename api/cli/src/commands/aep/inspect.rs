//! `flatctl aep inspect`: a project as a tree for people, or as one document.
//!
//! A question mark stands behind what is read from a place in the file that was never compared with a real one.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use flatrender_aep::{
    AeOs, Composition, Footage, FootageKind, Layer, LayerKind, MatteBy, Project, QueueItem,
    QueueStatus, Rational, SpanSource, inspect_json,
};

use super::tree::Node;
use crate::failure::{Exit, Failure};
use crate::output::{Paint, Screen, count, safe};
use crate::render::check;

/// Letters of a text that are shown.
const TEXT_CHARS: usize = 60;

/// Runs the command.
pub(super) fn run(file: &Path, screen: &Screen) -> Result<Exit, Failure> {
    let project = check::read(file, &format!("inspect {}", file.display()))?;
    if screen.json {
        screen.document(&inspect_json(&project));
    } else {
        tree(file, &project).draw(screen);
        for warning in &project.warnings {
            screen.aside("warning", warning);
        }
        if project.damaged {
            screen.aside(
                "warning",
                "the file is damaged: there may have been more in it",
            );
        }
        screen.aside(
            "note",
            "? is read from a place in the file that was not verified on real projects",
        );
    }
    Ok(Exit::Done)
}

fn tree(file: &Path, project: &Project) -> Node {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let system = match project.ae_os {
        Some(AeOs::Windows) => " on Windows",
        Some(AeOs::Mac) => " on macOS (Intel)",
        Some(AeOs::MacArm) => " on macOS (Apple)",
        None => "",
    };
    let beta = if project.ae_version.beta {
        " beta?"
    } else {
        ""
    };
    let mut root = Node::painted(
        Paint::Bold,
        format!(
            "{}  saved by After Effects {}{beta}{system}",
            safe(&name),
            project.ae_version
        ),
    );
    let mut about = format!(
        "frames count from {}, {} bits a channel",
        project.display_base(),
        project.bits_per_channel
    );
    if !project.expression_engine.is_empty() {
        about += &format!(", expressions in {}", safe(&project.expression_engine));
    }
    root.push(Node::new(about));
    let names = Names::of(project);
    for comp in &project.comps {
        root.push(composition(project, comp, &names));
    }
    let shown: Vec<Node> = project
        .footage
        .iter()
        .filter_map(|item| footage(item, &names))
        .collect();
    if !shown.is_empty() {
        root.push(Node::painted(Paint::Bold, "footage").with(shown));
    }
    if !project.render_queue.is_empty() {
        let items = project
            .render_queue
            .iter()
            .map(|item| queue_item(item, &names));
        root.push(Node::painted(Paint::Bold, "render queue").with(items));
    }
    root
}

/// Names of items and folders by id.
struct Names<'a> {
    items: HashMap<u32, &'a str>,
    folders: HashMap<u32, &'a str>,
}

impl<'a> Names<'a> {
    fn of(project: &'a Project) -> Names<'a> {
        let comps = project
            .comps
            .iter()
            .map(|comp| (comp.id, comp.name.as_str()));
        let footage = project
            .footage
            .iter()
            .map(|item| (item.id, item.name.as_str()));
        let folders = project
            .folders
            .iter()
            .map(|folder| (folder.id, folder.name.as_str()));
        Names {
            items: comps.chain(footage).collect(),
            folders: folders.collect(),
        }
    }

    fn item(&self, id: u32) -> String {
        match self.items.get(&id) {
            Some(name) => format!("\"{}\"", safe(name)),
            None => format!("item {id}, which is not in the project"),
        }
    }

    /// ` in "Folder"`, or nothing at the root.
    fn within(&self, folder: u32) -> String {
        match self.folders.get(&folder) {
            Some(name) => format!(" in \"{}\"", safe(name)),
            None => String::new(),
        }
    }
}

fn composition(project: &Project, comp: &Composition, names: &Names<'_>) -> Node {
    let within = names.within(comp.folder_id);
    let mut node = Node::painted(
        Paint::Bold,
        format!("composition \"{}\"{within}", safe(&comp.name)),
    );
    let first = project.first_display_frame(comp);
    let last = first.saturating_add(i64::from(comp.frames)) - 1;
    let aspect = match comp.pixel_aspect {
        Rational::ONE => String::new(),
        other => format!(", pixel aspect {:.3} ({other})", other.as_f64()),
    };
    node.push(Node::new(format!(
        "{} × {}{aspect}, {} frames/s, {} frames: {first} to {last}",
        comp.width,
        comp.height,
        rate(comp.rate),
        count(u64::from(comp.frames)),
    )));
    let area = comp.work_area_frames();
    if area.start != 0 || area.end != comp.frames {
        let at = |ordinal: u32| first.saturating_add(i64::from(ordinal));
        node.push(Node::new(format!(
            "work area: {} to {}",
            at(area.start),
            at(area.end) - 1
        )));
    }
    let more = about_comp(comp);
    if !more.is_empty() {
        node.push(Node::new(more.join(", ")));
    }
    let by_id: HashMap<u32, u32> = comp
        .layers
        .iter()
        .map(|layer| (layer.id, layer.index))
        .collect();
    for layer in &comp.layers {
        node.push(layer_node(comp, layer, &by_id, names));
    }
    let needs = project.missing_footage(comp);
    if !needs.is_empty() {
        // a layered file has an item for each of its layers
        let mut known = HashSet::new();
        let files = needs
            .iter()
            .filter(|used| known.insert(&used.path))
            .map(|used| Node::painted(Paint::Warn, safe(&used.path)));
        node.push(Node::new("needs these files").with(files));
    }
    node
}

/// What is unlike most compositions.
fn about_comp(comp: &Composition) -> Vec<String> {
    let mut about = Vec::new();
    if comp.background != [0; 3] {
        let [red, green, blue] = comp.background;
        about.push(format!("background #{red:02x}{green:02x}{blue:02x}"));
    }
    let switches = comp.switches;
    let said = [
        (comp.drop_frame, "drop frame?"),
        (switches.motion_blur, "motion blur?"),
        (switches.frame_blending, "frame blending?"),
        (switches.keeps_rate, "keeps its rate when nested?"),
        (
            switches.keeps_resolution,
            "keeps its resolution when nested?",
        ),
        (switches.hides_shy, "hides shy layers?"),
    ];
    about.extend(
        said.iter()
            .filter(|(on, _)| *on)
            .map(|(_, words)| (*words).to_owned()),
    );
    if !comp.renderer.is_empty() && comp.renderer != "ADBE Escher" {
        about.push(format!("3D renderer {}?", safe(&comp.renderer)));
    }
    if let Some(proxy) = &comp.proxy {
        about.push(format!("proxy {}?", safe(&proxy.path)));
    }
    about
}

fn layer_node(
    comp: &Composition,
    layer: &Layer,
    by_id: &HashMap<u32, u32>,
    names: &Names<'_>,
) -> Node {
    let mut line = format!(
        "{} {} \"{}\"",
        layer.index,
        kind(layer.kind),
        safe(&layer.name)
    );
    if let Some(id) = layer.source_id {
        let source = names.items.get(&id);
        if source.is_none_or(|source| *source != layer.name) {
            line += &format!(" shows {}", names.item(id));
        }
    }
    if let Some(text) = layer.text.first().filter(|text| **text != layer.name) {
        let text: String = text.chars().take(TEXT_CHARS).collect();
        line += &format!(" says \"{}\"", safe(&text));
    }
    if !layer.fonts.is_empty() {
        line += &format!(" in {}", safe(&layer.fonts.join(", ")));
    }
    for words in about_layer(comp, layer, by_id) {
        line += ", ";
        line += &words;
    }
    let mut node = Node::new(line);
    if !layer.effects.is_empty() {
        node.push(Node::new(format!(
            "effects: {}",
            safe(&layer.effects.join(", "))
        )));
    }
    if layer.expressions > 0 {
        node.push(Node::new(format!(
            "expressions? on {} properties: {}",
            layer.expressions,
            safe(&layer.computed.join(", "))
        )));
    }
    node
}

/// Switches, parents, mattes and times that are unlike most layers'.
fn about_layer(comp: &Composition, layer: &Layer, by_id: &HashMap<u32, u32>) -> Vec<String> {
    let switches = layer.switches;
    let silent =
        !layer.audio_enabled && matches!(layer.kind, LayerKind::Footage | LayerKind::Precomp);
    let said = [
        (!layer.enabled, "off"),
        (layer.is_matte, "gives a matte?"),
        (layer.guide, "guide?"),
        (switches.solo, "solo?"),
        (switches.three_d, "3D?"),
        (switches.shy, "shy?"),
        (switches.locked, "locked?"),
        (silent, "muted?"),
        (switches.motion_blur, "motion blur?"),
        (
            !switches.effects && !layer.effects.is_empty(),
            "effects off?",
        ),
        (layer.text_computed, "text by an expression"),
    ];
    let mut about: Vec<String> = said
        .iter()
        .filter(|(on, _)| *on)
        .map(|(_, words)| (*words).to_owned())
        .collect();
    let index = |id: u32| {
        by_id
            .get(&id)
            .map_or_else(|| format!("the missing {id}"), u32::to_string)
    };
    if let Some(parent) = layer.parent_id {
        about.push(format!("follows {}?", index(parent)));
    }
    if let Some(matte) = layer.matte {
        let by = match matte.by {
            MatteBy::Alpha => "alpha",
            MatteBy::AlphaInverted => "inverted alpha",
            MatteBy::Luma => "luma",
            MatteBy::LumaInverted => "inverted luma",
            MatteBy::Unknown => "something",
        };
        let giver = matte.layer_id.map_or_else(|| "no layer".to_owned(), index);
        about.push(format!("cut by {by} of {giver}?"));
    }
    if layer.stretch != Rational::ONE {
        about.push(format!(
            "stretched to {:.0} %?",
            layer.stretch.as_f64() * 100.0
        ));
    }
    let (from, to) = (layer.span.0.as_f64(), layer.span.1.as_f64());
    if from > 0.0 || to < comp.duration.as_f64() {
        about.push(format!("{:.3} s to {:.3} s?", from.max(0.0), to));
    }
    about
}

fn footage(item: &Footage, names: &Names<'_>) -> Option<Node> {
    let name = safe(&item.name);
    let within = names.within(item.folder_id);
    let mut line = match (item.kind, &item.file) {
        (FootageKind::Solid, _) => return None,
        (FootageKind::Placeholder, _) => format!("placeholder \"{name}\"{within}"),
        (FootageKind::File, Some(file)) => {
            let kind = if item.sequence.is_some() {
                "sequence?"
            } else {
                "file"
            };
            format!("{kind} \"{name}\"{within} at {}", safe(&file.path))
        }
        (FootageKind::File, None) => format!("file \"{name}\"{within}, its place is not known"),
    };
    let mut said = Vec::new();
    if item.width > 0 {
        said.push(format!("{} × {}", item.width, item.height));
    }
    if let Some(own) = item.rate {
        said.push(format!("{} frames/s", rate(own)));
    }
    if let Some(conformed) = item.rate_conformed {
        said.push(format!("read at {}?", rate(conformed)));
    }
    if item.audio_rate_hz > 0.0 {
        said.push(format!("sound at {} Hz", item.audio_rate_hz));
    }
    if item.loops > 1 {
        said.push(format!("shown {} times", item.loops));
    }
    if let Some(layer) = &item.source_layer {
        said.push(format!("its layer \"{}\"?", safe(layer)));
    }
    if let Some(sequence) = &item.sequence {
        let number =
            |number: Option<u32>| number.map_or_else(|| "?".to_owned(), |it| it.to_string());
        said.push(format!(
            "files {} to {}",
            number(sequence.first),
            number(sequence.last)
        ));
    }
    if item.file.as_ref().is_some_and(|file| file.missing_at_save) {
        said.push("missing when it was saved".to_owned());
    }
    if let Some(proxy) = &item.proxy {
        said.push(format!("proxy {}?", safe(&proxy.path)));
    }
    for words in said {
        line += ", ";
        line += &words;
    }
    Some(Node::new(line))
}

fn queue_item(item: &QueueItem, names: &Names<'_>) -> Node {
    let status = match item.status {
        QueueStatus::NeedsOutput => "needs an output",
        QueueStatus::Unqueued => "not queued",
        QueueStatus::Queued => "queued",
        QueueStatus::Rendering => "was rendering",
        QueueStatus::UserStopped => "stopped by a person",
        QueueStatus::ErrorStopped => "stopped by an error",
        QueueStatus::Done => "done",
        QueueStatus::Unknown => "in an unknown state",
    };
    let mut line = format!(
        "{}, {status}, \"{}\"",
        names.item(item.comp_id),
        safe(&item.template)
    );
    match (item.span_source, item.time_span) {
        (Some(SpanSource::Composition), _) => line += ", all of it?",
        (Some(SpanSource::WorkArea), _) => line += ", its work area?",
        (_, Some((start, length))) => {
            line += &format!(", {:.3} s from {:.3} s", length.as_f64(), start.as_f64());
        }
        (_, None) => {}
    }
    let mut node = Node::new(line);
    for output in &item.outputs {
        let template = output.template.as_deref().unwrap_or("no template");
        let folder = output
            .target
            .as_ref()
            .map_or("an unknown place", |target| target.path.as_str());
        let file = output.file_template.as_deref().unwrap_or("");
        node.push(Node::new(format!(
            "\"{}\" as {} to {} {}",
            safe(template),
            safe(&output.format),
            safe(folder),
            safe(file)
        )));
    }
    node
}

fn kind(kind: LayerKind) -> &'static str {
    match kind {
        LayerKind::Text => "text",
        LayerKind::Shape => "shape",
        LayerKind::Footage => "footage",
        LayerKind::Placeholder => "placeholder",
        LayerKind::Solid => "solid",
        LayerKind::Precomp => "precomp",
        LayerKind::Null => "null",
        LayerKind::Adjustment => "adjustment",
        LayerKind::Light => "light?",
        LayerKind::Camera => "camera?",
        LayerKind::Model => "model?",
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
