//! Bytes out: blobs that an agent asks for, each on a stream of its own, and only those that its leases name.

use std::sync::Arc;
use std::time::Duration;

use flatrender_protocol::link::{self, CLOSE_PROTOCOL, LinkError};
use flatrender_protocol::message::{BlobReply, BlobRequest};
use futures_util::StreamExt;
use quinn::{RecvStream, SendStream, VarInt};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, debug, error, warn};

use super::enrol::arrived;
use super::session::{End, Session};
use crate::blobs::{Area, BlobError};

/// How long a request, or the next piece, may take.
const STALLED_AFTER: Duration = Duration::from_secs(30);
/// Why a stream is reset: the store failed; ask again.
const STORE_FAILED: VarInt = VarInt::from_u32(16);

#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("exchange a message")]
    Link(#[from] LinkError),
    #[error("the stream ended before a request")]
    Silent,
    #[error("the agent took longer than 30 s")]
    Stalled,
    #[error("send a blob's bytes")]
    Send(#[from] quinn::WriteError),
    #[error("read a blob")]
    Store(#[from] BlobError),
}

/// Answers requests until the connection is gone. How many at once, the transport bounds.
pub(super) async fn serve(session: &Arc<Session>, tasks: &TaskTracker) -> End {
    loop {
        let (send, receive) = match session.connection.accept_bi().await {
            Ok(stream) => stream,
            Err(error) => return End::Gone(error),
        };
        let session = session.clone();
        tasks.spawn(async move { answer(&session, send, receive).await }.in_current_span());
    }
}

async fn answer(session: &Session, mut send: SendStream, mut receive: RecvStream) {
    let Err(failed) = exchange(session, &mut send, &mut receive).await else {
        return;
    };
    let code = match &failed {
        Failed::Store(error) => {
            error!(error = error as &dyn std::error::Error, "can't send a blob");
            STORE_FAILED
        }
        Failed::Link(LinkError::Wire(error)) => {
            warn!(%error, "a stream began with what is no request for a blob");
            CLOSE_PROTOCOL
        }
        Failed::Link(_) | Failed::Silent | Failed::Stalled | Failed::Send(_) => {
            debug!(
                error = &failed as &dyn std::error::Error,
                "a download broke off"
            );
            CLOSE_PROTOCOL
        }
    };
    if send.reset(code).is_err() {
        debug!("the agent had stopped the download");
    }
}

async fn exchange(
    session: &Session,
    send: &mut SendStream,
    receive: &mut RecvStream,
) -> Result<(), Failed> {
    let request = timeout(STALLED_AFTER, link::receive(receive));
    let request = request.await.map_err(|_| Failed::Stalled)??;
    let BlobRequest { digest, offset } = request.ok_or(Failed::Silent)?;
    session.heard();
    if !session.link.farm.grants.allows(session.node, &digest) {
        let reason = format!("no lease of this node names the blob {digest}");
        return refuse(send, reason).await;
    }
    let store = &session.link.farm.blobs;
    let size = match store.size(Area::Farm, digest).await? {
        Some(size) if offset <= size => size,
        Some(size) => {
            let reason = format!("the blob {digest} has {size} bytes; offset {offset} is beyond");
            return refuse(send, reason).await;
        }
        None => return refuse(send, format!("the blob {digest} is not in the store")).await,
    };
    let (bytes, mut pieces) = store.get(Area::Farm, digest, offset).await?;
    debug!(%digest, offset, bytes, size, "sends a blob");
    link::send(send, &BlobReply::Bytes { bytes }).await?;
    while let Some(piece) = pieces.next().await {
        let written = timeout(
            STALLED_AFTER,
            send.write_chunk(piece.map_err(BlobError::from)?),
        );
        written.await.map_err(|_| Failed::Stalled)??;
    }
    if timeout(STALLED_AFTER, arrived(send)).await.is_err() {
        return Err(Failed::Stalled);
    }
    Ok(())
}

async fn refuse(send: &mut SendStream, reason: String) -> Result<(), Failed> {
    warn!(reason, "refused a blob");
    link::send(send, &BlobReply::Refused { reason }).await?;
    let done = timeout(STALLED_AFTER, arrived(send)).await;
    done.map_err(|_| Failed::Stalled)
}
