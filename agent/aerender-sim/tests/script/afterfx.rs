//! The stand-in's AfterFX on real project files: what was set is in the saved project, read by the reader of project files and in
//! its bytes, and what was not set keeps its bytes.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use aerender_sim::afterfx::Files;
use aerender_sim::afterfx::tree::{Node, Tree};
use aerender_sim::model::Projects;
use aerender_sim::{code, values};
use flatrender_aep::write::{CompSpec, FileSpec, KindSpec, LayerSpec, ProjectSpec, project};
use flatrender_aep::{LayerKind, Project, Rational};
use flatrender_protocol::values::{Outcome, Report};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::bench::SCRIPT;

/// A folder with the script, a template, its files, and what a run makes of them.
struct Farm {
    folder: TempDir,
}

struct Prepared {
    output: Output,
    report: Option<Report>,
}

impl Farm {
    fn new(template: &[u8]) -> Farm {
        let folder = tempfile::tempdir().expect("no temporary folder");
        let root = folder.path();
        std::fs::create_dir_all(root.join("prepared/(Footage)")).expect("no folder");
        std::fs::write(root.join("t.aep"), template).expect("can't write");
        for name in ["photo.png", "clip.mov", "voice.wav"] {
            std::fs::write(root.join("prepared/(Footage)").join(name), name).expect("can't write");
        }
        std::fs::copy(SCRIPT, root.join("flatrender.jsx")).expect("no script");
        Farm { folder }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_string_lossy().into_owned()
    }

    fn run(&self, comp: &Value, values: &Value) -> Prepared {
        let task = json!({
            "project": self.path("t.aep"), "save_as": self.path("prepared/t.aep"), "footage": self.path("prepared/(Footage)"),
            "result": self.path("result.json"), "comp": comp, "values": values,
        });
        std::fs::write(self.path("flatrender-task.json"), task.to_string()).expect("can't write");
        let output = Command::new(env!("CARGO_BIN_EXE_aerender-sim"))
            .args(["-m", "-noui", "-r", &self.path("flatrender.jsx")])
            .output()
            .expect("the stand-in does not start");
        let report = std::fs::read(self.path("result.json")).ok();
        Prepared {
            report: report
                .map(|json| Report::from_json(&json).expect("the report is not of its shape")),
            output,
        }
    }

    fn saved(&self) -> (Vec<u8>, Project) {
        let bytes = std::fs::read(self.path("prepared/t.aep")).expect("nothing was saved");
        let project = flatrender_aep::parse(&bytes).expect("the saved project can't be read");
        assert!(!project.damaged, "{:?}", project.warnings);
        (bytes, project)
    }

    /// The saved project as the model would open it.
    fn state(&self) -> Value {
        let state = Files::default()
            .load(Path::new(&self.path("prepared/t.aep")))
            .expect("it does not open again");
        serde_json::from_str(&state).expect("the state is no JSON")
    }
}

fn template() -> Vec<u8> {
    let mut main = CompSpec::new("Main", 640, 360, Rational::ntsc(30), 120);
    main.layers = vec![
        LayerSpec::new("Title", KindSpec::Text("Title".into())),
        LayerSpec::new("", KindSpec::File(FileSpec::new("old.png"))),
        LayerSpec::new("Music", KindSpec::File(FileSpec::new("old.wav"))),
        LayerSpec::new("Scene A", KindSpec::Precomp("A".into())),
        LayerSpec::new("Scene B", KindSpec::Precomp("B".into())),
        LayerSpec::new("Back", KindSpec::Solid([1, 2, 3])),
    ];
    let spec = ProjectSpec {
        comps: vec![
            main,
            CompSpec::new("A", 640, 360, Rational::ntsc(30), 120),
            CompSpec::new("B", 640, 360, Rational::ntsc(30), 120),
        ],
        ..ProjectSpec::default()
    };
    with_properties(&project(&spec))
}

fn tdmn(name: &str) -> Node {
    let mut field = name.as_bytes().to_vec();
    field.resize(40, 0);
    Node::leaf(b"tdmn", field)
}

