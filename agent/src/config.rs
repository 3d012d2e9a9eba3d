//! The agent's configuration: `agent.toml` in the data folder, over it the variables `FLATRENDER_AGENT_*`, over those the
//! flags of the command line. A key that it does not know is refused, wherever it stands. Nothing here is read twice: a
//! change asks for a restart.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What the variables begin with; `__` separates levels: `FLATRENDER_AGENT_LIMITS__STOP_MS=5000`.
pub const VARIABLES: &str = "FLATRENDER_AGENT_";

/// Whose machine this is (`design/agent.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeKind {
    /// The farm's: its After Effects may be cleaned up after a crash.
    Dedicated,
    /// A person's too: nothing of After Effects is ever touched.
    Shared,
}

/// How the agent works on this machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where everything of the agent's own lies. Not read from the file, which lies in it.
    #[serde(skip)]
    pub data_dir: PathBuf,
    /// aerender. Without one the node can only assemble.
    pub renderer: Option<PathBuf>,
    /// Attempts at once.
    pub slots: u32,
    /// Whose machine this is; `dedicated` unless said.
    pub kind: NodeKind,
    /// Controllers, as `host:port`, instead of those of the join token.
    pub controllers: Vec<String>,
    /// Files and folders that After Effects leaves after it was killed and that would hold up its next start with a
    /// dialog. Removed before a start that follows a forced kill, on dedicated nodes only.
    pub crash_repair_marks: Vec<PathBuf>,
    /// How long a shim goes on without an agent.
    pub shim_unclaimed_seconds: f64,
    /// Whether renderers are stopped when the agent ends; otherwise they go on and the next agent finds them.
    pub stop_renderers: bool,
    /// Most bytes of finished frames that wait for the controller.
    pub spool_max_bytes: u64,
    /// Most bytes of projects and sounds kept for later.
    pub cache_max_bytes: u64,
    /// Bytes that the cache leaves free on its disk.
    pub cache_min_free_bytes: u64,
    /// The deadlines of a render.
    pub limits: Limits,
    /// The program that becomes a shim, when it is not this one.
    #[serde(skip)]
    pub shim_program: Option<PathBuf>,
}

/// The deadlines of a render, in milliseconds where they are times.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Until the launcher's process is up.
    pub starting_ms: u64,
    /// Until After Effects has opened the project, whatever it does.
    pub opening_ms: u64,
    /// How long it may do nothing at all while it opens the project.
    pub opening_quiet_ms: u64,
    /// From then on until the first frame.
    pub first_frame_ms: u64,
    /// No new frame for so long, or for `silence_frames` frame times if that is longer, and nothing done for `quiet_ms`: it hangs.
    pub silence_ms: u64,
    /// See `silence_ms`.
    pub silence_frames: u32,
    /// See `silence_ms`: no processor time, output or file growth.
    pub quiet_ms: u64,
    /// No new frame for so long, or for `spinning_frames` frame times: it hangs, however busy it is.
    pub spinning_ms: u64,
    /// See `spinning_ms`.
    pub spinning_frames: u32,
    /// How long it may take to end when every frame is there.
    pub finalising_ms: u64,
    /// How long After Effects has to stop after its launcher was ended, or `stop_frames` frame times if that is longer.
    pub stop_ms: u64,
    /// See `stop_ms`.
    pub stop_frames: u32,
    /// How long processes may stay behind when every frame is there and the launcher has ended by itself.
    pub leftover_ms: u64,
    /// Most bytes of output that a renderer may write.
    pub log_max_bytes: u64,
    /// Bytes that stay free on the disk where renderers write; below it none is started, and one that runs is stopped.
    pub disk_floor_bytes: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::new(),
            renderer: None,
            slots: 1,
            kind: NodeKind::Dedicated,
            controllers: Vec::new(),
            crash_repair_marks: Vec::new(),
            shim_unclaimed_seconds: 600.0,
            stop_renderers: false,
            spool_max_bytes: 20 << 30,
            cache_max_bytes: 50 << 30,
            cache_min_free_bytes: 2 << 30,
            limits: Limits::default(),
            shim_program: None,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            starting_ms: 60_000,
            opening_ms: 900_000,
            opening_quiet_ms: 120_000,
            first_frame_ms: 1_800_000,
            silence_ms: 30_000,
            silence_frames: 10,
            quiet_ms: 15_000,
            spinning_ms: 900_000,
            spinning_frames: 60,
            finalising_ms: 180_000,
            stop_ms: 20_000,
            stop_frames: 2,
            leftover_ms: 3_000,
            log_max_bytes: 64 << 20,
            disk_floor_bytes: 512 << 20,
        }
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("read the configuration {path}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It is no such TOML, or a key is unknown.
    #[error("understand the configuration ({sources})")]
    Understand {
        /// Where the keys may stand.
        sources: String,
        /// Which key, and why.
        #[source]
        source: toml::de::Error,
    },
    /// A value that can't work.
    #[error("use {key} = {value}: {reason}")]
    Value {
        /// The key.
        key: &'static str,
        /// Its value.
        value: String,
        /// Why not, with the way out.
        reason: String,
    },
}

