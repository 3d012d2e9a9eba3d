//! Every kind of value on every kind of target, scenes, and what the report says of them.

use flatrender_protocol::values::{ChangeReport, Outcome};
use serde_json::{Value, json};

use crate::bench::{Bench, Done, LOGO, MUSIC, SCENE_A, SCENE_B, TITLE, change};

fn layer(done: &Done, id: u32) -> Value {
    let state = done.state();
    let layers = state["items"][0]["layers"]
        .as_array()
        .expect("layers")
        .clone();
    layers
        .into_iter()
        .find(|layer| layer["id"] == id)
        .expect("the layer")
}

/// With every number as a float, as values are.
fn floats(value: Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64()),
        Value::Array(list) => list.into_iter().map(floats).collect(),
        Value::Object(entries) => entries
            .into_iter()
            .map(|(key, value)| (key, floats(value)))
            .collect(),
        other => other,
    }
}

fn node(layer: &Value, path: &[&str]) -> Value {
    let found = path
        .iter()
        .fold(layer["properties"].clone(), |group, step| {
            let children = group["children"].as_array().expect("a group");
            let fits = |child: &&Value| child["match"] == *step || child["name"] == *step;
            children
                .iter()
                .find(fits)
                .unwrap_or_else(|| panic!("no {step}"))
                .clone()
        });
    floats(found)
}

fn only(done: &Done) -> ChangeReport {
    let mut report = done.report();
    assert!(report.saved && report.stopped.is_none(), "{report:?}");
    assert_eq!(report.changes.len(), 1);
    report.changes.remove(0)
}

fn set(bench: &Bench, target: (u32, u32, &str), set: &Value) -> (Done, ChangeReport) {
    let done = bench.changes(&[change(target, set)]);
    let report = only(&done);
    (done, report)
}

#[track_caller]
fn refused(target: (u32, u32, &str), value: &Value, outcome: Outcome, reason: &str) {
    let (_, report) = set(&Bench::new(), target, value);
    assert_eq!(
        (report.outcome, report.reason.as_str()),
        (outcome, reason),
        "{}",
        report.detail
    );
    assert!(!report.detail.is_empty());
}

#[test]
fn a_text_with_font_size_colour_and_direction() {
    let persian = "سلام، دنیا!\nخط ۲ ABC";
    let value = json!({"kind": "text", "text": persian, "font": "Vazirmatn-Bold", "size": 48.5, "color": [1.0, 0.0, 0.25], "direction": "right_to_left"});
    let (done, report) = set(&Bench::new(), TITLE, &value);
    assert_eq!(report.outcome, Outcome::Set, "{report:?}");
    assert_eq!(report.text.as_deref(), Some("سلام، دنیا!\rخط ۲ ABC"));
    assert_eq!(report.font.as_deref(), Some("Vazirmatn-Bold"));
    let text = node(
        &layer(&done, 11),
        &["ADBE Text Properties", "ADBE Text Document"],
    )["text"]
        .clone();
    assert_eq!(
        text,
        json!({
            "text": "سلام، دنیا!\rخط ۲ ABC", "font": "Vazirmatn-Bold", "size": 48.5, "color": [1.0, 0.0, 0.25], "direction": "right_to_left", "composer": 1.0,
        })
    );
}

#[test]
fn what_is_absent_stays() {
    let (done, report) = set(&Bench::new(), TITLE, &json!({"kind": "text", "size": 10.0}));
    assert_eq!(report.outcome, Outcome::Set);
    let text = node(
        &layer(&done, 11),
        &["ADBE Text Properties", "ADBE Text Document"],
    )["text"]
        .clone();
    assert_eq!(
        (&text["text"], &text["font"], &text["size"]),
        (&json!("Title"), &json!("Helvetica"), &json!(10.0))
    );
}

#[test]
fn a_font_that_is_not_here_is_said() {
    let (_, report) = set(
        &Bench::new(),
        TITLE,
        &json!({"kind": "text", "text": "x", "font": "Gone-Bold"}),
    );
    assert_eq!(
        (report.outcome, report.reason.as_str()),
        (Outcome::Partly, "font_replaced")
    );
    assert_eq!(
        report.detail,
        "the font Gone-Bold is not here, After Effects took MyriadPro-Regular"
    );
    assert_eq!(report.font.as_deref(), Some("MyriadPro-Regular"));
}

