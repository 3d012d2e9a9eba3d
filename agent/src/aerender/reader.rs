//! Reads what aerender prints, as it comes: bytes in any encoding, in any pieces, three writers on one stream
//! (`reference/aerender.md` 2.1), and After Effects' own log files (2.7). It never fails and never requires an order; what it
//! does not know, it passes over. It counts **distinct** frames and decides nothing: see `verdict` and `reading`.

use std::collections::HashSet;

use super::catalogue::{self, Place, Row, Weight};
use super::lines::Lines;
use super::prefix;
use super::progress::{Moment, frame_line, torn_head};
use super::segments::{Mark, segments};
use super::words::{self, Course, Key};

/// Distinct frames that are told apart.
const MAX_FRAMES: usize = 1_000_000;
/// Lines for which the rest of a torn one is waited for.
const TORN_LINES: u8 = 12;
/// Bytes of a header's value.
const MAX_VALUE_BYTES: usize = 64;

/// Something that a line said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The launcher's version, such as `26.2x49`.
    Version(String),
    /// The composition is being rendered: After Effects is up and the project is open.
    Started,
    /// A frame that was not seen before; how many there are now.
    Frame(u32),
    /// An error line, from its mark on.
    Error(String),
    /// A warning line, from its mark on.
    Warning(String),
    /// The composition is finished.
    Finished,
}

/// What the lines so far have told beside events; the first value counts where there are several.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// The number in brackets of the last frame's line.
    pub last_frame_count: Option<u32>,
    /// The greatest such number.
    pub greatest_frame_count: u32,
    /// Frames a second.
    pub fps: Option<f64>,
    /// First moment, as printed.
    pub start: Option<String>,
    /// Last moment, as printed.
    pub end: Option<String>,
    /// Length, as printed.
    pub duration: Option<String>,
    /// Compositions begun, finished.
    pub items: (u32, u32),
    /// The total time was told.
    pub over: bool,
    /// Anything was there that only aerender or After Effects prints.
    pub aerender: bool,
    /// It is After Effects' own log file.
    pub log_file: bool,
    /// The usage was shown.
    pub usage: bool,
    /// Somebody left lines out, and said so.
    pub elided: bool,
}

/// A reader of one run's output.
#[derive(Debug, Default)]
pub struct Reader {
    lines: Lines,
    state: State,
}

#[derive(Debug, Default)]
struct State {
    frames: HashSet<u128>,
    facts: Facts,
    torn_version: Torn,
    torn_frame: Torn,
    follows: Option<Place>,
    events: Vec<Event>,
}

/// The beginning of a line whose rest comes later, with another writer's lines between.
#[derive(Debug, Default)]
struct Torn {
    head: String,
    lines_left: u8,
}

impl Torn {
    fn wait_for_rest(&mut self, head: &str) {
        head.clone_into(&mut self.head);
        self.lines_left = TORN_LINES;
    }

    /// The head with this line behind it.
    fn joined(&mut self, line: &str) -> Option<String> {
        self.lines_left = self.lines_left.checked_sub(1)?;
        Some(format!("{}{line}", self.head))
    }
}

impl Reader {
    /// One that has read nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads on; returns what the lines that are complete now have said.
    pub fn read(&mut self, bytes: &[u8]) -> Vec<Event> {
        let state = &mut self.state;
        self.lines.feed(bytes, &mut |line| state.line(line));
        std::mem::take(&mut self.state.events)
    }

    /// The output ended: what stands on an unfinished last line counts as well.
    pub fn end(&mut self) -> Vec<Event> {
        let state = &mut self.state;
        self.lines.end(&mut |line| state.line(line));
        std::mem::take(&mut self.state.events)
    }

    /// Distinct frames so far.
    pub fn frames(&self) -> u32 {
        self.state.count()
    }

    /// What was told beside events.
    pub fn facts(&self) -> &Facts {
        &self.state.facts
    }
}

