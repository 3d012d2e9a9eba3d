//! Leases: carving frames out of todo, giving them back, ending them. Each function is called with the jobs locked
//! (`jobs::lock`), inside a transaction that holds the leadership.

use flatrender_protocol::message::{LeaseKey, OutcomeClass};
use flatrender_protocol::state::{AttemptState, FrameJobState};
use flatrender_protocol::{AttemptId, JobId, NodeId, RepairId, Span};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Named, StoreError, parse, ranges};

/// Frames that the planner wants a node to have.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The new attempt.
    pub attempt: AttemptId,
    /// The job.
    pub job: JobId,
    /// The node.
    pub node: NodeId,
    /// The ordinals.
    pub span: Span,
    /// A second copy of what a silent node holds: outside todo.
    pub speculative: bool,
}

/// A lease that was committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leased {
    /// Its name.
    pub key: LeaseKey,
    /// Its number within the job.
    pub number: i32,
}

/// Leases frames. What is not returned could not be had: it is no longer in todo, or its job is closed. Ranges of one job
/// in one batch must not overlap; the exclusion constraint refuses the whole batch otherwise.
///
/// # Errors
/// When the database refuses.
pub async fn lease(tx: &mut PgConnection, wanted: &[Wanted]) -> Result<Vec<Leased>, StoreError> {
    let attempts: Vec<Uuid> = wanted.iter().map(|w| w.attempt.0).collect();
    let jobs: Vec<Uuid> = wanted.iter().map(|w| w.job.0).collect();
    let nodes: Vec<Uuid> = wanted.iter().map(|w| w.node.0).collect();
    let lo: Vec<i32> = wanted.iter().map(|w| int(w.span.lo)).collect();
    let hi: Vec<i32> = wanted.iter().map(|w| int(w.span.hi)).collect();
    let copies: Vec<bool> = wanted.iter().map(|w| w.speculative).collect();
    let rows = sqlx::query!(
        r#"WITH want AS MATERIALIZED (
               SELECT attempt, job, node, int4range(lo, hi) AS r, copy, n
                 FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::int4[], $5::int4[], $6::bool[]) WITH ORDINALITY
                      AS w (attempt, job, node, lo, hi, copy, n)),
           have AS MATERIALIZED (
               SELECT t.job_id, t.generation, t.attempt_count, t.todo * p.r AS got
                 FROM render.job_todo t
                 JOIN (SELECT job, range_agg(r) AS r FROM want GROUP BY job) p ON p.job = t.job_id
                WHERE t.open),
           won AS MATERIALIZED (
               SELECT w.attempt, w.job, w.node, w.r, w.copy, h.generation,
                      h.attempt_count + row_number() OVER (PARTITION BY w.job ORDER BY w.n)::int AS number
                 FROM want w JOIN have h ON h.job_id = w.job
                WHERE w.copy OR h.got @> w.r),
           carve AS (
               UPDATE render.job_todo t
                  SET todo = CASE WHEN c.r IS NULL THEN t.todo ELSE t.todo - c.r END,
                      attempt_count = t.attempt_count + c.n
                 FROM (SELECT job, range_agg(r) FILTER (WHERE NOT copy) AS r, count(*)::int AS n FROM won GROUP BY job) c
                WHERE t.job_id = c.job),
           att AS (
               INSERT INTO render.attempts (id, job_id, number, kind, node_id, epoch)
               SELECT attempt, job, number, 'frames', node, nextval('render.lease_epochs') FROM won
               RETURNING id, epoch, number),
           ins AS (
               INSERT INTO render.frame_jobs (attempt_id, job_id, generation, frames, speculative)
               SELECT attempt, job, generation, r, copy FROM won)
           SELECT id, epoch, number FROM att"#,
        &attempts,
        &jobs,
        &nodes,
        &lo,
        &hi,
        &copies,
    )
    .fetch_all(tx)
    .await
    .named("lease frames")?;
    Ok(rows
        .into_iter()
        .map(|row| Leased {
            key: LeaseKey {
                attempt: AttemptId(row.id),
                epoch: row.epoch.unsigned_abs(),
            },
            number: row.number,
        })
        .collect())
}

/// What an attempt is for, in its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Values become part of the project.
    Prepare,
    /// Frames.
    Frames,
    /// The composition's own sound.
    Sound,
    /// The film.
    Assemble,
    /// A snapshot.
    Snapshot,
}

impl Kind {
    /// Its name in the row and on screens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Prepare => "prepare",
            Self::Frames => "frames",
            Self::Sound => "sound",
            Self::Assemble => "assemble",
            Self::Snapshot => "snapshot",
        }
    }

    pub(super) fn of(name: &str) -> Result<Self, StoreError> {
        [
            Self::Prepare,
            Self::Frames,
            Self::Sound,
            Self::Assemble,
            Self::Snapshot,
        ]
        .into_iter()
        .find(|kind| kind.as_str() == name)
        .ok_or_else(|| StoreError::Unreadable {
            what: "attempts.kind",
            value: name.to_owned(),
        })
    }
}

