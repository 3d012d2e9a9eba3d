//! Every way to say no, in one place: status, code, title and words. Must not leak: a cause inside the farm is logged,
//! and the answer carries the request id alone.

use std::error::Error;
use std::fmt;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use flatrender_protocol::rest;
use flatrender_protocol::rest::FieldError;

/// Most characters of one text in a problem: what was sent is quoted, never returned whole.
const MAX_TEXT: usize = 400;
/// Most field errors in one problem.
const MAX_FIELDS: usize = 100;

/// What the body of a problem is called.
pub(super) const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// A refusal as `application/problem+json` (RFC 9457). The request id is put in by the outermost layer.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    body: Box<rest::Problem>,
    headers: Box<HeaderMap>,
}

/// One wrong field: where it is (RFC 6901), the kind for programs, and words with the value and the way out.
pub fn field(pointer: impl Into<String>, code: &str, detail: impl Into<String>) -> FieldError {
    FieldError {
        pointer: short(pointer.into()),
        code: code.to_owned(),
        detail: short(detail.into()),
    }
}

impl Problem {
    fn new(status: StatusCode, code: &str, title: &str, detail: impl Into<String>) -> Self {
        Self {
            status,
            body: Box::new(rest::Problem {
                kind: format!(
                    "https://errors.flatrender.example/{}",
                    code.replace('_', "-")
                ),
                title: title.to_owned(),
                status: status.as_u16(),
                detail: short(detail.into()),
                code: code.to_owned(),
                request_id: None,
                errors: Vec::new(),
            }),
            headers: Box::default(),
        }
    }

