//! The script's own JSON: what is not a task is refused before anything is opened, what is comes through as it is.

use flatrender_protocol::values::{TASK_FILE, Task};
use serde_json::{Value, json};

use crate::bench::{Bench, MUSIC, SCENE_A, SCRIPT, TITLE, change};

#[test]
fn the_farms_own_tasks_are_understood_to_the_last_key() {
    let source = std::fs::read_to_string(SCRIPT).unwrap();
    assert!(source.contains(&format!("var TASK_NAME = \"{TASK_FILE}\";")));
    let bench = Bench::new();
    let path = json!([{"name": "Effects"}, {"index": 1}, {"name": "Color"}]);
    let layer = |id: u32, name: &str| json!({"index": id - 10, "id": id, "name": name});
    let changes: Vec<Value> = vec![
        change(
            TITLE,
            &json!({"kind": "text", "text": "x", "font": "Helvetica", "size": 9.0, "direction": "left_to_right", "color": [0.0, 0.0, 0.0]}),
        ),
        change(
            TITLE,
            &json!({"kind": "color", "property": path, "rgba": [0.0, 0.0, 0.0, 1.0]}),
        ),
        change(
            MUSIC,
            &json!({"kind": "audio_level", "left": 0.0, "right": 0.0, "unit": "db"}),
        ),
        change(
            SCENE_A,
            &json!({"kind": "control", "name": ["Shown"], "value": {"switch": false}}),
        ),
        change(
            SCENE_A,
            &json!({"kind": "control", "name": ["Place"], "value": {"point": [1.0, 2.0]}}),
        ),
        change(
            SCENE_A,
            &json!({"kind": "control", "name": ["Photo"], "value": {"media": "a.png"}}),
        ),
    ];
    let scenes = json!({
        "comp": {"id": 1, "name": "Main"}, "order": [{"layer": layer(14, "Scene B"), "frames": 9, "overlap": 2}, {"layer": layer(13, "Scene A"), "frames": 9}],
        "left_out": [layer(12, "a.png")], "throughout": [layer(15, "Music")],
    });
    let task = bench.task(&json!({"version": 1, "changes": changes, "scenes": scenes}));
    let task: Task = serde_json::from_value(task).unwrap();
    assert_eq!(task.wrong(), []);
    let report = bench
        .run_text(&serde_json::to_string(&task).unwrap())
        .report();
    assert!(report.complete(), "{report:#?}");
}

#[test]
fn what_is_no_task_ends_the_run_before_a_project_is_opened() {
    let bench = Bench::new();
    let deep = format!("{}{}", "[".repeat(40), "]".repeat(40));
    let very_deep = "[".repeat(200_000);
    for text in [
        "",
        "null",
        "{",
        "[]",
        "{}",
        "\"\"",
        "1",
        "{\"values\":{\"version\":2}}",
        "{\"values\":{\"version\":1}} x",
        "{\"values\":{\"version\":1,}}",
        "{values:1}",
        "{'values':1}",
        "{\"__proto__\":{}}",
        "{\"constructor\":1}",
        "{\"toString\":1}",
        "{\"version\":1,\"version\":1}",
        "{\"version\":01}",
        "{\"version\":+1}",
        "{\"version\":1.}",
        "{\"version\":.5}",
        "{\"version\":1e}",
        "{\"version\":0x1}",
        "{\"version\":1e999}",
        "{\"version\":NaN}",
        "{\"text\":\"\\x41\"}",
        "{\"text\":\"\\u12\"}",
        "{\"text\":\"\\u12g4\"}",
        "{\"text\":\"a\nb\"}",
        "{\"text\":\"a}",
        "{\"text\":\"\\\"}",
        "{\"text\":truely}",
        "{\"changes\":[1,]}",
        "{\"changes\":[1 2]}",
        "(function(){return 1})()",
        "1;alert(1)",
        &deep,
        &very_deep,
    ] {
        let done = bench.run_text(text);
        let shown: String = text.chars().take(60).collect();
        assert_eq!(done.ran.exit_code, 20, "{shown}");
        assert_eq!(
            (done.ran.notes.len(), done.ran.compiled, &done.ran.thrown),
            (0, 0, &None),
            "{shown}"
        );
        assert!(
            done.raw.is_none() && done.saved.is_none() && !done.ran.left_open,
            "{shown}"
        );
        assert_eq!(
            done.ran.console.len(),
            1,
            "the reason goes to the console: {shown}"
        );
    }
}

#[test]
fn a_byte_order_mark_and_any_space_are_no_matter() {
    let bench = Bench::new();
    let task = serde_json::to_string_pretty(&bench.task(&json!({"version": 1, "changes": [change(TITLE, &json!({"kind": "visible", "on": false}))]})))
        .unwrap();
    for text in [
        format!("\u{feff}{task}"),
        format!("\r\n\t {task} \n"),
        task.replace("\n", "\r\n"),
    ] {
        assert!(bench.run_text(&text).report().complete());
    }
}

#[test]
fn numbers_come_through_as_they_are() {
    let bench = Bench::new();
    for number in [
        "0",
        "-0.5",
        "12.25",
        "1e2",
        "1.5E-3",
        "99.99999999999999",
        "1E+1",
    ] {
        let set = json!({"kind": "number", "property": [{"name": "Opacity"}], "value": 12345.0});
        let task = bench
            .task(&json!({"version": 1, "changes": [change(TITLE, &set)]}))
            .to_string()
            .replace("12345.0", number);
        let report = bench.run_text(&task).report();
        let fits = (0.0..=100.0).contains(&number.parse::<f64>().unwrap());
        assert_eq!(
            report.changes[0].reason,
            if fits { "" } else { "out_of_range" },
            "{number}: {:?}",
            report.changes[0]
        );
    }
}
