//! Reads what aerender prints, as it comes: bytes in any encoding, in any pieces, three writers on one stream
//! (`reference/aerender.md` 2.1). It never fails and never requires an order; what it does not know, it passes over. It
//! counts **distinct** frames and decides nothing: see `verdict`.

use std::collections::HashSet;

/// Bytes of one line that are kept; what is longer is cut.
const MAX_LINE_BYTES: usize = 16 << 10;
/// Distinct frames that are told apart.
const MAX_FRAMES: usize = 1_000_000;

/// Something that a line said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The launcher's version, such as `26.2x49`.
    Version(String),
    /// The composition is being rendered: After Effects is up and the project is open.
    Started,
    /// A frame that was not seen before; how many there are now.
    Frame(u32),
    /// An anchored error line, as it stood there.
    Error(String),
    /// A warning line, as it stood there.
    Warning(String),
    /// The composition is finished.
    Finished,
}

/// A reader of one run's output.
#[derive(Debug, Default)]
pub struct Reader {
    line: Vec<u8>,
    frames: HashSet<(String, u32)>,
}

impl Reader {
    /// One that has read nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads on; returns what the lines that are complete now have said.
    pub fn read(&mut self, bytes: &[u8]) -> Vec<Event> {
        let mut events = Vec::new();
        for &byte in bytes {
            if byte == b'\n' || byte == b'\r' {
                self.end_line(&mut events);
            } else if self.line.len() < MAX_LINE_BYTES {
                self.line.push(byte);
            }
        }
        events
    }

    /// The output ended: what stands on an unfinished last line counts as well.
    pub fn end(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        self.end_line(&mut events);
        events
    }

    /// Distinct frames so far.
    pub fn frames(&self) -> u32 {
        u32::try_from(self.frames.len()).unwrap_or(u32::MAX)
    }

    fn end_line(&mut self, events: &mut Vec<Event>) {
        let line = std::mem::take(&mut self.line);
        let text = String::from_utf8_lossy(&line);
        let text = text.trim();
        if !text.is_empty() {
            self.understand(text, events);
        }
    }

    fn understand(&mut self, line: &str, events: &mut Vec<Event>) {
        if let Some(version) = line.strip_prefix("aerender version ") {
            // Another writer may have torn the line: only something like a version is one.
            if version.starts_with(|first: char| first.is_ascii_digit()) {
                events.push(Event::Version(
                    version
                        .split_whitespace()
                        .next()
                        .unwrap_or(version)
                        .to_owned(),
                ));
            }
            return;
        }
        // Our own progress line may stand behind somebody else's unfinished one.
        if let Some(at) = line.find("PROGRESS:") {
            let before = line[..at].trim();
            if !before.is_empty() {
                self.understand(before, events);
            }
            self.progress(line[at + "PROGRESS:".len()..].trim(), events);
        } else if is_error(line) {
            events.push(Event::Error(line.to_owned()));
        } else if line.starts_with("WARNING:") {
            events.push(Event::Warning(line.to_owned()));
        } else if line
            .trim_start_matches('*')
            .starts_with("Total Time Elapsed")
            || says_finished(line)
        {
            events.push(Event::Finished);
        }
    }

    fn progress(&mut self, text: &str, events: &mut Vec<Event>) {
        if let Some(frame) = frame(text) {
            if self.frames.len() < MAX_FRAMES && self.frames.insert(frame) {
                events.push(Event::Frame(self.frames()));
            }
        } else if text.starts_with("Total Time Elapsed") || says_finished(text) {
            events.push(Event::Finished);
        } else if text.contains("Starting composition") {
            events.push(Event::Started);
        }
    }
}

/// The lines that a supervisor must bring to the surface (section 2.5). A bare word "error" is noise.
fn is_error(line: &str) -> bool {
    let lower = line.to_ascii_lowercase();
    let told_by_the_launcher = lower.strip_prefix("aerender ").is_some_and(|rest| {
        ["error", "fehler", "syntax error"]
            .iter()
            .any(|word| rest.starts_with(word))
    });
    told_by_the_launcher
        || lower.starts_with("after effects error:")
        || lower.starts_with("after effect error:")
        || lower.contains("unable to render: file not found")
        || lower.starts_with("after effects has encountered a failure")
}

