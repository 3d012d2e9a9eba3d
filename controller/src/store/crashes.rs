//! Crashes of renderers, as agents report them.

use flatrender_protocol::{AttemptId, Digest, JobId, NodeId};
use sqlx::PgConnection;

use super::{Named, StoreError};

/// One of them.
#[derive(Debug, Clone)]
pub struct Crash {
    /// Where.
    pub node: NodeId,
    /// Of which job.
    pub job: JobId,
    /// Of which attempt.
    pub attempt: AttemptId,
    /// The first ordinal that was not there.
    pub ordinal: Option<u32>,
    /// The template.
    pub package: Digest,
    /// One of the names that the table knows.
    pub kind: &'static str,
    /// The launcher's.
    pub exit_code: Option<i32>,
    /// The same for the same crash.
    pub signature: String,
    /// In the renderer's words.
    pub message: String,
    /// The end of its output.
    pub log_tail: String,
    /// What was done about it.
    pub action: String,
}

/// Keeps a crash.
///
/// # Errors
/// When the database refuses.
pub async fn insert(tx: &mut PgConnection, crash: &Crash) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO render.node_crashes (node_id, job_id, attempt_id, ordinal, package_digest, kind, exit_code, signature,
                                          message, log_tail, action)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        crash.node.0,
        crash.job.0,
        crash.attempt.0,
        crash.ordinal.map(|ordinal| i32::try_from(ordinal).unwrap_or(i32::MAX)),
        crash.package.0.as_slice(),
        crash.kind,
        crash.exit_code,
        crash.signature,
        super::leases::tail(&crash.message, 4096),
        super::leases::tail(&crash.log_tail, 16_384),
        crash.action.chars().take(100).collect::<String>(),
    )
    .execute(tx)
    .await
    .named("insert crash")?;
    Ok(())
}
