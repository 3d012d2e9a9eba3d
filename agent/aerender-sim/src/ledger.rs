//! Answers for: the ledger, a file outside everybody's reach that says which frames the stand-in rendered. Must not: know why a
//! frame was rendered.
//!
//! One JSON object a line, appended in one write, so that any number of processes can share a ledger. A line is written
//! just before the last piece of the frame's file: whoever has a whole frame finds it in the ledger, however hard the
//! renderer was killed.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

/// One frame that was rendered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The stem of the output file, before `_[#####]`: the agent's job id.
    pub job: String,
    /// The display frame.
    pub frame: i64,
    /// The output folder.
    pub dir: String,
    /// The process that rendered it (the second one, not the launcher).
    pub pid: u32,
    /// When, in milliseconds since 1970 by the host's clock.
    pub at_ms: u64,
}

/// A ledger that is open for appending.
#[derive(Debug)]
pub struct Ledger(File);

impl Ledger {
    /// Opens or creates it.
    ///
    /// # Errors
    ///
    /// If the file can't be opened for appending.
    pub fn open(path: &Path) -> io::Result<Self> {
        OpenOptions::new()
            .append(true)
            .create(true)
            .open(path)
            .map(Self)
    }

    /// Appends one line in one write.
    ///
    /// # Errors
    ///
    /// If the line can't be written.
    pub fn append(&mut self, entry: &Entry) -> io::Result<()> {
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        self.0.write_all(&line)
    }
}

/// All entries, in the order in which they were written. A ledger that was never written to is empty.
///
/// # Errors
///
/// If the file can't be read or a line is not an entry; the line is named.
pub fn read(path: impl AsRef<Path>) -> Result<Vec<Entry>> {
    let path = path.as_ref();
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => {
            return Err(error).with_context(|| format!("failed to open {}", path.display()));
        }
    };
    let mut entries = Vec::new();
    for (number, line) in BufReader::new(file).lines().enumerate() {
        let line = line.with_context(|| format!("failed to read {}", path.display()))?;
        let entry = serde_json::from_str(&line).with_context(|| {
            format!(
                "line {} of {} is no ledger entry",
                number + 1,
                path.display()
            )
        })?;
        entries.push(entry);
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_back_in_order_and_bad_lines_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.jsonl");
        assert!(read(&path).unwrap().is_empty());
        let entry = |frame| Entry {
            job: "j\"1".into(),
            frame,
            dir: "/a".into(),
            pid: 3,
            at_ms: 4,
        };
        for frame in [2, -1] {
            Ledger::open(&path).unwrap().append(&entry(frame)).unwrap();
        }
        assert_eq!(read(&path).unwrap(), [entry(2), entry(-1)]);
        std::fs::write(&path, "{}\n").unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("line 1 of"));
    }
}
