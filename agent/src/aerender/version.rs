//! Which renderer this is, by asking it: `-version` prints a line and renders nothing.

#![expect(
    clippy::disallowed_methods,
    reason = "aerender is asked for its version with a deadline and killed on drop"
)]

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use super::reader::{Event, Reader};

/// How long it may take to answer.
const LIMIT: Duration = Duration::from_secs(30);
/// Most bytes of its answer that are read.
const MAX_BYTES: usize = 1 << 20;

/// Why a renderer has no version.
#[derive(Debug, thiserror::Error)]
pub enum VersionError {
    /// It could not be started.
    #[error("start {program} -version")]
    Start {
        /// The program.
        program: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It did not end in time.
    #[error("get an answer from {program} -version within {} seconds", LIMIT.as_secs())]
    Silent {
        /// The program.
        program: PathBuf,
    },
    /// It printed something else.
    #[error("read a version in what {program} -version printed: {printed:?}")]
    Unreadable {
        /// The program.
        program: PathBuf,
        /// The beginning of what it printed.
        printed: String,
    },
}

/// The version of the renderer at `program`, such as `26.2x49`.
///
/// # Errors
/// When it can't be started, does not answer, or answers something else.
pub async fn version(program: &Path) -> Result<String, VersionError> {
    let started = tokio::process::Command::new(program)
        .arg("-version")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(LIMIT, started)
        .await
        .map_err(|_| VersionError::Silent {
            program: program.into(),
        })?
        .map_err(|source| VersionError::Start {
            program: program.into(),
            source,
        })?;
    let mut printed = output.stdout;
    printed.push(b'\n');
    printed.extend(output.stderr);
    printed.truncate(MAX_BYTES);
    let mut reader = Reader::new();
    let mut events = reader.read(&printed);
    events.extend(reader.end());
    events
        .into_iter()
        .find_map(|event| match event {
            Event::Version(version) => Some(version),
            _ => None,
        })
        .ok_or_else(|| VersionError::Unreadable {
            program: program.into(),
            printed: String::from_utf8_lossy(&printed)
                .chars()
                .take(200)
                .collect(),
        })
}
