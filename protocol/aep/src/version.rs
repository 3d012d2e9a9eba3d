//! Which After Effects saved a project, from the packed word in `head` and `svap`.

use serde::{Serialize, Serializer};

/// Version of After Effects. Ordered, so that a node's can be compared with a project's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct AeVersion {
    /// 11 is CS6, 17 is "2020", 22 is "2022", and the year's last two digits from there on.
    pub major: u32,
    /// Minor release.
    pub minor: u32,
    /// Patch.
    pub patch: u32,
    /// Build number.
    pub build: u32,
    /// Saved by a beta.
    pub beta: bool,
}

impl std::fmt::Display for AeVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}.{}.{}x{}",
            self.major, self.minor, self.patch, self.build
        )
    }
}

impl Serialize for AeVersion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The system a project was saved on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum AeOs {
    /// Windows.
    #[serde(rename = "win")]
    Windows,
    /// macOS on Intel.
    #[serde(rename = "mac")]
    Mac,
    /// macOS on Apple silicon.
    #[serde(rename = "mac-arm")]
    MacArm,
}

/// Takes the packed word apart. The major version has four bits above bit 25: bit 30 is set in real files and means
/// something else.
pub(crate) fn unpack(word: u32) -> (AeVersion, Option<AeOs>) {
    let bits = |from: u32, count: u32| (word >> from) & ((1 << count) - 1);
    let version = AeVersion {
        major: bits(26, 4) * 8 + bits(19, 3),
        minor: bits(15, 4),
        patch: bits(11, 4),
        build: bits(0, 8),
        beta: bits(9, 1) == 0,
    };
    let os = match bits(22, 4) {
        12 => Some(AeOs::Windows),
        13 => Some(AeOs::Mac),
        14 => Some(AeOs::MacArm),
        _ => None,
    };
    (version, os)
}

/// The inverse of [`unpack`] for the writer; parts too large for their bits are cut to them.
pub(crate) fn pack(version: AeVersion, os: AeOs) -> u32 {
    let os_bits: u32 = match os {
        AeOs::Windows => 12,
        AeOs::Mac => 13,
        AeOs::MacArm => 14,
    };
    ((version.major / 8) & 15) << 26
        | os_bits << 22
        | (version.major % 8) << 19
        | (version.minor & 15) << 15
        | (version.patch & 15) << 11
        | u32::from(!version.beta) << 9
        | (version.build & 255)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_real_projects_unpack() {
        for (word, text, os) in [
            (0x0718_077a, "11.0.0x122", AeOs::Windows),
            (0x0b08_9625, "17.1.2x37", AeOs::Windows),
            (0x0f8a_8604, "25.5.0x4", AeOs::MacArm),
            // bit 30 set, as a real file of 17.0 has it
            (0x4b48_062d, "17.0.0x45", AeOs::Mac),
        ] {
            let (version, found_os) = unpack(word);
            assert_eq!(version.to_string(), text);
            assert_eq!(found_os, Some(os));
            assert!(!version.beta);
            assert_eq!(unpack(pack(version, os)), (version, Some(os)));
        }
    }
}
