//! P-10: payloads in every place where a user's words can be. They stay words: the script's bytes are what they were, no canary
//! is written, nothing that runs code is reached, and the text arrives as it was sent.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::bench::{Bench, Done, SCRIPT};

/// What ends strings, comments and statements somewhere, or runs something. `CANARY` is a path.
const BASES: [&str; 72] = [
    "'",
    "\"",
    "`",
    "\\",
    "\\'",
    "\\\"",
    "\\\\'",
    "';",
    "\";",
    "*/",
    "/*",
    "//",
    "</script>",
    "<!--",
    "-->",
    "]]>",
    "${1}",
    "#{1}",
    "%00",
    "%0a",
    "%22",
    "')",
    "\")",
    "'}",
    "\"}",
    "\"]}",
    "\",\"project\":\"/etc/passwd\",\"x\":\"",
    "\"},{\"set\":{\"kind\":\"script\"}}",
    "\\u0022",
    "\\u0027;",
    "\\x27",
    "\\\n",
    "\n",
    "\r",
    "\r\n",
    "\t",
    "\u{0}",
    "a\u{0}b",
    "\u{1}",
    "\u{3}",
    "\u{8}",
    "\u{b}",
    "\u{7f}",
    "\u{85}",
    "\u{a0}",
    "\u{2028}",
    "\u{2029}",
    "\u{200b}",
    "\u{200f}",
    "\u{202b}",
    "\u{202e}gnp.",
    "\u{2066}",
    "\u{2069}",
    "\u{feff}",
    "\u{fffd}",
    "\u{fffe}",
    "\u{1f600}",
    "e\u{301}",
    "سلام\u{200c}ها",
    "#include 'CANARY'",
    "//@include 'CANARY'",
    "#target aftereffects",
    "#includepath '/'",
    "__proto__",
    "constructor",
    "hasOwnProperty",
    "toString",
    "prototype",
    "undefined",
    "NaN",
    "[object Object]",
    "thisComp.layer(1)",
];
/// Code, in the forms that would run it if the words around it ended.
const CODE: [&str; 14] = [
    "system.callSystem('touch CANARY')",
    "$.evalFile('CANARY')",
    "eval('x')",
    "new Function('x')()",
    "(new File('CANARY')).execute()",
    "var f = new File('CANARY'); f.encoding = 'UTF-8'; f.open('w'); f.write('x'); f.close()",
    "app.project.save(new File('CANARY'))",
    "app.executeCommand(1)",
    "app.scheduleTask('x', 0)",
    "app.project.item(1).layer(1).opacity.expression = 'x'",
    "alert('x')",
    "while (true) {}",
    "throw new Error('x')",
    "app.quit()",
];
/// What could make the words around a payload end before it and begin after it.
const AROUND: [(&str, &str); 22] = [
    ("", ""),
    ("'+", "+'"),
    ("\"+", "+\""),
    ("';", ";'"),
    ("\";", ";\""),
    ("\\';", ";//"),
    ("\\\";", ";//"),
    ("');", ";('"),
    ("\");", ";(\""),
    ("*/", "/*"),
    ("\n", "\n"),
    ("\r", "//"),
    ("\u{2028}", "//"),
    ("\u{2029}", "\u{2029}"),
    ("${", "}"),
    ("`", "`"),
    ("}", "{"),
    ("});", "({"),
    ("\\u0022+", "+\\u0022"),
    ("\u{0}';", ""),
    ("]", "["),
    ("//\n", ""),
];

/// One payload: UTF-16, since some are no Unicode.
type Payload = Vec<u16>;

fn payloads(canary: &str) -> Vec<Payload> {
    let mut all: BTreeSet<Payload> = BTreeSet::new();
    let mut add = |text: String| {
        all.insert(text.replace("CANARY", canary).encode_utf16().collect());
    };
    for base in BASES {
        add(base.to_owned());
        add(format!("a{base}b"));
    }
    for code in CODE {
        for (before, after) in AROUND {
            add(format!("{before}{code}{after}"));
        }
    }
    add("x".repeat(1 << 20));
    for half in [
        vec![0xd800],
        vec![0xdc00],
        vec![0xd800, 0x61],
        vec![0x61, 0xdfff],
        vec![0xdc00, 0xd800],
        vec![0xd83d, 0x27, 0xde00],
    ] {
        all.insert(half);
    }
    all.into_iter().collect()
}

