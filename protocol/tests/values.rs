//! Values documents: what is taken, what is refused and with which words, and nexrender's assets as values.

use flatrender_protocol::Ratio;
use flatrender_protocol::values::nexrender::{self, Asset, Code, May};
use flatrender_protocol::values::{
    CompRef, CompReport, Manifest, ManifestComp, ManifestLayer, Set, Step, Task, Values,
    ValuesError,
};
use serde_json::{Value, json};

fn document(set: &Value) -> Value {
    json!({
        "version": 1,
        "changes": [{
            "comp": {"id": 1, "name": "Main"},
            "layer": {"index": 2, "id": 35, "name": "Title"},
            "set": set,
        }],
    })
}

fn read(document: &Value) -> Result<Values, String> {
    Values::from_json(document.to_string().as_bytes()).map_err(|error| error.to_string())
}

#[test]
fn every_kind_comes_back_as_it_went() {
    let sets = [
        json!({"kind": "text", "text": "سلام\nدنیا \u{202b}x", "font": "Vazirmatn-Bold", "size": 48.5, "direction": "right_to_left", "color": [1.0, 0.5, 0.0]}),
        json!({"kind": "text", "size": 12.0}),
        json!({"kind": "image", "file": "(Footage)/a.png"}),
        json!({"kind": "video", "file": "a.mov"}),
        json!({"kind": "audio", "file": "a.wav"}),
        json!({"kind": "color", "property": [{"name": "ADBE Effect Parade"}, {"index": 1}, {"name": "Color"}], "rgba": [0.0, 0.25, 1.0, 1.0]}),
        json!({"kind": "number", "property": [{"name": "Opacity"}], "value": 50.0}),
        json!({"kind": "point", "property": [{"name": "Position"}], "value": [1.0, -2.5]}),
        json!({"kind": "visible", "on": false}),
        json!({"kind": "control", "name": ["Group", "Headline"], "value": {"text": "x"}}),
        json!({"kind": "control", "name": ["A"], "value": {"switch": true}}),
        json!({"kind": "control", "name": ["A"], "value": {"media": "b.png"}}),
        json!({"kind": "audio_level", "left": -6.0, "right": 0.0, "unit": "db"}),
    ];
    for set in sets {
        let wanted = document(&set);
        let values = read(&wanted).unwrap_or_else(|error| panic!("{set}: {error}"));
        assert_eq!(serde_json::to_value(&values).unwrap(), wanted);
    }
}

#[test]
fn the_same_values_have_one_digest() {
    let text = |words: &str| document(&json!({"kind": "text", "text": words}));
    let one = read(&text("a")).unwrap().digest();
    let spaced = serde_json::to_string_pretty(&text("a")).unwrap();
    let again = Values::from_json(spaced.as_bytes()).unwrap().digest();
    assert_eq!(one, again);
    assert_ne!(one, read(&text("b")).unwrap().digest());
}

#[test]
fn what_is_not_of_the_shape_is_refused_by_name() {
    for (set, named) in [
        (
            json!({"kind": "text", "text": "a", "expression": "time"}),
            "unknown field `expression`",
        ),
        (
            json!({"kind": "expression", "text": "a"}),
            "unknown variant `expression`",
        ),
        (json!({"kind": "visible"}), "missing field `on`"),
        (
            json!({"kind": "visible", "on": 1}),
            "invalid type: integer `1`, expected a boolean",
        ),
        (
            json!({"kind": "number", "property": ["Opacity"], "value": 1.0}),
            "Opacity",
        ),
        (
            json!({"kind": "image", "file": "../a.png"}),
            "leads out of the package",
        ),
        (
            json!({"kind": "color", "property": [{"index": 1}], "rgba": [1.0, 1.0]}),
            "expected an array of length 4",
        ),
        (
            json!({"kind": "control", "name": ["A"], "value": {"expression": "x"}}),
            "unknown variant `expression`",
        ),
    ] {
        let error = read(&document(&set)).unwrap_err();
        assert!(error.contains(named), "{set}: {error}");
        assert!(error.starts_with("read the values: "), "{error}");
    }
    let twice = r#"{"version":1,"version":1,"changes":[]}"#;
    let error = Values::from_json(twice.as_bytes()).unwrap_err().to_string();
    assert!(error.contains("duplicate field `version`"), "{error}");
    let lone = r#"{"version":1,"changes":[{"comp":{"id":1,"name":"\ud800"}}]}"#;
    assert!(Values::from_json(lone.as_bytes()).is_err());
    let infinite = r#"{"version":1e999,"changes":[]}"#;
    assert!(Values::from_json(infinite.as_bytes()).is_err());
}

