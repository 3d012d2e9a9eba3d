//! `/healthz`: whether this controller can work, for supervisors and load balancers. Public, so it names nobody.

use std::time::Duration;

use axum::extract::State;
use axum::http::{Method, StatusCode};
use flatrender_api::http::{Body, Credential, Gives, Route, Table, Takes};
use schemars::JsonSchema;
use serde::Serialize;

use super::Ops;

/// How long the database may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) fn routes(table: Table<Ops>) -> Table<Ops> {
    let entry = Route {
        method: Method::GET,
        path: "/healthz",
        credential: Credential::Public,
        permission: "",
        params: &[],
        query: None,
        takes: Takes::Nothing,
        gives: Gives {
            statuses: &[200, 503],
            ..Gives::json::<Health>()
        },
        refuses: &[],
        summary: "Whether the database answers and somebody leads",
    };
    table.route(entry, show)
}

/// How a loop that keeps things in order fared last.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct LoopReport {
    /// Its name.
    pub name: &'static str,
    /// Whether its last run went well; none before the first one ended.
    pub ok: Option<bool>,
    /// When that ended; RFC 3339.
    pub at: Option<String>,
}

/// Whether this controller can work.
#[derive(Serialize, JsonSchema)]
struct Health {
    /// `ok` or `unavailable`.
    status: &'static str,
    /// Whether the database answers.
    database: bool,
    /// Whether some controller leads.
    leader: bool,
    /// This program's version.
    version: &'static str,
    /// The loops that keep things in order, and how each ended last.
    loops: Vec<LoopReport>,
}

async fn show(State(ops): State<Ops>) -> (StatusCode, Body<Health>) {
    let (database, leader) = match tokio::time::timeout(PATIENCE, ops.farm.leader()).await {
        Ok(Ok(leader)) => (true, leader.is_some()),
        Ok(Err(error)) => {
            tracing::warn!(%error, "the database does not answer");
            (false, false)
        }
        Err(_) => (false, false),
    };
    let (status, text) = match database && leader {
        true => (StatusCode::OK, "ok"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
    };
    let loops = (ops.loops)();
    let version = env!("CARGO_PKG_VERSION");
    (
        status,
        Body(Health {
            status: text,
            database,
            leader,
            version,
            loops,
        }),
    )
}