#[test]
fn an_older_after_effects_is_asked_for_no_more_than_it_has() {
    let mut bench = Bench::new();
    bench.settings.version = "17.0x1".into();
    let values = [
        change(
            TITLE,
            &json!({"kind": "text", "text": "سلام", "direction": "right_to_left"}),
        ),
        change(
            SCENE_A,
            &json!({"kind": "control", "name": ["Amount"], "value": {"number": 1.0}}),
        ),
        change(MUSIC, &json!({"kind": "visible", "on": false})),
    ];
    let report = bench.changes(&values).report();
    assert_eq!(
        (report.changes[0].outcome, report.changes[0].reason.as_str()),
        (Outcome::Partly, "no_direction")
    );
    assert_eq!(report.changes[0].text.as_deref(), Some("سلام"));
    assert_eq!(report.changes[1].reason, "unsupported");
    assert_eq!(
        report.changes[2].outcome,
        Outcome::Set,
        "found by index, for layers have no ids there"
    );
    assert_eq!(report.fonts_missing, None);
    let comp = report.comp.expect("the composition");
    assert_eq!((comp.start_frame, comp.project_base), (10, 1));
}

#[test]
fn media_of_the_right_kind_replace_the_source() {
    let bench = Bench::new();
    for (target, kind, file) in [
        (LOGO, "image", "a.png"),
        (LOGO, "video", "c.mov"),
        (MUSIC, "audio", "d.wav"),
        (MUSIC, "audio", "c.mov"),
    ] {
        let (done, report) = set(&bench, target, &json!({"kind": kind, "file": file}));
        assert_eq!(report.outcome, Outcome::Set, "{report:?}");
        let source = layer(&done, target.1)["source"].clone();
        let state = done.state();
        let items = state["items"].as_array().expect("items");
        let item = items
            .iter()
            .find(|item| item["id"] == source)
            .expect("the new source");
        assert_eq!(
            item["path"],
            format!("{}/{file}", bench.folder.path().display())
        );
    }
    let same = [
        change(LOGO, &json!({"kind": "image", "file": "a.png"})),
        change(SCENE_B, &json!({"kind": "image", "file": "a.png"})),
    ];
    let done = bench.changes(&same);
    assert!(done.report().complete());
    assert_eq!(
        done.state()["items"].as_array().map(Vec::len),
        Some(7),
        "one file is brought in once"
    );
    refused(
        LOGO,
        &json!({"kind": "image", "file": "c.mov"}),
        Outcome::Failed,
        "wrong_media",
    );
    refused(
        LOGO,
        &json!({"kind": "video", "file": "a.png"}),
        Outcome::Failed,
        "wrong_media",
    );
    refused(
        MUSIC,
        &json!({"kind": "audio", "file": "a.png"}),
        Outcome::Failed,
        "wrong_media",
    );
    refused(
        LOGO,
        &json!({"kind": "image", "file": "gone.png"}),
        Outcome::Missing,
        "no_file",
    );
    refused(
        LOGO,
        &json!({"kind": "image", "file": "e.txt"}),
        Outcome::Failed,
        "refused",
    );
    refused(
        TITLE,
        &json!({"kind": "image", "file": "a.png"}),
        Outcome::Failed,
        "wrong_type",
    );
}

#[test]
fn properties_take_values_of_their_type() {
    let bench = Bench::new();
    let fill = json!([{"name": "ADBE Effect Parade"}, {"index": 1}, {"name": "Color"}]);
    let (done, report) = set(
        &bench,
        TITLE,
        &json!({"kind": "color", "property": fill, "rgba": [0.0, 0.5, 1.0, 1.0]}),
    );
    assert_eq!(report.outcome, Outcome::Set, "{report:?}");
    assert_eq!(
        node(&layer(&done, 11), &["ADBE Effect Parade", "Fill", "Color"])["value"],
        json!([0.0, 0.5, 1.0, 1.0])
    );

    let (done, report) = set(
        &bench,
        TITLE,
        &json!({"kind": "number", "property": [{"name": "Opacity"}], "value": 25.0}),
    );
    assert_eq!(report.outcome, Outcome::Set, "{report:?}");
    assert_eq!(
        node(&layer(&done, 11), &["ADBE Transform Group", "ADBE Opacity"])["value"],
        json!([25.0])
    );

    let (done, report) = set(
        &bench,
        TITLE,
        &json!({"kind": "point", "property": [{"name": "Transform"}, {"name": "Position"}], "value": [1.5, -2.0]}),
    );
    assert_eq!(report.outcome, Outcome::Set, "{report:?}");
    assert_eq!(
        node(
            &layer(&done, 11),
            &["ADBE Transform Group", "ADBE Position"]
        )["value"],
        json!([1.5, -2.0, 0.0])
    );

    let speed = json!([{"name": "Effects"}, {"name": "Speed"}, {"name": "Slider"}]);
    let (_, report) = set(
        &bench,
        TITLE,
        &json!({"kind": "number", "property": speed, "value": 7.0}),
    );
    assert!(report.computed, "an expression decides what is seen");
}

