//! A sample table with one route of each kind, and the means to call it in process.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body as AxumBody, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use axum::response::Response;
use flatrender_api::http::{
    Answer as Answers, Body, Caller, Credential, Event, Gives, LastEventId, Param, Path,
    Permissions, Principal, Problem, Query, Route, Shape, Table, Takes, Upload, Verifier, events,
    same,
};
use flatrender_protocol::rest::JobSpec;
use flatrender_protocol::{Digest, JobId};
use serde::Deserialize;
use tower::ServiceExt;

/// The token that may do everything.
pub const ADMIN: &str = "fra_sample_admin";
/// A token that may only read.
pub const READER: &str = "fra_sample_reader";
/// Most bytes of the route that takes raw bytes.
pub const LIMIT_BYTES: u64 = 1000;

struct Tokens;

impl Verifier for Tokens {
    fn verify(&self, token: &str) -> Option<Principal> {
        let hash = *Digest::of(token.as_bytes()).as_bytes();
        if same(&hash, Digest::of(ADMIN.as_bytes()).as_bytes()) {
            return Some(Principal::admin("operator"));
        }
        same(&hash, Digest::of(READER.as_bytes()).as_bytes()).then(|| Principal {
            credential: Credential::Admin,
            name: "reader".to_owned(),
            permissions: Permissions::Only(BTreeSet::from(["job.read".to_owned()])),
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    limit: Option<u16>,
    #[serde(rename = "match")]
    name: Option<String>,
}

async fn list(Query(query): Query<ListQuery>) -> Body<(Option<u16>, Option<String>)> {
    Body((query.limit, query.name))
}

async fn show(Path(job): Path<JobId>) -> Result<(), Problem> {
    Err(Problem::not_found(format!("job {job}")))
}

async fn submit(caller: Caller, Body(spec): Body<JobSpec>) -> (StatusCode, Body<String>) {
    let words = format!("{} by {}", spec.composition, caller.0.name);
    (StatusCode::CREATED, Body(words))
}

async fn upload(mut upload: Upload) -> Result<Body<usize>, Problem> {
    let mut count = 0;
    while let Some(bytes) = upload.chunk().await? {
        count += bytes.len();
    }
    Ok(Body(count))
}

async fn follow(LastEventId(last): LastEventId) -> Response {
    let first = last.unwrap_or(0) + 1;
    events(futures_util::stream::iter((first..=3).map(|seq| Event {
        seq,
        data: ("job", seq),
    })))
}

async fn broken() -> Result<(), Problem> {
    let cause = std::io::Error::other("password of db is hunter2");
    Err(Problem::internal(&cause))
}

async fn panics() {
    panic!("secret of the handler");
}

async fn stuck() {
    std::future::pending().await
}

/// What stands in the braces of a path.
fn params(path: &str) -> &'static [Param] {
    const JOB: &[Param] = &[("job", Shape::of::<JobId>())];
    const DIGEST: &[Param] = &[("digest", Shape::of::<Digest>())];
    match path {
        _ if path.contains("{job}") => JOB,
        _ if path.contains("{digest}") => DIGEST,
        _ => &[],
    }
}

fn route(method: Method, path: &'static str, permission: &'static str, takes: Takes) -> Route {
    let credential = if permission.is_empty() {
        Credential::Public
    } else {
        Credential::Admin
    };
    Route {
        method,
        path,
        credential,
        permission,
        params: params(path),
        query: None,
        takes,
        gives: Gives {
            statuses: &[200],
            body: Answers::Nothing,
        },
        refuses: &[],
        summary: "for tests",
    }
}

/// The sample table.
pub fn table() -> Table {
    let bytes = Takes::Bytes {
        limit_bytes: LIMIT_BYTES,
    };
    Table::new(Arc::new(Tokens))
        .route(
            route(Method::GET, "/healthz", "", Takes::Nothing),
            async || "ok",
        )
        .route(
            route(Method::GET, "/v1/jobs", "job.read", Takes::Nothing),
            list,
        )
        .route(
            route(
                Method::POST,
                "/v1/jobs",
                "job.write",
                Takes::Json(Shape::of::<JobSpec>()),
            ),
            submit,
        )
        .route(
            route(Method::GET, "/v1/jobs/{job}", "job.read", Takes::Nothing),
            show,
        )
        .route(
            route(Method::PUT, "/v1/blobs/{digest}", "blob.write", bytes),
            upload,
        )
        .route(
            route(Method::GET, "/v1/events", "job.read", Takes::Nothing),
            follow,
        )
        .route(
            route(Method::GET, "/v1/broken", "job.read", Takes::Nothing),
            broken,
        )
        .route(
            route(Method::GET, "/v1/stuck", "job.read", Takes::Nothing),
            stuck,
        )
        .route(
            route(Method::GET, "/v1/panics", "job.read", Takes::Nothing),
            panics,
        )
}

/// The sample router.
pub fn router() -> Router {
    table().finish(())
}

/// What came back.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    /// The answer on a few lines, with the request id taken out.
    pub fn shown(&self) -> String {
        let mut shown = format!("{}\n", self.status.as_u16());
        for name in ["content-type", "www-authenticate", "allow", "retry-after"] {
            if let Some(value) = self.headers.get(name) {
                shown += &format!("{name}: {}\n", value.to_str().unwrap());
            }
        }
        let Ok(mut json) = serde_json::from_str::<serde_json::Value>(&self.text) else {
            return shown + &self.text;
        };
        if let Some(id) = json.get_mut("request_id") {
            assert!(id.as_str().unwrap().parse::<JobId>().is_ok(), "{id}");
            *id = "[id]".into();
        }
        shown + &serde_json::to_string_pretty(&json).unwrap()
    }
}

/// Sends a request to a fresh router.
pub async fn send(request: Request<AxumBody>) -> Answer {
    let response = router().oneshot(request).await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    Answer {
        status,
        headers,
        text,
    }
}

/// A request with the admin's token.
pub fn request(method: &str, uri: &str) -> axum::http::request::Builder {
    Request::builder()
        .method(method)
        .uri(uri)
        .header("authorization", format!("Bearer {ADMIN}"))
}

/// `GET` with the admin's token.
pub async fn get(uri: &str) -> Answer {
    send(request("GET", uri).body(AxumBody::empty()).unwrap()).await
}

/// `POST` of JSON with the admin's token.
pub async fn post(uri: &str, json: impl Into<AxumBody>) -> Answer {
    let request = request("POST", uri).header("content-type", "application/json");
    send(request.body(json.into()).unwrap()).await
}
