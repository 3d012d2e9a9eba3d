//! The reader of aerender's output against real logs (`FLATRENDER_SAMPLES/aerender-logs`): what is expected of each stands
//! beside them.

use std::path::PathBuf;

use flatrender_agent::aerender::{Event, Reader, Reading, read_log};
use serde_json::Value;

fn events(bytes: &[u8], piece: usize) -> (Vec<Event>, u32) {
    let mut reader = Reader::new();
    let mut events: Vec<Event> = bytes
        .chunks(piece)
        .flat_map(|part| reader.read(part))
        .collect();
    events.extend(reader.end());
    (events, reader.frames())
}

/// Every text must be in one of the lines, and every line must be asked for by a text.
fn lines_differ(lines: &[String], wanted: &Value, optional: &Value) -> Option<String> {
    let texts = |value: &Value| -> Vec<String> {
        let texts = value.as_array().map(Vec::as_slice).unwrap_or_default();
        texts
            .iter()
            .map(|text| text.as_str().unwrap().to_owned())
            .collect()
    };
    let (wanted, optional) = (texts(wanted), texts(optional));
    let absent = wanted
        .iter()
        .find(|text| !lines.iter().any(|line| line.contains(*text)));
    let surplus = lines.iter().find(|line| {
        !wanted
            .iter()
            .chain(&optional)
            .any(|text| line.contains(text))
    });
    match (absent, surplus) {
        (None, None) => None,
        _ => Some(format!("absent {absent:?}, surplus {surplus:?}")),
    }
}

/// What differs from the expectation, in words.
fn differences(reading: &Reading, wanted: &Value) -> Vec<String> {
    let read = serde_json::to_value(reading).unwrap();
    let mut out = Vec::new();
    for key in [
        "version",
        "last_frame_count",
        "fps",
        "start",
        "end",
        "duration",
        "finished",
    ] {
        if read[key] != wanted[key] {
            out.push(format!("{key}: {} and not {}", read[key], wanted[key]));
        }
    }
    let either = |key: &str, alternatives: &str| {
        let others = wanted[alternatives]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        read[key] == wanted[key] || others.contains(&read[key])
    };
    for (key, alternatives) in [("frames", "frames_alt"), ("verdict", "alt")] {
        if !either(key, alternatives) {
            out.push(format!(
                "{key}: {} and not {}: {}",
                read[key], wanted[key], reading.why
            ));
        }
    }
    for (lines, key, optional) in [
        (&reading.errors, "errors", "errors_optional"),
        (&reading.warnings, "warnings", "warnings_optional"),
    ] {
        out.extend(
            lines_differ(lines, &wanted[key], &wanted[optional])
                .map(|text| format!("{key}: {text}")),
        );
    }
    out
}

#[test]
fn real_logs_read_as_expected() {
    let Some(samples) = std::env::var_os("FLATRENDER_SAMPLES") else {
        eprintln!("skipped: real_logs_read_as_expected: FLATRENDER_SAMPLES is not set");
        return;
    };
    let folder = PathBuf::from(samples).join("aerender-logs");
    let expected = std::fs::read_to_string(folder.join("expected.jsonl")).unwrap();
    let (mut seen, mut exact, mut bad) = (0, 0, Vec::new());
    for line in expected.lines() {
        let wanted: Value = serde_json::from_str(line).unwrap();
        let file = wanted["file"].as_str().unwrap();
        seen += 1;
        let bytes = std::fs::read(folder.join(file)).unwrap();
        let whole = events(&bytes, 1 << 20);
        for piece in [1, 3, 4096] {
            assert_eq!(
                events(&bytes, piece),
                whole,
                "{file}: pieces make no difference"
            );
        }
        let reading = read_log(&bytes[..]).unwrap();
        exact += u32::from(serde_json::to_value(reading.verdict).unwrap() == wanted["verdict"]);
        bad.extend(
            differences(&reading, &wanted)
                .into_iter()
                .map(|text| format!("{file}: {text}")),
        );
    }
    eprintln!("{seen} logs, the first choice of verdict in {exact}");
    assert!(bad.is_empty(), "{}", bad.join("\n"));
    assert!(seen >= 38, "{seen} logs were read");
}

/// Runs `log read` with these words and this on the standard input: exit code, standard output, error output.
fn log_read(words: &[&str], input: &[u8]) -> (Option<i32>, String, String) {
    use std::io::Write;
    use std::process::{Command, Stdio};
    let mut child = Command::new(env!("CARGO_BIN_EXE_flatrender-agent"))
        .args(["log", "read"])
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn the_command_prints_a_reading_whatever_it_says() {
    let log = "aerender version 26.2x49\naerender ERROR: No comp was found with the given name.\n";
    let (code, json, _) = log_read(&["-", "--json"], log.as_bytes());
    assert_eq!(code, Some(0));
    let reading: Value = serde_json::from_str(&json).unwrap();
    let keys: Vec<&String> = reading.as_object().unwrap().keys().collect();
    assert_eq!(keys.len(), 11, "{keys:?}");
    assert_eq!(reading["version"], "26.2x49");
    assert_eq!(reading["fps"], Value::Null);
    assert_eq!(reading["verdict"], "template");

    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), log).unwrap();
    let (code, words, _) = log_read(&[file.path().to_str().unwrap()], b"");
    assert_eq!(code, Some(0));
    assert!(
        words.starts_with("verdict   template: aerender ERROR: No comp was found"),
        "{words}"
    );

    let (code, nothing, why) = log_read(&["/nowhere/log.txt"], b"");
    assert_eq!((code, nothing.as_str()), (Some(1), ""));
    assert!(why.contains("read the log /nowhere/log.txt"), "{why}");
    assert_eq!(log_read(&[], b"").0, Some(2));
}