/// As JSON writes it, every character that is not plain escaped, halves of pairs too.
fn quoted(text: &[u16]) -> String {
    let mut out = String::from("\"");
    for unit in text {
        match u8::try_from(*unit) {
            Ok(byte) if (0x20..0x7f).contains(&byte) && byte != b'"' && byte != b'\\' => {
                out.push(char::from(byte))
            }
            Ok(_) | Err(_) => write!(out, "\\u{unit:04x}").expect("a string takes all"),
        }
    }
    out.push('"');
    out
}

/// After Effects' line ends.
fn paragraphs(text: &[u16]) -> Vec<u16> {
    let mut out = Vec::new();
    for (at, unit) in text.iter().enumerate() {
        let after_return = at > 0 && text[at - 1] == 0x0d;
        if *unit == 0x0a && after_return {
            continue;
        }
        out.push(if *unit == 0x0a { 0x0d } else { *unit });
    }
    out
}

/// Every kind of value on a title and a scene of their own, with the payload in every place that takes words.
fn every_kind(number: usize) -> Vec<Value> {
    let path = json!([{"name": "PAYLOAD"}, {"name": "PAYLOAD"}]);
    let sets = [
        json!({"kind": "text", "text": "PAYLOAD"}),
        json!({"kind": "text", "text": "PAYLOAD", "font": "PAYLOAD", "direction": "right_to_left"}),
        json!({"kind": "image", "file": "PAYLOAD"}),
        json!({"kind": "video", "file": "PAYLOAD"}),
        json!({"kind": "audio", "file": "PAYLOAD"}),
        json!({"kind": "color", "property": path, "rgba": [0.0, 0.0, 0.0, 1.0]}),
        json!({"kind": "number", "property": path, "value": 1.0}),
        json!({"kind": "point", "property": path, "value": [1.0, 2.0]}),
        json!({"kind": "PAYLOAD"}),
        json!({"kind": "audio_level", "left": 0.0, "right": 0.0, "unit": "PAYLOAD"}),
    ];
    let controls = [
        json!({"kind": "control", "name": ["Texts", "Headline"], "value": {"text": "PAYLOAD"}}),
        json!({"kind": "control", "name": ["PAYLOAD", "PAYLOAD"], "value": {"number": 1.0}}),
        json!({"kind": "control", "name": ["Photo"], "value": {"media": "PAYLOAD"}}),
    ];
    let comp = json!({"id": 1, "name": "Main"});
    let title = json!({"index": 1, "id": TITLES + number, "name": "PAYLOAD"});
    let scene = json!({"index": 3, "id": SCENES + number, "name": "Scene A"});
    let mut changes: Vec<Value> = Vec::new();
    changes.extend(
        controls
            .iter()
            .map(|set| json!({"comp": comp, "layer": scene, "set": set})),
    );
    changes.extend(
        sets.iter()
            .map(|set| json!({"comp": comp, "layer": title, "set": set})),
    );
    let on = json!({"kind": "visible", "on": true});
    changes.push(json!({"comp": {"id": 2, "name": "PAYLOAD"}, "layer": title, "set": on}));
    changes
        .push(json!({"comp": comp, "layer": {"index": 2, "id": 12, "name": "PAYLOAD"}, "set": on}));
    changes.push(json!({"comp": comp, "layer": title, "set": on}));
    // last, and alone what the title then has
    changes.push(json!({"comp": comp, "layer": title, "set": {"kind": "text", "text": "PAYLOAD"}}));
    changes
}

/// Payloads that one run takes: each run has the same start.
const AT_ONCE: usize = 8;
/// Ids of the layers that are there for one payload each.
const TITLES: usize = 1_000;
const SCENES: usize = 2_000;

