//! The typed route table. A route is its entry: method, path, who may call it, what its body is. The router is built
//! from the entries and nothing else, so that a route without one can't exist; so is the document that describes them.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::handler::Handler;
use axum::http::Method;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, on};

use super::auth::{self, Credential, Guard, Verifier};
use super::layers;
use super::openapi;
use super::problem::Problem;
use super::shape::{Gives, Param, Refusal, Shape};

/// What a request may bring along, and how long the handler has.
#[derive(Debug, Clone, Copy)]
pub enum Takes {
    /// No body.
    Nothing,
    /// JSON of this shape, at most 1 MiB.
    Json(Shape),
    /// Raw bytes with a declared length, piece by piece; no deadline as long as they keep coming.
    Bytes {
        /// Most bytes.
        limit_bytes: u64,
    },
}

/// What a JSON body may have at most.
const JSON_LIMIT_BYTES: u64 = 1 << 20;
/// Until the answer begins; what streams afterwards is not counted.
const DEADLINE: Duration = Duration::from_secs(30);

impl Takes {
    fn limit_bytes(self) -> u64 {
        match self {
            Self::Nothing => 0,
            Self::Json(_) => JSON_LIMIT_BYTES,
            Self::Bytes { limit_bytes } => limit_bytes,
        }
    }

    pub(super) fn deadline(self) -> Option<Duration> {
        match self {
            Self::Nothing | Self::Json(_) => Some(DEADLINE),
            Self::Bytes { .. } => None,
        }
    }
}

/// One entry of the table.
#[derive(Debug, Clone)]
pub struct Route {
    /// `GET`, `POST`, `PUT`, `PATCH`, `DELETE` or `HEAD`.
    pub method: Method,
    /// With parameters in braces: `/v1/farm/jobs/{job}`.
    pub path: &'static str,
    /// Who may call it.
    pub credential: Credential,
    /// What the caller must be allowed, such as `job.read`; empty only for public routes.
    pub permission: &'static str,
    /// What the parameters in the path are, in their order.
    pub params: &'static [Param],
    /// What the query is; none when the handler reads none.
    pub query: Option<Shape>,
    /// What the body is.
    pub takes: Takes,
    /// What it answers.
    pub gives: Gives,
    /// How it refuses, beyond what credential, address and body imply.
    pub refuses: &'static [Refusal],
    /// What it does, in one line.
    pub summary: &'static str,
}

/// The limit of the route that a request reached; for the extractors.
#[derive(Debug, Clone, Copy)]
pub(super) struct BodyLimit(pub u64);

/// Routes on their way to a router.
pub struct Table<S = ()> {
    verifier: Arc<dyn Verifier>,
    routes: Vec<Route>,
    router: Router<S>,
}

impl<S: Clone + Send + Sync + 'static> Table<S> {
    /// An empty table; `verifier` knows the tokens.
    pub fn new(verifier: Arc<dyn Verifier>) -> Self {
        Self {
            verifier,
            routes: Vec::new(),
            router: Router::new(),
        }
    }

    /// Adds a route and its handler.
    ///
    /// # Panics
    /// When the entry is not sound (a duplicate, no permission on a guarded route, a method that has no entry,
    /// parameters that are not those of the path):
    /// a mistake in the program, found at start.
    #[must_use]
    pub fn route<H, T>(mut self, route: Route, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        let name = format!("{} {}", route.method, route.path);
        let public = route.credential == Credential::Public;
        assert_eq!(
            public,
            route.permission.is_empty(),
            "{name}: guarded routes have a permission, public ones none"
        );
        assert!(
            !self.has(&route.method, route.path),
            "{name}: it is in the table twice"
        );
        let names: Vec<&str> = route.params.iter().map(|(name, _)| *name).collect();
        assert_eq!(
            in_braces(route.path),
            names,
            "{name}: its parameters are those of its path"
        );
        let filter = MethodFilter::try_from(route.method.clone())
            .unwrap_or_else(|_| panic!("{name}: no route has this method"));
        let guard = Guard {
            route: route.clone(),
            verifier: Arc::clone(&self.verifier),
        };
        let takes = route.takes;
        let guarded = on(filter, handler)
            .route_layer(middleware::from_fn(move |request, next| {
                bounded(takes, request, next)
            }))
            .route_layer(middleware::from_fn_with_state(guard, auth::guard));
        self.router = self.router.route(route.path, guarded);
        self.routes.push(route);
        self
    }

    /// Adds `GET /v1/openapi.json`, public: the OpenAPI 3.1 document of every route so far and of itself.
    ///
    /// # Panics
    /// As [`Table::route`].
    #[must_use]
    pub fn described(mut self) -> Self {
        let entry = Route {
            method: Method::GET,
            path: "/v1/openapi.json",
            credential: Credential::Public,
            permission: "",
            params: &[],
            query: None,
            takes: Takes::Nothing,
            gives: Gives::json::<serde_json::Map<String, serde_json::Value>>(),
            refuses: &[],
            summary: "This document",
        };
        self.routes.push(entry.clone());
        let document = self.document();
        self.routes.pop();
        self.route(entry, async move || axum::Json(document))
    }

    /// The OpenAPI 3.1 document of the routes.
    ///
    /// # Panics
    /// When one name stands for two schemas, or a query is not a struct: mistakes in the program.
    pub fn document(&self) -> serde_json::Value {
        openapi::document(&self.routes)
    }

    fn has(&self, method: &Method, path: &str) -> bool {
        self.routes
            .iter()
            .any(|known| known.method == *method && known.path == path)
    }

    /// Every entry, in the order it was added.
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// The router: the routes, refusals for everything else, and what wraps every request.
    pub fn finish(self, state: S) -> Router {
        let router = self
            .router
            .method_not_allowed_fallback(|method: Method| async move {
                Problem::method_not_allowed(&method)
            })
            .fallback(|| async { Problem::not_found("such address") })
            .layer(DefaultBodyLimit::disable());
        layers::wrap(router).with_state(state)
    }
}

/// The names between braces.
fn in_braces(path: &str) -> Vec<&str> {
    let segments = path.split('/');
    segments
        .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
        .collect()
}

/// Tells the extractors the limit, and ends what takes too long.
async fn bounded(takes: Takes, mut request: Request, next: Next) -> Response {
    request
        .extensions_mut()
        .insert(BodyLimit(takes.limit_bytes()));
    let answer = next.run(request);
    match takes.deadline() {
        None => answer.await,
        Some(deadline) => match tokio::time::timeout(deadline, answer).await {
            Ok(response) => response,
            Err(_) => Problem::timed_out().into_response(),
        },
    }
}
