//! Fetching a picture: written beside its place under another name and only then moved, so that the file is the whole
//! picture or is not touched.

use std::io::Write;
use std::path::Path;

use flatrender_protocol::Digest;

use crate::client::Film;
use crate::failure::{Doing, Exit, Failure, last_cause};
use crate::film::readable;
use crate::render::check::folder;

/// Writes what comes to `out`; its digest and its bytes.
///
/// # Errors
/// When it does not arrive whole, is not `expected`, or can't be written.
pub async fn save(
    mut picture: Film,
    expected: Option<Digest>,
    out: &Path,
    did: &str,
) -> Result<u64, Failure> {
    let unwritten = |error: &(dyn std::error::Error + 'static)| {
        let why = format!("{} can't be written: {}", out.display(), last_cause(error));
        Failure::new(Exit::Failed, did, why)
    };
    let mut part = tempfile::Builder::new()
        .prefix(".flatctl-")
        .suffix(".part")
        .tempfile_in(folder(out))
        .map_err(|error| unwritten(&error))?;
    let mut hasher = blake3::Hasher::new();
    let mut length = 0;
    while let Some(chunk) = picture.chunk().await.doing(did)? {
        hasher.update(&chunk);
        length += chunk.len() as u64;
        part.write_all(&chunk).map_err(|error| unwritten(&error))?;
    }
    let found = Digest::from(hasher.finalize());
    if expected.is_some_and(|expected| expected != found) {
        let why = "what arrived is not the picture that the farm announced";
        return Err(Failure::new(Exit::Failed, did, why));
    }
    readable(&part).map_err(|error| unwritten(&error))?;
    part.persist(out).map_err(|error| unwritten(&error.error))?;
    Ok(length)
}
