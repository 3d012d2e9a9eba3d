//! Answers for: names of files inside a package: relative, with forward slashes, the same file on Windows, macOS and Linux, and
//! never one outside. Must not: look at a file system.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Longest name of a file, in bytes; Windows refuses longer paths.
const LONGEST_BYTES: usize = 200;
/// Deepest folder.
const MOST_PARTS: usize = 16;
/// Names that Windows takes for devices, with any extension.
const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];

/// The name of a file relative to the package's footage folder, parts separated by `/`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FileName(String);

impl FileName {
    /// Takes a name that stays inside its folder on every system.
    ///
    /// # Errors
    ///
    /// Says which part of the name is refused, and why.
    pub fn new(name: impl Into<String>) -> Result<Self, String> {
        let name = name.into();
        let refused = |why: String| Err(format!("file name {}: {why}", shown(&name)));
        if name.is_empty() || name.len() > LONGEST_BYTES {
            return refused(format!("must have 1 to {LONGEST_BYTES} bytes"));
        }
        if name.split('/').count() > MOST_PARTS {
            return refused(format!("has more than {MOST_PARTS} parts"));
        }
        for part in name.split('/') {
            if let Some(why) = wrong_part(part) {
                return refused(format!("{} {why}", shown(part)));
            }
        }
        Ok(Self(name))
    }

    /// The name, parts separated by `/`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a part of a path is not taken; `None` if it is.
fn wrong_part(part: &str) -> Option<&'static str> {
    let stem = part.split('.').next().unwrap_or(part).to_ascii_lowercase();
    let numbered = |prefix: &str| {
        stem.strip_prefix(prefix)
            .is_some_and(|rest| rest.len() == 1 && rest.bytes().all(|byte| byte.is_ascii_digit()))
    };
    if part.is_empty() {
        return Some("is empty: the name must be relative, without a slash at its end");
    }
    if part == "." || part == ".." {
        return Some("leads out of the package");
    }
    if part.ends_with(['.', ' ']) || part.starts_with(' ') {
        return Some("starts or ends with a space, or ends with a dot");
    }
    // After Effects' File object undoes %xx in paths
    if part.contains(['\\', ':', '*', '?', '"', '<', '>', '|', '%']) {
        return Some("has a character that is not the same on every system (\\ : * ? \" < > | %)");
    }
    if part.starts_with('~') {
        return Some("starts with ~, which After Effects takes for a home folder");
    }
    if part
        .chars()
        .any(|letter| letter.is_control() || is_format(letter))
    {
        return Some("has a control character");
    }
    if DEVICES.contains(&stem.as_str()) || numbered("com") || numbered("lpt") {
        return Some("is a device on Windows");
    }
    None
}

/// Characters that change how a name is shown and not what it is: marks of direction, separators, the byte order mark.
fn is_format(letter: char) -> bool {
    matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

fn shown(name: &str) -> String {
    let start: String = name.chars().take(80).collect();
    format!("{start:?}")
}

impl TryFrom<String> for FileName {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        Self::new(name)
    }
}

impl From<FileName> for String {
    fn from(name: FileName) -> String {
        name.0
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_inside_the_package_are_taken() {
        for name in [
            "a.png",
            "(Footage)/عکس ۱.png",
            "x/y/z.mov",
            "common.txt",
            "com10.wav",
            ".hidden",
        ] {
            assert_eq!(FileName::new(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused_with_the_part() {
        for name in [
            "",
            "/etc/passwd",
            "../a",
            "a/../b",
            "a//b",
            "a/",
            "C:/a",
            "C:a",
            "a\\b",
            "//host/a",
            "~/a",
            "a.",
            "a ",
            "aux",
            "AUX.txt",
            "com1",
            "x/lpt9.wav",
            "a\u{0}b",
            "a\nb",
            "a:stream",
            "a%2e%2e",
            "\u{202e}gnp.a",
            "a\u{2028}",
        ] {
            let error = FileName::new(name).unwrap_err();
            assert!(error.starts_with("file name "), "{name:?}: {error}");
        }
        assert!(FileName::new("x".repeat(LONGEST_BYTES + 1)).is_err());
        assert!(FileName::new(vec!["x"; MOST_PARTS + 1].join("/")).is_err());
    }
}
