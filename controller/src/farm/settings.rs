//! The farm's times and limits. Tests and the demo shorten them; nothing else differs.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Times and limits of the leader.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// A node is silent after this many milliseconds without a sign of life.
    pub silent_after_ms: u64,
    /// A silent node is lost, and its leases with it, after this many milliseconds.
    pub lost_after_ms: u64,
    /// When many nodes fall silent at once it is the network: no copies for this many milliseconds.
    pub network_grace_ms: u64,
    /// A new leader expires nothing before this many milliseconds, unless 95 % of the holders are back.
    pub takeover_grace_ms: u64,
    /// An attempt that reported success must have its frames published within this many milliseconds.
    pub report_grace_ms: u64,
    /// Frames to be rendered again on another node wait this many milliseconds for one before the same node will do.
    pub repair_patience_ms: u64,
    /// Leadership lasts this many milliseconds and is renewed three times in it.
    pub term_ms: u64,
    /// Whether the first frame of a job must be published before the rest opens.
    pub canary: bool,
    /// Whether compositions' own sound is rendered and waited for. Off until agents render it and films mix it.
    pub own_sound: bool,
    /// Snapshots that nobody has used for so many hours are removed.
    pub snapshots_unused_hours: u64,
    /// The pictures of all snapshots together have at most so many MiB; the longest unused ones go first.
    pub snapshots_most_mib: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            silent_after_ms: 8_000,
            lost_after_ms: 60_000,
            network_grace_ms: 30_000,
            takeover_grace_ms: 30_000,
            report_grace_ms: 60_000,
            repair_patience_ms: 600_000,
            term_ms: 3_000,
            canary: true,
            own_sound: false,
            snapshots_unused_hours: 168,
            snapshots_most_mib: 4_096,
        }
    }
}

impl Settings {
    /// Until a node is silent.
    pub fn silent_after(&self) -> Duration {
        Duration::from_millis(self.silent_after_ms)
    }

    /// Until a node is lost.
    pub fn lost_after(&self) -> Duration {
        Duration::from_millis(self.lost_after_ms)
    }

    /// A term of leadership.
    pub fn term(&self) -> Duration {
        Duration::from_millis(self.term_ms)
    }
}
