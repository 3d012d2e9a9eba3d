//! What a whole log says, without any files to compare it with: counts, header, errors, and a verdict
//! (`design/agent.md`, Reading aerender). Memory is bounded whatever is read.

use std::io::{self, Read};

use flatrender_protocol::message::OutcomeClass;
use serde::Serialize;

use super::catalogue::{self, Weight};
use super::reader::{Event, Facts, Reader};

/// Lines of one kind that are kept.
const MAX_LINES: usize = 256;
/// Bytes of one that are kept.
const MAX_LINE_BYTES: usize = 4 << 10;
/// Bytes read at once.
const PIECE: usize = 64 << 10;
/// After Effects leaves lines of frames out near the end (section 2.3); fewer than these per cent are too few.
const FEWEST_PERCENT: u64 = 90;

/// What a log comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LogVerdict {
    /// It went well, as far as the log says.
    Ok,
    /// The project or the job is wrong.
    Template,
    /// The machine or the account can't.
    Node,
    /// Worth another try.
    Transient,
    /// It says it went well, and can't be believed.
    Suspect,
    /// It has no end: a hang, a cut, or a renderer that still works.
    Incomplete,
    /// Nothing in it is from aerender.
    Noise,
}

impl From<OutcomeClass> for LogVerdict {
    fn from(class: OutcomeClass) -> Self {
        match class {
            OutcomeClass::Ok => Self::Ok,
            OutcomeClass::Template => Self::Template,
            OutcomeClass::Node => Self::Node,
            OutcomeClass::Transient => Self::Transient,
            OutcomeClass::Suspect => Self::Suspect,
        }
    }
}

/// A log's reading; as JSON what `flatrender-agent log read --json` prints.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reading {
    /// The launcher's version, such as `26.2x49`.
    pub version: Option<String>,
    /// Distinct frames that were reported.
    pub frames: u32,
    /// The number in brackets of the last frame's line.
    pub last_frame_count: Option<u32>,
    /// Frames a second.
    pub fps: Option<f64>,
    /// First moment, as printed.
    pub start: Option<String>,
    /// Last moment, as printed.
    pub end: Option<String>,
    /// Length, as printed.
    pub duration: Option<String>,
    /// A composition was said to be finished, or the total time was told.
    pub finished: bool,
    /// Error lines, at most 256 different ones.
    pub errors: Vec<String>,
    /// Warning lines, at most 256 different ones.
    pub warnings: Vec<String>,
    /// What it comes to.
    pub verdict: LogVerdict,
    /// Why: the line or the fact that decided.
    #[serde(skip)]
    pub why: String,
}