#[test]
fn every_limit_is_named_with_its_field() {
    let long = "x".repeat(1 << 20);
    for (set, wanted) in [
        (json!({"kind": "text"}), "changes[0].set: sets nothing"),
        (
            json!({"kind": "text", "text": format!("{long}x")}),
            "changes[0].set.text: has 1048577 bytes",
        ),
        (
            json!({"kind": "text", "text": "a\u{0}"}),
            "changes[0].set.text: has the control character U+0000 at character 1",
        ),
        (
            json!({"kind": "text", "font": ""}),
            "changes[0].set.font: has 0 bytes",
        ),
        (
            json!({"kind": "text", "size": 0.0}),
            "changes[0].set.size: is 0, 0.1 to 1296 are taken",
        ),
        (
            json!({"kind": "color", "property": [], "rgba": [1.5, 0.0, 0.0, 1.0]}),
            "changes[0].set.property: has 0 entries",
        ),
        (
            json!({"kind": "color", "property": [{"index": 0}], "rgba": [1.5, 0.0, 0.0, 1.0]}),
            "changes[0].set.rgba[0]: is 1.5, 0 to 1",
        ),
        (
            json!({"kind": "point", "property": [{"index": 1}], "value": [1.0]}),
            "changes[0].set.value: has 1 entries, 2 to 3",
        ),
        (
            json!({"kind": "audio_level", "left": 25.0, "right": 0.0, "unit": "db"}),
            "changes[0].set.left: is 25, -192 to 24",
        ),
        (
            json!({"kind": "control", "name": [], "value": {"number": 1.0}}),
            "changes[0].set.name: has 0 entries",
        ),
    ] {
        let error = read(&document(&set)).unwrap_err();
        assert!(error.contains(wanted), "{wanted}: {error}");
    }
    assert!(read(&document(&json!({"kind": "text", "text": long}))).is_ok());
    let mut other = document(&json!({"kind": "visible", "on": true}));
    other["version"] = json!(2);
    other["changes"][0]["layer"]["index"] = json!(0);
    let error = read(&other).unwrap_err();
    assert!(
        error.contains("version: is 2, this farm reads 1"),
        "{error}"
    );
    assert!(error.contains("changes[0].layer.index: is 0"), "{error}");
    let huge = vec![b' '; (16 << 20) + 1];
    assert!(matches!(
        Values::from_json(&huge),
        Err(ValuesError::TooLarge { .. })
    ));
}

#[test]
fn scenes_have_lengths_that_add_up() {
    let layer = |id: u32| json!({"index": id, "id": id, "name": "S"});
    let with = |order: Value, left_out: Value| json!({"version": 1, "changes": [], "scenes": {"comp": {"id": 1, "name": "M"}, "order": order, "left_out": left_out}});
    let good = with(
        json!([{"layer": layer(1), "frames": 50, "overlap": 10}, {"layer": layer(2), "frames": 25}]),
        json!([layer(3)]),
    );
    assert_eq!(serde_json::to_value(read(&good).unwrap()).unwrap(), good);
    for (scenes, wanted) in [
        (with(json!([]), json!([])), "scenes.order: has 0 entries"),
        (
            with(json!([{"layer": layer(1), "frames": 0}]), json!([])),
            "scenes.order[0].frames: is 0",
        ),
        (
            with(
                json!([{"layer": layer(1), "frames": 5, "overlap": 5}, {"layer": layer(2), "frames": 5}]),
                json!([]),
            ),
            "scenes.order[0].overlap: is 5, must be less",
        ),
        (
            with(
                json!([{"layer": layer(1), "frames": 5, "overlap": 1}]),
                json!([]),
            ),
            "the last scene has none",
        ),
        (
            with(json!([{"layer": layer(1), "frames": 4_000_000}]), json!([])),
            "at most 1296000",
        ),
        (
            with(json!([{"layer": layer(1), "frames": 5}]), json!([layer(1)])),
            "layer 1 is a scene of the film as well",
        ),
    ] {
        let error = read(&scenes).unwrap_err();
        assert!(error.contains(wanted), "{wanted}: {error}");
    }
}