impl State {
    fn count(&self) -> u32 {
        u32::try_from(self.frames.len()).unwrap_or(u32::MAX)
    }

    fn line(&mut self, line: &str) {
        for (mark, text) in segments(line) {
            if mark != Mark::None {
                self.facts.aerender = true;
                self.follows = None;
            }
            match mark {
                Mark::Version => self.version(text),
                Mark::Progress => self.progress(text),
                Mark::Warning => self.warning(text),
                Mark::Info => self.info(text),
                Mark::Error => self.error(text),
                Mark::Usage => self.facts.usage = true,
                Mark::None => self.unmarked(text),
            }
        }
    }

    fn version(&mut self, text: &str) {
        let length = text
            .find(|letter: char| !(letter.is_ascii_digit() || matches!(letter, '.' | 'x')))
            .unwrap_or(text.len());
        let (number, behind) = text.split_at(length);
        // Another writer may have torn the line; then letters follow at once, or there is no number yet.
        let torn = number.is_empty()
            || !whole_version(number)
            || behind.starts_with(char::is_alphanumeric);
        if whole_version(number) && !torn {
            self.events.push(Event::Version(number.to_owned()));
        } else {
            self.torn_version.wait_for_rest(number);
        }
        if !behind.trim().is_empty() && torn {
            self.unmarked(behind.trim());
        }
    }

    fn progress(&mut self, text: &str) {
        let text = text.trim();
        if self.frame(text, true) || self.header(text, true) || self.course(text) {
            return;
        }
        if let Some(head) = torn_head(text) {
            self.torn_frame.wait_for_rest(head);
        } else if text.contains("Adding specified comp") {
            // Opening is over, though nothing is rendered yet; only a composition's own line says that.
        } else if !words::names_something(text) {
            self.told_unmarked(text);
        }
    }

    /// A line without a mark; what a program around aerender puts in front is taken off.
    fn unmarked(&mut self, line: &str) {
        let line = prefix::without(line);
        if let Some(version) = self.torn_version.joined(line)
            && let Some(number) = version.split_whitespace().next()
            && whole_version(number)
        {
            self.torn_version.lines_left = 0;
            self.events.push(Event::Version(number.to_owned()));
            return;
        }
        if let Some(joined) = self.torn_frame.joined(line)
            && self
                .torn_frame
                .head
                .chars()
                .any(|letter| letter.is_ascii_digit())
            && joined.contains(')')
            && self.frame(&joined, true)
        {
            self.torn_frame.lines_left = 0;
            return;
        }
        if let Some(place) = self.follows.take() {
            self.tell(place, line.to_owned());
            return;
        }
        if is_log_header(line) {
            self.facts.log_file = true;
            self.facts.aerender = true;
        } else if matches!(line, "..." | "…" | "[...]" | "[…]" | "(...)") {
            self.facts.elided = true;
        } else if !(self.frame(line, false) || self.header(line, false) || self.course(line)) {
            self.told_unmarked(line);
        }
    }

    fn told_unmarked(&mut self, text: &str) {
        if let Some(row) = catalogue::find_unmarked(text) {
            self.tell_row(row, row.place, text);
        } else if let Some(code) = error_code(text) {
            // After Effects prints its error's code, `( 86 :: 2 )`, behind the text.
            if text[..code]
                .chars()
                .filter(|letter| letter.is_alphabetic())
                .count()
                > 8
            {
                self.tell(Place::AnyError, text.to_owned());
            }
        }
    }

    fn frame(&mut self, text: &str, prefixed: bool) -> bool {
        let Some(line) = frame_line(text, prefixed) else {
            return false;
        };
        self.facts.aerender = true;
        self.facts.last_frame_count = Some(line.number);
        self.facts.greatest_frame_count = self.facts.greatest_frame_count.max(line.number);
        if self.frames.len() < MAX_FRAMES && self.frames.insert(line.key) {
            self.events.push(Event::Frame(self.count()));
        }
        true
    }

