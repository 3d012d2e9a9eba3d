//! What wraps every request, known address or not: the request id, one span, headers that protect browsers, limits on
//! address and headers, and a problem instead of a broken connection when a handler panics.

use std::any::Any;
use std::time::Duration;

use axum::Router;
use axum::extract::{FromRequestParts, MatchedPath, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::RequestBodyTimeoutLayer;
use tower_http::trace::TraceLayer;
use uuid::Uuid;

use super::problem::{Problem, Unsigned};

const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
/// Most bytes of path and query.
const MAX_URI: usize = 8 << 10;
/// Most bytes of all headers together.
const MAX_HEADERS: usize = 16 << 10;
/// How long a body may be silent.
const BODY_SILENCE: Duration = Duration::from_secs(15);

/// The id of the request, for what is passed on; it is in the span, the answer and every problem anyway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestId(pub Uuid);

impl<S: Send + Sync> FromRequestParts<S> for RequestId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let known = parts.extensions.get::<Self>().copied();
        Ok(known.unwrap_or_else(|| Self(Uuid::now_v7())))
    }
}

/// Layers are listed from the inside to the outside.
pub(super) fn wrap<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    router
        .layer(RequestBodyTimeoutLayer::new(BODY_SILENCE))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn(limits))
        .layer(TraceLayer::new_for_http().make_span_with(span))
        .layer(middleware::from_fn(protect))
        .layer(middleware::from_fn(identify))
}

/// Outermost: takes or makes the request id, and signs answer and problem with it.
async fn identify(mut request: Request, next: Next) -> Response {
    let given = request
        .headers()
        .get(&REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| Uuid::parse_str(text).ok());
    let id = given.unwrap_or_else(Uuid::now_v7);
    request.extensions_mut().insert(RequestId(id));
    let mut response = next.run(request).await;
    if let Some(Unsigned(mut problem)) = response.extensions_mut().remove::<Unsigned>() {
        problem.request_id = Some(id.to_string());
        let json = serde_json::to_vec(&problem).expect("a problem has only texts and numbers");
        response.headers_mut().remove(header::CONTENT_LENGTH);
        *response.body_mut() = json.into();
    }
    let text = HeaderValue::from_str(&id.to_string()).expect("a UUID is ASCII");
    response.headers_mut().insert(REQUEST_ID, text);
    response
}

fn span(request: &Request) -> tracing::Span {
    let id = request.extensions().get::<RequestId>().map(|id| id.0);
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("(none)", MatchedPath::as_str);
    tracing::info_span!(
        "request",
        method = %request.method(),
        route,
        request_id = id.map(tracing::field::display),
        who = tracing::field::Empty,
    )
}

async fn limits(request: Request, next: Next) -> Response {
    let uri = request
        .uri()
        .path_and_query()
        .map_or(0, |it| it.as_str().len());
    if uri > MAX_URI {
        return Problem::uri_too_long(MAX_URI).into_response();
    }
    if size(request.headers()) > MAX_HEADERS {
        return Problem::headers_too_large(MAX_HEADERS).into_response();
    }
    next.run(request).await
}

fn size(headers: &HeaderMap) -> usize {
    // As on the wire: name, colon, space, value, line end.
    let lines = headers.iter();
    lines
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum()
}

/// Headers that a handler may set itself: what it says stays.
async fn protect(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CACHE_CONTROL, "private, no-store"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'",
        ),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::STRICT_TRANSPORT_SECURITY, "max-age=31536000"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
    ] {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    response
}

fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    tracing::error!(panic = text, "a handler panicked");
    Problem::unexplained().into_response()
}
