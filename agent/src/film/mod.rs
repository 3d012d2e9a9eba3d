//! Answers for: making a film of frames and sound tracks with ffmpeg, and decoding it again before anybody hears of it. Must not: know
//! leases or links; frames come from a [`FrameSource`], the rest is files.
//!
//! Frames are put over the background here, not by ffmpeg: one rounding, known to be right, and the same bytes say afterwards whether the
//! film shows what it should. ffmpeg (5.1 or newer) gets arguments as a vector, its input formats and protocols are lists of what
//! is needed, and it dies with the future that uses it.

mod assemble;
mod check;
mod command;
mod compose;
mod error;
mod plan;
mod process;
mod sound;

pub use assemble::{FrameSource, Track, assemble};
pub use error::FilmError;
pub use process::available;
pub use sound::{Sound, probe_sound};