#[test]
fn a_task_never_overwrites_the_project() {
    let task = Task {
        project: "/p/a.aep".into(),
        save_as: "/p/a.aep".into(),
        footage: "/p/100%".into(),
        result: "/p/r.json".into(),
        comp: CompRef {
            id: 1,
            name: "Main".into(),
        },
        values: read(&document(&json!({"kind": "visible", "on": true}))).unwrap(),
    };
    let wrong: Vec<String> = task.wrong().iter().map(|one| one.field.clone()).collect();
    assert_eq!(wrong, ["footage", "save_as"]);
}

#[test]
fn rates_of_after_effects_are_exact_again() {
    let rate = |frame_rate: f64| {
        let comp: CompReport = serde_json::from_value(json!({
            "comp": {"id": 1, "name": "M"}, "frames": 1, "width": 1, "height": 1, "frame_rate": frame_rate, "pixel_aspect": 1.0,
            "project_base": 1, "start_frame": -3, "background": [0.0, 0.0, 0.0], "sound": false,
        }))
        .unwrap();
        assert_eq!(comp.first_display_frame(), -2);
        comp.rate().map(|rate| (rate.num, rate.den))
    };
    assert_eq!(rate(25.0), Some((25, 1)));
    assert_eq!(rate(29.970_001_220_703_125), Some((30000, 1001)));
    assert_eq!(rate(59.940_002_441), Some((60000, 1001)));
    assert_eq!(rate(23.976_000_976_562_5), Some((24000, 1001)));
    assert_eq!(rate(12.5), Some((25, 2)));
    assert_eq!(rate(0.0), None);
    assert_eq!(rate(-25.0), None);
    assert_eq!(Ratio::new(25, 1), Some(Ratio { num: 25, den: 1 }));
}

fn manifest() -> Manifest {
    let layer = |id: u32, name: &str, source: Option<u32>| ManifestLayer {
        id,
        name: name.into(),
        source,
    };
    let comp = |id: u32, name: &str, layers: Vec<ManifestLayer>| ManifestComp {
        id,
        name: name.into(),
        layers,
    };
    Manifest {
        comps: vec![
            comp(
                1,
                "Main",
                vec![layer(10, "Logo", Some(9)), layer(11, "Inner", Some(2))],
            ),
            comp(
                2,
                "Inner",
                vec![layer(20, "Title", None), layer(21, "Logo", Some(9))],
            ),
            comp(3, "Inner", vec![layer(30, "Title", None)]),
        ],
    }
}

fn map(assets: Value, may: May) -> Result<nexrender::Mapped, Vec<String>> {
    let assets: Vec<Asset> =
        serde_json::from_value(assets).expect("the assets of these tests are well formed");
    nexrender::map(&assets, &manifest(), may)
        .map_err(|wrong| wrong.iter().map(ToString::to_string).collect())
}

fn targets(mapped: &nexrender::Mapped) -> Vec<(u32, u32)> {
    let changes = &mapped.values.changes;
    changes
        .iter()
        .map(|change| (change.comp.id, change.layer.id))
        .collect()
}

