//! `/v1/farm/jobs/{job}/frames`: what a job's frames look like, while it runs and afterwards.

use axum::body::Body as Bytes;
use axum::extract::State;
use axum::http::{HeaderValue, Method, header};
use axum::response::{IntoResponse, Response};
use flatrender_api::http::{
    Answer, Body, Gives, Param, Path, Problem, Query, Refusal, Route, Shape, Table,
};
use flatrender_protocol::rest::NewestFrameView;
use flatrender_protocol::{JobId, TenantId};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Ops, admin, failure, jobs};
use crate::farm::{PictureError, WhichFrame};

/// Widest picture that can be asked for, in pixels.
const MAX_WIDTH: u32 = 4096;

pub(super) fn routes(table: Table<Ops>) -> Table<Ops> {
    const JOB: &[Param] = &[("job", Shape::of::<JobId>())];
    const FRAME: &[Param] = &[("job", Shape::of::<JobId>()), ("frame", Shape::of::<i64>())];
    let route = |path, params, gives, summary| Route {
        params,
        summary,
        ..admin(Method::GET, path, "job.read", gives)
    };
    let jpeg = Gives {
        statuses: &[200],
        body: Answer::Bytes("image/jpeg"),
    };
    let newest_entry = route(
        "/v1/farm/jobs/{job}/frames/newest",
        JOB,
        Gives::json::<NewestFrameView>(),
        "The frame of a job that was published last",
    );
    let sized = |entry: Route| Route {
        query: Some(Shape::of::<SizeQuery>()),
        refuses: &[Refusal::Fields, Refusal::Away],
        ..entry
    };
    let newest_picture_entry = route(
        "/v1/farm/jobs/{job}/frames/newest/picture",
        JOB,
        jpeg,
        "The newest frame as a small picture, over the composition's background",
    );
    let picture_entry = route(
        "/v1/farm/jobs/{job}/frames/{frame}/picture",
        FRAME,
        jpeg,
        "A display frame as a small picture, over the composition's background",
    );
    table
        .route(newest_entry, newest)
        .route(sized(newest_picture_entry), newest_picture)
        .route(sized(picture_entry), picture)
}

/// How large the picture is.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SizeQuery {
    /// Its width, 1 … 4096 pixels, never wider than the frame. Default 960.
    #[schemars(range(min = 1, max = 4096))]
    width: Option<u32>,
}

async fn newest(
    State(ops): State<Ops>,
    Path(job): Path<JobId>,
) -> Result<Body<NewestFrameView>, Problem> {
    let found = ops.farm.newest_frame(TenantId::DEFAULT, job).await;
    found.map(Body).map_err(|error| refused(job, error))
}

async fn newest_picture(
    State(ops): State<Ops>,
    Path(job): Path<JobId>,
    Query(query): Query<SizeQuery>,
) -> Result<Response, Problem> {
    show(&ops, job, WhichFrame::Newest, query).await
}

async fn picture(
    State(ops): State<Ops>,
    Path((job, frame)): Path<(JobId, i64)>,
    Query(query): Query<SizeQuery>,
) -> Result<Response, Problem> {
    show(&ops, job, WhichFrame::Display(frame), query).await
}

async fn show(
    ops: &Ops,
    job: JobId,
    which: WhichFrame,
    SizeQuery { width }: SizeQuery,
) -> Result<Response, Problem> {
    if let Some(wrong) = width.filter(|width| !(1..=MAX_WIDTH).contains(width)) {
        let detail = format!("it is {wrong}; needed is 1 to {MAX_WIDTH}");
        return Err(Problem::invalid("/width", "out_of_range", detail));
    }
    let tenant = TenantId::DEFAULT;
    let made = ops.farm.frame_picture(tenant, job, which, width).await;
    let picture = made.map_err(|error| refused(job, error))?;
    let tag = format!("\"{}\"", picture.tag);
    let tag = HeaderValue::from_str(&tag).expect("digests and numbers are visible ASCII");
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("image/jpeg")),
        (header::ETAG, tag),
    ];
    let frame = [("frame", HeaderValue::from(picture.display))];
    Ok((headers, frame, Bytes::from(picture.jpeg)).into_response())
}

fn refused(job: JobId, error: PictureError) -> Problem {
    match error {
        PictureError::NoJob => jobs::unknown(job),
        PictureError::NoFrame(what) => Problem::not_found(what),
        PictureError::Store(error) => failure::of_store(&error),
        PictureError::Blobs(error) => failure::of_blobs(&error),
        PictureError::Decode { .. } => Problem::internal(&error),
    }
}