/// Leases an assembly; `None` when the job is closed.
///
/// # Errors
/// When the database refuses.
pub async fn lease_assembly(
    tx: &mut PgConnection,
    attempt: AttemptId,
    job: JobId,
    node: NodeId,
) -> Result<Option<Leased>, StoreError> {
    lease_whole(tx, attempt, job, node, Kind::Assemble).await
}

/// Leases work that has no frames; `None` when the job is closed.
///
/// # Errors
/// When the database refuses.
pub async fn lease_whole(
    tx: &mut PgConnection,
    attempt: AttemptId,
    job: JobId,
    node: NodeId,
    kind: Kind,
) -> Result<Option<Leased>, StoreError> {
    let row = sqlx::query!(
        r#"WITH next AS (
               UPDATE render.job_todo SET attempt_count = attempt_count + 1 WHERE job_id = $2 AND open
               RETURNING attempt_count)
           INSERT INTO render.attempts (id, job_id, number, kind, node_id, epoch)
           SELECT $1, $2, attempt_count, $4, $3, nextval('render.lease_epochs') FROM next
           RETURNING epoch, number"#,
        attempt.0,
        job.0,
        node.0,
        kind.as_str()
    )
    .fetch_optional(tx)
    .await
    .named("lease whole work")?;
    Ok(row.map(|row| Leased {
        key: LeaseKey {
            attempt,
            epoch: row.epoch.unsigned_abs(),
        },
        number: row.number,
    }))
}

/// How an attempt ended, for its row.
#[derive(Debug, Clone, Default)]
pub struct End {
    /// Whose fault.
    pub class: Option<OutcomeClass>,
    /// The launcher's.
    pub exit_code: Option<i32>,
    /// In words.
    pub message: String,
    /// The end of the output.
    pub log_tail: String,
    /// From start to the first frame.
    pub startup_ms: Option<u32>,
    /// From start to end.
    pub total_ms: Option<u32>,
}

/// Notes that the renderer is up. `false` when the lease is not live or was not starting.
///
/// # Errors
/// When the database refuses.
pub async fn started(tx: &mut PgConnection, keys: &[LeaseKey]) -> Result<(), StoreError> {
    let (attempts, epochs) = split(keys);
    sqlx::query!(
        "UPDATE render.attempts a SET state = 'running', started_at = now()
           FROM unnest($1::uuid[], $2::int8[]) AS k (id, epoch)
          WHERE a.id = k.id AND a.epoch = k.epoch AND a.state = 'starting'",
        &attempts,
        &epochs
    )
    .execute(tx)
    .await
    .named("note start")?;
    Ok(())
}

/// Notes that a renderer was asked to stop.
///
/// # Errors
/// When the database refuses.
pub async fn stopping(tx: &mut PgConnection, keys: &[LeaseKey]) -> Result<(), StoreError> {
    let (attempts, epochs) = split(keys);
    sqlx::query!(
        "UPDATE render.attempts a SET state = 'stopping'
           FROM unnest($1::uuid[], $2::int8[]) AS k (id, epoch)
          WHERE a.id = k.id AND a.epoch = k.epoch AND a.state IN ('starting', 'running')",
        &attempts,
        &epochs
    )
    .execute(tx)
    .await
    .named("note stop")?;
    Ok(())
}

/// Ends an attempt that is live under this epoch. `false`: it was not, and nothing changed.
///
/// # Errors
/// When the database refuses.
pub async fn end(
    tx: &mut PgConnection,
    key: LeaseKey,
    to: AttemptState,
    end: &End,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE render.attempts
            SET state = $3, class = $4, exit_code = $5, message = $6, log_tail = $7, startup_ms = $8, total_ms = $9,
                ended_at = now()
          WHERE id = $1 AND epoch = $2 AND state IN ('starting', 'running', 'stopping')",
        key.attempt.0,
        epoch(key),
        to.as_str(),
        end.class.map(OutcomeClass::as_str),
        end.exit_code,
        tail(&end.message, 4096),
        tail(&end.log_tail, 16_384),
        end.startup_ms.map(int),
        end.total_ms.map(int),
    )
    .execute(tx)
    .await
    .named("end attempt")?;
    Ok(done.rows_affected() == 1)
}

