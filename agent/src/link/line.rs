//! The line as work sees it: blobs come, films and logs go, over whatever session there is now. It waits for a session
//! where that makes sense, and is told of sessions by the link alone.

#![expect(
    clippy::disallowed_methods,
    reason = "a reader gives up by the clock of the link"
)]

use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::BytesMut;
use flatrender_protocol::Digest;
use flatrender_protocol::link::{LinkError, PRIORITY_LOG, receive, send};
use flatrender_protocol::message::{BlobRef, BlobReply, BlobRequest, LeaseKey, UploadHeader};
use quinn::{Connection, SendStream};
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};
use tokio::sync::watch;
use tokio::time::{Instant, Sleep};

use crate::cache::{Fetch, FetchError};
use crate::work::Uplink;

/// How long a fetch waits for a session.
const WAIT: Duration = Duration::from_secs(60);
/// How long a blob may stop coming.
const SILENCE: Duration = Duration::from_secs(30);
/// Bytes of a file that are read at once.
const PIECE_BYTES: usize = 256 << 10;
/// Pause before a film is sent again.
const AGAIN: Duration = Duration::from_secs(1);

/// The line.
#[derive(Debug)]
pub struct Line {
    connection: watch::Sender<Option<Connection>>,
}

impl Default for Line {
    fn default() -> Self {
        Self {
            connection: watch::Sender::new(None),
        }
    }
}

impl Line {
    /// A session is there.
    pub(super) fn pick_up(&self, connection: Connection) {
        self.connection.send_replace(Some(connection));
    }

    /// It is gone.
    pub(super) fn hang_up(&self) {
        self.connection.send_replace(None);
    }

    /// The session there is, or the next one.
    async fn connection(&self) -> Connection {
        let mut sessions = self.connection.subscribe();
        loop {
            let now = sessions.borrow_and_update().clone();
            match now {
                Some(connection) if connection.close_reason().is_none() => return connection,
                Some(_) | None => {
                    if sessions.changed().await.is_err() {
                        std::future::pending::<()>().await;
                    }
                }
            }
        }
    }
}

fn broken(error: impl std::error::Error + Send + Sync + 'static) -> FetchError {
    FetchError::Broken {
        source: Box::new(error),
    }
}

impl Fetch for Line {
    async fn fetch(
        &self,
        digest: Digest,
        offset: u64,
    ) -> Result<Box<dyn AsyncRead + Send + Unpin>, FetchError> {
        let connection = tokio::time::timeout(WAIT, self.connection())
            .await
            .map_err(broken)?;
        let asked = async {
            let (mut to, mut from) = connection.open_bi().await.map_err(broken)?;
            send(&mut to, &BlobRequest { digest, offset })
                .await
                .map_err(broken)?;
            let _ = to.finish();
            let reply = receive::<BlobReply>(&mut from).await.map_err(broken)?;
            Ok((reply.ok_or_else(|| broken(LinkError::Torn))?, from))
        };
        let (reply, from) = tokio::time::timeout(SILENCE, asked)
            .await
            .map_err(broken)??;
        match reply {
            BlobReply::Bytes { bytes } => Ok(Box::new(Impatient {
                inner: from.take(bytes),
                sleep: Box::pin(tokio::time::sleep(SILENCE)),
            })),
            BlobReply::Refused { reason } => Err(FetchError::Refused { reason }),
        }
    }
}

impl Line {
    async fn send_until_there(&self, header: &UploadHeader, file: &Path) -> io::Result<()> {
        loop {
            let connection = self.connection().await;
            match upload(&connection, header, file, 0).await {
                Ok(()) => return Ok(()),
                Err(Unsent::File(error)) => return Err(error),
                Err(Unsent::Way(error)) => {
                    tracing::warn!(%error, "file not sent; trying again");
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
    }
}

impl Uplink for Line {
    async fn film(&self, lease: LeaseKey, blob: &BlobRef, file: &Path) -> io::Result<()> {
        let blob = blob.clone();
        self.send_until_there(&UploadHeader::Film { lease, blob }, file)
            .await
    }

    async fn blob(&self, lease: LeaseKey, blob: &BlobRef, file: &Path) -> io::Result<()> {
        let blob = blob.clone();
        self.send_until_there(&UploadHeader::Blob { lease, blob }, file)
            .await
    }

    async fn log(&self, lease: LeaseKey, file: PathBuf) {
        let connection = self.connection.borrow().clone();
        if let Some(connection) = connection
            && let Err(error) = upload(
                &connection,
                &UploadHeader::Log { lease },
                &file,
                PRIORITY_LOG,
            )
            .await
        {
            tracing::debug!(error = &error as &dyn std::error::Error, "log not sent");
        }
    }
}

/// Why a file did not arrive.
#[derive(Debug, thiserror::Error)]
enum Unsent {
    /// It can't be read: of no use to try again.
    #[error("read the file")]
    File(#[source] io::Error),
    /// The way to the controller broke.
    #[error("send the file")]
    Way(#[source] io::Error),
}

async fn upload(
    connection: &Connection,
    header: &UploadHeader,
    path: &Path,
    priority: i32,
) -> Result<(), Unsent> {
    let way = |error: io::Error| Unsent::Way(error);
    let mut file = tokio::fs::File::open(path).await.map_err(Unsent::File)?;
    let opened = connection.open_uni().await;
    let mut stream = opened.map_err(|error| way(error.into()))?;
    let _ = stream.set_priority(priority);
    let sent = send(&mut stream, header).await;
    sent.map_err(|error| way(io::Error::other(error)))?;
    let mut piece = BytesMut::with_capacity(PIECE_BYTES);
    while file.read_buf(&mut piece).await.map_err(Unsent::File)? > 0 {
        let sent = stream.write_chunk(piece.split().freeze()).await;
        sent.map_err(|error| way(error.into()))?;
        piece.reserve(PIECE_BYTES);
    }
    arrived(stream).await.map_err(way)
}

/// Returns when everything that was written has arrived.
pub(super) async fn arrived(mut stream: SendStream) -> io::Result<()> {
    stream.finish().map_err(io::Error::other)?;
    match stream.stopped().await {
        Ok(None) => Ok(()),
        Ok(Some(code)) => Err(io::Error::other(format!(
            "the controller stopped the stream ({code})"
        ))),
        Err(error) => Err(io::Error::other(error)),
    }
}

/// A reader that gives up when nothing comes for too long.
struct Impatient<R> {
    inner: R,
    sleep: Pin<Box<Sleep>>,
}

impl<R: AsyncRead + Unpin> AsyncRead for Impatient<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.inner).poll_read(context, buffer) {
            Poll::Ready(ready) => {
                self.sleep.as_mut().reset(Instant::now() + SILENCE);
                Poll::Ready(ready)
            }
            Poll::Pending => match self.sleep.as_mut().poll(context) {
                Poll::Ready(()) => Poll::Ready(Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    format!("nothing has come for {} s", SILENCE.as_secs()),
                ))),
                Poll::Pending => Poll::Pending,
            },
        }
    }
}
