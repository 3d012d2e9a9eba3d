//! A project in memory, and runs of the real script on it.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use aerender_sim::model::{self, Projects, Ran, Settings};
use flatrender_protocol::values::Report;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The script, where the agent has it.
pub const SCRIPT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../src/aerender/flatrender.jsx"
);

/// Projects in memory: one that is opened, those that were saved.
#[derive(Default)]
pub struct Memory {
    pub template: String,
    pub saved: Vec<(PathBuf, String)>,
}

impl Projects for Memory {
    fn load(&mut self, _: &Path) -> Result<String, String> {
        if self.template.is_empty() {
            return Err("file is damaged.".to_owned());
        }
        Ok(self.template.clone())
    }

    fn save(&mut self, path: &Path, state: &str) -> Result<(), String> {
        std::fs::write(path, "saved").map_err(|error| error.to_string())?;
        self.saved.push((path.to_owned(), state.to_owned()));
        Ok(())
    }

    fn probe(&mut self, path: &Path) -> String {
        let extension = path.extension().and_then(|extension| extension.to_str());
        let (still, video, audio) = match extension {
            Some("png") => (true, true, false),
            Some("mov") => (false, true, true),
            Some("wav") => (false, false, true),
            _ => return "null".to_owned(),
        };
        json!({"still": still, "video": video, "audio": audio, "width": 8, "height": 8, "duration": 4.0}).to_string()
    }
}

/// A folder with the script, a template and its files.
pub struct Bench {
    pub folder: TempDir,
    pub settings: Settings,
    pub template: Value,
}

/// What a run left.
pub struct Done {
    pub ran: Ran,
    /// The report as it is in its file.
    pub raw: Option<String>,
    /// The saved project's state.
    pub saved: Option<String>,
}

impl Done {
    /// The report, and that the model found nothing to object to.
    pub fn report(&self) -> Report {
        assert_eq!(self.ran.notes, [], "the model objects");
        assert_eq!(self.ran.thrown, None);
        assert_eq!(self.ran.compiled, 0);
        assert!(
            !self.ran.left_open,
            "dialogs, undo group or project left open"
        );
        let raw = self.raw.as_ref().expect("no report was written");
        Report::from_json(raw.as_bytes()).expect("the report is not of its shape")
    }

    /// The saved project.
    pub fn state(&self) -> Value {
        let saved = self.saved.as_ref().expect("nothing was saved");
        serde_json::from_str(saved).expect("the state is no JSON")
    }
}

impl Bench {
    pub fn new() -> Bench {
        let folder = tempfile::tempdir().expect("no temporary folder");
        for name in ["a.png", "b.png", "c.mov", "d.wav", "e.txt", "t.aep"] {
            std::fs::write(folder.path().join(name), name).expect("can't write");
        }
        std::fs::copy(SCRIPT, folder.path().join("flatrender.jsx")).expect("no script");
        Bench {
            folder,
            settings: Settings {
                fonts: Some(vec!["Vazirmatn-Bold".into(), "Helvetica".into()]),
                ..Settings::default()
            },
            template: template(),
        }
    }

    /// The task around a values document.
    pub fn task(&self, values: &Value) -> Value {
        let at = |name: &str| self.folder.path().join(name).to_string_lossy().into_owned();
        json!({
            "project": at("t.aep"), "save_as": at("prepared.aep"), "footage": at("").trim_end_matches('/'), "result": at("result.json"),
            "comp": {"id": 1, "name": "Main"}, "values": values,
        })
    }

    pub fn run(&self, values: &Value) -> Done {
        self.run_text(&self.task(values).to_string())
    }

    /// Runs with a task that is written as it is.
    pub fn run_text(&self, task: &str) -> Done {
        let root = self.folder.path();
        for left in ["result.json", "prepared.aep"] {
            let _ = std::fs::remove_file(root.join(left));
        }
        std::fs::write(root.join("flatrender-task.json"), task).expect("can't write the task");
        let memory = Rc::new(RefCell::new(Memory {
            template: self.template.to_string(),
            saved: Vec::new(),
        }));
        let script = root.join("flatrender.jsx");
        let ran = model::run(&script, root, &self.settings, Rc::clone(&memory))
            .expect("the model failed");
        let saved = memory.borrow_mut().saved.pop().map(|(_, state)| state);
        let raw = std::fs::read_to_string(root.join("result.json")).ok();
        Done { ran, raw, saved }
    }

    /// Runs with changes only.
    pub fn changes(&self, changes: &[Value]) -> Done {
        self.run(&json!({"version": 1, "changes": changes}))
    }
}

/// A change of a layer of the main composition.
pub fn change(layer: (u32, u32, &str), set: &Value) -> Value {
    json!({"comp": {"id": 1, "name": "Main"}, "layer": {"index": layer.0, "id": layer.1, "name": layer.2}, "set": set})
}

pub const TITLE: (u32, u32, &str) = (1, 11, "Title");
pub const LOGO: (u32, u32, &str) = (2, 12, "a.png");
pub const SCENE_A: (u32, u32, &str) = (3, 13, "Scene A");
pub const SCENE_B: (u32, u32, &str) = (4, 14, "Scene B");
pub const MUSIC: (u32, u32, &str) = (5, 15, "Music");

