//! Frame-repair jobs, and the one place that replaces a published frame. Each function is called with the job locked
//! (`jobs::lock`).

use flatrender_protocol::message::{FrameHeader, LeaseKey};
use flatrender_protocol::state::{FrameJobState, RepairReason, RepairState};
use flatrender_protocol::{AttemptId, Digest, FrameList, JobId, NodeId, RepairId, Span};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use super::leases::Leased;
use super::{Named, StoreError, parse, ranges};

/// A repair that is not there yet.
#[derive(Debug, Clone)]
pub struct NewRepair {
    /// Its id.
    pub id: RepairId,
    /// The job.
    pub job: JobId,
    /// Which frames.
    pub frames: Vec<Span>,
    /// Why.
    pub reason: RepairReason,
    /// What speaks against them.
    pub evidence: Value,
    /// Whose work they are.
    pub excluded: Vec<NodeId>,
    /// The frame that is rendered first, as a second opinion.
    pub probe: Option<u32>,
    /// Who wants it: a person, or `farm`.
    pub asked_by: String,
}

/// A repair as it is read.
#[derive(Debug, Clone)]
pub struct RepairRow {
    /// Its id.
    pub id: RepairId,
    /// The job.
    pub job: JobId,
    /// Which frames.
    pub frames: Vec<Span>,
    /// Those that are not replaced.
    pub left: Vec<Span>,
    /// Where it is.
    pub state: RepairState,
    /// Why.
    pub reason: RepairReason,
    /// What spoke against them, and what came of it.
    pub evidence: Value,
    /// Nodes whose work is doubted.
    pub excluded: Vec<NodeId>,
    /// The frame that is rendered first, as a second opinion.
    pub probe: Option<u32>,
    /// Who wants it.
    pub asked_by: String,
}

/// Writes repairs, open, of the jobs' present generation.
///
/// # Errors
/// When the database refuses.
pub async fn insert(tx: &mut PgConnection, repairs: &[NewRepair]) -> Result<(), StoreError> {
    let ids: Vec<Uuid> = repairs.iter().map(|r| r.id.0).collect();
    let jobs: Vec<Uuid> = repairs.iter().map(|r| r.job.0).collect();
    let frames: Vec<String> = repairs.iter().map(|r| ranges::write(&r.frames)).collect();
    let reasons: Vec<String> = repairs
        .iter()
        .map(|r| r.reason.as_str().to_owned())
        .collect();
    let evidence: Vec<Value> = repairs.iter().map(|r| r.evidence.clone()).collect();
    let excluded: Vec<String> = repairs.iter().map(|r| uuids(&r.excluded)).collect();
    let probes: Vec<i32> = repairs.iter().map(|r| r.probe.map_or(-1, int)).collect();
    let askers: Vec<String> = repairs.iter().map(|r| r.asked_by.clone()).collect();
    sqlx::query!(
        "INSERT INTO render.frame_repair_jobs (id, tenant_id, job_id, generation, frames, reason, evidence, excluded_nodes,
                                               probe, asked_by)
         SELECT r.id, j.tenant_id, j.id, t.generation, r.frames::int4multirange, r.reason, r.evidence, r.excluded::uuid[],
                nullif(r.probe, -1), r.asked_by
           FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::jsonb[], $6::text[], $7::int4[], $8::text[])
                AS r (id, job, frames, reason, evidence, excluded, probe, asked_by)
           JOIN render.render_jobs j ON j.id = r.job JOIN render.job_todo t ON t.job_id = j.id",
        &ids,
        &jobs,
        &frames,
        &reasons,
        &evidence,
        &excluded,
        &probes,
        &askers,
    )
    .execute(tx)
    .await
    .named("insert repairs")?;
    Ok(())
}

/// Repairs of these jobs' present generations, oldest first.
///
/// # Errors
/// When the database is away.
pub async fn of_jobs(
    connection: &mut PgConnection,
    jobs: &[JobId],
) -> Result<Vec<RepairRow>, StoreError> {
    let ids: Vec<Uuid> = jobs.iter().map(|id| id.0).collect();
    let rows = sqlx::query!(
        r#"SELECT r.id, r.job_id, r.frames::text AS "frames!", r.state, r.reason, r.evidence, r.excluded_nodes, r.probe,
                  r.asked_by,
                  (r.frames - coalesce((SELECT range_agg(int4range(f.ordinal, f.ordinal + 1)) FROM render.frames f
                                         WHERE f.job_id = r.job_id AND f.repair_id = r.id), '{}'))::text AS "left!"
             FROM render.frame_repair_jobs r
             JOIN render.job_todo t ON t.job_id = r.job_id AND t.generation = r.generation
            WHERE r.job_id = ANY ($1) ORDER BY r.id"#,
        &ids
    )
    .fetch_all(connection)
    .await
    .named("repairs of jobs")?;
    rows.into_iter()
        .map(|row| {
            Ok(RepairRow {
                id: RepairId(row.id),
                job: JobId(row.job_id),
                frames: ranges::parse(&row.frames)?,
                left: ranges::parse(&row.left)?,
                state: parse("frame_repair_jobs.state", &row.state)?,
                reason: parse("frame_repair_jobs.reason", &row.reason)?,
                evidence: row.evidence,
                excluded: row.excluded_nodes.into_iter().map(NodeId).collect(),
                probe: row.probe.map(i32::unsigned_abs),
                asked_by: row.asked_by,
            })
        })
        .collect()
}

