//! `/v1/farm/jobs`: render jobs come in, are looked at, cancelled, and give their film.

use axum::body::Body as Bytes;
use axum::extract::State;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use flatrender_api::http::{
    Answer, Body, Gives, Param, Path, Problem, Query, Refusal, Route, Shape, Table, Takes,
};
use flatrender_protocol::rest::{FramesSpec, JobSpec, JobView, Page};
use flatrender_protocol::state::JobState;
use flatrender_protocol::{JobId, TenantId};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Ops, admin, failure};
use crate::blobs::Area;
use crate::farm::{CancelError, PageQuery, RepairError, SubmitError};

/// Most rows of a page.
pub(super) const MAX_PAGE: u32 = 200;
/// Rows of a page when nothing is said.
pub(super) const DEFAULT_PAGE: u32 = 50;

pub(super) fn routes(table: Table<Ops>) -> Table<Ops> {
    const ALL: &str = "/v1/farm/jobs";
    const JOB: &[Param] = &[("job", Shape::of::<JobId>())];
    let post = Route {
        takes: Takes::Json(Shape::of::<JobSpec>()),
        summary: "Takes a render job",
        ..admin(Method::POST, ALL, "job.write", Gives::created::<JobView>())
    };
    let all = Route {
        query: Some(Shape::of::<ListQuery>()),
        refuses: &[Refusal::Cursor, Refusal::Away],
        summary: "Jobs, newest first",
        ..admin(Method::GET, ALL, "job.read", Gives::json::<Page<JobView>>())
    };
    let one = |method, path, permission, gives, summary| Route {
        params: JOB,
        summary,
        ..admin(method, path, permission, gives)
    };
    let job = Gives::json::<JobView>();
    let path = "/v1/farm/jobs/{job}";
    let show_entry = one(Method::GET, path, "job.read", job, "One job");
    let mp4 = Gives {
        statuses: &[200],
        body: Answer::Bytes("video/mp4"),
    };
    let path = "/v1/farm/jobs/{job}/film";
    let summary = "The film of a finished job";
    let film_entry = Route {
        refuses: &[Refusal::State, Refusal::Away],
        ..one(Method::GET, path, "job.read", mp4, summary)
    };
    let path = "/v1/farm/jobs/{job}/cancel";
    let cancel_entry = Route {
        refuses: &[Refusal::State, Refusal::Away],
        ..one(Method::POST, path, "job.cancel", job, "Cancels a job")
    };
    let order = |path, summary| Route {
        takes: Takes::Json(Shape::of::<FramesSpec>()),
        refuses: &[Refusal::State, Refusal::Away],
        ..one(Method::POST, path, "job.repair", job, summary)
    };
    let accept_entry = order(
        "/v1/farm/jobs/{job}/accept",
        "Takes doubted frames as they are",
    );
    let repair_entry = order("/v1/farm/jobs/{job}/repair", "Renders frames again");
    table
        .route(accept_entry, accept)
        .route(repair_entry, repair)
        .route(post, submit)
        .route(all, list)
        .route(show_entry, show)
        .route(film_entry, film)
        .route(cancel_entry, cancel)
}

/// What a list can be asked for.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    /// A name, an id, or the last eight characters of an id.
    #[serde(rename = "match")]
    pub matching: Option<String>,
    /// Rows of the page, 1 … 200. Default 50.
    #[schemars(range(min = 1, max = 200))]
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

impl ListQuery {
    /// How many rows a page has.
    pub(super) fn limit(&self) -> Result<u32, Problem> {
        let limit = self.limit.unwrap_or(DEFAULT_PAGE);
        if (1..=MAX_PAGE).contains(&limit) {
            return Ok(limit);
        }
        let detail = format!("it is {limit}; needed is 1 to {MAX_PAGE}");
        Err(Problem::invalid("/limit", "out_of_range", detail))
    }
}

async fn submit(State(ops): State<Ops>, Body(spec): Body<JobSpec>) -> Result<Response, Problem> {
    let view = ops
        .farm
        .submit(TenantId::DEFAULT, spec)
        .await
        .map_err(|error| match error {
            SubmitError::Invalid(errors) => Problem::validation(errors),
            SubmitError::Store(error) => failure::of_store(&error),
            SubmitError::Blobs(error) => failure::of_blobs(&error),
        })?;
    let location = format!("/v1/farm/jobs/{}", view.id);
    Ok((
        StatusCode::CREATED,
        [(header::LOCATION, location)],
        Body(view),
    )
        .into_response())
}

async fn list(
    State(ops): State<Ops>,
    Query(query): Query<ListQuery>,
) -> Result<Body<Page<JobView>>, Problem> {
    let limit = query.limit()?;
    let before = match query.cursor.as_deref() {
        None => None,
        Some(cursor) => Some(cursor.parse().map_err(|_| Problem::invalid_cursor())?),
    };
    let query = PageQuery {
        matching: query.matching,
        before,
        limit,
    };
    let page = ops.farm.jobs(TenantId::DEFAULT, query).await;
    page.map(Body).map_err(|error| failure::of_store(&error))
}

async fn show(State(ops): State<Ops>, Path(job): Path<JobId>) -> Result<Body<JobView>, Problem> {
    find(&ops, job).await.map(Body)
}

