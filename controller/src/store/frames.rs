//! Frames: one row each makes them official, once.

use flatrender_protocol::message::{BlobRef, FrameHeader, LeaseKey};
use flatrender_protocol::{AttemptId, Digest, JobId, NodeId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Named, StoreError};

/// What became of a frame that was offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offered {
    /// It is official now. `late`: its lease was no longer live.
    Published {
        /// The job.
        job: JobId,
        /// Its lease was no longer live.
        late: bool,
    },
    /// Another one came first.
    Already,
    /// No such lease of this node, or the job is closed or of another generation, or the ordinal is not in it.
    Refused,
}

/// Publishes frames. The jobs are locked. A frame counts whose lease (attempt, epoch, node) exists, whose job is open and of
/// the lease's generation, and whose ordinal is unpublished and not failed; whether the lease is still live does not matter:
/// a whole frame is a whole frame. One that comes late is taken out of todo. Answers in the order of `frames`.
///
/// # Errors
/// When the database refuses.
pub async fn publish(
    tx: &mut PgConnection,
    frames: &[(NodeId, FrameHeader)],
) -> Result<Vec<Offered>, StoreError> {
    let column = Columns::of(frames);
    let rows = sqlx::query!(
        r#"WITH offered AS MATERIALIZED (
               SELECT f.*, a.job_id, l.generation, (a.state IN ('starting', 'running', 'stopping')) AS live
                 FROM unnest($1::uuid[], $2::int8[], $3::uuid[], $4::int4[], $5::bytea[], $6::int8[], $7::bytea[], $8::text[],
                             $9::int4[], $10::real[], $11::int8[])
                      AS f (attempt, epoch, node, ordinal, digest, bytes, pixels, renderer, ms, luma, phash)
                 JOIN render.attempts a ON a.id = f.attempt AND a.epoch = f.epoch AND a.node_id = f.node
                 JOIN render.frame_jobs l ON l.attempt_id = a.id
                 JOIN render.job_todo t ON t.job_id = a.job_id AND t.generation = l.generation AND t.open
                WHERE f.ordinal < t.total AND NOT t.failed @> f.ordinal),
           ins AS (
               INSERT INTO render.frames (job_id, ordinal, generation, digest, bytes, pixels, node_id, attempt_id, renderer,
                                          render_ms, mean_luma, perceptual_hash)
               SELECT DISTINCT ON (job_id, ordinal) job_id, ordinal, generation, digest, bytes, pixels, node, attempt, renderer,
                      ms, luma, phash
                 FROM offered ORDER BY job_id, ordinal, live DESC
               ON CONFLICT (job_id, ordinal) DO NOTHING
               RETURNING job_id, ordinal, attempt_id),
           cnt AS (
               UPDATE render.job_todo t
                  SET done_count = t.done_count + c.n, todo = CASE WHEN t.todo && c.r THEN t.todo - c.r ELSE t.todo END
                 FROM (SELECT job_id, count(*)::int AS n, range_agg(int4range(ordinal, ordinal + 1)) AS r
                         FROM ins GROUP BY job_id) c
                WHERE t.job_id = c.job_id)
           SELECT o.attempt AS "attempt!", o.ordinal AS "ordinal!", o.job_id, o.live AS "live!",
                  (i.ordinal IS NOT NULL) AS "published!"
             FROM offered o LEFT JOIN ins i ON i.job_id = o.job_id AND i.ordinal = o.ordinal AND i.attempt_id = o.attempt"#,
        &column.attempts,
        &column.epochs,
        &column.nodes,
        &column.ordinals,
        &column.digests,
        &column.bytes,
        &column.pixels,
        &column.renderers,
        &column.millis,
        &column.lumas,
        &column.hashes,
    )
    .fetch_all(tx)
    .await
    .named("publish frames")?;
    let mut found: std::collections::HashMap<(Uuid, i32), Offered> = rows
        .into_iter()
        .map(|row| {
            let offered = if row.published {
                Offered::Published {
                    job: JobId(row.job_id),
                    late: !row.live,
                }
            } else {
                Offered::Already
            };
            ((row.attempt, row.ordinal), offered)
        })
        .collect();
    Ok(column
        .attempts
        .iter()
        .zip(&column.ordinals)
        // The same frame twice in one batch: the first is what the row says, the second came after it.
        .map(
            |(attempt, ordinal)| match found.get_mut(&(*attempt, *ordinal)) {
                Some(offered) => std::mem::replace(offered, Offered::Already),
                None => Offered::Refused,
            },
        )
        .collect())
}