fn head(name: &str) -> Vec<Node> {
    let length = u32::try_from(name.len()).expect("short").to_be_bytes();
    let name = [b"Utf8".as_slice(), &length, name.as_bytes()].concat();
    vec![
        Node::leaf(b"tdsb", vec![0, 0, 0, 1]),
        Node::leaf(b"tdsn", name),
    ]
}

fn value(name: &str, kind: u8, numbers: &[f64]) -> Node {
    let mut tdb4 = vec![0u8; 124];
    tdb4[..2].copy_from_slice(&[0xdb, 0x99]);
    tdb4[3] = u8::try_from(numbers.len()).expect("few");
    tdb4[5] = 1;
    tdb4[59] = kind;
    let cdat = numbers
        .iter()
        .flat_map(|number| number.to_be_bytes())
        .collect();
    let mut children = head(name);
    children.extend([Node::leaf(b"tdb4", tdb4), Node::leaf(b"cdat", cdat)]);
    Node::list(b"tdbs", children)
}

fn group(name: &str, inner: Vec<Node>) -> Node {
    let mut children = head(name);
    children.extend(inner);
    children.push(tdmn("ADBE Group End"));
    Node::list(b"tdgp", children)
}

/// Puts an effect with a colour on the title and Essential Graphics on the first scene, which the writer of small projects does not.
fn with_properties(bytes: &[u8]) -> Vec<u8> {
    let mut tree = Tree::parse(bytes).expect("the template");
    let fold = tree.root.child_mut(b"Fold").expect("items");
    let main = fold
        .children
        .iter_mut()
        .find(|item| item.child(b"Layr").is_some())
        .expect("a composition");
    let mut layers: Vec<&mut Node> = main
        .children
        .iter_mut()
        .filter(|child| child.is_list(b"Layr"))
        .collect();
    let effect = group(
        "Fill",
        vec![
            tdmn("ADBE Fill-0002"),
            value("Color", 1, &[255.0, 255.0, 0.0, 0.0]),
        ],
    );
    let effects = group(
        "",
        vec![
            tdmn("ADBE Fill"),
            Node::list(
                b"sspc",
                vec![Node::leaf(b"fnam", b"Fill\0".to_vec()), effect],
            ),
        ],
    );
    let controls = group(
        "",
        vec![
            tdmn("ADBE Slider"),
            value("Amount", 8, &[1.0]),
            tdmn("ADBE Color"),
            value("Tint", 1, &[255.0, 0.0, 0.0, 255.0]),
        ],
    );
    let mut put = |at: usize, name: &str, node: Node| {
        let properties = layers[at].child_mut(b"tdgp").expect("properties");
        let end = properties.children.len() - 1;
        properties.children.splice(end..end, [tdmn(name), node]);
    };
    put(0, "ADBE Effect Parade", effects);
    put(3, "ADBE Layer Overrides", controls);
    tree.to_bytes()
}

/// The target of a layer of the main composition.
fn targets(bytes: &[u8]) -> (Value, Vec<Value>) {
    let project = flatrender_aep::parse(bytes).expect("the template");
    let main = project.comp("Main").expect("the composition");
    let layers = main
        .layers
        .iter()
        .map(|layer| json!({"index": layer.index, "id": layer.id, "name": layer.name}))
        .collect();
    (json!({"id": main.id, "name": "Main"}), layers)
}

const PERSIAN: &str = "سلام (دنیا)! \\ خط ۲";

