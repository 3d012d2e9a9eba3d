//! Frames: one row each makes them official, once.

use std::collections::HashMap;

use flatrender_protocol::message::{BlobRef, FrameHeader, LeaseKey, Measures};
use flatrender_protocol::state::FrameState;
use flatrender_protocol::{AttemptId, Digest, JobId, NodeId, Span};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Named, StoreError, parse, ranges};
use flatrender_protocol::message::Shown;

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
                             $9::int4[], $10::real[], $11::int8[], $12::int4[], $13::int4[], $14::int4[], $15::bool[])
                      AS f (attempt, epoch, node, ordinal, digest, bytes, pixels, renderer, ms, luma, phash, width, height,
                            bits, alpha)
                 JOIN render.attempts a ON a.id = f.attempt AND a.epoch = f.epoch AND a.node_id = f.node
                 JOIN render.frame_jobs l ON l.attempt_id = a.id AND l.kind = 'render'
                 JOIN render.job_todo t ON t.job_id = a.job_id AND t.generation = l.generation AND t.open
                WHERE f.ordinal < t.total AND NOT t.failed @> f.ordinal),
           ins AS (
               INSERT INTO render.frames (job_id, ordinal, generation, digest, bytes, pixels, node_id, attempt_id, renderer,
                                          render_ms, mean_luma, perceptual_hash, width, height, bits, alpha)
               SELECT DISTINCT ON (job_id, ordinal) job_id, ordinal, generation, digest, bytes, pixels, node, attempt, renderer,
                      ms, luma, phash, width, height, bits, alpha
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
        &column.widths,
        &column.heights,
        &column.bits,
        &column.alphas,
    )
    .fetch_all(tx)
    .await
    .named("publish frames")?;
    let mut found: HashMap<(Uuid, i32), Offered> = rows
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
    widths: Vec<i32>,
    heights: Vec<i32>,
    bits: Vec<i32>,
    alphas: Vec<bool>,
}

impl Columns {
    fn of(frames: &[(NodeId, FrameHeader)]) -> Self {
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
            widths: each().map(|f| int(f.measures.width)).collect(),
            heights: each().map(|f| int(f.measures.height)).collect(),
            bits: each().map(|f| i32::from(f.measures.bits)).collect(),
            alphas: each().map(|f| f.measures.alpha).collect(),
        }
    }
}

