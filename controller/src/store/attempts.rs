//! What attempts have shown: failures by job and node, and what the work costs.

use flatrender_protocol::{AttemptId, JobId, NodeId, Span};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::leases::Kind;
use super::{Named, StoreError, ranges};

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

/// How an attempt of frames ended, or that it has not.
#[derive(Debug, Clone)]
pub struct Ended {
    /// Which.
    pub attempt: AttemptId,
    /// Its number within the job.
    pub number: u32,
    /// What it was for.
    pub kind: String,
    /// Where.
    pub node: NodeId,
    /// Its state, by name.
    pub state: String,
    /// Its class, by name.
    pub class: Option<String>,
    /// The launcher's.
    pub exit_code: Option<i32>,
    /// In the renderer's words.
    pub message: String,
    /// The end of its output.
    pub log_tail: String,
    /// Its ordinals.
    pub span: Option<Span>,
    /// When.
    pub ended_at: Option<OffsetDateTime>,
}

impl Ended {
    /// It runs.
    pub fn is_live(&self) -> bool {
        self.ended_at.is_none()
    }

    /// It failed, or nobody saw its end.
    pub fn complained(&self) -> bool {
        self.state == "lost" || self.class.as_deref().is_some_and(|class| class != "ok")
    }
}

/// Attempts of a job, oldest first, the newest `limit` of them: all, or those that can have failures.
///
/// # Errors
/// When the database is away.
pub async fn ended(
    connection: &mut PgConnection,
    job: JobId,
    bad_only: bool,
    limit: i64,
) -> Result<Vec<Ended>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT a.id, a.number, a.kind, a.node_id, a.state, a.class, a.exit_code, a.message, a.ended_at,
                  CASE WHEN $2 THEN a.log_tail END AS log_tail, l.frames::text AS "frames?"
             FROM render.attempts a LEFT JOIN render.frame_jobs l ON l.attempt_id = a.id
            WHERE a.job_id = $1 AND (NOT $2 OR a.state = 'failed' OR a.class = 'suspect')
            ORDER BY a.number DESC LIMIT $3"#,
        job.0,
        bad_only,
        limit
    )
    .fetch_all(connection)
    .await
    .named("attempts of job")?;
    let mut all = rows
        .into_iter()
        .map(|row| {
            Ok(Ended {
                attempt: AttemptId(row.id),
                number: row.number.unsigned_abs(),
                kind: row.kind,
                node: NodeId(row.node_id),
                state: row.state,
                class: row.class,
                exit_code: row.exit_code,
                message: row.message.unwrap_or_default(),
                log_tail: row.log_tail.unwrap_or_default(),
                span: row.frames.as_deref().map(ranges::parse_one).transpose()?,
                ended_at: row.ended_at,
            })
        })
        .collect::<Result<Vec<_>, StoreError>>()?;
    all.reverse();
    Ok(all)
}
