//! How long a frame job should be.

use flatrender_protocol::{Span, Split};

use super::snapshot::{Cost, Job};

/// Most frames of one frame job: what a node loses with its power is bounded.
const LONGEST: u32 = 5_000;

/// Frames for the next frame job of a job with `left` frames in todo, when `helpers` nodes could render it: long enough that
/// the start-up is at most a tenth of it, short enough that every helper gets some, shrinking towards the end (guided
/// self-scheduling: half an even share). Before anything was measured, an even share in four.
pub fn frame_job_length(cost: Option<Cost>, left: u32, helpers: u32) -> u32 {
    let helpers = helpers.max(1);
    let share = left.div_ceil(helpers);
    let guided = left.div_ceil(2 * helpers);
    let length = match cost {
        None => left.div_ceil(4 * helpers),
        Some(cost) => {
            // S ≤ (S + n·f) / 10  ⇔  n ≥ 9·S / f
            let worth = (9.0 * cost.startup_ms / cost.frame_ms.max(0.1)).ceil();
            guided.max(if worth < f64::from(LONGEST) {
                worth as u32
            } else {
                LONGEST
            })
        }
    };
    length.min(share).clamp(1, LONGEST)
}

/// Most frame jobs that a run of a job is split into when each start is costly.
const COSTLY_PIECES: u32 = 4;

/// Frames for the next frame job in `run`, by how far the job may be split: `left` of it in todo, `helpers` nodes for it.
pub fn of_split(job: &Job, run: Span, left: u32, helpers: u32) -> u32 {
    match job.split {
        Split::Free => frame_job_length(job.cost, left, helpers),
        Split::Costly => run.len().div_ceil(helpers.clamp(1, COSTLY_PIECES)).max(1),
        Split::Never => run.len().max(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(startup_ms: f64, frame_ms: f64) -> Option<Cost> {
        Some(Cost {
            startup_ms,
            frame_ms,
        })
    }

    #[test]
    fn lengths_follow_start_up_and_share() {
        for (cost, left, helpers, length) in [
            (None, 240, 3, 20),
            (cost(40_000.0, 1_000.0), 10_000, 10, 500), // half an even share is beyond the 360 that pay the start-up
            (cost(40_000.0, 1_000.0), 3_600, 10, 360),
            (cost(40_000.0, 1_000.0), 100, 10, 10), // everybody gets some
            (cost(10.0, 1_000.0), 100, 10, 5),      // shrinking towards the end
            (cost(10.0, 1_000.0), 3, 10, 1),
            (cost(1e12, 0.0), 1_000_000, 1, 5_000),
            (cost(1.0, 1.0), 1, 0, 1),
        ] {
            assert_eq!(
                frame_job_length(cost, left, helpers),
                length,
                "{left} left, {helpers} helpers"
            );
        }
    }
}