/// One change of each kind.
fn every_kind(comp: &Value, at: &[Value]) -> Vec<Value> {
    let set = |layer: usize, set: Value| json!({"comp": comp, "layer": at[layer], "set": set});
    vec![
        set(
            0,
            json!({"kind": "text", "text": PERSIAN, "font": "Vazirmatn-Bold", "size": 31.5, "color": [0.0, 0.5, 1.0], "direction": "right_to_left"}),
        ),
        set(
            0,
            json!({"kind": "color", "property": [{"name": "Effects"}, {"name": "Fill"}, {"name": "Color"}], "rgba": [0.0, 0.5, 1.0, 1.0]}),
        ),
        set(
            0,
            json!({"kind": "number", "property": [{"name": "Opacity"}], "value": 25.0}),
        ),
        set(
            0,
            json!({"kind": "point", "property": [{"name": "ADBE Transform Group"}, {"name": "Position"}], "value": [10.0, 20.0]}),
        ),
        set(1, json!({"kind": "image", "file": "photo.png"})),
        set(
            2,
            json!({"kind": "audio_level", "left": -6.0, "right": -12.0, "unit": "db"}),
        ),
        set(2, json!({"kind": "audio", "file": "voice.wav"})),
        set(
            3,
            json!({"kind": "control", "name": ["Amount"], "value": {"number": 7.0}}),
        ),
        set(
            3,
            json!({"kind": "control", "name": ["Tint"], "value": {"color": [0.0, 1.0, 0.0, 1.0]}}),
        ),
        set(5, json!({"kind": "visible", "on": false})),
        set(4, json!({"kind": "video", "file": "clip.mov"})),
    ]
}

#[test]
fn values_of_every_kind_are_in_the_saved_project() {
    let bytes = template();
    let farm = Farm::new(&bytes);
    let (comp, at) = targets(&bytes);
    let changes = every_kind(&comp, &at);
    let prepared = farm.run(&comp, &json!({"version": 1, "changes": changes}));
    assert_eq!(
        prepared.output.status.code(),
        Some(0),
        "{:?}",
        prepared.output
    );
    assert_eq!(String::from_utf8_lossy(&prepared.output.stderr), "");
    let report = prepared.report.expect("a report");
    assert!(report.complete(), "{report:#?}");
    assert_eq!(
        report
            .comp
            .as_ref()
            .and_then(|comp| comp.rate())
            .map(|rate| (rate.num, rate.den)),
        Some((30000, 1001))
    );
    assert_eq!(report.comp.as_ref().map(|comp| comp.frames), Some(120));
    let (saved, project) = farm.saved();
    assert_ne!(saved, bytes);
    check_layers(&farm, &project);
    check_numbers(&farm.state(), &saved);
}

/// What the reader of project files sees.
fn check_layers(farm: &Farm, project: &Project) {
    let main = project.comp("Main").expect("the composition");
    let title = &main.layers[0];
    assert_eq!(
        (
            title.text[0].as_str(),
            title.fonts.as_slice(),
            title.sizes.as_slice()
        ),
        (
            PERSIAN,
            ["Vazirmatn-Bold".to_owned()].as_slice(),
            [31.5].as_slice()
        )
    );
    let source = |layer: usize| {
        project
            .footage_item(main.layers[layer].source_id.expect("a source"))
            .expect("footage")
    };
    assert_eq!(
        source(1).file.as_ref().map(|file| file.path.clone()),
        Some(farm.path("prepared/(Footage)/photo.png"))
    );
    assert_eq!(
        main.layers[1].name, "photo.png",
        "its name is that of its source"
    );
    assert_eq!(source(2).file_name(), "voice.wav");
    assert_eq!(source(4).file_name(), "clip.mov");
    assert_eq!(
        (main.layers[4].kind, main.layers[4].name.as_str()),
        (LayerKind::Footage, "Scene B")
    );
    assert!(!main.layers[5].enabled && main.layers[0].enabled);
    assert!(project.has_sound(main));
    let (up, parts) = source(1)
        .file
        .as_ref()
        .and_then(|file| file.beside_project())
        .expect("it is beside the project");
    assert_eq!((up, parts), (0, vec!["(Footage)", "photo.png"]));
}

