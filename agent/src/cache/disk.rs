//! Answers for: the file operations of the cache that must not be got wrong: syncing folders, hashing files, free space.

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

/// Bytes that this account may still write on the disk that holds `path`.
#[cfg(unix)]
#[allow(clippy::useless_conversion, reason = "these are 32 bits wide on macOS")]
pub(super) fn free_bytes(path: &Path) -> io::Result<u64> {
    let found = nix::sys::statvfs::statvfs(path)?;
    Ok(u64::from(found.blocks_available()) * u64::from(found.fragment_size()))
}

/// Bytes that this account may still write on the disk that holds `path`.
#[cfg(not(unix))]
pub(super) fn free_bytes(path: &Path) -> io::Result<u64> {
    let path = std::path::absolute(path)?;
    sysinfo::Disks::new_with_refreshed_list()
        .iter()
        .filter(|disk| path.starts_with(disk.mount_point()))
        .max_by_key(|disk| disk.mount_point().as_os_str().len())
        .map(sysinfo::Disk::available_space)
        .ok_or_else(|| io::Error::other("no disk holds this path"))
}
