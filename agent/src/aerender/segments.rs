//! Takes a line apart at its writers' marks: three writers share one stream, and a program around them may put its own text in
//! front (`reference/aerender.md` 2.1). Must not: understand what stands behind a mark.

use super::words;

/// Who wrote a part of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// `aerender version `; the mark is not part of the text.
    Version,
    /// `PROGRESS:`; the mark is not part of the text.
    Progress,
    /// `WARNING:` or `After Effects warning:`, part of the text.
    Warning,
    /// `INFO:`, part of the text.
    Info,
    /// `aerender ERROR` and its like, part of the text.
    Error,
    /// `USAGE:`.
    Usage,
    /// None: plug-ins, launchers, log files.
    None,
}

/// Marks, as they are printed, and whether they are part of the text.
const MARKS: &[(&str, Mark)] = &[
    ("aerender version ", Mark::Version),
    ("PROGRESS:", Mark::Progress),
    ("WARNING:", Mark::Warning),
    ("INFO:", Mark::Info),
    ("aerender ERROR", Mark::Error),
    ("aerender Error", Mark::Error),
    ("aerender SYNTAX ERROR", Mark::Error),
    ("aerender Fehler", Mark::Error),
    ("aerender FEHLER", Mark::Error),
    ("aerender Erreur", Mark::Error),
    ("aerender ERREUR", Mark::Error),
    ("aerender Erro:", Mark::Error), // K, as all that follow with `aerender` or another word than `error`
    ("aerender ERRO:", Mark::Error),
    ("aerender Ошибка", Mark::Error),
    ("aerender ОШИБКА", Mark::Error),
    ("aerender エラー", Mark::Error),
    ("aerender 오류", Mark::Error),
    ("aerender 错误", Mark::Error),
    ("After Effects-Fehler:", Mark::Error),
    ("Erreur After Effects", Mark::Error),
    ("Error de After Effects:", Mark::Error),
    ("Errore di After Effects:", Mark::Error),
    ("Erro do After Effects:", Mark::Error),
    ("Ошибка After Effects:", Mark::Error),
    ("After Effects エラー", Mark::Error),
    ("After Effects 오류", Mark::Error),
    ("After Effects 错误", Mark::Error),
    ("After Effects error:", Mark::Error),
    ("After Effect error:", Mark::Error),
    ("After Effects warning:", Mark::Warning),
    ("aerender USAGE", Mark::Usage),
    ("USAGE:", Mark::Usage),
];

/// Bytes of a part within which it says what it names; dates stand in front of that.
const NAMED_WITHIN: usize = 128;

/// The parts of a line, in order. A line that echoes a command line has none: what stands in it is somebody's arguments.
pub fn segments(line: &str) -> Vec<(Mark, &str)> {
    if is_command_echo(line) {
        return Vec::new();
    }
    let mut parts = Vec::new();
    let (mut mark, mut begin, mut from) = (Mark::None, 0, 0);
    while let Some((at, next, length)) =
        next_mark(&line[from..]).map(|(at, next, length)| (at + from, next, length))
    {
        from = at + length;
        if !divides(mark, &line[begin..at], next, &line[at..]) {
            continue;
        }
        push(&mut parts, mark, &line[begin..at]);
        mark = next;
        begin = match next {
            Mark::Version | Mark::Progress => at + length,
            Mark::Warning | Mark::Info | Mark::Error | Mark::Usage | Mark::None => at,
        };
    }
    push(&mut parts, mark, &line[begin..]);
    parts
}

fn push<'a>(parts: &mut Vec<(Mark, &'a str)>, mark: Mark, text: &'a str) {
    let text = text.trim();
    if mark != Mark::None || !text.is_empty() {
        parts.push((mark, text));
    }
}

/// The mark that comes first, and its length; of those at one place the longest. One pass: a line may be full of marks.
fn next_mark(text: &str) -> Option<(usize, Mark, usize)> {
    let bytes = text.as_bytes();
    (0..bytes.len())
        .filter(|&at| b"aPWIAUE\xd0".contains(&bytes[at]))
        .find_map(|at| {
            MARKS
                .iter()
                .filter(|(needle, _)| bytes[at..].starts_with(needle.as_bytes()))
                .max_by_key(|(needle, _)| needle.len())
                .map(|(needle, mark)| (at, *mark, needle.len()))
        })
}

