//! `/v1/farm/snapshots`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use flatrender_protocol::rest::SnapshotView;
use flatrender_protocol::state::SnapshotState;
use serde_json::{Value, json};

use super::{TestOps, refused};
use crate::farm::agent::FakeAgent;

const NOBODY: &str = "0192f3a0-0000-7000-8000-000000000000";

#[tokio::test]
async fn a_hundred_equal_requests_at_once_are_one_render() {
    let mut ops = TestOps::start().await;
    ops.db.database().ensure_partitions(1).await.unwrap();
    let leader = ops.lead();
    let spec = json!({ "project": ops.project(48).await, "composition": "Main", "frame": 12, "width": 32 });
    let ops = Arc::new(ops);
    crate::farm::until("somebody leads", async || {
        ops.farm.leader().await.unwrap().map(|_| ())
    })
    .await;
    let mut agent = FakeAgent::join(&ops.farm, "one").await;
    let agent = tokio::spawn(async move {
        let lease = agent.leased().await;
        agent.work(lease).await;
        // All of them wait by now, or find it done: either way there is nothing more to lease.
        assert!(agent.nothing_leased(Duration::from_secs(1)).await);
    });
    let asking = (0..100).map(|_| {
        let (ops, spec) = (Arc::clone(&ops), spec.to_string());
        tokio::spawn(async move {
            let asked = ops.post("/v1/farm/snapshots", spec).await;
            assert!(asked.status.is_success(), "{}", asked.text);
            let location = asked.headers["location"].to_str().unwrap().to_owned();
            let done: SnapshotView = ops.get(&format!("{location}?wait=25")).await.json();
            let picture = ops.get(&format!("{location}/picture")).await;
            assert_eq!(picture.status, StatusCode::OK, "{}", picture.text);
            assert_eq!(picture.headers["content-type"], "image/png");
            (asked.status, done, picture.text)
        })
    });
    let mut created = 0;
    let mut ids = Vec::new();
    for asked in asking {
        let (status, done, picture) = asked.await.unwrap();
        created += usize::from(status == StatusCode::CREATED);
        assert_eq!(done.state, SnapshotState::Done);
        assert_eq!(picture, "frame 12 of Main");
        ids.push(done.id);
    }
    ids.dedup();
    assert_eq!((created, ids.len()), (1, 1));
    agent.await.unwrap();
    let admin = ops.db.admin().await;
    let attempts: i64 = sqlx::query_scalar("SELECT count(*) FROM render.attempts")
        .fetch_one(&admin)
        .await
        .unwrap();
    let rows: Vec<i64> = sqlx::query_scalar("SELECT hits FROM render.snapshots")
        .fetch_all(&admin)
        .await
        .unwrap();
    assert_eq!((attempts, rows), (1, vec![100]));
    ops.shutdown.cancel();
    leader.await.unwrap();
}