fn files(bench: &Bench) -> Vec<String> {
    let entries = std::fs::read_dir(bench.folder.path()).expect("no folder");
    let mut names: Vec<String> = entries
        .map(|entry| {
            entry
                .expect("no entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    names
}

/// The main composition with a title and a scene for each payload; the title is named so, where a project can have such a name.
fn with_layers(template: &Value, payloads: &[Payload]) -> Value {
    let mut template = template.clone();
    let layers = template["items"][0]["layers"]
        .as_array_mut()
        .expect("layers");
    let (title, scene) = (layers[0].clone(), layers[2].clone());
    for (number, payload) in payloads.iter().enumerate() {
        let (mut title, mut scene) = (title.clone(), scene.clone());
        title["id"] = (TITLES + number).into();
        title["name"] = name(payload).into();
        scene["id"] = (SCENES + number).into();
        layers.extend([title, scene]);
    }
    template
}

fn name(payload: &[u16]) -> String {
    String::from_utf16(payload).unwrap_or_else(|_| "Title".to_owned())
}

/// The task as text: halves of surrogate pairs are no values of `serde_json`.
fn task(bench: &Bench, payloads: &[Payload]) -> String {
    let mut changes = Vec::new();
    for (number, payload) in payloads.iter().enumerate() {
        let units: Vec<u16> = name(payload).encode_utf16().collect();
        let title = format!("\"id\":{},\"index\":1,\"name\":", TITLES + number);
        for change in every_kind(number) {
            let change = change
                .to_string()
                .replace(
                    &format!("{title}\"PAYLOAD\""),
                    &format!("{title}{}", quoted(&units)),
                )
                .replace("\"PAYLOAD\"", &quoted(payload));
            changes.push(change);
        }
    }
    let values = json!({"version": 1, "changes": ["CHANGES"]});
    let task = bench.task(&values).to_string();
    task.replace("\"CHANGES\"", &changes.join(","))
}

fn check_run(bench: &Bench, done: &Done, script: &[u8]) {
    assert_eq!(done.ran.notes, []);
    assert_eq!(
        (done.ran.compiled, &done.ran.thrown, done.ran.exit_code),
        (0, &None, 0)
    );
    assert!(!done.ran.left_open);
    let now =
        std::fs::read(bench.folder.path().join("flatrender.jsx")).expect("the script is gone");
    assert!(now == script, "the script changed");
    let expected = [
        "a.png",
        "b.png",
        "c.mov",
        "d.wav",
        "e.txt",
        "flatrender-task.json",
        "flatrender.jsx",
        "prepared.aep",
        "result.json",
        "t.aep",
    ];
    assert_eq!(files(bench), expected, "no canary, and nothing else");
}

fn check(number: usize, payload: &[u16], done: &Done, state: &Value) {
    let shown: String = String::from_utf16_lossy(payload).chars().take(80).collect();
    let raw = done.raw.as_ref().expect("no report");
    let wanted = format!("\"text\":{}", quoted(&paragraphs(payload)));
    assert!(
        raw.matches(&wanted).count() >= 4,
        "the report has the text of four changes: {shown:?}"
    );
    let Ok(text) = String::from_utf16(&paragraphs(payload)) else {
        return;
    };
    let layers = state["items"][0]["layers"].as_array().expect("layers");
    let layer = |id: usize| {
        layers
            .iter()
            .find(|layer| layer["id"] == id)
            .expect("the payload's layer")
    };
    let title = layer(TITLES + number);
    assert_eq!(
        title["properties"]["children"][0]["children"][0]["text"]["text"], text,
        "{shown:?}"
    );
    assert_eq!(title["name"], name(payload), "{shown:?}");
    let headline =
        &layer(SCENES + number)["properties"]["children"][0]["children"][0]["children"][0];
    assert_eq!(headline["text"]["text"], text, "{shown:?}");
}

#[test]
fn payloads_of_every_kind_stay_words() {
    let mut bench = Bench::new();
    let canary = bench
        .folder
        .path()
        .join("canary")
        .to_string_lossy()
        .into_owned();
    let payloads = payloads(&canary);
    assert!(payloads.len() >= 400, "{} payloads", payloads.len());
    let script = std::fs::read(SCRIPT).expect("no script");
    let template = bench.template.clone();
    for some in payloads.chunks(AT_ONCE) {
        bench.template = with_layers(&template, some);
        let done = bench.run_text(&task(&bench, some));
        check_run(&bench, &done, &script);
        // what is no Unicode is escaped in the state, and no JSON of Rust's
        let unicode = some
            .iter()
            .all(|payload| String::from_utf16(payload).is_ok());
        let state = if unicode { done.state() } else { Value::Null };
        for (number, payload) in some.iter().enumerate() {
            if unicode {
                check(number, payload, &done, &state);
            } else {
                check_raw(payload, &done);
            }
        }
    }
    println!(
        "{} payloads, {} places each",
        payloads.len(),
        every_kind(0).len()
    );
}

/// A run with halves of pairs in it: report and state are compared as they are written.
fn check_raw(payload: &[u16], done: &Done) {
    let text = paragraphs(payload);
    let raw = done.raw.as_ref().expect("no report");
    assert!(raw.matches(&format!("\"text\":{}", quoted(&text))).count() >= 4);
    let saved = done.saved.as_ref().expect("no state");
    let only_halves = text.iter().all(|unit| (0xd800..0xe000).contains(unit));
    if only_halves && String::from_utf16(&text).is_err() {
        let escaped: String = text.iter().map(|unit| format!("\\u{unit:04x}")).collect();
        assert!(
            saved.contains(&format!("\"text\":\"{escaped}\"")),
            "{escaped}"
        );
    }
}
