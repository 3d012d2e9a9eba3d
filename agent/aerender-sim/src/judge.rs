//! Answers for: comparing the codes of a film with what the film should hold and with the ledger. Pure. Must not: read films.

use crate::code::{Code, job_tag};
use crate::ledger::Entry;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What a film should hold.
#[derive(Debug, Clone)]
pub struct Expected {
    /// The stem of the output files: the agent's job id.
    pub job: String,
    /// The display frame of the film's first frame.
    pub first: i64,
    /// Frames of the film.
    pub frames: u32,
    /// How far one frame's display number is from the next one's.
    pub step: u32,
    /// The digest of the values that every frame was rendered with; without it, that of the first frame.
    pub values: Option<u32>,
}

impl Expected {
    fn display_frames(&self) -> impl Iterator<Item = i64> + '_ {
        (0..i64::from(self.frames)).map(|index| self.first + index * i64::from(self.step))
    }
}

/// One thing that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Fault {
    /// The film has another number of frames.
    Length {
        /// What it should have.
        expected: u32,
        /// What it has.
        found: usize,
    },
    /// A frame of the film carries no code that can be read.
    Unreadable {
        /// Place in the film, from 0.
        at: usize,
        /// The display frame that belongs there, if any.
        expected: Option<i64>,
    },
    /// A frame of another job.
    Stranger {
        /// Place in the film, from 0.
        at: usize,
        /// The tag of the job it says it belongs to.
        job: u32,
    },
    /// A frame of this job that was rendered with other values.
    Values {
        /// Place in the film, from 0.
        at: usize,
        /// The digest of the values it should have.
        expected: u32,
        /// The digest of those it has.
        found: u32,
    },
    /// Another frame of this job than the one that belongs there.
    Wrong {
        /// Place in the film, from 0.
        at: usize,
        /// The display frame that belongs there, if any.
        expected: Option<i64>,
        /// The one that stands there.
        found: i64,
    },
    /// A display frame that stands in the film more than once.
    Repeated {
        /// The display frame.
        frame: i64,
        /// Its places in the film, from 0.
        at: Vec<usize>,
    },
    /// A display frame that stands nowhere in the film.
    Missing {
        /// The display frame.
        frame: i64,
    },
    /// A frame that the ledger doesn't know: nobody rendered it.
    NotInLedger {
        /// The display frame.
        frame: i64,
    },
    /// A frame of this job in the ledger that doesn't belong to the film.
    NotWanted {
        /// The display frame.
        frame: i64,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wanted = |expected: &Option<i64>| match expected {
            Some(frame) => format!("display frame {frame}"),
            None => "nothing".to_owned(),
        };
        match self {
            Self::Length { expected, found } => {
                write!(out, "the film has {found} frames, not {expected}")
            }
            Self::Unreadable { at, expected } => {
                write!(
                    out,
                    "film frame {at}: no readable code, {} belongs there",
                    wanted(expected)
                )
            }
            Self::Stranger { at, job } => {
                write!(
                    out,
                    "film frame {at}: belongs to another job (tag {job:08x})"
                )
            }
            Self::Values {
                at,
                expected,
                found,
            } => {
                write!(
                    out,
                    "film frame {at}: was rendered with other values (digest {found:08x}, not {expected:08x})"
                )
            }
            Self::Wrong {
                at,
                expected,
                found,
            } => {
                write!(
                    out,
                    "film frame {at}: is display frame {found}, {} belongs there",
                    wanted(expected)
                )
            }
            Self::Repeated { frame, at } => {
                write!(
                    out,
                    "display frame {frame} stands {} times in the film: {at:?}",
                    at.len()
                )
            }
            Self::Missing { frame } => write!(out, "display frame {frame} is missing"),
            Self::NotInLedger { frame } => {
                write!(out, "display frame {frame} is not in the ledger")
            }
            Self::NotWanted { frame } => {
                write!(
                    out,
                    "display frame {frame} is in the ledger and not in the film"
                )
            }
        }
    }
}

/// What the judge says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Whether film (and ledger, if there is one) are as they should be.
    pub right: bool,
    /// Frames in the film.
    pub frames: usize,
    /// What is not as it should be.
    pub faults: Vec<Fault>,
    /// Display frames that the ledger has more than once, with how often. That is no fault by itself: a dead agent's work
    /// is done again.
    pub rendered_again: BTreeMap<i64, usize>,
}

/// Compares the codes of a film, in order, with what it should hold and, if given, with the ledger.
#[must_use]
pub fn compare(codes: &[Option<Code>], expected: &Expected, ledger: Option<&[Entry]>) -> Verdict {
    let mut faults = film_faults(codes, expected);
    let mut rendered_again = BTreeMap::new();
    if let Some(entries) = ledger {
        let mut rendered: BTreeMap<i64, usize> = BTreeMap::new();
        for entry in entries.iter().filter(|entry| entry.job == expected.job) {
            *rendered.entry(entry.frame).or_default() += 1;
        }
        let wanted: BTreeSet<i64> = expected.display_frames().collect();
        let absent = wanted.iter().filter(|frame| !rendered.contains_key(frame));
        faults.extend(absent.map(|&frame| Fault::NotInLedger { frame }));
        let strange = rendered.keys().filter(|frame| !wanted.contains(frame));
        faults.extend(strange.map(|&frame| Fault::NotWanted { frame }));
        rendered_again = rendered
            .into_iter()
            .filter(|&(_, times)| times > 1)
            .collect();
    }
    Verdict {
        right: faults.is_empty(),
        frames: codes.len(),
        faults,
        rendered_again,
    }
}

