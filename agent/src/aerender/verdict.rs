//! What a run came to: exit code, error lines and files judged together, and the files win (`design/agent.md`, Reading
//! aerender). Pure. What a text means stands in `catalogue`; whatever else went wrong is worth another try elsewhere.

use flatrender_protocol::message::OutcomeClass;

use super::catalogue::{self, Row, Weight};
use crate::process::End;

/// Most bytes of a message.
const MAX_MESSAGE_BYTES: usize = 4 << 10;
/// Frames that a message names one by one.
const MAX_NAMED: usize = 12;

/// What is known when the process tree has gone.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    /// How the launcher ended, where that is known.
    pub launcher: Option<End>,
    /// Anchored error lines, in the order they came.
    pub errors: Vec<String>,
    /// Warning lines, in the order they came.
    pub warnings: Vec<String>,
    /// Whether a line said that the composition is finished.
    pub finished: bool,
    /// Display frames that are still owed, and why the file at hand could not be taken.
    pub missing: Vec<(i64, Option<String>)>,
    /// Why the agent itself ended the run, when it did.
    pub ended_by_agent: Option<String>,
}

/// A verdict with its evidence in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Whose fault.
    pub class: OutcomeClass,
    /// What went wrong; empty when nothing did. At most 4 KiB.
    pub message: String,
}

/// Judges a run that was not told to stop.
pub fn judge(evidence: &Evidence) -> Verdict {
    if evidence.missing.is_empty() {
        return all_here(evidence);
    }
    let class = cause(&evidence.errors)
        .or_else(|| cause(&evidence.warnings))
        .map_or(OutcomeClass::Transient, |row| row.missing);
    let mut words: Vec<String> = Vec::new();
    words.extend(evidence.ended_by_agent.clone());
    words.extend(evidence.errors.iter().cloned());
    words.extend(known_warnings(evidence).map(|(line, _)| line.clone()));
    words.push(missing_in_words(&evidence.missing));
    if evidence.ended_by_agent.is_none() {
        words.push(end_in_words(evidence));
    }
    Verdict {
        class,
        message: cut(words.join("\n")),
    }
}

/// Every frame is there and whole. A launcher that had to be killed while it finished changes nothing; an error line does,
/// and a warning that is known to spoil pictures: what it complains about may be in them.
fn all_here(evidence: &Evidence) -> Verdict {
    let doubts: Vec<&str> = known_warnings(evidence)
        .filter(|(_, row)| row.doubts)
        .map(|(line, _)| line.as_str())
        .collect();
    let lines: Vec<&str> = evidence
        .errors
        .iter()
        .map(String::as_str)
        .chain(doubts)
        .collect();
    Verdict {
        class: if lines.is_empty() {
            OutcomeClass::Ok
        } else {
            OutcomeClass::Suspect
        },
        message: cut(lines.join("\n")),
    }
}

/// Warnings that say something, each with its row.
fn known_warnings(evidence: &Evidence) -> impl Iterator<Item = (&String, &'static Row)> {
    evidence
        .warnings
        .iter()
        .filter_map(|line| Some((line, catalogue::find(line)?)))
        .filter(|(_, row)| row.weight != Weight::Noise)
}

/// The first line that says what is wrong, else the first that says that something is.
fn cause(lines: &[String]) -> Option<&'static Row> {
    let rows = || lines.iter().filter_map(|line| catalogue::find(line));
    rows()
        .find(|row| matches!(row.weight, Weight::Cause(_)))
        .or_else(|| rows().find(|row| matches!(row.weight, Weight::Hint(_))))
}

fn missing_in_words(missing: &[(i64, Option<String>)]) -> String {
    let mut names: Vec<String> = missing
        .iter()
        .take(MAX_NAMED)
        .map(|(display, reason)| match reason {
            Some(reason) => format!("frame {display} ({reason})"),
            None => format!("frame {display}"),
        })
        .collect();
    if missing.len() > MAX_NAMED {
        names.push(format!("and {} more", missing.len() - MAX_NAMED));
    }
    format!("not rendered: {}", names.join(", "))
}

