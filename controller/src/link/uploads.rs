//! Bytes in: frames, films and logs, each on a stream of its own. The leader hears of a frame only when its bytes are
//! checked and durable. All sizes are checked before anything is allocated, and the memory of all uploads has one bound:
//! beyond it nobody reads, and QUIC stops the senders.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flatrender_protocol::link::{self, CLOSE_BYE, CLOSE_PROTOCOL, LinkError};
use flatrender_protocol::message::{
    BlobRef, FrameHeader, FrameOutcome, LeaseKey, ToAgent, UploadHeader,
};
use quinn::{ReadError, RecvStream, VarInt};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, debug, error, warn};

use super::said;
use super::session::{End, Session};
use crate::blobs::{Area, BlobError, MAX_BLOB_BYTES};
use crate::farm::FromAgent;

/// Most bytes of one frame.
const MAX_FRAME_BYTES: u64 = 256 << 20;
/// Most bytes of a log that are looked at.
const MAX_LOG_BYTES: u64 = 4 << 20;
/// Memory that what an attempt made takes while it is passed on to the store, in MiB.
const MADE_MIB: u32 = 16;
/// Most bytes of one piece read from a stream.
const PIECE_BYTES: usize = 256 << 10;
/// How long the next piece may take.
const STALLED_AFTER: Duration = Duration::from_secs(30);
/// Why a stream is stopped: what it carries can't be used.
const STOP_REFUSED: VarInt = VarInt::from_u32(17);
/// Why a stream is stopped: nobody needs the rest.
const STOP_ENOUGH: VarInt = VarInt::from_u32(18);

/// Why an upload came to nothing.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("read the header of an upload")]
    Header(#[from] LinkError),
    #[error("the stream ended before a header")]
    Silent,
    #[error("no bytes came for 30 s")]
    Stalled,
    #[error("read an upload")]
    Read(#[from] ReadError),
    #[error("{0}")]
    Refused(String),
    #[error("keep an upload")]
    Store(#[source] BlobError),
    #[error("tell the leader")]
    NoLeader,
}

impl From<BlobError> for Failed {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::Mismatch { .. } | BlobError::TooLarge { .. } => {
                Self::Refused(error.to_string())
            }
            BlobError::Receive(source) => match source.downcast() {
                Ok(failed) => *failed,
                Err(source) => Self::Store(BlobError::Receive(source)),
            },
            BlobError::Open { .. }
            | BlobError::Missing(_)
            | BlobError::Store(_)
            | BlobError::Disk(_) => Self::Store(error),
        }
    }
}

/// Takes uploads until the connection is gone. How many at once, the transport bounds.
pub(super) async fn serve(session: &Arc<Session>, tasks: &TaskTracker) -> End {
    loop {
        let stream = match session.connection.accept_uni().await {
            Ok(stream) => stream,
            Err(error) => return End::Gone(error),
        };
        let session = session.clone();
        tasks.spawn(async move { take(&session, stream).await }.in_current_span());
    }
}

async fn take(session: &Session, mut stream: RecvStream) {
    let Err(failed) = receive(session, &mut stream).await else {
        return;
    };
    let code = match &failed {
        Failed::Header(LinkError::Wire(_)) | Failed::Refused(_) => {
            warn!(
                error = &failed as &dyn std::error::Error,
                "refused an upload"
            );
            STOP_REFUSED
        }
        Failed::Header(_) | Failed::Silent | Failed::Stalled | Failed::Read(_) => {
            debug!(
                error = &failed as &dyn std::error::Error,
                "an upload broke off"
            );
            CLOSE_PROTOCOL
        }
        // The agent keeps what was not acknowledged and sends it again in its next session.
        Failed::Store(_) => {
            error!(
                error = &failed as &dyn std::error::Error,
                "the store failed; the session ends"
            );
            session.connection.close(
                CLOSE_BYE,
                b"the controller can't store what was sent; try again",
            );
            CLOSE_BYE
        }
        Failed::NoLeader => {
            session
                .connection
                .close(CLOSE_BYE, b"this controller does not lead; try again");
            CLOSE_BYE
        }
    };
    if stream.stop(code).is_err() {
        debug!("the upload had ended");
    }
}

async fn receive(session: &Session, stream: &mut RecvStream) -> Result<(), Failed> {
    let header = timeout(STALLED_AFTER, link::receive(stream));
    let header: Option<UploadHeader> = header.await.map_err(|_| Failed::Stalled)??;
    session.heard();
    match header.ok_or(Failed::Silent)? {
        UploadHeader::Frame(header) => frame(session, stream, header).await,
        UploadHeader::Film { lease, blob } => {
            kept(session, stream, lease, &blob, Area::Files).await
        }
        UploadHeader::Blob { lease, blob } => kept(session, stream, lease, &blob, Area::Farm).await,
        UploadHeader::Log { lease } => log(session, stream, lease).await,
    }
}

