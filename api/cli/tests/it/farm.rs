//! A farm that answers what a test gave it, on a port of its own, and remembers what it was sent.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::extract::State;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use flatrender_api::http::{
    Answer, Body, Credential, Event, Gives, LastEventId, Param, Path, Principal, Problem, Query,
    Route, Shape, Table, Takes, Upload, Verifier, events,
};
use flatrender_protocol::rest::{
    EventView, JobSpec, JobView, NewestFrameView, NodeView, Page, PageInfo, SnapshotSpec,
    SnapshotView, TokenSpec, TokenView,
};
use flatrender_protocol::state::JobState;
use flatrender_protocol::{Digest, JobId, NodeId, SnapshotId};
use serde::Deserialize;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// The token that this farm knows.
pub const TOKEN: &str = "fra_test_token";

/// What the farm has and was sent.
#[derive(Default)]
pub struct Inside {
    pub jobs: Vec<JobView>,
    /// What `GET /jobs/{id}` answers, one after the other; the last one stays.
    pub script: VecDeque<JobView>,
    pub nodes: Vec<NodeView>,
    pub blobs: BTreeMap<Digest, Vec<u8>>,
    pub film: Option<Vec<u8>>,
    pub events: Vec<EventView>,
    /// Events after which the first connection of a watcher is cut.
    pub cut_after: Option<usize>,
    pub submitted: Vec<JobSpec>,
    /// What asking for a snapshot and then waiting for it answer, one after the other; the last one stays.
    pub snapshots: VecDeque<SnapshotView>,
    pub wishes: Vec<SnapshotSpec>,
    pub newest: Option<NewestFrameView>,
    /// The picture of whatever is asked for.
    pub picture: Vec<u8>,
    /// Method and path of every call, in order.
    pub calls: Vec<String>,
    pub last_event_ids: Vec<Option<i64>>,
    pub followed: Arc<Notify>,
}

/// A farm that runs until it is dropped.
pub struct Farm {
    pub address: SocketAddr,
    inside: Arc<Mutex<Inside>>,
    task: JoinHandle<()>,
}

impl Farm {
    pub async fn start(inside: Inside) -> Self {
        let inside = Arc::new(Mutex::new(inside));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = table().finish(Arc::clone(&inside));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            address,
            inside,
            task,
        }
    }

    /// Waits until somebody follows the events.
    pub async fn followed(&self) {
        let followed = Arc::clone(&self.inside().followed);
        let deadline = std::time::Duration::from_secs(60);
        let waited = tokio::time::timeout(deadline, followed.notified()).await;
        waited.expect("somebody follows within a minute");
    }

    pub fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap()
    }
}

impl Drop for Farm {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type Shared = State<Arc<Mutex<Inside>>>;

struct OneToken;

impl Verifier for OneToken {
    fn verify(&self, token: &str) -> Option<Principal> {
        (token == TOKEN).then(|| Principal::admin("test"))
    }
}

/// What stands in the braces of a path.
fn params(path: &str) -> &'static [Param] {
    const JOB: &[Param] = &[("job", Shape::of::<JobId>())];
    const NODE: &[Param] = &[("node", Shape::of::<NodeId>())];
    const DIGEST: &[Param] = &[("digest", Shape::of::<Digest>())];
    const FRAME: &[Param] = &[("job", Shape::of::<JobId>()), ("frame", Shape::of::<i64>())];
    const SNAPSHOT: &[Param] = &[("snapshot", Shape::of::<SnapshotId>())];
    match path {
        _ if path.contains("{frame}") => FRAME,
        _ if path.contains("{snapshot}") => SNAPSHOT,
        _ if path.contains("{job}") => JOB,
        _ if path.contains("{node}") => NODE,
        _ if path.contains("{digest}") => DIGEST,
        _ => &[],
    }
}

