//! The output reader against real logs (`FLATRENDER_SAMPLES/aerender-logs`).

use std::path::PathBuf;

use flatrender_agent::aerender::{Event, Reader};
use serde_json::Value;

fn read(bytes: &[u8], piece: usize) -> (Vec<Event>, u32) {
    let mut reader = Reader::new();
    let mut events: Vec<Event> = bytes
        .chunks(piece)
        .flat_map(|part| reader.read(part))
        .collect();
    events.extend(reader.end());
    (events, reader.frames())
}

#[test]
fn real_logs_read_as_expected() {
    let Some(samples) = std::env::var_os("FLATRENDER_SAMPLES") else {
        eprintln!("SKIP: real_logs_read_as_expected: FLATRENDER_SAMPLES is not set");
        return;
    };
    let folder = PathBuf::from(samples).join("aerender-logs");
    let expected = std::fs::read_to_string(folder.join("expected.jsonl")).unwrap();
    let mut seen = 0;
    for line in expected.lines() {
        let expected: Value = serde_json::from_str(line).unwrap();
        let file = expected["file"].as_str().unwrap();
        // After Effects' own log files and single quoted strings are read by a later part.
        if expected["stream"] != "stdout" && expected["stream"] != "fixture" {
            continue;
        }
        seen += 1;
        let bytes = std::fs::read(folder.join(file)).unwrap();
        let (events, frames) = read(&bytes, 4096);
        assert_eq!(
            read(&bytes, 3).0,
            events,
            "{file}: pieces make no difference"
        );
        assert_eq!(
            u64::from(frames),
            expected["frames"].as_u64().unwrap(),
            "{file}: frames"
        );
        let finished = events.contains(&Event::Finished);
        assert_eq!(
            finished,
            expected["finished"].as_bool().unwrap(),
            "{file}: finished"
        );
        for wanted in expected["errors"].as_array().unwrap() {
            let wanted = wanted.as_str().unwrap();
            let found = events
                .iter()
                .any(|event| matches!(event, Event::Error(text) if text.contains(wanted)));
            assert!(found, "{file}: {wanted}: {events:?}");
        }
    }
    assert!(seen >= 20, "{seen} logs were read");
}