impl Config {
    /// Reads the configuration of `data_dir` (or `file` in place of its `agent.toml`) and of `variables`.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn load(
        data_dir: &Path,
        file: Option<&Path>,
        variables: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let default = data_dir.join("agent.toml");
        let path = file.unwrap_or(&default);
        let read_error = |source| ConfigError::Read {
            path: path.to_owned(),
            source,
        };
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if file.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
                String::new()
            }
            Err(error) => return Err(read_error(error)),
        };
        let understand = |source| ConfigError::Understand {
            sources: format!("{} or a variable {VARIABLES}*", path.display()),
            source,
        };
        let mut table: toml::Table = text.parse().map_err(understand)?;
        for (name, value) in variables {
            if let Some(key) = name.strip_prefix(VARIABLES) {
                // Where the folder is says the command line, which reads this variable itself.
                if key != "DATA_DIR" {
                    set(&mut table, &key.to_ascii_lowercase(), &value);
                }
            }
        }
        let mut config: Self = table.try_into().map_err(understand)?;
        config.data_dir = data_dir.to_owned();
        config.make_absolute().map_err(read_error)?;
        Ok(config)
    }

    /// Paths mean the same wherever a process that gets them runs. A bare program name is still looked for in `PATH`.
    ///
    /// # Errors
    /// When the current folder is not known.
    pub fn make_absolute(&mut self) -> std::io::Result<()> {
        self.data_dir = std::path::absolute(&self.data_dir)?;
        for mark in &mut self.crash_repair_marks {
            *mark = std::path::absolute(&mark)?;
        }
        if let Some(renderer) = &mut self.renderer
            && renderer.components().count() > 1
        {
            *renderer = std::path::absolute(&renderer)?;
        }
        Ok(())
    }

    /// Checks what only shows when all is put together.
    ///
    /// # Errors
    /// [`ConfigError::Value`] with the key.
    pub fn check(&self) -> Result<(), ConfigError> {
        if !(1..=64).contains(&self.slots) {
            return Err(ConfigError::Value {
                key: "slots",
                value: self.slots.to_string(),
                reason: "1 to 64 are possible".into(),
            });
        }
        if !(0.0..=1e9).contains(&self.shim_unclaimed_seconds) {
            return Err(ConfigError::Value {
                key: "shim_unclaimed_seconds",
                value: self.shim_unclaimed_seconds.to_string(),
                reason: "0 to 1000000000 are possible".into(),
            });
        }
        if let Some(bad) = crate::aerender::bad_folder(&self.data_dir) {
            return Err(ConfigError::Value {
                key: "data_dir",
                value: self.data_dir.display().to_string(),
                reason: format!(
                    "After Effects does not take {bad:?} in an output path literally; choose a folder without it"
                ),
            });
        }
        Ok(())
    }

    /// The folders of the data folder.
    pub fn folder(&self, name: &str) -> PathBuf {
        self.data_dir.join(name)
    }

    /// How long a shim goes on without an agent.
    pub fn shim_unclaimed(&self) -> Duration {
        Duration::try_from_secs_f64(self.shim_unclaimed_seconds).unwrap_or(Duration::MAX)
    }
}

/// Sets `a__b` to a value: TOML if it is TOML, else text.
fn set(table: &mut toml::Table, key: &str, value: &str) {
    let parsed = format!("v = {value}")
        .parse::<toml::Table>()
        .ok()
        .and_then(|mut one| one.remove("v"))
        .unwrap_or_else(|| toml::Value::String(value.to_owned()));
    match key.split_once("__") {
        None => {
            table.insert(key.to_owned(), parsed);
        }
        Some((level, rest)) => {
            let inner = table
                .entry(level)
                .or_insert_with(|| toml::Value::Table(toml::Table::new()));
            if let toml::Value::Table(inner) = inner {
                set(inner, rest, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("agent.toml"), text).unwrap();
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::load(folder.path(), None, variables)
    }

    #[test]
    fn variables_stand_over_the_file() {
        let config = load(
            "slots = 2\nkind = \"dedicated\"\n[limits]\nstop_ms = 7",
            &[
                ("FLATRENDER_AGENT_SLOTS", "3"),
                ("FLATRENDER_AGENT_RENDERER", "/opt/ae/aerender"),
                ("FLATRENDER_AGENT_LIMITS__QUIET_MS", "9"),
                ("FLATRENDER_AGENT_DATA_DIR", "/elsewhere"),
                ("PATH", "/bin"),
            ],
        )
        .unwrap();
        assert_eq!((config.slots, config.kind), (3, NodeKind::Dedicated));
        assert_eq!(
            config.renderer.as_deref(),
            Some(Path::new("/opt/ae/aerender"))
        );
        assert_eq!((config.limits.stop_ms, config.limits.quiet_ms), (7, 9));
        assert_eq!(config.limits.finalising_ms, 180_000);
    }

    #[test]
    fn unknown_keys_are_refused_by_name() {
        for (text, variables) in [
            ("slotz = 2", vec![]),
            ("[limits]\nslotz = 2", vec![]),
            ("", vec![("FLATRENDER_AGENT_SLOTZ", "2")]),
        ] {
            let error = load(text, &variables).unwrap_err();
            let ConfigError::Understand { source, .. } = error else {
                panic!("{error}");
            };
            assert!(source.to_string().contains("slotz"), "{source}");
        }
    }

    #[test]
    fn values_that_cannot_work_are_refused_by_name() {
        let config = Config {
            slots: 0,
            ..Config::default()
        };
        assert_eq!(
            config.check().unwrap_err().to_string(),
            "use slots = 0: 1 to 64 are possible"
        );
        let config = Config {
            data_dir: "/x/100%".into(),
            ..Config::default()
        };
        assert!(
            config
                .check()
                .unwrap_err()
                .to_string()
                .starts_with("use data_dir = /x/100%: ")
        );
    }

    #[test]
    fn a_file_that_was_named_must_be_there() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("other.toml");
        assert!(Config::load(folder.path(), Some(&missing), std::iter::empty()).is_err());
        assert!(Config::load(folder.path(), None, std::iter::empty()).is_ok());
    }
}
