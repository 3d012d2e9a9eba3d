//! `/v1/farm/blobs`.

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use flatrender_protocol::Digest;
use serde_json::json;

use super::{TestOps, refused};

#[tokio::test]
async fn bytes_come_in_once_and_are_there() {
    let ops = TestOps::start().await;
    let text = "some project".repeat(1000);
    let digest = Digest::of(text.as_bytes());
    let path = format!("/v1/farm/blobs/{digest}");
    let head = async || {
        let request = ops.request("HEAD", &path).body(Body::empty()).unwrap();
        ops.answer(request).await
    };
    assert_eq!(head().await.status, StatusCode::NOT_FOUND);
    let first = ops.put(digest, text.clone()).await;
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.text);
    let expected = json!({ "digest": digest, "bytes": text.len() });
    assert_eq!(first.json::<serde_json::Value>(), expected);
    let second = ops.put(digest, text.clone()).await;
    assert_eq!(second.status, StatusCode::OK);
    assert_eq!(second.json::<serde_json::Value>(), expected);
    let there = head().await;
    assert_eq!((there.status, there.text.as_str()), (StatusCode::OK, ""));
    assert_eq!(there.headers["content-length"], text.len().to_string());
    assert_eq!(ops.stored().len(), 1);
}

#[tokio::test]
async fn other_bytes_than_the_address_says_are_refused_and_leave_nothing() {
    let ops = TestOps::start().await;
    let (good, bad) = ("the right bytes", "the wrong bytes");
    let digest = Digest::of(good.as_bytes());
    let mismatch = refused(422, "validation_failed", &["/digest digest_mismatch"]);
    let answer = ops.put(digest, bad).await;
    assert_eq!(answer.refusal(), mismatch);
    assert!(
        answer
            .text
            .contains(&Digest::of(bad.as_bytes()).to_string()),
        "{}",
        answer.text
    );
    assert_eq!(ops.stored(), Vec::<std::path::PathBuf>::new());
    assert_eq!(ops.put(digest, good).await.status, StatusCode::CREATED);
    // What is there already does not hide the mistake, nor is it touched by it.
    assert_eq!(ops.put(digest, bad).await.refusal(), mismatch);
    assert_eq!(ops.put(digest, "shorter").await.refusal(), mismatch);
    assert_eq!(ops.put(digest, good).await.status, StatusCode::OK);
    assert_eq!(ops.stored().len(), 1);
}

#[tokio::test]
async fn uploads_without_an_end_or_beyond_the_limit_are_refused() {
    let ops = TestOps::start().await;
    let digest = Digest::of(b"whole");
    let path = format!("/v1/farm/blobs/{digest}");
    let pieces = |pieces: &[&'static str]| {
        let pieces: Vec<_> = pieces
            .iter()
            .map(|piece| Bytes::from_static(piece.as_bytes()))
            .collect();
        Body::from_stream(futures_util::stream::iter(
            pieces.into_iter().map(Ok::<_, std::io::Error>),
        ))
    };
    let send = async |path: &str, length: Option<u64>, body: Body| {
        let mut request = ops.request("PUT", path);
        if let Some(length) = length {
            request = request.header("content-length", length);
        }
        ops.answer(request.body(body).unwrap()).await.refusal()
    };
    let no_length = send(&path, None, pieces(&["whole"])).await;
    assert_eq!(no_length, refused(411, "length_required", &[]));
    let too_large = send(&path, Some((8 << 30) + 1), Body::empty()).await;
    assert_eq!(too_large, refused(413, "too_large", &[]));
    let short = send(&path, Some(5), pieces(&["who"])).await;
    assert_eq!(short, refused(400, "incomplete_body", &[]));
    let long = send(&path, Some(5), pieces(&["who", "le film"])).await;
    assert_eq!(long, refused(413, "too_large", &[]));
    let nameless = send("/v1/farm/blobs/nonsense", Some(5), pieces(&["whole"])).await;
    assert_eq!(nameless, refused(404, "not_found", &[]));
    assert_eq!(ops.stored(), Vec::<std::path::PathBuf>::new());
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_nothing() {
    let ops = TestOps::start().await;
    let bytes = vec![7_u8; 20 << 20];
    let digest = Digest::of(&bytes);
    let (sender, receiver) = tokio::sync::mpsc::channel::<Result<Bytes, std::io::Error>>(1);
    let request = ops
        .request("PUT", &format!("/v1/farm/blobs/{digest}"))
        .header("content-length", bytes.len())
        .body(Body::from_stream(
            tokio_stream::wrappers::ReceiverStream::new(receiver),
        ))
        .unwrap();
    let sending = async {
        // More than one part, so that something lies on the disk.
        sender
            .send(Ok(Bytes::from(vec![7_u8; 18 << 20])))
            .await
            .unwrap();
        sender.send(Ok(Bytes::from_static(&[7]))).await.unwrap();
        sender.reserve().await.unwrap();
        assert!(!ops.stored().is_empty(), "something lies beside its place");
        sender
            .send(Err(std::io::Error::other("the cable")))
            .await
            .unwrap();
    };
    let (answer, ()) = tokio::join!(ops.answer(request), sending);
    assert_eq!(answer.refusal(), refused(400, "incomplete_body", &[]));
    assert_eq!(ops.stored(), Vec::<std::path::PathBuf>::new());
}
