//! Uploading bytes under the name of their digest. What is there already is not sent again.

use std::path::Path;
use std::sync::Arc;

use flatrender_protocol::Digest;
use futures_util::StreamExt;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE};
use reqwest::{Body, Method};
use tokio::io::AsyncReadExt;
use tokio_util::io::ReaderStream;

use super::{ANSWER_DEADLINE, Again, Client, ClientError, WAITS};

/// Hears how many bytes went off so far.
pub type Sent = Arc<dyn Fn(u64) + Send + Sync>;

/// Read from the disk at once.
const PIECE: usize = 256 << 10;

impl Client {
    /// `HEAD /v1/farm/blobs/{digest}`: whether the farm has these bytes.
    ///
    /// # Errors
    /// When the farm refuses or is not there.
    pub async fn has_blob(&self, digest: &Digest) -> Result<bool, ClientError> {
        let request = self
            .request(Method::HEAD, &format!("/v1/farm/blobs/{digest}"))
            .timeout(ANSWER_DEADLINE);
        match self.send(request, Again::Always).await {
            Ok(_) => Ok(true),
            Err(error) if error.status() == Some(404) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// `PUT /v1/farm/blobs/{digest}`: sends the first `length` bytes of the file; `sent` hears how many of them went
    /// off. A connection that breaks begins again: the same bytes under the same name do no harm.
    ///
    /// # Errors
    /// 422 when the file is not what `digest` says any more.
    pub async fn put_blob(
        &self,
        digest: &Digest,
        file: &Path,
        length: u64,
        sent: Sent,
    ) -> Result<(), ClientError> {
        for wait in WAITS {
            match self.put_once(digest, file, length, &sent).await {
                Err(error) if error.may_pass() => tokio::time::sleep(wait).await,
                settled => return settled,
            }
        }
        self.put_once(digest, file, length, &sent).await
    }

    async fn put_once(
        &self,
        digest: &Digest,
        file: &Path,
        length: u64,
        sent: &Sent,
    ) -> Result<(), ClientError> {
        let file = tokio::fs::File::open(file)
            .await
            .map_err(ClientError::File)?;
        let (sent, mut total) = (Arc::clone(sent), 0);
        sent(0);
        let pieces = ReaderStream::with_capacity(file.take(length), PIECE).inspect(move |piece| {
            if let Ok(piece) = piece {
                total += piece.len() as u64;
                sent(total);
            }
        });
        let request = self
            .request(Method::PUT, &format!("/v1/farm/blobs/{digest}"))
            .header(CONTENT_TYPE, "application/octet-stream")
            .header(CONTENT_LENGTH, length)
            .body(Body::wrap_stream(pieces));
        self.send(request, Again::Always).await.map(|_| ())
    }
}
