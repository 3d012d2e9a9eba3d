//! Bytes in: a frame is told when it is durable, and never when it is not what was announced.

use flatrender_controller::blobs::Area;
use flatrender_controller::farm::FromAgent;
use flatrender_protocol::Digest;
use flatrender_protocol::link::send;
use flatrender_protocol::message::{
    BlobRef, FrameHeader, FrameOutcome, Measures, Packing, ToAgent, UploadHeader,
};
use quinn::{SendStream, VarInt};

use super::stage::{Joined, Stage, lease, soon};

fn blob(bytes: &[u8]) -> BlobRef {
    BlobRef {
        digest: Digest::of(bytes),
        bytes: bytes.len() as u64,
    }
}

fn header(ordinal: u32, blob: BlobRef) -> FrameHeader {
    FrameHeader {
        lease: lease(),
        ordinal,
        blob,
        packing: Packing::ZstdTiff,
        pixels: Digest::of(b"pixels"),
        measures: Measures {
            width: 64,
            height: 36,
            bits: 8,
            alpha: true,
            mean_luma: 0.5,
            perceptual_hash: 1,
            ..Measures::default()
        },
        render_ms: 40,
        renderer: "25.2x26".to_owned(),
    }
}

async fn upload(session: &Joined, header: &UploadHeader, bytes: &[u8]) -> SendStream {
    let mut stream = session.connection.open_uni().await.unwrap();
    send(&mut stream, header).await.unwrap();
    // A stream that the controller stops takes no more bytes; the tests look at what comes of it.
    if stream.write_all(bytes).await.is_ok() {
        stream.finish().unwrap();
    }
    stream
}

/// Whether all of a stream was taken, or with which code it was stopped.
async fn taken(stream: &SendStream) -> Option<VarInt> {
    soon("the end of a stream", stream.stopped()).await.unwrap()
}

