//! When a render is in trouble: phases with deadlines, silence against frame times (`design/agent.md`, Watching). Pure: the
//! clock is a parameter, and what is done about an alarm is `attempt`'s business.

use std::time::{Duration, Instant};

use crate::config::Limits;

/// Frame times that are remembered.
const REMEMBERED: usize = 256;

/// Where a render stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// After Effects starts and opens the project.
    Opening,
    /// The project is open; nothing is rendered yet.
    FirstFrame,
    /// Frames come.
    Rendering,
    /// Every frame that is wanted is there; the renderer has to end.
    Finalising,
}

/// Why a render is given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Alarm {
    /// It hangs; in words.
    Hang(String),
    /// Every frame is there and it does not end.
    WillNotEnd,
}

/// Watches one render.
#[derive(Debug)]
pub struct Vigil {
    limits: Limits,
    phase: Phase,
    since: Instant,
    last_done: Instant,
    last_frame: Instant,
    frame_times: Vec<Duration>,
}

impl Vigil {
    /// From the start of a render, or from when it was found again: deadlines begin anew then.
    pub fn new(limits: Limits, now: Instant) -> Self {
        Self {
            limits,
            phase: Phase::Opening,
            since: now,
            last_done: now,
            last_frame: now,
            frame_times: Vec::new(),
        }
    }

    /// It has come to `phase`; never back.
    pub fn reach(&mut self, phase: Phase, now: Instant) {
        if (phase as u8) > (self.phase as u8) {
            self.phase = phase;
            self.since = now;
            self.last_done = now;
        }
    }

    /// Something was done: output, a file that grew, processor time.
    pub fn done_something(&mut self, now: Instant) {
        self.last_done = now;
    }

    /// It is not the renderer's fault that no frame counts at present.
    pub fn excuse(&mut self, now: Instant) {
        (self.since, self.last_done, self.last_frame) = (now, now, now);
    }

    /// A frame came; how long it took since the one before, or since the start.
    pub fn frame(&mut self, now: Instant) -> Duration {
        let took = now.duration_since(self.last_frame);
        if self.phase == Phase::Rendering {
            if self.frame_times.len() == REMEMBERED {
                self.frame_times.remove(0);
            }
            self.frame_times.push(took);
        }
        self.last_frame = now;
        self.last_done = now;
        self.reach(Phase::Rendering, now);
        took
    }

    /// The frame time that 95 of 100 frames keep to; zero as long as none is known.
    pub fn p95(&self) -> Duration {
        let mut sorted = self.frame_times.clone();
        sorted.sort_unstable();
        sorted
            .get((sorted.len() * 95 / 100).min(sorted.len().saturating_sub(1)))
            .copied()
            .unwrap_or_default()
    }

    /// How long After Effects has to stop once its launcher is gone.
    pub fn stopping(&self) -> Duration {
        let frames = self.p95() * self.limits.stop_frames;
        frames.max(ms(self.limits.stop_ms))
    }

    /// Whether it is in trouble now.
    pub fn alarm(&self, now: Instant) -> Option<Alarm> {
        let in_phase = now.duration_since(self.since);
        let quiet = now.duration_since(self.last_done);
        let limits = &self.limits;
        let hang = |what: &str, time: Duration| {
            Some(Alarm::Hang(format!(
                "{what} for {} s",
                time.as_secs_f32().round()
            )))
        };
        match self.phase {
            Phase::Opening if quiet >= ms(limits.opening_quiet_ms) => hang(
                "the renderer has done nothing while it should open the project,",
                quiet,
            ),
            Phase::Opening if in_phase >= ms(limits.opening_ms) => {
                hang("the renderer has been opening the project", in_phase)
            }
            Phase::FirstFrame if quiet >= ms(limits.opening_quiet_ms) => hang(
                "the renderer has done nothing before its first frame,",
                quiet,
            ),
            Phase::FirstFrame if in_phase >= ms(limits.first_frame_ms) => {
                hang("the renderer has been at its first frame", in_phase)
            }
            Phase::Rendering => {
                let silent = now.duration_since(self.last_frame);
                let p95 = self.p95();
                let silence = (p95 * limits.silence_frames).max(ms(limits.silence_ms));
                let spinning = (p95 * limits.spinning_frames).max(ms(limits.spinning_ms));
                if silent >= silence && quiet >= ms(limits.quiet_ms) {
                    hang("the renderer has finished no frame and done nothing", quiet)
                } else if silent >= spinning {
                    hang("the renderer has finished no frame, busy as it is,", silent)
                } else {
                    None
                }
            }
            Phase::Finalising if in_phase >= ms(limits.finalising_ms) => Some(Alarm::WillNotEnd),
            Phase::Opening | Phase::FirstFrame | Phase::Finalising => None,
        }
    }
}

fn ms(value: u64) -> Duration {
    Duration::from_millis(value)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "a point in time to start from")]

    use super::*;

    fn s(value: u64) -> Duration {
        Duration::from_secs(value)
    }

    #[test]
    fn silence_is_a_hang_only_when_nothing_is_done() {
        let start = Instant::now();
        let mut vigil = Vigil::new(Limits::default(), start);
        vigil.reach(Phase::FirstFrame, start + s(5));
        vigil.frame(start + s(10));
        assert_eq!(vigil.alarm(start + s(39)), None);
        vigil.done_something(start + s(30));
        assert_eq!(
            vigil.alarm(start + s(44)),
            None,
            "it did something 14 s ago"
        );
        assert!(matches!(vigil.alarm(start + s(45)), Some(Alarm::Hang(_))));
        vigil.done_something(start + s(905));
        assert_eq!(vigil.alarm(start + s(909)), None);
        assert!(
            matches!(vigil.alarm(start + s(910)), Some(Alarm::Hang(_))),
            "a spinning hang"
        );
    }

    #[test]
    fn long_frames_have_long_limits() {
        let start = Instant::now();
        let mut vigil = Vigil::new(Limits::default(), start);
        for frame in 1..=20 {
            vigil.frame(start + s(frame * 60));
        }
        assert_eq!(vigil.p95(), s(60));
        assert_eq!(vigil.stopping(), s(120));
        assert_eq!(vigil.alarm(start + s(1200 + 599)), None);
        assert!(vigil.alarm(start + s(1200 + 600)).is_some());
    }

    #[test]
    fn a_slow_start_is_no_hang_and_a_dead_one_is() {
        let start = Instant::now();
        let vigil = Vigil::new(Limits::default(), start);
        assert_eq!(vigil.alarm(start + s(119)), None);
        assert!(vigil.alarm(start + s(120)).is_some());
    }

    #[test]
    fn a_full_spool_is_no_hang() {
        let start = Instant::now();
        let mut vigil = Vigil::new(Limits::default(), start);
        vigil.frame(start);
        vigil.excuse(start + s(5000));
        assert_eq!(vigil.alarm(start + s(5029)), None);
        assert!(vigil.alarm(start + s(5030)).is_some());
    }

    #[test]
    fn with_every_frame_there_it_may_take_its_time_to_end() {
        let start = Instant::now();
        let mut vigil = Vigil::new(Limits::default(), start);
        vigil.frame(start);
        vigil.reach(Phase::Finalising, start + s(1));
        vigil.reach(Phase::Rendering, start + s(2));
        assert_eq!(vigil.phase, Phase::Finalising, "never back");
        assert_eq!(vigil.alarm(start + s(180)), None);
        assert_eq!(vigil.alarm(start + s(181)), Some(Alarm::WillNotEnd));
    }
}
