//! The operators' endpoint: the farm over HTTP, every route from one typed table. It turns requests into calls of the farm and
//! its answers into JSON; it decides nothing, knows no SQL, and holds no state but what it was given.

mod blobs;
mod credential;
mod events;
mod failure;
mod health;
mod jobs;
mod nodes;
mod pictures;
mod snapshots;

use std::sync::Arc;

use axum::http::Method;
use flatrender_api::http::{Credential, Gives, Principal, Refusal, Route, Table, Takes, Verifier};
use tokio_util::sync::CancellationToken;

use crate::farm::Farm;

pub use credential::{AdminToken, CredentialError};
pub use health::LoopReport;

/// What the handlers need.
#[derive(Clone)]
pub struct Ops {
    /// The farm.
    pub farm: Farm,
    /// SHA-256 of the certificate of the link's authority, for join tokens.
    pub authority: [u8; 32],
    /// Where agents reach the link: `HOST:PORT`, for join tokens.
    pub addresses: Arc<[String]>,
    /// How the loops fare.
    pub loops: Arc<dyn Fn() -> Vec<LoopReport> + Send + Sync>,
    /// Ends streams that would otherwise never end.
    pub shutdown: CancellationToken,
}

/// Every route of the operators, and the document that describes them.
pub fn table(verifier: impl Verifier) -> Table<Ops> {
    let table = Table::new(Arc::new(verifier));
    let table = health::routes(table);
    let table = blobs::routes(table);
    let table = jobs::routes(table);
    let table = pictures::routes(table);
    let table = snapshots::routes(table);
    let table = nodes::routes(table);
    events::routes(table).described()
}

/// The OpenAPI 3.1 document of every route, as `GET /v1/openapi.json` answers it.
pub fn document() -> serde_json::Value {
    table(Nobody).document()
}

/// For a table that is only looked at.
struct Nobody;

impl Verifier for Nobody {
    fn verify(&self, _: &str) -> Option<Principal> {
        None
    }
}

/// An entry for operators that neither takes nor reads anything beyond its path; others say what differs.
fn admin(method: Method, path: &'static str, permission: &'static str, gives: Gives) -> Route {
    Route {
        method,
        path,
        credential: Credential::Admin,
        permission,
        params: &[],
        query: None,
        takes: Takes::Nothing,
        gives,
        refuses: &[Refusal::Away],
        summary: "",
    }
}