#[test]
fn properties_that_are_others_are_refused() {
    refused(
        TITLE,
        &json!({"kind": "number", "property": [{"name": "Gone"}], "value": 1.0}),
        Outcome::Missing,
        "no_property",
    );
    refused(
        TITLE,
        &json!({"kind": "number", "property": [{"index": 99}], "value": 1.0}),
        Outcome::Missing,
        "no_property",
    );
    refused(
        TITLE,
        &json!({"kind": "number", "property": [{"name": "Opacity"}, {"name": "x"}], "value": 1.0}),
        Outcome::Missing,
        "no_property",
    );
    refused(
        TITLE,
        &json!({"kind": "number", "property": [{"name": "Transform"}], "value": 1.0}),
        Outcome::Failed,
        "wrong_type",
    );
    refused(
        TITLE,
        &json!({"kind": "number", "property": [{"name": "Position"}], "value": 1.0}),
        Outcome::Failed,
        "wrong_type",
    );
    refused(
        TITLE,
        &json!({"kind": "color", "property": [{"name": "Opacity"}], "rgba": [0.0, 0.0, 0.0, 1.0]}),
        Outcome::Failed,
        "wrong_type",
    );
    refused(
        TITLE,
        &json!({"kind": "point", "property": [{"name": "Opacity"}], "value": [0.0, 0.0]}),
        Outcome::Failed,
        "wrong_type",
    );
    refused(
        TITLE,
        &json!({"kind": "number", "property": [{"name": "Opacity"}], "value": 101.0}),
        Outcome::Failed,
        "out_of_range",
    );
    refused(
        TITLE,
        &json!({"kind": "point", "property": [{"name": "Scale"}], "value": [50.0, 50.0]}),
        Outcome::Failed,
        "animated",
    );
}

#[test]
fn visibility_also_on_a_locked_layer() {
    let mut bench = Bench::new();
    bench.template["items"][0]["layers"][1]["locked"] = true.into();
    let (done, report) = set(&bench, LOGO, &json!({"kind": "visible", "on": false}));
    assert_eq!(report.outcome, Outcome::Set, "{report:?}");
    let logo = layer(&done, 12);
    assert_eq!(
        (&logo["enabled"], &logo["locked"]),
        (&json!(false), &json!(true))
    );
}

#[test]
fn essential_graphics_of_every_type() {
    let bench = Bench::new();
    for (name, value, wanted) in [
        (json!(["Amount"]), json!({"number": 9.5}), json!([9.5])),
        (
            json!(["Tint"]),
            json!({"color": [0.0, 1.0, 0.0, 1.0]}),
            json!([0.0, 1.0, 0.0, 1.0]),
        ),
        (
            json!(["Place"]),
            json!({"point": [3.0, 4.0]}),
            json!([3.0, 4.0]),
        ),
        (json!(["Shown"]), json!({"switch": true}), json!([1.0])),
    ] {
        let (done, report) = set(
            &bench,
            SCENE_A,
            &json!({"kind": "control", "name": name, "value": value}),
        );
        assert_eq!(report.outcome, Outcome::Set, "{name}: {report:?}");
        let path = ["ADBE Layer Overrides", name[0].as_str().expect("a name")];
        assert_eq!(node(&layer(&done, 13), &path)["value"], wanted);
    }
    let (done, report) = set(
        &bench,
        SCENE_A,
        &json!({"kind": "control", "name": ["Texts", "Headline"], "value": {"text": "نو"}}),
    );
    assert_eq!(
        (report.outcome, report.text.as_deref()),
        (Outcome::Set, Some("نو"))
    );
    assert_eq!(
        node(
            &layer(&done, 13),
            &["ADBE Layer Overrides", "Texts", "Headline"]
        )["text"]["text"],
        "نو"
    );
    let (done, report) = set(
        &bench,
        SCENE_A,
        &json!({"kind": "control", "name": ["Photo"], "value": {"media": "b.png"}}),
    );
    assert_eq!(report.outcome, Outcome::Set, "{report:?}");
    assert_eq!(
        node(&layer(&done, 13), &["ADBE Layer Overrides", "Photo"])["alternate"],
        floats(done.state()["items"][6]["id"].clone())
    );
    refused(
        SCENE_A,
        &json!({"kind": "control", "name": ["Gone"], "value": {"number": 1.0}}),
        Outcome::Missing,
        "no_property",
    );
    refused(
        SCENE_A,
        &json!({"kind": "control", "name": ["Texts"], "value": {"number": 1.0}}),
        Outcome::Failed,
        "wrong_type",
    );
    refused(
        SCENE_A,
        &json!({"kind": "control", "name": ["Amount"], "value": {"text": "x"}}),
        Outcome::Failed,
        "wrong_type",
    );
    refused(
        SCENE_A,
        &json!({"kind": "control", "name": ["Amount"], "value": {"media": "a.png"}}),
        Outcome::Failed,
        "wrong_type",
    );
    refused(
        LOGO,
        &json!({"kind": "control", "name": ["Amount"], "value": {"number": 1.0}}),
        Outcome::Failed,
        "wrong_type",
    );
}