/// What only the stand-in reads, and the same in the file's bytes.
fn check_numbers(state: &Value, saved: &[u8]) {
    let items = state["items"].as_array().expect("items");
    let layers = items
        .iter()
        .find(|item| item["name"] == "Main")
        .expect("the composition")["layers"]
        .clone();
    let number =
        |layer: usize, path: &[&str]| find(&layers[layer]["properties"], path)["value"].clone();
    assert_eq!(
        number(0, &["ADBE Effect Parade", "ADBE Fill", "ADBE Fill-0002"]),
        json!([0.0, 0.5, 1.0, 1.0])
    );
    assert_eq!(
        number(0, &["ADBE Transform Group", "ADBE Opacity"]),
        json!([25.0])
    );
    assert_eq!(
        number(0, &["ADBE Transform Group", "ADBE Position"]),
        json!([10.0, 20.0, 0.0])
    );
    assert_eq!(
        number(2, &["ADBE Audio Group", "ADBE Audio Levels"]),
        json!([-6.0, -12.0])
    );
    assert_eq!(
        number(3, &["ADBE Layer Overrides", "ADBE Slider"]),
        json!([7.0])
    );
    assert_eq!(
        number(3, &["ADBE Layer Overrides", "ADBE Color"]),
        json!([0.0, 1.0, 0.0, 1.0])
    );
    let text = &find(
        &layers[0]["properties"],
        &["ADBE Text Properties", "ADBE Text Document"],
    )["text"];
    assert_eq!(
        (&text["direction"], &text["color"]),
        (&json!("right_to_left"), &json!([0.0, 0.5, 1.0]))
    );
    // and in the bytes: a level as two doubles, a colour as alpha, red, green, blue of 255, an opacity as a fraction
    for numbers in [
        &[-6.0, -12.0][..],
        &[255.0, 0.0, 127.5, 255.0],
        &[0.25],
        &[7.0],
    ] {
        let wanted: Vec<u8> = numbers
            .iter()
            .flat_map(|number: &f64| number.to_be_bytes())
            .collect();
        assert!(
            saved.windows(wanted.len()).any(|window| window == wanted),
            "{numbers:?}"
        );
    }
}

fn find<'a>(group: &'a Value, path: &[&str]) -> &'a Value {
    path.iter().fold(group, |group, name| {
        let children = group["children"].as_array().expect("a group");
        children
            .iter()
            .find(|child| child["match"] == *name)
            .unwrap_or_else(|| panic!("no {name}"))
    })
}

trait FileName {
    fn file_name(&self) -> String;
}

impl FileName for flatrender_aep::Footage {
    fn file_name(&self) -> String {
        self.file
            .as_ref()
            .map(|file| file.file_name().to_owned())
            .unwrap_or_default()
    }
}

/// The code in the first frame of a project in the farm's folder.
fn first_code(farm: &Farm, project: &str) -> code::Code {
    let output = Command::new(env!("CARGO_BIN_EXE_aerender-sim"))
        .args([
            "-project",
            &farm.path(project),
            "-comp",
            "Main",
            "-s",
            "0",
            "-e",
            "0",
        ])
        .args([
            "-OMtemplate",
            "TIFF Sequence with Alpha",
            "-RStemplate",
            "Best Settings",
        ])
        .args([
            "-output",
            &farm.path("frame_[#####].tif"),
            "-continueOnMissingFootage",
        ])
        .output()
        .expect("the stand-in does not start");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let file = std::fs::File::open(farm.path("frame_00000.tif")).expect("no frame");
    let mut decoder = tiff::decoder::Decoder::new(file).expect("no TIFF");
    let (width, height) = decoder.dimensions().expect("a size");
    let tiff::decoder::DecodingResult::U8(pixels) = decoder.read_image().expect("pixels") else {
        panic!("not 8 bits a sample");
    };
    let green: Vec<u8> = pixels.chunks_exact(4).map(|pixel| pixel[1]).collect();
    code::read(&green, width as usize, height as usize).expect("a code in the frame")
}

fn digest(bytes: &[u8]) -> u32 {
    let project = flatrender_aep::parse(bytes).expect("a project");
    let comp = project.comp("Main").expect("the composition");
    values::digest(&project, comp, bytes)
}

#[test]
fn frames_of_the_prepared_project_carry_its_values() {
    let bytes = template();
    let farm = Farm::new(&bytes);
    let (comp, at) = targets(&bytes);
    let changes = every_kind(&comp, &at);
    let report = farm
        .run(&comp, &json!({"version": 1, "changes": changes}))
        .report
        .expect("a report");
    assert!(report.complete(), "{report:#?}");
    let (before, after) = (
        first_code(&farm, "t.aep"),
        first_code(&farm, "prepared/t.aep"),
    );
    assert_eq!(
        (before.values, after.values),
        (digest(&bytes), digest(&farm.saved().0))
    );
    assert_ne!(before.values, after.values);
}

