//! `/v1/farm/nodes`: the machines, and the join tokens that let new ones in.

use std::time::Duration;

use axum::extract::State;
use axum::http::{Method, StatusCode};
use flatrender_api::http::{
    Body, Caller, Gives, Path, Problem, Query, Refusal, Route, Shape, Table, Takes,
};
use flatrender_protocol::NodeId;
use flatrender_protocol::link::JoinToken;
use flatrender_protocol::rest::{NodeView, Page, PageInfo, TokenSpec, TokenView};
use rand::TryRngCore;
use time::format_description::well_known::Rfc3339;

use super::jobs::ListQuery;
use super::{Ops, admin, failure};

/// How long a join token works when nothing is said.
const DEFAULT_VALID_SECONDS: u64 = 3_600;
/// Shortest.
const MIN_VALID_SECONDS: u64 = 60;
/// Longest: a week.
const MAX_VALID_SECONDS: u64 = 604_800;

pub(super) fn routes(table: Table<Ops>) -> Table<Ops> {
    const ALL: &str = "/v1/farm/nodes";
    let page = Gives::json::<Page<NodeView>>();
    let all = Route {
        query: Some(Shape::of::<ListQuery>()),
        refuses: &[Refusal::Cursor, Refusal::Away],
        summary: "Nodes by name",
        ..admin(Method::GET, ALL, "node.read", page)
    };
    let path = "/v1/farm/nodes/{node}";
    let one = Route {
        params: const { &[("node", Shape::of::<NodeId>())] },
        summary: "One node",
        ..admin(Method::GET, path, "node.read", Gives::json::<NodeView>())
    };
    let path = "/v1/farm/nodes/tokens";
    let view = Gives::created::<TokenView>();
    let post = Route {
        takes: Takes::Json(Shape::of::<TokenSpec>()),
        summary: "Makes a join token",
        ..admin(Method::POST, path, "node.enrol", view)
    };
    table.route(all, list).route(one, show).route(post, token)
}

async fn list(
    State(ops): State<Ops>,
    Query(query): Query<ListQuery>,
) -> Result<Body<Page<NodeView>>, Problem> {
    let limit = query.limit()? as usize;
    let found = ops.farm.nodes(query.matching.as_deref()).await;
    let mut rows = found.map_err(|error| failure::of_store(&error))?;
    if let Some(cursor) = &query.cursor {
        let last: NodeId = cursor.parse().map_err(|_| Problem::invalid_cursor())?;
        let at = rows.iter().position(|node| node.id == last);
        rows.drain(..=at.ok_or_else(Problem::invalid_cursor)?);
    }
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    let next_cursor = rows
        .last()
        .filter(|_| has_more)
        .map(|node| node.id.to_string());
    Ok(Body(Page {
        data: rows,
        page: PageInfo {
            next_cursor,
            has_more,
        },
    }))
}

async fn show(State(ops): State<Ops>, Path(node): Path<NodeId>) -> Result<Body<NodeView>, Problem> {
    let found = ops
        .farm
        .node(node)
        .await
        .map_err(|error| failure::of_store(&error))?;
    found
        .map(Body)
        .ok_or_else(|| Problem::not_found(format!("node {node}")))
}

async fn token(
    State(ops): State<Ops>,
    Caller(caller): Caller,
    Body(spec): Body<TokenSpec>,
) -> Result<(StatusCode, Body<TokenView>), Problem> {
    let seconds = spec.valid_seconds.unwrap_or(DEFAULT_VALID_SECONDS);
    if !(MIN_VALID_SECONDS..=MAX_VALID_SECONDS).contains(&seconds) {
        let detail =
            format!("it is {seconds}; needed is {MIN_VALID_SECONDS} to {MAX_VALID_SECONDS}");
        return Err(Problem::invalid("/valid_seconds", "out_of_range", detail));
    }
    let mut secret = [0; 32];
    rand::rngs::OsRng
        .try_fill_bytes(&mut secret)
        .map_err(|error| Problem::internal(&error))?;
    let kept = ops
        .farm
        .keep_token(&secret, &caller.name, Duration::from_secs(seconds))
        .await;
    let expires_at = kept.map_err(|error| failure::of_store(&error))?;
    let expires_at = expires_at
        .format(&Rfc3339)
        .map_err(|error| Problem::internal(&error))?;
    let token = JoinToken {
        secret,
        authority: ops.authority,
        addresses: ops.addresses.to_vec(),
    };
    Ok((
        StatusCode::CREATED,
        Body(TokenView {
            token: token.to_string(),
            expires_at,
        }),
    ))
}
