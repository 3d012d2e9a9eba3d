//! Snapshots in the leader's hands: what is rendered once, tried elsewhere, given up, found again and evicted.

use std::time::Duration;

use flatrender_controller::blobs::Area;
use flatrender_controller::store::snapshots::Evicted;
use flatrender_protocol::message::{Ending, Held, OutcomeClass, PictureFormat};
use flatrender_protocol::rest::{SnapshotSpec, SnapshotView, UploadedFile};
use flatrender_protocol::state::{JobState, SnapshotState};
use flatrender_protocol::{SnapshotId, TenantId};

use super::agent::FakeAgent;
use super::{TestFarm, quick, until};

fn spec(project: &UploadedFile, frame: i64) -> SnapshotSpec {
    SnapshotSpec {
        project: project.clone(),
        composition: "Main".to_owned(),
        frame,
        width: None,
        height: None,
        format: None,
        renderer: None,
    }
}

impl TestFarm {
    async fn ask(&self, spec: SnapshotSpec) -> SnapshotView {
        let asked = self.farm.ask_for_snapshot(TenantId::DEFAULT, spec).await;
        asked.expect("a good wish").0
    }

    async fn snapshot(&self, id: SnapshotId) -> Option<SnapshotView> {
        let found = self.farm.snapshot(TenantId::DEFAULT, id).await;
        found.expect("the database answers")
    }

    async fn until_snapshot(&self, id: SnapshotId, state: SnapshotState) -> SnapshotView {
        until(&format!("the snapshot is {state}"), async || {
            self.snapshot(id).await.filter(|it| it.state == state)
        })
        .await
    }

    async fn attempts_of(&self, id: SnapshotId) -> Vec<(i32, String)> {
        sqlx::query_as(
            "SELECT number, state FROM render.attempts WHERE job_id = $1 AND kind = 'snapshot' ORDER BY number",
        )
        .bind(id.0)
        .fetch_all(&self.admin)
        .await
        .unwrap()
    }

    async fn set(&self, id: SnapshotId, change: &str) {
        let sql = format!("UPDATE render.snapshots SET {change} WHERE id = $1");
        let done = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(id.0)
            .execute(&self.admin)
            .await
            .unwrap();
        assert_eq!(done.rows_affected(), 1);
    }
}

#[tokio::test]
async fn a_snapshot_goes_before_a_film_and_is_found_again() {
    let farm = TestFarm::start(quick()).await;
    let project = farm.project(20).await;
    let job = farm.submit(20).await;
    let wish = SnapshotSpec {
        width: Some(32),
        format: Some(PictureFormat::Jpeg),
        ..spec(&project, 7)
    };
    let view = farm.ask(wish.clone()).await;
    assert_eq!((view.state, view.attempts), (SnapshotState::Queued, 0));
    assert_eq!((view.width, view.height), (32, 18));
    let mut agent = FakeAgent::join(&farm.farm, "one").await;
    let (key, work) = agent.snapshot_leased().await;
    assert_eq!(
        (work.composition.as_str(), work.display, work.format),
        ("Main", 7, PictureFormat::Jpeg)
    );
    assert_eq!((work.frame, work.size), ((64, 36), (32, 18)));
    let project_blob = work.source.blobs().next().unwrap().digest;
    assert_eq!(project_blob, project.digest);
    assert!(farm.farm.grants.allows(agent.node, &project_blob));
    let shown = farm.farm.node(agent.node).await.unwrap().unwrap();
    assert_eq!(shown.leases.len(), 1);
    assert_eq!(shown.leases[0].kind, "snapshot");
    agent.picture(key, &work, work.size).await;
    let done = farm.until_snapshot(view.id, SnapshotState::Done).await;
    let picture = farm.farm.blobs.read(Area::Farm, done.digest.unwrap(), 100);
    assert_eq!(&picture.await.unwrap()[..], b"frame 7 of Main");
    let again = farm.farm.ask_for_snapshot(TenantId::DEFAULT, wish).await;
    assert_eq!(again.unwrap(), (done, false));
    assert_eq!(
        farm.attempts_of(view.id).await,
        [(1, "succeeded".to_owned())]
    );
    // The only slot is the film's now.
    agent
        .work_until(async || farm.job(job.id).await.state == JobState::Done)
        .await;
    assert!(!farm.farm.grants.allows(agent.node, &project_blob));
    let other = farm.farm.snapshot(TenantId::new(), view.id).await.unwrap();
    assert_eq!(other, None, "another tenant's is not there");
    farm.stop().await;
}

