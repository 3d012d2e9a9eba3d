//! `flatctl job …` and `flatctl download`.

use std::collections::VecDeque;

use flatrender_protocol::rest::{EventView, FilmView, JobView, LeaseView};
use flatrender_protocol::state::JobState;
use flatrender_protocol::{AttemptId, Digest, JobId, NodeId, Ratio};
use insta::assert_snapshot;
use uuid::Uuid;

use crate::farm::{Farm, Inside};
use crate::transcript::{running, with, with_env, within};

/// A job whose id ends in `number`, at work.
pub fn a_job(number: u128, name: &str) -> JobView {
    JobView {
        id: JobId(Uuid::from_u128(
            0x0193_a3f0_1111_7222_8333_4444_0000_0000 + number,
        )),
        name: name.to_owned(),
        state: JobState::Running,
        reason: None,
        notes: Vec::new(),
        project: "promo.aep".to_owned(),
        composition: "Main".to_owned(),
        frames: "0-1439".to_owned(),
        width: 1280,
        height: 720,
        rate: Ratio {
            num: 30_000,
            den: 1001,
        },
        pixel_aspect: Ratio::ONE,
        priority: 50,
        frames_total: 1440,
        frames_done: 1204,
        frames_failed: 0,
        values: None,
        after_effects: None,
        split: flatrender_protocol::Split::Free,
        eta_seconds: Some(130),
        created_at: "2026-11-22T14:30:00Z".to_owned(),
        started_at: Some("2026-11-22T14:30:01Z".to_owned()),
        finished_at: None,
        leases: vec![
            a_lease(3, "ws-gpu-0112", 200, 219),
            a_lease(4, "ws-gpu-0140", 220, 239),
        ],
        film: None,
    }
}

/// A lease of that job.
pub fn a_lease(number: u32, node: &str, first: i64, last: i64) -> LeaseView {
    LeaseView {
        attempt: AttemptId(Uuid::from_u128(u128::from(number))),
        number,
        kind: "frames".to_owned(),
        job: JobId(Uuid::from_u128(1)),
        job_name: "nowruz-04".to_owned(),
        node: NodeId(Uuid::from_u128(u128::from(number) + 100)),
        node_name: node.to_owned(),
        first_frame: Some(first),
        last_frame: Some(last),
        frames_done: 12,
        frames_total: 20,
        speculative: false,
    }
}

/// The same job, done, with `film`.
pub fn done(job: &JobView, film: &[u8]) -> JobView {
    JobView {
        state: JobState::Done,
        frames_done: job.frames_total,
        values: None,
        after_effects: None,
        split: flatrender_protocol::Split::Free,
        eta_seconds: None,
        finished_at: Some("2026-11-22T14:50:00Z".to_owned()),
        leases: Vec::new(),
        film: Some(FilmView {
            digest: Digest::of(film),
            bytes: film.len() as u64,
            width: 1280,
            height: 720,
            padded: (0, 0),
            frames: job.frames_total,
            duration_ms: 48_048,
            sound: true,
        }),
        ..job.clone()
    }
}

fn several() -> Inside {
    let mut failed = a_job(0xbad, "evil\u{1b}[31m\u{202e}\n");
    failed.state = JobState::Failed;
    failed.reason = Some("frame 7 failed 3 times: \u{7}disk full".to_owned());
    failed.frames_failed = 1;
    failed.leases.clear();
    let finished = done(&a_job(0xf111, "teaser"), b"film");
    Inside {
        jobs: vec![
            a_job(0x12ab, "nowruz-04"),
            failed,
            finished,
            a_job(0x77, "teaser"),
        ],
        ..Inside::default()
    }
}

