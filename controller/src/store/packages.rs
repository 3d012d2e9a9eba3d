//! Templates that were looked into: bare projects and packages, each once, shared by whoever submits them.

use flatrender_protocol::Digest;
use flatrender_protocol::message::BlobRef;
use serde_json::Value;
use sqlx::PgConnection;

use super::{Named, StoreError};

/// A template as its row keeps it.
#[derive(Debug, Clone)]
pub struct PackageRow {
    /// Names it: a project file's digest, or that of a package's content.
    pub digest: Digest,
    /// Its bytes in the store.
    pub blob: BlobRef,
    /// What the submitter called the file.
    pub file_name: String,
    /// Path of the project within the folder that a node makes of it.
    pub project_path: String,
    /// What is in a package; none for a bare project.
    pub content: Option<Value>,
}

/// The template that was made of this blob before; `None` when nobody looked into it yet.
///
/// # Errors
/// When the database is away, or the row holds what this version can't read.
pub async fn of_blob(
    connection: &mut PgConnection,
    blob: Digest,
) -> Result<Option<PackageRow>, StoreError> {
    let row = sqlx::query!(
        "SELECT digest, bytes, file_name, project_path, content FROM render.packages WHERE blob_digest = $1",
        blob.0.as_slice()
    )
    .fetch_optional(connection)
    .await
    .named("package of blob")?;
    let Some(row) = row else { return Ok(None) };
    let digest = Digest::from_slice(&row.digest).ok_or_else(|| StoreError::Unreadable {
        what: "packages.digest",
        value: hex::encode(&row.digest),
    })?;
    Ok(Some(PackageRow {
        digest,
        blob: BlobRef {
            digest: blob,
            bytes: row.bytes.unsigned_abs(),
        },
        file_name: row.file_name,
        project_path: row.project_path,
        content: row.content,
    }))
}

/// Keeps a template and what the reader found in it. Answers the blob that stands for it: of two zips with the same content
/// the one that came first, whose row keeps its bytes.
///
/// # Errors
/// When the database refuses.
pub async fn insert(
    tx: &mut PgConnection,
    package: &PackageRow,
    manifest: &Value,
) -> Result<BlobRef, StoreError> {
    sqlx::query!(
        "INSERT INTO render.packages (digest, blob_digest, bytes, file_name, project_path, content, manifest)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (digest) DO NOTHING",
        package.digest.0.as_slice(),
        package.blob.digest.0.as_slice(),
        i64::try_from(package.blob.bytes).unwrap_or(i64::MAX),
        package.file_name,
        package.project_path,
        package.content,
        manifest
    )
    .execute(&mut *tx)
    .await
    .named("insert package")?;
    let row = sqlx::query!(
        "SELECT blob_digest, bytes FROM render.packages WHERE digest = $1",
        package.digest.0.as_slice()
    )
    .fetch_one(tx)
    .await
    .named("blob of package")?;
    let digest = Digest::from_slice(&row.blob_digest).ok_or_else(|| StoreError::Unreadable {
        what: "packages.blob_digest",
        value: hex::encode(&row.blob_digest),
    })?;
    Ok(BlobRef {
        digest,
        bytes: row.bytes.unsigned_abs(),
    })
}
