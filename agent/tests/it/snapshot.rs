//! Snapshots against the stand-in: the picture is of the right frame, and it comes once whatever dies.

use flatrender_agent::frame::{Expect, unpack};
use flatrender_preview::{Pixels, scaled};
use flatrender_protocol::message::{
    Ending, Lease, Made, OutcomeClass, PictureFormat, SnapshotWork, ToAgent, Work,
};
use flatrender_protocol::{Digest, JobId};

use crate::farm::{Agent, Controller, Stage};
use crate::work::{nothing_is_left, wait_for};

const BACKGROUND: [u8; 3] = [10, 200, 30];

fn snapshot(stage: &Stage, display: i64, size: (u32, u32), format: PictureFormat) -> Lease {
    let like = stage.lease(0, 1);
    let Work::Frames(frames) = like.work else {
        unreachable!("a lease of frames")
    };
    Lease {
        key: like.key,
        job: JobId::new(),
        job_name: "snapshot of Main".into(),
        work: Work::Snapshot(SnapshotWork {
            source: frames.source,
            composition: "Main".into(),
            display,
            frame: (64, 36),
            size,
            format,
            background: BACKGROUND,
            output_template: frames.output_template,
            settings_template: frames.settings_template,
        }),
    }
}

/// The pixels of a frame that was rendered as a frame of a film. The stand-in paints the job's id too.
fn rendered(display: u32, job: JobId) -> Pixels {
    let stage = Stage::new("{}");
    let mut agent = Agent::start(&stage);
    let mut controller = agent.connect();
    let lease = Lease {
        job,
        ..stage.lease(display, display + 1)
    };
    let key = lease.key;
    agent.lease(lease);
    assert_eq!(controller.report(key).ending, Ending::Succeeded);
    let packed = controller.packed.lock().unwrap()[&display].clone();
    agent.end();
    let expect = Expect {
        width: 64,
        height: 36,
    };
    let picture = unpack(&packed, &expect).unwrap();
    Pixels::new(64, 36, picture.rgba).unwrap()
}

/// Waits for the picture, says that it is stored, and answers it.
fn stored(stage: &Stage, controller: &Controller) -> Vec<u8> {
    wait_for("the picture", || {
        !stage.line.made.lock().unwrap().is_empty()
    });
    let (lease, blob, picture) = stage.line.made.lock().unwrap()[0].clone();
    assert_eq!(blob.digest, Digest::of(&picture));
    assert_eq!(blob.bytes, picture.len() as u64);
    let digest = blob.digest;
    controller.say(ToAgent::BlobStored { lease, digest });
    picture
}

#[test]
fn the_picture_is_the_frame_scaled_and_no_frame_is_sent() {
    let job = JobId::new();
    let frame = rendered(7, job);
    let small = scaled(&frame, 32, 18).unwrap();
    for (size, format, expected) in [
        ((64, 36), PictureFormat::Png, frame.to_png().unwrap()),
        ((32, 18), PictureFormat::Png, small.to_png().unwrap()),
        (
            (32, 18),
            PictureFormat::Jpeg,
            small.to_jpeg(BACKGROUND).unwrap(),
        ),
    ] {
        let stage = Stage::new("{}");
        let mut agent = Agent::start(&stage);
        let mut controller = agent.connect();
        let lease = Lease {
            job,
            ..snapshot(&stage, 7, size, format)
        };
        let key = lease.key;
        agent.lease(lease);
        let picture = stored(&stage, &controller);
        assert!(picture == expected, "{size:?} {format:?}: another picture");
        let report = controller.report(key);
        assert_eq!(report.ending, Ending::Succeeded, "{report:?}");
        let Some(Made::Snapshot(made)) = report.made else {
            panic!("{report:?}")
        };
        assert_eq!((made.width, made.height), size);
        assert_eq!(made.blob.digest, Digest::of(&picture));
        assert!(report.startup_ms.is_some() && report.log_tail.contains("Finished composition"));
        assert_eq!(stage.rendered(), [7]);
        assert_eq!(controller.ordinals(), [] as [u32; 0]);
        nothing_is_left(&stage);
        agent.end();
    }
}

#[test]
fn a_killed_agent_s_snapshot_is_rendered_once() {
    let stage = Stage::new(r#"{"frame_ms": 700}"#);
    let mut agent = Agent::start(&stage);
    let mut controller = agent.connect();
    let lease = snapshot(&stage, 3, (16, 9), PictureFormat::Png);
    let key = lease.key;
    agent.lease(lease);
    controller.hear("the start", |message| {
        matches!(
            message,
            flatrender_protocol::message::ToController::Started(_)
        )
        .then_some(())
    });
    agent.kill();
    // The renderer goes on under its shim, and the next agent finds its frame.
    let mut agent = Agent::start(&stage);
    let controller = agent.connect();
    assert_eq!(controller.held[0].lease, key);
    wait_for("the picture", || {
        !stage.line.made.lock().unwrap().is_empty()
    });
    // Killed again before it is known to be stored: the frame is not rendered again.
    agent.kill();
    stage.line.made.lock().unwrap().clear();
    let mut agent = Agent::start(&stage);
    let mut controller = agent.connect();
    stored(&stage, &controller);
    let report = controller.report(key);
    assert_eq!(report.ending, Ending::Succeeded, "{report:?}");
    assert_eq!(stage.rendered(), [3], "rendered once");
    nothing_is_left(&stage);
    agent.end();
}

#[test]
fn a_refused_picture_and_a_wrong_composition_are_failures_in_words() {
    let stage = Stage::new("{}");
    let mut agent = Agent::start(&stage);
    let mut controller = agent.connect();
    let lease = snapshot(&stage, 3, (64, 36), PictureFormat::Png);
    let key = lease.key;
    agent.lease(lease);
    wait_for("the picture", || {
        !stage.line.made.lock().unwrap().is_empty()
    });
    let (_, blob, _) = stage.line.made.lock().unwrap()[0].clone();
    controller.say(ToAgent::BlobRefused {
        lease: key,
        digest: blob.digest,
        reason: "the disk is full".to_owned(),
    });
    let report = controller.report(key);
    assert_eq!(
        (report.ending, report.class),
        (Ending::Failed, OutcomeClass::Transient)
    );
    assert_eq!(
        report.message,
        "the controller refused the picture: the disk is full"
    );
    let mut lease = snapshot(&stage, 3, (64, 36), PictureFormat::Png);
    if let Work::Snapshot(work) = &mut lease.work {
        work.composition = "Elsewhere".to_owned();
    }
    let key = lease.key;
    agent.lease(lease);
    let report = controller.report(key);
    assert_eq!(
        (report.ending, report.class),
        (Ending::Failed, OutcomeClass::Template),
        "{report:?}"
    );
    let said = "aerender ERROR: No comp was found with the given name.";
    assert!(report.message.starts_with(said), "{}", report.message);
    nothing_is_left(&stage);
    agent.end();
}
