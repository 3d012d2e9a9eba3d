//! The release of After Effects that renders: frames of different ones are not mixed in one film.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Major and minor number of an After Effects, such as 25.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Release {
    /// 25 of 25.2.
    pub major: u16,
    /// 2 of 25.2.
    pub minor: u16,
}

/// A text that does not begin with a release.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" does not begin with a release such as 25.2")]
pub struct NoRelease(String);

impl FromStr for Release {
    type Err = NoRelease;

    /// Reads the beginning of what After Effects calls its version: `25.2x26`, `25.2.1x2`, and what may follow it.
    fn from_str(text: &str) -> Result<Self, NoRelease> {
        let wrong = || NoRelease(text.chars().take(60).collect());
        let (major, rest) = text.split_once('.').ok_or_else(wrong)?;
        let end = rest
            .find(|letter: char| !letter.is_ascii_digit())
            .unwrap_or(rest.len());
        let number = |digits: &str| {
            let all_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
            digits.parse().ok().filter(|_| all_digits)
        };
        Ok(Self {
            major: number(major).ok_or_else(wrong)?,
            minor: number(&rest[..end]).ok_or_else(wrong)?,
        })
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl TryFrom<String> for Release {
    type Error = NoRelease;

    fn try_from(text: String) -> Result<Self, NoRelease> {
        text.parse()
    }
}

impl From<Release> for String {
    fn from(release: Release) -> Self {
        release.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_of_a_version_is_its_release() {
        for (text, release) in [
            ("25.2x26", (25, 2)),
            ("24.6.1x2 windows", (24, 6)),
            ("17.0", (17, 0)),
        ] {
            let found: Release = text.parse().unwrap();
            assert_eq!((found.major, found.minor), release, "{text}");
        }
        for text in [
            "",
            "25",
            "x25.2",
            "25.",
            ".2",
            "-1.2",
            "+25.2",
            "99999999.1",
        ] {
            assert!(text.parse::<Release>().is_err(), "{text}");
        }
    }
}