/// Ends frame jobs and puts what of them is neither published, failed nor held by a live copy back into todo; live copies
/// of lost ones become the leases proper. Answers what went back, by job.
///
/// # Errors
/// When the database refuses.
pub async fn give_back(
    tx: &mut PgConnection,
    attempts: &[AttemptId],
    to: FrameJobState,
) -> Result<Vec<(JobId, Vec<Span>)>, StoreError> {
    let ids: Vec<Uuid> = attempts.iter().map(|id| id.0).collect();
    let ended = sqlx::query!(
        "UPDATE render.frame_jobs SET state = $2, ended_at = now() WHERE attempt_id = ANY ($1) AND state = 'leased'
         RETURNING job_id, frames::text, speculative",
        &ids,
        to.as_str()
    )
    .fetch_all(&mut *tx)
    .await
    .named("end frame jobs")?;
    let mut proper: Vec<(Uuid, Span)> = Vec::new();
    for row in ended {
        if !row.speculative {
            let frames = row.frames.unwrap_or_default();
            proper.push((row.job_id, ranges::parse_one(&frames)?));
        }
    }
    if proper.is_empty() {
        return Ok(Vec::new());
    }
    let jobs: Vec<Uuid> = proper.iter().map(|(job, _)| *job).collect();
    let lo: Vec<i32> = proper.iter().map(|(_, span)| int(span.lo)).collect();
    let hi: Vec<i32> = proper.iter().map(|(_, span)| int(span.hi)).collect();
    sqlx::query!(
        "UPDATE render.frame_jobs c SET speculative = false
           FROM unnest($1::uuid[], $2::int4[], $3::int4[]) AS l (job, lo, hi)
          WHERE c.job_id = l.job AND c.state = 'leased' AND c.kind = 'render' AND c.speculative
            AND c.frames <@ int4range(l.lo, l.hi)",
        &jobs,
        &lo,
        &hi
    )
    .execute(&mut *tx)
    .await
    .named("promote copies")?;
    let rows = sqlx::query!(
        r#"WITH back AS (
               SELECT job, range_agg(int4range(lo, hi)) AS r
                 FROM unnest($1::uuid[], $2::int4[], $3::int4[]) AS l (job, lo, hi) GROUP BY job),
           free AS (
               SELECT b.job, b.r
                    - coalesce((SELECT range_agg(int4range(f.ordinal, f.ordinal + 1)) FROM render.frames f
                                 WHERE f.job_id = b.job AND f.ordinal >= lower(b.r) AND f.ordinal < upper(b.r)), '{}')
                    - coalesce((SELECT range_agg(c.frames) FROM render.frame_jobs c
                                 WHERE c.job_id = b.job AND c.state = 'leased' AND c.kind = 'render' AND NOT c.speculative), '{}')
                    AS r
                 FROM back b)
           UPDATE render.job_todo t SET todo = t.todo + (f.r - t.failed) FROM free f WHERE t.job_id = f.job
           RETURNING t.job_id, (f.r - t.failed)::text AS "back!""#,
        &jobs,
        &lo,
        &hi
    )
    .fetch_all(tx)
    .await
    .named("give frames back")?;
    rows.into_iter()
        .map(|row| Ok((JobId(row.job_id), ranges::parse(&row.back)?)))
        .collect()
}

/// Ends frame jobs whose frames are all published or failed. Answers which; the others are untouched.
///
/// # Errors
/// When the database refuses.
pub async fn finish(
    tx: &mut PgConnection,
    attempts: &[AttemptId],
) -> Result<Vec<AttemptId>, StoreError> {
    let ids: Vec<Uuid> = attempts.iter().map(|id| id.0).collect();
    let rows = sqlx::query_scalar!(
        "UPDATE render.frame_jobs l SET state = 'done', ended_at = now()
           FROM render.job_todo t
          WHERE l.attempt_id = ANY ($1) AND l.state = 'leased' AND t.job_id = l.job_id
            AND int4multirange(l.frames) <@ (t.failed + coalesce(
                    (SELECT range_agg(int4range(f.ordinal, f.ordinal + 1)) FROM render.frames f
                      WHERE f.job_id = l.job_id AND f.ordinal >= lower(l.frames) AND f.ordinal < upper(l.frames)), '{}'))
         RETURNING l.attempt_id",
        &ids
    )
    .fetch_all(tx)
    .await
    .named("finish frame jobs")?;
    Ok(rows.into_iter().map(AttemptId).collect())
}