fn film_faults(codes: &[Option<Code>], expected: &Expected) -> Vec<Fault> {
    let mut faults = Vec::new();
    if codes.len() != expected.frames as usize {
        faults.push(Fault::Length {
            expected: expected.frames,
            found: codes.len(),
        });
    }
    let tag = job_tag(&expected.job);
    let mut values = expected.values;
    let mut places: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
    let mut wanted = expected.display_frames();
    for (at, code) in codes.iter().enumerate() {
        let expected = wanted.next();
        match code {
            None => faults.push(Fault::Unreadable { at, expected }),
            Some(code) if code.job != tag => faults.push(Fault::Stranger { at, job: code.job }),
            Some(code) => {
                let wanted = *values.get_or_insert(code.values);
                if code.values != wanted {
                    faults.push(Fault::Values {
                        at,
                        expected: wanted,
                        found: code.values,
                    });
                }
                let found = i64::from(code.frame);
                places.entry(found).or_default().push(at);
                if expected != Some(found) {
                    faults.push(Fault::Wrong {
                        at,
                        expected,
                        found,
                    });
                }
            }
        }
    }
    let absent = expected
        .display_frames()
        .filter(|frame| !places.contains_key(frame));
    faults.extend(absent.map(|frame| Fault::Missing { frame }));
    let repeated = places.into_iter().filter(|(_, at)| at.len() > 1);
    faults.extend(repeated.map(|(frame, at)| Fault::Repeated { frame, at }));
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn film(frames: &[i32]) -> Vec<Option<Code>> {
        let code = |&frame| {
            Some(Code {
                job: job_tag("j"),
                frame,
                values: 7,
            })
        };
        frames.iter().map(code).collect()
    }

    fn expected(first: i64, frames: u32) -> Expected {
        Expected {
            job: "j".into(),
            first,
            frames,
            step: 1,
            values: None,
        }
    }

    fn entry(job: &str, frame: i64) -> Entry {
        Entry {
            job: job.into(),
            frame,
            dir: String::new(),
            pid: 1,
            at_ms: 1,
        }
    }

    #[test]
    fn a_right_film_is_right() {
        let entries = [
            entry("j", 5),
            entry("j", 6),
            entry("other", 99),
            entry("j", 6),
            entry("j", 7),
        ];
        let verdict = compare(&film(&[5, 6, 7]), &expected(5, 3), Some(&entries));
        assert!(verdict.right, "{verdict:?}");
        assert_eq!(verdict.rendered_again, BTreeMap::from([(6, 2)]));
        let stepped = Expected {
            step: 2,
            ..expected(1, 3)
        };
        assert!(compare(&film(&[1, 3, 5]), &stepped, None).right);
    }

    #[test]
    fn other_values_are_a_fault_even_in_a_whole_film() {
        let mut mixed = film(&[0, 1, 2]);
        mixed[1].as_mut().expect("a code").values = 8;
        let verdict = compare(&mixed, &expected(0, 3), None);
        assert_eq!(
            verdict.faults,
            [Fault::Values {
                at: 1,
                expected: 7,
                found: 8
            }]
        );
        let wanted = Expected {
            values: Some(9),
            ..expected(0, 3)
        };
        assert_eq!(compare(&film(&[0, 1, 2]), &wanted, None).faults.len(), 3);
    }

    #[test]
    fn every_kind_of_wrong_film_is_named() {
        let says = |codes: &[Option<Code>], ledger: Option<&[Entry]>| {
            let verdict = compare(codes, &expected(0, 3), ledger);
            assert!(!verdict.right);
            verdict
                .faults
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            says(&film(&[0, 1]), None),
            ["the film has 2 frames, not 3", "display frame 2 is missing"]
        );
        assert_eq!(
            says(&film(&[0, 1, 1]), None),
            [
                "film frame 2: is display frame 1, display frame 2 belongs there",
                "display frame 2 is missing",
                "display frame 1 stands 2 times in the film: [1, 2]"
            ]
        );
        let mut strange = film(&[0, 1, 2]);
        strange[1] = None;
        strange[2] = Some(Code {
            job: 0xab,
            frame: 2,
            values: 7,
        });
        assert_eq!(
            says(&strange, None)[..2],
            [
                "film frame 1: no readable code, display frame 1 belongs there",
                "film frame 2: belongs to another job (tag 000000ab)"
            ]
        );
        let entries = [entry("j", 0), entry("j", 1), entry("j", 3)];
        assert_eq!(
            says(&film(&[0, 1, 2]), Some(&entries)),
            [
                "display frame 2 is not in the ledger",
                "display frame 3 is in the ledger and not in the film"
            ]
        );
    }
}