async fn a_good_frame_arrives(stage: &mut Stage, session: &Joined, ordinal: u32) {
    let bytes = vec![u8::try_from(ordinal).unwrap(); 3_000_000];
    let header = header(ordinal, blob(&bytes));
    let stream = upload(session, &UploadHeader::Frame(header.clone()), &bytes).await;
    match stage.said(session).await {
        FromAgent::Frame(told) => assert_eq!(*told, header),
        other => panic!("{other:?}"),
    }
    let digest = header.blob.digest;
    let stored = stage.farm.blobs.read(Area::Farm, digest, 1 << 30).await;
    assert_eq!(stored.unwrap(), bytes);
    assert_eq!(taken(&stream).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_is_durable_when_the_leader_hears_of_it() {
    let mut stage = Stage::new().await;
    let agent = stage.enrolled("one").await;
    let session = stage.join(&agent).await;
    for ordinal in 0..20 {
        a_good_frame_arrives(&mut stage, &session, ordinal).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_that_is_not_as_announced_is_refused_and_the_session_goes_on() {
    let mut stage = Stage::new().await;
    let agent = stage.enrolled("one").await;
    let mut session = stage.join(&agent).await;
    let bytes = vec![5; 100_000];
    let good = blob(&bytes);
    let wrong = [
        BlobRef {
            digest: Digest::of(b"other"),
            ..good.clone()
        },
        BlobRef {
            bytes: good.bytes + 1,
            ..good.clone()
        },
        BlobRef {
            bytes: good.bytes - 1,
            ..good.clone()
        },
        BlobRef {
            bytes: 0,
            ..good.clone()
        },
    ];
    for (ordinal, announced) in (0..).zip(wrong) {
        let header = header(ordinal, announced);
        upload(&session, &UploadHeader::Frame(header.clone()), &bytes).await;
        match session.hear().await {
            ToAgent::FrameAck {
                lease,
                ordinal: about,
                outcome,
            } => {
                assert_eq!((lease, about), (header.lease, ordinal));
                assert!(
                    matches!(outcome, FrameOutcome::Refused { .. }),
                    "{outcome:?}"
                );
            }
            other => panic!("{other:?}"),
        }
        let stored = stage.farm.blobs.size(Area::Farm, header.blob.digest).await;
        assert_eq!(stored.unwrap(), None);
    }
    stage.assert_untold();
    a_good_frame_arrives(&mut stage, &session, 9).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_oversized_frame_is_refused_before_its_bytes_come() {
    let mut stage = Stage::new().await;
    let agent = stage.enrolled("one").await;
    let mut session = stage.join(&agent).await;
    for bytes in [(256 << 20) + 1, u64::MAX] {
        let digest = Digest::of(b"huge");
        let header = header(3, BlobRef { digest, bytes });
        let mut stream = session.connection.open_uni().await.unwrap();
        send(&mut stream, &UploadHeader::Frame(header))
            .await
            .unwrap();
        assert!(taken(&stream).await.is_some(), "the stream is stopped");
        match session.hear().await {
            ToAgent::FrameAck {
                outcome: FrameOutcome::Refused { reason },
                ..
            } => {
                assert!(reason.contains(&bytes.to_string()), "{reason}");
            }
            other => panic!("{other:?}"),
        }
    }
    stage.assert_untold();
    a_good_frame_arrives(&mut stage, &session, 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_garbled_header_stops_its_stream_alone() {
    let mut stage = Stage::new().await;
    let agent = stage.enrolled("one").await;
    let session = stage.join(&agent).await;
    let mut stream = session.connection.open_uni().await.unwrap();
    stream.write_all(&[0xff; 64]).await.unwrap();
    assert!(taken(&stream).await.is_some(), "the stream is stopped");
    a_good_frame_arrives(&mut stage, &session, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_its_sender_breaks_off_leaves_nothing() {
    let mut stage = Stage::new().await;
    let agent = stage.enrolled("one").await;
    let session = stage.join(&agent).await;
    let bytes = vec![5; 1_000_000];
    let announced = blob(&bytes);
    let frame = UploadHeader::Frame(header(0, announced.clone()));
    let film = UploadHeader::Film {
        lease: lease(),
        blob: announced.clone(),
    };
    for header in [frame, film] {
        let mut stream = session.connection.open_uni().await.unwrap();
        send(&mut stream, &header).await.unwrap();
        stream.write_all(&bytes[..500_000]).await.unwrap();
        stream.reset(VarInt::from_u32(0)).unwrap();
    }
    a_good_frame_arrives(&mut stage, &session, 1).await;
    for area in [Area::Farm, Area::Files] {
        let stored = stage.farm.blobs.size(area, announced.digest).await;
        assert_eq!(stored.unwrap(), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_film_is_stored_once_and_answered_each_time() {
    let mut stage = Stage::new().await;
    let agent = stage.enrolled("one").await;
    let mut session = stage.join(&agent).await;
    let bytes: Vec<u8> = (0..20_000_000_u32)
        .map(|n| n.to_le_bytes()[n as usize % 3])
        .collect();
    let film = blob(&bytes);
    for _ in 0..2 {
        let key = lease();
        let header = UploadHeader::Film {
            lease: key,
            blob: film.clone(),
        };
        let stream = upload(&session, &header, &bytes).await;
        let digest = film.digest;
        assert_eq!(
            session.hear().await,
            ToAgent::BlobStored { lease: key, digest }
        );
        assert_eq!(taken(&stream).await, None);
    }
    let stored = stage
        .farm
        .blobs
        .read(Area::Files, film.digest, 1 << 30)
        .await;
    assert_eq!(stored.unwrap(), bytes);
    assert_eq!(
        stage
            .farm
            .blobs
            .size(Area::Farm, film.digest)
            .await
            .unwrap(),
        None
    );
    stage.assert_untold();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_film_that_is_not_as_announced_is_refused_by_an_answer() {
    let mut stage = Stage::new().await;
    let agent = stage.enrolled("one").await;
    let mut session = stage.join(&agent).await;
    let mut film = blob(b"a film");
    film.digest = Digest::of(b"another film");
    let key = lease();
    let header = UploadHeader::Film {
        lease: key,
        blob: film.clone(),
    };
    upload(&session, &header, b"a film").await;
    let answer = session.hear().await;
    let ToAgent::BlobRefused {
        lease,
        digest,
        reason,
    } = answer
    else {
        panic!("{answer:?}");
    };
    assert_eq!((lease, digest), (key, film.digest));
    assert!(
        reason.contains(&Digest::of(b"a film").to_string()),
        "{reason}"
    );
    a_good_frame_arrives(&mut stage, &session, 1).await;
    session.connection.close(VarInt::from_u32(0), b"");
    // The session ends after the last of its uploads.
    stage.left(&session).await;
    assert_eq!(
        stage
            .farm
            .blobs
            .size(Area::Files, film.digest)
            .await
            .unwrap(),
        None
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_taken_and_an_endless_one_is_stopped() {
    let mut stage = Stage::new().await;
    let agent = stage.enrolled("one").await;
    let session = stage.join(&agent).await;
    let header = UploadHeader::Log { lease: lease() };
    let short = upload(&session, &header, b"PROGRESS: done").await;
    assert_eq!(taken(&short).await, None);
    let long = upload(&session, &header, &vec![b'x'; 30 << 20]).await;
    assert!(taken(&long).await.is_some(), "the stream is stopped");
    a_good_frame_arrives(&mut stage, &session, 1).await;
}
