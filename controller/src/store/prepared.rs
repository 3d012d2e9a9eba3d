//! Prepared projects: a package with values set, made once and found again; and what jobs take over from them.

use flatrender_protocol::message::BlobRef;
use flatrender_protocol::values::{CompRef, CompReport};
use flatrender_protocol::{Digest, JobId, Release};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use uuid::Uuid;

use super::jobs::{JobRow, OwnSound, colour_text, int};
use super::{Named, StoreError};

/// What a job wants prepared, as its row keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PrepareRow {
    /// The composition that will be rendered.
    pub comp: CompRef,
    /// The values, as JSON.
    pub values: BlobRef,
    /// Where in the folder the prepared project is saved.
    pub prepared_name: String,
    /// The frames that were asked for; none: the work area.
    pub frames: Option<String>,
    /// How long the composition is before anything is set.
    pub template_frames: u32,
    /// What can't be set becomes a note.
    pub allow_missing: bool,
    /// The composition's own sound is wanted.
    pub own_sound: bool,
}

/// What the farm goes by of the script's report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// All that the script said, as a blob.
    pub report: BlobRef,
    /// The After Effects that ran it, in its own words.
    pub host: String,
    /// The composition as it is now.
    pub comp: CompReport,
    /// What is not set, or not wholly, in words; at most a few, the rest is counted.
    pub unset: Vec<String>,
    /// How many values are not set at all.
    pub unset_count: usize,
    /// What is set but not wholly, in words.
    pub partly: Vec<String>,
    /// Match names of the effects that the composition reaches.
    pub effects: Vec<String>,
    /// Other things that people should know, in words.
    pub notes: Vec<String>,
}

/// A prepared project.
#[derive(Debug, Clone, PartialEq)]
pub struct PreparedRow {
    /// The row's id.
    pub id: Uuid,
    /// The project that After Effects saved.
    pub project: BlobRef,
    /// What it said.
    pub facts: Facts,
}

impl PreparedRow {
    /// The After Effects that prepared it.
    pub fn release(&self) -> Option<Release> {
        self.facts.host.parse().ok()
    }
}

/// Keeps a prepared project of a job's package and values. Another one that was there before is replaced: nobody would have
/// prepared it again if it could be used.
///
/// # Errors
/// When the database refuses.
pub async fn keep(
    tx: &mut PgConnection,
    job: &JobRow,
    project: BlobRef,
    facts: Facts,
) -> Result<PreparedRow, StoreError> {
    let report = serde_json::to_value(&facts).unwrap_or_default();
    let pins = facts.host.parse::<Release>().ok();
    let pins = pins.map(|release| serde_json::json!({ "after_effects": release }));
    let id = sqlx::query_scalar!(
        "INSERT INTO render.prepared_projects (tenant_id, package_digest, values_hash, digest, bytes, report, pins)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (tenant_id, package_digest, values_hash)
             DO UPDATE SET digest = $4, bytes = $5, report = $6, pins = $7
         RETURNING id",
        job.tenant.0,
        job.package.0.as_slice(),
        job.values_hash.as_ref().map(|hash| hash.0.as_slice()),
        project.digest.0.as_slice(),
        i64::try_from(project.bytes).unwrap_or(i64::MAX),
        report,
        pins
    )
    .fetch_one(tx)
    .await
    .named("keep prepared project")?;
    Ok(PreparedRow { id, project, facts })
}

