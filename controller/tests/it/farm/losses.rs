//! Machines that die, fall silent, come back, and controllers that do.

use std::time::Duration;

use flatrender_controller::farm::Settings;
use flatrender_protocol::message::{Ending, FrameOutcome, Held, OutcomeClass, ToAgent, Verdict};
use flatrender_protocol::state::{JobState, Link};

use super::agent::FakeAgent;
use super::{TestFarm, quick, until};

#[tokio::test]
async fn a_silent_node_is_copied_and_a_lost_one_costs_nothing() {
    let farm = TestFarm::start(quick()).await;
    let job = farm.submit(8).await;
    let mut dead = FakeAgent::join(&farm.farm, "dead").await;
    let (key, work) = dead.frames_leased().await;
    assert_eq!(dead.frame(key, work.span.lo).await, FrameOutcome::Published);
    // It says nothing more: another node gets exactly what it has not shown.
    let mut other = FakeAgent::join(&farm.farm, "other").await;
    other
        .work_until(async || farm.job(job.id).await.state == JobState::Done)
        .await;
    farm.assert_whole().await;
    let by_dead: i64 = sqlx::query_scalar("SELECT count(*) FROM render.frames WHERE node_id = $1")
        .bind(dead.node.0)
        .fetch_one(&farm.admin)
        .await
        .unwrap();
    assert_eq!(by_dead, 1, "what it had shown was kept");
    until("the dead node is lost", async || {
        other.live();
        let node = farm.farm.node(dead.node).await.unwrap().unwrap();
        (node.link == Link::Lost).then_some(())
    })
    .await;
    let failed: i64 =
        sqlx::query_scalar("SELECT count(*) FROM render.attempts WHERE state = 'failed'")
            .fetch_one(&farm.admin)
            .await
            .unwrap();
    assert_eq!(failed, 0, "nothing is charged");
    farm.stop().await;
}

#[tokio::test]
async fn a_late_whole_frame_of_a_lost_lease_is_taken_once() {
    let farm = TestFarm::start(quick()).await;
    let job = farm.submit(4).await;
    let mut slow = FakeAgent::join(&farm.farm, "slow").await;
    let (key, work) = slow.frames_leased().await;
    let node = slow.disconnect().await;
    until("its lease is lost", async || {
        farm.job(job.id).await.leases.is_empty().then_some(())
    })
    .await;
    farm.assert_whole().await;
    // It comes back with a whole frame and an old epoch.
    let held = Held {
        lease: key,
        until: work.span.hi,
        ended: false,
    };
    let mut back = FakeAgent::connect(&farm.farm, node, vec![held]).await;
    assert_eq!(back.frame(key, work.span.lo).await, FrameOutcome::Published);
    assert_eq!(
        back.frame(key, work.span.lo).await,
        FrameOutcome::AlreadyPublished
    );
    let stale = flatrender_protocol::message::LeaseKey {
        epoch: key.epoch + 1,
        ..key
    };
    assert!(matches!(
        back.frame(stale, work.span.lo + 1).await,
        FrameOutcome::Refused { .. }
    ));
    farm.assert_whole().await;
    farm.stop().await;
}

#[tokio::test]
async fn another_nodes_lease_is_of_no_use() {
    let farm = TestFarm::start(quick()).await;
    farm.submit(4).await;
    let mut holder = FakeAgent::join(&farm.farm, "holder").await;
    let (key, work) = holder.frames_leased().await;
    let mut thief = FakeAgent::join(&farm.farm, "thief").await;
    assert!(matches!(
        thief.frame(key, work.span.lo).await,
        FrameOutcome::Refused { .. }
    ));
    assert!(matches!(
        holder.frame(key, 99).await,
        FrameOutcome::Refused { .. }
    ));
    farm.stop().await;
}