    /// 400: the body is not JSON that can be read.
    pub fn malformed_json(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "malformed_json",
            "The body is not valid JSON",
            detail,
        )
    }

    /// 400: a header can't be read.
    pub fn invalid_header(name: &str, detail: impl fmt::Display) -> Self {
        let detail = format!("header {name}: {detail}");
        Self::new(
            StatusCode::BAD_REQUEST,
            "invalid_header",
            "A header is invalid",
            detail,
        )
    }

    /// 400: a cursor that this list did not give out, or gave out for another filter.
    pub fn invalid_cursor() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "invalid_cursor",
            "The cursor is invalid",
            "the cursor is not one of this list; leave it out to begin at the first page",
        )
    }

    /// 400: the bytes ended early or came too slowly.
    pub fn incomplete_body(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "incomplete_body",
            "The body did not arrive whole",
            detail,
        )
    }

    /// 401: no credential was sent.
    pub fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "token_missing",
            "A token is needed",
            "send the header Authorization: Bearer TOKEN",
        )
        .with_header(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static("Bearer realm=\"flatrender\""),
        )
    }

    /// 401: the credential is not known.
    pub fn bad_token() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "token_invalid",
            "The token is not valid",
            "the token is not known here or no longer works; sign in again or ask for a new one",
        )
        .with_header(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static("Bearer realm=\"flatrender\", error=\"invalid_token\""),
        )
    }

    /// 403: known, but not allowed; `permission` is what it takes.
    pub fn forbidden(permission: &str) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "permission_denied",
            "Not allowed",
            format!("this needs the permission {permission}"),
        )
    }

    /// 404: `what` is the thing in words, such as `job "nowruz-04"`.
    pub fn not_found(what: impl fmt::Display) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not_found",
            "Not found",
            format!("there is no {what}"),
        )
    }

    /// 405: the path exists, not with this method. The router adds `Allow`.
    pub fn method_not_allowed(method: &axum::http::Method) -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            "Method not allowed",
            format!("{method} is not possible here; the header Allow lists what is"),
        )
    }

    /// 409: what was asked is not possible in the state that the thing is in.
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::CONFLICT,
            "state_conflict",
            "Not possible in the present state",
            detail,
        )
    }

    /// 411: a stream of bytes without its length.
    pub fn length_required() -> Self {
        Self::new(
            StatusCode::LENGTH_REQUIRED,
            "length_required",
            "The length is missing",
            "send the header Content-Length; chunked bodies are not taken here",
        )
    }

    /// 413: more than the limit of the route.
    pub fn too_large(limit_bytes: u64) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too_large",
            "The body is too large",
            format!("at most {limit_bytes} bytes are taken here"),
        )
    }

    /// 414: the address is too long.
    pub fn uri_too_long(limit_bytes: usize) -> Self {
        Self::new(
            StatusCode::URI_TOO_LONG,
            "uri_too_long",
            "The address is too long",
            format!("at most {limit_bytes} bytes of path and query are taken"),
        )
    }

    /// 415: the body is of another type than the route takes.
    pub fn unsupported_media_type(found: Option<&str>, wanted: &str) -> Self {
        let found = found.map_or_else(
            || "there is no Content-Type".to_owned(),
            |found| format!("Content-Type is \"{}\"", found.escape_debug()),
        );
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "The body is of a type that is not taken here",
            format!("{found}; send {wanted}"),
        )
    }

    /// 422: readable, but fields are wrong. `errors` must not be empty.
    pub fn validation(mut errors: Vec<FieldError>) -> Self {
        let detail = match errors.as_slice() {
            [one] if one.pointer.is_empty() => one.detail.clone(),
            [one] => format!("{}: {}", one.pointer, one.detail),
            more => format!("{} fields are wrong", more.len()),
        };
        errors.truncate(MAX_FIELDS);
        let mut problem = Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "validation_failed",
            "The request is not valid",
            detail,
        );
        problem.body.errors = errors;
        problem
    }

    /// 422 about the one field at `pointer`.
    pub fn invalid(pointer: &str, code: &str, detail: impl Into<String>) -> Self {
        Self::validation(vec![field(pointer, code, detail)])
    }

    /// 431: headers beyond the limit.
    pub fn headers_too_large(limit_bytes: usize) -> Self {
        Self::new(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "headers_too_large",
            "The headers are too large",
            format!("at most {limit_bytes} bytes of headers are taken"),
        )
    }

    /// 500: our fault. Logs the whole chain of causes here, once; the answer has only the request id.
    pub fn internal(error: &(dyn Error + 'static)) -> Self {
        tracing::error!(error = %Chain(error), "request failed");
        Self::unexplained()
    }

    /// 500 without anything to log here (a handler that panicked was logged by the panic hook).
    pub(super) fn unexplained() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "Something went wrong here",
            "this is our fault; quote the request id when you report it",
        )
    }

    /// 503: not now, such as without a leader or a database. Logs the cause where there is one.
    pub fn unavailable(error: Option<&(dyn Error + 'static)>, retry_after_seconds: u32) -> Self {
        if let Some(error) = error {
            tracing::warn!(error = %Chain(error), "request refused for now");
        }
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "maintenance",
            "Not available right now",
            format!("try again in {retry_after_seconds} s"),
        )
        .with_header(header::RETRY_AFTER, HeaderValue::from(retry_after_seconds))
    }

    /// 504: the handler took longer than the route allows.
    pub(super) fn timed_out() -> Self {
        Self::new(
            StatusCode::GATEWAY_TIMEOUT,
            "upstream_timeout",
            "It took too long",
            "it may have happened or not; look before you ask for it again",
        )
    }

    /// Adds a header to the answer.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// What will be answered, but for the request id.
    pub fn body(&self) -> &rest::Problem {
        &self.body
    }
}

/// What [`IntoResponse`] leaves behind so that the outermost layer can add the request id.
#[derive(Clone)]
pub(super) struct Unsigned(pub Box<rest::Problem>);

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let json = serde_json::to_vec(&self.body).expect("a problem has only texts and numbers");
        let mut response = (self.status, *self.headers, json).into_response();
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, PROBLEM_JSON);
        response.extensions_mut().insert(Unsigned(self.body));
        response
    }
}

/// An error with its causes on one line, each once.
struct Chain<'a>(&'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut next = self.0.source();
        while let Some(error) = next {
            write!(f, ": {error}")?;
            next = error.source();
        }
        Ok(())
    }
}

fn short(text: String) -> String {
    if text.chars().count() <= MAX_TEXT {
        return text;
    }
    text.chars().take(MAX_TEXT).chain(['…']).collect()
}
