//! `/v1/farm/snapshots`: one frame of a composition as a picture, rendered once however many ask.

use std::time::Duration;

use axum::body::Body as Bytes;
use axum::extract::State;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use flatrender_api::http::{
    Answer, Body, Gives, Param, Path, Problem, Query, Refusal, Route, Shape, Table, Takes,
};
use flatrender_protocol::message::PictureFormat;
use flatrender_protocol::rest::{SnapshotSpec, SnapshotView};
use flatrender_protocol::state::SnapshotState;
use flatrender_protocol::{SnapshotId, TenantId};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Ops, admin, failure};
use crate::blobs::{Area, BlobError};
use crate::farm::SubmitError;

/// Longest wait of one request: below the deadline of every request.
const MAX_WAIT_SECONDS: u32 = 25;

pub(super) fn routes(table: Table<Ops>) -> Table<Ops> {
    const ALL: &str = "/v1/farm/snapshots";
    const ONE: &str = "/v1/farm/snapshots/{snapshot}";
    const PICTURE: &str = "/v1/farm/snapshots/{snapshot}/picture";
    const ID: &[Param] = &[("snapshot", Shape::of::<SnapshotId>())];
    let asked = Gives {
        statuses: &[201, 200],
        ..Gives::json::<SnapshotView>()
    };
    let post = Route {
        takes: Takes::Json(Shape::of::<SnapshotSpec>()),
        summary: "Asks for a snapshot; the same one is rendered once",
        ..admin(Method::POST, ALL, "snapshot.write", asked)
    };
    let view = Gives::json::<SnapshotView>();
    let show_entry = Route {
        params: ID,
        query: Some(Shape::of::<ShowQuery>()),
        summary: "One snapshot; with wait, once it is over",
        ..admin(Method::GET, ONE, "snapshot.read", view)
    };
    let bytes = Gives {
        statuses: &[200],
        body: Answer::OneOf(&["image/png", "image/jpeg"]),
    };
    let picture_entry = Route {
        params: ID,
        refuses: &[Refusal::State, Refusal::Away],
        summary: "The picture of a snapshot",
        ..admin(Method::GET, PICTURE, "snapshot.read", bytes)
    };
    table
        .route(post, ask)
        .route(show_entry, show)
        .route(picture_entry, picture)
}

/// How long to wait.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ShowQuery {
    /// Answer once it is done or failed, or after so many seconds: 0 … 25. Default 0.
    #[schemars(range(max = 25))]
    wait: Option<u32>,
}

async fn ask(State(ops): State<Ops>, Body(spec): Body<SnapshotSpec>) -> Result<Response, Problem> {
    let asked = ops.farm.ask_for_snapshot(TenantId::DEFAULT, spec).await;
    let (view, new) = asked.map_err(|error| match error {
        SubmitError::Invalid(errors) => Problem::validation(errors),
        SubmitError::Store(error) => failure::of_store(&error),
        SubmitError::Blobs(error) => failure::of_blobs(&error),
    })?;
    let location = format!("/v1/farm/snapshots/{}", view.id);
    let status = if new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok((status, [(header::LOCATION, location)], Body(view)).into_response())
}

async fn show(
    State(ops): State<Ops>,
    Path(id): Path<SnapshotId>,
    Query(query): Query<ShowQuery>,
) -> Result<Body<SnapshotView>, Problem> {
    let seconds = query.wait.unwrap_or(0);
    if seconds > MAX_WAIT_SECONDS {
        let detail = format!("it is {seconds}; needed is 0 to {MAX_WAIT_SECONDS}");
        return Err(Problem::invalid("/wait", "out_of_range", detail));
    }
    let wait = Duration::from_secs(seconds.into());
    let found = tokio::select! {
        found = ops.farm.snapshot_when_over(TenantId::DEFAULT, id, wait) => found,
        () = ops.shutdown.cancelled() => ops.farm.snapshot(TenantId::DEFAULT, id).await,
    };
    let found = found.map_err(|error| failure::of_store(&error))?;
    found.map(Body).ok_or_else(|| unknown(id))
}

async fn picture(State(ops): State<Ops>, Path(id): Path<SnapshotId>) -> Result<Response, Problem> {
    let away = |error| failure::of_store(&error);
    let found = ops.farm.snapshot(TenantId::DEFAULT, id).await;
    let view = found.map_err(away)?.ok_or_else(|| unknown(id))?;
    let Some(digest) = view.digest else {
        return Err(Problem::conflict(no_picture(&view)));
    };
    let (length, stream) = match ops.farm.blobs.get(Area::Farm, digest, 0).await {
        Ok(found) => found,
        Err(BlobError::Missing(_)) => {
            ops.farm.forget_snapshot(id, digest).await.map_err(away)?;
            return Err(unknown(id));
        }
        Err(error) => return Err(failure::of_blobs(&error)),
    };
    ops.farm.snapshot_fetched(id).await.map_err(away)?;
    let kind = match view.format {
        PictureFormat::Png => "image/png",
        PictureFormat::Jpeg => "image/jpeg",
    };
    let tag = format!("\"{digest}\"");
    let tag = HeaderValue::from_str(&tag).expect("a digest is visible ASCII");
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CONTENT_LENGTH, HeaderValue::from(length)),
        (header::ETAG, tag),
    ];
    Ok((headers, Bytes::from_stream(stream)).into_response())
}

fn no_picture(view: &SnapshotView) -> String {
    let again = view.again_at.as_deref().unwrap_or_default();
    match (view.state, &view.error) {
        (SnapshotState::Failed, Some(error)) => format!(
            "snapshot {} failed: {error}; asking again after {again} tries again",
            view.id
        ),
        (state, _) => format!(
            "snapshot {} is {state}; its picture is there once it is done",
            view.id
        ),
    }
}

fn unknown(id: SnapshotId) -> Problem {
    Problem::not_found(format!("snapshot {id}"))
}
