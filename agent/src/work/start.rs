//! From a lease to a renderer that is up: its project, its scratch folder, its turn, its shim. Nothing is started twice and
//! nothing before the journal says so.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use flatrender_protocol::message::{FramesWork, OutcomeClass};
use flatrender_protocol::{Layer, Source};
use tokio::sync::OwnedMutexGuard;

use super::attempt::{Desk, Tells, remove_scratch};
use super::fetch::Failure;
use super::journal::{JournalError, Step};
use super::shim::{Order, Shim, ShimError};
use super::{Renderer, Uplink, source};
use crate::aerender::Render;
use crate::config::NodeKind;
use crate::host;

/// A renderer that is up, and the turn to start that it holds until it has opened its project.
pub(super) type Begun = Option<Result<(Shim, OwnedMutexGuard<()>), Failure>>;

/// Everything from the lease to a renderer that is up. `None` when told to stop before that.
pub(super) async fn begin<U: Uplink>(
    desk: &mut Desk<U>,
    work: &FramesWork,
) -> Result<Begun, JournalError> {
    let Some(renderer) = desk.room.renderer.clone() else {
        return Ok(Some(Err(Failure {
            class: OutcomeClass::Node,
            message: "this node has no renderer; set `renderer` in its configuration".into(),
        })));
    };
    let room = Arc::clone(&desk.room);
    let (scratch, out) = (desk.journal.scratch(), desk.journal.scratch().join("out"));
    remove_scratch(&desk.journal);
    if let Err(error) = tokio::fs::create_dir_all(&out).await {
        return Ok(Some(Err(Failure::node(&error))));
    }
    let source = plain(&work.source);
    let project = match desk.attend(source::lay(&room, &source, &scratch)).await {
        None => return Ok(None),
        Some(Err(failure)) => return Ok(Some(Err(failure))),
        Some(Ok(project)) => project,
    };
    let starts = desk.room.starts.clone();
    let Some(turn) = desk.attend(starts.lock_owned()).await else {
        return Ok(None);
    };
    if desk.journal.owed().is_empty() {
        return Ok(None);
    }
    if let Some(message) = disk_is_full(desk) {
        let class = OutcomeClass::Node;
        return Ok(Some(Err(Failure { class, message })));
    }
    remove_crash_repair_marks(desk);
    desk.journal.step(Step::Starting)?;
    let order = order(desk, work, renderer, &project, &out);
    let shim = start_shim(desk, &order).await;
    match shim {
        Ok(shim) => {
            if let Some(born) = shim.born() {
                desk.journal.step(Step::Running {
                    shim: born.tree.root.clone(),
                })?;
                desk.tell(Tells::Started).await;
            }
            Ok(Some(Ok((shim, turn))))
        }
        Err(error) => Ok(Some(Err(Failure::node(&error)))),
    }
}

/// A project by itself gets a plain name: what people call it may be more than After Effects' command line takes.
fn plain(source: &Source) -> Source {
    match &source.layers[..] {
        [Layer::File { blob, .. }] => {
            let name = match Path::new(&source.project).extension() {
                Some(extension) if extension.eq_ignore_ascii_case("aepx") => "project.aepx",
                _ => "project.aep",
            };
            Source::bare(blob.clone(), name)
        }
        _ => source.clone(),
    }
}

async fn start_shim<U: Uplink>(desk: &mut Desk<U>, order: &Order) -> Result<Shim, ShimError> {
    let limit = Duration::from_millis(desk.room.config.limits.starting_ms);
    let program = match &desk.room.config.shim_program {
        Some(program) => program.clone(),
        None => std::env::current_exe().map_err(|source| ShimError::Start {
            program: "this executable".into(),
            source,
        })?,
    };
    let folder = desk.journal.folder().to_owned();
    // Seen through even when told to stop: a shim that is half started must be known.
    desk.see_through(Shim::start(&program, &folder, order, limit))
        .await
}

fn order<U: Uplink>(
    desk: &Desk<U>,
    work: &FramesWork,
    renderer: Renderer,
    project: &Path,
    out: &Path,
) -> Order {
    let record = desk.journal.record();
    let frames = i64::from(record.until) - i64::from(work.span.lo);
    let render = Render {
        project,
        composition: &work.composition,
        first: work.first_display,
        last: work.first_display + frames - 1,
        output_template: &work.output_template,
        settings_template: &work.settings_template,
        folder: out,
        stem: &record.lease.job.to_string(),
    };
    Order {
        program: renderer.program,
        args: render.arguments(),
        folder: desk.journal.scratch(),
        log: desk.journal.log(),
        unclaimed: desk.room.config.shim_unclaimed(),
        grace: Duration::from_millis(desk.room.config.limits.stop_ms),
    }
}

/// What a forced kill leaves would greet the next start with a dialog. Only the farm's own machines are cleaned up.
fn remove_crash_repair_marks<U: Uplink>(desk: &Desk<U>) {
    let config = &desk.room.config;
    let killed = config.folder(FORCED_KILL);
    if config.kind != NodeKind::Dedicated || !killed.exists() {
        return;
    }
    for mark in &config.crash_repair_marks {
        let removed = match mark.metadata() {
            Ok(metadata) if metadata.is_dir() => std::fs::remove_dir_all(mark),
            Ok(_) => std::fs::remove_file(mark),
            Err(_) => continue,
        };
        match removed {
            Ok(()) => {
                tracing::info!(mark = %mark.display(), "crash-repair mark removed after a forced kill")
            }
            Err(error) => {
                tracing::warn!(mark = %mark.display(), %error, "crash-repair mark not removed")
            }
        }
    }
    let _ = std::fs::remove_file(killed);
}

/// Too little is free where renderers write; in words.
pub(super) fn disk_is_full<U: Uplink>(desk: &Desk<U>) -> Option<String> {
    let floor = desk.room.config.limits.disk_floor_bytes;
    let folder = desk.journal.folder();
    // A disk that does not say how full it is stops nobody.
    let free = host::free_bytes(folder).ok()?;
    (free < floor).then(|| {
        format!(
            "the disk of {} has {free} bytes free, and {floor} of them are to stay free; free some of it",
            folder.display()
        )
    })
}

/// A file of the data folder that says that a renderer was killed by force since the last start.
pub(super) const FORCED_KILL: &str = "forced-kill";
