//! `/v1/farm/events`.

use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use flatrender_protocol::JobId;
use flatrender_protocol::rest::EventView;
use http_body_util::BodyExt;

use super::{TestOps, refused};

/// Reads a stream of events.
struct Reader {
    body: Body,
    text: String,
}

impl Reader {
    async fn open(ops: &TestOps, query: &str, last: Option<i64>) -> Self {
        let mut request = ops.request("GET", &format!("/v1/farm/events{query}"));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response: Response = ops.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self {
            body: response.into_body(),
            text: String::new(),
        }
    }

    /// The next event, `None` at the end of the stream.
    async fn next(&mut self) -> Option<EventView> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.text = rest;
                let field = |name: &str| {
                    event
                        .lines()
                        .find_map(|line| line.strip_prefix(name).map(str::to_owned))
                };
                let Some(data) = field("data: ") else {
                    continue;
                };
                let view: EventView = serde_json::from_str(&data).unwrap();
                assert_eq!(field("id: ").unwrap(), view.seq.to_string());
                return Some(view);
            }
            let frame = tokio::time::timeout(Duration::from_secs(20), self.body.frame());
            let bytes = frame
                .await
                .expect("within 20 s")?
                .unwrap()
                .into_data()
                .unwrap();
            self.text += std::str::from_utf8(&bytes).unwrap();
        }
    }
}

#[tokio::test]
async fn events_come_live_and_again_after_a_break() {
    let ops = TestOps::start().await;
    let before = ops.submit("before").await;
    let mut live = Reader::open(&ops, "", None).await;
    let job = ops.submit("after").await;
    let first = live.next().await.unwrap();
    assert_eq!(
        (first.job, first.to.as_str()),
        (Some(job.id), "queued"),
        "from now on, not before"
    );
    ops.post(&format!("/v1/farm/jobs/{}/cancel", job.id), "{}")
        .await;
    let second = live.next().await.unwrap();
    assert_eq!(
        (second.job, second.from.as_deref(), second.who.as_str()),
        (Some(job.id), Some("queued"), "operator")
    );
    assert!(second.seq > first.seq);
    // A client that comes back gets what it missed, once; the header is stronger than the query.
    let mut again = Reader::open(&ops, "?after=0", Some(first.seq)).await;
    assert_eq!(again.next().await.unwrap(), second);
    let mut all = Reader::open(&ops, "?after=0", None).await;
    assert_eq!(all.next().await.unwrap().job, Some(before.id));
    assert_eq!(all.next().await.unwrap(), first);
    let mut one = Reader::open(&ops, &format!("?after=0&job={}", job.id), None).await;
    assert_eq!(
        (one.next().await.unwrap(), one.next().await.unwrap()),
        (first, second)
    );
}

#[tokio::test]
async fn a_stream_ends_when_the_controller_stops() {
    let ops = TestOps::start().await;
    let mut live = Reader::open(&ops, "", None).await;
    let stop = async {
        tokio::task::yield_now().await;
        ops.shutdown.cancel();
    };
    let (end, ()) = tokio::join!(live.next(), stop);
    assert_eq!(end, None);
}

#[tokio::test]
async fn what_can_not_be_followed_is_refused() {
    let ops = TestOps::start().await;
    let stranger = JobId::new();
    for (query, expected) in [
        (format!("?job={stranger}"), refused(404, "not_found", &[])),
        (
            "?job=x".to_owned(),
            refused(422, "validation_failed", &["/job invalid"]),
        ),
        (
            "?after=-1".to_owned(),
            refused(422, "validation_failed", &["/after out_of_range"]),
        ),
        (
            "?since=1".to_owned(),
            refused(422, "validation_failed", &["/since unknown_field"]),
        ),
    ] {
        let answer = ops.get(&format!("/v1/farm/events{query}")).await;
        assert_eq!(answer.refusal(), expected, "{query}");
    }
}