struct Columns {
    attempts: Vec<Uuid>,
    epochs: Vec<i64>,
    nodes: Vec<Uuid>,
    ordinals: Vec<i32>,
    digests: Vec<Vec<u8>>,
    bytes: Vec<i64>,
    pixels: Vec<Vec<u8>>,
    renderers: Vec<String>,
    millis: Vec<i32>,
    lumas: Vec<f32>,
    hashes: Vec<i64>,
}

impl Columns {
    fn of(frames: &[(NodeId, FrameHeader)]) -> Self {
        let int = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
        let each = || frames.iter().map(|(_, header)| header);
        Self {
            attempts: each().map(|f| f.lease.attempt.0).collect(),
            epochs: each()
                .map(|f| i64::try_from(f.lease.epoch).unwrap_or(-1))
                .collect(),
            nodes: frames.iter().map(|(node, _)| node.0).collect(),
            ordinals: each().map(|f| int(f.ordinal)).collect(),
            digests: each().map(|f| f.blob.digest.0.to_vec()).collect(),
            bytes: each()
                .map(|f| i64::try_from(f.blob.bytes).unwrap_or(i64::MAX))
                .collect(),
            pixels: each().map(|f| f.pixels.0.to_vec()).collect(),
            renderers: each()
                .map(|f| f.renderer.chars().take(200).collect())
                .collect(),
            millis: each().map(|f| int(f.render_ms)).collect(),
            lumas: each().map(|f| clean(f.measures.mean_luma)).collect(),
            hashes: each()
                .map(|f| f.measures.perceptual_hash.cast_signed())
                .collect(),
        }
    }
}

fn clean(luma: f32) -> f32 {
    if luma.is_finite() {
        luma.clamp(0.0, 1.0)
    } else {
        0.0
    }
}

/// Which jobs and nodes these leases belong to; unknown ones are left out.
///
/// # Errors
/// When the database is away.
pub async fn jobs_of(
    connection: &mut PgConnection,
    keys: &[LeaseKey],
) -> Result<Vec<(AttemptId, JobId)>, StoreError> {
    let ids: Vec<Uuid> = keys.iter().map(|key| key.attempt.0).collect();
    let rows = sqlx::query!(
        "SELECT id, job_id FROM render.attempts WHERE id = ANY ($1)",
        &ids
    )
    .fetch_all(connection)
    .await
    .named("jobs of leases")?;
    Ok(rows
        .into_iter()
        .map(|row| (AttemptId(row.id), JobId(row.job_id)))
        .collect())
}

/// All frames of a job, by ordinal.
///
/// # Errors
/// When the database is away.
pub async fn blobs(
    connection: &mut PgConnection,
    job: JobId,
) -> Result<Vec<(u32, BlobRef, NodeId)>, StoreError> {
    let rows = sqlx::query!(
        "SELECT f.ordinal, f.digest, f.bytes, f.node_id FROM render.frames f
           JOIN render.job_todo t ON t.job_id = f.job_id AND t.generation = f.generation
          WHERE f.job_id = $1 ORDER BY f.ordinal",
        job.0
    )
    .fetch_all(connection)
    .await
    .named("frames of job")?;
    rows.into_iter()
        .map(|row| {
            let digest = Digest::from_slice(&row.digest).ok_or_else(|| StoreError::Unreadable {
                what: "frames.digest",
                value: hex::encode(&row.digest),
            })?;
            let blob = BlobRef {
                digest,
                bytes: row.bytes.unsigned_abs(),
            };
            Ok((row.ordinal.unsigned_abs(), blob, NodeId(row.node_id)))
        })
        .collect()
}