/// Reads a log to its end.
///
/// # Errors
/// When it can't be read.
pub fn read_log(mut from: impl Read) -> io::Result<Reading> {
    let mut gathered = Gathered::default();
    let mut reader = Reader::new();
    let mut piece = vec![0; PIECE];
    loop {
        match from.read(&mut piece) {
            Ok(0) => break,
            Ok(length) => gathered.take(reader.read(&piece[..length])),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    gathered.take(reader.end());
    Ok(gathered.judge(&reader))
}

#[derive(Default)]
struct Gathered {
    version: Option<String>,
    finished: bool,
    errors: Vec<String>,
    warnings: Vec<String>,
}

impl Gathered {
    fn take(&mut self, events: Vec<Event>) {
        for event in events {
            match event {
                Event::Version(version) => drop(self.version.get_or_insert(version)),
                Event::Error(line) => keep(&mut self.errors, line),
                Event::Warning(line) => keep(&mut self.warnings, line),
                Event::Finished => self.finished = true,
                Event::Started | Event::Frame(_) => {}
            }
        }
    }

    fn judge(self, reader: &Reader) -> Reading {
        let facts = reader.facts();
        let (verdict, why) = self.verdict(facts, reader.frames());
        Reading {
            version: self.version,
            frames: reader.frames(),
            last_frame_count: facts.last_frame_count,
            fps: facts.fps,
            start: facts.start.clone(),
            end: facts.end.clone(),
            duration: facts.duration.clone(),
            finished: self.finished,
            errors: self.errors,
            warnings: self.warnings,
            verdict,
            why,
        }
    }

    /// The first cause among the errors decides; without one, the gravest among the warnings; then what is known only in
    /// general; at last whether there was an end.
    fn verdict(&self, facts: &Facts, frames: u32) -> (LogVerdict, String) {
        if let Some((class, line)) = cause(&self.errors, true) {
            return (class.into(), told(line));
        }
        let warned = gravest(&self.warnings);
        if let Some(line) = self.errors.first() {
            if let Some((class, line)) = warned {
                return (class.into(), told(line));
            }
            return (unexplained(line, self.finished), told(line));
        }
        if let Some((class, line)) = warned {
            return (class.into(), told(line));
        }
        if facts.usage {
            return (
                LogVerdict::Template,
                "the usage was shown in place of a render".into(),
            );
        }
        if let Some((class, line)) = cause(&self.warnings, false) {
            return (class.into(), told(line));
        }
        end(facts, frames, self.finished, self.version.is_some())
    }
}

/// What a log without errors comes to.
fn end(facts: &Facts, frames: u32, finished: bool, version: bool) -> (LogVerdict, String) {
    if !finished {
        return if version || facts.aerender {
            (
                LogVerdict::Incomplete,
                "no line says that it has finished".into(),
            )
        } else {
            (LogVerdict::Noise, "no line of aerender's".into())
        };
    }
    if !facts.over && facts.items.0 > facts.items.1 && !facts.elided {
        let why = format!(
            "{} of {} compositions were finished",
            facts.items.1, facts.items.0
        );
        return (LogVerdict::Incomplete, why);
    }
    let seen = u64::from(facts.greatest_frame_count.max(frames));
    if let Some(expected) = facts.expected_frames()
        && (1..expected * FEWEST_PERCENT / 100).contains(&seen)
        && !facts.elided
    {
        let why = format!("finished, and only {seen} of {expected} frames were reported");
        return (LogVerdict::Suspect, why);
    }
    (
        LogVerdict::Ok,
        "it says that it has finished, and nothing that is wrong".into(),
    )
}

/// The first line that says what is wrong; with `exact` unset also what only says that something is.
fn cause(lines: &[String], exact: bool) -> Option<(OutcomeClass, &String)> {
    lines
        .iter()
        .find_map(|line| match catalogue::find(line)?.weight {
            Weight::Cause(class) => Some((class, line)),
            Weight::Hint(class) if !exact => Some((class, line)),
            Weight::Hint(_) | Weight::Noise => None,
        })
}

/// Of several warnings the one that can be acted on best: what is wrong with the job would be wrong elsewhere too.
fn gravest(lines: &[String]) -> Option<(OutcomeClass, &String)> {
    let rank = |class: &OutcomeClass| match class {
        OutcomeClass::Template => 0,
        OutcomeClass::Node => 1,
        OutcomeClass::Suspect => 2,
        OutcomeClass::Transient => 3,
        OutcomeClass::Ok => 4,
    };
    lines
        .iter()
        .filter_map(|line| match catalogue::find(line)?.weight {
            Weight::Cause(class) => Some((class, line)),
            Weight::Hint(_) | Weight::Noise => None,
        })
        .min_by_key(|(class, _)| rank(class))
}

/// An error whose text is not known. One that lost its letters is a matter of the machine's language (L12, L39).
fn unexplained(line: &str, finished: bool) -> LogVerdict {
    let lost = line
        .chars()
        .filter(|&letter| letter == char::REPLACEMENT_CHARACTER)
        .count();
    if lost >= 2 {
        LogVerdict::Node
    } else if finished {
        LogVerdict::Suspect
    } else {
        LogVerdict::Transient
    }
}

/// A line as evidence, with where such a line is known from.
fn told(line: &str) -> String {
    match catalogue::find(line) {
        Some(row) => format!("{line} (known from {})", row.source),
        None => format!("{line} (not known)"),
    }
}

fn keep(lines: &mut Vec<String>, mut line: String) {
    if line.len() > MAX_LINE_BYTES {
        line.truncate(line.floor_char_boundary(MAX_LINE_BYTES));
    }
    if lines.len() < MAX_LINES && !lines.contains(&line) {
        lines.push(line);
    }
}
