//! Answers for: the render queue: the project's own or the one of the settings, and which items a command line renders
//! (`reference/aerender.md` 1.1, 1.2). Must not: render.

use crate::arguments::Arguments;
use crate::ending::Failure;
use crate::settings::{QueuedItem, Settings, Status};
use crate::templates::Span;
use flatrender_aep::{OutputModule, Project, QueueItem, QueueStatus, SpanSource};

/// One item to be rendered.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// Its place in the queue, from 1.
    pub index: usize,
    /// The composition.
    pub comp: String,
    /// Where it stands.
    pub status: Status,
    /// Its path, if it has one.
    pub output: Option<String>,
    /// Its render settings template.
    pub settings_template: Option<String>,
    /// Its output module template.
    pub output_template: Option<String>,
    /// What it renders, if it says so itself.
    pub span: Option<Span>,
    /// The output modules behind the first: path and template.
    pub more: Vec<(Option<String>, Option<String>)>,
}

/// What a command line asks for.
#[derive(Debug, PartialEq)]
pub struct Wanted {
    /// The items, in order.
    pub items: Vec<Item>,
    /// Items that are left out because they were marked to continue.
    pub skipped: usize,
    /// The composition had to be put into the queue.
    pub added: bool,
}

/// The queue of a project; that of the settings where they have one.
#[must_use]
pub fn items(settings: &Settings, project: &Project) -> Vec<Item> {
    let number = |(at, item): (usize, Item)| Item {
        index: at + 1,
        ..item
    };
    match &settings.queue {
        Some(queue) => queue
            .iter()
            .map(of_settings)
            .enumerate()
            .map(number)
            .collect(),
        None => of_project(project).enumerate().map(number).collect(),
    }
}

fn of_settings(item: &QueuedItem) -> Item {
    Item {
        index: 0,
        comp: item.comp.clone(),
        status: item.status,
        output: item.output.clone(),
        settings_template: item.settings_template.clone(),
        output_template: item.output_template.clone(),
        span: None,
        more: Vec::new(),
    }
}

fn of_project(project: &Project) -> impl Iterator<Item = Item> {
    project.render_queue.iter().map(|item| {
        let comp = project.comps.iter().find(|comp| comp.id == item.comp_id);
        let module = item.outputs.first();
        let name = comp.map_or("", |comp| comp.name.as_str());
        let others = item.outputs.iter().skip(1).map(|module| {
            let path = path(module, name);
            (path, module.template.clone())
        });
        Item {
            index: 0,
            comp: comp.map_or_else(String::new, |comp| comp.name.clone()),
            status: match item.status {
                QueueStatus::Queued => Status::Queued,
                QueueStatus::NeedsOutput => Status::NeedsOutput,
                QueueStatus::Unqueued
                | QueueStatus::Rendering
                | QueueStatus::UserStopped
                | QueueStatus::ErrorStopped
                | QueueStatus::Done
                | QueueStatus::Unknown => Status::Done,
            },
            output: module.and_then(|module| path(module, name)),
            settings_template: Some(item.template.clone()),
            output_template: module.and_then(|module| module.template.clone()),
            span: span(item),
            more: others.collect(),
        }
    })
}

/// Where an output module writes to: its folder, and its template of the name with the composition's name put in. The extension
/// is that of the module, whatever stands there.
fn path(module: &OutputModule, comp: &str) -> Option<String> {
    let target = &module.target.as_ref()?.path;
    match &module.file_template {
        Some(template) => {
            let name = template.replace("[compName]", comp);
            let name = name.replace(".[fileExtension]", ".x");
            Some(format!("{target}/{name}"))
        }
        None => Some(target.clone()),
    }
}

/// The time span that an item has of its own.
fn span(item: &QueueItem) -> Option<Span> {
    match item.span_source {
        Some(SpanSource::Composition) => Some(Span::Comp),
        Some(SpanSource::WorkArea) => Some(Span::WorkArea),
        Some(SpanSource::Custom | SpanSource::Unknown) | None => {
            let (start, duration) = item.time_span?;
            Some(Span::Custom {
                start: start.as_f64(),
                duration: duration.as_f64(),
            })
        }
    }
}

/// Which items are rendered: `-comp` comes before `-rqindex`, and without both the whole queue is.
///
/// # Errors
///
/// aerender's text for a composition or an index that is not there.
pub fn wanted(arguments: &Arguments, queue: &[Item], project: &Project) -> Result<Wanted, Failure> {
    let one = |item: &Item, skipped| Wanted {
        items: vec![item.clone()],
        skipped,
        added: false,
    };
    if let Some(name) = &arguments.comp {
        let named = || queue.iter().filter(|item| item.comp == *name);
        let skipped = named()
            .filter(|item| item.status == Status::WillContinue)
            .count();
        let ready =
            named().find(|item| matches!(item.status, Status::Queued | Status::NeedsOutput));
        if let Some(item) = ready {
            return Ok(one(item, skipped));
        }
        if project.comp(name).is_err() {
            return Err(Failure::not_found("No comp was found with the given name."));
        }
        let item = Item {
            index: queue.len() + 1,
            comp: name.clone(),
            status: Status::NeedsOutput,
            output: None,
            settings_template: None,
            output_template: None,
            span: None,
            more: Vec::new(),
        };
        return Ok(Wanted {
            items: vec![item],
            skipped,
            added: true,
        });
    }
    if let Some(index) = &arguments.queue_index {
        let item = index
            .parse::<usize>()
            .ok()
            .and_then(|index| queue.get(index.checked_sub(1)?));
        return item.map(|item| one(item, 0)).ok_or_else(|| {
            Failure::not_found("No render queue item was found with the given index.")
        });
    }
    Ok(Wanted {
        items: queue
            .iter()
            .filter(|item| item.status == Status::Queued)
            .cloned()
            .collect(),
        skipped: 0,
        added: false,
    })
}