    fn header(&mut self, text: &str, prefixed: bool) -> bool {
        let Some((key, value)) = words::header(text) else {
            return false;
        };
        if value.len() > MAX_VALUE_BYTES
            || !(prefixed || self.facts.log_file || value.contains([':', ';', '(']))
        {
            return false;
        }
        if key == Key::FrameRate {
            let rate = decimal(value);
            self.facts.fps = self.facts.fps.or(rate);
            return rate.is_some();
        }
        if Moment::whole(value).is_none() {
            return false;
        }
        let slot = match key {
            Key::Start => &mut self.facts.start,
            Key::End => &mut self.facts.end,
            Key::Duration | Key::FrameRate => &mut self.facts.duration,
        };
        slot.get_or_insert_with(|| value.to_owned());
        true
    }

    fn course(&mut self, text: &str) -> bool {
        let Some(course) = words::course(text) else {
            return false;
        };
        self.facts.aerender = true;
        match course {
            Course::Started => {
                self.facts.items.0 = self.facts.items.0.saturating_add(1);
                self.events.push(Event::Started);
            }
            Course::Finished => {
                self.facts.items.1 = self.facts.items.1.saturating_add(1);
                self.events.push(Event::Finished);
            }
            Course::Over => {
                self.facts.over = true;
                self.events.push(Event::Finished);
            }
        }
        true
    }

    fn error(&mut self, text: &str) {
        match catalogue::find(text) {
            Some(row) if row.weight == Weight::Noise => self.tell_row(row, Place::AnyWarning, text),
            Some(row) => self.tell_row(row, Place::AnyError, text),
            None => self.tell(Place::AnyError, text.to_owned()),
        }
    }

    fn warning(&mut self, text: &str) {
        match catalogue::find(text) {
            Some(row) => self.tell_row(row, Place::AnyWarning, text),
            None => self.tell(Place::AnyWarning, text.to_owned()),
        }
    }

    fn info(&mut self, text: &str) {
        let said = prefix::without(text);
        if is_log_header(said) || self.facts.log_file {
            // a log file has no such marks: it is a word of a program around
            self.unmarked(said);
        } else if let Some(row) = catalogue::find(text) {
            self.tell_row(row, Place::AnyWarning, text);
        }
    }

    fn tell_row(&mut self, row: &Row, place: Place, text: &str) {
        self.tell(place, text.to_owned());
        self.follows = row.follows.then_some(place);
    }

    fn tell(&mut self, place: Place, text: String) {
        self.events.push(match place {
            Place::AnyError => Event::Error(text),
            Place::AnyWarning | Place::Marked => Event::Warning(text),
        });
    }
}

impl Facts {
    /// How many frames the header promises, where it can be told.
    pub fn expected_frames(&self) -> Option<u64> {
        let moment = Moment::whole(self.duration.as_deref()?)?;
        let rate = self.fps.map_or(0.0, f64::round);
        if moment.frames(1) == moment.frames(0) {
            return moment.frames(0);
        }
        // A timecode's length takes a rate.
        (1.0..=1000.0)
            .contains(&rate)
            .then(|| moment.frames(rate as u32))
            .flatten()
    }
}

/// `26.2x49`, `17.0.5x16`.
fn whole_version(text: &str) -> bool {
    let number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    text.len() <= 32
        && text.split_once('x').is_some_and(|(parts, build)| {
            number(build) && parts.contains('.') && parts.split('.').all(number)
        })
}

/// `Adobe After Effects v22.0 Windows 64 render log …`, in any language.
fn is_log_header(line: &str) -> bool {
    line.split_once("After Effects v")
        .is_some_and(|(_, rest)| rest.starts_with(|first: char| first.is_ascii_digit()))
}

