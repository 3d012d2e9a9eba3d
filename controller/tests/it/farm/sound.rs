//! The composition's own sound: who renders it, that the film waits for it, and what happens when it can't be had.

use std::time::Duration;

use flatrender_protocol::message::{Ending, OutcomeClass, Work};
use flatrender_protocol::rest::{JobSpec, UploadedFile};
use flatrender_protocol::state::JobState;

use super::agent::FakeAgent;
use super::{TestFarm, project_of, quick, shows, spec, zip};

async fn sounding(farm: &TestFarm) -> UploadedFile {
    let project = project_of(10, vec![shows("song.wav")]);
    let files: [(&str, &[u8]); 2] = [("main.aep", &project), ("song.wav", b"RIFF and so on")];
    farm.upload("song.zip", zip(&files, &[], false)).await
}

async fn sound_of(farm: &TestFarm, job: flatrender_protocol::JobId) -> (String, Option<i64>) {
    sqlx::query_as("SELECT sound, sound_bytes FROM render.render_jobs WHERE id = $1")
        .bind(job.0)
        .fetch_one(&farm.admin)
        .await
        .expect("the job")
}

#[tokio::test]
async fn the_sound_is_leased_beside_the_canary_and_the_film_waits_for_it() {
    let settings = flatrender_controller::farm::Settings {
        canary: true,
        silent_after_ms: 8_000,
        ..quick()
    };
    let farm = TestFarm::start(settings).await;
    let mut first = FakeAgent::join(&farm.farm, "first").await;
    let mut second = FakeAgent::join(&farm.farm, "second").await;
    let job = farm.take(spec(sounding(&farm).await)).await;
    assert_eq!(job.notes, [""; 0]);
    let (one, other) = (first.leased().await, second.leased().await);
    let (canary, sound, mut renders, sounds) = match (&one.work, &other.work) {
        (Work::Frames(_), Work::Sound(_)) => (one, other, first, second),
        (Work::Sound(_), Work::Frames(_)) => (other, one, second, first),
        works => panic!("{works:?}"),
    };
    let Work::Sound(work) = &sound.work else {
        panic!("{sound:?}")
    };
    assert_eq!(
        (work.first_display, work.frames, work.rate.as_f64()),
        (0, 10, 25.0)
    );
    assert_eq!(work.output_template, "AIFF 48kHz");
    let leases = farm.job(job.id).await.leases;
    let mut kinds: Vec<&str> = leases.iter().map(|lease| lease.kind.as_str()).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["frames", "sound"]);
    let Work::Frames(canary_work) = &canary.work else {
        panic!("{canary:?}")
    };
    assert_eq!((canary_work.span.lo, canary_work.span.hi), (0, 1));
    renders.work(canary).await;
    renders
        .work_until(async || farm.job(job.id).await.frames_done == 10)
        .await;
    assert!(
        renders.nothing_leased(Duration::from_millis(300)).await,
        "no film without it"
    );
    assert_eq!(farm.job(job.id).await.state, JobState::Assembling);
    let made = sounds.sound(work, 10).await;
    sounds.live();
    sounds.made(sound.key, made).await;
    renders
        .work_until(async || farm.job(job.id).await.state == JobState::Done)
        .await;
    let (state, bytes) = sound_of(&farm, job.id).await;
    assert!(state == "made" && bytes.is_some());
    assert_eq!(farm.tries("sound").await, 1);
    farm.assert_whole().await;
    farm.stop().await;
}

#[tokio::test]
async fn a_sound_that_is_not_wanted_is_left_out_with_a_note() {
    let farm = TestFarm::start(quick()).await;
    let package = sounding(&farm).await;
    let silent = JobSpec {
        own_sound: Some(false),
        ..spec(package.clone())
    };
    let job = farm.take(silent).await;
    assert!(
        job.notes[0].contains("left out, as asked"),
        "{:?}",
        job.notes
    );
    let gaps = JobSpec {
        frames: Some("0-3,6-9".to_owned()),
        ..spec(package)
    };
    let other = farm.take(gaps).await;
    assert!(
        other.notes[0].contains("not consecutive"),
        "{:?}",
        other.notes
    );
    let mut agent = FakeAgent::join(&farm.farm, "one").await;
    for id in [job.id, other.id] {
        agent
            .work_until(async || farm.job(id).await.state == JobState::Done)
            .await;
    }
    assert_eq!(farm.tries("sound").await, 0);
    farm.stop().await;
}

#[tokio::test]
async fn a_sound_of_another_length_is_not_taken_and_one_that_can_not_be_had_fails_the_job() {
    let settings = flatrender_controller::farm::Settings {
        silent_after_ms: 20_000,
        lost_after_ms: 60_000,
        ..quick()
    };
    let farm = TestFarm::start(settings).await;
    let job = farm.take(spec(sounding(&farm).await)).await;
    let mut agents = Vec::new();
    for name in ["a", "b", "c"] {
        let mut agent = FakeAgent::join(&farm.farm, name).await;
        let lease = loop {
            let lease = agent.leased().await;
            match lease.work {
                Work::Sound(_) => break lease,
                Work::Frames(_) => agent.work(lease).await,
                other => panic!("{other:?}"),
            }
        };
        let Work::Sound(work) = &lease.work else {
            unreachable!("it was matched")
        };
        match name {
            "a" => agent.made(lease.key, agent.sound(work, 12).await).await,
            _ => {
                let said = "aerender ERROR: the speaker is on fire";
                agent
                    .report(lease.key, Ending::Failed, OutcomeClass::Template, said)
                    .await;
            }
        }
        agents.push(agent);
    }
    let failed = farm.until_state(job.id, JobState::Failed).await;
    let reason = failed.reason.expect("a reason");
    assert!(
        reason.contains("own sound") && reason.contains("a, b, c"),
        "{reason}"
    );
    assert!(reason.contains("the speaker is on fire"), "{reason}");
    let first: String = sqlx::query_scalar(
        "SELECT message FROM render.attempts WHERE kind = 'sound' ORDER BY number LIMIT 1",
    )
    .fetch_one(&farm.admin)
    .await
    .unwrap();
    assert!(
        first.contains("lasts 0.480 s") && first.contains("0.400 s"),
        "{first}"
    );
    farm.stop().await;
}
