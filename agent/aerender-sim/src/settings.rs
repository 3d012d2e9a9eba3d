//! Answers for: what the variable `AERENDER_SIM` says, as the path of a JSON file or as JSON itself. Must not: act on it.
//!
//! Without the variable the stand-in renders as fast as it can, unkindly, and without faults. Unknown keys are refused: a fault
//! that is misspelt must not look like a test that passed.

use crate::fault::{At, Concern, Fault, Place};
use crate::speech::Language;
use crate::templates::Made;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// The variable that holds the settings.
pub const SETTINGS_VARIABLE: &str = "AERENDER_SIM";
/// The variable that holds the name of the node that this is, for faults of single nodes.
pub const NODE_VARIABLE: &str = "AERENDER_SIM_NODE";
/// The variable that holds the ledger's path.
pub const LEDGER_VARIABLE: &str = "AERENDER_SIM_LEDGER";
/// The greatest file of settings that is read, in bytes.
const GREATEST_FILE: u64 = 1 << 20;

/// How the stand-in behaves.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Milliseconds a frame takes; 0 doesn't wait at all.
    pub frame_ms: u64,
    /// Milliseconds for single display frames, in place of `frame_ms`.
    pub frame_ms_by_frame: BTreeMap<i64, u64>,
    /// Milliseconds from the start of After Effects to its first message.
    pub startup_ms: u64,
    /// Decides in which order the pieces of frames are written.
    pub seed: u64,
    /// Frames under work at the same time; 1 keeps the order. `-mfr OFF` makes it 1.
    pub mfr_window: usize,
    /// Files come empty first and then in three pieces, out of order, and the launcher's own lines last.
    pub unkind: bool,
    /// Frames are shown as bare numbers in the output, not as timecode.
    pub bare_frames: bool,
    /// The language of After Effects' own lines.
    pub language: Language,
    /// Its lines come in a code page of one byte a letter; what that lacks becomes a question mark.
    pub code_page: bool,
    /// The number that the project gives to its first frame, in place of its own: 0 or 1.
    pub display_base: Option<i64>,
    /// The render queue, in place of the project's.
    pub queue: Option<Vec<QueuedItem>>,
    /// Output module templates that somebody made: their names, and what they write.
    pub output_templates: BTreeMap<String, Made>,
    /// The folder of After Effects' preferences: where the crash-repair mark and the counts of faults stand.
    pub home: Option<PathBuf>,
    /// What goes wrong.
    pub faults: Vec<Fault>,
    /// The node that this is, from [`NODE_VARIABLE`].
    #[serde(skip)]
    pub node: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            frame_ms: 0,
            frame_ms_by_frame: BTreeMap::new(),
            startup_ms: 0,
            seed: 0,
            mfr_window: 4,
            unkind: true,
            bare_frames: false,
            language: Language::En,
            code_page: false,
            display_base: None,
            queue: None,
            output_templates: BTreeMap::new(),
            home: None,
            faults: Vec::new(),
            node: None,
        }
    }
}

/// An item of the render queue.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueuedItem {
    /// The composition's name.
    pub comp: String,
    /// Where it stands.
    #[serde(default)]
    pub status: Status,
    /// Where its first output module writes to.
    pub output: Option<String>,
    /// Its render settings template.
    pub settings_template: Option<String>,
    /// The template of its first output module.
    pub output_template: Option<String>,
}

/// Where an item of the queue stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It will be rendered.
    #[default]
    Queued,
    /// It has no path.
    NeedsOutput,
    /// It was stopped, and is to go on.
    WillContinue,
    /// It is not to be rendered, for whatever reason.
    Done,
}

/// Why the settings can't be had.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file can't be read.
    #[error("read the settings file {path}, named by {SETTINGS_VARIABLE}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It is not the JSON that is wanted.
    #[error("understand the settings of {SETTINGS_VARIABLE}")]
    Json(#[source] serde_json::Error),
    /// The values don't go together.
    #[error("use the settings of {SETTINGS_VARIABLE}: {0}")]
    Senseless(&'static str),
}

impl Settings {
    /// The settings of this process's environment.
    ///
    /// # Errors
    ///
    /// See [`SettingsError`].
    pub fn from_environment() -> Result<Self, SettingsError> {
        let settings = match std::env::var_os(SETTINGS_VARIABLE) {
            None => Self::default(),
            Some(value) => match value.to_str() {
                Some(text) if text.trim_start().starts_with('{') => Self::parse(text)?,
                Some("") => Self::default(),
                _ => Self::parse(&read(PathBuf::from(value))?)?,
            },
        };
        Ok(Self {
            node: std::env::var(NODE_VARIABLE).ok(),
            ..settings
        })
    }

    /// The settings of a JSON text.
    ///
    /// # Errors
    ///
    /// See [`SettingsError`].
    pub fn parse(text: &str) -> Result<Self, SettingsError> {
        let settings: Self = serde_json::from_str(text).map_err(SettingsError::Json)?;
        if settings.mfr_window == 0 || settings.mfr_window > 64 {
            return Err(SettingsError::Senseless("mfr_window must be 1 to 64"));
        }
        let counted = settings.faults.iter().any(|fault| fault.times.is_some());
        if counted && settings.home.is_none() {
            let reason = "a fault with times needs a home, the folder where it is counted";
            return Err(SettingsError::Senseless(reason));
        }
        if settings
            .display_base
            .is_some_and(|base| !(0..=1).contains(&base))
        {
            return Err(SettingsError::Senseless("display_base must be 0 or 1"));
        }
        if settings.faults.iter().any(|fault| fault.frames == 0) {
            let reason = "a fault of no frames would never happen; frames must be 1 at least";
            return Err(SettingsError::Senseless(reason));
        }
        if settings.faults.iter().any(|fault| fault.mib > 1024) {
            return Err(SettingsError::Senseless("mib must be 1024 at most"));
        }
        let launch = At::Place(Place::Launch);
        if settings
            .faults
            .iter()
            .any(|fault| fault.kind.concern() == Concern::Frame && fault.at == launch)
        {
            return Err(SettingsError::Senseless(
                "no frame is rendered at \"launch\"",
            ));
        }
        Ok(settings)
    }

    /// How long this frame takes.
    #[must_use]
    pub fn frame_time(&self, frame: i64) -> Duration {
        let ms = self
            .frame_ms_by_frame
            .get(&frame)
            .copied()
            .unwrap_or(self.frame_ms);
        Duration::from_millis(ms)
    }
}

fn read(path: PathBuf) -> Result<String, SettingsError> {
    use std::io::Read;
    let text = std::fs::File::open(&path).and_then(|file| {
        let mut text = String::new();
        file.take(GREATEST_FILE)
            .read_to_string(&mut text)
            .map(|_| text)
    });
    text.map_err(|source| SettingsError::Read { path, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_not_be_meant_is_refused() {
        for text in [
            r#"{"frame_mss": 5}"#,
            r#"{"faults": [{"kind": "crush"}]}"#,
            r#"{"faults": [{"kind": "crash", "at": "middle"}]}"#,
            r#"{"faults": [{"kind": "crash", "when": 3}]}"#,
            r#"{"faults": [{"kind": "crash", "times": 1}]}"#,
            r#"{"faults": [{"kind": "torn", "at": "launch"}]}"#,
            r#"{"faults": [{"kind": "torn", "frames": 0}]}"#,
            r#"{"node": "a"}"#,
            r#"{"mfr_window": 0}"#,
        ] {
            assert!(Settings::parse(text).is_err(), "{text}");
        }
        assert_eq!(Settings::parse("{}").unwrap(), Settings::default());
    }
}
