//! Which frames a job renders. Outside, people write display frames (`1-100:2,120`); inside, everything counts
//! ordinals 0 … n−1 in that list. This module is the edge where one becomes the other.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Most frames one job may have: eleven hours at 25 frames a second.
pub const MAX_FRAMES: u64 = 1_000_000;
/// Most ranges that [`FrameList::shown`] names.
const MOST_SHOWN: usize = 100;
/// Most comma-separated parts in a frame list.
pub const MAX_PARTS: usize = 1_000;

/// Consecutive ordinals `lo..hi` of one job, never empty.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Span {
    /// First ordinal.
    pub lo: u32,
    /// One past the last ordinal.
    pub hi: u32,
}

impl Span {
    /// `lo..hi`; `None` when that is empty.
    pub fn new(lo: u32, hi: u32) -> Option<Self> {
        (lo < hi).then_some(Self { lo, hi })
    }

    /// How many ordinals.
    #[allow(clippy::len_without_is_empty, reason = "a span is never empty")]
    pub fn len(self) -> u32 {
        self.hi - self.lo
    }

    /// Whether `ordinal` is inside.
    pub fn contains(self, ordinal: u32) -> bool {
        (self.lo..self.hi).contains(&ordinal)
    }

    /// The ordinals, in order.
    pub fn ordinals(self) -> std::ops::Range<u32> {
        self.lo..self.hi
    }
}

/// Consecutive display frames inside a job's list: what one `aerender -s … -e …` can render.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Run {
    /// The ordinals.
    pub span: Span,
    /// The display frame of ordinal `span.lo`.
    pub first_display: i64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Part {
    first: i64,
    last: i64,
    step: i64,
}

impl Part {
    fn len(self) -> u64 {
        (self.last - self.first).unsigned_abs() / self.step.unsigned_abs() + 1
    }
}

/// An ascending list of display frames. Text form: `7`, `1-100`, `1-100:2`, and these joined by commas.
/// Negative frames (a composition may start before zero) are written as they are: `-10--1`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FrameList {
    parts: Vec<Part>,
}

/// Why a text is not a frame list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameListError {
    /// No frames at all.
    #[error("no frames given; write for example 1-100, 1-100:2 or 1,5,9")]
    Empty,
    /// One part can't be read.
    #[error("\"{0}\" is not a frame or a range; write for example 7, 1-100 or 1-100:2")]
    Part(String),
    /// A range runs backwards.
    #[error("the range {0} runs backwards")]
    Backwards(String),
    /// Parts overlap or descend.
    #[error(
        "\"{0}\" comes after a part that already reaches it; list frames in ascending order, each once"
    )]
    Order(String),
    /// Over a limit.
    #[error("too many frames: at most {MAX_FRAMES} frames in {MAX_PARTS} parts")]
    TooMany,
}

impl FrameList {
    /// `first ..= last`, by display frame; `None` when backwards or over [`MAX_FRAMES`].
    pub fn range(first: i64, last: i64) -> Option<Self> {
        if last < first || last.abs_diff(first) >= MAX_FRAMES {
            return None;
        }
        Some(Self {
            parts: vec![Part {
                first,
                last,
                step: 1,
            }],
        })
    }

    /// Reads the text form.
    ///
    /// # Errors
    /// Names the part that can't be read, runs backwards, overlaps or is too much.
    pub fn parse(text: &str) -> Result<Self, FrameListError> {
        if text.trim().is_empty() {
            return Err(FrameListError::Empty);
        }
        let mut parts: Vec<Part> = Vec::new();
        let mut total = 0;
        for piece in text.split(',') {
            if parts.len() == MAX_PARTS {
                return Err(FrameListError::TooMany);
            }
            let part = parse_part(piece)?;
            if parts.last().is_some_and(|before| before.last >= part.first) {
                return Err(FrameListError::Order(short(piece)));
            }
            total += part.len();
            if total > MAX_FRAMES {
                return Err(FrameListError::TooMany);
            }
            parts.push(part);
        }
        Ok(Self { parts })
    }

    /// How many frames, 1 … [`MAX_FRAMES`].
    #[allow(clippy::len_without_is_empty, reason = "a frame list is never empty")]
    pub fn len(&self) -> u32 {
        let total: u64 = self.parts.iter().map(|part| part.len()).sum();
        u32::try_from(total).expect("bounded by MAX_FRAMES when made")
    }

