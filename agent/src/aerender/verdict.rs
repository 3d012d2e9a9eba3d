//! What a run came to: exit code, error lines and files judged together, and the files win (`design/agent.md`, Reading
//! aerender). Pure. The table of texts covers the errors that this version reads; whatever else went wrong is worth
//! another try elsewhere.

use flatrender_protocol::message::OutcomeClass;

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

/// Error texts and whose fault they are (section 2.5), lower case.
const KNOWN: &[(&str, OutcomeClass)] = &[
    (
        "no comp was found with the given name",
        OutcomeClass::Template,
    ),
    ("no render queue item was found", OutcomeClass::Template),
    ("no output module template was found", OutcomeClass::Node),
    ("no render settings template was found", OutcomeClass::Node),
    ("file not found", OutcomeClass::Template),
    ("could not read from source", OutcomeClass::Template),
    ("reading frame from file", OutcomeClass::Template),
    ("frames outside", OutcomeClass::Template),
    ("syntax error", OutcomeClass::Template),
    ("file is damaged", OutcomeClass::Transient),
    ("can not create a file in directory", OutcomeClass::Node),
    ("-1701", OutcomeClass::Node),
    ("-1712", OutcomeClass::Transient),
    ("another instance of aerender", OutcomeClass::Transient),
    ("can not open socket", OutcomeClass::Transient),
    ("forcibly closed", OutcomeClass::Transient),
    ("obtain a license", OutcomeClass::Node),
    ("encountered a failure (code: 19969)", OutcomeClass::Node),
];

/// Judges a run that was not told to stop.
pub fn judge(evidence: &Evidence) -> Verdict {
    if evidence.missing.is_empty() {
        // Every frame is there and whole. A launcher that had to be killed while it finished changes nothing; an error
        // line does: what it complains about may be in the picture.
        let class = if evidence.errors.is_empty() {
            OutcomeClass::Ok
        } else {
            OutcomeClass::Suspect
        };
        return Verdict {
            class,
            message: cut(evidence.errors.join("\n")),
        };
    }
    let class = evidence
        .errors
        .iter()
        .find_map(|line| class_of(line))
        .unwrap_or(OutcomeClass::Transient);
    let mut words: Vec<String> = Vec::new();
    words.extend(evidence.ended_by_agent.clone());
    words.extend(evidence.errors.iter().cloned());
    words.push(missing_in_words(&evidence.missing));
    if evidence.ended_by_agent.is_none() {
        words.push(end_in_words(evidence));
    }
    Verdict {
        class,
        message: cut(words.join("\n")),
    }
}

fn class_of(line: &str) -> Option<OutcomeClass> {
    let lower = line.to_lowercase();
    KNOWN
        .iter()
        .find(|(text, _)| lower.contains(text))
        .map(|(_, class)| *class)
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