/// The prepared projects that are there for jobs that wait for theirs.
///
/// # Errors
/// When the database is away, or a row holds what this version can't read.
pub async fn of_jobs(
    connection: &mut PgConnection,
    jobs: &[JobId],
) -> Result<Vec<(JobId, PreparedRow)>, StoreError> {
    let ids: Vec<Uuid> = jobs.iter().map(|id| id.0).collect();
    let rows = sqlx::query!(
        r#"SELECT j.id AS job, p.id, p.digest AS "digest!", p.bytes AS "bytes!", p.report AS "report!"
             FROM render.render_jobs j
             JOIN render.prepared_projects p
               ON p.tenant_id = j.tenant_id AND p.package_digest = j.package_digest AND p.values_hash = j.values_hash
            WHERE j.id = ANY ($1) AND j.prepared_id IS NULL AND p.digest IS NOT NULL AND p.report IS NOT NULL"#,
        &ids
    )
    .fetch_all(connection)
    .await
    .named("prepared projects of jobs")?;
    rows.into_iter()
        .map(|row| {
            let unreadable = |what| StoreError::Unreadable {
                what,
                value: row.id.to_string(),
            };
            let digest = Digest::from_slice(&row.digest)
                .ok_or_else(|| unreadable("prepared_projects.digest"))?;
            let facts = serde_json::from_value(row.report)
                .map_err(|_| unreadable("prepared_projects.report"))?;
            let project = BlobRef {
                digest,
                bytes: row.bytes.unsigned_abs(),
            };
            let id = row.id;
            Ok((JobId(row.job), PreparedRow { id, project, facts }))
        })
        .collect()
}

/// Writes what a job takes over from its prepared project, with the todo that follows from it. The caller has locked the job;
/// nothing of it was leased yet but the prepare. `false`: the job has one already.
///
/// # Errors
/// When the database refuses.
pub async fn settle(
    tx: &mut PgConnection,
    job: &JobRow,
    prepared: Uuid,
) -> Result<bool, StoreError> {
    let source = serde_json::to_value(&job.source).unwrap_or_default();
    let pins = job
        .pin
        .map(|release| serde_json::json!({ "after_effects": release }));
    let done = sqlx::query!(
        "UPDATE render.render_jobs
            SET source = $2, frame_list = $3, total_frames = $4, width = $5, height = $6, rate_num = $7, rate_den = $8,
                aspect_num = $9, aspect_den = $10, background = $11, split = $12, sound = $13, notes = $14, pins = $15,
                prepared_id = $16
          WHERE id = $1 AND prepared_id IS NULL AND state IN ('queued', 'preparing')",
        job.id.0,
        source,
        job.frames.to_string(),
        int(job.frames.len()),
        int(job.width),
        int(job.height),
        i64::from(job.rate.num),
        i64::from(job.rate.den),
        i64::from(job.pixel_aspect.num),
        i64::from(job.pixel_aspect.den),
        colour_text(job.background),
        job.split.as_str(),
        job.sound.as_str(),
        &job.notes,
        pins,
        prepared
    )
    .execute(&mut *tx)
    .await
    .named("settle prepared job")?;
    if done.rows_affected() != 1 {
        return Ok(false);
    }
    sqlx::query!(
        "UPDATE render.job_todo SET total = $2, todo = int4multirange(int4range(0, $2)) WHERE job_id = $1 AND done_count = 0",
        job.id.0,
        int(job.frames.len())
    )
    .execute(tx)
    .await
    .named("todo of prepared job")?;
    Ok(true)
}

/// Pins a job's frames to a release, if it is not pinned yet.
///
/// # Errors
/// When the database refuses.
pub async fn pin(tx: &mut PgConnection, job: JobId, release: Release) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE render.render_jobs SET pins = $2 WHERE id = $1 AND pins IS NULL",
        job.0,
        serde_json::json!({ "after_effects": release })
    )
    .execute(tx)
    .await
    .named("pin job")?;
    Ok(())
}

/// Keeps the composition's own sound. `false`: the job does not wait for it.
///
/// # Errors
/// When the database refuses.
pub async fn keep_sound(
    tx: &mut PgConnection,
    job: JobId,
    blob: &BlobRef,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE render.render_jobs SET sound = $2, sound_digest = $3, sound_bytes = $4 WHERE id = $1 AND sound = 'wanted'",
        job.0,
        OwnSound::Made(blob.clone()).as_str(),
        blob.digest.0.as_slice(),
        i64::try_from(blob.bytes).unwrap_or(i64::MAX)
    )
    .execute(tx)
    .await
    .named("keep own sound")?;
    Ok(done.rows_affected() == 1)
}