#[test]
fn nexrenders_assets_find_their_layers() {
    let mapped = map(
        json!([
            {"type": "image", "src": "https://host/a/logo.png?x=1", "layerName": "Logo"},
            {"type": "data", "layerName": "Title", "composition": "Main->Inner", "property": "Source Text", "value": "سلام"},
            {"type": "data", "layerName": "Title", "composition": "Inner", "property": "Source Text.font", "value": "Vazirmatn-Bold"},
            {"type": "data", "layerIndex": 1, "composition": "Main", "property": "Effects.Fill.Color", "value": [1, 0, 0, 1]},
            {"type": "data", "layerIndex": 1, "composition": "Main", "property": "Transform->Position", "value": [1, 2]},
            {"type": "audio", "src": "file:///x/m", "name": "music", "extension": "mp3", "layerName": "Logo", "composition": "Main"},
            {"type": "static", "src": "https://host/lut.cube"},
        ]),
        May::default(),
    )
    .unwrap();
    assert_eq!(
        targets(&mapped),
        [
            (1, 10),
            (2, 21),
            (2, 20),
            (2, 20),
            (3, 30),
            (1, 10),
            (1, 10),
            (1, 10)
        ]
    );
    let files: Vec<&str> = mapped
        .files
        .iter()
        .map(|fetch| fetch.file.as_str())
        .collect();
    assert_eq!(files, ["logo.png", "music.mp3", "lut.cube"]);
    let color = &mapped.values.changes[5].set;
    let names = ["Effects", "Fill", "Color"]
        .map(|name| Step::Name(name.into()))
        .to_vec();
    assert_eq!(
        *color,
        Set::Color {
            property: names,
            rgba: [1.0, 0.0, 0.0, 1.0]
        }
    );
    assert!(mapped.code.is_empty());
}

#[test]
fn code_of_users_is_refused_unless_they_may() {
    let assets = json!([
        {"type": "script", "src": "https://host/evil.jsx"},
        {"type": "data", "layerName": "Title", "property": "Source Text", "expression": "time"},
    ]);
    let wrong = map(assets.clone(), May::default()).unwrap_err();
    assert_eq!(wrong.len(), 2);
    assert!(
        wrong[0].starts_with(
            "assets[0].type: script assets are refused: https://host/evil.jsx would run as code"
        ),
        "{wrong:?}"
    );
    assert!(
        wrong[1].starts_with("assets[1].expression: expressions are refused"),
        "{wrong:?}"
    );
    let may = May {
        scripts: true,
        expressions: true,
    };
    let mapped = map(assets, may).unwrap();
    assert!(mapped.values.changes.is_empty(), "code is never a value");
    assert!(matches!(&mapped.code[0], Code::Script { src } if src == "https://host/evil.jsx"));
    assert!(matches!(&mapped.code[1], Code::Expression { source, .. } if source == "time"));
    assert_eq!(mapped.code.len(), 3, "one for each layer that is meant");
}

#[test]
fn an_asset_that_fits_nothing_is_named() {
    let wrong = map(
        json!([
            {"type": "image", "src": "a.png", "layerName": "Nobody"},
            {"type": "image", "src": "a.png", "layerName": "Logo", "composition": "Gone"},
            {"type": "image", "src": "a.png"},
            {"type": "image", "src": "x/b.png", "layerName": "Logo", "name": "../b.png"},
            {"type": "data", "layerName": "Title", "property": "Opacity", "value": "x"},
            {"type": "data", "layerName": "Title", "property": "Opacity"},
            {"type": "image", "src": "one/c.png", "layerName": "Logo"},
            {"type": "image", "src": "two/C.png", "layerName": "Logo"},
            {"type": "image", "src": "s1.png", "layerName": "Logo", "sequence": true},
        ]),
        May::default(),
    )
    .unwrap_err();
    for (at, start) in [
        "assets[0].layerName: no layer of composition \"*\" is named \"Nobody\"",
        "assets[1].composition: \"Gone\" is no composition of the template; it has \"Main\", \"Inner\", \"Inner\"",
        "assets[2].layerName: is absent",
        "assets[3].name: file name",
        "assets[4].value: is \"x\"",
        "assets[5].value: is absent",
        "assets[7].src: would be saved as C.png",
        "assets[8].sequence",
    ]
    .into_iter()
    .enumerate()
    {
        assert!(wrong[at].starts_with(start), "{start}: {wrong:#?}");
    }
}
