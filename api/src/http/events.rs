//! Server-sent events: each has a number as its id, so that a client that comes back says where it was.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue};
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt};
use serde::Serialize;

use super::problem::Problem;

/// How often a silent stream says that it lives. Proxies cut what is silent for a minute.
const PING: Duration = Duration::from_secs(15);

/// One event: a number that grows, and its JSON.
#[derive(Debug, Clone)]
pub struct Event<T> {
    /// Becomes `id:`, and comes back as `Last-Event-ID`.
    pub seq: i64,
    /// Becomes `data:`.
    pub data: T,
}

/// `stream` as `text/event-stream`, with a comment every 15 seconds. It ends where the stream ends; clients come back
/// by themselves with `Last-Event-ID`.
pub fn events<T, St>(stream: St) -> Response
where
    T: Serialize,
    St: Stream<Item = Event<T>> + Send + 'static,
{
    let wire = stream.map(|event| {
        let json = serde_json::to_string(&event.data).unwrap_or_else(|error| {
            tracing::error!(seq = event.seq, %error, "an event could not be written");
            "null".to_owned()
        });
        let id = event.seq.to_string();
        Ok::<_, Infallible>(sse::Event::default().id(id).data(json))
    });
    let mut response = Sse::new(wire)
        .keep_alive(KeepAlive::new().interval(PING).text("ping"))
        .into_response();
    // Proxies of the nginx family hold back what they buffer.
    response.headers_mut().insert(
        HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    );
    response
}

/// Where the client was: the header `Last-Event-ID`; none on a first visit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastEventId(pub Option<i64>);

impl<S: Send + Sync> FromRequestParts<S> for LastEventId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get("last-event-id") else {
            return Ok(Self(None));
        };
        let text = value.to_str().unwrap_or("(not text)").trim();
        if text.is_empty() {
            return Ok(Self(None));
        }
        match text.parse() {
            Ok(seq) if seq >= 0 => Ok(Self(Some(seq))),
            _ => Err(Problem::invalid_header(
                "Last-Event-ID",
                format!("\"{}\" is not an id of this stream", text.escape_debug()),
            )),
        }
    }
}
