//! The JSON body of a request: its type, its size, its depth and its fields are checked, and what is wrong is named.

use axum::body::to_bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::problem::Problem;
use super::table::BodyLimit;
use super::wrong;

/// Deepest nesting of objects and lists.
const MAX_DEPTH: usize = 32;
/// What a route without an entry's limit would get; the table always sets one.
const DEFAULT_LIMIT_BYTES: u64 = 1 << 20;

/// A JSON body, read as `T`; as an answer, written as JSON.
#[derive(Debug, Clone, Copy)]
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        check_type(request.headers())?;
        let limit = request
            .extensions()
            .get::<BodyLimit>()
            .map_or(DEFAULT_LIMIT_BYTES, |limit| limit.0);
        let declared = declared_length(request.headers())?;
        if declared.is_some_and(|length| length > limit) {
            return Err(Problem::too_large(limit));
        }
        let limit_here = usize::try_from(limit).unwrap_or(usize::MAX);
        let bytes = to_bytes(request.into_body(), limit_here)
            .await
            .map_err(|error| unread(&error, limit))?;
        read(&bytes).map(Self)
    }
}

impl<T: Serialize> IntoResponse for Body<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(json) => ([(header::CONTENT_TYPE, "application/json")], json).into_response(),
            Err(error) => Problem::internal(&error).into_response(),
        }
    }
}

/// `Content-Length`, where it is given.
pub(super) fn declared_length(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(value) = headers.get(header::CONTENT_LENGTH) else {
        return Ok(None);
    };
    let length = value.to_str().ok().and_then(|text| text.parse().ok());
    length
        .map(Some)
        .ok_or_else(|| Problem::invalid_header("Content-Length", "it is not a number of bytes"))
}

/// Why a body could not be read to its end.
pub(super) fn unread(error: &axum::Error, limit: u64) -> Problem {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<http_body_util::LengthLimitError>() {
            return Problem::too_large(limit);
        }
        if error.is::<tower_http::timeout::TimeoutError>() {
            return Problem::incomplete_body("nothing came for too long; send it again");
        }
        cause = error.source();
    }
    Problem::incomplete_body("the connection ended before the body did; send it again")
}

fn check_type(headers: &HeaderMap) -> Result<(), Problem> {
    let found = headers
        .get(header::CONTENT_TYPE)
        .map(|value| value.to_str().unwrap_or("(not text)"));
    let refused = || Problem::unsupported_media_type(found, "application/json");
    let mut parts = found.ok_or_else(refused)?.split(';');
    let essence = parts.next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        return Err(refused());
    }
    for part in parts {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let value = value.trim().trim_matches('"');
        if name.trim().eq_ignore_ascii_case("charset") && !value.eq_ignore_ascii_case("utf-8") {
            return Err(refused());
        }
    }
    Ok(())
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    if depth(bytes) > MAX_DEPTH {
        return Err(Problem::malformed_json(format!(
            "it is nested deeper than {MAX_DEPTH} levels"
        )));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let message = bare(error.inner());
        match error.inner().classify() {
            serde_json::error::Category::Data => wrong::document(error.path(), &message),
            serde_json::error::Category::Syntax
            | serde_json::error::Category::Eof
            | serde_json::error::Category::Io => syntax(error.inner(), &message),
        }
    })?;
    reader
        .end()
        .map_err(|error| syntax(&error, &bare(&error)))?;
    Ok(value)
}

fn syntax(error: &serde_json::Error, message: &str) -> Problem {
    Problem::malformed_json(format!(
        "{message} in line {}, column {}",
        error.line(),
        error.column()
    ))
}

/// serde_json's words without the place, which we say ourselves.
fn bare(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&place).unwrap_or(&text).to_owned()
}

/// Deepest nesting, without building anything; what is inside texts does not count.
fn depth(bytes: &[u8]) -> usize {
    let (mut now, mut deepest) = (0usize, 0usize);
    let (mut in_text, mut escaped) = (false, false);
    for byte in bytes {
        match (in_text, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (true, b'"') => in_text = false,
            (true, _) => {}
            (false, b'"') => in_text = true,
            (false, b'{' | b'[') => {
                now += 1;
                deepest = deepest.max(now);
            }
            (false, b'}' | b']') => now = now.saturating_sub(1),
            (false, _) => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::depth;

    #[test]
    fn brackets_in_texts_are_not_nesting() {
        for (json, expected) in [
            (r"1", 0),
            (r#"{"a":[1,{"b":2}],"c":[]}"#, 3),
            (r#"{"a":"[[[[\"[["}"#, 1),
            (r"]]][", 1),
        ] {
            assert_eq!(depth(json.as_bytes()), expected, "{json}");
        }
    }
}