    /// Lowest display frame.
    pub fn first(&self) -> i64 {
        self.parts[0].first
    }

    /// Highest display frame.
    pub fn last(&self) -> i64 {
        self.parts[self.parts.len() - 1].last
    }

    /// The display frame of an ordinal; `None` past the end.
    pub fn display(&self, ordinal: u32) -> Option<i64> {
        let mut left = u64::from(ordinal);
        for part in &self.parts {
            if left < part.len() {
                return Some(part.first + i64::try_from(left).ok()? * part.step);
            }
            left -= part.len();
        }
        None
    }

    /// The ordinal of a display frame; `None` when the list has none such.
    pub fn ordinal(&self, display: i64) -> Option<u32> {
        let mut before = 0;
        for part in &self.parts {
            let offset = display.checked_sub(part.first)?;
            if offset < 0 {
                return None;
            }
            if display <= part.last && offset % part.step == 0 {
                return u32::try_from(before + offset.unsigned_abs() / part.step.unsigned_abs())
                    .ok();
            }
            before += part.len();
        }
        None
    }

    /// The display frames of ordinals, as people read them: `5-9,12`; a long list ends with how many more ranges there are.
    pub fn shown(&self, spans: &[Span]) -> String {
        let mut ranges: Vec<(i64, i64)> = Vec::new();
        for run in self.runs() {
            for span in spans {
                let (lo, hi) = (span.lo.max(run.span.lo), span.hi.min(run.span.hi));
                if lo >= hi {
                    continue;
                }
                let first = run.first_display + i64::from(lo - run.span.lo);
                let last = first + i64::from(hi - lo) - 1;
                match ranges.last_mut() {
                    Some((_, before)) if *before + 1 == first => *before = last,
                    _ => ranges.push((first, last)),
                }
            }
        }
        let more = ranges.len().saturating_sub(MOST_SHOWN);
        let mut parts: Vec<String> = ranges
            .iter()
            .take(MOST_SHOWN)
            .map(|(first, last)| {
                if first == last {
                    first.to_string()
                } else {
                    format!("{first}-{last}")
                }
            })
            .collect();
        if more > 0 {
            parts.push(format!("and {more} more ranges"));
        }
        parts.join(",")
    }

    /// The list as runs of consecutive display frames, in order. A step above 1 gives runs of one frame.
    pub fn runs(&self) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        let mut ordinal = 0;
        for part in &self.parts {
            let pieces = if part.step == 1 { 1 } else { part.len() };
            for index in 0..pieces {
                let length = if part.step == 1 { part.len() } else { 1 };
                let length = u32::try_from(length).expect("bounded by MAX_FRAMES when made");
                let first_display = part.first + i64::try_from(index).unwrap_or(0) * part.step;
                let span = Span {
                    lo: ordinal,
                    hi: ordinal + length,
                };
                ordinal = span.hi;
                match runs.last_mut() {
                    Some(run) if run.first_display + i64::from(run.span.len()) == first_display => {
                        run.span.hi = span.hi;
                    }
                    _ => runs.push(Run {
                        span,
                        first_display,
                    }),
                }
            }
        }
        runs
    }
}

impl fmt::Display for FrameList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, part) in self.parts.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            match (part.first == part.last, part.step) {
                (true, _) => write!(f, "{}", part.first)?,
                (false, 1) => write!(f, "{}-{}", part.first, part.last)?,
                (false, step) => write!(f, "{}-{}:{step}", part.first, part.last)?,
            }
        }
        Ok(())
    }
}

fn parse_part(piece: &str) -> Result<Part, FrameListError> {
    let wrong = || FrameListError::Part(short(piece));
    let piece_trimmed = piece.trim();
    let (range, step) = match piece_trimmed.split_once(':') {
        Some((range, step)) => (range, step.parse::<i64>().map_err(|_| wrong())?),
        None => (piece_trimmed, 1),
    };
    // The dash of a range is never the first character: that one is a sign.
    let dash = range
        .char_indices()
        .skip(1)
        .find(|(_, c)| *c == '-')
        .map(|(at, _)| at);
    let number = |text: &str| text.parse::<i32>().map(i64::from).map_err(|_| wrong());
    let (first, last) = match dash {
        Some(at) => (number(&range[..at])?, number(&range[at + 1..])?),
        None => (number(range)?, number(range)?),
    };
    if !(1..=100_000).contains(&step) || (dash.is_none() && step != 1) {
        return Err(wrong());
    }
    if last < first {
        return Err(FrameListError::Backwards(short(piece)));
    }
    // The last frame that the step really reaches, so that equal lists are equal.
    let last = first + (last - first) / step * step;
    let step = if first == last { 1 } else { step };
    Ok(Part { first, last, step })
}

