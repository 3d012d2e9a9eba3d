//! The command line of a render, and the names of the files that it writes. An argument vector throughout: whatever a
//! composition is called, it stays one argument.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Digits of a frame number in a file's name; longer numbers just get longer.
const PADDING: &str = "[#####]";

/// One render, in display frames.
#[derive(Debug, Clone)]
pub struct Render<'a> {
    /// The project file.
    pub project: &'a Path,
    /// The composition.
    pub composition: &'a str,
    /// First display frame.
    pub first: i64,
    /// Last display frame.
    pub last: i64,
    /// Output module template.
    pub output_template: &'a str,
    /// Render settings template.
    pub settings_template: &'a str,
    /// Where the files go; it exists.
    pub folder: &'a Path,
    /// How their names begin.
    pub stem: &'a str,
}

impl Render<'_> {
    /// The arguments. `-s` and `-e` are always there: without them the item's own time span decides. No `-log`: the
    /// output is redirected to a file instead, which keeps the documented exit codes (section 2.6).
    pub fn arguments(&self) -> Vec<OsString> {
        let output = self.folder.join(format!("{}_{PADDING}.tif", self.stem));
        let mut arguments: Vec<OsString> = Vec::new();
        let mut flag = |name: &str, value: OsString| {
            arguments.push(name.into());
            arguments.push(value);
        };
        flag("-project", self.project.into());
        flag("-comp", self.composition.into());
        flag("-s", self.first.to_string().into());
        flag("-e", self.last.to_string().into());
        flag("-RStemplate", self.settings_template.into());
        flag("-OMtemplate", self.output_template.into());
        flag("-output", output.into());
        flag("-v", "ERRORS_AND_PROGRESS".into());
        flag("-close", "DO_NOT_SAVE_CHANGES".into());
        flag("-sound", "OFF".into());
        arguments
    }
}

/// A character of a folder's path that After Effects would not take literally in `-output` (section 1.5), if there is one.
pub fn bad_folder(folder: &Path) -> Option<char> {
    folder
        .to_string_lossy()
        .chars()
        .find(|character| matches!(character, '[' | ']' | '#' | '%'))
}

/// Which file is which frame, by name. The name proves nothing about what is inside.
#[derive(Debug, Clone)]
pub struct FrameName {
    stem: String,
}

impl FrameName {
    /// Of the files that a render with this stem writes.
    pub fn new(stem: impl Into<String>) -> Self {
        Self { stem: stem.into() }
    }

    /// The display frame in a file's name; `None` for any other file. The extension is the output module's choice.
    pub fn display(&self, path: &Path) -> Option<i64> {
        let name = path.file_stem()?.to_str()?;
        let number = name.strip_prefix(&self.stem)?.strip_prefix('_')?;
        let digits = number.strip_prefix('-').unwrap_or(number);
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        number.parse().ok()
    }

    /// Where the file of a display frame is expected.
    pub fn path(&self, folder: &Path, display: i64) -> PathBuf {
        folder.join(format!("{}_{display:05}.tif", self.stem))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_users_stays_one_argument() {
        let render = Render {
            project: Path::new("/s/project.aep"),
            composition: "-s 1; rm -rf \"$HOME\"",
            first: 86_400,
            last: 86_410,
            output_template: "TIFF Sequence with Alpha",
            settings_template: "Best Settings",
            folder: Path::new("/s/out"),
            stem: "job",
        };
        let arguments = render.arguments();
        assert_eq!(
            arguments,
            [
                "-project",
                "/s/project.aep",
                "-comp",
                "-s 1; rm -rf \"$HOME\"",
                "-s",
                "86400",
                "-e",
                "86410",
                "-RStemplate",
                "Best Settings",
                "-OMtemplate",
                "TIFF Sequence with Alpha",
                "-output",
                "/s/out/job_[#####].tif",
                "-v",
                "ERRORS_AND_PROGRESS",
                "-close",
                "DO_NOT_SAVE_CHANGES",
                "-sound",
                "OFF"
            ]
        );
    }

    #[test]
    fn a_frame_is_found_by_its_name_alone_when_the_stem_is_ours() {
        let names = FrameName::new("0199-ab");
        for (name, display) in [
            ("0199-ab_00012.tif", Some(12)),
            ("0199-ab_123456.tif", Some(123_456)),
            ("0199-ab_-0003.tif", Some(-3)),
            ("0199-ab_00012.psd", Some(12)),
            ("0199-ab_.tif", None),
            ("0199-ab_+12.tif", None),
            ("0199-ab_12x.tif", None),
            ("0199-cd_00012.tif", None),
            (".0199-ab_00012.tif", None),
        ] {
            assert_eq!(
                names.display(&Path::new("/o").join(name)),
                display,
                "{name}"
            );
        }
    }

    #[test]
    fn expected_paths_read_back() {
        let names = FrameName::new("j");
        for display in [-7, 0, 99_999, 100_000] {
            assert_eq!(
                names.display(&names.path(Path::new("/o"), display)),
                Some(display)
            );
        }
    }
}
