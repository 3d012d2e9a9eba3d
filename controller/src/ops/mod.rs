//! The operators' endpoint: the farm over HTTP, every route from one typed table. It turns requests into calls of the farm and
//! its answers into JSON; it decides nothing, knows no SQL, and holds no state but what it was given.

mod blobs;
mod credential;
mod events;
mod failure;
mod health;
mod jobs;
mod nodes;

use std::sync::Arc;

use axum::http::Method;
use flatrender_api::http::{Credential, Route, Table, Takes};
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

/// Every route of the operators.
pub fn table(token: AdminToken) -> Table<Ops> {
    let table = Table::new(Arc::new(token));
    let table = health::routes(table);
    let table = blobs::routes(table);
    let table = jobs::routes(table);
    let table = nodes::routes(table);
    events::routes(table)
}

/// The entry of a route for operators.
fn admin(
    method: Method,
    path: &'static str,
    permission: &'static str,
    takes: Takes,
    summary: &'static str,
) -> Route {
    Route {
        method,
        path,
        credential: Credential::Admin,
        permission,
        takes,
        summary,
    }
}