#[tokio::test]
async fn an_agent_that_comes_back_keeps_its_lease_and_one_that_forgot_it_does_not() {
    let farm = TestFarm::start(quick()).await;
    let job = farm.submit(6).await;
    let mut agent = FakeAgent::join(&farm.farm, "one").await;
    let (key, work) = agent.frames_leased().await;
    let node = agent.disconnect().await;
    let held = Held {
        lease: key,
        until: work.span.hi,
        ended: false,
    };
    let mut back = FakeAgent::connect(&farm.farm, node, vec![held]).await;
    assert_eq!(back.frame(key, work.span.lo).await, FrameOutcome::Published);
    // Now it comes back without it, as after a reboot.
    let node = back.disconnect().await;
    let mut rebooted = FakeAgent::connect(&farm.farm, node, Vec::new()).await;
    let (again, rest) = rebooted.frames_leased().await;
    assert_ne!(again, key);
    assert!(
        rest.span.lo > work.span.lo,
        "the published frame is not leased again"
    );
    assert_eq!(farm.job(job.id).await.leases.len(), 1);
    farm.assert_whole().await;
    farm.stop().await;
}

#[tokio::test]
async fn a_new_leader_finds_everything_as_it_was() {
    let farm = TestFarm::start(quick()).await;
    let job = farm.submit(30).await;
    let mut agent = FakeAgent::join(&farm.farm, "one").await;
    let (key, work) = agent.frames_leased().await;
    assert_eq!(
        agent.frame(key, work.span.lo).await,
        FrameOutcome::Published
    );
    let node = agent.node;
    let farm = farm.crash_and_restart().await;
    let held = Held {
        lease: key,
        until: work.span.hi,
        ended: false,
    };
    let mut agent = FakeAgent::connect(&farm.farm, node, vec![held]).await;
    for ordinal in work.span.ordinals().skip(1) {
        assert_eq!(agent.frame(key, ordinal).await, FrameOutcome::Published);
    }
    agent
        .report(key, Ending::Succeeded, OutcomeClass::Ok, "")
        .await;
    agent
        .work_until(async || farm.job(job.id).await.state == JobState::Done)
        .await;
    farm.assert_whole().await;
    let twice: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM (SELECT 1 FROM render.frame_jobs f JOIN render.frame_jobs g
            ON g.job_id = f.job_id AND g.attempt_id > f.attempt_id AND g.frames && f.frames) x",
    )
    .fetch_one(&farm.admin)
    .await
    .unwrap();
    assert_eq!(twice, 0, "nothing that was published is leased again");
    farm.stop().await;
}

#[tokio::test]
async fn a_new_leader_copies_nothing_while_the_holders_come_back() {
    let settings = Settings {
        takeover_grace_ms: 20_000,
        lost_after_ms: 60_000,
        ..quick()
    };
    let farm = TestFarm::start(settings).await;
    let job = farm.submit(1).await;
    let mut holder = FakeAgent::join(&farm.farm, "holder").await;
    let (key, work) = holder.frames_leased().await;
    let node = holder.disconnect().await;
    let farm = farm.crash_and_restart().await;
    // Three times as long as a silence takes.
    let mut idle = FakeAgent::join(&farm.farm, "idle").await;
    assert!(idle.nothing_leased(Duration::from_millis(1_200)).await);
    assert_eq!(
        farm.farm.node(node).await.unwrap().unwrap().link,
        Link::Silent
    );
    let held = Held {
        lease: key,
        until: work.span.hi,
        ended: false,
    };
    let mut back = FakeAgent::connect(&farm.farm, node, vec![held]).await;
    for ordinal in work.span.ordinals() {
        assert_eq!(back.frame(key, ordinal).await, FrameOutcome::Published);
    }
    back.report(key, Ending::Succeeded, OutcomeClass::Ok, "")
        .await;
    farm.until_state(job.id, JobState::Assembling).await;
    let copies: i64 =
        sqlx::query_scalar("SELECT count(*) FROM render.frame_jobs WHERE speculative")
            .fetch_one(&farm.admin)
            .await
            .unwrap();
    assert_eq!(copies, 0);
    farm.stop().await;
}