pub(super) fn clean(luma: f32) -> f32 {
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

/// A published frame.
#[derive(Debug, Clone)]
pub struct PictureRow {
    /// Its place in the job's list.
    pub ordinal: u32,
    /// Its bytes.
    pub blob: BlobRef,
    /// Who rendered it.
    pub node: NodeId,
    /// When it became official.
    pub published_at: OffsetDateTime,
}

/// One frame of a job: this one, or the one that was published last.
///
/// # Errors
/// When the database is away.
pub async fn one(
    connection: &mut PgConnection,
    job: JobId,
    ordinal: Option<u32>,
) -> Result<Option<PictureRow>, StoreError> {
    let row = sqlx::query!(
        "SELECT ordinal, digest, bytes, node_id, published_at FROM render.frames
          WHERE job_id = $1 AND ($2::int4 IS NULL OR ordinal = $2)
          ORDER BY published_at DESC, ordinal DESC LIMIT 1",
        job.0,
        ordinal.map(|ordinal| i32::try_from(ordinal).unwrap_or(i32::MAX))
    )
    .fetch_optional(connection)
    .await
    .named("one frame of job")?;
    row.map(|row| {
        let digest = Digest::from_slice(&row.digest).ok_or_else(|| StoreError::Unreadable {
            what: "frames.digest",
            value: hex::encode(&row.digest),
        })?;
        Ok(PictureRow {
            ordinal: row.ordinal.unsigned_abs(),
            blob: BlobRef {
                digest,
                bytes: row.bytes.unsigned_abs(),
            },
            node: NodeId(row.node_id),
            published_at: row.published_at,
        })
    })
    .transpose()
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

/// A published frame as it is compared with others.
#[derive(Debug, Clone)]
pub struct FrameRow {
    /// What it shows, and who made it.
    pub shown: Shown,
    /// Its bytes.
    pub blob: BlobRef,
    /// Whether it is doubted.
    pub state: FrameState,
}

/// Published frames of a job by ordinal: these, or all.
///
/// # Errors
/// When the database is away.
pub async fn shown(
    connection: &mut PgConnection,
    job: JobId,
    ordinals: Option<&[u32]>,
) -> Result<Vec<(u32, FrameRow)>, StoreError> {
    let ordinals: Option<Vec<i32>> = ordinals.map(|some| some.iter().map(|o| int(*o)).collect());
    let rows = sqlx::query!(
        "SELECT f.ordinal, f.state, f.digest, f.bytes, f.pixels, f.node_id, f.attempt_id, f.width, f.height, f.bits, f.alpha,
                f.mean_luma, f.perceptual_hash
           FROM render.frames f JOIN render.job_todo t ON t.job_id = f.job_id AND t.generation = f.generation
          WHERE f.job_id = $1 AND ($2::int4[] IS NULL OR f.ordinal = ANY ($2)) ORDER BY f.ordinal",
        job.0,
        ordinals.as_deref()
    )
    .fetch_all(connection)
    .await
    .named("frames as shown")?;
    rows.into_iter()
        .map(|row| {
            let shown = Shown {
                attempt: AttemptId(row.attempt_id),
                node: NodeId(row.node_id),
                pixels: digest("frames.pixels", &row.pixels)?,
                measures: Measures {
                    width: row.width.unsigned_abs(),
                    height: row.height.unsigned_abs(),
                    bits: u8::try_from(row.bits).unwrap_or(u8::MAX),
                    alpha: row.alpha,
                    mean_luma: row.mean_luma,
                    perceptual_hash: row.perceptual_hash.cast_unsigned(),
                    ..Measures::default()
                },
            };
            let blob = BlobRef {
                digest: digest("frames.digest", &row.digest)?,
                bytes: row.bytes.unsigned_abs(),
            };
            let state = parse("frames.state", &row.state)?;
            Ok((row.ordinal.unsigned_abs(), FrameRow { shown, blob, state }))
        })
        .collect()
}

fn digest(what: &'static str, bytes: &[u8]) -> Result<Digest, StoreError> {
    Digest::from_slice(bytes).ok_or_else(|| StoreError::Unreadable {
        what,
        value: hex::encode(bytes),
    })
}

/// Doubts every frame that an attempt published. Answers how many it had.
///
/// # Errors
/// When the database refuses.
pub async fn doubt(tx: &mut PgConnection, attempt: AttemptId) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "UPDATE render.frames f SET state = 'suspect' FROM render.attempts a
          WHERE a.id = $1 AND f.job_id = a.job_id AND f.attempt_id = a.id AND f.state = 'published'",
        attempt.0
    )
    .execute(tx)
    .await
    .named("doubt frames")?;
    Ok(done.rows_affected())
}

/// Clears doubted frames of a job: these, or all. Answers which. The caller has locked the job.
///
/// # Errors
/// When the database refuses.
pub async fn clear(
    tx: &mut PgConnection,
    job: JobId,
    spans: Option<&[Span]>,
) -> Result<Vec<Span>, StoreError> {
    let cleared = sqlx::query_scalar!(
        r#"WITH cleared AS (
               UPDATE render.frames SET state = 'published'
                WHERE job_id = $1 AND state = 'suspect' AND ($2::text IS NULL OR $2::text::int4multirange @> ordinal)
               RETURNING ordinal)
           SELECT coalesce(range_agg(int4range(ordinal, ordinal + 1)), '{}')::text AS "spans!" FROM cleared"#,
        job.0,
        spans.map(ranges::write)
    )
    .fetch_one(tx)
    .await
    .named("clear frames")?;
    ranges::parse(&cleared)
}

/// Doubted frames of these jobs, by job.
///
/// # Errors
/// When the database is away.
pub async fn suspects(
    connection: &mut PgConnection,
    jobs: &[JobId],
) -> Result<HashMap<JobId, Vec<Span>>, StoreError> {
    let ids: Vec<Uuid> = jobs.iter().map(|id| id.0).collect();
    let rows = sqlx::query!(
        r#"SELECT job_id, range_agg(int4range(ordinal, ordinal + 1))::text AS "spans!"
             FROM render.frames WHERE job_id = ANY ($1) AND state = 'suspect' GROUP BY job_id"#,
        &ids
    )
    .fetch_all(connection)
    .await
    .named("suspect frames")?;
    rows.into_iter()
        .map(|row| Ok((JobId(row.job_id), ranges::parse(&row.spans)?)))
        .collect()
}

fn int(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}
