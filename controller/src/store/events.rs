//! The durable log of what changed, and the outbox for the neighbours.

use flatrender_protocol::{AttemptId, JobId, NodeId, TenantId};
use serde_json::Value;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Named, StoreError};

/// Who changed something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// A person.
    Operator,
    /// The planner.
    Planner,
    /// An agent.
    Agent,
    /// The passing of time.
    Clock,
    /// A consequence the farm drew.
    Farm,
}

impl Who {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Planner => "planner",
            Self::Agent => "agent",
            Self::Clock => "clock",
            Self::Farm => "farm",
        }
    }
}

/// One change to be written.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// Whose.
    pub tenant: TenantId,
    /// `job`, `attempt`, `node`.
    pub subject: &'static str,
    /// The job, where there is one.
    pub job: Option<JobId>,
    /// The node, where there is one.
    pub node: Option<NodeId>,
    /// The attempt, where there is one.
    pub attempt: Option<AttemptId>,
    /// State before.
    pub from: Option<&'static str>,
    /// State after.
    pub to: &'static str,
    /// Who did it.
    pub who: Who,
    /// Why, in words.
    pub why: Option<String>,
}

/// A change as it is read back.
#[derive(Debug, Clone)]
pub struct Event {
    /// Grows; gaps are possible.
    pub seq: i64,
    /// When.
    pub at: OffsetDateTime,
    /// What it is about.
    pub subject: String,
    /// The job.
    pub job: Option<JobId>,
    /// The node.
    pub node: Option<NodeId>,
    /// The node's name.
    pub node_name: Option<String>,
    /// The attempt.
    pub attempt: Option<AttemptId>,
    /// State before.
    pub from: Option<String>,
    /// State after.
    pub to: String,
    /// Who did it.
    pub who: String,
    /// Why.
    pub why: Option<String>,
}

/// Writes events, in order.
///
/// # Errors
/// When the database refuses.
pub async fn write(tx: &mut PgConnection, events: &[NewEvent]) -> Result<(), StoreError> {
    if events.is_empty() {
        return Ok(());
    }
    // Numbers are drawn before a commit. Writers go one after the other from here to their commit, so that numbers become
    // visible in order and a follower of the log misses none. Always the last lock a transaction takes: after its jobs.
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended('render.events', 0))")
        .execute(&mut *tx)
        .await
        .named("take the log's turn")?;
    let tenants: Vec<Uuid> = events.iter().map(|e| e.tenant.0).collect();
    let subjects: Vec<String> = events.iter().map(|e| e.subject.to_owned()).collect();
    let jobs: Vec<Option<Uuid>> = events.iter().map(|e| e.job.map(|id| id.0)).collect();
    let nodes: Vec<Option<Uuid>> = events.iter().map(|e| e.node.map(|id| id.0)).collect();
    let attempts: Vec<Option<Uuid>> = events.iter().map(|e| e.attempt.map(|id| id.0)).collect();
    let from: Vec<Option<String>> = events.iter().map(|e| e.from.map(str::to_owned)).collect();
    let to: Vec<String> = events.iter().map(|e| e.to.to_owned()).collect();
    let who: Vec<String> = events.iter().map(|e| e.who.as_str().to_owned()).collect();
    let why: Vec<Option<String>> = events
        .iter()
        .map(|e| e.why.as_ref().map(|why| why.chars().take(4000).collect()))
        .collect();
    sqlx::query!(
        "INSERT INTO render.events (tenant_id, subject, job_id, node_id, attempt_id, from_state, to_state, who, why)
         SELECT tenant, subject, job, node, attempt, was, becomes, who, why
           FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::text[], $8::text[],
                       $9::text[]) WITH ORDINALITY
                AS e (tenant, subject, job, node, attempt, was, becomes, who, why, n)
          ORDER BY n",
        &tenants,
        &subjects,
        &jobs as &[Option<Uuid>],
        &nodes as &[Option<Uuid>],
        &attempts as &[Option<Uuid>],
        &from as &[Option<String>],
        &to,
        &who,
        &why as &[Option<String>],
    )
    .execute(tx)
    .await
    .named("write events")?;
    Ok(())
}

/// Events after `after`, oldest first, at most `limit`; of one job or of all.
///
/// # Errors
/// When the database is away.
pub async fn after(
    connection: &mut PgConnection,
    job: Option<JobId>,
    after: i64,
    limit: i64,
) -> Result<Vec<Event>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT e.seq, e.at, e.subject, e.job_id, e.node_id, n.name AS "node_name?", e.attempt_id, e.from_state,
                  e.to_state, e.who, e.why
             FROM render.events e LEFT JOIN render.nodes n ON n.id = e.node_id
            WHERE e.seq > $1 AND ($2::uuid IS NULL OR e.job_id = $2)
            ORDER BY e.seq LIMIT $3"#,
        after,
        job.map(|id| id.0),
        limit
    )
    .fetch_all(connection)
    .await
    .named("read events")?;
    Ok(rows
        .into_iter()
        .map(|row| Event {
            seq: row.seq,
            at: row.at,
            subject: row.subject,
            job: row.job_id.map(JobId),
            node: row.node_id.map(NodeId),
            node_name: row.node_name,
            attempt: row.attempt_id.map(AttemptId),
            from: row.from_state,
            to: row.to_state,
            who: row.who,
            why: row.why,
        })
        .collect())
}

/// The newest event's number, 0 when there is none.
///
/// # Errors
/// When the database is away.
pub async fn newest(connection: &mut PgConnection) -> Result<i64, StoreError> {
    sqlx::query_scalar!(r#"SELECT coalesce(max(seq), 0) AS "seq!" FROM render.events"#)
        .fetch_one(connection)
        .await
        .named("newest event")
}

/// Leaves a message for the neighbours, told once the transaction has committed.
///
/// # Errors
/// When the database refuses.
pub async fn outbox(
    tx: &mut PgConnection,
    tenant: TenantId,
    topic: &str,
    key: &str,
    payload: &Value,
) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO render.outbox_events (tenant_id, topic, key, payload) VALUES ($1, $2, $3, $4)",
        tenant.0,
        topic,
        key,
        payload
    )
    .execute(tx)
    .await
    .named("outbox")?;
    Ok(())
}