#[test]
fn each_kind_of_value_alone_changes_the_digest() {
    let bytes = template();
    let (comp, at) = targets(&bytes);
    let mut seen = std::collections::BTreeSet::from([digest(&bytes)]);
    for change in every_kind(&comp, &at) {
        let farm = Farm::new(&bytes);
        let prepared = farm.run(&comp, &json!({"version": 1, "changes": [change]}));
        assert!(prepared.report.expect("a report").complete(), "{change}");
        assert!(seen.insert(digest(&farm.saved().0)), "{change}");
    }
}

#[test]
fn scenes_move_last_and_repeat_in_the_saved_project() {
    let bytes = template();
    let farm = Farm::new(&bytes);
    let (comp, at) = targets(&bytes);
    let scenes = json!({"version": 1, "changes": [], "scenes": {
        "comp": comp, "order": [{"layer": at[4], "frames": 40}, {"layer": at[3], "frames": 30, "overlap": 10}, {"layer": at[4], "frames": 50}],
        "left_out": [at[2]], "throughout": [at[5]],
    }});
    let prepared = farm.run(&comp, &scenes);
    let report = prepared.report.expect("a report");
    assert!(report.complete(), "{report:#?}");
    assert_eq!(report.comp.map(|comp| comp.frames), Some(110));
    let (_, project) = farm.saved();
    let main = project.comp("Main").expect("the composition");
    assert_eq!((main.frames, main.work_area_frames()), (110, 0..110));
    let names: Vec<&str> = main
        .layers
        .iter()
        .map(|layer| layer.name.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "Title",
            "old.png",
            "Music",
            "Scene A",
            "Scene B 2",
            "Scene B",
            "Back"
        ]
    );
    let ids: std::collections::HashSet<u32> = main.layers.iter().map(|layer| layer.id).collect();
    assert_eq!(ids.len(), 7, "a duplicate has an id of its own");
    assert!(!main.layers[2].enabled && !main.layers[2].audio_enabled);
    let state = farm.state();
    let items = state["items"].as_array().expect("items");
    let layers = &items
        .iter()
        .find(|item| item["name"] == "Main")
        .expect("the composition")["layers"];
    let span = |layer: usize| {
        let frame = |key: &str| {
            (layers[layer][key].as_f64().expect("a time") * 30_000.0 / 1001.0 * 1e4).round() / 1e4
        };
        (frame("in"), frame("out"))
    };
    assert_eq!(
        (span(5), span(3), span(4), span(6)),
        ((0.0, 40.0), (40.0, 70.0), (60.0, 110.0), (0.0, 110.0))
    );
}

#[test]
fn what_a_project_file_can_not_hold_is_said() {
    let bytes = template();
    let farm = Farm::new(&bytes);
    let (comp, at) = targets(&bytes);
    let change = json!({"comp": comp, "layer": at[3], "set": {"kind": "control", "name": ["Tint"], "value": {"media": "photo.png"}}});
    let report = farm
        .run(&comp, &json!({"version": 1, "changes": [change]}))
        .report
        .expect("a report");
    assert_eq!(report.changes[0].outcome, Outcome::Failed);
    assert_eq!(report.changes[0].detail, "Tint is no media replacement");
    for (template, wanted) in [
        (b"RIFX".as_slice(), "file is damaged"),
        (b"PK\x03\x04".as_slice(), "file is damaged"),
        (&bytes[..bytes.len() / 2], "file is damaged"),
    ] {
        let farm = Farm::new(template);
        let prepared = farm.run(&comp, &json!({"version": 1, "changes": []}));
        assert_eq!(prepared.output.status.code(), Some(22));
        let stopped = prepared
            .report
            .and_then(|report| report.stopped)
            .expect("it stopped");
        assert!(
            stopped.step == "open" && stopped.message.contains(wanted),
            "{stopped:?}"
        );
        assert!(!Path::new(&farm.path("prepared/t.aep")).exists());
    }
}