fn end_in_words(evidence: &Evidence) -> String {
    let end = match evidence.launcher {
        Some(End {
            code: Some(code), ..
        }) => format!("the renderer ended with exit code {code}"),
        Some(End {
            signal: Some(signal),
            ..
        }) => format!("the renderer was ended by signal {signal}"),
        Some(_) | None => "how the renderer ended is not known".to_owned(),
    };
    if evidence.finished {
        format!("{end} and said that it had finished")
    } else {
        end
    }
}

/// A text as long as a report may carry it: 4 KiB.
pub fn cut(mut text: String) -> String {
    if text.len() > MAX_MESSAGE_BYTES {
        let mut end = MAX_MESSAGE_BYTES;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE_0: Option<End> = Some(End {
        code: Some(0),
        signal: None,
    });

    #[test]
    fn exit_code_0_proves_nothing() {
        let verdict = judge(&Evidence {
            launcher: CODE_0,
            finished: true,
            missing: vec![(7, None), (9, Some("0 bytes".into()))],
            ..Evidence::default()
        });
        assert_eq!(verdict.class, OutcomeClass::Transient);
        assert_eq!(
            verdict.message,
            "not rendered: frame 7, frame 9 (0 bytes)\nthe renderer ended with exit code 0 and said that it had finished"
        );
    }

    #[test]
    fn the_files_win_over_a_bad_end() {
        let verdict = judge(&Evidence {
            launcher: Some(End {
                code: None,
                signal: Some(9),
            }),
            ended_by_agent: Some("it did not end".into()),
            ..Evidence::default()
        });
        assert_eq!(
            verdict,
            Verdict {
                class: OutcomeClass::Ok,
                message: String::new()
            }
        );
    }

    #[test]
    fn an_error_beside_all_frames_is_suspect() {
        let verdict = judge(&Evidence {
            launcher: CODE_0,
            errors: vec!["After Effects error: Could not read from source.".into()],
            ..Evidence::default()
        });
        assert_eq!(verdict.class, OutcomeClass::Suspect);
    }

    #[test]
    fn warnings_that_spoil_pictures_make_them_suspect_and_explain_missing_ones() {
        for (line, whole, missing) in [
            (
                "WARNING:After Effects warning: Project has missing fonts.",
                OutcomeClass::Suspect,
                OutcomeClass::Node,
            ),
            (
                "WARNING:After Effects warning: logged one error  error: Unable to Render: File Not Found /a",
                OutcomeClass::Suspect,
                OutcomeClass::Template,
            ),
            (
                "WARNING:After Effects warning: XMP metadata could not be written",
                OutcomeClass::Ok,
                OutcomeClass::Transient,
            ),
            (
                "WARNING:something new",
                OutcomeClass::Ok,
                OutcomeClass::Transient,
            ),
        ] {
            let mut evidence = Evidence {
                warnings: vec![line.into()],
                ..Evidence::default()
            };
            assert_eq!(judge(&evidence).class, whole, "{line}");
            evidence.missing.push((1, None));
            assert_eq!(judge(&evidence).class, missing, "{line}");
        }
    }

    #[test]
    fn known_errors_have_their_class() {
        for (line, class) in [
            (
                "aerender ERROR: No comp was found with the given name.",
                OutcomeClass::Template,
            ),
            (
                "aerender ERROR: No output module template was found with the given name.",
                OutcomeClass::Node,
            ),
            (
                "aerender ERROR: After Effects can not render for aerender. Another instance of aerender …",
                OutcomeClass::Transient,
            ),
            ("aerender ERROR: something new", OutcomeClass::Transient),
        ] {
            let verdict = judge(&Evidence {
                errors: vec![line.into()],
                missing: vec![(1, None)],
                ..Evidence::default()
            });
            assert_eq!(verdict.class, class, "{line}");
            assert!(verdict.message.starts_with(line));
        }
    }

    #[test]
    fn messages_stay_short() {
        let verdict = judge(&Evidence {
            errors: vec!["é".repeat(10_000)],
            missing: (0..100_000).map(|frame| (frame, None)).collect(),
            ..Evidence::default()
        });
        assert!(verdict.message.len() <= MAX_MESSAGE_BYTES);
    }
}