/// Leases frames of an open repair; `None` when it is not open any more or its job is closed.
///
/// # Errors
/// When the database refuses.
pub async fn lease(
    tx: &mut PgConnection,
    repair: RepairId,
    attempt: AttemptId,
    node: NodeId,
    span: Span,
) -> Result<Option<Leased>, StoreError> {
    let row = sqlx::query!(
        r#"WITH mine AS (
               UPDATE render.frame_repair_jobs r SET state = 'leased' FROM render.job_todo t
                WHERE r.id = $1 AND r.state = 'open' AND t.job_id = r.job_id AND t.generation = r.generation AND t.open
                  AND r.frames @> int4range($4, $5)
               RETURNING r.job_id, r.generation),
           next AS (
               UPDATE render.job_todo t SET attempt_count = t.attempt_count + 1 FROM mine WHERE t.job_id = mine.job_id
               RETURNING t.job_id, t.attempt_count),
           ins AS (
               INSERT INTO render.frame_jobs (attempt_id, job_id, generation, kind, frames, repair_id)
               SELECT $2, job_id, generation, 'repair', int4range($4, $5), $1 FROM mine)
           INSERT INTO render.attempts (id, job_id, number, kind, node_id, epoch)
           SELECT $2, job_id, attempt_count, 'frames', $3, nextval('render.lease_epochs') FROM next
           RETURNING epoch, number"#,
        repair.0,
        attempt.0,
        node.0,
        int(span.lo),
        int(span.hi)
    )
    .fetch_optional(tx)
    .await
    .named("lease repair")?;
    Ok(row.map(|row| Leased {
        key: LeaseKey {
            attempt,
            epoch: row.epoch.unsigned_abs(),
        },
        number: row.number,
    }))
}

/// Ends the frame job of a repair's lease.
///
/// # Errors
/// When the database refuses.
pub async fn end_lease(
    tx: &mut PgConnection,
    attempt: AttemptId,
    to: FrameJobState,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE render.frame_jobs SET state = $2, ended_at = now()
          WHERE attempt_id = $1 AND state = 'leased' AND kind = 'repair'",
        attempt.0,
        to.as_str()
    )
    .execute(tx)
    .await
    .named("end lease of repair")?;
    Ok(())
}

/// What changes in a repair beside its state.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// Joined with what the evidence says already, field by field.
    pub evidence: Value,
    /// The second opinion is there.
    pub opinion_heard: bool,
    /// One more node whose work is doubted.
    pub exclude: Option<NodeId>,
}

/// Moves a repair, if it is still `from`. `next` decided that the step is legal.
///
/// # Errors
/// When the database refuses.
pub async fn set_state(
    tx: &mut PgConnection,
    repair: RepairId,
    from: RepairState,
    to: RepairState,
    change: &Change,
) -> Result<bool, StoreError> {
    let over = match to {
        RepairState::Done | RepairState::Failed | RepairState::Dismissed => true,
        RepairState::Open | RepairState::Leased => false,
    };
    let evidence = if change.evidence.is_object() {
        change.evidence.clone()
    } else {
        Value::Object(serde_json::Map::new())
    };
    let exclude: Vec<Uuid> = change.exclude.iter().map(|node| node.0).collect();
    let done = sqlx::query!(
        "UPDATE render.frame_repair_jobs
            SET state = $3, evidence = evidence || $4, probe = CASE WHEN $5 THEN NULL ELSE probe END,
                excluded_nodes = excluded_nodes || $6, ended_at = CASE WHEN $7 THEN now() END
          WHERE id = $1 AND state = $2",
        repair.0,
        from.as_str(),
        to.as_str(),
        evidence,
        change.opinion_heard,
        &exclude,
        over,
    )
    .execute(tx)
    .await
    .named("set repair state")?;
    Ok(done.rows_affected() == 1)
}

/// A person takes the frames as they are, or wants them anew: repairs that touch them are over. Answers which.
///
/// # Errors
/// When the database refuses.
pub async fn dismiss(
    tx: &mut PgConnection,
    job: JobId,
    spans: Option<&[Span]>,
    by: &str,
) -> Result<Vec<RepairId>, StoreError> {
    let rows = sqlx::query_scalar!(
        "UPDATE render.frame_repair_jobs
            SET state = 'dismissed', ended_at = now(), evidence = evidence || jsonb_build_object('dismissed_by', $3::text)
          WHERE job_id = $1 AND state IN ('open', 'leased', 'failed')
            AND ($2::text IS NULL OR $2::text::int4multirange && frames)
         RETURNING id",
        job.0,
        spans.map(ranges::write),
        by
    )
    .fetch_all(tx)
    .await
    .named("dismiss repairs")?;
    Ok(rows.into_iter().map(RepairId).collect())
}

