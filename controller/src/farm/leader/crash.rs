//! Crashes of renderers become rows: what kind, which signature, what was done. The same crash has the same signature
//! whatever its numbers, addresses and paths.

use flatrender_protocol::message::{OutcomeClass, Report};

use super::Leader;
use crate::plan::Lease;
use crate::store::crashes::{self, Crash};
use crate::store::{StoreError, commit};

/// Most characters of a signature.
const LONGEST: usize = 200;

impl Leader {
    /// Keeps what happened to a renderer. A template that can't be rendered is no crash.
    pub(super) async fn note_crash(
        &self,
        lease: &Lease,
        report: &Report,
    ) -> Result<(), StoreError> {
        let Some(kind) = kind(report) else {
            return Ok(());
        };
        let Some(facts) = self.facts.get(&lease.job) else {
            return Ok(());
        };
        let crash = Crash {
            node: lease.node,
            job: lease.job,
            attempt: lease.key.attempt,
            ordinal: self.snapshot.unpublished(lease).first().map(|span| span.lo),
            package: facts.row.package,
            kind,
            exit_code: report.exit_code,
            signature: signature(&report.message),
            message: report.message.clone(),
            log_tail: report.log_tail.clone(),
            action: "rendered again, elsewhere first".to_owned(),
        };
        let mut tx = self.begin().await?;
        crashes::insert(&mut tx, &crash).await?;
        commit(tx).await
    }
}

/// What kind of crash a report tells of.
fn kind(report: &Report) -> Option<&'static str> {
    match report.class {
        OutcomeClass::Ok | OutcomeClass::Template | OutcomeClass::Suspect => return None,
        OutcomeClass::Node | OutcomeClass::Transient => {}
    }
    let words = report.message.to_lowercase();
    let says = |any: &[&str]| any.iter().any(|word| words.contains(word));
    Some(
        if says(&[
            "has done nothing",
            "has been opening",
            "has been at its first",
            "no frame",
        ]) {
            "hang"
        } else if says(&["memory"]) {
            "memory"
        } else if says(&["disk", "no space", "not enough space"]) {
            "disk"
        } else if says(&["licen"]) {
            "licence"
        } else if says(&["dialog"]) {
            "dialog"
        } else {
            "crash"
        },
    )
}

/// A text in which numbers, addresses, quoted names and paths are placeholders; never empty.
pub(super) fn signature(message: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut quoted = false;
    for word in message.split_whitespace() {
        let quotes = word.matches(['"', '\u{201c}', '\u{201d}']).count();
        let inside = quoted || quotes > 0;
        if quotes % 2 == 1 {
            quoted = !quoted;
        }
        let shape = if inside {
            "\"…\"".to_owned()
        } else if word.contains(['/', '\\']) {
            "<path>".to_owned()
        } else if word.contains(|c: char| c.is_ascii_digit()) {
            numbers(word)
        } else {
            word.to_lowercase()
        };
        if words.last() != Some(&shape) || shape != "\"…\"" {
            words.push(shape);
        }
    }
    let text: String = words.join(" ").chars().take(LONGEST).collect();
    if text.is_empty() {
        "no words".to_owned()
    } else {
        text
    }
}

/// A word whose digits are one `#` each run; a hexadecimal address is one altogether.
fn numbers(word: &str) -> String {
    if word.to_ascii_lowercase().contains("0x") {
        return "#".to_owned();
    }
    let mut text = String::new();
    for letter in word.to_lowercase().chars() {
        match letter {
            '0'..='9' if text.ends_with('#') => {}
            '0'..='9' => text.push('#'),
            other => text.push(other),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use flatrender_protocol::AttemptId;
    use flatrender_protocol::message::{Ending, LeaseKey};

    use super::*;

    #[test]
    fn the_same_crash_has_one_signature() {
        let one = signature(
            "not rendered: frame 12, frame 13\nthe renderer was ended by signal 11 at 0x7ffd12ab",
        );
        let other = signature(
            "not rendered: frame 7, frame 8\nthe renderer was ended by signal 11 at 0xdeadbeef",
        );
        assert_eq!(one, other);
        assert_eq!(
            signature("can't read \"C:\\a b\\Heart 80.png\" now"),
            signature("can't read \"/Users/x/y.mov\" now")
        );
        assert_ne!(signature("out of memory"), signature("no licence"));
        assert_eq!(signature(""), "no words");
        assert!(signature(&"wörd ".repeat(300)).chars().count() <= LONGEST);
    }

    #[test]
    fn a_crash_has_a_kind_and_a_template_none() {
        let report = |class, message: &str| Report {
            lease: LeaseKey {
                attempt: AttemptId::new(),
                epoch: 1,
            },
            ending: Ending::Failed,
            class,
            exit_code: Some(14),
            message: message.to_owned(),
            log_tail: String::new(),
            startup_ms: None,
            total_ms: 1,
            made: None,
        };
        for (class, message, expected) in [
            (OutcomeClass::Template, "no such effect", None),
            (
                OutcomeClass::Transient,
                "the renderer was ended by signal 11",
                Some("crash"),
            ),
            (
                OutcomeClass::Transient,
                "the renderer has finished no frame and done nothing for 30 s",
                Some("hang"),
            ),
            (
                OutcomeClass::Node,
                "no licence for After Effects",
                Some("licence"),
            ),
            (
                OutcomeClass::Node,
                "unable to allocate memory",
                Some("memory"),
            ),
        ] {
            assert_eq!(kind(&report(class, message)), expected, "{message}");
        }
    }
}
