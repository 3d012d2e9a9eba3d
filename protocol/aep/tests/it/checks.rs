//! What a farm would stumble over: each kind of finding from a project that has it, and none from one that has not.

use std::collections::BTreeSet;

use flatrender_aep::check::{Finding, Presence, Question, Severity, check};
use flatrender_aep::write::{
    CompSpec, FileSpec, KindSpec, LayerSpec, OutputSpec, ProjectSpec, QueueSpec, project,
};
use flatrender_aep::{AeVersion, Project, QueueStatus, Rational, UNVERIFIED, inspect_json, parse};

fn comp(name: &str, layers: Vec<LayerSpec>) -> CompSpec {
    CompSpec {
        layers,
        ..CompSpec::new(name, 64, 64, Rational::whole(25), 50)
    }
}

fn layer(kind: KindSpec) -> LayerSpec {
    LayerSpec::new("it", kind)
}

fn file(path: &str) -> LayerSpec {
    layer(KindSpec::File(FileSpec::new(path)))
}

fn read(comps: Vec<CompSpec>) -> Project {
    let spec = ProjectSpec {
        comps,
        ..ProjectSpec::default()
    };
    parse(&project(&spec)).unwrap()
}

/// Findings when only `there` is there.
fn findings(project: &Project, comp: Option<&str>, there: &[&str]) -> Vec<Finding> {
    check(
        project,
        &Question {
            comp: comp.map(|name| project.comp(name).unwrap()),
            ae_version: None,
            files: &|file| {
                if there.contains(&file.path.as_str()) {
                    Presence::There
                } else {
                    Presence::Missing
                }
            },
            fonts: None,
        },
    )
}

fn codes(findings: &[Finding]) -> Vec<(Severity, &str)> {
    findings
        .iter()
        .map(|finding| (finding.severity, finding.code))
        .collect()
}

#[test]
fn a_sound_project_has_no_findings() {
    let project = read(vec![comp(
        "Main",
        vec![layer(KindSpec::Shape), file("/a.png")],
    )]);
    assert_eq!(findings(&project, Some("Main"), &["/a.png"]), []);
    assert_eq!(findings(&project, None, &["/a.png"]), []);
}

#[test]
fn missing_footage_is_told_once_for_what_is_reached_and_on() {
    let mut off = file("/off.png");
    off.enabled = false;
    let mut guide = file("/guide.png");
    guide.guide = true;
    let project = read(vec![
        comp(
            "Main",
            vec![layer(KindSpec::Precomp("In".to_owned())), off, guide],
        ),
        comp(
            "In",
            vec![file("/deep.psd"), file("/deep.psd"), file("/here.png")],
        ),
        comp("Beside", vec![file("/other.png")]),
    ]);
    let found = findings(&project, Some("Main"), &["/here.png"]);
    assert_eq!(codes(&found), [(Severity::Error, "missing_footage")]);
    assert_eq!(found[0].layer.as_deref(), Some("In / it"));
    assert!(found[0].what.contains("/deep.psd") && found[0].remedy.contains("--root"));
    let all = findings(&project, None, &["/here.png"]);
    assert_eq!(codes(&all), [(Severity::Error, "missing_footage"); 2]);
    let mut heard = file("/song.wav");
    heard.enabled = false;
    let project = read(vec![comp("Main", vec![heard])]);
    for asked in [Some("Main"), None] {
        let found = findings(&project, asked, &[]);
        assert_eq!(codes(&found), [(Severity::Error, "missing_footage")]);
    }
}

#[test]
fn names_versions_and_lengths_are_told() {
    let mut second = comp("Main", vec![]);
    second.work_area = Some((5, 20));
    let mut project = read(vec![comp("Main", vec![]), second, comp("Empty", vec![])]);
    project.comps[2].frames = 0;
    let found = findings(&project, None, &[]);
    assert_eq!(
        codes(&found),
        [
            (Severity::Error, "empty_comp"),
            (Severity::Warning, "duplicate_comp_name"),
            (Severity::Note, "work_area"),
        ]
    );
    assert!(
        found[2].what.contains("5 to 19, 15 of 50 frames"),
        "{}",
        found[2].what
    );
    let asked = findings(&project, Some("Main"), &[]);
    assert_eq!(codes(&asked), [(Severity::Error, "duplicate_comp_name")]);
}

#[test]
fn an_older_after_effects_than_the_project_is_an_error() {
    let mut project = read(vec![comp("Main", vec![])]);
    let mut against = |major, minor, version: Option<(u32, u32)>| {
        project.ae_version = AeVersion {
            major,
            minor,
            ..AeVersion::default()
        };
        let question = Question {
            comp: None,
            ae_version: version,
            files: &|_| Presence::There,
            fonts: None,
        };
        codes(&check(&project, &question))
            .into_iter()
            .map(|(severity, code)| (severity, code.to_owned()))
            .collect::<Vec<_>>()
    };
    let one = |severity, code: &str| vec![(severity, code.to_owned())];
    assert_eq!(
        against(25, 0, Some((24, 6))),
        one(Severity::Error, "newer_ae")
    );
    assert_eq!(
        against(24, 6, Some((24, 2))),
        one(Severity::Warning, "newer_ae")
    );
    assert_eq!(against(24, 6, Some((24, u32::MAX))), []);
    assert_eq!(
        against(22, 6, Some((24, 2))),
        one(Severity::Note, "older_ae")
    );
    assert_eq!(against(26, 0, None), []);
}

