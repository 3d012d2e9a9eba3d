//! The folder of everything that this controller keeps. Others may at most pass through it: the embedded database of a root
//! process runs under another account.

use std::path::Path;

use anyhow::Context;

use crate::config::Config;

/// Makes the data folder when it is missing.
pub(super) fn make(config: &Config) -> anyhow::Result<()> {
    let folder = &config.data_dir;
    create(folder).with_context(|| {
        format!(
            "create the data folder {}; choose another with data_dir or --data-dir",
            folder.display()
        )
    })?;
    let private = config.store_dir();
    create_mode(&private, 0o700).with_context(|| format!("create {}", private.display()))
}

fn create(folder: &Path) -> std::io::Result<()> {
    if let Some(parent) = folder.parent() {
        std::fs::create_dir_all(parent)?;
    }
    create_mode(
        folder,
        if crate::config::is_root() {
            0o711
        } else {
            0o700
        },
    )
}

fn create_mode(folder: &Path, mode: u32) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, mode);
    #[cfg(not(unix))]
    let _ = mode;
    match builder.create(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && folder.is_dir() => {
            Ok(())
        }
        other => other,
    }
}