fn table() -> Table<Arc<Mutex<Inside>>> {
    let route = |method, path, takes| Route {
        method,
        path,
        credential: Credential::Admin,
        permission: "test",
        params: params(path),
        query: None,
        takes,
        gives: Gives {
            statuses: &[200],
            body: Answer::Nothing,
        },
        refuses: &[],
        summary: "for tests",
    };
    let bytes = Takes::Bytes {
        limit_bytes: 1 << 30,
    };
    let none = Takes::Nothing;
    Table::new(Arc::new(OneToken))
        .route(
            route(Method::PUT, "/v1/farm/blobs/{digest}", bytes),
            put_blob,
        )
        .route(
            route(Method::HEAD, "/v1/farm/blobs/{digest}", none),
            head_blob,
        )
        .route(
            route(
                Method::POST,
                "/v1/farm/jobs",
                Takes::Json(Shape::of::<JobSpec>()),
            ),
            submit,
        )
        .route(route(Method::GET, "/v1/farm/jobs", none), jobs)
        .route(route(Method::GET, "/v1/farm/jobs/{job}", none), job)
        .route(
            route(Method::POST, "/v1/farm/jobs/{job}/cancel", none),
            cancel,
        )
        .route(route(Method::GET, "/v1/farm/jobs/{job}/film", none), film)
        .route(
            route(
                Method::POST,
                "/v1/farm/snapshots",
                Takes::Json(Shape::of::<SnapshotSpec>()),
            ),
            ask_for_snapshot,
        )
        .route(
            route(Method::GET, "/v1/farm/snapshots/{snapshot}", none),
            snapshot,
        )
        .route(
            route(Method::GET, "/v1/farm/snapshots/{snapshot}/picture", none),
            picture,
        )
        .route(
            route(Method::GET, "/v1/farm/jobs/{job}/frames/newest", none),
            newest,
        )
        .route(
            route(
                Method::GET,
                "/v1/farm/jobs/{job}/frames/{frame}/picture",
                none,
            ),
            frame_picture,
        )
        .route(route(Method::GET, "/v1/farm/nodes", none), nodes)
        .route(route(Method::GET, "/v1/farm/nodes/{node}", none), node)
        .route(
            route(
                Method::POST,
                "/v1/farm/nodes/tokens",
                Takes::Json(Shape::of::<TokenSpec>()),
            ),
            create_token,
        )
        .route(route(Method::GET, "/v1/farm/events", none), follow)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    #[serde(rename = "match")]
    name: Option<String>,
    limit: usize,
    cursor: Option<usize>,
}

/// Two rows a page, so that pages matter.
fn page<T: Clone>(rows: &[T], query: &ListQuery, name: impl Fn(&T) -> (String, String)) -> Page<T> {
    let matching: Vec<T> = rows
        .iter()
        .filter(|row| {
            let (name, id) = name(row);
            query.name.as_ref().is_none_or(|wanted| {
                name == *wanted || id == *wanted || id.replace('-', "").ends_with(wanted.as_str())
            })
        })
        .cloned()
        .collect();
    let start = query.cursor.unwrap_or(0);
    let end = (start + query.limit.min(2)).min(matching.len());
    let has_more = end < matching.len();
    Page {
        data: matching[start..end].to_vec(),
        page: PageInfo {
            next_cursor: has_more.then(|| end.to_string()),
            has_more,
        },
    }
}

async fn put_blob(
    State(inside): Shared,
    Path(digest): Path<Digest>,
    mut upload: Upload,
) -> Result<StatusCode, Problem> {
    let mut bytes = Vec::new();
    while let Some(piece) = upload.chunk().await? {
        bytes.extend_from_slice(&piece);
    }
    if Digest::of(&bytes) != digest {
        return Err(Problem::invalid(
            "/digest",
            "mismatch",
            "the bytes are not those of the digest",
        ));
    }
    let mut inside = inside.lock().unwrap();
    inside.calls.push(format!("PUT {} bytes", bytes.len()));
    inside.blobs.insert(digest, bytes);
    Ok(StatusCode::CREATED)
}

async fn head_blob(State(inside): Shared, Path(digest): Path<Digest>) -> StatusCode {
    match inside.lock().unwrap().blobs.contains_key(&digest) {
        true => StatusCode::OK,
        false => StatusCode::NOT_FOUND,
    }
}

async fn submit(State(inside): Shared, Body(spec): Body<JobSpec>) -> Result<Response, Problem> {
    let mut inside = inside.lock().unwrap();
    for (index, track) in spec.tracks.iter().enumerate() {
        if inside
            .blobs
            .get(&track.file.digest)
            .is_some_and(|bytes| bytes.starts_with(b"text"))
        {
            let pointer = format!("/tracks/{index}/file");
            return Err(Problem::invalid(
                &pointer,
                "not_audio",
                "it is not a sound file that ffmpeg reads",
            ));
        }
    }
    inside.calls.push("POST job".to_owned());
    inside.submitted.push(spec);
    let job = inside.jobs[0].clone();
    Ok((StatusCode::CREATED, Body(job)).into_response())
}

async fn jobs(State(inside): Shared, Query(query): Query<ListQuery>) -> Body<Page<JobView>> {
    let inside = inside.lock().unwrap();
    Body(page(&inside.jobs, &query, |job| {
        (job.name.clone(), job.id.to_string())
    }))
}

async fn job(State(inside): Shared, Path(id): Path<JobId>) -> Result<Body<JobView>, Problem> {
    let mut inside = inside.lock().unwrap();
    if let Some(view) = inside.script.front().cloned() {
        if inside.script.len() > 1 {
            inside.script.pop_front();
        }
        return Ok(Body(view));
    }
    let found = inside.jobs.iter().find(|job| job.id == id).cloned();
    found
        .map(Body)
        .ok_or_else(|| Problem::not_found(format!("job {id}")))
}

