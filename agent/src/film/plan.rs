//! Answers for: the numbers of a film, derived once from the order: padded size, timescale, length of the sound. Pure.

use flatrender_protocol::Ratio;
use flatrender_protocol::message::FilmWork;

use super::error::FilmError;

/// Samples a second of every film's sound.
pub(super) const SOUND_RATE: u32 = 48_000;

/// H.264's tables end here (level 6.2 in either direction).
const LONGEST_SIDE: u32 = 16_384;

/// Below this, players round times; the MP4 muxer would choose a larger one by itself, and we check against ours.
const LOWEST_TIMESCALE: u64 = 10_000;

/// The numbers of a film.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plan {
    /// Size of a frame.
    pub frame: (u32, u32),
    /// Columns and rows that are added to the right and at the bottom.
    pub padded: (u8, u8),
    pub frames: u32,
    pub rate: Ratio,
    pub pixel_aspect: Ratio,
    pub background: [u8; 3],
    /// Ticks a second; a frame lasts a whole number of them.
    pub timescale: u32,
    /// Samples of sound that last exactly as long as the picture, rounded to the nearest.
    pub samples: u64,
    /// Frames from one keyframe to the next, at most: two seconds.
    pub keyframes: u32,
}

impl Plan {
    pub fn new(work: &FilmWork) -> Result<Self, FilmError> {
        let impossible = |what: String| Err(FilmError::Impossible { what });
        if work.frames == 0 {
            return impossible("no frames".into());
        }
        let side = |length: u32| {
            length
                .checked_add(length % 2)
                .filter(|side| (2..=LONGEST_SIDE).contains(side))
        };
        if side(work.width).is_none() || side(work.height).is_none() {
            return impossible(format!(
                "{}×{} pixels; at most {LONGEST_SIDE} either way",
                work.width, work.height
            ));
        }
        // 16 bits each is what H.264 writes.
        let aspect = work.pixel_aspect;
        if aspect.num.max(aspect.den) > u32::from(u16::MAX) {
            return impossible(format!(
                "a pixel aspect of {aspect}; 65535 is the largest number in it"
            ));
        }
        let num = u64::from(work.rate.num);
        let timescale = u32::try_from(num * LOWEST_TIMESCALE.div_ceil(num))
            .ok()
            .filter(|&timescale| timescale <= i32::MAX as u32);
        let (Some(timescale), 0.01..=1000.0) = (timescale, work.rate.as_f64()) else {
            return impossible(format!("{} frames a second", work.rate));
        };
        let ticks = u128::from(work.frames) * u128::from(work.rate.den) * u128::from(SOUND_RATE);
        let samples = (ticks + u128::from(num) / 2) / u128::from(num);
        Ok(Self {
            frame: (work.width, work.height),
            padded: ((work.width % 2) as u8, (work.height % 2) as u8),
            frames: work.frames,
            rate: work.rate,
            pixel_aspect: aspect,
            background: work.background,
            timescale,
            samples: u64::try_from(samples).unwrap_or(u64::MAX),
            keyframes: ((work.rate.as_f64() * 2.0).round() as u32).clamp(1, 300),
        })
    }

    /// Size in the film.
    pub fn size(&self) -> (u32, u32) {
        (
            self.frame.0 + u32::from(self.padded.0),
            self.frame.1 + u32::from(self.padded.1),
        )
    }

    /// Ticks that one frame lasts.
    pub fn frame_ticks(&self) -> u64 {
        u64::from(self.timescale / self.rate.num) * u64::from(self.rate.den)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flatrender_protocol::Digest;
    use flatrender_protocol::message::BlobRef;

    fn work(num: u64, den: u64) -> FilmWork {
        FilmWork {
            manifest: BlobRef {
                digest: Digest::of(b""),
                bytes: 0,
            },
            frames: 36,
            rate: Ratio::new(num, den).unwrap(),
            width: 351,
            height: 856,
            pixel_aspect: Ratio::ONE,
            background: [0; 3],
            tracks: Vec::new(),
        }
    }

    #[test]
    fn a_frame_lasts_a_whole_number_of_ticks() {
        for (num, den, timescale, ticks) in [
            (30_000, 1001, 30_000, 1001),
            (25, 1, 10_000, 400),
            (24_000, 1001, 24_000, 1001),
            (2997, 100, 11_988, 400),
            (1, 10, 10_000, 100_000),
        ] {
            let plan = Plan::new(&work(num, den)).unwrap();
            assert_eq!(
                (plan.timescale, plan.frame_ticks()),
                (timescale, ticks),
                "{num}/{den}"
            );
        }
    }

    #[test]
    fn odd_sides_are_padded_and_sound_is_as_long_as_the_picture() {
        let plan = Plan::new(&work(30_000, 1001)).unwrap();
        assert_eq!((plan.size(), plan.padded), ((352, 856), (1, 0)));
        // 36 × 1001 ÷ 30000 s × 48000 Hz = 57657.6
        assert_eq!(plan.samples, 57_658);
        assert_eq!(plan.keyframes, 60);
    }

    #[test]
    fn what_cannot_be_is_said() {
        let error = Plan::new(&FilmWork {
            frames: 0,
            ..work(25, 1)
        })
        .unwrap_err();
        assert_eq!(error.to_string(), "a film can't have no frames");
        let error = Plan::new(&FilmWork {
            width: 20_000,
            ..work(25, 1)
        })
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "a film can't have 20000×856 pixels; at most 16384 either way"
        );
        let error = Plan::new(&work(5_000_000, 1)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a film can't have 5000000/1 frames a second"
        );
    }
}
