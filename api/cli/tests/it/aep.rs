//! `flatctl aep inspect`, on projects that the writer makes and on real ones.

use flatrender_aep::Rational;
use flatrender_aep::write::{CompSpec, KindSpec, LayerSpec, ProjectSpec};
use insta::assert_snapshot;

use crate::transcript::alone;

/// A project with a plain composition, one that starts at frame 10, and one that needs a file.
pub fn a_project() -> Vec<u8> {
    let mut main = CompSpec::new("Main", 1280, 720, Rational::ntsc(30), 240);
    main.layers = vec![
        LayerSpec::new("Title", KindSpec::Text("Happy\rNowruz".to_owned())),
        LayerSpec::new("red\u{1b}[31m", KindSpec::Null),
    ];
    let mut late = CompSpec::new("Late", 351, 856, Rational::whole(21), 100);
    late.display_start_frames = 10;
    late.work_area = Some((5, 50));
    let mut needy = CompSpec::new("Needy", 100, 100, Rational::whole(25), 10);
    needy.footage = vec![
        "C:\\clips\\logo.mov".to_owned(),
        "/mnt/clips/sky.mp4".to_owned(),
    ];
    let project = ProjectSpec {
        comps: vec![main, late, needy],
        ..ProjectSpec::default()
    };
    flatrender_aep::write::project(&project)
}

#[tokio::test]
async fn a_project_is_shown_as_a_tree() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("promo.aep");
    std::fs::write(&file, a_project()).unwrap();
    let path = file.to_str().unwrap();
    assert_snapshot!(alone(&["aep", "inspect", path]).await.shown(), @r#"
    promo.aep  saved by After Effects 25.0.0x1 on Windows
    ├─ frames count from 0, 8 bits a channel
    ├─ composition "Main"
    │  ├─ 1280 × 720, 29.970 (30000/1001) frames/s, 240 frames: 0 to 239
    │  ├─ 1 text "Title" says "Happy\u{d}Nowruz" in ArialMT
    │  └─ 2 null "red\u{1b}[31m"
    ├─ composition "Late"
    │  ├─ 351 × 856, 21 frames/s, 100 frames: 10 to 109
    │  └─ work area: 15 to 59
    ├─ composition "Needy"
    │  ├─ 100 × 100, 25 frames/s, 10 frames: 0 to 9
    │  ├─ 1 footage "logo.mov"
    │  ├─ 2 footage "sky.mp4"
    │  └─ needs these files
    │     ├─ C:\clips\logo.mov
    │     └─ /mnt/clips/sky.mp4
    └─ footage
       ├─ file "logo.mov" at C:\clips\logo.mov, 1920 × 1080, missing when it was saved
       └─ file "sky.mp4" at /mnt/clips/sky.mp4, 1920 × 1080, missing when it was saved
    ! note: ? is read from a place in the file that was not verified on real projects
    exit 0
    "#);
    let json = alone(&["aep", "inspect", path, "--json"]).await.json();
    assert_eq!(json["comps"][1]["name"], "Late");
    assert_eq!(json["comps"][1]["w"], 351);
}

