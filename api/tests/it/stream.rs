//! Event streams: ids, and coming back where one was.

use axum::body::Body;
use axum::http::StatusCode;
use insta::assert_snapshot;

use crate::farm::{get, request, send};

async fn since(last: &str) -> crate::farm::Answer {
    let request = request("GET", "/v1/events").header("last-event-id", last);
    send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn events_carry_their_number() {
    let answer = get("/v1/events").await;
    assert_eq!(answer.headers["x-accel-buffering"], "no");
    assert_snapshot!(answer.shown(), @r#"
    200
    content-type: text/event-stream
    id: 1
    data: ["job",1]

    id: 2
    data: ["job",2]

    id: 3
    data: ["job",3]
    "#);
}

#[tokio::test]
async fn a_client_goes_on_where_it_was() {
    assert_eq!(since("2").await.text, "id: 3\ndata: [\"job\",3]\n\n");
    assert_eq!(since("3").await.text, "");
    for wrong in ["-1", "three", "9999999999999999999"] {
        let answer = since(wrong).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{wrong}");
        assert!(answer.text.contains("Last-Event-ID"), "{}", answer.text);
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_stream_says_every_15_seconds_that_it_lives() {
    use flatrender_api::http::{Event, events};
    use http_body_util::BodyExt;

    let silent = futures_util::stream::pending::<Event<()>>();
    let mut body = events(silent).into_body();
    let started = tokio::time::Instant::now();
    let frame = body.frame().await.unwrap().unwrap();
    assert_eq!(frame.into_data().unwrap().as_ref(), b": ping\n\n");
    assert_eq!(started.elapsed().as_secs(), 15);
}
