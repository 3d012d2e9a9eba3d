//! Answers for: what the settings can say about a fault: what goes wrong, when, how often and for whom. Must not: do it (`faults` and
//! `frames` do).

use serde::Deserialize;

/// Something that goes wrong.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What.
    pub kind: Kind,
    /// When; the first frame if it is not said.
    #[serde(default)]
    pub at: At,
    /// How often, over all processes that share a `home`; always if it is not said. Of several frames each counts.
    pub times: Option<u32>,
    /// How many frames in a row, for faults of a frame.
    #[serde(default = "one_frame")]
    pub frames: u32,
    /// Only for jobs with this stem.
    pub job: Option<String>,
    /// Only on the nodes with these names (`AERENDER_SIM_NODE`); on all of them if none is named.
    #[serde(default)]
    pub nodes: Vec<String>,
    /// How long a slow start takes.
    #[serde(default = "slow_start_ms")]
    pub ms: u64,
    /// By how many MiB memory grows with each frame.
    #[serde(default = "grow_mib")]
    pub mib: u32,
}

fn one_frame() -> u32 {
    1
}

fn grow_mib() -> u32 {
    16
}

fn slow_start_ms() -> u64 {
    40_000
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// After Effects dies like after an access violation.
    Crash,
    /// It says and does nothing more, until it is killed.
    Hang,
    /// Like `hang`, with a processor at work.
    Spin,
    /// It ends as if all had gone well, with code 0, and has not rendered the rest.
    Exit0,
    /// It ends with an error and code 1.
    Exit1,
    /// The frame's file is never finished; everything goes on as if it were.
    Torn,
    /// The frame's file stays empty; everything goes on as if it were whole.
    Empty,
    /// The frame's file is never made; everything goes on as if it were.
    Missing,
    /// The frame is black.
    Black,
    /// The frame has half of its width and height.
    WrongSize,
    /// The frame's file has 16 bits a channel in place of 8, or 8 in place of 16.
    WrongDepth,
    /// The frame shows the picture of the one before it (the first one of the composition: the one behind it).
    OtherFrame,
    /// This frame's picture is shown by all frames that are begun later, too.
    Frozen,
    /// A quarter of the frame is noise.
    Noise,
    /// Nothing happens for `ms` before the first message.
    SlowStart,
    /// It ignores polite signals and a launcher that is gone, and doesn't end when it is done.
    RefuseToDie,
    /// It leaves a process behind.
    Child,
    /// It refuses to render because another instance seems to run.
    AnotherInstance,
    /// It takes `mib` more memory with each frame from then on, and keeps it.
    Grow,
    /// The GPU fails at a frame: it says so, and that frame and all that are begun later are black, with exit code 0.
    GpuFailure,
    /// The frame's file has another extension than the one asked for.
    WrongExtension,
    /// A plug-in is not installed: After Effects says so, and all frames lack what it draws.
    MissingEffect,
    /// A font is not installed: After Effects says so, and all texts have another one.
    MissingFont,
    /// An expression fails: After Effects says so, and what it moves stands still.
    DisabledExpression,
}

/// What a fault is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Concern {
    /// The process, at a moment.
    Process,
    /// The process, from its launch on.
    Launch,
    /// The file or the picture of a frame.
    Frame,
    /// The project, for the whole run.
    Project,
    /// Memory, from a moment on.
    Memory,
}

impl Kind {
    /// What this fault is about.
    #[must_use]
    pub fn concern(self) -> Concern {
        match self {
            Self::Crash
            | Self::Hang
            | Self::Spin
            | Self::Exit0
            | Self::Exit1
            | Self::AnotherInstance => Concern::Process,
            Self::SlowStart | Self::RefuseToDie | Self::Child => Concern::Launch,
            Self::Torn
            | Self::Empty
            | Self::Missing
            | Self::Black
            | Self::WrongSize
            | Self::WrongDepth
            | Self::OtherFrame
            | Self::Frozen
            | Self::Noise
            | Self::GpuFailure
            | Self::WrongExtension => Concern::Frame,
            Self::MissingEffect | Self::MissingFont | Self::DisabledExpression => Concern::Project,
            Self::Grow => Concern::Memory,
        }
    }
}

/// When something goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(untagged)]
pub enum At {
    /// While this display frame is half written.
    Frame(i64),
    /// After so many frames of this run (for a fault of a frame: at the frame that comes after so many).
    After {
        /// Frames that were finished before.
        after: u32,
    },
    /// At a named place.
    #[serde(with = "place")]
    Place(Place),
    /// Not said: at the start.
    #[default]
    #[serde(skip)]
    Unsaid,
}

/// A place in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// Before After Effects' first message.
    Launch,
    /// Before the first frame (for a fault of a frame: at the first frame).
    Start,
    /// After the last frame, before it is said that the composition is finished (for a fault of a frame: at the last frame).
    End,
}

/// Named places are plain strings inside an untagged enum.
mod place {
    use super::Place;
    use serde::{Deserialize, Deserializer};

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Place, D::Error> {
        Place::deserialize(from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;
    use std::time::Duration;

    #[test]
    fn every_way_to_say_when_is_understood() {
        let settings = Settings::parse(
            r#"{"frame_ms": 5, "frame_ms_by_frame": {"-3": 9}, "faults": [
                {"kind": "crash", "at": 12}, {"kind": "hang", "at": "end"},
                {"kind": "torn", "at": {"after": 3}, "job": "j"}, {"kind": "slow_start", "ms": 7}]}"#,
        )
        .unwrap();
        let at: Vec<At> = settings.faults.iter().map(|fault| fault.at).collect();
        assert_eq!(
            at,
            [
                At::Frame(12),
                At::Place(Place::End),
                At::After { after: 3 },
                At::Unsaid
            ]
        );
        assert_eq!(settings.frame_time(-3), Duration::from_millis(9));
        assert_eq!(settings.frame_time(0), Duration::from_millis(5));
        assert_eq!(settings.faults[3].ms, 7);
    }
}
