//! Exports: a checked film becomes one by one guarded UPDATE.

use flatrender_protocol::message::{FilmReport, LeaseKey};
use flatrender_protocol::rest::FilmView;
use flatrender_protocol::{Digest, JobId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Named, StoreError};

/// Makes the film the job's export, if the job still waits for one. `false`: it has one already.
///
/// # Errors
/// When the database refuses.
pub async fn ready(
    tx: &mut PgConnection,
    job: JobId,
    lease: LeaseKey,
    film: &FilmReport,
) -> Result<bool, StoreError> {
    let int = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
    let big = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let done = sqlx::query!(
        "UPDATE render.exports
            SET state = 'ready', ready_at = now(), digest = $2, bytes = $3, width = $4, height = $5, padded_columns = $6,
                padded_rows = $7, frames = $8, duration_ms = $9, sound = $10, attempt_id = $11
          WHERE job_id = $1 AND state = 'waiting'",
        job.0,
        film.blob.digest.0.as_slice(),
        big(film.blob.bytes),
        int(film.width),
        int(film.height),
        i32::from(film.padded.0),
        i32::from(film.padded.1),
        int(film.frames),
        big(film.duration_ms),
        film.sound,
        lease.attempt.0,
    )
    .execute(tx)
    .await
    .named("ready export")?;
    Ok(done.rows_affected() == 1)
}

/// The job's frames change: its film is to be made again, under the next generation.
///
/// # Errors
/// When the database refuses.
pub async fn reopen(tx: &mut PgConnection, job: JobId) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE render.exports SET state = 'waiting', ready_at = NULL, generation = generation + 1
          WHERE job_id = $1 AND state = 'ready'",
        job.0
    )
    .execute(tx)
    .await
    .named("reopen export")?;
    Ok(())
}

/// The films of these jobs that are ready.
///
/// # Errors
/// When the database is away.
pub async fn of_jobs(
    connection: &mut PgConnection,
    jobs: &[JobId],
) -> Result<Vec<(JobId, FilmView)>, StoreError> {
    let ids: Vec<Uuid> = jobs.iter().map(|id| id.0).collect();
    let rows = sqlx::query!(
        r#"SELECT job_id, digest AS "digest!", bytes AS "bytes!", width AS "width!", height AS "height!",
                  padded_columns AS "padded_columns!", padded_rows AS "padded_rows!", frames AS "frames!",
                  duration_ms AS "duration_ms!", sound AS "sound!"
             FROM render.exports WHERE job_id = ANY ($1) AND state = 'ready'"#,
        &ids
    )
    .fetch_all(connection)
    .await
    .named("exports of jobs")?;
    rows.into_iter()
        .map(|row| {
            let digest = Digest::from_slice(&row.digest).ok_or_else(|| StoreError::Unreadable {
                what: "exports.digest",
                value: hex::encode(&row.digest),
            })?;
            let small = |value: i32| u8::try_from(value).unwrap_or(0);
            let film = FilmView {
                digest,
                bytes: row.bytes.unsigned_abs(),
                width: row.width.unsigned_abs(),
                height: row.height.unsigned_abs(),
                padded: (small(row.padded_columns), small(row.padded_rows)),
                frames: row.frames.unsigned_abs(),
                duration_ms: row.duration_ms.unsigned_abs(),
                sound: row.sound,
            };
            Ok((JobId(row.job_id), film))
        })
        .collect()
}