#[test]
fn effects_are_told_by_what_they_need() {
    let mut busy = layer(KindSpec::Solid([0; 3]));
    busy.effects = [
        "ADBE Gaussian Blur 2",
        "Pseudo/@@x",
        "APC Foam",
        "CC Time Blend",
        "ADBE Echo",
        "VIDEOCOPILOT 3DArray",
        "S_Glow",
    ]
    .map(str::to_owned)
    .to_vec();
    let found = findings(&read(vec![comp("Main", vec![busy])]), Some("Main"), &[]);
    let with = |code: &str| -> Vec<&str> {
        let these = found.iter().filter(|finding| finding.code == code);
        these.map(|finding| finding.what.as_str()).collect()
    };
    assert_eq!(with("plugin").len(), 2, "{found:?}");
    assert_eq!(with("needs_past").len(), 2);
    assert!(
        with("needs_past")[0].starts_with("CC Time Blend"),
        "the worst comes first"
    );
    assert_eq!(with("needs_gpu").len(), 1);
    assert_eq!(with("needs_neighbours").len(), 1);
    assert_eq!(found.len(), 6, "nothing of the plain ones");
}

#[test]
fn fonts_are_named_or_missed() {
    let mut text = layer(KindSpec::Text("x".to_owned()));
    text.font = "Vazirmatn-Bold".to_owned();
    text.expression = "time".to_owned();
    let project = read(vec![comp("Main", vec![text])]);
    let plain = findings(&project, Some("Main"), &[]);
    let notes = ["fonts_needed", "expressions", "computed_text"].map(|code| (Severity::Note, code));
    assert_eq!(codes(&plain), notes);
    let with = |fonts: &[&str]| {
        let fonts: BTreeSet<String> = fonts.iter().map(|font| (*font).to_owned()).collect();
        let question = Question {
            comp: None,
            ae_version: None,
            files: &|_| Presence::There,
            fonts: Some(&fonts),
        };
        check(&project, &question)
            .into_iter()
            .filter(|it| it.code == "missing_font")
            .count()
    };
    assert_eq!((with(&["Vazirmatn-Bold"]), with(&["Vazirmatn"])), (0, 1));
}

#[test]
fn solo_and_lost_sources_are_told() {
    let mut solo = layer(KindSpec::Shape);
    solo.solo = true;
    let lost = layer(KindSpec::Precomp("nowhere".to_owned()));
    let found = findings(
        &read(vec![comp("Main", vec![solo, lost])]),
        Some("Main"),
        &[],
    );
    assert_eq!(
        codes(&found),
        [(Severity::Error, "no_source"), (Severity::Warning, "solo")]
    );
}

#[test]
fn a_queue_is_told_where_it_is_odd() {
    let output = OutputSpec {
        format: *b"png!",
        folder: "/out".to_owned(),
        template: "My PNG".to_owned(),
        file_template: "[compName].png".to_owned(),
    };
    let mut odd = QueueSpec::new("Main");
    odd.time_span = Some((1, 2));
    odd.outputs = vec![output.clone(), output];
    let mut bare = QueueSpec::new("Gone");
    bare.status = QueueStatus::NeedsOutput;
    let spec = ProjectSpec {
        comps: vec![comp("Main", vec![]), comp("Other", vec![])],
        render_queue: vec![odd, bare],
        ..ProjectSpec::default()
    };
    let project = parse(&project(&spec)).unwrap();
    let expected = [
        (Severity::Warning, "queue_several_outputs"),
        (Severity::Warning, "queue_no_comp"),
        (Severity::Warning, "queue_no_output"),
        (Severity::Note, "queue_time_span"),
        (Severity::Note, "queue_templates"),
    ];
    assert_eq!(codes(&findings(&project, None, &[])), expected);
    assert_eq!(findings(&project, Some("Other"), &[]), []);
}

#[test]
fn damage_is_an_error_and_findings_are_bounded() {
    let mut project = read(vec![comp("Main", vec![file("/a.png")])]);
    project.damaged = true;
    assert_eq!(
        findings(&project, None, &["/a.png"])[0].code,
        "damaged_file"
    );
    let layers = (0..1500).map(|at| file(&format!("/{at}.png"))).collect();
    let found = findings(&read(vec![comp("Main", layers)]), Some("Main"), &[]);
    assert_eq!(found.len(), 1001);
    assert_eq!(found[1000].what, "500 more findings");
}

#[test]
fn what_is_not_verified_names_fields_of_the_document() {
    let spec = ProjectSpec {
        comps: vec![comp("Main", vec![file("/a.png")])],
        render_queue: vec![QueueSpec::new("Main")],
        ..ProjectSpec::default()
    };
    let project = parse(&project(&spec)).unwrap();
    let document = serde_json::to_value(inspect_json(&project)).unwrap();
    assert_eq!(
        document["details"]["unverified"].as_array().unwrap().len(),
        UNVERIFIED.len()
    );
    for field in UNVERIFIED {
        let path = field
            .split(" (")
            .next()
            .unwrap()
            .replace("[]", "/0")
            .replace('.', "/");
        assert!(document.pointer(&format!("/{path}")).is_some(), "{field}");
    }
    assert_eq!(
        document["details"]["reach"][0]["footage"],
        serde_json::json!([project.footage[0].id])
    );
    assert_eq!(
        document["details"]["project"]["comps"][0]["rate"],
        serde_json::json!({"num": 25, "den": 1})
    );
}
