//! Answers for: what can go wrong while a film is made, in words for people.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use crate::frame::NotAFrame;

/// The film was not made. Nothing is left at its path.
#[derive(Debug, thiserror::Error)]
pub enum FilmError {
    /// What was asked for can't be.
    #[error("a film can't have {what}")]
    Impossible {
        /// What it can't have.
        what: String,
    },
    /// A frame could not be had.
    #[error("get frame {ordinal}")]
    Unavailable {
        /// Which.
        ordinal: u32,
        /// Why not.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// A frame could be had and is none.
    #[error("use frame {ordinal}")]
    Frame {
        /// Which.
        ordinal: u32,
        /// Why not.
        #[source]
        source: NotAFrame,
    },
    /// A sound track can't be used.
    #[error(
        "the {what} can't be used: {reason}; a WAV, AIFF, FLAC, MP3, Ogg or AAC file is needed"
    )]
    Sound {
        /// `music`, `voiceover` and so on.
        what: String,
        /// Why not, in ffmpeg's words where it has some.
        reason: String,
    },
    /// A program could not be started.
    #[error("start {program}; is ffmpeg 5.1 or newer installed and in PATH?")]
    Start {
        /// Which.
        program: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// ffmpeg or ffprobe failed.
    #[error("{program} ended with {status} while it was to {doing}: {stderr}")]
    Failed {
        /// Which.
        program: &'static str,
        /// What for.
        doing: &'static str,
        /// Exit code or signal.
        status: String,
        /// The end of what it said.
        stderr: String,
    },
    /// ffmpeg or ffprobe neither went on nor ended; it was killed.
    #[error("{program} stood still for {seconds} s while it was to {doing}, and was killed")]
    Stalled {
        /// Which.
        program: &'static str,
        /// What for.
        doing: &'static str,
        /// How long.
        seconds: u64,
    },
    /// The film was decoded again and is not what it should be.
    #[error("the film was decoded again and is wrong: {what}")]
    Wrong {
        /// What is wrong with it.
        what: String,
    },
    /// Somebody wanted it stopped.
    #[error("the assembly was stopped")]
    Cancelled,
    /// The file system refused.
    #[error("{operation} {}", .path.display())]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On which file.
        path: PathBuf,
        /// What it said.
        #[source]
        source: io::Error,
    },
}

impl FilmError {
    pub(super) fn wrong(what: impl Into<String>) -> Self {
        Self::Wrong { what: what.into() }
    }
}
