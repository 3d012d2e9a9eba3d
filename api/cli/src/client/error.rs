//! What can go wrong between the farm and us. Callers act differently on: not reached (nothing happened), unknown (it
//! may have happened), refused (a problem with its status), not a farm at all.

use std::time::Duration;

use flatrender_protocol::rest::Problem;

/// Why a call gave no answer, or not the one that was hoped for.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address of the farm can't be used.
    #[error("{server} can't be used: {why}")]
    Address {
        /// As given.
        server: String,
        /// In words, with the way out.
        why: String,
    },
    /// No connection came about: nothing was changed.
    #[error("{server} was not reached in {tries} tries")]
    NotReached {
        /// The farm.
        server: String,
        /// How often it was tried.
        tries: u32,
        /// For how long.
        elapsed: Duration,
        /// What the network said.
        #[source]
        source: reqwest::Error,
    },
    /// The connection broke after something was sent.
    #[error("the connection to {server} broke before the answer was there")]
    Broken {
        /// The farm.
        server: String,
        /// Something was asked for that twice is not the same as once: it may have happened or not.
        unknown: bool,
        /// What the network said; none when it said nothing for too long.
        #[source]
        source: Option<reqwest::Error>,
    },
    /// The farm said no.
    #[error("{}", .0.detail)]
    Refused(Box<Problem>),
    /// What answers is no farm, or one of another version.
    #[error("{server} answered what is not understood: {why}")]
    NotUnderstood {
        /// The farm.
        server: String,
        /// In words.
        why: String,
    },
    /// A file here could not be read while it was sent.
    #[error("read the file that was being sent")]
    File(#[source] std::io::Error),
}

impl ClientError {
    /// The status of a refusal.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused(problem) => Some(problem.status),
            Self::Address { .. }
            | Self::NotReached { .. }
            | Self::Broken { .. }
            | Self::NotUnderstood { .. }
            | Self::File(_) => None,
        }
    }

    /// Whether the farm could come back by itself.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::NotReached { .. } | Self::Broken { .. } => true,
            Self::Refused(problem) => matches!(problem.status, 502..=504),
            Self::Address { .. } | Self::NotUnderstood { .. } | Self::File(_) => false,
        }
    }
}