/// Where the code of an error, `(86::2)`, begins.
fn error_code(text: &str) -> Option<usize> {
    let open = text.rfind('(')?;
    let inside = text[open + 1..].split_once(')')?.0;
    let (a, b) = inside.split_once("::")?;
    let number = |part: &str| {
        let part = part.trim();
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    (number(a) && number(b)).then_some(open)
}

/// `25.00 (comp)` or `25,00 (comp)`.
fn decimal(text: &str) -> Option<f64> {
    let digit = |letter: char| letter.is_ascii_digit() || matches!(letter, '.' | ',');
    let end = text.find(|letter| !digit(letter)).unwrap_or(text.len());
    let rate: f64 = text[..end].replace(',', ".").parse().ok()?;
    (rate > 0.0 && rate < 1000.0).then_some(rate)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(bytes: &[u8]) -> (Vec<Event>, Facts) {
        let mut reader = Reader::new();
        let mut events = reader.read(bytes);
        events.extend(reader.end());
        (events, reader.facts().clone())
    }

    #[test]
    fn a_normal_run_is_read() {
        let log = b"aerender version 25.2x26 (stand-in)\nPROGRESS: Adding specified comp to Render Queue\n\
            PROGRESS:  11/14/2020 10:21:37 AM: Starting composition \"a\".\n\
            PROGRESS:  0:00:00:00 (1): 0 Seconds\nPROGRESS:  0:00:00:01 (2): 0 Seconds\n\
            PROGRESS:  4/30/2019 1:59:30 AM: Finished composition a.\nPROGRESS:  Total Time Elapsed: 28 Seconds";
        let (events, facts) = all(log);
        assert_eq!(
            events,
            [
                Event::Version("25.2x26".into()),
                Event::Started,
                Event::Frame(1),
                Event::Frame(2),
                Event::Finished,
                Event::Finished
            ]
        );
        assert_eq!(
            (facts.items, facts.over, facts.last_frame_count),
            ((1, 1), true, Some(2))
        );
    }

    #[test]
    fn errors_are_marked() {
        let log = b"GL_VERS: 32Prog Error: 1280\nPROGRESS:  Output To: /x/aerender ERROR.tif\nINFO:error\n\
            aerender ERROR: No comp was found with the given name.\naerender Error: After Effects\xa8 \xff\n";
        let events = all(log).0;
        assert_eq!(events.len(), 2, "{events:?}");
        assert!(
            matches!(&events[1], Event::Error(text) if text.starts_with("aerender Error: After Effects"))
        );
    }

    #[test]
    fn lines_behind_prefixes_of_other_programs_are_read() {
        let lines = [
            "Adobe After Effects v22.0 Windows 64 render log for project “x.aep”",
            "Frame Rate: 25.00 (comp)",
            "Duration: 0:00:00:02",
            "0:00:00:00 (1): 0 Seconds",
            "0:00:00:01 (2): 0 Seconds",
            "aerender ERROR: No comp was found with the given name.",
        ];
        for prefix in [
            "",
            "[job-1] ",
            "2023-04-06 20:37:22:  0: STDOUT: ",
            "2024-01-02T03:04:05.678Z ",
            "2024/01/02 03:04:05+00:00\tADAPTOR_OUTPUT: STDOUT: ",
            "INFO:aerender:",
        ] {
            let log: String = lines.map(|line| format!("{prefix}{line}\n")).concat();
            let (events, facts) = all(log.as_bytes());
            assert_eq!(
                events,
                [
                    Event::Frame(1),
                    Event::Frame(2),
                    Event::Error(lines[5].to_owned())
                ],
                "{prefix:?}"
            );
            assert_eq!(facts.fps, Some(25.0), "{prefix:?}");
            assert_eq!(facts.duration.as_deref(), Some("0:00:00:02"), "{prefix:?}");
        }
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b':'), Just(b'P'), any::<u8>()], 0..300), cut in 0usize..300) {
            let cut = cut.min(bytes.len());
            let mut reader = Reader::new();
            let mut events = reader.read(&bytes[..cut]);
            events.extend(reader.read(&bytes[cut..]));
            events.extend(reader.end());
            prop_assert_eq!((events, reader.facts().clone()), all(&bytes));
        }
    }
}
