//! The normal life of jobs.

use flatrender_protocol::message::{Ending, FrameOutcome, OutcomeClass};
use flatrender_protocol::state::JobState;
use flatrender_protocol::{FrameList, TenantId};

use super::agent::FakeAgent;
use super::{TestFarm, quick, spec};

#[tokio::test]
async fn one_agent_makes_one_film() {
    let farm = TestFarm::start(quick()).await;
    let job = farm.submit(10).await;
    assert_eq!(
        (job.state, job.frames_total, &*job.frames),
        (JobState::Queued, 10, "0-9")
    );
    let mut agent = FakeAgent::join(&farm.farm, "one").await;
    agent
        .work_until(async || farm.job(job.id).await.state == JobState::Done)
        .await;
    let done = farm.job(job.id).await;
    let film = done.film.expect("a film");
    assert_eq!(
        (done.frames_done, film.frames, film.duration_ms),
        (10, 10, 400)
    );
    assert!(done.started_at.is_some() && done.finished_at.is_some() && done.leases.is_empty());
    farm.assert_whole().await;
    let outbox: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM render.outbox_events WHERE topic = 'render.job.done'",
    )
    .fetch_one(&farm.admin)
    .await
    .unwrap();
    assert_eq!(outbox, 1, "told once");
    let seen = farm.farm.events_after(Some(job.id), 0, 100).await.unwrap();
    let states: Vec<&str> = seen
        .iter()
        .filter(|e| e.subject == "job")
        .map(|e| e.to.as_str())
        .collect();
    assert_eq!(states, ["queued", "running", "assembling", "done"]);
    farm.stop().await;
}

#[tokio::test]
async fn three_agents_share_and_nothing_is_rendered_twice() {
    let farm = TestFarm::start(quick()).await;
    let job = farm.submit(300).await;
    let work = async |name| {
        let mut agent = FakeAgent::join(&farm.farm, name).await;
        agent
            .work_until(async || farm.job(job.id).await.state == JobState::Done)
            .await;
    };
    tokio::join!(work("a"), work("b"), work("c"));
    let (leased, nodes): (i64, i64) = sqlx::query_as(
        "SELECT sum(upper(f.frames) - lower(f.frames)), count(DISTINCT a.node_id)
           FROM render.frame_jobs f JOIN render.attempts a ON a.id = f.attempt_id",
    )
    .fetch_one(&farm.admin)
    .await
    .unwrap();
    assert_eq!(leased, 300, "each frame was leased once");
    assert!(nodes >= 2, "more than one node took part");
    farm.assert_whole().await;
    farm.stop().await;
}

#[tokio::test]
async fn the_canary_opens_the_range() {
    let settings = flatrender_controller::farm::Settings {
        canary: true,
        silent_after_ms: 8_000,
        ..quick()
    };
    let farm = TestFarm::start(settings).await;
    let job = farm.submit(20).await;
    let mut first = FakeAgent::join(&farm.farm, "first").await;
    let (key, work) = first.frames_leased().await;
    assert_eq!((work.span.lo, work.span.hi, work.first_display), (0, 1, 0));
    let mut second = FakeAgent::join(&farm.farm, "second").await;
    assert!(
        second
            .nothing_leased(std::time::Duration::from_millis(300))
            .await
    );
    assert_eq!(first.frame(key, 0).await, FrameOutcome::Published);
    first
        .report(key, Ending::Succeeded, OutcomeClass::Ok, "")
        .await;
    let (_, work) = second.frames_leased().await;
    assert!(work.span.lo >= 1, "{work:?}");
    assert_eq!(farm.job(job.id).await.frames_done, 1);
    farm.stop().await;
}

#[tokio::test]
async fn a_frame_list_with_steps_is_leased_by_consecutive_frames() {
    let farm = TestFarm::start(quick()).await;
    let project = farm.project(50).await;
    let mut wanted = spec(project);
    wanted.frames = Some("0-3,10,20-24:2".to_owned());
    let job = farm.farm.submit(TenantId::DEFAULT, wanted).await.unwrap();
    let list = FrameList::parse(&job.frames).unwrap();
    let mut agent = FakeAgent::join(&farm.farm, "one").await;
    let mut seen = Vec::new();
    while seen.len() < 8 {
        let (key, work) = agent.frames_leased().await;
        for ordinal in work.span.ordinals() {
            let display = work.first_display + i64::from(ordinal - work.span.lo);
            assert_eq!(list.display(ordinal), Some(display));
            seen.push(display);
            agent.frame(key, ordinal).await;
        }
        agent
            .report(key, Ending::Succeeded, OutcomeClass::Ok, "")
            .await;
    }
    assert_eq!(seen, [0, 1, 2, 3, 10, 20, 22, 24]);
    farm.stop().await;
}

#[tokio::test]
async fn a_cancelled_job_ends_when_its_nodes_have_let_go() {
    let farm = TestFarm::start(quick()).await;
    let job = farm.submit(10).await;
    let mut agent = FakeAgent::join(&farm.farm, "one").await;
    let (key, work) = agent.frames_leased().await;
    assert_eq!(
        agent.frame(key, work.span.lo).await,
        FrameOutcome::Published
    );
    let view = farm.farm.cancel(TenantId::DEFAULT, job.id).await.unwrap();
    assert_eq!(view.state, JobState::Cancelling);
    let told = |message| match message {
        flatrender_protocol::message::ToAgent::Drop { lease, .. } => Some(lease),
        _ => None,
    };
    assert_eq!(agent.hear(told).await, key);
    let late = agent.frame(key, work.span.lo + 1).await;
    assert!(matches!(late, FrameOutcome::Refused { .. }), "{late:?}");
    agent
        .report(key, Ending::Stopped, OutcomeClass::Ok, "")
        .await;
    farm.until_state(job.id, JobState::Cancelled).await;
    let again = farm.farm.cancel(TenantId::DEFAULT, job.id).await.unwrap();
    assert_eq!(
        again.state,
        JobState::Cancelled,
        "cancelling twice changes nothing"
    );
    farm.assert_whole().await;
    farm.stop().await;
}