#[tokio::test]
async fn a_shrunk_lease_is_given_on_only_after_the_holder_agreed() {
    let farm = TestFarm::start(quick()).await;
    let job = farm.submit(40).await;
    let mut holder = FakeAgent::join(&farm.farm, "holder").await;
    let (key, work) = holder.frames_leased().await;
    holder
        .say(flatrender_controller::farm::FromAgent::Shrunk {
            lease: key,
            until: work.span.lo + 2,
        })
        .await;
    let mut other = FakeAgent::join(&farm.farm, "other").await;
    let (_, rest) = other.frames_leased().await;
    assert!(rest.span.lo >= work.span.lo + 2);
    until("the holder's range ends earlier", async || {
        let job = farm.job(job.id).await;
        job.leases
            .iter()
            .any(|lease| lease.attempt == key.attempt && lease.frames_total == 2)
            .then_some(())
    })
    .await;
    farm.assert_whole().await;
    farm.stop().await;
}

#[tokio::test]
async fn a_frame_that_fails_everywhere_fails_the_job_with_its_reason() {
    let farm = TestFarm::start(quick()).await;
    let job = farm.submit(5).await;
    let mut agents = Vec::new();
    for name in ["a", "b", "c"] {
        let mut agent = FakeAgent::join(&farm.farm, name).await;
        let (key, _) = agent.frames_leased().await;
        agent
            .report(
                key,
                Ending::Failed,
                OutcomeClass::Template,
                "After Effects error: no such effect",
            )
            .await;
        agent
            .hear(|message| matches!(message, ToAgent::ReportAck(_)).then_some(()))
            .await;
        agents.push(agent);
    }
    let failed = farm.until_state(job.id, JobState::Failed).await;
    let reason = failed.reason.unwrap();
    for part in ["frame 0 failed 3 times", "a, b, c", "no such effect"] {
        assert!(reason.contains(part), "{reason}");
    }
    farm.assert_whole().await;
    farm.stop().await;
}

#[tokio::test]
async fn success_without_frames_is_a_failure() {
    let farm = TestFarm::start(quick()).await;
    let job = farm.submit(5).await;
    let mut agent = FakeAgent::join(&farm.farm, "liar").await;
    let (key, _) = agent.frames_leased().await;
    agent
        .report(key, Ending::Succeeded, OutcomeClass::Ok, "")
        .await;
    agent
        .hear(|message| matches!(message, ToAgent::ReportAck(_)).then_some(()))
        .await;
    let state: String = sqlx::query_scalar("SELECT state FROM render.attempts WHERE id = $1")
        .bind(key.attempt.0)
        .fetch_one(&farm.admin)
        .await
        .unwrap();
    assert_eq!(state, "failed");
    assert_eq!(farm.job(job.id).await.frames_done, 0);
    farm.assert_whole().await;
    farm.stop().await;
}

#[tokio::test]
async fn a_holder_that_was_overtaken_is_told_to_drop() {
    let farm = TestFarm::start(quick()).await;
    let job = farm.submit(6).await;
    let mut silent = FakeAgent::join(&farm.farm, "silent").await;
    let (key, work) = silent.frames_leased().await;
    let node = silent.disconnect().await;
    let mut other = FakeAgent::join(&farm.farm, "other").await;
    other
        .work_until(async || farm.job(job.id).await.state == JobState::Done)
        .await;
    let held = Held {
        lease: key,
        until: work.span.hi,
        ended: false,
    };
    let (to_agent, mut inbox) = tokio::sync::mpsc::channel(16);
    let session = flatrender_controller::farm::SessionId(1 << 40);
    let inputs = &farm.farm.inputs;
    let boot = uuid::Uuid::new_v4();
    let agent_version = "0.1.0".to_owned();
    let joined = flatrender_controller::farm::Input::Joined {
        node,
        session,
        boot,
        agent_version,
        to_agent,
    };
    inputs.send(joined).await.unwrap();
    let what = flatrender_controller::farm::FromAgent::Holding(vec![held]);
    inputs
        .send(flatrender_controller::farm::Input::Said {
            node,
            session,
            what,
        })
        .await
        .unwrap();
    let verdict = tokio::time::timeout(Duration::from_secs(10), inbox.recv())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(verdict, ToAgent::Verdicts(vec![(key, Verdict::Drop)]));
    farm.stop().await;
}