async fn cancel(State(inside): Shared, Path(id): Path<JobId>) -> Result<Body<JobView>, Problem> {
    let mut inside = inside.lock().unwrap();
    let job = inside.jobs.iter_mut().find(|job| job.id == id);
    let job = job.ok_or_else(|| Problem::not_found(format!("job {id}")))?;
    if job.state.is_final() {
        return Err(Problem::conflict(format!(
            "the job is {} and can't be cancelled",
            job.state
        )));
    }
    job.state = JobState::Cancelling;
    Ok(Body(job.clone()))
}

async fn film(State(inside): Shared, Path(id): Path<JobId>) -> Result<Vec<u8>, Problem> {
    let film = inside.lock().unwrap().film.clone();
    film.ok_or_else(|| Problem::not_found(format!("film of job {id}")))
}

fn next_snapshot(inside: &mut Inside) -> SnapshotView {
    if inside.snapshots.len() > 1 {
        return inside.snapshots.pop_front().unwrap();
    }
    inside.snapshots[0].clone()
}

async fn ask_for_snapshot(
    State(inside): Shared,
    Body(wish): Body<SnapshotSpec>,
) -> Result<Body<SnapshotView>, Problem> {
    let mut inside = inside.lock().unwrap();
    if wish.frame > 99 {
        let words = "frame 100 is outside the composition, whose frames are 0 to 99";
        return Err(Problem::invalid("/frame", "out_of_range", words));
    }
    inside.wishes.push(wish);
    Ok(Body(next_snapshot(&mut inside)))
}

async fn snapshot(State(inside): Shared, Path(_): Path<SnapshotId>) -> Body<SnapshotView> {
    Body(next_snapshot(&mut inside.lock().unwrap()))
}

async fn picture(State(inside): Shared, Path(_): Path<SnapshotId>) -> Vec<u8> {
    inside.lock().unwrap().picture.clone()
}

async fn newest(
    State(inside): Shared,
    Path(id): Path<JobId>,
) -> Result<Body<NewestFrameView>, Problem> {
    let newest = inside.lock().unwrap().newest.clone();
    newest
        .map(Body)
        .ok_or_else(|| Problem::not_found(format!("a published frame of job {id} yet")))
}

async fn frame_picture(
    State(inside): Shared,
    Path((_, frame)): Path<(JobId, i64)>,
) -> Result<Vec<u8>, Problem> {
    let mut inside = inside.lock().unwrap();
    inside.calls.push(format!("GET picture of {frame}"));
    Ok(inside.picture.clone())
}

async fn nodes(State(inside): Shared, Query(query): Query<ListQuery>) -> Body<Page<NodeView>> {
    let inside = inside.lock().unwrap();
    Body(page(&inside.nodes, &query, |node| {
        (node.name.clone(), node.id.to_string())
    }))
}

async fn node(State(inside): Shared, Path(id): Path<NodeId>) -> Result<Body<NodeView>, Problem> {
    let inside = inside.lock().unwrap();
    let found = inside.nodes.iter().find(|node| node.id == id).cloned();
    found
        .map(Body)
        .ok_or_else(|| Problem::not_found(format!("node {id}")))
}

async fn create_token(Body(spec): Body<TokenSpec>) -> Result<Response, Problem> {
    let seconds = spec.valid_seconds.unwrap();
    if !(60..=604_800).contains(&seconds) {
        let words = format!("{seconds} s is not between 60 and 604800");
        return Err(Problem::invalid("/valid_seconds", "out_of_range", words));
    }
    let token = TokenView {
        token: format!("frj_for_{seconds}_seconds"),
        expires_at: "2026-11-22T15:35:02Z".to_owned(),
    };
    Ok((StatusCode::CREATED, Body(token)).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EventsQuery {
    job: JobId,
}

/// Sends what there is after the last id; then stays open, or ends where the test wants a cut.
async fn follow(
    State(inside): Shared,
    Query(query): Query<EventsQuery>,
    LastEventId(last): LastEventId,
) -> Response {
    use tokio_stream::StreamExt;

    let mut inside = inside.lock().unwrap();
    inside.last_event_ids.push(last);
    inside.followed.notify_one();
    let cut = inside.cut_after.take();
    let due: Vec<_> = inside
        .events
        .iter()
        .filter(|event| event.job == Some(query.job) && last.is_none_or(|last| event.seq > last))
        .take(cut.unwrap_or(usize::MAX))
        .map(|event| Event {
            seq: event.seq,
            data: event.clone(),
        })
        .collect();
    let due = tokio_stream::iter(due);
    match cut {
        Some(_) => events(due),
        None => events(due.chain(tokio_stream::pending())),
    }
}