#[tokio::test]
async fn a_flood_does_not_starve_a_film() {
    let farm = TestFarm::start(quick()).await;
    let project = farm.project(60).await;
    for frame in 0..30 {
        farm.ask(spec(&project, frame)).await;
    }
    let job = farm.submit(6).await;
    let mut agent = FakeAgent::join(&farm.farm, "only").await;
    agent
        .work_until(async || farm.job(job.id).await.state == JobState::Done)
        .await;
    let waiting: i64 =
        sqlx::query_scalar("SELECT count(*) FROM render.snapshots WHERE state = 'queued'")
            .fetch_one(&farm.admin)
            .await
            .unwrap();
    assert!(waiting > 10, "{waiting}: the film waited for them");
    farm.stop().await;
}

#[tokio::test]
async fn it_fails_with_the_renderers_words_on_three_nodes_and_is_tried_again_after_a_rest() {
    let farm = TestFarm::start(quick()).await;
    let project = farm.project(5).await;
    let view = farm.ask(spec(&project, 1)).await;
    let mut agents = Vec::new();
    for name in ["a", "b", "c"] {
        let mut agent = FakeAgent::join(&farm.farm, name).await;
        let (key, _) = agent.snapshot_leased().await;
        let words = "After Effects error: Expression disabled";
        agent
            .report(key, Ending::Failed, OutcomeClass::Template, words)
            .await;
        agents.push(agent);
    }
    let failed = farm.until_snapshot(view.id, SnapshotState::Failed).await;
    let error = failed.error.clone().unwrap();
    assert_eq!(
        error,
        "it failed 3 times, on a, b, c: After Effects error: Expression disabled"
    );
    assert!(failed.again_at.is_some());
    // Asking at once renders nothing.
    let asked = farm.ask(spec(&project, 1)).await;
    assert_eq!(asked.state, SnapshotState::Failed);
    assert!(agents[0].nothing_leased(Duration::from_millis(200)).await);
    assert_eq!(farm.attempts_of(view.id).await.len(), 3);
    farm.set(view.id, "retry_at = now()").await;
    let asked = farm.ask(spec(&project, 1)).await;
    assert_eq!((asked.id, asked.state), (view.id, SnapshotState::Queued));
    assert_eq!((asked.error, asked.again_at), (None, None));
    let (first, others) = agents.split_at_mut(1);
    first[0]
        .work_until(async || {
            others.iter().for_each(FakeAgent::live);
            farm.snapshot(view.id).await.unwrap().state.is_over()
        })
        .await;
    let done = farm.snapshot(view.id).await.unwrap();
    assert_eq!((done.state, done.attempts), (SnapshotState::Done, 4));
    farm.stop().await;
}

#[tokio::test]
async fn a_lost_node_is_not_charged_and_a_picture_that_is_wrong_is_not_kept() {
    let farm = TestFarm::start(quick()).await;
    let project = farm.project(5).await;
    let view = farm.ask(spec(&project, 1)).await;
    let mut gone = FakeAgent::join(&farm.farm, "gone").await;
    gone.snapshot_leased().await;
    gone.disconnect().await;
    let mut wrong = FakeAgent::join(&farm.farm, "wrong").await;
    let (key, work) = wrong.snapshot_leased().await;
    wrong.picture(key, &work, (1, 1)).await;
    let mut silent = FakeAgent::join(&farm.farm, "without").await;
    let (key, _) = silent.snapshot_leased().await;
    silent
        .report(key, Ending::Succeeded, OutcomeClass::Ok, "")
        .await;
    let mut right = FakeAgent::join(&farm.farm, "right").await;
    let (key, work) = right.snapshot_leased().await;
    right.picture(key, &work, work.size).await;
    farm.until_snapshot(view.id, SnapshotState::Done).await;
    let states: Vec<String> = farm
        .attempts_of(view.id)
        .await
        .into_iter()
        .map(|(_, state)| state)
        .collect();
    assert_eq!(states, ["lost", "failed", "failed", "succeeded"]);
    let said: Vec<String> = sqlx::query_scalar(
        "SELECT message FROM render.attempts WHERE job_id = $1 AND state = 'failed' ORDER BY number",
    )
    .bind(view.id.0)
    .fetch_all(&farm.admin)
    .await
    .unwrap();
    assert!(said[0].contains("1 × 1"), "{said:?}");
    assert!(said[1].contains("without a picture"), "{said:?}");
    farm.stop().await;
}