/// In the languages whose words are known (section 2.3).
fn says_finished(text: &str) -> bool {
    text.contains("Finished composition")
        || text.contains("fin de la composition")
        || (text.contains("Komposition") && text.contains("beendet"))
        || (text.contains("コンポジション") && text.contains("の終了"))
}

/// `0:00:05:07 (132): 1 Seconds`, `1;34;40;09 (21280)`, `12 (13): 0 Seconds`, `0:00:01:00 (26U): …`: which frame, by
/// timecode and number together.
fn frame(text: &str) -> Option<(String, u32)> {
    let (code, rest) = text.split_once('(')?;
    let code = code.trim_end();
    let groups: Vec<&str> = code.split([':', ';']).collect();
    let numeric = |group: &&str| {
        !group.is_empty() && group.len() <= 9 && group.bytes().all(|byte| byte.is_ascii_digit())
    };
    if !matches!(groups.len(), 1 | 4) || !groups.iter().all(numeric) {
        return None;
    }
    let (number, _) = rest.split_once(')')?;
    let number = number.trim_end_matches(|last: char| last.is_ascii_alphabetic());
    Some((code.to_owned(), number.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(bytes: &[u8]) -> (Vec<Event>, u32) {
        let mut reader = Reader::new();
        let mut events = reader.read(bytes);
        events.extend(reader.end());
        (events, reader.frames())
    }

    #[test]
    fn a_normal_run_is_read() {
        let log = b"aerender version 25.2x26\nPROGRESS: Adding specified comp to Render Queue\n\
            PROGRESS:  11/14/2020 10:21:37 AM: Starting composition \"a\".\n\
            PROGRESS:  0:00:00:00 (1): 0 Seconds\nPROGRESS:  0:00:00:01 (2): 0 Seconds\n\
            PROGRESS:  4/30/2019 1:59:30 AM: Finished composition a.\nPROGRESS:  Total Time Elapsed: 28 Seconds";
        let (events, frames) = all(log);
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
        assert_eq!(frames, 2);
    }

    #[test]
    fn every_way_to_write_a_frame_is_one_and_repeats_count_once() {
        let log = "PROGRESS:  0:00:00:01 (2): 0 Seconds\nPROGRESS:  0:00:00:00 (1): 2 Sekunden\r\nPROGRESS: 1;34;40;09 (21280)\n\
            PROGRESS:  12 (13): 0 Seconds\nPROGRESS:  0:00:01:00 (26U): 0 Seconds\nPROGRESS:  0:00:00:01 (2): 0 Seconds\n\
            Qt: UntesPROGRESS:  0:00:00:02 (3): 0 Seconds\n";
        assert_eq!(all(log.as_bytes()).1, 6);
    }

    #[test]
    fn errors_are_anchored() {
        let log = b"GL_VERS: 32Prog Error: 1280\nPROGRESS:  Output To: /x/aerender ERROR.tif\nINFO:error\n\
            aerender ERROR: No comp was found with the given name.\naerender Error: After Effects\xa8 \xff\n";
        let errors: Vec<Event> = all(log).0;
        assert_eq!(errors.len(), 2, "{errors:?}");
        assert!(
            matches!(&errors[1], Event::Error(text) if text.starts_with("aerender Error: After Effects"))
        );
    }

    #[test]
    fn an_endless_line_does_not_fill_the_memory() {
        let mut reader = Reader::new();
        for _ in 0..100 {
            assert!(reader.read(&[b'x'; 4096]).is_empty());
        }
        assert!(reader.line.capacity() <= 2 * MAX_LINE_BYTES);
        assert_eq!(reader.read(b"\naerender ERROR: x\n").len(), 1);
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b':'), Just(b'P'), any::<u8>()], 0..300), cut in 0usize..300) {
            let cut = cut.min(bytes.len());
            let mut reader = Reader::new();
            let mut events = reader.read(&bytes[..cut]);
            events.extend(reader.read(&bytes[cut..]));
            events.extend(reader.end());
            prop_assert_eq!(events, all(&bytes).0);
        }
    }
}
