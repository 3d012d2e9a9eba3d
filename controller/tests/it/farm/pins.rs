//! Frames of one film are of one After Effects, and templates that go by their past are not split.

use std::time::Duration;

use flatrender_aep::write::{KindSpec, LayerSpec};
use flatrender_protocol::message::{Ending, FrameOutcome, OutcomeClass};
use flatrender_protocol::rest::JobView;
use flatrender_protocol::state::JobState;
use flatrender_protocol::{JobId, Split};

use super::agent::FakeAgent;
use super::{TestFarm, project_of, quick, spec, until};

/// An effect that goes by what it drew before.
const FEEDBACK: &str = "CC Time Blend";
/// A simulation.
const SIMULATION: &str = "APC Foam";

async fn reason(farm: &TestFarm, id: JobId) -> String {
    until("the job says why it waits", async || {
        farm.job(id).await.reason
    })
    .await
}

#[tokio::test]
async fn later_frames_go_only_to_the_after_effects_of_the_first() {
    let farm = TestFarm::start(quick()).await;
    let mut new = FakeAgent::join_with(&farm.farm, "new", "25.2x26", true).await;
    let job = farm.submit(40).await;
    let (key, work) = new.frames_leased().await;
    let mut old = FakeAgent::join_with(&farm.farm, "old", "24.6x2", true).await;
    assert!(
        old.nothing_leased(Duration::from_millis(300)).await,
        "not while 25.2 is at it"
    );
    for ordinal in work.span.ordinals() {
        new.frame(key, ordinal).await;
    }
    assert_eq!(
        farm.job(job.id).await.after_effects.as_deref(),
        Some("25.2")
    );
    new.disconnect().await;
    farm.until_state(job.id, JobState::Running).await;
    assert!(
        old.nothing_leased(Duration::from_millis(2_000)).await,
        "25.2 is gone, and it waits"
    );
    let why = reason(&farm, job.id).await;
    assert!(
        why.contains("After Effects 25.2") && why.contains("24.6"),
        "{why}"
    );
    let mut same = FakeAgent::join_with(&farm.farm, "same", "25.2.1x3", false).await;
    same.work_until(async || farm.job(job.id).await.state == JobState::Done)
        .await;
    farm.assert_whole().await;
    farm.stop().await;
}

#[tokio::test]
async fn a_frame_of_another_release_is_refused() {
    let farm = TestFarm::start(quick()).await;
    let mut agent = FakeAgent::join(&farm.farm, "one").await;
    let job = farm.submit(4).await;
    let (key, work) = agent.frames_leased().await;
    assert_eq!(
        agent.frame(key, work.span.lo).await,
        FrameOutcome::Published
    );
    agent.version = "25.3x1".to_owned();
    let next = work.span.lo + 1;
    if work.span.contains(next) {
        let outcome = agent.frame(key, next).await;
        let FrameOutcome::Refused { reason } = outcome else {
            panic!("{outcome:?}")
        };
        assert!(reason.contains("25.3x1"), "{reason}");
    }
    assert_eq!(farm.job(job.id).await.frames_done, 1);
    farm.stop().await;
}

async fn with_effect(farm: &TestFarm, effect: &str, frames: &str) -> JobView {
    let mut layer = LayerSpec::new("all", KindSpec::Adjustment);
    layer.effects = vec![effect.to_owned()];
    let project = project_of(200, vec![layer]);
    let mut wanted = spec(farm.upload("main.aep", project).await);
    wanted.frames = Some(frames.to_owned());
    wanted.canary = Some(true);
    farm.take(wanted).await
}

#[tokio::test]
async fn what_goes_by_its_past_is_rendered_by_one_node_from_the_start() {
    let farm = TestFarm::start(quick()).await;
    let mut first = FakeAgent::join(&farm.farm, "first").await;
    let mut second = FakeAgent::join(&farm.farm, "second").await;
    let job = with_effect(&farm, FEEDBACK, "10-49").await;
    assert_eq!(job.split, Split::Never);
    assert!(
        job.notes[0].contains("rendered by one node"),
        "{:?}",
        job.notes
    );
    let (mut holder, mut other, lease) = tokio::select! {
        lease = first.leased() => (first, second, lease),
        lease = second.leased() => (second, first, lease),
    };
    let flatrender_protocol::message::Work::Frames(work) = &lease.work else {
        panic!("{lease:?}")
    };
    assert_eq!(
        (work.span.lo, work.span.hi, work.first_display),
        (0, 40, 10),
        "no canary"
    );
    assert!(other.nothing_leased(Duration::from_millis(200)).await);
    for ordinal in 0..15 {
        assert_eq!(
            holder.frame(lease.key, ordinal).await,
            FrameOutcome::Published
        );
    }
    let class = OutcomeClass::Transient;
    holder
        .report(lease.key, Ending::Failed, class, "it went away")
        .await;
    let (again, work) = other.frames_leased().await;
    assert_eq!(
        (work.span.lo, work.span.hi, work.first_display),
        (0, 40, 10),
        "from the start"
    );
    for ordinal in 0..40 {
        let outcome = other.frame(again, ordinal).await;
        let there = ordinal < 15;
        assert_eq!(
            outcome == FrameOutcome::AlreadyPublished,
            there,
            "{ordinal}: {outcome:?}"
        );
    }
    other
        .report(again, Ending::Succeeded, OutcomeClass::Ok, "")
        .await;
    other
        .work_until(async || farm.job(job.id).await.state == JobState::Done)
        .await;
    farm.assert_whole().await;
    farm.stop().await;
}

#[tokio::test]
async fn simulations_are_split_into_few_long_frame_jobs() {
    let farm = TestFarm::start(quick()).await;
    let mut agent = FakeAgent::join(&farm.farm, "one").await;
    let job = with_effect(&farm, SIMULATION, "0-199").await;
    assert_eq!(job.split, Split::Costly);
    agent
        .work_until(async || farm.job(job.id).await.state == JobState::Done)
        .await;
    let leases = farm.tries("frames").await;
    assert!(leases <= 3, "a canary and the rest, not {leases}");
    farm.stop().await;
}
