//! `flatctl render`: checks here what can be checked here, uploads what the farm does not have, submits, follows,
//! fetches the film.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flatrender_protocol::Digest;
use flatrender_protocol::message::TrackKind;
use flatrender_protocol::rest::{JobSpec, JobView, TrackSpec, UploadedFile};

use crate::args::Render;
use crate::client::{Client, Sent};
use crate::failure::{Doing, Exit, Failure, last_cause};
use crate::output::{Screen, bytes, count, safe};
use crate::progress::Transfer;
use crate::{film, follow};

pub(crate) mod check;
mod sound;
mod source;
mod values;

pub use sound::Sound;
pub use values::Medium;

/// Runs the command to its end.
///
/// # Errors
/// What was wrong, refused or not reached.
pub async fn run(args: &Render, client: &Client, screen: &Screen) -> Result<Exit, Failure> {
    let did = format!("render {}", args.file.display());
    let found = source::find(args, &did)?;
    check::render(args, &found.project, &did)?;
    let document = values::read(args, &found.project, &did)?;
    let ready = source::ready(found, args, screen, &did).await?;
    let project = upload(&ready.file, "/project", client, screen, &did).await?;
    drop(ready);
    let mut tracks = Vec::new();
    for (kind, sound) in sounds(args) {
        let pointer = format!("/tracks/{}/file", tracks.len());
        let file = upload(&sound.file, &pointer, client, screen, &did).await?;
        let volume = sound.volume_percent;
        tracks.push(TrackSpec { kind, file, volume });
    }
    let values = match document {
        Some(document) => Some(
            document
                .send(args.allow_missing, client, screen, &did)
                .await?,
        ),
        None => None,
    };
    let spec = JobSpec {
        name: args.name.clone(),
        project,
        composition: args.comp.clone(),
        frames: args.frames.clone(),
        priority: args.priority,
        tracks,
        values,
        own_sound: args.no_own_sound.then_some(false),
        canary: args.no_canary.then_some(false),
        accept_suspect: args.accept_suspect,
    };
    let job = client.submit(&spec).await.doing(&did)?;
    announce(&job, args, screen);
    if !args.watch && args.out.is_none() {
        return Ok(Exit::Done);
    }
    let job = follow::to_its_end(client, job, screen, args.patience.patience).await?;
    match (&args.out, follow::verdict(&job)) {
        (_, Err(failure)) => Err(failure),
        (None, Ok(exit)) => Ok(exit),
        (Some(out), Ok(_)) => film::fetch(client, &job, out, screen).await,
    }
}

/// The tracks that were asked for, in their fixed order.
fn sounds(args: &Render) -> Vec<(TrackKind, &Sound)> {
    [
        (TrackKind::Music, &args.music),
        (TrackKind::Sfx, &args.sfx),
        (TrackKind::Voiceover, &args.voiceover),
    ]
    .into_iter()
    .filter_map(|(kind, sound)| Some((kind, sound.as_ref()?)))
    .collect()
}

/// The id alone on stdout, so that scripts can take it; the rest for people.
fn announce(job: &JobView, args: &Render, screen: &Screen) {
    let follows = args.watch || args.out.is_some();
    if screen.json {
        screen.document(job);
    } else if !follows {
        screen.data(&job.id.to_string());
    }
    let rate = job.rate.as_f64();
    screen.say(&format!(
        "submitted {}: {} frames of {} at {} × {}, {rate:.3} frames/s",
        safe(&job.name),
        count(u64::from(job.frames_total)),
        safe(&job.composition),
        job.width,
        job.height,
    ));
    for note in &job.notes {
        screen.aside("note", note);
    }
    if !follows {
        screen.aside("hint", &format!("flatctl job watch {} follows it", job.id));
    }
}

/// Brings a file to the farm, unless it is there.
pub(crate) async fn upload(
    file: &Path,
    pointer: &str,
    client: &Client,
    screen: &Screen,
    did: &str,
) -> Result<UploadedFile, Failure> {
    let refused = |error: &(dyn std::error::Error + 'static)| {
        let why = format!("{}: {}", file.display(), last_cause(error));
        Failure::input(did, pointer, "unreadable", why)
    };
    let path = file.to_path_buf();
    let (digest, length) = tokio::task::spawn_blocking(move || digest_of(&path))
        .await
        .map_err(|error| refused(&error))?
        .map_err(|error| refused(&error))?;
    let file_name = file
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    if client.has_blob(&digest).await.doing(did)? {
        screen.say(&format!("{}: the farm has it", safe(&file_name)));
        return Ok(UploadedFile { digest, file_name });
    }
    let transfer = Transfer::new(screen, &format!("uploading {}", safe(&file_name)), length);
    let moved = transfer.clone();
    let sent: Sent = Arc::new(move |bytes| moved.at(bytes));
    let result = tokio::select! {
        result = client.put_blob(&digest, file, length, sent) => result,
        _ = tokio::signal::ctrl_c() => {
            transfer.end();
            return Err(Failure::new(Exit::Left, did, "stopped by Ctrl-C").hint("nothing was submitted"));
        }
    };
    transfer.end();
    result.doing(did)?;
    screen.say(&format!(
        "{}: uploaded, {}",
        safe(&file_name),
        bytes(length)
    ));
    Ok(UploadedFile { digest, file_name })
}

fn digest_of(path: &PathBuf) -> std::io::Result<(Digest, u64)> {
    let mut file = File::open(path)?;
    let mut hasher = blake3::Hasher::new();
    let mut piece = vec![0; 1 << 20];
    let mut length = 0;
    loop {
        let count = file.read(&mut piece)?;
        if count == 0 {
            return Ok((hasher.finalize().into(), length));
        }
        hasher.update(&piece[..count]);
        length += count as u64;
    }
}