#[test]
fn levels_in_decibels_and_percent() {
    let bench = Bench::new();
    let level = |done: &Done| {
        node(&layer(done, 15), &["ADBE Audio Group", "ADBE Audio Levels"])["value"].clone()
    };
    let (done, _) = set(
        &bench,
        MUSIC,
        &json!({"kind": "audio_level", "left": -6.0, "right": 3.0, "unit": "db"}),
    );
    assert_eq!(level(&done), json!([-6.0, 3.0]));
    let (done, _) = set(
        &bench,
        MUSIC,
        &json!({"kind": "audio_level", "left": 0.0, "right": 10.0, "unit": "percent"}),
    );
    assert_eq!(level(&done)[0], json!(-192.0));
    let right = level(&done)[1].as_f64().expect("a number");
    assert!((right + 20.0).abs() < 1e-9, "{right}");
    refused(
        TITLE,
        &json!({"kind": "audio_level", "left": 0.0, "right": 0.0, "unit": "db"}),
        Outcome::Failed,
        "no_sound",
    );
}

#[test]
fn targets_that_are_others_are_missing_and_the_rest_goes_on() {
    let bench = Bench::new();
    let on = json!({"kind": "visible", "on": false});
    let mut gone_comp = change(TITLE, &on);
    gone_comp["comp"] = json!({"id": 99, "name": "Main"});
    let mut other_comp = change(TITLE, &on);
    other_comp["comp"] = json!({"id": 2, "name": "Main"});
    let mut no_comp = change(TITLE, &on);
    no_comp["comp"] = json!({"id": 4, "name": "old.png"});
    let moved = change((5, TITLE.1, TITLE.2), &on);
    let values = [
        gone_comp,
        other_comp,
        no_comp,
        change((1, 99, "Title"), &on),
        change((1, 11, "Other"), &on),
        moved,
    ];
    let done = bench.changes(&values);
    let report = done.report();
    let reasons: Vec<&str> = report
        .changes
        .iter()
        .map(|change| change.reason.as_str())
        .collect();
    assert_eq!(
        reasons,
        ["no_comp", "no_comp", "no_comp", "no_layer", "no_layer", ""]
    );
    assert!(
        report.changes[..5]
            .iter()
            .all(|change| change.outcome == Outcome::Missing)
    );
    assert_eq!(
        layer(&done, 11)["enabled"],
        false,
        "a layer that moved is found by its id"
    );
    assert!(report.saved && !report.complete());
}

fn scenes(order: Value) -> Value {
    let at =
        |target: (u32, u32, &str)| json!({"index": target.0, "id": target.1, "name": target.2});
    json!({"version": 1, "changes": [], "scenes": {
        "comp": {"id": 1, "name": "Main"}, "order": order, "left_out": [at(SCENE_A)], "throughout": [at(MUSIC)],
    }})
}