/// Whether a mark behind this text begins a part of its own.
fn divides(mark: Mark, before: &str, next: Mark, rest: &str) -> bool {
    let last = before.chars().next_back();
    // Inside quotes or a path it is a name.
    if last.is_some_and(|last| "\"'“„«/\\".contains(last)) {
        return false;
    }
    // `2024-01-01: INFO: …` of a plug-in is none of After Effects' lines, `xPROGRESS:` torn by another writer is.
    let cased = last.is_none_or(|last| !last.is_alphanumeric())
        || !matches!(next, Mark::Info | Mark::Usage | Mark::Warning)
        || rest.contains("After Effects");
    match mark {
        // `INFO:` may be the word of a program around: then what it quotes has its own mark behind it.
        Mark::Info
            if before.len() < 40 && (next != Mark::Warning || rest.starts_with("WARNING:")) =>
        {
            true
        }
        // `aerender Error: After Effects error: …` and `WARNING:After Effects warning: …` are one line of one writer.
        Mark::Error | Mark::Warning | Mark::Info
            if before.len() < 40 && !matches!(next, Mark::Progress | Mark::Version) =>
        {
            false
        }
        Mark::Error | Mark::Warning | Mark::Info => {
            matches!(next, Mark::Progress | Mark::Version) || rest.starts_with("aerender ")
        }
        // A name or a path of the user's may hold anything.
        Mark::Progress => {
            let head = &before[..before.floor_char_boundary(NAMED_WITHIN)];
            cased && !words::names_something(head)
        }
        Mark::None | Mark::Version => cased,
        Mark::Usage => false,
    }
}

/// A line with a command line in it: a launcher's or a shell's, with aerender's own arguments.
fn is_command_echo(line: &str) -> bool {
    line.contains(" -project ") && line.contains("aerender")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_taken_apart_at_their_writers_marks() {
        for (line, parts) in [
            (
                "aerender version 26.2x49",
                &[(Mark::Version, "26.2x49")][..],
            ),
            (
                "[12:54:09.691]: PROGRESS: Launching",
                &[
                    (Mark::None, "[12:54:09.691]:"),
                    (Mark::Progress, "Launching"),
                ],
            ),
            (
                "Qt: UntesPROGRESS:  0:00:00:02 (3): 0 Seconds",
                &[
                    (Mark::None, "Qt: Untes"),
                    (Mark::Progress, "0:00:00:02 (3): 0 Seconds"),
                ],
            ),
            (
                "[STDOUT] aerender Error: After Effects error: Could not",
                &[
                    (Mark::None, "[STDOUT]"),
                    (
                        Mark::Error,
                        "aerender Error: After Effects error: Could not",
                    ),
                ],
            ),
            (
                "Error: After Effects error: x",
                &[
                    (Mark::None, "Error:"),
                    (Mark::Error, "After Effects error: x"),
                ],
            ),
            (
                "WARNING:After Effects warning: x",
                &[(Mark::Warning, "WARNING:After Effects warning: x")],
            ),
            (
                "PROGRESS:  Output To: /x/aerender ERROR.tif",
                &[(Mark::Progress, "Output To: /x/aerender ERROR.tif")],
            ),
            (
                "PROGRESS:  1: Starting composition “PROGRESS:  0:00:00:00 (1)”",
                &[(
                    Mark::Progress,
                    "1: Starting composition “PROGRESS:  0:00:00:00 (1)”",
                )],
            ),
            (
                "INFO:root:aerender ERROR: x",
                &[
                    (Mark::Info, "INFO:root:"),
                    (Mark::Error, "aerender ERROR: x"),
                ],
            ),
            ("x.exe -project a -comp \"aerender ERROR: b\" aerender", &[]),
            (
                "2019-04-29 : INFO  Environment",
                &[(Mark::None, "2019-04-29 : INFO  Environment")],
            ),
        ] {
            assert_eq!(segments(line), parts, "{line}");
        }
    }
}
