//! Every route of the table, without, with a wrong and with the right credential.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use flatrender_api::http::{Credential, Route, same};
use insta::assert_snapshot;

use crate::farm::{ADMIN, READER, send, table};

async fn call(route: &Route, authorization: Option<&str>) -> StatusCode {
    let path = route
        .path
        .replace("{job}", "01890000-0000-7000-8000-000000000000")
        .replace("{digest}", &"0".repeat(64));
    let mut request = Request::builder().method(route.method.clone()).uri(path);
    if let Some(value) = authorization {
        request = request.header("authorization", value);
    }
    send(request.body(Body::empty()).unwrap()).await.status
}

#[tokio::test(start_paused = true)]
async fn every_guarded_route_wants_its_credential() {
    let table = table();
    let mut guarded = 0;
    for route in table.routes() {
        let name = format!("{} {}", route.method, route.path);
        if route.credential == Credential::Public {
            assert_eq!(call(route, None).await, StatusCode::OK, "{name}");
            continue;
        }
        guarded += 1;
        for wrong in [
            None,
            Some("Bearer nobody"),
            Some("Bearer "),
            Some("Bearer"),
            Some("Basic YTpi"),
            Some(ADMIN),
        ] {
            let status = call(route, wrong).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{name} with {wrong:?}");
        }
        let right = call(route, Some(&format!("Bearer {ADMIN}"))).await;
        assert!(
            !matches!(right, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN),
            "{name}: {right}"
        );
        let reader = call(route, Some(&format!("bearer {READER}"))).await;
        let forbidden = reader == StatusCode::FORBIDDEN;
        assert_eq!(
            forbidden,
            route.permission != "job.read",
            "{name}: {reader}"
        );
    }
    assert_eq!(guarded, 8);
}

#[tokio::test]
async fn refusals_say_what_is_missing() {
    let ask = |authorization: Option<&str>| {
        let mut request = Request::builder().method("POST").uri("/v1/jobs");
        if let Some(value) = authorization {
            request = request.header("authorization", value);
        }
        send(request.body(Body::empty()).unwrap())
    };
    assert_snapshot!(ask(None).await.shown(), @r#"
    401
    content-type: application/problem+json
    www-authenticate: Bearer realm="flatrender"
    {
      "code": "token_missing",
      "detail": "send the header Authorization: Bearer TOKEN",
      "request_id": "[id]",
      "status": 401,
      "title": "A token is needed",
      "type": "https://errors.flatrender.example/token-missing"
    }
    "#);
    assert_snapshot!(ask(Some("Bearer nobody")).await.shown(), @r#"
    401
    content-type: application/problem+json
    www-authenticate: Bearer realm="flatrender", error="invalid_token"
    {
      "code": "token_invalid",
      "detail": "the token is not known here or no longer works; sign in again or ask for a new one",
      "request_id": "[id]",
      "status": 401,
      "title": "The token is not valid",
      "type": "https://errors.flatrender.example/token-invalid"
    }
    "#);
    let reader = format!("Bearer {READER}");
    assert_snapshot!(ask(Some(&reader)).await.shown(), @r#"
    403
    content-type: application/problem+json
    {
      "code": "permission_denied",
      "detail": "this needs the permission job.write",
      "request_id": "[id]",
      "status": 403,
      "title": "Not allowed",
      "type": "https://errors.flatrender.example/permission-denied"
    }
    "#);
}

#[tokio::test]
async fn two_credentials_are_one_too_many() {
    let request = Request::builder()
        .uri("/v1/jobs")
        .header("authorization", "Bearer nobody")
        .header("authorization", format!("Bearer {ADMIN}"));
    let answer = send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
}

#[test]
#[should_panic(expected = "GET /v1/more: guarded routes have a permission")]
fn a_guarded_route_without_a_permission_does_not_start() {
    let route = Route {
        path: "/v1/more",
        permission: "",
        ..table().routes()[1].clone()
    };
    let _ = table().route(route, async || ());
}

#[test]
#[should_panic(expected = "GET /v1/more/{job}: its parameters are those of its path")]
fn a_route_whose_parameters_are_not_named_does_not_start() {
    let route = Route {
        path: "/v1/more/{job}",
        ..table().routes()[1].clone()
    };
    let _ = table().route(route, async || ());
}

#[test]
#[should_panic(expected = "POST /v1/jobs: it is in the table twice")]
fn a_route_is_in_the_table_once() {
    let mut route = table().routes()[2].clone();
    route.summary = "again";
    let _ = table().route(route, async || ());
}

#[test]
fn hashes_are_compared_whole() {
    let (a, mut b) = ([7; 32], [7; 32]);
    assert!(same(&a, &b));
    b[31] = 8;
    assert!(!same(&a, &b));
    b = a;
    b[0] = 8;
    assert!(!same(&a, &b));
}
