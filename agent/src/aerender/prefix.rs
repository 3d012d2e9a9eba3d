//! What programs around aerender put in front of its lines: times, levels, streams, names in brackets (nexrender, Deadline, Open
//! Job Description and loggers do). Must not: take away what may be aerender's own.

/// Words taken for a prefix, lower case, with or without a colon.
const WORDS: &[&str] = &[
    "stdout",
    "stderr",
    "out",
    "err",
    "info",
    "debug",
    "trace",
    "notice",
    "warn",
    "aerender",
    "nexrender",
    "adaptor_output",
    ">",
    "|",
    "-",
];
/// Most parts of a prefix.
const MAX_PARTS: usize = 8;

/// The line without the prefixes that stand in front of it; all of it where nothing else would be left.
pub fn without(line: &str) -> &str {
    let mut rest = line;
    for _ in 0..MAX_PARTS {
        let Some(left) = without_one(rest).filter(|left| !left.is_empty()) else {
            break;
        };
        rest = left;
    }
    rest
}

fn without_one(line: &str) -> Option<&str> {
    if let Some(bracketed) = line.strip_prefix('[') {
        let (inside, behind) = bracketed.split_once(']')?;
        // `[...]` says that lines were left out
        let named = inside.chars().any(char::is_alphanumeric);
        return named.then(|| behind.trim_start_matches(':').trim_start());
    }
    let (part, behind) = line.split_once(char::is_whitespace)?;
    let behind = behind.trim_start();
    if is_date(part) || is_time(part) || is_word(part) || is_worker(part) {
        return Some(behind);
    }
    // Python's `INFO:logger:text`
    let (level, rest) = line.split_once(':')?;
    let (logger, text) = rest.split_once(':')?;
    let name = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    };
    let leveled = matches!(level, "INFO" | "DEBUG");
    (leveled && name(logger)).then(|| text.trim_start())
}

/// `2023-04-06`, `2024/01/02`, `2024-01-02T03:04:05.678Z`.
fn is_date(part: &str) -> bool {
    let (date, time) = part.split_once('T').unwrap_or((part, "00:00:00"));
    let mut numbers = date.split(['-', '/']);
    let year = numbers
        .next()
        .is_some_and(|year| year.len() == 4 && digits(year));
    year && numbers.next().is_some_and(digits)
        && numbers.next().is_some_and(digits)
        && numbers.next().is_none()
        && is_time(time)
}

/// `20:37:22`, `03:04:05,678`, `03:04:05.678Z`, `03:04:05+00:00`, with a colon behind it or not; a timecode has four parts.
fn is_time(part: &str) -> bool {
    let part = part.trim_end_matches([':', 'Z']);
    let part = part
        .split_once(['+', '.', ','])
        .map_or(part, |(time, _)| time);
    let mut numbers = part.split(':');
    (0..3).all(|_| {
        numbers
            .next()
            .is_some_and(|number| number.len() == 2 && digits(number))
    }) && numbers.next().is_none()
}

fn is_word(part: &str) -> bool {
    let word = part.strip_suffix(':').unwrap_or(part).to_ascii_lowercase();
    WORDS.contains(&word.as_str())
}

/// `0:` of a worker, `host[123]:` of a system's log.
fn is_worker(part: &str) -> bool {
    let Some(name) = part.strip_suffix(':') else {
        return false;
    };
    let process = name.strip_suffix(']').and_then(|name| name.split_once('['));
    digits(name) || process.is_some_and(|(_, number)| digits(number))
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_come_off_and_nothing_else() {
        for (line, left) in [
            (
                "[abc123] 0:00:00:01 (2): 0 Seconds",
                "0:00:00:01 (2): 0 Seconds",
            ),
            ("2023-04-06 20:37:22:  0: STDOUT: Start: 12", "Start: 12"),
            ("2024-01-02T03:04:05.678Z Dauer: 12", "Dauer: 12"),
            ("2024-01-02 03:04:05,678 INFO aerender: (86::2)", "(86::2)"),
            (
                "2024/01/02 03:04:05+00:00 ADAPTOR_OUTPUT: STDOUT: x y",
                "x y",
            ),
            ("[Jan 02, 2024 03:04:05] host[123]: x", "x"),
            ("INFO:root:Start: 12", "Start: 12"),
            ("0:00:00:01 (2): 0 Seconds", "0:00:00:01 (2): 0 Seconds"),
            ("12 (13): 0 Seconds", "12 (13): 0 Seconds"),
            ("Start: 0:00:00:00", "Start: 0:00:00:00"),
            ("[...]", "[...]"),
            ("[12:00:01]", "[12:00:01]"),
            ("12.0x404", "12.0x404"),
            ("", ""),
        ] {
            assert_eq!(without(line), left, "{line}");
        }
    }
}
