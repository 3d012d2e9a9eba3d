//! Fetching a film: written beside its place under another name, checked against its digest, and only then moved, so
//! that the file is the whole film or is not touched.

use std::io::Write;
use std::path::Path;

use flatrender_protocol::Digest;
use flatrender_protocol::rest::{FilmView, JobView};
use tempfile::NamedTempFile;

use crate::client::Client;
use crate::failure::{Doing, Exit, Failure, last_cause};
use crate::output::{Screen, bytes, count, safe};
use crate::progress::Transfer;
use crate::render::check::folder;

/// Writes the film of a finished job to `out`.
///
/// # Errors
/// When there is no film yet, it does not arrive whole, or it can't be written.
pub async fn fetch(
    client: &Client,
    job: &JobView,
    out: &Path,
    screen: &Screen,
) -> Result<Exit, Failure> {
    let did = format!("fetch the film of {}", job.name);
    let Some(film) = &job.film else {
        let why = format!("it has none yet: the job is {}", job.state);
        return Err(Failure::new(Exit::Conflict, did, why)
            .hint(format!("flatctl job watch {} waits for it", job.id)));
    };
    let unwritten = |error: &(dyn std::error::Error + 'static)| {
        let why = format!("{} can't be written: {}", out.display(), last_cause(error));
        Failure::new(Exit::Failed, &did, why).hint(again(job, out))
    };
    let mut part = tempfile::Builder::new()
        .prefix(".flatctl-")
        .suffix(".part")
        .tempfile_in(folder(out))
        .map_err(|error| unwritten(&error))?;
    let transfer = Transfer::new(screen, &format!("fetching {}", safe(&job.name)), film.bytes);
    let received = tokio::select! {
        received = receive(client, job, &mut part, &transfer, &did) => received,
        _ = tokio::signal::ctrl_c() => {
            Err(Failure::new(Exit::Left, &did, "stopped by Ctrl-C").hint(again(job, out)))
        }
    };
    transfer.end();
    let found = received?;
    if found != (film.digest, film.bytes) {
        let why = "what arrived is not the film that the farm announced";
        return Err(Failure::new(Exit::Failed, &did, why).hint(again(job, out)));
    }
    readable(&part).map_err(|error| unwritten(&error))?;
    part.as_file()
        .sync_all()
        .map_err(|error| unwritten(&error))?;
    part.persist(out).map_err(|error| unwritten(&error.error))?;
    if !screen.json {
        screen.data(&summary(film, out));
    }
    Ok(Exit::Done)
}

async fn receive(
    client: &Client,
    job: &JobView,
    part: &mut NamedTempFile,
    transfer: &Transfer,
    did: &str,
) -> Result<(Digest, u64), Failure> {
    let mut film = client.film(job.id).await.doing(did)?;
    let mut hasher = blake3::Hasher::new();
    let mut length = 0;
    while let Some(chunk) = film.chunk().await.doing(did)? {
        hasher.update(&chunk);
        length += chunk.len() as u64;
        part.write_all(&chunk)
            .map_err(|error| Failure::new(Exit::Failed, did, last_cause(&error)))?;
        transfer.at(length);
    }
    Ok((hasher.finalize().into(), length))
}

/// Temporary files are for their owner's eyes; a film is a file like others.
#[cfg(unix)]
pub(crate) fn readable(part: &NamedTempFile) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    part.as_file()
        .set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
pub(crate) fn readable(_: &NamedTempFile) -> std::io::Result<()> {
    Ok(())
}

fn again(job: &JobView, out: &Path) -> String {
    format!(
        "the farm keeps the film: flatctl download {} --out {}",
        job.id,
        out.display()
    )
}

fn summary(film: &FilmView, out: &Path) -> String {
    let padded = match film.padded {
        (0, 0) => String::new(),
        (columns, rows) => format!(" ({columns} × {rows} added: its format needs even sides)"),
    };
    format!(
        "{}  {} × {}{padded}, {} frames, {}.{:03} s, {}, {}",
        safe(&out.display().to_string()),
        film.width,
        film.height,
        count(u64::from(film.frames)),
        film.duration_ms / 1000,
        film.duration_ms % 1000,
        if film.sound { "with sound" } else { "no sound" },
        bytes(film.bytes),
    )
}
