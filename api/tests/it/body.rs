//! Bodies and queries that are wrong in one way each.

use axum::body::Body;
use axum::http::StatusCode;
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::farm::{LIMIT_BYTES, get, post, request, send};

fn spec() -> Value {
    json!({
        "project": { "digest": "a".repeat(64), "file_name": "a.aep" },
        "composition": "Main",
        "tracks": [{
            "kind": "music",
            "file": { "digest": "b".repeat(64), "file_name": "m.wav" },
            "volume": 80
        }],
    })
}

/// What is answered to the sample with one place changed: status, code of the problem, pointer, code and words of
/// its first field.
async fn with(pointer: &str, value: Value) -> String {
    let mut spec = spec();
    match pointer.rsplit_once('/') {
        Some((parent, name)) if spec.pointer(pointer).is_none() => {
            spec.pointer_mut(parent).unwrap()[name] = value;
        }
        _ => *spec.pointer_mut(pointer).unwrap() = value,
    }
    line(&post("/v1/jobs", spec.to_string()).await.text)
}

fn line(text: &str) -> String {
    let problem: flatrender_protocol::rest::Problem = serde_json::from_str(text).unwrap();
    match problem.errors.first() {
        Some(e) => format!("{} {} {}: {}", problem.status, e.pointer, e.code, e.detail),
        None => format!("{} {}: {}", problem.status, problem.code, problem.detail),
    }
}

