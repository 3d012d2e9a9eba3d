//! `flatctl snapshot` and `flatctl job frame`: what is asked, what is told meanwhile, what is written.

use flatrender_protocol::message::PictureFormat;
use flatrender_protocol::rest::{NewestFrameView, SnapshotView};
use flatrender_protocol::state::SnapshotState;
use flatrender_protocol::{Digest, NodeId, SnapshotId};

use crate::aep::a_project;
use crate::farm::{Farm, Inside};
use crate::job::a_job;
use crate::transcript::{Transcript, within};

const PICTURE: &[u8] = b"a picture";

fn view(state: SnapshotState) -> SnapshotView {
    let done = state == SnapshotState::Done;
    let failed = state == SnapshotState::Failed;
    SnapshotView {
        id: SnapshotId(uuid::Uuid::from_u128(7)),
        state,
        composition: "Main".to_owned(),
        frame: 12,
        width: 640,
        height: 360,
        format: PictureFormat::Png,
        renderer: "any".to_owned(),
        digest: done.then(|| Digest::of(PICTURE)),
        bytes: done.then_some(PICTURE.len() as u64),
        attempts: 1,
        hits: 0,
        error: failed
            .then(|| "it failed 3 times, on a, b, c: aerender ERROR: no such comp".to_owned()),
        again_at: failed.then(|| "2026-11-23T05:00:00Z".to_owned()),
        created_at: "2026-11-23T04:00:00Z".to_owned(),
    }
}

async fn farm(states: &[SnapshotState]) -> Farm {
    Farm::start(Inside {
        jobs: vec![a_job(1, "promo")],
        snapshots: states.iter().map(|state| view(*state)).collect(),
        picture: PICTURE.to_vec(),
        ..Inside::default()
    })
    .await
}

struct Ran {
    folder: tempfile::TempDir,
    transcript: Transcript,
}

async fn ran(farm: &Farm, args: &[&str]) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("promo.aep"), a_project()).unwrap();
    let transcript = within(folder.path(), farm, args).await;
    Ran { folder, transcript }
}

const ASK: &[&str] = &[
    "snapshot",
    "promo.aep",
    "--comp",
    "Main",
    "--frame",
    "12",
    "-o",
];

#[tokio::test]
async fn a_picture_is_waited_for_and_written() {
    use SnapshotState::{Done, Leased, Queued};
    let farm = farm(&[Queued, Queued, Leased, Done]).await;
    let ran = ran(&farm, &[ASK, &["p.png", "--size", "640x"]].concat()).await;
    let Transcript { exit, out, err } = ran.transcript;
    assert_eq!(
        (exit, out.as_str()),
        (0, "p.png  640 × 360, 9 B\n"),
        "{err}"
    );
    let told: Vec<&str> = err
        .lines()
        .filter(|line| line.contains("frame 12"))
        .collect();
    assert_eq!(told.len(), 3, "{err}");
    assert_eq!(told[0], "frame 12 of Main: waits for a node");
    assert_eq!(told[1], "frame 12 of Main: a node renders it");
    let written = std::fs::read(ran.folder.path().join("p.png")).unwrap();
    assert_eq!(written, PICTURE);
    let wish = farm.inside().wishes[0].clone();
    assert_eq!((wish.width, wish.height), (Some(640), None));
    assert_eq!(wish.format, Some(PictureFormat::Png));
    assert_eq!(wish.project.digest, Digest::of(&a_project()));
}

#[tokio::test]
async fn the_format_follows_the_files_name_and_json_is_the_view() {
    let farm = farm(&[SnapshotState::Done]).await;
    let asked = ran(&farm, &[ASK, &["p.JPG", "--json"]].concat()).await;
    assert_eq!(asked.transcript.exit, 0, "{}", asked.transcript.err);
    assert_eq!(asked.transcript.json()["state"], "done");
    assert_eq!(farm.inside().wishes[0].format, Some(PictureFormat::Jpeg));
}

#[tokio::test]
async fn what_fails_and_what_is_refused_is_said_and_nothing_is_written() {
    let farm = farm(&[SnapshotState::Queued, SnapshotState::Failed]).await;
    let failed = ran(&farm, &[ASK, &["p.png"]].concat()).await;
    let shown = failed.transcript.shown();
    assert_eq!(failed.transcript.exit, 1, "{shown}");
    assert!(shown.contains("it failed 3 times, on a, b, c: aerender ERROR: no such comp"));
    assert!(shown.contains("hint: asking again after 2026-11-23T05:00:00Z tries again"));
    assert!(!failed.folder.path().join("p.png").exists());
    let outside = [
        "snapshot",
        "promo.aep",
        "--comp",
        "Main",
        "--frame",
        "100",
        "-o",
        "p.png",
    ];
    let refused = ran(&farm, &outside).await;
    let shown = refused.transcript.shown();
    assert_eq!(refused.transcript.exit, 8, "{shown}");
    assert!(
        shown.contains("frame 100 is outside the composition"),
        "{shown}"
    );
}

#[tokio::test]
async fn a_picture_that_is_another_one_is_not_kept() {
    let farm = farm(&[SnapshotState::Done]).await;
    farm.inside().picture = b"another".to_vec();
    let odd = ran(&farm, &[ASK, &["p.png"]].concat()).await;
    assert_eq!(odd.transcript.exit, 1, "{}", odd.transcript.shown());
    assert!(!odd.folder.path().join("p.png").exists());
}

#[tokio::test]
async fn a_jobs_frame_is_the_newest_or_the_one_that_is_named() {
    let farm = farm(&[]).await;
    let none = ran(&farm, &["job", "frame", "promo", "-o", "f.jpg"]).await;
    assert_eq!(none.transcript.exit, 4, "{}", none.transcript.shown());
    let job = farm.inside().jobs[0].id;
    farm.inside().newest = Some(NewestFrameView {
        job,
        frame: 33,
        ordinal: 33,
        digest: Digest::of(PICTURE),
        node: NodeId::new(),
        published_at: "2026-11-23T04:00:00Z".to_owned(),
        frames_done: 34,
        picture: format!("/v1/farm/jobs/{job}/frames/33/picture"),
    });
    for (more, frame) in [
        (&[] as &[&str], 33),
        (&["--frame", "-2", "--width", "80"], -2),
    ] {
        let shown = ran(
            &farm,
            &[&["job", "frame", "promo", "-o", "f.jpg"], more].concat(),
        )
        .await;
        assert_eq!(shown.transcript.exit, 0, "{}", shown.transcript.shown());
        let begins = format!("f.jpg  frame {frame} of promo, 34 of ");
        assert!(
            shown.transcript.out.starts_with(&begins),
            "{}",
            shown.transcript.out
        );
        let call = farm.inside().calls.last().cloned();
        assert_eq!(call, Some(format!("GET picture of {frame}")));
        let written = std::fs::read(shown.folder.path().join("f.jpg")).unwrap();
        assert_eq!(written, PICTURE);
    }
}
