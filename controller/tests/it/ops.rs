//! The operators' routes, in process: the whole table with a farm over a real PostgreSQL and a store of its own.

mod blobs;
mod credentials;
mod events;
mod health;
mod jobs;
mod nodes;
mod openapi;
mod pictures;
mod snapshots;

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use axum::response::Response;
use flatrender_aep::Rational;
use flatrender_aep::write::{self, CompSpec, ProjectSpec};
use flatrender_api::http::Route;
use flatrender_controller::blobs::Blobs;
use flatrender_controller::database::Role;
use flatrender_controller::farm::{Farm, Input, Settings, leader};
use flatrender_controller::ops::{self, AdminToken, LoopReport, Ops};
use flatrender_protocol::Digest;
use flatrender_protocol::rest::JobView;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::cluster::TestDb;

/// The routes over a farm without a leader: nothing changes but by what a test asks for.
pub struct TestOps {
    pub db: TestDb,
    pub farm: Farm,
    pub token: String,
    pub routes: Vec<Route>,
    pub shutdown: CancellationToken,
    router: Router,
    folder: tempfile::TempDir,
    // The leader's end; a farm whose leader is gone refuses what it is told.
    inputs: Option<mpsc::Receiver<Input>>,
}

impl TestOps {
    pub async fn start() -> Self {
        let db = TestDb::new().await;
        let folder = tempfile::tempdir().expect("a folder");
        let blobs = Blobs::open(&folder.path().join("store")).expect("a store");
        let worker = db.pool(Role::RenderWorker).await;
        let tenant = db.pool(Role::Render).await;
        let (farm, inputs) = Farm::new(worker, tenant, blobs, Settings::default());
        let file = folder.path().join("admin-token");
        let token = AdminToken::open(&file).expect("a token is made");
        let shutdown = CancellationToken::new();
        let table = ops::table(token);
        let routes = table.routes().to_vec();
        let report = LoopReport {
            name: "sample",
            ok: Some(true),
            at: None,
        };
        let router = table.finish(Ops {
            farm: farm.clone(),
            authority: [9; 32],
            addresses: ["farm.example:7443".to_owned()].into(),
            loops: Arc::new(move || vec![report.clone()]),
            shutdown: shutdown.clone(),
        });
        let token = std::fs::read_to_string(&file).expect("the token's file");
        Self {
            db,
            farm,
            token: token.trim().to_owned(),
            routes,
            shutdown,
            router,
            folder,
            inputs: Some(inputs),
        }
    }

    /// A leader takes the farm, until the shutdown.
    pub fn lead(&mut self) -> tokio::task::JoinHandle<()> {
        let inputs = self.inputs.take().expect("nobody leads yet");
        let run = leader::run(self.farm.clone(), inputs, self.shutdown.clone());
        tokio::spawn(run)
    }

    /// A request with the admin's token.
    pub fn request(&self, method: &str, path: &str) -> axum::http::request::Builder {
        Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {}", self.token))
    }

    pub async fn send(&self, request: Request<Body>) -> Response {
        let router = self.router.clone();
        router.oneshot(request).await.expect("a router never fails")
    }

    /// The whole answer, which is one that the API's document promises.
    pub async fn answer(&self, request: Request<Body>) -> Answer {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let answer = Answer::of(self.send(request).await).await;
        let wrong = openapi::departures(&method, &path, &answer);
        assert!(
            wrong.is_empty(),
            "{method} {path}: {wrong:?}: {}",
            answer.text
        );
        answer
    }

    pub async fn get(&self, path: &str) -> Answer {
        let request = self.request("GET", path).body(Body::empty());
        self.answer(request.expect("a request")).await
    }

    pub async fn post(&self, path: &str, json: impl Into<Body>) -> Answer {
        let request = self.request("POST", path);
        let request = request.header("content-type", "application/json");
        self.answer(request.body(json.into()).expect("a request"))
            .await
    }

    pub async fn put(&self, digest: Digest, bytes: impl Into<Bytes>) -> Answer {
        let bytes = bytes.into();
        let request = self.request("PUT", &format!("/v1/farm/blobs/{digest}"));
        let request = request.header("content-length", bytes.len());
        self.answer(request.body(bytes.into()).expect("a request"))
            .await
    }

    /// Uploads a project of one composition, `Main`, and returns what a job says about it.
    pub async fn project(&self, frames: u32) -> Value {
        let comp = CompSpec::new("Main", 64, 36, Rational::whole(25), frames);
        let comps = vec![comp];
        let bytes = write::project(&ProjectSpec {
            comps,
            ..ProjectSpec::default()
        });
        let digest = Digest::of(&bytes);
        let answer = self.put(digest, bytes).await;
        assert!(answer.status.is_success(), "{}", answer.text);
        json!({ "digest": digest, "file_name": "main.aep" })
    }

    /// Submits a job of a fresh project.
    pub async fn submit(&self, name: &str) -> JobView {
        let project = self.project(10).await;
        let spec = json!({ "project": project, "composition": "Main", "name": name });
        let answer = self.post("/v1/farm/jobs", spec.to_string()).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
        answer.json()
    }

    /// Every file in the store.
    pub fn stored(&self) -> Vec<PathBuf> {
        let mut folders = vec![self.folder.path().join("store")];
        let mut files = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    files.push(path);
                }
            }
        }
        files
    }
}

/// What came back.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    async fn of(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, 16 << 20).await.expect("a whole answer");
        Self {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(bytes.to_vec()).expect("text"),
        }
    }

    pub fn json<T: serde::de::DeserializeOwned>(&self) -> T {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// Status, code, and the pointers and codes of its fields.
    pub fn refusal(&self) -> (u16, String, Vec<String>) {
        let problem: flatrender_protocol::rest::Problem = self.json();
        assert_eq!(problem.status, self.status.as_u16());
        assert_eq!(self.headers["content-type"], "application/problem+json");
        let id = problem.request_id.expect("every problem has an id");
        assert_eq!(self.headers["request-id"], id.as_str());
        let fields = problem.errors.iter();
        let fields = fields.map(|field| format!("{} {}", field.pointer, field.code));
        (problem.status, problem.code, fields.collect())
    }
}

/// What a refusal should be.
pub fn refused(status: u16, code: &str, fields: &[&str]) -> (u16, String, Vec<String>) {
    let fields = fields.iter().map(|&field| field.to_owned());
    (status, code.to_owned(), fields.collect())
}