#[test]
fn a_run_without_values_keeps_every_byte() {
    let bytes = template();
    let farm = Farm::new(&bytes);
    let (comp, _) = targets(&bytes);
    assert!(
        farm.run(&comp, &json!({"version": 1, "changes": []}))
            .report
            .expect("a report")
            .complete()
    );
    assert_eq!(farm.saved().0, bytes);
}

#[test]
fn other_words_than_afterfx_has_are_refused() {
    for words in [
        vec!["-m", "-r"],
        vec!["-m", "-r", "x.jsx", "-s", "1"],
        vec!["-noui", "-r", "/gone/x.jsx"],
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_aerender-sim"))
            .args(&words)
            .output()
            .expect("the stand-in does not start");
        assert_eq!(output.status.code(), Some(1), "{words:?}");
        assert!(
            String::from_utf8_lossy(&output.stderr).starts_with("AfterFX stand-in: "),
            "{words:?}"
        );
    }
}

/// The binary sample projects, or a printed skip.
#[expect(clippy::print_stderr, reason = "a skip is said")]
fn samples(test: &str) -> Vec<PathBuf> {
    let Some(root) = std::env::var_os("FLATRENDER_SAMPLES") else {
        eprintln!("skipped: {test}: FLATRENDER_SAMPLES is not set");
        return Vec::new();
    };
    let entries = std::fs::read_dir(PathBuf::from(root).join("aep")).expect("no samples");
    let mut found: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    found.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "aep" || extension == "aet")
    });
    found.sort();
    assert!(!found.is_empty());
    found
}

#[test]
fn real_projects_are_prepared() {
    for sample in samples("real_projects_are_prepared") {
        let bytes = std::fs::read(&sample).expect("can't read");
        assert!(
            Tree::parse(&bytes).expect("a sound file").to_bytes() == bytes,
            "{}",
            sample.display()
        );
        let project = flatrender_aep::parse(&bytes).expect("a sound project");
        let mut changes = Vec::new();
        for comp in &project.comps {
            for layer in &comp.layers {
                let target = |set: Value| json!({"comp": {"id": comp.id, "name": comp.name}, "layer": {"index": layer.index, "id": layer.id, "name": layer.name}, "set": set});
                if layer.kind == LayerKind::Text && layer.text.len() == 1 {
                    changes.push(target(json!({"kind": "text", "text": PERSIAN, "font": "Vazirmatn-Bold", "size": 33.0, "direction": "right_to_left"})));
                }
                changes.push(target(json!({"kind": "visible", "on": !layer.enabled})));
            }
        }
        let Some(comp) = project.comps.first() else {
            continue;
        };
        let farm = Farm::new(&bytes);
        let prepared = farm.run(
            &json!({"id": comp.id, "name": comp.name}),
            &json!({"version": 1, "changes": changes}),
        );
        let report = prepared
            .report
            .unwrap_or_else(|| panic!("{}: {:?}", sample.display(), prepared.output));
        assert!(report.complete(), "{}: {report:#?}", sample.display());
        assert_eq!(
            String::from_utf8_lossy(&prepared.output.stderr),
            "",
            "{}",
            sample.display()
        );
        let (_, saved) = farm.saved();
        assert_eq!(saved.warnings, project.warnings, "{}", sample.display());
        for (before, after) in project
            .comps
            .iter()
            .flat_map(|comp| &comp.layers)
            .zip(saved.comps.iter().flat_map(|comp| &comp.layers))
        {
            assert_eq!(
                after.enabled,
                !before.enabled,
                "{}: {}",
                sample.display(),
                before.name
            );
            if before.kind == LayerKind::Text && before.text.len() == 1 {
                assert_eq!(
                    (
                        after.text[0].as_str(),
                        after.fonts.as_slice(),
                        after.sizes.as_slice()
                    ),
                    (
                        PERSIAN,
                        ["Vazirmatn-Bold".to_owned()].as_slice(),
                        [33.0].as_slice()
                    )
                );
            } else {
                assert_eq!(after.text, before.text);
            }
            assert_eq!(
                (
                    after.id,
                    &after.name,
                    after.kind,
                    after.source_id,
                    &after.effects
                ),
                (
                    before.id,
                    &before.name,
                    before.kind,
                    before.source_id,
                    &before.effects
                )
            );
        }
    }
}
