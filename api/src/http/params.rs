//! The parts of an address: path parameters and query, with problems that name what is wrong.

use axum::extract::path::ErrorKind;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path as AxumPath};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::problem::Problem;
use super::wrong;

/// Path parameters. One that can't be what it should is a thing that does not exist: 404.
#[derive(Debug, Clone, Copy)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let rejection = match AxumPath::<T>::from_request_parts(parts, state).await {
            Ok(AxumPath(value)) => return Ok(Self(value)),
            Err(rejection) => rejection,
        };
        let PathRejection::FailedToDeserializePathParams(failed) = rejection else {
            return Err(Problem::internal(&rejection));
        };
        Err(match failed.kind() {
            ErrorKind::ParseErrorAtKey { key, value, .. }
            | ErrorKind::DeserializeError { key, value, .. } => {
                Problem::not_found(format!("{key} \"{}\"", value.escape_debug()))
            }
            ErrorKind::InvalidUtf8InPathParam { key } => {
                Problem::not_found(format!("{key} whose name is not UTF-8"))
            }
            ErrorKind::ParseError { value, .. } | ErrorKind::ParseErrorAtIndex { value, .. } => {
                Problem::not_found(format!("\"{}\"", value.escape_debug()))
            }
            ErrorKind::Message(_) => Problem::not_found(parts.uri.path()),
            // Left are mistakes of ours: a handler that asks for other parameters than its path has.
            _ => Problem::internal(&failed),
        })
    }
}

/// The query, read as `T`; unknown names are refused where `T` refuses them.
#[derive(Debug, Clone, Copy)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        let pairs = form_urlencoded::parse(query.as_bytes());
        let reader = serde_urlencoded::Deserializer::new(pairs);
        serde_path_to_error::deserialize(reader)
            .map(Self)
            .map_err(|error| wrong::query(error.path(), &error.inner().to_string()))
    }
}