#[tokio::test]
async fn a_check_says_what_is_wrong_and_what_mends_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("promo.aep");
    std::fs::write(&file, a_project()).unwrap();
    let path = file.to_str().unwrap();
    assert_snapshot!(alone(&["aep", "check", path, "--comp", "Main"]).await.shown(), @r#"
    note fonts_needed [Main]: its texts use 1 font: "ArialMT"
    └─ install them on every node; name the folder with them with --fonts to check
    ! 0 errors, 0 warnings, 1 note
    exit 0
    "#);
    std::fs::write(folder.path().join("sky.mp4"), "x").unwrap();
    assert_snapshot!(alone(&["aep", "check", path, "--comp", "Needy", "--ae-version", "24.2"]).await.shown(), @r#"
    error newer_ae: After Effects 25.0.0x1 saved it; 24.2 can't open it
    └─ render it with After Effects 25 or newer, or save it for an older one
    error missing_footage [Needy / logo.mov]: "logo.mov" is not there: C:\clips\logo.mov, and was missing when the project was saved
    └─ put it beside the project (File > Dependencies > Collect Files), or name the folder it is in with --root
    ! 2 errors, 0 warnings, 0 notes
    exit 1
    "#);
    let fonts = folder.path().join("fonts");
    std::fs::create_dir(&fonts).unwrap();
    std::fs::write(fonts.join("broken.ttf"), "no font").unwrap();
    let fonts = fonts.to_str().unwrap();
    let json = alone(&[
        "aep", "check", path, "--comp", "Main", "--fonts", fonts, "--json",
    ])
    .await;
    assert_eq!(json.exit, 1);
    let json = json.json();
    assert_eq!(
        (
            json["errors"].as_u64(),
            json["findings"][0]["code"].as_str()
        ),
        (Some(1), Some("missing_font"))
    );
}

#[tokio::test]
async fn a_check_that_can_not_be_made_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("promo.aep");
    std::fs::write(&file, a_project()).unwrap();
    let path = file.to_str().unwrap();
    let shown = |text: String| text.replace(path, "promo.aep");
    assert_snapshot!(shown(alone(&["aep", "check", path, "--comp", "Man"]).await.shown()), @r#"
    ! error: failed to check promo.aep: composition "Man" is not in the project, it has "Main", "Late", "Needy"
    ! hint: name one of them with --comp
    exit 8
    "#);
    let none = alone(&["aep", "check", path, "--fonts", "/no/such/folder"]).await;
    assert_snapshot!(shown(none.shown()), @"
    ! error: failed to check promo.aep: /no/such/folder can't be read: no such file or directory
    exit 2
    ");
    assert_eq!(
        alone(&["aep", "check", path, "--ae-version", "CS6"])
            .await
            .exit,
        2
    );
}

#[tokio::test]
async fn what_is_no_project_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("promo.aep");
    let path = file.to_str().unwrap();
    let shown = |text: String| text.replace(path, "promo.aep");
    assert_snapshot!(shown(alone(&["aep", "inspect", path]).await.shown()), @"
    ! error: failed to inspect promo.aep: read promo.aep: no such file or directory
    exit 8
    ");
    std::fs::write(&file, "%PDF-1.7").unwrap();
    assert_snapshot!(shown(alone(&["aep", "inspect", path]).await.shown()), @"
    ! error: failed to inspect promo.aep: not an After Effects project: it is a PDF
    exit 8
    ");
    std::fs::write(&file, "%PDF-1.7").unwrap();
    let json = alone(&["aep", "inspect", path, "--json"]).await;
    assert_eq!(
        (json.exit, json.problem().errors[0].pointer.as_str()),
        (8, "/project")
    );
}

#[tokio::test]
async fn samples_are_shown_as_their_truth_says() {
    let Some(samples) = std::env::var_os("FLATRENDER_SAMPLES") else {
        eprintln!("SKIP: samples_are_shown_as_their_truth_says: FLATRENDER_SAMPLES is not set");
        return;
    };
    let folder = std::path::PathBuf::from(samples).join("aep");
    let truth = std::fs::read_to_string(folder.join("truth.json")).unwrap();
    let truth: serde_json::Value = serde_json::from_str(&truth).unwrap();
    let mut seen = 0;
    for (name, expected) in truth.as_object().unwrap() {
        let path = folder.join(name);
        let path = path.to_str().unwrap();
        let people = alone(&["aep", "inspect", path]).await;
        assert_eq!(people.exit, 0, "{name}: {}", people.err);
        let json = alone(&["aep", "inspect", path, "--json"]).await.json();
        for field in [
            "ae_version",
            "comps",
            "fonts",
            "effects",
            "footage",
            "render_queue",
            "frames_count_type",
        ] {
            assert_eq!(json[field], expected[field], "{name}: {field}");
        }
        for comp in expected["comps"].as_array().unwrap() {
            let comp = comp["name"].as_str().unwrap();
            assert!(
                people.out.contains(&format!("\"{comp}\"")),
                "{name}: {comp}"
            );
        }
        seen += 1;
    }
    assert!(seen >= 10, "{seen} samples");
}