#[test]
fn scenes_come_in_order_with_their_lengths() {
    let b = json!({"index": 4, "id": 14, "name": "Scene B"});
    let logo = json!({"index": 2, "id": 12, "name": "a.png"});
    let order = json!([{"layer": b, "frames": 50, "overlap": 10}, {"layer": logo, "frames": 25}, {"layer": b, "frames": 100}]);
    let done = Bench::new().run(&scenes(order));
    let report = done.report();
    assert_eq!(
        report.scenes.as_ref().map(|scenes| scenes.outcome),
        Some(Outcome::Set),
        "{report:?}"
    );
    let comp = report.comp.expect("the composition");
    assert_eq!(comp.frames, 40 + 25 + 100);
    let span = |layer: &Value| {
        let frames = |key: &str| (layer[key].as_f64().expect("a time") * 25.0 * 1e6).round() / 1e6;
        (frames("in"), frames("out"))
    };
    assert_eq!(span(&layer(&done, 14)), (0.0, 50.0));
    assert_eq!(span(&layer(&done, 12)), (40.0, 65.0));
    assert_eq!(
        span(&layer(&done, 15)),
        (0.0, 165.0),
        "the music lasts to the end"
    );
    let copy = done.state()["items"][0]["layers"]
        .as_array()
        .expect("layers")
        .iter()
        .find(|layer| layer["copy_of"] == 14)
        .cloned();
    assert_eq!(
        span(&copy.expect("a duplicate of the scene")),
        (65.0, 165.0)
    );
    let out = layer(&done, 13);
    assert_eq!(
        (&out["enabled"], &out["audio_enabled"]),
        (&json!(false), &json!(true)),
        "no sound of its own, no speaker to turn off"
    );
}

#[test]
fn scenes_that_do_not_fit_change_nothing() {
    let b = json!({"index": 4, "id": 14, "name": "Scene B"});
    let done = Bench::new().run(&scenes(json!([{"layer": b, "frames": 101}])));
    let report = done.report();
    let scenes_report = report.scenes.expect("a report of the scenes");
    assert_eq!(
        (scenes_report.outcome, scenes_report.reason.as_str()),
        (Outcome::Failed, "too_long")
    );
    assert_eq!(
        scenes_report.detail,
        "scene Scene B gets 101 frames, its composition has 100"
    );
    assert_eq!(report.comp.expect("the composition").frames, 100);
}

#[test]
fn the_report_has_what_a_farm_needs() {
    let mut bench = Bench::new();
    bench.settings.missing_fonts = vec!["Gone-Regular".into()];
    bench.settings.expression_errors = vec![aerender_sim::model::ExpressionFails {
        expression: "thisComp.layer('gone').opacity".into(),
        message: "layer named 'gone' is missing or does not exist".into(),
    }];
    let report = bench.changes(&[]).report();
    let comp = report.comp.as_ref().expect("the composition");
    assert_eq!((comp.frames, comp.width, comp.height), (100, 640, 360));
    assert_eq!((comp.first_display_frame(), comp.sound), (11, true));
    assert_eq!(comp.background, [0.0, 0.5, 1.0]);
    let fonts: Vec<(&str, u32)> = report
        .fonts
        .iter()
        .map(|font| (font.name.as_str(), font.layers))
        .collect();
    assert_eq!(fonts, [("Helvetica", 2)]);
    let effects: Vec<(&str, u32)> = report
        .effects
        .iter()
        .map(|effect| (effect.name.as_str(), effect.count))
        .collect();
    assert_eq!(effects, [("ADBE Fill", 1), ("ADBE Slider Control", 1)]);
    assert_eq!(
        report.fonts_missing.as_deref(),
        Some(["Gone-Regular".to_owned()].as_slice())
    );
    assert_eq!(report.expression_errors.len(), 1);
    let error = &report.expression_errors[0];
    assert_eq!(
        error.property,
        [
            "ADBE Effect Parade",
            "ADBE Slider Control",
            "ADBE Slider Control-0001"
        ]
    );
    assert_eq!(
        (error.layer.as_str(), error.message.as_str()),
        ("Title", "layer named 'gone' is missing or does not exist")
    );
    assert_eq!(report.footage_missing.len(), 1);
    assert_eq!(report.footage_missing[0].path, "/media/old.png");
    assert_eq!(report.host.version, "25.0x1");
    assert!(report.complete());
}

#[test]
fn a_project_that_does_not_open_is_a_report_and_an_exit_code() {
    let mut bench = Bench::new();
    bench.template = Value::Null;
    let done = bench.changes(&[]);
    assert_eq!(done.ran.exit_code, 22);
    let raw = done.raw.expect("a report");
    assert!(raw.contains("\"step\":\"open\""), "{raw}");
}
