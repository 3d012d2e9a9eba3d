//! `flatctl render`: what is refused here, what is sent, what comes back.

use std::collections::VecDeque;
use std::path::Path;

use flatrender_protocol::Digest;
use flatrender_protocol::message::TrackKind;
use insta::assert_snapshot;
use tempfile::TempDir;

use crate::aep::a_project;
use crate::farm::{Farm, Inside};
use crate::job::{a_job, done};
use crate::transcript::{Transcript, within};

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("promo.aep"), a_project()).unwrap();
    std::fs::write(folder.path().join("song@2.wav"), b"RIFF....WAVE").unwrap();
    std::fs::write(folder.path().join("empty.wav"), b"").unwrap();
    std::fs::write(folder.path().join("notes.txt"), b"text, not sound").unwrap();
    folder
}

async fn render(folder: &Path, farm: &Farm, more: &[&str]) -> Transcript {
    within(folder, farm, &[&["render", "promo.aep"], more].concat()).await
}

async fn farm() -> Farm {
    let mut job = a_job(1, "Main promo");
    job.notes = vec!["the composition's own sound is left out".to_owned()];
    Farm::start(Inside {
        jobs: vec![job],
        ..Inside::default()
    })
    .await
}

#[tokio::test]
async fn what_can_be_known_here_is_refused_here() {
    let (folder, farm) = (folder(), farm().await);
    let render = |more: &'static [&str]| render(folder.path(), &farm, more);
    assert_snapshot!(render(&["--comp", "Main 2"]).await.shown(), @r#"
    ! error: failed to render promo.aep: composition "Main 2" is not in the project
    ! hint: it has "Main", "Late" and "Needy"; flatctl aep inspect promo.aep shows more
    exit 8
    "#);
    assert_snapshot!(render(&["--comp", "Late", "--frames", "9-20"]).await.shown(), @r#"
    ! error: failed to render promo.aep: frame 9 of "9-20" is outside composition "Late"
    ! hint: its 100 frames are 10 to 109
    exit 8
    "#);
    assert_snapshot!(render(&["--comp", "Late", "--frames", "100-110"]).await.shown(), @r#"
    ! error: failed to render promo.aep: frame 110 of "100-110" is outside composition "Late"
    ! hint: its 100 frames are 10 to 109
    exit 8
    "#);
    assert_snapshot!(render(&["--comp", "Main", "--frames", "20-10"]).await.shown(), @"
    ! error: failed to render promo.aep: the range 20-10 runs backwards
    exit 8
    ");
    assert_snapshot!(render(&["--comp", "Needy"]).await.shown(), @r#"
    ! error: failed to render promo.aep: 2 files of its footage are missing
    ! hint: /footage/7: logo.mov, at C:\clips\logo.mov in the project, shown by Needy / logo.mov: not found; looked at ./(Footage)/logo.mov, ./logo.mov
    ! hint: /footage/9: sky.mp4, at /mnt/clips/sky.mp4 in the project, shown by Needy / sky.mp4: not found; looked at /mnt/clips/sky.mp4, ./(Footage)/sky.mp4, ./sky.mp4
    ! hint: put it beside the project in (Footage), or say where it is with --map FROM=TO
    ! hint: flatctl package make has --map and --allow-missing; what it makes can be rendered
    exit 8
    "#);
    assert_snapshot!(render(&["--comp", "Main", "--music", "gone.wav@80%"]).await.shown(), @"
    ! error: failed to render promo.aep: music gone.wav: no such file or directory
    exit 8
    ");
    assert_snapshot!(render(&["--comp", "Main", "--sfx", "empty.wav"]).await.shown(), @"
    ! error: failed to render promo.aep: sfx empty.wav: it is empty
    exit 8
    ");
    assert_snapshot!(render(&["--comp", "Main", "--music", "song@2.wav@300%"]).await.shown(), @r#"
    ! error: invalid value 'song@2.wav@300%' for '--music <FILE[@0-200%]>': the volume "300%" is not 0% to 200%; write for example song.wav@80%
    ! 
    ! For more information, try '--help'.
    exit 2
    "#);
    assert_snapshot!(render(&["--comp", "Main", "--out", "no/film.mp4"]).await.shown(), @"
    ! error: failed to render promo.aep: no/film.mp4 can't be written: no such file or directory
    exit 2
    ");
    let json = render(&["--comp", "Main 2", "--json"]).await;
    assert_eq!(
        (json.exit, json.problem().errors[0].pointer.as_str()),
        (8, "/composition")
    );
    let sounds = ["--music", "song@2.wav", "--sfx", "gone.wav", "--json"];
    let json = within(
        folder.path(),
        &farm,
        &[&["render", "promo.aep", "--comp", "Main"], &sounds[..]].concat(),
    )
    .await;
    assert_eq!(json.problem().errors[0].pointer, "/tracks/1/file");
    let whole = a_project();
    std::fs::write(folder.path().join("promo.aep"), &whole[..whole.len() - 300]).unwrap();
    assert_snapshot!(render(&["--comp", "Main"]).await.shown(), @"
    ! error: failed to render promo.aep: the file is damaged: parts of it are missing or broken
    ! hint: flatctl aep inspect promo.aep says what; save it again in After Effects
    exit 8
    ");
    assert!(farm.inside().calls.is_empty(), "nothing was sent");
}

#[tokio::test]
async fn a_project_is_uploaded_and_submitted() {
    let (folder, farm) = (folder(), farm().await);
    let args = [
        "--comp",
        "Main",
        "--frames",
        "0-99:2",
        "--name",
        "nowruz",
        "--priority",
        "70",
        "--voiceover",
        "song@2.wav",
        "--music",
        "song@2.wav@80%",
    ];
    assert_snapshot!(render(folder.path(), &farm, &args).await.shown(), @"
    0193a3f0-1111-7222-8333-444400000001
    ! promo.aep: uploaded, 5.0 KiB
    ! song@2.wav: uploaded, 12 B
    ! song@2.wav: the farm has it
    ! submitted Main promo: 1,440 frames of Main at 1280 × 720, 29.970 frames/s
    ! note: the composition's own sound is left out
    ! hint: flatctl job watch 0193a3f0-1111-7222-8333-444400000001 follows it
    exit 0
    ");
    let inside = farm.inside();
    let spec = &inside.submitted[0];
    assert_eq!(spec.project.digest, Digest::of(&a_project()));
    assert_eq!(inside.blobs[&spec.project.digest], a_project());
    assert_eq!(spec.project.file_name, "promo.aep");
    assert_eq!(spec.composition, "Main");
    assert_eq!(spec.frames.as_deref(), Some("0-99:2"));
    assert_eq!(
        (spec.name.as_deref(), spec.priority),
        (Some("nowruz"), Some(70))
    );
    let tracks: Vec<_> = spec
        .tracks
        .iter()
        .map(|track| (track.kind, track.file.file_name.as_str(), track.volume))
        .collect();
    let file = "song@2.wav";
    assert_eq!(
        tracks,
        [
            (TrackKind::Music, file, Some(80)),
            (TrackKind::Voiceover, file, None)
        ]
    );
    assert_eq!(
        inside.calls,
        [
            format!("PUT {} bytes", a_project().len()),
            "PUT 12 bytes".to_owned(),
            "POST job".to_owned()
        ]
    );
}

#[tokio::test]
async fn what_the_farm_has_is_not_sent_again() {
    let (folder, farm) = (folder(), farm().await);
    farm.inside()
        .blobs
        .insert(Digest::of(&a_project()), a_project());
    let job = render(folder.path(), &farm, &["--comp", "Main", "--json"])
        .await
        .json();
    assert_eq!(job["name"], "Main promo");
    assert_eq!(farm.inside().calls, ["POST job"]);
}

#[tokio::test]
async fn the_farm_checks_again_and_names_the_field() {
    let (folder, farm) = (folder(), farm().await);
    let args = ["--comp", "Main", "--sfx", "notes.txt"];
    assert_snapshot!(render(folder.path(), &farm, &args).await.shown(), @"
    ! promo.aep: uploaded, 5.0 KiB
    ! notes.txt: uploaded, 15 B
    ! error: failed to render promo.aep: /tracks/0/file: it is not a sound file that ffmpeg reads
    exit 8
    ");
}

#[tokio::test]
async fn with_out_the_film_is_there_in_the_end() {
    let (folder, farm) = (folder(), farm().await);
    let film = vec![9u8; 70_000];
    let job = farm.inside().jobs[0].clone();
    farm.inside().script = VecDeque::from([job.clone(), done(&job, &film)]);
    farm.inside().film = Some(film.clone());
    let made = render(
        folder.path(),
        &farm,
        &["--comp", "Main", "--out", "film.mp4"],
    )
    .await;
    assert_snapshot!(made.shown(), @"
    film.mp4  1280 × 720, 1,440 frames, 48.048 s, with sound, 68.3 KiB
    ! promo.aep: uploaded, 5.0 KiB
    ! submitted Main promo: 1,440 frames of Main at 1280 × 720, 29.970 frames/s
    ! note: the composition's own sound is left out
    ! ws-gpu-0112  frames 200 to 219
    ! ws-gpu-0140  frames 220 to 239
    ! Main promo  done  1,440 of 1,440 frames (100 %)
    exit 0
    ");
    assert_eq!(std::fs::read(folder.path().join("film.mp4")).unwrap(), film);
    let json = render(
        folder.path(),
        &farm,
        &["--comp", "Main", "--out", "film.mp4", "--json"],
    )
    .await;
    let last: serde_json::Value = serde_json::from_str(json.out.lines().last().unwrap()).unwrap();
    assert_eq!(
        (json.exit, last["state"].as_str()),
        (0, Some("done")),
        "{}",
        json.err
    );
}
