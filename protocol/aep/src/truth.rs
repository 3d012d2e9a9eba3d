//! A project as one flat JSON record: what `flatctl aep inspect --json` prints and what the samples' truth file holds.
//! Times in seconds are rounded to a millionth, rates and pixel aspects to a hundred-thousandth; exact values are in the model.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Serialize;

use crate::model::{
    Composition, Container, FileRef, Folder, Footage, FootageKind, Layer, LayerKind, OutputModule,
    Project, QueueItem, QueueStatus,
};
use crate::rational::Rational;
use crate::version::{AeOs, AeVersion};

/// A project as the truth file has it.
#[derive(Debug, Clone, Serialize)]
pub struct ProjectTruth {
    container: Container,
    ae_version: AeVersion,
    ae_os: Option<AeOs>,
    folders: Vec<Folder>,
    comps: Vec<CompTruth>,
    footage: Vec<FootageTruth>,
    footage_paths: Vec<String>,
    fonts: BTreeSet<String>,
    effects: BTreeMap<String, u64>,
    frames_count_type: u32,
    render_queue: Vec<QueueTruth>,
}

#[derive(Debug, Clone, Serialize)]
struct CompTruth {
    id: u32,
    name: String,
    folder_id: u32,
    w: u16,
    h: u16,
    fps: f64,
    duration_s: f64,
    frames: u32,
    work_area_start_s: f64,
    work_area_end_s: f64,
    display_start_s: f64,
    bg_rgb: [u8; 3],
    pixel_aspect: f64,
    layers: Vec<LayerTruth>,
}

#[derive(Debug, Clone, Serialize)]
struct LayerTruth {
    index: u32,
    id: u32,
    name: String,
    #[serde(rename = "type")]
    kind: LayerKind,
    enabled: bool,
    source_id: Option<u32>,
    #[serde(flatten)]
    text: Option<TextTruth>,
}

#[derive(Debug, Clone, Serialize)]
struct TextTruth {
    text: Vec<String>,
    fonts: Vec<String>,
    size: Vec<f64>,
}

#[derive(Debug, Clone, Serialize)]
struct FootageTruth {
    id: u32,
    name: String,
    kind: FootageKind,
    w: u16,
    h: u16,
    fourcc: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    missing_at_save: Option<bool>,
}

#[derive(Debug, Clone, Serialize)]
struct QueueTruth {
    comp_id: u32,
    comp: Option<String>,
    status: QueueStatus,
    template: String,
    time_span_start_s: Option<f64>,
    time_span_duration_s: Option<f64>,
    output_modules: Vec<OutputTruth>,
    /// Only of items of newer files: a second reader has them of those alone.
    #[serde(flatten)]
    newer: Option<NewerQueueTruth>,
}

#[derive(Debug, Clone, Serialize)]
struct NewerQueueTruth {
    /// Not taken out of the queue.
    render_flag: bool,
    /// The file of each output module, named after the second reader whose field it is.
    py_aep_output_files: Vec<String>,
}

#[derive(Debug, Clone, Serialize)]
struct OutputTruth {
    format: String,
    folder: Option<String>,
    is_folder: Option<bool>,
    template: Option<String>,
    file_template: Option<String>,
}

/// The project as one entry of the truth file, without the fields that say how the truth was made.
#[must_use]
pub fn truth_json(project: &Project) -> ProjectTruth {
    let layers = || project.comps.iter().flat_map(|comp| comp.layers.iter());
    let mut effects = BTreeMap::new();
    for effect in layers().flat_map(|layer| &layer.effects) {
        *effects.entry(effect.clone()).or_default() += 1;
    }
    let files = project.footage.iter().filter_map(|item| item.file.as_ref());
    ProjectTruth {
        container: project.container,
        ae_version: project.ae_version,
        ae_os: project.ae_os,
        folders: project.folders.clone(),
        comps: project.comps.iter().map(comp_truth).collect(),
        footage: project.footage.iter().map(footage_truth).collect(),
        footage_paths: files.map(|file| file.path.clone()).collect(),
        fonts: layers()
            .flat_map(|layer| layer.fonts.iter().cloned())
            .collect(),
        effects,
        frames_count_type: project.frames_count_type,
        render_queue: queue_truth(project),
    }
}

