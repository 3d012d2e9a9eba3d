//! `/v1/farm/nodes`.

use axum::http::StatusCode;
use flatrender_protocol::NodeId;
use flatrender_protocol::link::JoinToken;
use flatrender_protocol::rest::{NodeView, Page, TokenView};
use serde_json::json;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{TestOps, refused};

#[tokio::test]
async fn a_join_token_says_where_and_whom_to_trust_and_only_its_hash_is_kept() {
    let ops = TestOps::start().await;
    let before = OffsetDateTime::now_utc();
    let answer = ops
        .post(
            "/v1/farm/nodes/tokens",
            json!({ "valid_seconds": 120 }).to_string(),
        )
        .await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    assert_eq!(answer.headers["cache-control"], "private, no-store");
    let view: TokenView = answer.json();
    let token: JoinToken = view.token.parse().expect("a join token");
    assert_eq!(
        (token.authority, token.addresses.as_slice()),
        ([9; 32], &["farm.example:7443".to_owned()][..])
    );
    let ends = OffsetDateTime::parse(&view.expires_at, &Rfc3339).unwrap();
    assert!(
        (119..=125).contains(&(ends - before).whole_seconds()),
        "{ends}"
    );
    let admin = ops.db.admin().await;
    let (hash, by): (Vec<u8>, String) =
        sqlx::query_as("SELECT secret_hash, created_by FROM render.node_join_tokens")
            .fetch_one(&admin)
            .await
            .unwrap();
    admin.close().await;
    assert_eq!(
        (hash.as_slice(), by.as_str()),
        (&Sha256::digest(token.secret)[..], "admin")
    );
    let other: TokenView = ops.post("/v1/farm/nodes/tokens", "{}").await.json();
    assert_ne!(other.token, view.token);
    let ends = OffsetDateTime::parse(&other.expires_at, &Rfc3339).unwrap();
    assert!(
        (3599..=3605).contains(&(ends - before).whole_seconds()),
        "an hour when nothing is said: {ends}"
    );
}

#[tokio::test]
async fn a_join_token_works_a_minute_to_a_week() {
    let ops = TestOps::start().await;
    for (json, field) in [
        (
            json!({ "valid_seconds": 59 }),
            "/valid_seconds out_of_range",
        ),
        (
            json!({ "valid_seconds": 604_801 }),
            "/valid_seconds out_of_range",
        ),
        (
            json!({ "valid_seconds": -1 }),
            "/valid_seconds out_of_range",
        ),
        (
            json!({ "valid_seconds": "long" }),
            "/valid_seconds wrong_type",
        ),
        (json!({ "valid": 60 }), "/valid unknown_field"),
    ] {
        let answer = ops.post("/v1/farm/nodes/tokens", json.to_string()).await;
        assert_eq!(
            answer.refusal(),
            refused(422, "validation_failed", &[field]),
            "{json}"
        );
    }
}

#[tokio::test]
async fn nodes_are_listed_by_name_a_page_at_a_time() {
    let ops = TestOps::start().await;
    let admin = ops.db.admin().await;
    let mut ids = Vec::new();
    for name in ["c", "a", "b"] {
        let id = NodeId::new();
        sqlx::query(
            "INSERT INTO render.nodes (id, name, hostname, os) VALUES ($1, $2, 'host', 'Linux')",
        )
        .bind(id.0)
        .bind(name)
        .execute(&admin)
        .await
        .unwrap();
        ids.push((name, id));
    }
    admin.close().await;
    let page = async |query: &str| {
        let answer = ops.get(&format!("/v1/farm/nodes{query}")).await;
        let page: Page<NodeView> = answer.json();
        let names: Vec<String> = page.data.into_iter().map(|node| node.name).collect();
        (names.join(""), page.page.next_cursor)
    };
    assert_eq!(page("").await, ("abc".to_owned(), None));
    let (names, cursor) = page("?limit=2").await;
    assert_eq!(names, "ab");
    let cursor = cursor.expect("there is more");
    assert_eq!(
        page(&format!("?limit=2&cursor={cursor}")).await,
        ("c".to_owned(), None)
    );
    assert_eq!(page("?match=B").await, ("b".to_owned(), None));
    let (_, id) = ids[0];
    let node: NodeView = ops.get(&format!("/v1/farm/nodes/{id}")).await.json();
    assert_eq!((node.id, node.name.as_str()), (id, "c"));
    let stranger = NodeId::new();
    let answer = ops.get(&format!("/v1/farm/nodes/{stranger}")).await;
    assert_eq!(answer.refusal(), refused(404, "not_found", &[]));
    let lost = ops.get(&format!("/v1/farm/nodes?cursor={stranger}")).await;
    assert_eq!(lost.refusal(), refused(400, "invalid_cursor", &[]));
}