async fn cancel(State(ops): State<Ops>, Path(job): Path<JobId>) -> Result<Body<JobView>, Problem> {
    let cancelled = ops.farm.cancel(TenantId::DEFAULT, job).await;
    cancelled.map(Body).map_err(|error| match error {
        CancelError::Unknown => unknown(job),
        CancelError::State(state) => Problem::conflict(format!(
            "job {job} is {state} already; there is nothing to cancel"
        )),
        CancelError::Store(error) => failure::of_store(&error),
    })
}

async fn accept(
    State(ops): State<Ops>,
    Path(job): Path<JobId>,
    Body(spec): Body<FramesSpec>,
) -> Result<Body<JobView>, Problem> {
    let frames = spec.frames.as_deref();
    let accepted = ops.farm.accept(TenantId::DEFAULT, job, frames).await;
    accepted.map(Body).map_err(|error| not_ordered(job, error))
}

async fn repair(
    State(ops): State<Ops>,
    Path(job): Path<JobId>,
    Body(spec): Body<FramesSpec>,
) -> Result<Body<JobView>, Problem> {
    let Some(frames) = spec.frames else {
        let detail = "say which frames are to be rendered again, such as 5,9 or 40-50";
        return Err(Problem::invalid("/frames", "missing", detail));
    };
    let repaired = ops.farm.repair(TenantId::DEFAULT, job, &frames).await;
    repaired.map(Body).map_err(|error| not_ordered(job, error))
}

fn not_ordered(job: JobId, error: RepairError) -> Problem {
    match error {
        RepairError::Unknown => unknown(job),
        RepairError::Frames(why) => Problem::invalid("/frames", "out_of_range", why),
        RepairError::State(why) => Problem::conflict(why),
        RepairError::Store(error) => failure::of_store(&error),
    }
}

async fn film(State(ops): State<Ops>, Path(job): Path<JobId>) -> Result<Response, Problem> {
    let view = find(&ops, job).await?;
    let Some(film) = &view.film else {
        return Err(Problem::conflict(no_film(&view)));
    };
    let found = ops.farm.blobs.get(Area::Files, film.digest, 0).await;
    let (length, stream) = found.map_err(|error| failure::of_blobs(&error))?;
    let tag = format!("\"{}\"", film.digest);
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("video/mp4")),
        (header::CONTENT_LENGTH, HeaderValue::from(length)),
        (header::CONTENT_DISPOSITION, ascii(&disposition(&view.name))),
        (header::ETAG, ascii(&tag)),
    ];
    Ok((headers, Bytes::from_stream(stream)).into_response())
}

fn no_film(view: &JobView) -> String {
    let reason = view
        .reason
        .as_deref()
        .map_or(String::new(), |reason| format!(" ({reason})"));
    match view.state {
        JobState::Failed | JobState::Cancelled | JobState::Cancelling => {
            format!("job {} is {}{reason}; it has no film", view.id, view.state)
        }
        _ => format!(
            "job {} is {}{reason}; its film is there once it is done",
            view.id, view.state
        ),
    }
}

async fn find(ops: &Ops, job: JobId) -> Result<JobView, Problem> {
    let found = ops.farm.job(TenantId::DEFAULT, job).await;
    found
        .map_err(|error| failure::of_store(&error))?
        .ok_or_else(|| unknown(job))
}

/// No such job.
pub(super) fn unknown(job: JobId) -> Problem {
    Problem::not_found(format!("job {job}"))
}

fn ascii(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("it was made of visible ASCII")
}

/// `Content-Disposition` (RFC 6266): a plain name for everybody, and the true one encoded as RFC 8187 says.
fn disposition(name: &str) -> String {
    let safe = |c: char| {
        if c.is_control() || "/\\:*?\"<>|".contains(c) {
            '_'
        } else {
            c
        }
    };
    let name: String = name
        .trim()
        .trim_start_matches('.')
        .chars()
        .map(safe)
        .take(120)
        .collect();
    let name = if name.is_empty() {
        "film.mp4".to_owned()
    } else {
        format!("{name}.mp4")
    };
    let plain: String = name
        .chars()
        .map(|c| if c == '%' || !c.is_ascii() { '_' } else { c })
        .collect();
    let mut encoded = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

#[cfg(test)]
mod tests {
    use super::disposition;

    #[test]
    fn a_films_name_is_data_in_its_header() {
        for (name, expected) in [
            (
                "nowruz 04",
                "attachment; filename=\"nowruz 04.mp4\"; filename*=UTF-8''nowruz%2004.mp4",
            ),
            (
                "a\"; filename=\"/etc/x\r\n",
                "attachment; filename=\"a_; filename=__etc_x.mp4\"; filename*=UTF-8''a_%3B%20filename%3D__etc_x.mp4",
            ),
            (
                "نوروز",
                "attachment; filename=\"_____.mp4\"; filename*=UTF-8''%D9%86%D9%88%D8%B1%D9%88%D8%B2.mp4",
            ),
            (
                "..",
                "attachment; filename=\"film.mp4\"; filename*=UTF-8''film.mp4",
            ),
        ] {
            assert_eq!(disposition(name), expected, "{name:?}");
            assert!(
                disposition(name)
                    .bytes()
                    .all(|byte| (b' '..0x7f).contains(&byte))
            );
        }
    }
}
