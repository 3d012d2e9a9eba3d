//! What is wrong with a configuration, each with its key, its value, where it was written and the way out.

use std::fmt;
use std::path::PathBuf;

use super::{Key, Value, keys};

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nowhere.
    Default,
    /// In a file.
    File {
        /// Which.
        path: PathBuf,
        /// Its line, from 1.
        line: usize,
    },
    /// In a variable of the environment.
    Env(String),
    /// In a flag.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Env(name) => f.write_str(name),
            Self::Flag(flag) => f.write_str(flag),
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// Where.
    pub origin: Origin,
    /// The key; empty when it is about the whole file.
    pub key: String,
    /// What was written, cut and masked.
    pub value: Option<String>,
    /// Why it is wrong, and the way out.
    pub why: String,
}

impl Wrong {
    pub(super) fn new(
        keys: &[Key],
        key: String,
        value: Option<&Value>,
        origin: Origin,
        why: impl Into<String>,
    ) -> Self {
        let secret = keys.iter().any(|known| known.secret && known.name == key);
        let value = value.map(|value| keys::quoted(value, secret));
        Self {
            origin,
            key,
            value,
            why: why.into(),
        }
    }

    /// In which order people look: the file from its top, then the environment, then flags.
    pub(super) fn place(&self) -> (u8, usize) {
        match &self.origin {
            Origin::File { line, .. } => (0, *line),
            Origin::Env(_) => (1, 0),
            Origin::Flag(_) => (2, 0),
            Origin::Default => (3, 0),
        }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.origin)?;
        match (&self.key, &self.value) {
            (key, _) if key.is_empty() => {}
            (key, Some(value)) => write!(f, "{key} = {value}: ")?,
            (key, None) => write!(f, "{key}: ")?,
        }
        f.write_str(&self.why)
    }
}

/// Everything that is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError(pub Vec<Wrong>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("read the configuration")?;
        for wrong in &self.0 {
            write!(f, "\n  {wrong}")?;
        }
        Ok(())
    }
}
