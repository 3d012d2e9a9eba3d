//! What a submission is checked by: the composition by its name, the files it needs, whether it sounds.

use flatrender_aep::write::{CompSpec, FileSpec, KindSpec, LayerSpec, ProjectSpec, project};
use flatrender_aep::{CompError, FileRef, Project, Rational, parse, read_file};

use crate::samples;

fn comp(name: &str, layers: Vec<LayerSpec>) -> CompSpec {
    CompSpec {
        layers,
        ..CompSpec::new(name, 64, 64, Rational::whole(25), 50)
    }
}

fn file(path: &str) -> LayerSpec {
    LayerSpec::new("", KindSpec::File(FileSpec::new(path)))
}

fn precomp(name: &str) -> LayerSpec {
    LayerSpec::new("", KindSpec::Precomp(name.to_owned()))
}

fn read(comps: Vec<CompSpec>) -> Project {
    let spec = ProjectSpec {
        comps,
        ..ProjectSpec::default()
    };
    parse(&project(&spec)).unwrap()
}

#[test]
fn an_unknown_composition_is_answered_with_those_there_are() {
    let project = read(vec![comp("Main", vec![]), comp("Main 4K", vec![])]);
    let error = project.comp("Main 2").unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"composition "Main 2" is not in the project, it has "Main", "Main 4K""#
    );
    let CompError::NotFound { known, .. } = error;
    assert_eq!(known, ["Main", "Main 4K"]);
    assert_eq!(
        read(vec![]).comp("x").unwrap_err().to_string(),
        r#"composition "x" is not in the project, which has none"#
    );
}

#[test]
fn of_two_compositions_with_one_name_the_first_counts() {
    let mut second = comp("Main", vec![]);
    second.frames = 7;
    let project = read(vec![comp("Main", vec![]), second]);
    assert_eq!(project.comp("Main").unwrap().frames, 50);
    assert_eq!(
        project.warnings,
        [r#"more than one composition is named "Main": the first one counts"#]
    );
}

#[test]
fn files_are_found_through_compositions_and_cycles_end() {
    let mut hidden = file("/a/hidden.png");
    hidden.enabled = false;
    let mut guide = file("/a/guide.png");
    guide.guide = true;
    let mut outer = comp(
        "outer",
        vec![precomp("inner"), hidden, guide, file("/a/seen.png")],
    );
    outer.footage = vec!["/lost/gone.mov".to_owned()];
    let project = read(vec![
        outer,
        comp(
            "inner",
            vec![file("/a/deep.psd"), precomp("outer"), precomp("nowhere")],
        ),
        comp("beside", vec![file("/a/elsewhere.png")]),
    ]);
    let uses = project.missing_footage(project.comp("outer").unwrap());
    let mut found: Vec<(&str, &str, bool)> = uses
        .iter()
        .map(|used| {
            (
                used.path.as_str(),
                used.layers[0].as_str(),
                used.missing_at_save,
            )
        })
        .collect();
    found.sort_unstable();
    assert_eq!(
        found,
        [
            ("/a/deep.psd", "inner / deep.psd", false),
            ("/a/seen.png", "outer / seen.png", false),
            ("/lost/gone.mov", "outer / gone.mov", true),
        ]
    );
}

#[test]
fn sound_is_a_sounding_file_under_a_speaker_that_is_on() {
    let sounds = |layers: Vec<LayerSpec>| {
        let project = read(vec![
            comp("main", layers),
            comp("inner", vec![file("/a/song.mp3")]),
        ]);
        project.has_sound(&project.comps[0])
    };
    assert!(sounds(vec![file("/a/song.wav")]));
    assert!(sounds(vec![precomp("inner")]));
    assert!(!sounds(vec![file("/a/picture.png")]));
    assert!(!sounds(vec![]));
    let mut muted = file("/a/song.wav");
    muted.audio_enabled = false;
    assert!(!sounds(vec![muted]));
    let mut muted = precomp("inner");
    muted.audio_enabled = false;
    assert!(!sounds(vec![muted]));
}

#[test]
fn a_hidden_matte_is_needed_if_its_user_is_on() {
    let needed = |user_on: bool| {
        let mut matte = file("/a/matte.png");
        matte.enabled = false;
        let mut user = file("/a/picture.png");
        user.matte_above = true;
        user.enabled = user_on;
        let project = read(vec![comp("main", vec![matte, user])]);
        assert_eq!(project.comps[0].layers[0].is_matte, user_on);
        project.missing_footage(&project.comps[0]).len()
    };
    assert_eq!(needed(true), 2);
    assert_eq!(needed(false), 0);
}

#[test]
fn mattes_of_real_projects_are_seen() {
    let Some(folder) = samples::folder("mattes_of_real_projects_are_seen") else {
        return;
    };
    let mattes = |file: &str, name: &str| {
        let project = read_file(&folder.join(file)).unwrap();
        let comp = project.comp(name).unwrap();
        let layers = comp.layers.iter().filter(|layer| layer.is_matte);
        layers.map(|layer| layer.name.clone()).collect::<Vec<_>>()
    };
    // by place, and by the id that files from After Effects 23 on have
    assert_eq!(
        mattes("lottie-android-MatteTimeStretch.aep", "Scan"),
        ["mask"]
    );
    assert_eq!(
        mattes("lottie-android-Benchmark.aep", "Benchmark"),
        ["Shape Layer 2"]
    );
}

#[test]
fn a_hidden_layer_is_still_heard() {
    let mut song = file("/a/song.wav");
    song.enabled = false;
    let mut picture = file("/a/picture.png");
    picture.enabled = false;
    let project = read(vec![comp("main", vec![song, picture])]);
    assert!(project.has_sound(&project.comps[0]));
    let needed = project.missing_footage(&project.comps[0]);
    assert_eq!(needed.len(), 1);
    assert_eq!(needed[0].path, "/a/song.wav");
    assert_eq!(needed[0].layers, ["main / song.wav"]);
}

#[test]
fn a_file_that_moved_with_its_project_has_a_candidate() {
    let place = |path: &str, up, down| {
        let reference = FileRef {
            path: path.to_owned(),
            windows: path.contains('\\'),
            is_folder: false,
            steps_up: up,
            steps_down: down,
            missing_at_save: false,
            old_record: false,
        };
        reference
            .beside_project()
            .map(|(up, parts)| (up, parts.join("|")))
    };
    assert_eq!(
        place("/p/film/(Footage)/a.jpg", 1, 2),
        Some((0, "(Footage)|a.jpg".to_owned()))
    );
    assert_eq!(
        place("C:\\p\\media\\a.jpg", 2, 2),
        Some((1, "media|a.jpg".to_owned()))
    );
    assert_eq!(
        place("footage/a.png", 0, 0),
        Some((0, "footage|a.png".to_owned()))
    );
    assert_eq!(place("/p/a.png", 0, 0), None, "the project does not say");
    assert_eq!(place("/p/a.png", 1, 9), None, "more steps than parts");
    assert_eq!(place("/p/x/../a.png", 1, 3), None, "a part that climbs");
    assert_eq!(place("../../etc/passwd", 1, 1), None, "a part that climbs");
}
