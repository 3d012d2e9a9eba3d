//! Answers for: free space on the disk that holds a path.

use std::io;
use std::path::Path;

/// Bytes that this account may still write on the disk that holds `path`, which must exist.
#[cfg(unix)]
#[allow(clippy::useless_conversion, reason = "these are 32 bits wide on macOS")]
pub fn free_bytes(path: &Path) -> io::Result<u64> {
    let found = nix::sys::statvfs::statvfs(path)?;
    Ok(u64::from(found.blocks_available()) * u64::from(found.fragment_size()))
}

/// Bytes that this account may still write on the disk that holds `path`, which must exist.
#[cfg(not(unix))]
pub fn free_bytes(path: &Path) -> io::Result<u64> {
    let path = std::path::absolute(path)?;
    sysinfo::Disks::new_with_refreshed_list()
        .map_err(io::Error::other)?
        .iter()
        .filter(|disk| path.starts_with(disk.mount_point()))
        .max_by_key(|disk| disk.mount_point().as_os_str().len())
        .map(sysinfo::Disk::available_space)
        .ok_or_else(|| io::Error::other("no disk holds this path"))
}
