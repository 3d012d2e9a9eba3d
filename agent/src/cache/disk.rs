//! Answers for: the file operations of the cache that must not be got wrong: syncing folders, hashing and protecting files.

use std::fs::File;
use std::io;
use std::path::Path;

use flatrender_protocol::Digest;

/// Digest of a file's bytes. Blocking.
pub(super) fn digest(path: &Path) -> io::Result<Digest> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(File::open(path)?)?;
    Ok(hasher.finalize().into())
}

/// Makes the names in a folder durable.
#[cfg(unix)]
pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Windows makes names durable with the file and opens no folders.
#[cfg(not(unix))]
pub(super) fn sync_dir(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Keeps accidents away from a cached file.
#[cfg(unix)]
pub(super) fn write_protect(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o444))
}

/// Windows does not remove write-protected files.
#[cfg(not(unix))]
pub(super) fn write_protect(_: &Path) -> io::Result<()> {
    Ok(())
}