fn short(text: &str) -> String {
    text.trim().chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ordinals_and_display_frames_go_there_and_back() {
        for text in ["0-9", "-3-4", "1-9:2,20,30-32", "5"] {
            let list = FrameList::parse(text).unwrap();
            for ordinal in 0..list.len() {
                let display = list.display(ordinal).unwrap();
                assert_eq!(list.ordinal(display), Some(ordinal), "{text} {display}");
            }
            assert_eq!(list.ordinal(list.first() - 1), None);
            assert_eq!(list.ordinal(list.last() + 1), None);
        }
        assert_eq!(FrameList::parse("1-9:2,20").unwrap().ordinal(2), None);
        assert_eq!(FrameList::parse("1-9:2,20").unwrap().ordinal(10), None);
    }

    #[test]
    fn ordinals_are_shown_as_display_frames() {
        let span = |lo, hi| Span { lo, hi };
        let list = FrameList::parse("100-109,120-129").unwrap();
        assert_eq!(
            list.shown(&[span(0, 3), span(8, 12)]),
            "100-102,108-109,120-121"
        );
        let odd = FrameList::parse("1-19:2").unwrap();
        assert_eq!(odd.shown(&[span(0, 2)]), "1,3");
        let long = FrameList::parse("0-999:2").unwrap();
        assert!(
            long.shown(&[span(0, 500)])
                .ends_with(",198,and 400 more ranges")
        );
    }

    #[test]
    fn lists_are_read_and_written() {
        for (text, frames, back) in [
            ("7", vec![7], "7"),
            ("1-4", vec![1, 2, 3, 4], "1-4"),
            ("1-10:3", vec![1, 4, 7, 10], "1-10:3"),
            ("1-9:3, 20", vec![1, 4, 7, 20], "1-7:3,20"),
            ("-2-1", vec![-2, -1, 0, 1], "-2-1"),
            ("-5--4", vec![-5, -4], "-5--4"),
        ] {
            let list = FrameList::parse(text).unwrap();
            let all: Vec<i64> = (0..list.len()).map(|i| list.display(i).unwrap()).collect();
            assert_eq!((all, list.to_string()), (frames, back.to_owned()), "{text}");
            assert_eq!(list.display(list.len()), None);
        }
    }

    #[test]
    fn bad_lists_are_refused_by_name() {
        for (text, error) in [
            ("", "no frames given"),
            ("a-b", "\"a-b\" is not a frame"),
            ("5-1", "the range 5-1 runs backwards"),
            ("1-5,3", "\"3\" comes after a part"),
            ("1-5:0", "\"1-5:0\" is not a frame"),
            ("0-2000000", "too many frames"),
            ("1-99999999999", "is not a frame"),
        ] {
            let found = FrameList::parse(text).unwrap_err().to_string();
            assert!(found.contains(error), "{text}: {found}");
        }
    }

    #[test]
    fn runs_join_what_is_consecutive() {
        let list = FrameList::parse("1-3,4-6,10,20-24:2").unwrap();
        let runs: Vec<_> = list
            .runs()
            .iter()
            .map(|r| (r.span.lo, r.span.hi, r.first_display))
            .collect();
        assert_eq!(
            runs,
            [(0, 6, 1), (6, 7, 10), (7, 8, 20), (8, 9, 22), (9, 10, 24)]
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[-0-9,: ]{0,30}") {
            if let Ok(list) = FrameList::parse(&text) {
                let again = FrameList::parse(&list.to_string()).unwrap();
                prop_assert_eq!(&again, &list);
                if list.len() < 10_000 {
                    let mut expected = 0;
                    for run in list.runs() {
                        prop_assert_eq!(run.span.lo, expected);
                        for ordinal in run.span.ordinals() {
                            let display = run.first_display + i64::from(ordinal - run.span.lo);
                            prop_assert_eq!(list.display(ordinal), Some(display));
                        }
                        expected = run.span.hi;
                    }
                    prop_assert_eq!(expected, list.len());
                }
            }
        }
    }
}