#[tokio::test]
async fn another_leader_goes_on_with_what_is_held() {
    let farm = TestFarm::start(quick()).await;
    let project = farm.project(5).await;
    let held = farm.ask(spec(&project, 1)).await;
    let mut agent = FakeAgent::join(&farm.farm, "one").await;
    let (key, work) = agent.snapshot_leased().await;
    let waits = farm.ask(spec(&project, 2)).await;
    let node = agent.node;
    let farm = farm.crash_and_restart().await;
    let holds = Held {
        lease: key,
        until: 0,
        ended: false,
    };
    let mut agent = FakeAgent::connect(&farm.farm, node, vec![holds]).await;
    let blob = work.source.blobs().next().unwrap().digest;
    assert!(farm.farm.grants.allows(node, &blob));
    agent.picture(key, &work, work.size).await;
    farm.until_snapshot(held.id, SnapshotState::Done).await;
    assert_eq!(
        farm.attempts_of(held.id).await,
        [(1, "succeeded".to_owned())]
    );
    let (key, work) = agent.snapshot_leased().await;
    assert_eq!(work.display, 2);
    agent.picture(key, &work, work.size).await;
    farm.until_snapshot(waits.id, SnapshotState::Done).await;
    farm.stop().await;
}

#[tokio::test]
async fn what_nobody_uses_is_evicted_and_what_is_used_stays() {
    let settings = flatrender_controller::farm::Settings {
        snapshots_unused_hours: 24,
        snapshots_most_mib: 10,
        ..quick()
    };
    let farm = TestFarm::start(settings).await;
    let project = farm.project(9).await;
    let mut ids = Vec::new();
    for frame in 0..6 {
        ids.push(farm.ask(spec(&project, frame)).await.id);
    }
    let mut agent = FakeAgent::join(&farm.farm, "one").await;
    agent
        .work_until(async || {
            let last = farm.snapshot(ids[5]).await.unwrap();
            last.state == SnapshotState::Done
        })
        .await;
    let waiting = farm.ask(spec(&project, 7)).await.id;
    agent.disconnect().await;
    let ago = |interval: &str| format!("last_used_at = now() - interval '{interval}'");
    let large = "bytes = 6 * 1024 * 1024";
    farm.set(ids[0], &ago("25 hours")).await; // too long unused
    farm.set(ids[1], &format!("{large}, {}", ago("3 hours")))
        .await; // the oldest beyond 10 MiB
    farm.set(ids[2], &format!("{large}, {}", ago("2 hours")))
        .await; // still fits
    farm.set(ids[3], &format!("bytes = 1024 * 1024, {}", ago("1 hour")))
        .await;
    farm.set(ids[4], &ago("10 seconds")).await;
    let evicted = farm.farm.evict_snapshots().await.unwrap();
    let small = "frame 0 of Main".len() as u64;
    assert_eq!(
        evicted,
        Evicted {
            snapshots: 2,
            bytes: small + 6 * 1024 * 1024
        }
    );
    for (index, id) in ids.iter().enumerate() {
        assert_eq!(farm.snapshot(*id).await.is_some(), index > 1, "{index}");
    }
    assert!(farm.snapshot(waiting).await.is_some(), "what waits stays");
    // Whatever it costs, what was used within the minute stays.
    farm.set(ids[4], "bytes = 50 * 1024 * 1024").await;
    let evicted = farm.farm.evict_snapshots().await.unwrap();
    assert_eq!(evicted.snapshots, 2, "{evicted:?}");
    assert!(farm.snapshot(ids[4]).await.is_some());
    // What is asked for again is rendered again.
    let asked = farm.ask(spec(&project, 0)).await;
    assert_eq!((asked.state, asked.attempts), (SnapshotState::Queued, 0));
    assert_ne!(asked.id, ids[0]);
    farm.stop().await;
}
