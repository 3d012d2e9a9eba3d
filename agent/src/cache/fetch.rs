//! Answers for: filling the file of one blob from a source, going on where an earlier fetch ended, until its digest is right. Must not:
//! make it visible, or decide about room.

use std::error::Error;
use std::future::Future;
use std::io::SeekFrom;
use std::path::{Path, PathBuf};

use flatrender_protocol::Digest;
use flatrender_protocol::message::BlobRef;
use tokio::fs::{File, OpenOptions};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

use super::error::CacheError;

/// Bytes read at once.
const PIECE: usize = 256 * 1024;

/// How often a source that breaks off in the middle is asked again, each time from where it ended, before the fetch fails.
const BREAKS: u32 = 4;

/// Where blobs come from.
pub trait Fetch: Send + Sync {
    /// The bytes of a blob from `offset` to its end. Deadlines for silence are the source's own.
    fn fetch(
        &self,
        digest: Digest,
        offset: u64,
    ) -> impl Future<Output = Result<Box<dyn AsyncRead + Send + Unpin>, FetchError>> + Send;
}

/// The source did not give the blob.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// It is not there, or not this node's to read.
    #[error("it was refused: {reason}")]
    Refused {
        /// In words.
        reason: String,
    },
    /// The way to it is broken; what has come is kept, and another try goes on from there.
    #[error("the connection broke")]
    Broken {
        /// How.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// It ended before the blob did.
    #[error("it ended after {have} of {bytes} bytes")]
    EndedEarly {
        /// Bytes that have come.
        have: u64,
        /// Size of the blob.
        bytes: u64,
    },
}

/// A blob on its way.
struct Part {
    path: PathBuf,
    file: File,
    hasher: blake3::Hasher,
    have: u64,
}

impl Part {
    async fn open(path: &Path, most: u64) -> Result<Self, CacheError> {
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(path)
            .await
            .map_err(CacheError::io("open", path))?;
        let mut part = Self {
            path: path.to_owned(),
            file,
            hasher: blake3::Hasher::new(),
            have: 0,
        };
        let length = part
            .file
            .metadata()
            .await
            .map_err(CacheError::io("look at", path))?
            .len();
        if length > most {
            part.restart().await?;
            return Ok(part);
        }
        let mut buffer = vec![0; PIECE];
        loop {
            let read = part
                .file
                .read(&mut buffer)
                .await
                .map_err(CacheError::io("read", path))?;
            if read == 0 {
                return Ok(part);
            }
            part.hasher.update(&buffer[..read]);
            part.have += read as u64;
        }
    }

    async fn restart(&mut self) -> Result<(), CacheError> {
        let cut = async {
            self.file.set_len(0).await?;
            self.file.seek(SeekFrom::Start(0)).await
        };
        cut.await.map_err(CacheError::io("empty", &self.path))?;
        self.hasher.reset();
        self.have = 0;
        Ok(())
    }

    /// Takes what `reader` has, up to its end.
    async fn take(
        &mut self,
        mut reader: Box<dyn AsyncRead + Send + Unpin>,
        blob: &BlobRef,
    ) -> Result<(), CacheError> {
        let mut buffer = vec![0; PIECE];
        loop {
            let read = reader
                .read(&mut buffer)
                .await
                .map_err(|error| CacheError::Fetch {
                    digest: blob.digest,
                    offset: self.have,
                    source: FetchError::Broken {
                        source: Box::new(error),
                    },
                })?;
            if read == 0 {
                return Ok(());
            }
            if self.have + read as u64 > blob.bytes {
                self.restart().await?;
                return Err(CacheError::TooMuch {
                    digest: blob.digest,
                    bytes: blob.bytes,
                });
            }
            let piece = &buffer[..read];
            self.file
                .write_all(piece)
                .await
                .map_err(CacheError::io("write", &self.path))?;
            self.hasher.update(piece);
            self.have += read as u64;
        }
    }

    /// Asks until everything is there or the source gives up.
    async fn fill(&mut self, blob: &BlobRef, fetch: &impl Fetch) -> Result<(), CacheError> {
        let mut breaks = 0;
        while self.have < blob.bytes {
            let offset = self.have;
            let taken = match fetch.fetch(blob.digest, offset).await {
                Ok(reader) => self.take(reader, blob).await,
                Err(source) => Err(CacheError::Fetch {
                    digest: blob.digest,
                    offset,
                    source,
                }),
            };
            // What came is on disk, also when the rest did not: so that a fetch after a crash can go on from it.
            self.file
                .flush()
                .await
                .map_err(CacheError::io("write", &self.path))?;
            if self.have == blob.bytes {
                break;
            }
            breaks += 1;
            let worth_another = self.have > offset && breaks <= BREAKS;
            match taken {
                Ok(()) | Err(CacheError::Fetch { .. }) if worth_another => {}
                Ok(()) => {
                    return Err(CacheError::Fetch {
                        digest: blob.digest,
                        offset,
                        source: FetchError::EndedEarly {
                            have: self.have,
                            bytes: blob.bytes,
                        },
                    });
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Fills the file `path` with `blob`, synced, its digest checked. What an earlier fetch left there is used; if the whole then
/// has another digest, it is fetched once more from the beginning.
pub(super) async fn fetch_into(
    path: &Path,
    blob: &BlobRef,
    fetch: &impl Fetch,
) -> Result<(), CacheError> {
    let mut part = Part::open(path, blob.bytes).await?;
    let mut resumed = part.have > 0;
    loop {
        part.fill(blob, fetch).await?;
        let found: Digest = part.hasher.finalize().into();
        if found == blob.digest {
            return part
                .file
                .sync_all()
                .await
                .map_err(CacheError::io("sync", path));
        }
        part.restart().await?;
        if !resumed {
            return Err(CacheError::WrongDigest {
                wanted: blob.digest,
                found,
            });
        }
        resumed = false;
    }
}
