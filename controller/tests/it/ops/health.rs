//! `/healthz`.

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use flatrender_controller::database::Role;
use flatrender_controller::store::leadership;
use serde_json::{Value, json};
use uuid::Uuid;

use super::TestOps;

#[tokio::test]
async fn it_says_whether_this_controller_can_work() {
    let ops = TestOps::start().await;
    let ask = async || {
        let request = Request::builder()
            .uri("/healthz")
            .body(Body::empty())
            .unwrap();
        let answer = ops.answer(request).await;
        (answer.status.as_u16(), answer.json::<Value>())
    };
    let loops = json!([{ "name": "sample", "ok": true, "at": null }]);
    let expected = |status: &str, database: bool, leader: bool| {
        json!({ "status": status, "database": database, "leader": leader,
                "version": env!("CARGO_PKG_VERSION"), "loops": loops })
    };
    assert_eq!(
        ask().await,
        (503, expected("unavailable", true, false)),
        "nobody leads"
    );
    let worker = ops.db.pool(Role::RenderWorker).await;
    let claimed =
        leadership::claim(&worker, Uuid::new_v4(), "another", Duration::from_secs(60)).await;
    let epoch = claimed.unwrap().expect("nobody led");
    assert_eq!(
        ask().await,
        (200, expected("ok", true, true)),
        "another controller leads"
    );
    leadership::release(&worker, epoch).await.unwrap();
    worker.close().await;
    assert_eq!(
        ask().await,
        (503, expected("unavailable", true, false)),
        "it let go"
    );
}
