//! Answers for: the sound of a composition over a range: which files sound when, decoded, stretched, mixed to 16-bit stereo. Must
//! not: know how it is wrapped (`aiff`, `movie`).
//!
//! What is followed: speakers (the eye does not matter), guide layers left out, in and out points, start times and stretch of
//! layers, nested compositions, loops of footage, Audio Levels without key frames. What is not: keyed and computed levels
//! (0 dB is taken where the file has no plain value), time remapping, solo, audio effects. How After Effects resamples is not
//! known; here it is by straight lines between samples, and where rates are the same every sample comes out as it went in.

mod clip;
mod levels;
mod mix;
mod plan;

pub use clip::ClipError;
pub use mix::{Mix, SoundError, sample_of_frame};

/// Samples a second of every output module of an English After Effects that has sound ("AIFF 48kHz").
pub const RATE_HZ: u32 = 48_000;
/// Left and right.
pub const CHANNELS: u16 = 2;
