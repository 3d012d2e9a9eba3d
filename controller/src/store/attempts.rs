//! What attempts have shown: failures by job and node, and what the work costs.

use flatrender_protocol::{JobId, NodeId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::leases::Kind;
use super::{Named, StoreError};

/// Failed attempts of one job on one node, uncharged ones left out.
#[derive(Debug, Clone)]
pub struct Failures {
    /// The job.
    pub job: JobId,
    /// The node.
    pub node: NodeId,
    /// What the attempts were for.
    pub kind: Kind,
    /// How many.
    pub count: u32,
    /// What the newest one said.
    pub message: String,
}

/// Failures of these jobs.
///
/// # Errors
/// When the database is away.
pub async fn failures(
    connection: &mut PgConnection,
    jobs: &[JobId],
) -> Result<Vec<Failures>, StoreError> {
    let ids: Vec<Uuid> = jobs.iter().map(|id| id.0).collect();
    let rows = sqlx::query!(
        r#"SELECT job_id, node_id, kind, count(*) AS "count!",
                  coalesce((array_agg(message ORDER BY number DESC))[1], '') AS "message!"
             FROM render.attempts WHERE job_id = ANY ($1) AND state = 'failed'
            GROUP BY job_id, node_id, kind"#,
        &ids
    )
    .fetch_all(connection)
    .await
    .named("failures of jobs")?;
    rows.into_iter()
        .map(|row| {
            Ok(Failures {
                job: JobId(row.job_id),
                node: NodeId(row.node_id),
                kind: Kind::of(&row.kind)?,
                count: u32::try_from(row.count).unwrap_or(u32::MAX),
                message: row.message,
            })
        })
        .collect()
}
