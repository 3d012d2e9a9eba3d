//! The store: bytes by digest in a local folder, synced before they count. Two prefixes: `farm/` (packages, sounds, frames,
//! manifests; the farm's) and `files/` (films; handed to the file part). It decides nothing about who may read what.

mod leftovers;

use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};
use flatrender_protocol::Digest;
use flatrender_protocol::message::BlobRef;
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt};
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::{
    GetOptions, GetRange, MultipartUpload, ObjectStore, ObjectStoreExt, PutPayload,
};
use std::sync::Arc;

pub use leftovers::SHELVES;

/// Most bytes of one blob.
pub const MAX_BLOB_BYTES: u64 = 64 << 30;
const PART_BYTES: usize = 8 << 20;

/// Whose bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Area {
    /// The farm's own.
    Farm,
    /// Films.
    Files,
}

impl Area {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Farm => "farm",
            Self::Files => "files",
        }
    }
}

/// Why bytes were not stored or found.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// The folder can't be used.
    #[error("open the store's folder {folder}")]
    Open {
        /// Which.
        folder: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// What came is not what was announced.
    #[error("store {announced}: the bytes that came are {found}")]
    Mismatch {
        /// The announced digest.
        announced: Digest,
        /// The digest of what came, or how many bytes.
        found: String,
    },
    /// Larger than is allowed.
    #[error("store {bytes} bytes: at most {MAX_BLOB_BYTES} are allowed")]
    TooLarge {
        /// Announced size.
        bytes: u64,
    },
    /// Not there.
    #[error("find {0} in the store")]
    Missing(Digest),
    /// The sender failed.
    #[error("receive the bytes")]
    Receive(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The disk failed.
    #[error("use the store")]
    Store(#[from] object_store::Error),
    /// The disk failed.
    #[error("look through the store")]
    Disk(#[source] std::io::Error),
}

/// The store. Cheap to clone.
#[derive(Clone)]
pub struct Blobs {
    store: Arc<LocalFileSystem>,
    folder: Arc<PathBuf>,
    /// Held alone while a sweep removes what nobody has claimed.
    sweep: Arc<tokio::sync::RwLock<()>>,
}

impl Blobs {
    /// Opens the folder; makes it when it is missing.
    ///
    /// # Errors
    /// [`BlobError::Open`].
    pub fn open(folder: &Path) -> Result<Self, BlobError> {
        let open = |source| BlobError::Open {
            folder: folder.display().to_string(),
            source,
        };
        std::fs::create_dir_all(folder).map_err(open)?;
        let store = LocalFileSystem::new_with_prefix(folder)?.with_fsync(true);
        Ok(Self {
            store: Arc::new(store),
            folder: Arc::new(folder.to_owned()),
            sweep: Arc::default(),
        })
    }

    /// The size of a blob, or `None` when it is not there.
    ///
    /// # Errors
    /// When the disk fails.
    pub async fn size(&self, area: Area, digest: Digest) -> Result<Option<u64>, BlobError> {
        match self.store.head(&key(area, digest)).await {
            Ok(meta) => Ok(Some(meta.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Stores bytes that fit in memory and names them; synced when it answers.
    ///
    /// # Errors
    /// When the disk fails.
    pub async fn put(&self, area: Area, bytes: Bytes) -> Result<BlobRef, BlobError> {
        let blob = BlobRef {
            digest: Digest::of(&bytes),
            bytes: bytes.len() as u64,
        };
        self.put_known(area, &blob, bytes).await?;
        Ok(blob)
    }

    /// Stores bytes that must be what was announced; synced when it answers. A blob that is there is left alone.
    ///
    /// # Errors
    /// [`BlobError::Mismatch`], or when the disk fails.
    pub async fn put_checked(
        &self,
        area: Area,
        announced: &BlobRef,
        bytes: Bytes,
    ) -> Result<(), BlobError> {
        let found = Digest::of(&bytes);
        if found != announced.digest || bytes.len() as u64 != announced.bytes {
            return Err(BlobError::Mismatch {
                announced: announced.digest,
                found: format!("{found} of {} bytes", bytes.len()),
            });
        }
        self.put_known(area, announced, bytes).await
    }

    async fn put_known(&self, area: Area, blob: &BlobRef, bytes: Bytes) -> Result<(), BlobError> {
        let there = match area {
            Area::Farm => self.claim(blob.digest).await?,
            Area::Files => self.size(area, blob.digest).await?,
        };
        if there == Some(blob.bytes) {
            return Ok(());
        }
        self.store
            .put(&key(area, blob.digest), PutPayload::from_bytes(bytes))
            .await?;
        Ok(())
    }

    /// Stores a stream that must be what was announced. Nothing is visible until all of it is there, checked and synced.
    ///
    /// # Errors
    /// [`BlobError::Mismatch`], [`BlobError::TooLarge`], [`BlobError::Receive`], or when the disk fails.
    pub async fn put_stream<E>(
        &self,
        area: Area,
        announced: &BlobRef,
        mut pieces: impl Stream<Item = Result<Bytes, E>> + Unpin,
    ) -> Result<(), BlobError>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        if announced.bytes > MAX_BLOB_BYTES {
            return Err(BlobError::TooLarge {
                bytes: announced.bytes,
            });
        }
        let mut upload = self
            .store
            .put_multipart(&key(area, announced.digest))
            .await?;
        match fill(upload.as_mut(), announced, &mut pieces).await {
            Ok(()) => {
                upload.complete().await?;
                Ok(())
            }
            Err(error) => {
                upload.abort().await?;
                Err(error)
            }
        }
    }

    /// The bytes of a blob from `offset` on: how many follow, and they.
    ///
    /// # Errors
    /// [`BlobError::Missing`], or when the disk fails.
    pub async fn get(
        &self,
        area: Area,
        digest: Digest,
        offset: u64,
    ) -> Result<(u64, BoxStream<'static, object_store::Result<Bytes>>), BlobError> {
        let size = self
            .size(area, digest)
            .await?
            .ok_or(BlobError::Missing(digest))?;
        if offset >= size {
            return Ok((0, futures_util::stream::empty().boxed()));
        }
        let options = GetOptions {
            range: Some(GetRange::Offset(offset)),
            ..GetOptions::default()
        };
        let result = self.store.get_opts(&key(area, digest), options).await?;
        Ok((size - offset, result.into_stream()))
    }

    /// A blob as a file that can be read from any place; what reads it blocks.
    ///
    /// # Errors
    /// [`BlobError::Missing`], or when the disk fails.
    pub async fn file(&self, area: Area, digest: Digest) -> Result<std::fs::File, BlobError> {
        let path = self.store.path_to_filesystem(&key(area, digest))?;
        match tokio::fs::File::open(path).await {
            Ok(file) => Ok(file.into_std().await),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Err(BlobError::Missing(digest))
            }
            Err(error) => Err(BlobError::Disk(error)),
        }
    }

    /// A whole blob that fits in memory.
    ///
    /// # Errors
    /// [`BlobError::Missing`], [`BlobError::TooLarge`] beyond `limit` bytes, or when the disk fails.
    pub async fn read(&self, area: Area, digest: Digest, limit: u64) -> Result<Bytes, BlobError> {
        let size = self
            .size(area, digest)
            .await?
            .ok_or(BlobError::Missing(digest))?;
        if size > limit {
            return Err(BlobError::TooLarge { bytes: size });
        }
        Ok(self.store.get(&key(area, digest)).await?.bytes().await?)
    }
}

async fn fill<E>(
    upload: &mut dyn MultipartUpload,
    announced: &BlobRef,
    pieces: &mut (impl Stream<Item = Result<Bytes, E>> + Unpin),
) -> Result<(), BlobError>
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut hasher = blake3::Hasher::new();
    let mut came = 0_u64;
    let mut part = BytesMut::with_capacity(PART_BYTES);
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| BlobError::Receive(error.into()))?;
        came += piece.len() as u64;
        if came > announced.bytes {
            break;
        }
        part.extend_from_slice(&piece);
        if part.len() >= PART_BYTES {
            hasher.update(&part);
            upload
                .put_part(PutPayload::from_bytes(part.split().freeze()))
                .await?;
        }
    }
    hasher.update(&part);
    let found = Digest::from(hasher.finalize());
    if found != announced.digest || came != announced.bytes {
        return Err(BlobError::Mismatch {
            announced: announced.digest,
            found: format!("{found} of {came} bytes"),
        });
    }
    upload
        .put_part(PutPayload::from_bytes(part.freeze()))
        .await?;
    Ok(())
}

fn key(area: Area, digest: Digest) -> Key {
    let name = digest.to_string();
    Key::from(format!("{}/{}/{name}", area.prefix(), &name[..2]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(bytes: &'static [u8]) -> impl Stream<Item = Result<Bytes, std::io::Error>> + Unpin {
        futures_util::stream::iter(bytes.chunks(7).map(|piece| Ok(Bytes::from_static(piece))))
    }

    #[tokio::test]
    async fn what_is_stored_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(folder.path()).unwrap();
        let text = b"a frame of some film, or a sound";
        let blob = BlobRef {
            digest: Digest::of(text),
            bytes: text.len() as u64,
        };
        blobs
            .put_stream(Area::Farm, &blob, pieces(text))
            .await
            .unwrap();
        assert_eq!(
            blobs.size(Area::Farm, blob.digest).await.unwrap(),
            Some(blob.bytes)
        );
        assert_eq!(blobs.size(Area::Files, blob.digest).await.unwrap(), None);
        let (left, stream) = blobs.get(Area::Farm, blob.digest, 10).await.unwrap();
        let rest: Vec<_> = stream.map(|piece| piece.unwrap().to_vec()).collect().await;
        assert_eq!(
            (left, rest.concat()),
            (blob.bytes - 10, text[10..].to_vec())
        );
        assert_eq!(
            &blobs.read(Area::Farm, blob.digest, 100).await.unwrap()[..],
            text
        );
    }

    #[tokio::test]
    async fn what_is_not_as_announced_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(folder.path()).unwrap();
        let text = b"a frame of some film";
        let good = BlobRef {
            digest: Digest::of(text),
            bytes: text.len() as u64,
        };
        for wrong in [
            BlobRef {
                digest: Digest::of(b"other"),
                ..good.clone()
            },
            BlobRef {
                bytes: 3,
                ..good.clone()
            },
            BlobRef {
                bytes: 300,
                ..good.clone()
            },
        ] {
            let error = blobs
                .put_stream(Area::Farm, &wrong, pieces(text))
                .await
                .unwrap_err();
            assert!(matches!(error, BlobError::Mismatch { .. }), "{error}");
            let short = Bytes::from_static(text);
            assert!(blobs.put_checked(Area::Farm, &wrong, short).await.is_err());
            assert_eq!(blobs.size(Area::Farm, wrong.digest).await.unwrap(), None);
        }
        let mut left: Vec<_> = walk(folder.path());
        left.retain(|path| path.is_file());
        assert_eq!(left, Vec::<std::path::PathBuf>::new());
    }

    fn walk(folder: &Path) -> Vec<std::path::PathBuf> {
        let mut found = vec![folder.to_owned()];
        let mut at = 0;
        while let Some(path) = found.get(at).cloned() {
            at += 1;
            if path.is_dir() {
                found.extend(std::fs::read_dir(path).unwrap().map(|e| e.unwrap().path()));
            }
        }
        found
    }
}
