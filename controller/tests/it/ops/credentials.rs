//! Every route of the table, with and without its credential.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use flatrender_api::http::Credential;

use super::TestOps;

/// A path with something in its places.
fn path(template: &str) -> String {
    template
        .replace("{digest}", &"a".repeat(64))
        .replace("{job}", "0192f3a0-0000-7000-8000-000000000000")
        .replace("{node}", "0192f3a0-0000-7000-8000-000000000000")
}

#[tokio::test]
async fn every_route_wants_its_credential() {
    let ops = TestOps::start().await;
    ops.shutdown.cancel(); // a stream of events would not end otherwise
    let mut public = 0;
    for route in &ops.routes {
        let name = format!("{} {}", route.method, route.path);
        let send = async |token: Option<&str>| {
            let mut request = Request::builder()
                .method(&route.method)
                .uri(path(route.path));
            if let Some(token) = token {
                request = request.header("authorization", token);
            }
            let response = ops.send(request.body(Body::empty()).unwrap()).await;
            (
                response.status(),
                response.headers().contains_key("www-authenticate"),
            )
        };
        if route.credential == Credential::Public {
            public += 1;
            assert_ne!(send(None).await.0, StatusCode::UNAUTHORIZED, "{name}");
            continue;
        }
        let refused = (StatusCode::UNAUTHORIZED, true);
        let cut = format!("Bearer {}", &ops.token[..ops.token.len() - 1]);
        let basic = format!("Basic {}", ops.token);
        assert_eq!(send(None).await, refused, "{name}");
        for wrong in [
            "",
            "Bearer",
            "Bearer fra_of_somebody_else_entirely_and_long",
            &cut,
            &basic,
        ] {
            assert_eq!(send(Some(wrong)).await, refused, "{name} with {wrong}");
        }
        let (status, _) = send(Some(&format!("bearer {}", ops.token))).await;
        assert_ne!(status, StatusCode::FORBIDDEN, "{name}");
        assert_ne!(status, StatusCode::UNAUTHORIZED, "{name}");
        assert_ne!(status, StatusCode::METHOD_NOT_ALLOWED, "{name}");
    }
    assert_eq!(
        public, 2,
        "only the health check and the document are public"
    );
    assert_eq!(ops.routes.len(), 21);
}

#[tokio::test]
async fn what_is_not_in_the_table_is_not_there() {
    let ops = TestOps::start().await;
    for (method, path, status) in [
        ("GET", "/", 404),
        ("GET", "/v1/farm", 404),
        ("GET", "/internal/v1/nodes", 404),
        ("DELETE", "/v1/farm/jobs", 405),
        ("POST", "/healthz", 405),
    ] {
        let request = ops.request(method, path).body(Body::empty()).unwrap();
        let answer = ops.answer(request).await;
        assert_eq!(answer.status.as_u16(), status, "{method} {path}");
        assert_eq!(answer.headers["content-type"], "application/problem+json");
    }
}

#[tokio::test]
async fn an_unauthorised_upload_is_refused_before_its_bytes_are_read() {
    let ops = TestOps::start().await;
    let endless = futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>();
    let request = Request::builder()
        .method(Method::PUT)
        .uri(path("/v1/farm/blobs/{digest}"))
        .header("content-length", 1000)
        .body(Body::from_stream(endless))
        .unwrap();
    assert_eq!(ops.send(request).await.status(), StatusCode::UNAUTHORIZED);
}
