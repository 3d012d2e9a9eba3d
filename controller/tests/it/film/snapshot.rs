//! Snapshots and the frames of a running job through every process: flatctl, controller, agents, the stand-in.

use flatrender_aep::Rational;
use serde_json::Value;

use super::farm::{Farm, Setup, ready};

#[test]
fn a_snapshot_comes_through_every_process_once() {
    if !ready("a_snapshot_comes_through_every_process_once") {
        return;
    }
    let farm = Farm::start(Setup {
        agents: 2,
        frame_ms: 40,
        startup_ms: 100,
        limits: "",
    });
    let project = farm.project(320, 180, Rational::whole(25), 200);
    farm.submit(&project, "Main", "film", &[]);
    let out = farm.dir.path().join("seven.png");
    let ask = |frame: &str, more: &[&str]| -> Value {
        let mut arguments = vec!["snapshot", project.to_str().unwrap(), "--comp", "Main"];
        arguments.extend(["--frame", frame, "--json", "-o", out.to_str().unwrap()]);
        arguments.extend(more);
        serde_json::from_str(&farm.flatctl(&arguments)).expect("JSON")
    };
    let first = ask("7", &["--size", "160x"]);
    assert_eq!(
        (first["width"].as_u64(), first["height"].as_u64()),
        (Some(160), Some(90))
    );
    let picture = std::fs::read(&out).unwrap();
    assert!(picture.starts_with(b"\x89PNG\r\n\x1a\n"));
    assert_eq!(&picture[16..24], [0, 0, 0, 160, 0, 0, 0, 90]);
    let again = ask("7", &["--size", "160x"]);
    assert_eq!(
        (&again["id"], again["attempts"].as_u64()),
        (&first["id"], Some(1))
    );
    assert_eq!(std::fs::read(&out).unwrap(), picture);
    let other = ask("8", &["--size", "160x"]);
    assert_ne!(other["id"], first["id"]);
    assert_ne!(
        std::fs::read(&out).unwrap(),
        picture,
        "another frame, another picture"
    );
    ask("7", &["--format", "jpeg"]);
    assert!(std::fs::read(&out).unwrap().starts_with(b"\xff\xd8\xff"));
    // The film goes on meanwhile, and its newest frame is shown.
    let done = farm.frames_done("film");
    farm.until("a frame of the film", |farm| {
        (farm.frames_done("film") > done).then_some(())
    });
    let frame = farm.dir.path().join("newest.jpg");
    let told = farm.flatctl(&[
        "job",
        "frame",
        "film",
        "--width",
        "80",
        "-o",
        frame.to_str().unwrap(),
    ]);
    assert!(told.contains("of film"), "{told}");
    assert!(std::fs::read(&frame).unwrap().starts_with(b"\xff\xd8\xff"));
    // A composition that After Effects does not find is told in words, and nothing is written.
    let missing = farm.dir.path().join("missing.png");
    let refused = farm
        .flatctl_command()
        .args([
            "snapshot",
            project.to_str().unwrap(),
            "--comp",
            "Elsewhere",
            "--frame",
            "1",
            "-o",
        ])
        .arg(&missing)
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(8));
    assert!(!missing.exists());
    farm.until_done("film");
}