#[tokio::test]
async fn every_field_makes_another_snapshot() {
    let ops = TestOps::start().await;
    let plain = json!({ "project": ops.project(48).await, "composition": "Main", "frame": 12, "width": 32, "height": 18 });
    let ask = async |spec: &Value| {
        let asked = ops.post("/v1/farm/snapshots", spec.to_string()).await;
        assert!(asked.status.is_success(), "{}", asked.text);
        asked.json::<SnapshotView>().id
    };
    let first = ask(&plain).await;
    assert_eq!(ask(&plain).await, first);
    let mut ids = vec![first];
    let other = ops.project(49).await;
    let mut renamed = plain["project"].clone();
    renamed["file_name"] = json!("other.aep");
    for (field, value) in [
        ("project", other),
        ("project", renamed),
        ("frame", json!(13)),
        ("width", json!(64)),
        ("height", json!(36)),
        ("format", json!("jpeg")),
        ("renderer", json!("25.2x26")),
    ] {
        let mut spec = plain.clone();
        spec[field] = value;
        let id = ask(&spec).await;
        assert!(!ids.contains(&id), "{field}");
        assert_eq!(ask(&spec).await, id, "{field}");
        ids.push(id);
    }
    // What is the default anyway is the same wish.
    for (field, value) in [("format", json!("png")), ("renderer", json!("any"))] {
        let mut spec = plain.clone();
        spec[field] = value;
        assert_eq!(ask(&spec).await, first, "{field}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_wish_is_said_with_its_field() {
    let ops = TestOps::start().await;
    let project = ops.project(48).await;
    let good = json!({ "project": project, "composition": "Main", "frame": 12 });
    for (field, value, wrong) in [
        ("composition", json!("Main 2"), "/composition not_found"),
        ("frame", json!(48), "/frame out_of_range"),
        ("frame", json!(-1), "/frame out_of_range"),
        ("frame", json!(5_000_000_000_i64), "/frame out_of_range"),
        ("width", json!(0), "/width out_of_range"),
        ("height", json!(20_000), "/height out_of_range"),
        ("width", json!(16_000), "/width out_of_range"),
        ("renderer", json!(""), "/renderer malformed"),
        ("format", json!("gif"), "/format unknown_value"),
        ("values", json!({}), "/values unknown_field"),
    ] {
        let mut spec = good.clone();
        spec[field] = value.clone();
        let answer = ops.post("/v1/farm/snapshots", spec.to_string()).await;
        let expected = refused(422, "validation_failed", &[wrong]);
        assert_eq!(
            answer.refusal(),
            expected,
            "{field} {value}: {}",
            answer.text
        );
    }
    let mut spec = good.clone();
    spec["project"]["digest"] = json!("0".repeat(64));
    let answer = ops.post("/v1/farm/snapshots", spec.to_string()).await;
    let fields = ["/project/digest not_uploaded"];
    assert_eq!(answer.refusal(), refused(422, "validation_failed", &fields));
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM render.snapshots")
        .fetch_one(&ops.db.admin().await)
        .await
        .unwrap();
    assert_eq!(rows, 0, "what is refused leaves nothing behind");
}

#[tokio::test]
async fn a_wait_ends_and_a_picture_that_is_not_there_is_said_so() {
    let ops = TestOps::start().await;
    let spec = json!({ "project": ops.project(48).await, "composition": "Main", "frame": 12 });
    let asked = ops.post("/v1/farm/snapshots", spec.to_string()).await;
    assert_eq!(asked.status, StatusCode::CREATED);
    let location = asked.headers["location"].to_str().unwrap();
    let started = Instant::now();
    let waited: SnapshotView = ops.get(&format!("{location}?wait=1")).await.json();
    assert_eq!(waited.state, SnapshotState::Queued, "nobody leads");
    let took = started.elapsed();
    assert!(took >= Duration::from_millis(990), "{took:?}");
    assert!(took < Duration::from_secs(20), "{took:?}");
    let picture = ops.get(&format!("{location}/picture")).await;
    assert_eq!(picture.refusal(), refused(409, "state_conflict", &[]));
    assert!(picture.text.contains("queued"), "{}", picture.text);
    let wait = ops.get(&format!("{location}?wait=26")).await;
    let fields = ["/wait out_of_range"];
    assert_eq!(wait.refusal(), refused(422, "validation_failed", &fields));
    for path in ["", "?wait=1", "/picture"] {
        let path = format!("/v1/farm/snapshots/{NOBODY}{path}");
        let unknown = ops.get(&path).await;
        assert_eq!(unknown.refusal(), refused(404, "not_found", &[]), "{path}");
    }
    // The picture went from the store: it is forgotten, and rendered again when asked for.
    let admin = ops.db.admin().await;
    sqlx::query("UPDATE render.snapshots SET state = 'done', digest = $1, bytes = 1")
        .bind([7_u8; 32].as_slice())
        .execute(&admin)
        .await
        .unwrap();
    let picture = ops.get(&format!("{location}/picture")).await;
    assert_eq!(picture.refusal(), refused(404, "not_found", &[]));
    let again = ops.post("/v1/farm/snapshots", spec.to_string()).await;
    assert_eq!(again.status, StatusCode::CREATED);
}
