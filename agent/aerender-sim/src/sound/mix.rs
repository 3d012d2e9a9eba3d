//! Answers for: the samples of a composition's sound. Must not: write files.

use super::RATE_HZ;
use super::clip::{Clip, ClipError};
use super::levels;
use super::plan::{self, MOST_PARTS, Part};
use crate::project::place;
use crate::timecode::Rate;
use flatrender_aep::{Composition, Project};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::{Path, PathBuf};

/// Most decoded samples of all files together: 46 minutes at 48 kHz, 512 MiB.
const MOST_SAMPLES: usize = 1 << 27;
/// Times that are nearer than this to a sample, in samples, are at it: seconds are floating numbers.
const AT_SAMPLE: f64 = 1e-4;

/// Why there is no sound.
#[derive(Debug, thiserror::Error)]
pub enum SoundError {
    /// A file can't be decoded.
    #[error("hear {path}")]
    Clip {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: ClipError,
    },
    /// Beyond the limit.
    #[error("mix more than {MOST_PARTS} sounding layers")]
    TooMany,
}

/// The sound of a composition, ready to be asked for samples.
#[derive(Debug)]
pub struct Mix {
    parts: Vec<Part>,
    clips: HashMap<u32, Looped>,
}

#[derive(Debug)]
struct Looped {
    clip: Clip,
    /// How often it is heard in a row.
    loops: f64,
}

/// The sample at which a composition's frame begins, counted from the composition's first frame.
#[must_use]
pub fn sample_of_frame(frame: i64, rate: Rate) -> i64 {
    let samples = i128::from(frame) * i128::from(rate.den) * i128::from(RATE_HZ);
    let per_frame = i128::from(rate.num.max(1));
    let rounded = (samples * 2 + per_frame).div_euclid(per_frame * 2);
    i64::try_from(rounded).unwrap_or(i64::MAX)
}

impl Mix {
    /// Finds and decodes what sounds in `comp`. `file` is the project's bytes, `folder` the one it stands in. A file that is not
    /// there is silent: the caller has asked for missing footage before.
    ///
    /// # Errors
    ///
    /// If a file that is there can't be decoded, or if there is too much.
    pub fn new(
        project: &Project,
        comp: &Composition,
        file: &[u8],
        folder: &Path,
    ) -> Result<Self, SoundError> {
        let levels = levels::of_project(project, file);
        let parts =
            plan::parts(project, comp, &levels).map_err(|plan::TooMany| SoundError::TooMany)?;
        let mut clips = HashMap::new();
        let mut left = MOST_SAMPLES;
        for part in &parts {
            let Some(item) = project.footage_item(part.footage_id) else {
                continue;
            };
            let place = item.file.as_ref().and_then(|file| place(file, folder));
            if let (Some(path), Entry::Vacant(vacant)) = (place, clips.entry(item.id)) {
                let clip = Clip::decode(&path, left)
                    .map_err(|source| SoundError::Clip { path, source })?;
                left -= clip.samples.len();
                vacant.insert(Looped {
                    clip,
                    loops: f64::from(item.loops.max(1)),
                });
            }
        }
        Ok(Self { parts, clips })
    }

    /// Whether nothing ever sounds.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.clips.is_empty()
    }

    /// `count` samples from the one with the number `first`, which counts from the composition's first frame and may be negative.
    #[must_use]
    pub fn samples(&self, first: i64, count: usize) -> Vec<[i16; 2]> {
        let mut sum = vec![[0.0_f32; 2]; count];
        for part in &self.parts {
            let Some(looped) = self.clips.get(&part.footage_id) else {
                continue;
            };
            let number = |seconds: f64| (seconds * f64::from(RATE_HZ) - AT_SAMPLE).ceil() as i64;
            let within = |number: i64| (number - first).clamp(0, count as i64) as usize;
            let heard = within(number(part.from))..within(number(part.until));
            for (sample, at) in sum[heard.clone()].iter_mut().zip(heard) {
                let seconds = (first + at as i64) as f64 / f64::from(RATE_HZ);
                let [left, right] = looped.at(part.line.at(seconds));
                sample[0] += left * part.gain.0;
                sample[1] += right * part.gain.1;
            }
        }
        let whole = |value: f32| value.round() as i16; // as casts go, it is cut at both ends
        sum.into_iter().map(|sample| sample.map(whole)).collect()
    }
}

impl Looped {
    /// What is heard at a time of the footage; nothing before and behind it.
    fn at(&self, seconds: f64) -> [f32; 2] {
        let samples = &self.clip.samples;
        let mut at = seconds * self.clip.rate_hz;
        let nearest = at.round();
        if (at - nearest).abs() < AT_SAMPLE {
            at = nearest;
        }
        if at < 0.0 || at >= samples.len() as f64 * self.loops {
            return [0.0; 2];
        }
        let at = at % samples.len() as f64;
        let (before, part) = (at as usize, at.fract() as f32);
        let Some(one) = samples.get(before) else {
            return [0.0; 2];
        };
        let next = samples.get(before + 1).unwrap_or(one);
        [0, 1].map(|side| {
            let (one, next) = (f32::from(one[side]), f32::from(next[side]));
            one + (next - one) * part
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_begin_at_whole_samples_and_add_up() {
        let film = Rate { num: 25, den: 1 };
        assert_eq!(sample_of_frame(1, film), 1920);
        assert_eq!(sample_of_frame(-1, film), -1920);
        let ntsc = Rate {
            num: 30_000,
            den: 1001,
        };
        // five frames of 1601.6 samples
        assert_eq!(sample_of_frame(5, ntsc), 8008);
        assert_eq!(sample_of_frame(1, ntsc), 1602);
        assert_eq!(sample_of_frame(i64::MAX, film), i64::MAX);
    }

    #[test]
    fn loops_and_ends_are_heard_as_they_are() {
        let clip = Clip {
            rate_hz: 4.0,
            samples: vec![[0, 0], [100, -100], [200, -200], [300, -300]],
        };
        let looped = Looped { clip, loops: 2.0 };
        assert_eq!(looped.at(0.25), [100.0, -100.0]);
        assert_eq!(looped.at(0.375), [150.0, -150.0]);
        assert_eq!(looped.at(1.25), [100.0, -100.0]);
        assert_eq!(looped.at(1.99), [300.0, -300.0]);
        assert_eq!(looped.at(2.0), [0.0, 0.0]);
        assert_eq!(looped.at(-0.1), [0.0, 0.0]);
    }
}