fn comp_truth(comp: &Composition) -> CompTruth {
    CompTruth {
        id: comp.id,
        name: comp.name.clone(),
        folder_id: comp.folder_id,
        w: comp.width,
        h: comp.height,
        // as stored, not as meant: 29.97 rather than 30000/1001
        fps: rounded_to(comp.rate_stored, 1e5),
        duration_s: rounded(comp.duration),
        frames: comp.frames,
        work_area_start_s: rounded(comp.work_area.0),
        work_area_end_s: rounded(comp.work_area.1),
        display_start_s: rounded(comp.display_start),
        bg_rgb: comp.background,
        pixel_aspect: rounded_to(comp.pixel_aspect, 1e5),
        layers: comp.layers.iter().map(layer_truth).collect(),
    }
}

fn layer_truth(layer: &Layer) -> LayerTruth {
    LayerTruth {
        index: layer.index,
        id: layer.id,
        name: layer.name.clone(),
        kind: layer.kind,
        enabled: layer.enabled,
        source_id: layer.source_id,
        text: (layer.kind == LayerKind::Text).then(|| TextTruth {
            text: layer.text.clone(),
            fonts: layer.fonts.clone(),
            size: layer.sizes.clone(),
        }),
    }
}

fn footage_truth(item: &Footage) -> FootageTruth {
    FootageTruth {
        id: item.id,
        name: item.name.clone(),
        kind: item.kind,
        w: item.width,
        h: item.height,
        fourcc: item.fourcc.clone(),
        path: item.file.as_ref().map(|file| file.path.clone()),
        missing_at_save: item.file.as_ref().map(|file| file.missing_at_save),
    }
}

fn queue_truth(project: &Project) -> Vec<QueueTruth> {
    let names: HashMap<u32, &str> = project
        .comps
        .iter()
        .map(|comp| (comp.id, comp.name.as_str()))
        .collect();
    let items = project.render_queue.iter().map(|item| QueueTruth {
        newer: newer_queue_truth(item, names.get(&item.comp_id).copied()),
        comp_id: item.comp_id,
        comp: names.get(&item.comp_id).map(|name| (*name).to_owned()),
        status: item.status,
        template: item.template.clone(),
        time_span_start_s: item.time_span.map(|(start, _)| rounded(start)),
        time_span_duration_s: item.time_span.map(|(_, duration)| rounded(duration)),
        output_modules: item
            .outputs
            .iter()
            .map(|output| OutputTruth {
                format: output.format.clone(),
                folder: target(output).map(|target| target.path.clone()),
                is_folder: target(output).map(|target| target.is_folder),
                template: output.template.clone(),
                file_template: output.file_template.clone(),
            })
            .collect(),
    });
    items.collect()
}

/// Where a module writes to. The record of CS6 is left to `details`: the samples' truth does without it.
fn target(output: &OutputModule) -> Option<&FileRef> {
    output.target.as_ref().filter(|target| !target.old_record)
}

/// What only items of After Effects 15 and newer have here: those that say where their time span is from.
fn newer_queue_truth(item: &QueueItem, comp: Option<&str>) -> Option<NewerQueueTruth> {
    item.span_source?;
    Some(NewerQueueTruth {
        // not `checked`: that bit is off for queued items of real files
        render_flag: item.status != QueueStatus::Unqueued,
        py_aep_output_files: item
            .outputs
            .iter()
            .filter_map(|output| output.file(comp.unwrap_or_default()))
            .collect(),
    })
}

/// To a millionth.
fn rounded(value: Rational) -> f64 {
    rounded_to(value, 1e6)
}

fn rounded_to(value: Rational, parts: f64) -> f64 {
    (value.as_f64() * parts).round() / parts
}
