//! Bytes out: only what a live lease of the node names.

use std::collections::HashSet;

use flatrender_controller::blobs::Area;
use flatrender_protocol::link::{receive, send};
use flatrender_protocol::message::{BlobReply, BlobRequest};
use flatrender_protocol::{AttemptId, Digest};

use super::stage::{Joined, Stage, soon};

/// The answer to a request, and the bytes that follow it.
async fn fetch(session: &Joined, digest: Digest, offset: u64) -> (BlobReply, Vec<u8>) {
    let (mut to, mut from) = session.connection.open_bi().await.unwrap();
    send(&mut to, &BlobRequest { digest, offset })
        .await
        .unwrap();
    let reply = soon("an answer", receive(&mut from)).await.unwrap();
    let bytes = soon("the bytes", from.read_to_end(1 << 30)).await.unwrap();
    (reply.expect("an answer"), bytes)
}

fn reason(reply: BlobReply) -> String {
    match reply {
        BlobReply::Refused { reason } => reason,
        given @ BlobReply::Bytes { .. } => panic!("{given:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blob_goes_only_to_a_node_whose_lease_names_it() {
    let mut stage = Stage::new().await;
    let (agent, other) = (stage.enrolled("one").await, stage.enrolled("two").await);
    let session = stage.join(&agent).await;
    let stranger = stage.join(&other).await;
    let bytes: Vec<u8> = (0..5_000_000_u32)
        .map(|n| n.to_le_bytes()[n as usize % 3])
        .collect();
    let stored = stage.farm.blobs.put(Area::Farm, bytes.clone().into()).await;
    let digest = stored.unwrap().digest;
    let (reply, _) = fetch(&session, digest, 0).await;
    assert!(reason(reply).contains("no lease of this node names"));

    let attempt = AttemptId::new();
    stage
        .farm
        .grants
        .give(agent.node, attempt, HashSet::from([digest]));
    for offset in [0, 1, 4_999_999, 5_000_000] {
        let (reply, came) = fetch(&session, digest, offset).await;
        assert_eq!(
            reply,
            BlobReply::Bytes {
                bytes: 5_000_000 - offset
            }
        );
        assert!(came == bytes[usize::try_from(offset).unwrap()..]);
    }
    let (reply, came) = fetch(&session, digest, 5_000_001).await;
    assert!(reason(reply).contains("offset 5000001 is beyond"));
    assert!(came.is_empty());
    let (reply, _) = fetch(&stranger, digest, 0).await;
    assert!(reason(reply).contains("no lease of this node names"));

    stage.farm.grants.take_back(agent.node, attempt);
    let (reply, _) = fetch(&session, digest, 0).await;
    assert!(reason(reply).contains("no lease of this node names"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blob_that_is_named_but_gone_is_refused() {
    let mut stage = Stage::new().await;
    let agent = stage.enrolled("one").await;
    let session = stage.join(&agent).await;
    let digest = Digest::of(b"gone");
    stage
        .farm
        .grants
        .give(agent.node, AttemptId::new(), HashSet::from([digest]));
    let (reply, _) = fetch(&session, digest, 0).await;
    assert!(reason(reply).contains("is not in the store"));
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_instead_of_a_request_ends_its_stream_alone() {
    let mut stage = Stage::new().await;
    let agent = stage.enrolled("one").await;
    let session = stage.join(&agent).await;
    let (mut to, mut from) = session.connection.open_bi().await.unwrap();
    to.write_all(&[0xff; 64]).await.unwrap();
    let end = soon("the end of a stream", from.read_to_end(10)).await;
    assert!(end.is_err(), "it is reset: {end:?}");
    let (reply, _) = fetch(&session, Digest::of(b"x"), 0).await;
    assert!(matches!(reply, BlobReply::Refused { .. }));
}
