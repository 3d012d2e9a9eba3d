//! Whole attempts against the stand-in, and the death of agents in the middle of them.

use std::time::{Duration, Instant};

use flatrender_protocol::Digest;
use flatrender_protocol::message::{
    BlobRef, Ending, FilmManifest, LeaseKey, OutcomeClass, Report, ToAgent, ToController, Work,
};

use crate::farm::{Agent, Controller, LIMIT, Stage};
use crate::stores::assembly_lease;

/// Waits for `condition`, for at most [`LIMIT`].
pub fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !condition() {
        assert!(Instant::now() < deadline, "waited for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub fn nothing_is_left(stage: &Stage) {
    wait_for("the attempt to be forgotten", || stage.attempts() == 0);
    assert_eq!(
        std::fs::read_dir(stage.config.folder("spool"))
            .unwrap()
            .count(),
        0
    );
    wait_for("every process to end", || stage.processes().is_empty());
}

/// One lease of frames 0 … 9 from beginning to end.
fn one(stage: &Stage) -> (Report, Vec<u32>, Controller) {
    let mut agent = Agent::start(stage);
    let mut controller = agent.connect();
    let lease = stage.lease(0, 10);
    let key = lease.key;
    agent.lease(lease);
    let report = controller.report(key);
    let ordinals = controller.ordinals();
    nothing_is_left(stage);
    agent.end();
    (report, ordinals, controller)
}

#[test]
fn frames_go_from_lease_to_report_each_once() {
    let stage = Stage::new(r#"{"frame_ms": 5}"#);
    let (report, ordinals, controller) = one(&stage);
    assert_eq!(
        (report.ending, report.class),
        (Ending::Succeeded, OutcomeClass::Ok),
        "{report:?}"
    );
    assert_eq!((report.exit_code, report.message.as_str()), (Some(0), ""));
    assert!(report.startup_ms.is_some() && report.log_tail.contains("Finished composition"));
    assert_eq!(ordinals, (0..10).collect::<Vec<u32>>());
    assert_eq!(stage.rendered(), (0..10).collect::<Vec<i64>>());
    assert!(matches!(controller.heard[0], ToController::Started(_)));
    wait_for("the log", || stage.line.logs.lock().unwrap().len() == 1);
    assert!(stage.line.logs.lock().unwrap()[0].1.contains("PROGRESS"));
}

#[test]
fn a_killed_agent_renders_no_frame_again() {
    let stage = Stage::new(r#"{"frame_ms": 120}"#);
    let mut agent = Agent::start(&stage);
    let controller = agent.connect();
    let lease = stage.lease(20, 50);
    let key = lease.key;
    agent.lease(lease);
    wait_for("some frames", || {
        controller.frames.lock().unwrap().len() >= 4
    });
    let before = controller.ordinals();
    agent.kill();

    let mut agent = Agent::start(&stage);
    let mut controller = agent.connect();
    assert_eq!(controller.held.len(), 1);
    assert_eq!(
        (controller.held[0].lease, controller.held[0].until),
        (key, 50)
    );
    let report = controller.report(key);
    assert_eq!(
        (report.ending, report.class),
        (Ending::Succeeded, OutcomeClass::Ok),
        "{report:?}"
    );
    let mut all = controller.ordinals();
    // What was sent and not settled when the agent died is sent again; what was settled is not.
    all.extend(before);
    all.sort_unstable();
    all.dedup();
    assert_eq!(all, (20..50).collect::<Vec<u32>>());
    assert_eq!(
        stage.rendered(),
        (20..50).collect::<Vec<i64>>(),
        "each rendered once"
    );
    nothing_is_left(&stage);
    agent.end();
}

#[test]
fn an_agent_that_ends_in_order_leaves_its_renderer_to_the_next_one() {
    let stage = Stage::new(r#"{"frame_ms": 100}"#);
    let mut agent = Agent::start(&stage);
    let controller = agent.connect();
    let lease = stage.lease(0, 25);
    let key = lease.key;
    agent.lease(lease);
    wait_for("a frame", || !controller.frames.lock().unwrap().is_empty());
    agent.end();
    assert!(!stage.processes().is_empty());
    let mut agent = Agent::start(&stage);
    let mut controller = agent.connect();
    assert_eq!(controller.report(key).ending, Ending::Succeeded);
    assert_eq!(stage.rendered(), (0..25).collect::<Vec<i64>>());
    nothing_is_left(&stage);
    agent.end();
}

#[test]
fn without_a_controller_it_renders_on_and_spools() {
    let stage = Stage::new("{}");
    let mut agent = Agent::start(&stage);
    let lease = stage.lease(0, 10);
    let key = lease.key;
    agent.lease(lease);
    wait_for("every frame in the spool", || {
        agent.spool.state().frames == 10
    });
    wait_for("the renderer's end", || stage.processes().is_empty());
    let mut controller = agent.connect();
    assert_eq!(controller.report(key).ending, Ending::Succeeded);
    assert_eq!(controller.ordinals().len(), 10);
    nothing_is_left(&stage);
    agent.end();
}

#[test]
fn a_shrunk_lease_renders_nothing_beyond_and_says_so() {
    let stage = Stage::new(r#"{"frame_ms": 100, "mfr_window": 1}"#);
    let mut agent = Agent::start(&stage);
    let mut controller = agent.connect();
    let lease = stage.lease(0, 100);
    let key = lease.key;
    agent.lease(lease);
    wait_for("a frame", || !controller.frames.lock().unwrap().is_empty());
    controller.say(ToAgent::Shrink {
        lease: key,
        until: 8,
    });
    let until = controller.hear("shrunk", |message| match message {
        ToController::Shrunk { lease, until } if *lease == key => Some(*until),
        _ => None,
    });
    assert!((8..30).contains(&until), "{until}");
    let report = controller.report(key);
    assert_eq!(report.ending, Ending::Succeeded, "{report:?}");
    assert_eq!(controller.ordinals(), (0..until).collect::<Vec<u32>>());
    assert!(
        stage.rendered().len() < 60,
        "it was stopped: {:?}",
        stage.rendered()
    );
    nothing_is_left(&stage);
    agent.end();
}

#[test]
fn a_shrink_never_gives_back_what_is_done() {
    let stage = Stage::new(r#"{"frame_ms": 100, "mfr_window": 1}"#);
    let mut agent = Agent::start(&stage);
    let mut controller = agent.connect();
    let lease = stage.lease(0, 60);
    let key = lease.key;
    agent.lease(lease);
    wait_for("frames", || controller.frames.lock().unwrap().len() >= 5);
    let before = controller.ordinals().len();
    controller.say(ToAgent::Shrink {
        lease: key,
        until: 1,
    });
    let until = controller.hear("shrunk", |message| match message {
        ToController::Shrunk { until, .. } => Some(*until),
        _ => None,
    });
    assert!(until as usize >= before, "{until} of {before}");
    controller.report(key);
    assert_eq!(controller.ordinals(), (0..until).collect::<Vec<u32>>());
    nothing_is_left(&stage);
    agent.end();
}

#[test]
fn a_dropped_lease_stops_and_leaves_nothing() {
    let stage = Stage::new(r#"{"frame_ms": 100}"#);
    let mut agent = Agent::start(&stage);
    let mut controller = agent.connect();
    let lease = stage.lease(0, 100);
    let key = lease.key;
    agent.lease(lease);
    wait_for("a frame", || !controller.frames.lock().unwrap().is_empty());
    controller.say(ToAgent::Drop {
        lease: key,
        reason: "cancelled by a person".into(),
    });
    let report = controller.report(key);
    assert_eq!(report.ending, Ending::Stopped);
    assert_eq!(report.message, "cancelled by a person");
    assert!(stage.rendered().len() < 90);
    nothing_is_left(&stage);
    agent.end();
}

#[test]
fn told_to_stop_its_renderers_the_agent_gives_the_rest_back() {
    let mut stage = Stage::new(r#"{"frame_ms": 100}"#);
    stage.config.stop_renderers = true;
    let mut agent = Agent::start(&stage);
    let controller = agent.connect();
    let lease = stage.lease(0, 100);
    let key = lease.key;
    agent.lease(lease);
    wait_for("a frame", || !controller.frames.lock().unwrap().is_empty());
    agent.end();
    wait_for("every process to end", || stage.processes().is_empty());
    let mut agent = Agent::start(&stage);
    let mut controller = agent.connect();
    assert!(controller.held[0].ended);
    let report = controller.report(key);
    assert_eq!(
        (report.ending, report.class),
        (Ending::Stopped, OutcomeClass::Ok),
        "{report:?}"
    );
    nothing_is_left(&stage);
    agent.end();
}

#[test]
fn an_unclaimed_renderer_stops_and_the_next_agent_gives_the_rest_back() {
    let mut stage = Stage::new(r#"{"frame_ms": 100}"#);
    stage.config.shim_unclaimed_seconds = 0.3;
    let mut agent = Agent::start(&stage);
    let controller = agent.connect();
    let lease = stage.lease(0, 150);
    let key = lease.key;
    agent.lease(lease);
    wait_for("a frame", || !controller.frames.lock().unwrap().is_empty());
    let first = controller.ordinals().len();
    agent.kill();
    wait_for("every process to end", || stage.processes().is_empty());
    let mut agent = Agent::start(&stage);
    let mut controller = agent.connect();
    let report = controller.report(key);
    assert_eq!(
        (report.ending, report.class),
        (Ending::Stopped, OutcomeClass::Ok),
        "{report:?}"
    );
    let kept = controller.ordinals().len();
    assert!(kept > 0, "frames that were whole are kept");
    assert!(
        first + kept + 8 >= stage.rendered().len(),
        "{first} and {kept} of {:?}",
        stage.rendered()
    );
    nothing_is_left(&stage);
    agent.end();
}

#[test]
fn a_crash_keeps_what_is_whole_and_names_the_rest() {
    let stage =
        Stage::new(r#"{"home": "HOME", "mfr_window": 1, "faults": [{"kind": "crash", "at": 6}]}"#);
    let (report, ordinals, _) = one(&stage);
    assert_eq!(
        (report.ending, report.class),
        (Ending::Failed, OutcomeClass::Transient),
        "{report:?}"
    );
    assert_eq!(ordinals, (0..6).collect::<Vec<u32>>());
    assert!(report.message.contains("frame 6"), "{}", report.message);
}

#[test]
fn exit_code_0_with_frames_missing_is_a_failure() {
    let stage =
        Stage::new(r#"{"mfr_window": 1, "faults": [{"kind": "exit0", "at": {"after": 4}}]}"#);
    let (report, ordinals, _) = one(&stage);
    assert_eq!(
        (report.ending, report.exit_code),
        (Ending::Failed, Some(0)),
        "{report:?}"
    );
    assert_eq!(ordinals.len(), 4);
}

#[test]
fn files_that_never_become_whole_are_named() {
    for kind in ["torn", "empty", "missing", "wrong_size"] {
        let stage = Stage::new(&format!(r#"{{"faults": [{{"kind": "{kind}", "at": 3}}]}}"#));
        let (report, ordinals, _) = one(&stage);
        assert_eq!(
            (report.ending, report.class),
            (Ending::Failed, OutcomeClass::Transient),
            "{kind}: {report:?}"
        );
        assert_eq!(ordinals, [0, 1, 2, 4, 5, 6, 7, 8, 9], "{kind}");
        assert!(
            report.message.contains("not rendered: frame 3"),
            "{kind}: {}",
            report.message
        );
    }
}

#[test]
fn a_hang_is_seen_and_killed_and_the_next_start_finds_no_mark() {
    let mut stage = Stage::new(
        r#"{"home": "HOME", "mfr_window": 1, "faults": [{"kind": "hang", "at": 5, "times": 1}]}"#,
    );
    stage.config.limits.silence_ms = 1_000;
    stage.config.limits.quiet_ms = 500;
    let (report, ordinals, _) = one(&stage);
    assert_eq!(
        (report.ending, report.class),
        (Ending::Failed, OutcomeClass::Transient),
        "{report:?}"
    );
    assert_eq!(ordinals, (0..5).collect::<Vec<u32>>());
    assert!(
        report
            .message
            .contains("the renderer has finished no frame and done nothing"),
        "{}",
        report.message
    );
    assert!(
        stage.config.crash_repair_marks[0].exists(),
        "the stand-in's dialog is armed"
    );
    let (report, _, _) = one(&stage);
    assert_eq!(report.ending, Ending::Succeeded, "{report:?}");
}

#[test]
fn with_every_frame_there_a_renderer_that_will_not_end_is_killed_and_good() {
    for kind in ["refuse_to_die", "child"] {
        let mut stage = Stage::new(&format!(r#"{{"faults": [{{"kind": "{kind}"}}]}}"#));
        stage.config.limits.finalising_ms = 500;
        let (report, ordinals, _) = one(&stage);
        assert_eq!(
            (report.ending, report.class),
            (Ending::Succeeded, OutcomeClass::Ok),
            "{kind}: {report:?}"
        );
        assert_eq!(ordinals.len(), 10, "{kind}");
    }
}

#[test]
fn a_wrong_composition_is_the_jobs_fault_in_the_renderers_words() {
    let stage = Stage::new("{}");
    let mut agent = Agent::start(&stage);
    let mut controller = agent.connect();
    let mut lease = stage.lease(0, 5);
    let Work::Frames(work) = &mut lease.work else {
        panic!("a lease of frames");
    };
    work.composition = "Nobody".into();
    let key = lease.key;
    agent.lease(lease);
    let report = controller.report(key);
    assert_eq!(
        (report.ending, report.class),
        (Ending::Failed, OutcomeClass::Template),
        "{report:?}"
    );
    assert!(
        report
            .message
            .starts_with("aerender ERROR: No comp was found with the given name."),
        "{}",
        report.message
    );
    nothing_is_left(&stage);
    agent.end();
}

#[test]
fn more_leases_than_slots_wait_for_their_turn() {
    let stage = Stage::new(r#"{"frame_ms": 5}"#);
    let mut agent = Agent::start(&stage);
    let mut controller = agent.connect();
    let leases = [stage.lease(0, 5), stage.lease(5, 10), stage.lease(10, 15)];
    let keys: Vec<LeaseKey> = leases.iter().map(|lease| lease.key).collect();
    for lease in leases {
        agent.lease(lease);
    }
    for key in keys {
        assert_eq!(controller.report(key).ending, Ending::Succeeded);
    }
    assert_eq!(stage.rendered(), (0..15).collect::<Vec<i64>>());
    nothing_is_left(&stage);
    agent.end();
}

#[test]
fn a_full_spool_waits_for_the_controller_and_loses_nothing() {
    let mut stage = Stage::new("{}");
    stage.config.spool_max_bytes = 8_000;
    let mut agent = Agent::start(&stage);
    let lease = stage.lease(0, 30);
    let key = lease.key;
    agent.lease(lease);
    wait_for("a full spool", || agent.spool.state().full);
    let mut controller = agent.connect();
    assert_eq!(controller.report(key).ending, Ending::Succeeded);
    assert_eq!(controller.ordinals(), (0..30).collect::<Vec<u32>>());
    assert_eq!(stage.rendered(), (0..30).collect::<Vec<i64>>());
    nothing_is_left(&stage);
    agent.end();
}

#[test]
fn a_project_that_cannot_be_had_fails_the_attempt() {
    let stage = Stage::new("{}");
    stage.line.blobs.lock().unwrap().clear();
    let (report, ordinals, _) = one(&stage);
    assert_eq!(
        (report.ending, report.class),
        (Ending::Failed, OutcomeClass::Transient)
    );
    assert!(
        report.message.contains("there is no such blob"),
        "{}",
        report.message
    );
    assert!(ordinals.is_empty());
    assert!(stage.rendered().is_empty());
}

/// An agent that has made the film of ten frames and sent it; its lease, the film, and what is told meanwhile.
fn film_sent(stage: &Stage) -> (Agent, Controller, LeaseKey, Vec<u8>) {
    let (_, _, controller) = one(stage);
    let packed = controller.packed.lock().unwrap().clone();
    let mut blobs = stage.line.blobs.lock().unwrap();
    let manifest = FilmManifest {
        frames: packed.values().map(|bytes| named(bytes)).collect(),
    };
    let manifest = serde_json::to_vec(&manifest).unwrap();
    let lease = assembly_lease(named(&manifest), 10);
    blobs.extend(
        packed
            .into_values()
            .map(|bytes| (Digest::of(&bytes), bytes)),
    );
    blobs.insert(Digest::of(&manifest), manifest);
    drop(blobs);

    let mut agent = Agent::start(stage);
    let controller = agent.connect();
    let key = lease.key;
    agent.lease(lease);
    wait_for("the film", || !stage.line.films.lock().unwrap().is_empty());
    let (of, film) = stage.line.films.lock().unwrap()[0].clone();
    assert_eq!(of, key);
    (agent, controller, key, film)
}

fn named(bytes: &[u8]) -> BlobRef {
    BlobRef {
        digest: Digest::of(bytes),
        bytes: bytes.len() as u64,
    }
}

#[test]
fn an_assembly_makes_a_film_and_reports_when_it_is_stored() {
    let stage = Stage::new("{}");
    let (agent, mut controller, key, film) = film_sent(&stage);
    controller.say(ToAgent::BlobStored {
        lease: key,
        digest: Digest::of(&film),
    });
    let report = controller.report(key);
    assert_eq!(report.ending, Ending::Succeeded, "{report:?}");
    let made = report.film().unwrap().clone();
    assert_eq!(
        (made.frames, made.width, made.height, made.sound),
        (10, 64, 36, false)
    );
    assert_eq!(made.blob, named(&film));
    nothing_is_left(&stage);
    agent.end();
}

#[test]
fn a_film_that_the_controller_refuses_ends_its_assembly() {
    let stage = Stage::new("{}");
    let (agent, mut controller, key, film) = film_sent(&stage);
    controller.say(ToAgent::BlobRefused {
        lease: key,
        digest: Digest::of(&film),
        reason: "it is another file".to_owned(),
    });
    let report = controller.report(key);
    assert_eq!(
        (report.ending, report.class),
        (Ending::Failed, OutcomeClass::Transient)
    );
    assert_eq!(
        report.message,
        "the controller refused the film: it is another file"
    );
    nothing_is_left(&stage);
    agent.end();
}

#[test]
fn a_frame_that_is_gone_fails_the_assembly_by_name() {
    let stage = Stage::new("{}");
    let manifest = FilmManifest {
        frames: vec![BlobRef {
            digest: Digest::of(b"gone"),
            bytes: 4,
        }],
    };
    let manifest = serde_json::to_vec(&manifest).unwrap();
    let named = BlobRef {
        digest: Digest::of(&manifest),
        bytes: manifest.len() as u64,
    };
    stage
        .line
        .blobs
        .lock()
        .unwrap()
        .insert(named.digest, manifest);
    let mut agent = Agent::start(&stage);
    let mut controller = agent.connect();
    let lease = assembly_lease(named, 1);
    let key = lease.key;
    agent.lease(lease);
    let report = controller.report(key);
    assert_eq!(
        (report.ending, report.class),
        (Ending::Failed, OutcomeClass::Transient),
        "{report:?}"
    );
    assert!(
        report.message.contains("get frame 0") && report.message.contains("there is no such blob"),
        "{}",
        report.message
    );
    nothing_is_left(&stage);
    agent.end();
}

#[test]
fn on_a_full_disk_nothing_is_started() {
    let mut stage = Stage::new("{}");
    stage.config.limits.disk_floor_bytes = u64::MAX;
    let (report, _, _) = one(&stage);
    assert_eq!(
        (report.ending, report.class),
        (Ending::Failed, OutcomeClass::Node),
        "{report:?}"
    );
    assert!(
        report.message.contains("are to stay free"),
        "{}",
        report.message
    );
    assert!(stage.rendered().is_empty());
}