/// Ends a lease's range earlier and puts the rest back into todo. Only after the holder has agreed. Answers what went back.
///
/// # Errors
/// When the database refuses.
pub async fn shrink(
    tx: &mut PgConnection,
    key: LeaseKey,
    until: u32,
) -> Result<Vec<Span>, StoreError> {
    let back = sqlx::query_scalar!(
        r#"WITH held AS (
               SELECT l.attempt_id, l.job_id, l.frames, l.speculative
                 FROM render.frame_jobs l JOIN render.attempts a ON a.id = l.attempt_id
                WHERE l.attempt_id = $1 AND a.epoch = $2 AND l.state = 'leased'
                  AND $3 > lower(l.frames) AND $3 < upper(l.frames)),
           cut AS (
               UPDATE render.frame_jobs l SET frames = int4range(lower(h.frames), $3) FROM held h
                WHERE l.attempt_id = h.attempt_id RETURNING l.attempt_id),
           free AS (
               SELECT h.job_id, int4multirange(int4range($3, upper(h.frames)))
                    - coalesce((SELECT range_agg(int4range(f.ordinal, f.ordinal + 1)) FROM render.frames f
                                 WHERE f.job_id = h.job_id AND f.ordinal >= $3 AND f.ordinal < upper(h.frames)), '{}') AS r
                 FROM held h JOIN cut c USING (attempt_id) WHERE NOT h.speculative)
           UPDATE render.job_todo t SET todo = t.todo + (f.r - t.failed) FROM free f WHERE t.job_id = f.job_id
           RETURNING (f.r - t.failed)::text AS "back!""#,
        key.attempt.0,
        epoch(key),
        int(until)
    )
    .fetch_optional(tx)
    .await
    .named("shrink lease")?;
    back.map_or(Ok(Vec::new()), |text| ranges::parse(&text))
}

/// A live lease as a new leader finds it.
#[derive(Debug, Clone)]
pub struct LiveRow {
    /// Its name.
    pub key: LeaseKey,
    /// Its number within the job.
    pub number: i32,
    /// The job; of a snapshot, the snapshot.
    pub job: JobId,
    /// The node.
    pub node: NodeId,
    /// What it is for.
    pub kind: Kind,
    /// Where the attempt is.
    pub state: AttemptState,
    /// Its range; `None` for what has no frames.
    pub span: Option<Span>,
    /// A second copy.
    pub speculative: bool,
    /// The repair that it is for.
    pub repair: Option<RepairId>,
    /// How many of its frames are published.
    pub published: u32,
    /// When it was leased.
    pub leased_at: OffsetDateTime,
}

/// Live leases: of these jobs, or all.
///
/// # Errors
/// When the database is away.
pub async fn live(
    connection: &mut PgConnection,
    jobs: Option<&[JobId]>,
) -> Result<Vec<LiveRow>, StoreError> {
    let ids: Option<Vec<Uuid>> = jobs.map(|jobs| jobs.iter().map(|id| id.0).collect());
    let rows = sqlx::query!(
        r#"SELECT a.id, a.epoch, a.number, a.job_id, a.node_id, a.kind, a.state, a.leased_at, l.frames::text AS "frames?",
                  coalesce(l.speculative, false) AS "speculative!", l.repair_id AS "repair_id?",
                  (SELECT count(*) FROM render.frames f WHERE f.job_id = l.job_id
                      AND f.ordinal >= lower(l.frames) AND f.ordinal < upper(l.frames)) AS "published!"
             FROM render.attempts a LEFT JOIN render.frame_jobs l ON l.attempt_id = a.id AND l.state = 'leased'
            WHERE a.state IN ('starting', 'running', 'stopping') AND ($1::uuid[] IS NULL OR a.job_id = ANY ($1))
            ORDER BY a.job_id, a.number"#,
        ids.as_deref()
    )
    .fetch_all(connection)
    .await
    .named("live leases")?;
    rows.into_iter()
        .map(|row| {
            Ok(LiveRow {
                key: LeaseKey {
                    attempt: AttemptId(row.id),
                    epoch: row.epoch.unsigned_abs(),
                },
                number: row.number,
                job: JobId(row.job_id),
                node: NodeId(row.node_id),
                kind: Kind::of(&row.kind)?,
                state: parse("attempts.state", &row.state)?,
                span: row.frames.as_deref().map(ranges::parse_one).transpose()?,
                speculative: row.speculative,
                repair: row.repair_id.map(RepairId),
                published: u32::try_from(row.published).unwrap_or(0),
                leased_at: row.leased_at,
            })
        })
        .collect()
}

fn split(keys: &[LeaseKey]) -> (Vec<Uuid>, Vec<i64>) {
    keys.iter().map(|key| (key.attempt.0, epoch(*key))).unzip()
}

fn epoch(key: LeaseKey) -> i64 {
    // An epoch beyond 2⁶³ was never given out: it matches no row.
    i64::try_from(key.epoch).unwrap_or(-1)
}

fn int(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

/// The end of a text, at most `most` bytes, at a character's border; NUL can't be stored.
pub(super) fn tail(text: &str, most: usize) -> String {
    let mut from = text.len().saturating_sub(most);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    text[from..].replace('\0', " ")
}
