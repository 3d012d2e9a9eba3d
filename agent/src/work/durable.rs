//! Files that are whole or not there, whatever dies when: written beside their name, synced, renamed, folder synced.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::runtime::{Handle, RuntimeFlavor};

/// Most bytes of a JSON file of the agent's own.
const MAX_JSON_BYTES: u64 = 4 << 20;

/// Writes `parts`, one after the other, so that `path` is either as before or whole and on the disk.
///
/// # Errors
/// What the system says.
pub fn write(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    aside(|| write_here(path, parts))
}

fn write_here(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    let folder = path
        .parent()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "a path without a folder"))?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let beside = folder.join(name);
    let mut file = File::create(&beside)?;
    for part in parts {
        file.write_all(part)?;
    }
    file.sync_all()?;
    drop(file);
    std::fs::rename(&beside, path)?;
    sync_folder(folder)
}

/// Writes `value` as JSON, like [`write()`].
///
/// # Errors
/// What the system says.
pub fn write_json<T: Serialize>(path: &Path, value: &T) -> io::Result<()> {
    let bytes = serde_json::to_vec_pretty(value).map_err(io::Error::other)?;
    write(path, &[&bytes])
}

/// Reads what [`write_json`] wrote; `None` when it is not there.
///
/// # Errors
/// What the system says, and a file that is too large or is no such JSON.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    let length = match std::fs::metadata(path) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if length > MAX_JSON_BYTES {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!(
                "{}: {length} bytes; at most {MAX_JSON_BYTES} are read",
                path.display()
            ),
        ));
    }
    let bytes = std::fs::read(path)?;
    serde_json::from_slice(&bytes).map(Some).map_err(|error| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{}: {error}", path.display()),
        )
    })
}

/// Does something that waits for the disk without holding up the other tasks of a runtime that has several threads: on a
/// busy disk a sync takes seconds, and a node that does not say that it lives is lost.
pub fn aside<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        Ok(_) | Err(_) => work(),
    }
}

/// Makes the names in `folder` durable.
///
/// # Errors
/// What the system says.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}