/// Replaces a published frame by one that a repair rendered under a live lease; what was there before goes into the
/// repair's evidence. `false`: the lease, the repair or the frame is not what it was.
///
/// # Errors
/// When the database refuses.
pub async fn replace(
    tx: &mut PgConnection,
    node: NodeId,
    frame: &FrameHeader,
) -> Result<bool, StoreError> {
    let measures = &frame.measures;
    let done = sqlx::query!(
        r#"WITH mine AS (
               SELECT l.repair_id, l.job_id, l.generation FROM render.attempts a
                 JOIN render.frame_jobs l ON l.attempt_id = a.id AND l.state = 'leased' AND l.kind = 'repair'
                 JOIN render.frame_repair_jobs r ON r.id = l.repair_id AND r.state = 'leased'
                 JOIN render.job_todo t ON t.job_id = l.job_id AND t.generation = l.generation AND t.open
                WHERE a.id = $1 AND a.epoch = $2 AND a.node_id = $3 AND l.frames @> $4::int4 AND r.frames @> $4::int4),
           old AS (
               SELECT f.*, mine.repair_id AS new_repair FROM render.frames f
                 JOIN mine ON mine.job_id = f.job_id AND mine.generation = f.generation
                WHERE f.ordinal = $4 AND f.repair_id IS DISTINCT FROM mine.repair_id FOR NO KEY UPDATE OF f),
           new AS (
               UPDATE render.frames f
                  SET state = 'published', digest = $5, bytes = $6, pixels = $7, node_id = $3, attempt_id = $1, renderer = $8,
                      render_ms = $9, width = $10, height = $11, bits = $12, alpha = $13, mean_luma = $14,
                      perceptual_hash = $15, repair_id = old.new_repair, published_at = now()
                 FROM old WHERE f.job_id = old.job_id AND f.ordinal = old.ordinal)
           UPDATE render.frame_repair_jobs r
              SET evidence = jsonb_set(r.evidence, '{replaced}', coalesce(r.evidence -> 'replaced', '{}')
                      || jsonb_build_object(old.ordinal::text, jsonb_build_object('digest', encode(old.digest, 'hex'),
                            'pixels', encode(old.pixels, 'hex'), 'node', old.node_id, 'attempt', old.attempt_id,
                            'mean_luma', old.mean_luma)))
             FROM old WHERE r.id = old.new_repair"#,
        frame.lease.attempt.0,
        i64::try_from(frame.lease.epoch).unwrap_or(-1),
        node.0,
        int(frame.ordinal),
        frame.blob.digest.0.as_slice(),
        i64::try_from(frame.blob.bytes).unwrap_or(i64::MAX),
        frame.pixels.0.as_slice(),
        frame.renderer.chars().take(200).collect::<String>(),
        int(frame.render_ms),
        int(measures.width),
        int(measures.height),
        i32::from(measures.bits),
        measures.alpha,
        super::frames::clean(measures.mean_luma),
        measures.perceptual_hash.cast_signed(),
    )
    .execute(tx)
    .await
    .named("replace frame")?;
    Ok(done.rows_affected() == 1)
}

/// Display frames of a template's composition of which a second opinion said that they are as they should be, by reason.
///
/// # Errors
/// When the database is away.
pub async fn believed(
    connection: &mut PgConnection,
    package: Digest,
    composition: &str,
) -> Result<Vec<(RepairReason, FrameList, Vec<Span>)>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT r.reason, j.frame_list, r.frames::text AS "frames!"
             FROM render.frame_repair_jobs r JOIN render.render_jobs j ON j.tenant_id = r.tenant_id AND j.id = r.job_id
            WHERE j.package_digest = $1 AND j.composition = $2 AND r.state = 'dismissed' AND r.reason <> 'asked'
              AND r.reason <> 'suspect'
            ORDER BY r.id DESC LIMIT 1000"#,
        package.0.as_slice(),
        composition
    )
    .fetch_all(connection)
    .await
    .named("believed frames")?;
    rows.into_iter()
        .map(|row| {
            let list = FrameList::parse(&row.frame_list).map_err(|_| StoreError::Unreadable {
                what: "render_jobs.frame_list",
                value: row.frame_list,
            })?;
            let reason = parse("frame_repair_jobs.reason", &row.reason)?;
            Ok((reason, list, ranges::parse(&row.frames)?))
        })
        .collect()
}

fn uuids(nodes: &[NodeId]) -> String {
    let nodes: Vec<String> = nodes.iter().map(NodeId::to_string).collect();
    format!("{{{}}}", nodes.join(","))
}

fn int(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}