/// A frame is checked, durable, then told. One that can't be used is refused by an answer: its sender would only send the
/// same bytes again.
async fn frame(
    session: &Session,
    stream: &mut RecvStream,
    header: FrameHeader,
) -> Result<(), Failed> {
    let done = match keep_frame(session, stream, &header.blob).await {
        Ok(memory) => {
            let told = session
                .tell(FromAgent::Frame(Box::new(said::frame(header))))
                .await;
            drop(memory);
            return told.map_err(|_| Failed::NoLeader);
        }
        Err(failed) => failed,
    };
    if let Failed::Refused(reason) = &done {
        let refused = ToAgent::FrameAck {
            lease: header.lease,
            ordinal: header.ordinal,
            outcome: FrameOutcome::Refused {
                reason: reason.clone(),
            },
        };
        session.answer(refused).await;
    }
    Err(done)
}

async fn keep_frame(
    session: &Session,
    stream: &mut RecvStream,
    blob: &BlobRef,
) -> Result<OwnedSemaphorePermit, Failed> {
    if blob.bytes == 0 || blob.bytes > MAX_FRAME_BYTES {
        return Err(Failed::Refused(format!(
            "a frame of {} bytes; 1 to {MAX_FRAME_BYTES} are allowed",
            blob.bytes
        )));
    }
    let mib = u32::try_from(blob.bytes.div_ceil(1 << 20)).expect("it was checked");
    let memory = memory(session, mib).await;
    let room = usize::try_from(blob.bytes).expect("it was checked");
    let mut bytes = Vec::with_capacity(room);
    while let Some(piece) = piece(session, stream).await? {
        if bytes.len() + piece.len() > room {
            let reason = format!("more bytes came than the {room} that were announced");
            return Err(Failed::Refused(reason));
        }
        bytes.extend_from_slice(&piece);
    }
    let store = &session.link.farm.blobs;
    store.put_checked(Area::Farm, blob, bytes.into()).await?;
    Ok(memory)
}

/// What an attempt made is durable or refused by an answer: its sender waits until it knows.
async fn kept(
    session: &Session,
    stream: &mut RecvStream,
    lease: LeaseKey,
    blob: &BlobRef,
    area: Area,
) -> Result<(), Failed> {
    let kept = keep(session, stream, blob, area).await;
    let digest = blob.digest;
    match &kept {
        Ok(()) => session.answer(ToAgent::BlobStored { lease, digest }).await,
        Err(Failed::Refused(reason)) => {
            let reason = reason.clone();
            session
                .answer(ToAgent::BlobRefused {
                    lease,
                    digest,
                    reason,
                })
                .await;
        }
        Err(_) => {}
    }
    kept
}

async fn keep(
    session: &Session,
    stream: &mut RecvStream,
    blob: &BlobRef,
    area: Area,
) -> Result<(), Failed> {
    if blob.bytes == 0 || blob.bytes > MAX_BLOB_BYTES {
        return Err(Failed::Refused(format!(
            "{} bytes were announced; 1 to {MAX_BLOB_BYTES} are allowed",
            blob.bytes
        )));
    }
    let _memory = memory(session, MADE_MIB).await;
    let store = &session.link.farm.blobs;
    let known = match area {
        // Claimed: no sweep takes it before a row names it.
        Area::Farm => store.claim(blob.digest).await?,
        Area::Files => store.size(area, blob.digest).await?,
    };
    if known == Some(blob.bytes) {
        // Its sender missed the answer. A stopped stream would make it send once more.
        while piece(session, stream).await?.is_some() {}
    } else {
        let pieces = futures_util::stream::try_unfold(stream, |stream| async move {
            Ok::<_, Failed>(piece(session, stream).await?.map(|piece| (piece, stream)))
        });
        store.put_stream(area, blob, std::pin::pin!(pieces)).await?;
    }
    Ok(())
}

/// Logs have no place yet: an attempt's report carries the end of its log. What comes is counted and let go.
async fn log(session: &Session, stream: &mut RecvStream, lease: LeaseKey) -> Result<(), Failed> {
    let mut came = 0;
    while let Some(piece) = piece(session, stream).await? {
        came += piece.len() as u64;
        if came > MAX_LOG_BYTES {
            stream
                .stop(STOP_ENOUGH)
                .unwrap_or_else(|_| debug!("all of a long log came"));
            break;
        }
    }
    debug!(attempt = %lease.attempt, bytes = came, "a log came");
    Ok(())
}

async fn memory(session: &Session, mib: u32) -> OwnedSemaphorePermit {
    let bound = session.link.upload_mib.clone();
    let permits = bound.acquire_many_owned(mib).await;
    permits.expect("nobody closes the semaphore")
}

async fn piece(session: &Session, stream: &mut RecvStream) -> Result<Option<Bytes>, Failed> {
    let chunk = timeout(STALLED_AFTER, stream.read_chunk(PIECE_BYTES, true)).await;
    let chunk = chunk.map_err(|_| Failed::Stalled)??;
    session.heard();
    Ok(chunk.map(|chunk| chunk.bytes))
}