#[tokio::test]
async fn a_good_body_is_taken() {
    let answer = post("/v1/jobs", spec().to_string()).await;
    assert_snapshot!(answer.shown(), @r#"
    201
    content-type: application/json
    "Main by operator"
    "#);
    let charset =
        request("POST", "/v1/jobs").header("content-type", "Application/JSON; charset=UTF-8");
    let answer = send(charset.body(Body::from(spec().to_string())).unwrap()).await;
    assert_eq!(answer.status, StatusCode::CREATED);
}

#[tokio::test]
async fn wrong_fields_are_named() {
    assert_snapshot!(with("/speed", json!(3)).await, @r#"422 /speed unknown_field: "speed" is not known here; known is one of "name", "project", "composition", "frames", "priority", "tracks", "values", "own_sound", "canary", "accept_suspect""#);
    assert_snapshot!(with("/tracks/0", json!({ "a/b~c": 1 })).await, @r#"422 /tracks/0/a~1b~0c unknown_field: "a/b~c" is not known here; known is one of "kind", "file", "volume""#);
    assert_snapshot!(with("/tracks/0/volume", json!(-3)).await, @"422 /tracks/0/volume out_of_range: it is -3; needed is a whole number from 0 to 65535");
    assert_snapshot!(with("/tracks/0/volume", json!("loud")).await, @r#"422 /tracks/0/volume wrong_type: it is "loud"; needed is a whole number from 0 to 65535"#);
    assert_snapshot!(with("/tracks/0/kind", json!("noise")).await, @r#"422 /tracks/0/kind unknown_value: it is "noise"; needed is one of "music", "sfx", "voiceover""#);
    assert_snapshot!(with("/tracks", json!({})).await, @"422 /tracks wrong_type: it is an object; needed is a list");
    assert_snapshot!(with("/project/digest", json!("../../etc/passwd")).await, @r#"422 /project/digest invalid: "../../etc/passwd" is not a digest: 64 hexadecimal digits are needed"#);
    assert_snapshot!(with("/project", json!({ "file_name": "a.aep" })).await, @"422 /project/digest required: it is missing");
    assert_snapshot!(with("/composition", json!(null)).await, @"422 /composition wrong_type: it is null; needed is a string");
    assert_snapshot!(line(&post("/v1/jobs", "[]").await.text), @"422  invalid: invalid length 1; needed is an object");
    assert_snapshot!(post("/v1/jobs", r#"{"speed":1}"#).await.shown(), @r#"
    422
    content-type: application/problem+json
    {
      "code": "validation_failed",
      "detail": "/speed: \"speed\" is not known here; known is one of \"name\", \"project\", \"composition\", \"frames\", \"priority\", \"tracks\", \"values\", \"own_sound\", \"canary\", \"accept_suspect\"",
      "errors": [
        {
          "code": "unknown_field",
          "detail": "\"speed\" is not known here; known is one of \"name\", \"project\", \"composition\", \"frames\", \"priority\", \"tracks\", \"values\", \"own_sound\", \"canary\", \"accept_suspect\"",
          "pointer": "/speed"
        }
      ],
      "request_id": "[id]",
      "status": 422,
      "title": "The request is not valid",
      "type": "https://errors.flatrender.example/validation-failed"
    }
    "#);
}

#[tokio::test]
async fn long_names_are_quoted_in_part() {
    let words = with(&format!("/{}", "x".repeat(100_000)), json!(1)).await;
    assert!(words.len() < 1200, "{}", words.len());
}

#[tokio::test]
async fn what_is_not_json_is_refused() {
    assert_snapshot!(line(&post("/v1/jobs", "").await.text), @"400 malformed_json: EOF while parsing a value in line 1, column 0");
    assert_snapshot!(line(&post("/v1/jobs", "{\n  \"composition\": oops }").await.text), @"400 malformed_json: expected value in line 2, column 18");
    assert_snapshot!(line(&post("/v1/jobs", format!("{} 7", spec())).await.text), @"400 malformed_json: trailing characters in line 1, column 277");
    let twice = r#"{"composition":"a","composition":"b"}"#;
    assert_snapshot!(line(&post("/v1/jobs", twice).await.text), @"400 malformed_json: /composition: it is given twice; give it once");
    let deep = format!("{}{}", "[".repeat(33), "]".repeat(33));
    assert_snapshot!(line(&post("/v1/jobs", deep).await.text), @"400 malformed_json: it is nested deeper than 32 levels");
    assert_snapshot!(line(&post("/v1/jobs", vec![0xff, 0xfe]).await.text), @"400 malformed_json: expected value in line 1, column 1");
}

#[tokio::test]
async fn other_types_and_too_much_are_refused() {
    let plain = request("POST", "/v1/jobs").header("content-type", "text/plain");
    let answer = send(plain.body(Body::from(spec().to_string())).unwrap()).await;
    assert_snapshot!(answer.shown(), @r#"
    415
    content-type: application/problem+json
    {
      "code": "unsupported_media_type",
      "detail": "Content-Type is \"text/plain\"; send application/json",
      "request_id": "[id]",
      "status": 415,
      "title": "The body is of a type that is not taken here",
      "type": "https://errors.flatrender.example/unsupported-media-type"
    }
    "#);
    let none = request("POST", "/v1/jobs").body(Body::from("{}")).unwrap();
    assert_snapshot!(line(&send(none).await.text), @"415 unsupported_media_type: there is no Content-Type; send application/json");
    let latin =
        request("POST", "/v1/jobs").header("content-type", "application/json; charset=latin1");
    let answer = send(latin.body(Body::from("{}")).unwrap()).await;
    assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let big = " ".repeat((1 << 20) + 1);
    assert_snapshot!(post("/v1/jobs", big).await.shown(), @r#"
    413
    content-type: application/problem+json
    {
      "code": "too_large",
      "detail": "at most 1048576 bytes are taken here",
      "request_id": "[id]",
      "status": 413,
      "title": "The body is too large",
      "type": "https://errors.flatrender.example/too-large"
    }
    "#);
}

#[tokio::test]
async fn a_declared_length_is_refused_before_a_byte_is_read() {
    let endless = Body::from_stream(futures_util::stream::pending::<
        Result<Vec<u8>, std::io::Error>,
    >());
    let big = request("PUT", "/v1/blobs/0").header("content-length", LIMIT_BYTES + 1);
    let answer = send(big.body(endless).unwrap()).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn raw_bytes_are_as_many_as_declared() {
    let put = |length: Option<usize>, body: &'static [u8]| {
        let mut put = request("PUT", "/v1/blobs/0");
        if let Some(length) = length {
            put = put.header("content-length", length);
        }
        send(put.body(Body::from(body)).unwrap())
    };
    assert_eq!(put(Some(5), b"12345").await.text, "5");
    assert_eq!(put(Some(0), b"").await.text, "0");
    assert_snapshot!(line(&put(None, b"12345").await.text), @"411 length_required: send the header Content-Length; chunked bodies are not taken here");
    assert_snapshot!(line(&put(Some(9), b"12345").await.text), @"400 incomplete_body: 4 of 9 bytes are missing; send it again");
    assert_snapshot!(line(&put(Some(2), b"12345").await.text), @"413 too_large: at most 2 bytes are taken here");
}

#[tokio::test]
async fn queries_and_paths_are_checked() {
    let good = get("/v1/jobs?limit=5&match=now%20ruz").await;
    assert_eq!(good.text, r#"[5,"now ruz"]"#);
    assert_snapshot!(line(&get("/v1/jobs?limit=many").await.text), @"422 /limit invalid: it is not a whole number");
    assert_snapshot!(line(&get("/v1/jobs?offset=7").await.text), @r#"422 /offset unknown_field: "offset" is not known here; known is "limit" or "match""#);
    assert_snapshot!(line(&get("/v1/jobs?limit=1&limit=2").await.text), @"422 /limit duplicate: it is given twice; give it once");
    assert_snapshot!(line(&get("/v1/jobs/not-an-id").await.text), @r#"404 not_found: there is no job "not-an-id""#);
    assert_snapshot!(line(&get("/v1/jobs/%ff%1b").await.text), @"404 not_found: there is no job whose name is not UTF-8");
}
