//! `flatctl snapshot`: one frame of a composition as a picture. The farm renders it once, however many ask.

#![expect(
    clippy::disallowed_methods,
    reason = "how long somebody waited is told, and how long to wait is asked"
)]

use std::path::Path;
use std::time::{Duration, Instant};

use flatrender_protocol::message::PictureFormat;
use flatrender_protocol::rest::{SnapshotSpec, SnapshotView};
use flatrender_protocol::state::SnapshotState;

use crate::args::Snapshot;
use crate::client::Client;
use crate::failure::{Doing, Exit, Failure};
use crate::output::{Screen, bytes, duration, safe};
use crate::picture;
use crate::render::{check, upload};

/// Runs the command to its end.
///
/// # Errors
/// What was wrong, refused or not reached; the renderer's words when no node can render it.
pub async fn run(args: &Snapshot, client: &Client, screen: &Screen) -> Result<Exit, Failure> {
    let did = format!("show frame {} of {}", args.frame, args.file.display());
    check::writable(&args.out, &did)?;
    let project = upload(&args.file, "/project", client, screen, &did).await?;
    let (width, height) = args
        .size
        .map_or((None, None), |size| (size.width, size.height));
    let spec = SnapshotSpec {
        project,
        composition: args.comp.clone(),
        frame: args.frame,
        width,
        height,
        format: Some(args.format.unwrap_or_else(|| format_of(&args.out))),
        renderer: args.renderer.clone(),
    };
    let asked = client.ask_for_snapshot(&spec).await.doing(&did)?;
    let done = tokio::select! {
        done = wait(asked, args.timeout, client, screen, &did) => done?,
        _ = tokio::signal::ctrl_c() => {
            return Err(Failure::new(Exit::Left, &did, "stopped by Ctrl-C")
                .hint("the farm goes on with it; the same command finds it again"));
        }
    };
    let bytes_on_their_way = client.snapshot_picture(done.id).await.doing(&did)?;
    let length = picture::save(bytes_on_their_way, done.digest, &args.out, &did).await?;
    if screen.json {
        screen.document(&done);
    } else {
        screen.data(&format!(
            "{}  {} × {}, {}",
            safe(&args.out.display().to_string()),
            done.width,
            done.height,
            bytes(length)
        ));
    }
    Ok(Exit::Done)
}

/// By the end of the file's name; PNG when that says nothing.
fn format_of(out: &Path) -> PictureFormat {
    let extension = out.extension().and_then(|extension| extension.to_str());
    match extension.map(str::to_lowercase).as_deref() {
        Some("jpg" | "jpeg") => PictureFormat::Jpeg,
        _ => PictureFormat::Png,
    }
}

/// Until it is done; a line whenever it is in another state.
async fn wait(
    asked: SnapshotView,
    patience: Duration,
    client: &Client,
    screen: &Screen,
    did: &str,
) -> Result<SnapshotView, Failure> {
    let started = Instant::now();
    let mut view = asked;
    let mut told = None;
    loop {
        if told != Some(view.state) {
            told = Some(view.state);
            screen.say(&progress(&view, started.elapsed()));
        }
        match view.state {
            SnapshotState::Done => return Ok(view),
            SnapshotState::Failed => return Err(failed(&view, did)),
            SnapshotState::Queued | SnapshotState::Leased => {}
        }
        if started.elapsed() >= patience {
            let waited = duration(patience.as_secs());
            let why = format!("it is still {} after {waited}", view.state);
            return Err(Failure::new(Exit::Conflict, did, why)
                .hint("flatctl node ls shows who could render it; the same command waits again"));
        }
        view = client.snapshot_soon(view.id).await.doing(did)?;
    }
}

fn progress(view: &SnapshotView, since: Duration) -> String {
    let what = format!("frame {} of {}", view.frame, safe(&view.composition));
    match view.state {
        SnapshotState::Queued => format!("{what}: waits for a node"),
        SnapshotState::Leased => format!("{what}: a node renders it"),
        SnapshotState::Done if view.hits > 0 || since < Duration::from_millis(50) => {
            format!("{what}: the farm has it")
        }
        SnapshotState::Done => format!("{what}: rendered in {:.1} s", since.as_secs_f64()),
        SnapshotState::Failed => format!("{what}: failed"),
    }
}

fn failed(view: &SnapshotView, did: &str) -> Failure {
    let why = view.error.as_deref().unwrap_or("no node could render it");
    let failure = Failure::new(Exit::Failed, did, safe(why));
    match &view.again_at {
        Some(at) => failure.hint(format!("asking again after {at} tries again")),
        None => failure,
    }
}
