//! What wraps every request: ids, headers, addresses that don't exist, handlers that fail.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use insta::assert_snapshot;

use crate::farm::{get, request, send};

#[tokio::test]
async fn a_request_keeps_the_id_it_came_with() {
    let id = "0193a3f0-1111-7222-8333-444455556666";
    let given = request("GET", "/v1/broken").header("request-id", id);
    let answer = send(given.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.headers["request-id"], id);
    assert!(answer.text.contains(&format!("\"request_id\":\"{id}\"")));
}

#[tokio::test]
async fn an_id_that_is_none_is_replaced() {
    let given = request("GET", "/v1/jobs").header("request-id", "<script>");
    let answer = send(given.body(Body::empty()).unwrap()).await;
    let id = answer.headers["request-id"].to_str().unwrap();
    assert!(id.parse::<flatrender_protocol::JobId>().is_ok(), "{id}");
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_too() {
    assert_snapshot!(get("/v1/nowhere").await.shown(), @r#"
    404
    content-type: application/problem+json
    {
      "code": "not_found",
      "detail": "there is no such address",
      "request_id": "[id]",
      "status": 404,
      "title": "Not found",
      "type": "https://errors.flatrender.example/not-found"
    }
    "#);
    let patch = request("PATCH", "/v1/jobs").body(Body::empty()).unwrap();
    assert_snapshot!(send(patch).await.shown(), @r#"
    405
    content-type: application/problem+json
    allow: GET,HEAD,POST
    {
      "code": "method_not_allowed",
      "detail": "PATCH is not possible here; the header Allow lists what is",
      "request_id": "[id]",
      "status": 405,
      "title": "Method not allowed",
      "type": "https://errors.flatrender.example/method-not-allowed"
    }
    "#);
}

#[tokio::test]
async fn our_own_mistakes_stay_ours() {
    let answer = get("/v1/broken").await;
    assert!(!answer.text.contains("hunter2"));
    assert_snapshot!(answer.shown(), @r#"
    500
    content-type: application/problem+json
    {
      "code": "internal",
      "detail": "this is our fault; quote the request id when you report it",
      "request_id": "[id]",
      "status": 500,
      "title": "Something went wrong here",
      "type": "https://errors.flatrender.example/internal"
    }
    "#);
    let answer = get("/v1/panics").await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(answer.text.contains("request_id"), "{}", answer.text);
    assert!(!answer.text.contains("secret"));
}

#[tokio::test]
async fn every_answer_protects_browsers() {
    let public = Request::builder()
        .uri("/healthz")
        .body(Body::empty())
        .unwrap();
    let answers = [
        send(public).await,
        get("/v1/nowhere").await,
        get("/v1/panics").await,
    ];
    let headers = answers.map(|answer| {
        let shown = [
            "cache-control",
            "content-security-policy",
            "cross-origin-resource-policy",
            "referrer-policy",
            "strict-transport-security",
            "x-content-type-options",
        ]
        .map(|name| answer.headers[name].to_str().unwrap().to_owned());
        shown.join("\n")
    });
    assert_eq!(headers[0], headers[1]);
    assert_eq!(headers[0], headers[2]);
    assert_snapshot!(headers[0], @"
    private, no-store
    default-src 'none'; frame-ancestors 'none'
    same-origin
    no-referrer
    max-age=31536000
    nosniff
    ");
}

#[tokio::test]
async fn addresses_and_headers_have_limits() {
    let long = get(&format!("/v1/jobs?match={}", "x".repeat(9000))).await;
    assert_eq!(long.status, StatusCode::URI_TOO_LONG);
    let heavy = request("GET", "/v1/jobs").header("x-more", "x".repeat(17_000));
    let answer = send(heavy.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
}

#[tokio::test(start_paused = true)]
async fn what_takes_too_long_is_ended() {
    let started = tokio::time::Instant::now();
    let answer = get("/v1/stuck").await;
    assert_eq!(answer.status, StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(started.elapsed().as_secs(), 30);
    assert!(answer.text.contains("upstream_timeout"), "{}", answer.text);
}

#[tokio::test(start_paused = true)]
async fn a_silent_sender_is_let_go() {
    let silent = Body::from_stream(futures_util::stream::pending::<
        Result<Vec<u8>, std::io::Error>,
    >());
    let started = tokio::time::Instant::now();
    let put = request("PUT", "/v1/blobs/0").header("content-length", 5);
    let answer = send(put.body(silent).unwrap()).await;
    assert_eq!(started.elapsed().as_secs(), 15);
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(
        answer.text.contains("nothing came for too long"),
        "{}",
        answer.text
    );
}
