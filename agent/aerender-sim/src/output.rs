//! Answers for: the names of the files of a sequence, from the path that was asked for. Must not: write files.

use crate::ending::Failure;
use crate::module::Format;
use std::path::{Path, PathBuf};

/// Digits where the path has no `[#####]`.
const DIGITS: usize = 5;
/// The most digits a frame number is padded to.
const MOST_DIGITS: usize = 32;

/// The files of one sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sequence {
    folder: PathBuf,
    before: String,
    digits: usize,
    after: String,
    bare: String,
    format: Format,
    /// What is added to a frame's number.
    shift: i64,
}

impl Sequence {
    /// Takes an `-output` path apart. The output module decides the extension: `.tif` until
    /// [`Self::written_as`] says otherwise. `file://` addresses and `%xx` in them are paths as well.
    ///
    /// # Errors
    ///
    /// If the path has no file name.
    pub fn parse(output: &str) -> Result<Self, Failure> {
        let decoded = from_address(output);
        let output = decoded.as_deref().unwrap_or(output);
        let path = Path::new(output);
        let name = path.file_name().and_then(|name| name.to_str());
        let Some(name) = name else {
            let text = format!("the output path \"{output}\" has no file name.");
            return Err(Failure::runtime(&text));
        };
        let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
        let bare = name.rsplit_once('.').map_or(name, |(bare, _)| bare);
        let (before, digits, after) = match pad(bare) {
            Some((before, digits, after)) => (before.to_owned(), digits, after),
            None => (format!("{bare}_"), DIGITS, ""),
        };
        Ok(Self {
            folder,
            before,
            digits: digits.min(MOST_DIGITS),
            after: after.to_owned(),
            bare: bare.to_owned(),
            format: Format::Tiff,
            shift: 0,
        })
    }

    /// With the extension of a format.
    #[must_use]
    pub fn written_as(self, format: Format) -> Self {
        Self { format, ..self }
    }

    /// With files whose number is the frame's and this.
    #[must_use]
    pub fn shifted(self, shift: i64) -> Self {
        Self { shift, ..self }
    }

    /// The file of a format that writes one for the whole range: marks for a number stay as they are.
    #[must_use]
    pub fn whole(&self) -> PathBuf {
        let name = format!("{}.{}", self.bare, self.format.extension());
        self.folder.join(name)
    }

    /// The file of a display frame with an extension that nobody asked for.
    #[must_use]
    pub fn misnamed(&self, frame: i64) -> PathBuf {
        self.file(frame).with_extension("psd")
    }

    /// The folder the files go to.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What stands before `_[#####]`: the agent's job id.
    #[must_use]
    pub fn stem(&self) -> &str {
        self.before.strip_suffix('_').unwrap_or(&self.before)
    }

    /// The file of a display frame.
    #[must_use]
    pub fn file(&self, frame: i64) -> PathBuf {
        let digits = self.digits;
        let frame = frame.saturating_add(self.shift);
        self.folder.join(format!(
            "{}{frame:0digits$}{}.{}",
            self.before,
            self.after,
            self.format.extension()
        ))
    }

    /// The path with the place of the number, as After Effects prints it.
    #[must_use]
    pub fn pattern(&self) -> String {
        if self.format.is_whole() {
            return self.whole().display().to_string();
        }
        let marks = "#".repeat(self.digits);
        let extension = self.format.extension();
        let name = format!("{}[{marks}]{}.{extension}", self.before, self.after);
        self.folder.join(name).display().to_string()
    }
}

/// The path of a `file://` address; `%xx` stands for a byte.
fn from_address(output: &str) -> Option<String> {
    let encoded = output.strip_prefix("file://")?;
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let code = (byte == b'%')
            .then(|| str::from_utf8(after.get(..2)?).ok())
            .flatten();
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(decoded) => {
                bytes.push(decoded);
                rest = &after[2..];
            }
            None => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).ok()
}

/// Finds `[###]`: what stands before it, how many marks there are, what stands behind it.
fn pad(name: &str) -> Option<(&str, usize, &str)> {
    let (before, rest) = name.rsplit_once('[')?;
    let (marks, after) = rest.split_once(']')?;
    let only_marks = !marks.is_empty() && marks.chars().all(|mark| mark == '#');
    only_marks.then_some((before, marks.len(), after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_files() {
        for (output, frame, file, stem) in [
            (
                "/out/job-7_[#####].tif",
                12,
                "/out/job-7_00012.tif",
                "job-7",
            ),
            ("/out/job[##].psd", -1, "/out/job-1.tif", "job"),
            (
                "/out/a[b]_[####].tif",
                123_456,
                "/out/a[b]_123456.tif",
                "a[b]",
            ),
            ("/out/result", 3, "/out/result_00003.tif", "result"),
            ("file:///out/a%20b_[###].png", 3, "/out/a b_003.tif", "a b"),
            ("/out/v1.2_[###]_x.tif", 3, "/out/v1.2_003_x.tif", "v1.2"),
        ] {
            let sequence = Sequence::parse(output).unwrap();
            assert_eq!(sequence.file(frame), Path::new(file));
            assert_eq!(sequence.stem(), stem);
        }
        assert_eq!(
            Sequence::parse("/o/a_[###].tif").unwrap().pattern(),
            "/o/a_[###].tif"
        );
        assert!(Sequence::parse("/").is_err());
    }
}