#[tokio::test]
async fn jobs_are_listed_over_pages() {
    let farm = Farm::start(several()).await;
    assert_snapshot!(with(&farm, &["job", "ls"]).await.shown(), @r#"
    NAME                         STATE         FRAMES  FAILED  NODES        LEFT  PRIORITY  CREATED               ID
    nowruz-04                    running  1,204/1,440       0      2  2 min 10 s        50  2026-11-22T14:30:00Z  000012ab
    evil\u{1b}[31m\u{202e}\u{a}  failed   1,204/1,440       1      0           -        50  2026-11-22T14:30:00Z  00000bad
    teaser                       done     1,440/1,440       0      0           -        50  2026-11-22T14:30:00Z  0000f111
    teaser                       running  1,204/1,440       0      2  2 min 10 s        50  2026-11-22T14:30:00Z  00000077
    ! 4 jobs
    exit 0
    "#);
    assert_snapshot!(with(&farm, &["job", "ls", "--limit", "1", "-q"]).await.shown(), @"
    NAME       STATE         FRAMES  FAILED  NODES        LEFT  PRIORITY  CREATED               ID
    nowruz-04  running  1,204/1,440       0      2  2 min 10 s        50  2026-11-22T14:30:00Z  000012ab
    exit 0
    ");
    assert_snapshot!(with(&farm, &["job", "ls", "--limit", "3"]).await.err, @"3 jobs; there are more, --limit shows them");
    let page = with(&farm, &["job", "ls", "--json"]).await.json();
    assert_eq!(page["data"].as_array().unwrap().len(), 4);
    assert_eq!(page["data"][1]["name"], "evil\u{1b}[31m\u{202e}\n");
    assert_eq!(page["page"]["has_more"], false);
    let empty = Farm::start(Inside::default()).await;
    assert_snapshot!(with(&empty, &["job", "ls"]).await.shown(), @"
    ! 0 jobs
    exit 0
    ");
}

#[tokio::test]
async fn a_job_is_shown_by_name_id_or_end_of_id() {
    let farm = Farm::start(several()).await;
    let by_name = with(&farm, &["job", "show", "nowruz-04"]).await;
    assert_snapshot!(by_name.shown(), @"
    nowruz-04  running
      id        0193a3f0-1111-7222-8333-4444000012ab
      project   promo.aep, composition Main
      picture   1280 × 720, 29.970 frames/s, pixel aspect 1.000
      frames    0-1439 (1,204/1,440 done)
      priority  50
      created   2026-11-22T14:30:00Z
      started   2026-11-22T14:30:01Z
      left      about 2 min 10 s
      at work   ws-gpu-0112: attempt 3, frames 200 to 219, 12 of 20 there
      at work   ws-gpu-0140: attempt 4, frames 220 to 239, 12 of 20 there
    exit 0
    ");
    let id = farm.inside().jobs[0].id.to_string();
    assert_eq!(with(&farm, &["job", "show", &id]).await.out, by_name.out);
    assert_eq!(
        with(&farm, &["job", "show", "000012ab"]).await.out,
        by_name.out
    );
    let json = with(&farm, &["job", "show", "000012ab", "--json"])
        .await
        .json();
    let view: JobView = serde_json::from_value(json).unwrap();
    assert_eq!(view, farm.inside().jobs[0]);
    assert_snapshot!(with(&farm, &["job", "show", "00000bad"]).await.shown(), @r#"
    evil\u{1b}[31m\u{202e}\u{a}  failed: frame 7 failed 3 times: \u{7}disk full
      id        0193a3f0-1111-7222-8333-444400000bad
      project   promo.aep, composition Main
      picture   1280 × 720, 29.970 frames/s, pixel aspect 1.000
      frames    0-1439 (1,204/1,440 done, 1 failed)
      priority  50
      created   2026-11-22T14:30:00Z
      started   2026-11-22T14:30:01Z
    exit 0
    "#);
    assert_snapshot!(with(&farm, &["job", "show", "0000f111"]).await.shown(), @"
    teaser  done
      id        0193a3f0-1111-7222-8333-44440000f111
      project   promo.aep, composition Main
      picture   1280 × 720, 29.970 frames/s, pixel aspect 1.000
      frames    0-1439 (1,440/1,440 done)
      priority  50
      created   2026-11-22T14:30:00Z
      started   2026-11-22T14:30:01Z
      finished  2026-11-22T14:50:00Z
      film      1280 × 720, 1440 frames, with sound, a1df755fdce88e6fd3129864bbf79f8253e78b9b027553cc76cc7419fbaa8b54
    exit 0
    ");
}

#[tokio::test]
async fn names_that_fit_nothing_or_several_are_refused() {
    let farm = Farm::start(several()).await;
    assert_snapshot!(with(&farm, &["job", "show", "nowruz-4"]).await.shown(), @r#"
    ! error: failed to show nowruz-4: no job is called "nowruz-4"
    ! hint: did you mean nowruz-04? flatctl job ls lists them
    exit 4
    "#);
    assert_snapshot!(with(&farm, &["job", "show", "printer"]).await.shown(), @r#"
    ! error: failed to show printer: no job is called "printer"
    ! hint: flatctl job ls lists them
    exit 4
    "#);
    assert_snapshot!(with(&farm, &["job", "cancel", "teaser"]).await.shown(), @r#"
    ! error: failed to cancel teaser: 2 jobs are called "teaser"
    ! hint: name one by the end of its id: 0000f111, 00000077
    exit 4
    "#);
    let id = "0193a3f0-1111-7222-8333-444499999999";
    assert_snapshot!(with(&farm, &["job", "show", id]).await.shown(), @"
    ! error: failed to show 0193a3f0-1111-7222-8333-444499999999: there is no job 0193a3f0-1111-7222-8333-444499999999
    exit 4
    ");
}

#[tokio::test]
async fn a_job_is_cancelled_unless_it_has_ended() {
    let farm = Farm::start(several()).await;
    assert_snapshot!(with(&farm, &["job", "cancel", "nowruz-04"]).await.shown(), @"
    nowruz-04  cancelling
    exit 0
    ");
    assert_eq!(farm.inside().jobs[0].state, JobState::Cancelling);
    assert_snapshot!(with(&farm, &["job", "cancel", "0000f111"]).await.shown(), @"
    ! error: failed to cancel 0000f111: the job is done and can't be cancelled
    ! hint: flatctl job show 0193a3f0-1111-7222-8333-44440000f111 says where it is
    exit 5
    ");
    let json = with(&farm, &["job", "cancel", "0000f111", "--json"]).await;
    assert_eq!((json.exit, json.out.as_str()), (5, ""));
    assert_eq!(json.problem().code, "state_conflict");
    assert!(json.problem().request_id.is_some());
}

/// A job that moves on with every look at it.
fn moving(last: JobView) -> Inside {
    let start = a_job(1, "nowruz-04");
    let step = |frames_done, leases: Vec<LeaseView>| JobView {
        frames_done,
        leases,
        ..start.clone()
    };
    let mut assembling = step(1440, vec![a_lease(9, "ws-edit-0031", 0, 0)]);
    assembling.state = JobState::Assembling;
    assembling.leases[0].kind = "assemble".to_owned();
    assembling.leases[0].first_frame = None;
    let event = |seq, to: &str, why: Option<&str>| EventView {
        seq,
        at: "2026-11-22T14:35:24Z".to_owned(),
        subject: "attempt".to_owned(),
        job: Some(start.id),
        node: None,
        node_name: Some("ws-gpu-0112".to_owned()),
        attempt: None,
        from: Some("running".to_owned()),
        to: to.to_owned(),
        who: "clock".to_owned(),
        why: why.map(str::to_owned),
    };
    Inside {
        script: VecDeque::from([
            step(1204, start.leases.clone()),
            step(
                1300,
                vec![
                    start.leases[1].clone(),
                    a_lease(5, "ws-edit-0031", 200, 219),
                ],
            ),
            assembling,
            last,
        ]),
        events: vec![
            event(11, "lost", Some("not heard for 30 s")),
            event(12, "succeeded", None),
            event(13, "failed", Some("disk\u{1b}full")),
        ],
        cut_after: Some(1),
        jobs: vec![start.clone()],
        ..Inside::default()
    }
}

#[tokio::test]
async fn a_watch_tells_changes_once_and_ends_with_the_job() {
    let farm = Farm::start(moving(done(&a_job(1, "nowruz-04"), b"film"))).await;
    let watched = with(&farm, &["job", "watch", "nowruz-04"]).await;
    let mut lines: Vec<&str> = watched.err.lines().collect();
    // Events and views come on two connections: their order between each other is not fixed.
    lines.sort_by_key(|line| line.starts_with("14:35"));
    assert_snapshot!(lines.join("\n"), @r#"
    ws-gpu-0112  frames 200 to 219
    ws-gpu-0140  frames 220 to 239
    ws-edit-0031  frames 200 to 219
    nowruz-04  running  1,300 of 1,440 frames (90 %), 2 nodes, about 2 min 10 s left
    ws-edit-0031  makes the film
    nowruz-04  assembling  1,440 of 1,440 frames (100 %), 1 node, about 2 min 10 s left
    nowruz-04  done  1,440 of 1,440 frames (100 %)
    14:35:24Z  attempt lost on ws-gpu-0112: not heard for 30 s
    14:35:24Z  attempt failed on ws-gpu-0112: disk\u{1b}full
    "#);
    assert_eq!((watched.exit, watched.out.as_str()), (0, ""));
    let ids = farm.inside().last_event_ids.clone();
    assert_eq!(
        ids,
        [None, Some(11)],
        "after the cut it comes back where it was"
    );
}

#[tokio::test]
async fn a_watch_in_json_is_one_view_a_line() {
    let farm = Farm::start(moving(done(&a_job(1, "nowruz-04"), b"film"))).await;
    let watched = with(&farm, &["job", "watch", "nowruz-04", "--json"]).await;
    let views: Vec<JobView> = watched
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let states: Vec<_> = views
        .iter()
        .map(|view| (view.state.as_str(), view.frames_done))
        .collect();
    assert_eq!(
        states,
        [
            ("running", 1204),
            ("running", 1300),
            ("assembling", 1440),
            ("done", 1440)
        ]
    );
    assert_eq!((watched.exit, watched.err.as_str()), (0, ""));
}

#[tokio::test]
async fn a_watch_of_a_job_that_fails_fails() {
    let mut last = a_job(1, "nowruz-04");
    last.state = JobState::Failed;
    last.reason = Some("frame 7 failed 3 times".to_owned());
    let farm = Farm::start(moving(last)).await;
    let watched = with(&farm, &["job", "watch", "nowruz-04"]).await;
    assert_eq!(watched.exit, 1);
    let end: Vec<&str> = watched
        .err
        .lines()
        .filter(|line| line.contains(": "))
        .collect();
    assert!(
        end.contains(&"error: failed to finish nowruz-04: frame 7 failed 3 times"),
        "{end:?}"
    );
}

#[tokio::test]
async fn a_watch_of_a_job_that_has_ended_says_so_at_once() {
    let farm = Farm::start(several()).await;
    let watched = with(&farm, &["job", "watch", "0000f111"]).await;
    assert_eq!((watched.exit, watched.shown().as_str()), (0, "exit 0"));
    let watched = with(&farm, &["job", "watch", "00000bad"]).await;
    assert_snapshot!(watched.shown(), @r#"
    ! error: failed to finish evil\u{1b}[31m\u{202e}\u{a}: frame 7 failed 3 times: \u{7}disk full
    ! hint: flatctl job show 0193a3f0-1111-7222-8333-444400000bad
    exit 1
    "#);
}

#[cfg(unix)]
#[tokio::test]
async fn ctrl_c_leaves_a_watch_and_says_how_to_return() {
    let farm = Farm::start(Inside {
        jobs: vec![a_job(1, "nowruz-04")],
        ..Inside::default()
    })
    .await;
    let child = running(&farm, &["job", "watch", "nowruz-04"]);
    farm.followed().await;
    let pid = child.id().unwrap().to_string();
    let sent = tokio::process::Command::new("kill")
        .args(["-INT", &pid])
        .status()
        .await
        .unwrap();
    assert!(sent.success());
    let output = child.wait_with_output().await.unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{err}");
    assert!(
        err.contains(
            "hint: flatctl job watch 0193a3f0-1111-7222-8333-444400000001 comes back to it"
        ),
        "{err}"
    );
}

#[tokio::test]
async fn a_watch_gives_up_on_a_farm_that_stays_away() {
    let farm = Farm::start(Inside {
        jobs: vec![a_job(1, "nowruz-04")],
        ..Inside::default()
    })
    .await;
    let child = running(&farm, &["job", "watch", "nowruz-04", "--patience", "1s"]);
    farm.followed().await;
    drop(farm);
    let output = child.wait_with_output();
    let output = tokio::time::timeout(std::time::Duration::from_secs(60), output).await;
    let output = output.expect("it gives up").unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(6), "{err}");
    assert!(err.contains("comes back to it"), "{err}");
}

#[tokio::test]
async fn a_film_is_fetched_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let film = vec![7u8; 300_000];
    let job = done(&a_job(1, "nowruz-04"), &film);
    let farm = Farm::start(Inside {
        jobs: vec![job],
        film: Some(film.clone()),
        ..Inside::default()
    })
    .await;
    let args = ["download", "nowruz-04", "--out", "film.mp4"];
    std::fs::write(folder.path().join("film.mp4"), "an older film").unwrap();

    farm.inside().film = Some(b"torn".to_vec());
    let torn = within(folder.path(), &farm, &args).await;
    assert_snapshot!(torn.shown(), @"
    ! error: failed to fetch the film of nowruz-04: what arrived is not the film that the farm announced
    ! hint: the farm keeps the film: flatctl download 0193a3f0-1111-7222-8333-444400000001 --out film.mp4
    exit 1
    ");
    assert_eq!(
        std::fs::read(folder.path().join("film.mp4")).unwrap(),
        b"an older film"
    );

    farm.inside().film = Some(film.clone());
    assert_snapshot!(within(folder.path(), &farm, &args).await.shown(), @"
    film.mp4  1280 × 720, 1,440 frames, 48.048 s, with sound, 292.9 KiB
    exit 0
    ");
    assert_eq!(std::fs::read(folder.path().join("film.mp4")).unwrap(), film);
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing else is left behind: {left:?}");
}

#[tokio::test]
async fn a_film_that_is_not_there_yet_is_said_to_be_so() {
    let folder = tempfile::tempdir().unwrap();
    let farm = Farm::start(several()).await;
    let early = within(
        folder.path(),
        &farm,
        &["download", "nowruz-04", "--out", "film.mp4"],
    )
    .await;
    assert_snapshot!(early.shown(), @"
    ! error: failed to fetch the film of nowruz-04: it has none yet: the job is running
    ! hint: flatctl job watch 0193a3f0-1111-7222-8333-4444000012ab waits for it
    exit 5
    ");
    let nowhere = within(
        folder.path(),
        &farm,
        &["download", "nowruz-04", "--out", "no/film.mp4"],
    )
    .await;
    assert_snapshot!(nowhere.shown(), @"
    ! error: failed to fetch the film of nowruz-04: no/film.mp4 can't be written: no such file or directory
    exit 2
    ");
}

#[tokio::test]
async fn colour_is_asked_for_or_not() {
    let farm = Farm::start(several()).await;
    let args = ["job", "show", "0000f111"];
    let always = [&args[..], &["--color", "always"]].concat();
    let never = [&args[..], &["--color", "never"]].concat();
    let green = "\u{1b}[32mdone\u{1b}[0m";
    assert!(with(&farm, &always).await.out.contains(green));
    assert!(
        with_env(&farm, &args, &[("CLICOLOR_FORCE", "1")])
            .await
            .out
            .contains(green)
    );
    let both = [("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")];
    assert!(!with_env(&farm, &args, &both).await.out.contains('\u{1b}'));
    assert!(
        !with_env(&farm, &never, &[("CLICOLOR_FORCE", "1")])
            .await
            .out
            .contains('\u{1b}')
    );
    let json = [&always[..], &["--json"]].concat();
    assert!(!with(&farm, &json).await.out.contains('\u{1b}'));
}