fn one(name: &str, value: f64) -> Value {
    property(name, "one", json!([value]))
}

fn property(name: &str, kind: &str, value: Value) -> Value {
    json!({"match": name, "name": null, "type": kind, "value": value, "keys": 0, "expression": "", "least": null, "most": null, "text": null})
}

fn group(name: &str, children: Vec<Value>) -> Value {
    json!({"match": name, "name": null, "type": "group", "children": children})
}

fn named(mut node: Value, name: &str) -> Value {
    node["name"] = name.into();
    node
}

fn layer(id: u32, name: &str, kind: &str, source: Option<u32>, groups: Vec<Value>) -> Value {
    json!({
        "id": id, "name": name, "name_set": true, "kind": kind, "enabled": true, "audio_enabled": true, "locked": false, "start": 0.0, "in": 0.0,
        "out": 4.0, "source": source, "remapped": false, "properties": group("", groups),
    })
}

fn comp(id: u32, name: &str, layers: Vec<Value>) -> Value {
    json!({
        "id": id, "name": name, "kind": "comp", "width": 640, "height": 360, "pixel_aspect": 1.0, "duration": 4.0, "frame_rate": 25.0,
        "display_start": 0.4, "work_start": 0.0, "work_duration": 4.0, "background": [0.0, 0.5, 1.0], "layers": layers,
    })
}

fn footage(id: u32, name: &str, missing: bool, video: bool, audio: bool) -> Value {
    json!({
        "id": id, "name": name, "kind": "footage", "source": "file", "path": format!("/media/{name}"), "missing": missing, "still": video && !audio,
        "video": video, "audio": audio, "width": 8, "height": 8, "duration": 4.0,
    })
}

fn transform() -> Value {
    let opacity = json!({"match": "ADBE Opacity", "name": null, "type": "one", "value": [100.0], "keys": 0, "expression": "", "least": 0.0, "most": 100.0, "text": null});
    let position = property("ADBE Position", "three_spatial", json!([320.0, 180.0, 0.0]));
    let mut scale = property("ADBE Scale", "three", json!([100.0, 100.0, 100.0]));
    scale["keys"] = 2.into();
    group("ADBE Transform Group", vec![position, scale, opacity])
}

fn text(words: &str) -> Value {
    let mut document = property("ADBE Text Document", "text", Value::Null);
    document["text"] = json!({"text": words, "font": "Helvetica", "size": 72.0, "color": [1.0, 1.0, 1.0], "direction": "left_to_right", "composer": 0});
    group("ADBE Text Properties", vec![document])
}

fn controls() -> Value {
    let mut media = property("ADBE Layer Source Alternate", "one", json!([0.0]));
    media["media"] = true.into();
    let mut headline = text("Headline")["children"][0].clone();
    headline["match"] = "ADBE Text Document".into();
    group(
        "ADBE Layer Overrides",
        vec![
            named(
                group("ADBE Layer Group", vec![named(headline, "Headline")]),
                "Texts",
            ),
            named(one("ADBE Slider", 3.0), "Amount"),
            named(
                property("ADBE Color", "color", json!([1.0, 0.0, 0.0, 1.0])),
                "Tint",
            ),
            named(
                property("ADBE Point", "two_spatial", json!([0.0, 0.0])),
                "Place",
            ),
            named(one("ADBE Checkbox", 0.0), "Shown"),
            named(media, "Photo"),
        ],
    )
}

fn effects() -> Value {
    let mut slider = one("ADBE Slider Control-0001", 5.0);
    slider["expression"] = "thisComp.layer('gone').opacity".into();
    group(
        "ADBE Effect Parade",
        vec![
            named(
                group(
                    "ADBE Fill",
                    vec![named(
                        property("ADBE Fill-0002", "color", json!([1.0, 0.0, 0.0, 1.0])),
                        "Color",
                    )],
                ),
                "Fill",
            ),
            named(
                group("ADBE Slider Control", vec![named(slider, "Slider")]),
                "Speed",
            ),
        ],
    )
}

fn template() -> Value {
    let level = group(
        "ADBE Audio Group",
        vec![property("ADBE Audio Levels", "two", json!([0.0, 0.0]))],
    );
    json!({
        "display_start": 1, "path": "/templates/t.aep",
        "items": [
            comp(1, "Main", vec![
                layer(11, "Title", "text", None, vec![text("Title"), transform(), effects()]),
                layer(12, "a.png", "av", Some(4), vec![transform(), group("ADBE Effect Parade", vec![])]),
                layer(13, "Scene A", "av", Some(2), vec![controls(), transform(), group("ADBE Effect Parade", vec![])]),
                layer(14, "Scene B", "av", Some(3), vec![transform(), group("ADBE Effect Parade", vec![])]),
                layer(15, "Music", "av", Some(5), vec![level, group("ADBE Effect Parade", vec![])]),
            ]),
            comp(2, "A", vec![layer(21, "Inner", "text", None, vec![text("Inner"), group("ADBE Effect Parade", vec![])])]),
            comp(3, "B", vec![]),
            footage(4, "old.png", true, true, false),
            footage(5, "old.wav", false, false, true),
            json!({"id": 6, "name": "Folder", "kind": "folder"}),
        ],
    })
}
