//! Render jobs and their packages.

use flatrender_protocol::message::{BlobRef, TrackKind};
use flatrender_protocol::state::{JobState, UnknownName};
use flatrender_protocol::{
    Digest, FrameList, JobId, Ratio, Release, Source, Span, Split, TenantId,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::prepared::PrepareRow;
use super::{Named, StoreError, parse, ranges};

/// A sound track as the row keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrackRow {
    /// What it is.
    pub kind: TrackKind,
    /// Its name in the store.
    pub digest: Digest,
    /// Its size.
    pub bytes: u64,
    /// What the submitter called it.
    pub file_name: String,
    /// 0 … 200 percent.
    pub volume: u16,
}

/// The composition's own sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnSound {
    /// The composition has none.
    None,
    /// It has some, and the film goes without.
    LeftOut,
    /// It is still to be rendered.
    Wanted,
    /// It is in the store.
    Made(BlobRef),
}

impl OwnSound {
    /// Its name in the row.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::LeftOut => "left_out",
            Self::Wanted => "wanted",
            Self::Made(_) => "made",
        }
    }
}

/// What a job is, from its submission on.
#[derive(Debug, Clone)]
pub struct JobRow {
    /// Its id.
    pub id: JobId,
    /// Whose.
    pub tenant: TenantId,
    /// What people call it.
    pub name: String,
    /// Where it is.
    pub state: JobState,
    /// Why, in words.
    pub reason: Option<String>,
    /// What the film lacks, in words.
    pub notes: Vec<String>,
    /// 0 … 100.
    pub priority: i32,
    /// The package: a project file's digest, or that of a package's content.
    pub package: Digest,
    /// What nodes render from; before it is prepared, what it is prepared from.
    pub source: Source,
    /// What is to be set in it first, if anything is.
    pub prepare: Option<PrepareRow>,
    /// Names the values and the files they bring, for a job that is prepared.
    pub values_hash: Option<Digest>,
    /// It is prepared: `source` is what was saved.
    pub prepared: bool,
    /// The project's file name.
    pub project_name: String,
    /// The composition.
    pub composition: String,
    /// Display frames.
    pub frames: FrameList,
    /// Width, in pixels.
    pub width: u32,
    /// Height, in pixels.
    pub height: u32,
    /// Frames a second.
    pub rate: Ratio,
    /// Of a pixel.
    pub pixel_aspect: Ratio,
    /// Red, green, blue.
    pub background: [u8; 3],
    /// Sound beside the picture.
    pub tracks: Vec<TrackRow>,
    /// The composition's own sound.
    pub sound: OwnSound,
    /// How far its frames may be spread.
    pub split: Split,
    /// The After Effects that its frames are of.
    pub pin: Option<Release>,
    /// The first frame must be right before the rest opens.
    pub canary: bool,
    /// Frames whose attempt let them be doubted are taken all the same.
    pub accept_suspect: bool,
    /// When it was submitted.
    pub created_at: OffsetDateTime,
    /// When its first frame was leased.
    pub started_at: Option<OffsetDateTime>,
    /// When it ended.
    pub finished_at: Option<OffsetDateTime>,
    /// Frames published.
    pub done_count: u32,
    /// Frames that failed for good.
    pub failed: Vec<Span>,
    /// Ordinals that nobody holds.
    pub todo: Vec<Span>,
    /// Grows when the whole job is rendered again.
    pub generation: i32,
}

/// Submits a job, queued. Its todo and the notification come by trigger, so that a job never exists without them.
///
/// # Errors
/// When the database refuses.
pub async fn insert(tx: &mut PgConnection, job: &JobRow) -> Result<(), StoreError> {
    let volume = |kind| {
        job.tracks
            .iter()
            .find(|track| track.kind == kind)
            .map(|track| i32::from(track.volume))
    };
    let tracks = serde_json::to_value(&job.tracks).unwrap_or_default();
    let source = serde_json::to_value(&job.source).unwrap_or_default();
    let prepare = job.prepare.as_ref();
    let prepare = prepare.map(|wanted| serde_json::to_value(wanted).unwrap_or_default());
    sqlx::query!(
        "INSERT INTO render.render_jobs (id, tenant_id, name, notes, priority, package_digest, project_name, composition,
                frame_list, total_frames, width, height, rate_num, rate_den, aspect_num, aspect_den, background, tracks,
                has_voiceover, music_volume, sfx_volume, voiceover_volume, canary, source, prepare, values_hash, sound, split,
                accept_suspect)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23,
                 $24, $25, $26, $27, $28, $29)",
        job.id.0,
        job.tenant.0,
        job.name,
        &job.notes,
        job.priority,
        job.package.0.as_slice(),
        job.project_name,
        job.composition,
        job.frames.to_string(),
        int(job.frames.len()),
        int(job.width),
        int(job.height),
        i64::from(job.rate.num),
        i64::from(job.rate.den),
        i64::from(job.pixel_aspect.num),
        i64::from(job.pixel_aspect.den),
        colour_text(job.background),
        tracks,
        volume(TrackKind::Voiceover).is_some(),
        volume(TrackKind::Music),
        volume(TrackKind::Sfx),
        volume(TrackKind::Voiceover),
        job.canary,
        source,
        prepare,
        job.values_hash.as_ref().map(|hash| hash.0.as_slice()),
        job.sound.as_str(),
        job.split.as_str(),
        job.accept_suspect,
    )
    .execute(&mut *tx)
    .await
    .named("insert job")?;
    sqlx::query!(
        "INSERT INTO render.exports (tenant_id, job_id) VALUES ($1, $2)",
        job.tenant.0,
        job.id.0
    )
    .execute(tx)
    .await
    .named("insert export")?;
    Ok(())
}

/// Which jobs to read.
#[derive(Debug, Clone)]
pub enum Which {
    /// These.
    Ids(Vec<JobId>),
    /// All that are not finished.
    Unfinished,
    /// Newest first, before an id, by name or the end of the id, at most so many.
    Page {
        /// Whose.
        tenant: TenantId,
        /// Name, or the last characters of the id; everything when `None`.
        matching: Option<String>,
        /// Older than this one.
        before: Option<JobId>,
        /// At most.
        limit: i64,
    },
}

struct Raw {
    id: Uuid,
    tenant_id: Uuid,
    name: String,
    state: String,
    reason: Option<String>,
    notes: Vec<String>,
    priority: i32,
    package_digest: Vec<u8>,
    source: Value,
    prepare: Option<Value>,
    values_hash: Option<Vec<u8>>,
    prepared: bool,
    sound: String,
    sound_digest: Option<Vec<u8>>,
    sound_bytes: Option<i64>,
    split: String,
    pins: Option<Value>,
    project_name: String,
    composition: String,
    frame_list: String,
    width: i32,
    height: i32,
    rate_num: i64,
    rate_den: i64,
    aspect_num: i64,
    aspect_den: i64,
    background: String,
    tracks: Value,
    canary: bool,
    accept_suspect: bool,
    created_at: OffsetDateTime,
    started_at: Option<OffsetDateTime>,
    finished_at: Option<OffsetDateTime>,
    done_count: i32,
    failed: String,
    todo: String,
    generation: i32,
}

/// Reads jobs.
///
/// # Errors
/// When the database is away, or a row holds what this version can't read.
pub async fn read(connection: &mut PgConnection, which: Which) -> Result<Vec<JobRow>, StoreError> {
    let (ids, unfinished, tenant, matching, before, limit) = match which {
        Which::Ids(ids) => {
            let ids: Vec<Uuid> = ids.into_iter().map(|id| id.0).collect();
            (Some(ids), false, None, None, None, i64::MAX)
        }
        Which::Unfinished => (None, true, None, None, None, i64::MAX),
        Which::Page {
            tenant,
            matching,
            before,
            limit,
        } => (
            None,
            false,
            Some(tenant.0),
            matching,
            before.map(|id| id.0),
            limit,
        ),
    };
    let rows = sqlx::query_as!(
        Raw,
        r#"SELECT j.id, j.tenant_id, j.name, j.state, j.reason, j.notes, j.priority, j.package_digest,
                  j.source, j.prepare, j.values_hash, (j.prepared_id IS NOT NULL) AS "prepared!", j.sound, j.sound_digest,
                  j.sound_bytes, j.split, j.pins, j.project_name, j.composition, j.frame_list, j.width, j.height, j.rate_num,
                  j.rate_den, j.aspect_num, j.aspect_den, j.background, j.tracks, j.canary, j.accept_suspect, j.created_at,
                  j.started_at,
                  j.finished_at, t.done_count, t.failed::text AS "failed!", t.todo::text AS "todo!", t.generation
             FROM render.render_jobs j
             JOIN render.job_todo t ON t.job_id = j.id
            WHERE ($1::uuid[] IS NULL OR j.id = ANY ($1))
              AND (NOT $2 OR j.state NOT IN ('done', 'cancelled', 'failed'))
              AND ($3::uuid IS NULL OR j.tenant_id = $3)
              AND ($4::text IS NULL OR j.name = $4 OR j.id::text = lower($4)
                   OR (length($4) = 8 AND right(j.id::text, 8) = lower($4)))
              AND ($5::uuid IS NULL OR j.id < $5)
            ORDER BY j.id DESC LIMIT $6"#,
        ids.as_deref(),
        unfinished,
        tenant,
        matching,
        before,
        limit
    )
    .fetch_all(connection)
    .await
    .named("read jobs")?;
    rows.into_iter().map(job_of).collect()
}

fn job_of(raw: Raw) -> Result<JobRow, StoreError> {
    let unreadable = |what, value: &str| StoreError::Unreadable {
        what,
        value: value.to_owned(),
    };
    let ratio = |num: i64, den: i64| {
        let (num, den) = (u64::try_from(num).ok()?, u64::try_from(den).ok()?);
        Ratio::new(num, den)
    };
    Ok(JobRow {
        id: JobId(raw.id),
        tenant: TenantId(raw.tenant_id),
        state: parse("render_jobs.state", &raw.state)?,
        reason: raw.reason,
        notes: raw.notes,
        priority: raw.priority,
        package: Digest::from_slice(&raw.package_digest)
            .ok_or_else(|| unreadable("render_jobs.package_digest", &raw.name))?,
        source: serde_json::from_value(raw.source)
            .map_err(|_| unreadable("render_jobs.source", &raw.name))?,
        prepare: raw
            .prepare
            .map(serde_json::from_value)
            .transpose()
            .map_err(|_| unreadable("render_jobs.prepare", &raw.name))?,
        values_hash: raw.values_hash.as_deref().and_then(Digest::from_slice),
        prepared: raw.prepared,
        sound: own_sound(&raw.sound, raw.sound_digest.as_deref(), raw.sound_bytes)
            .ok_or_else(|| unreadable("render_jobs.sound", &raw.sound))?,
        split: parse("render_jobs.split", &raw.split)?,
        pin: raw.pins.as_ref().and_then(release_of),
        frames: FrameList::parse(&raw.frame_list)
            .map_err(|_| unreadable("render_jobs.frame_list", &raw.frame_list))?,
        width: raw.width.unsigned_abs(),
        height: raw.height.unsigned_abs(),
        rate: ratio(raw.rate_num, raw.rate_den)
            .ok_or_else(|| unreadable("render_jobs.rate_num", &raw.rate_num.to_string()))?,
        pixel_aspect: ratio(raw.aspect_num, raw.aspect_den)
            .ok_or_else(|| unreadable("render_jobs.aspect_num", &raw.aspect_num.to_string()))?,
        background: colour(&raw.background)
            .ok_or_else(|| unreadable("render_jobs.background", &raw.background))?,
        tracks: serde_json::from_value(raw.tracks)
            .map_err(|_| unreadable("render_jobs.tracks", &raw.name))?,
        canary: raw.canary,
        accept_suspect: raw.accept_suspect,
        created_at: raw.created_at,
        started_at: raw.started_at,
        finished_at: raw.finished_at,
        done_count: raw.done_count.unsigned_abs(),
        failed: ranges::parse(&raw.failed)?,
        todo: ranges::parse(&raw.todo)?,
        generation: raw.generation,
        name: raw.name,
        project_name: raw.project_name,
        composition: raw.composition,
    })
}

fn own_sound(name: &str, digest: Option<&[u8]>, bytes: Option<i64>) -> Option<OwnSound> {
    match name {
        "none" => Some(OwnSound::None),
        "left_out" => Some(OwnSound::LeftOut),
        "wanted" => Some(OwnSound::Wanted),
        "made" => Some(OwnSound::Made(BlobRef {
            digest: Digest::from_slice(digest?)?,
            bytes: bytes?.unsigned_abs(),
        })),
        _ => None,
    }
}

fn release_of(pins: &Value) -> Option<Release> {
    pins.get("after_effects")?.as_str()?.parse().ok()
}

/// A colour as rows keep it.
pub(super) fn colour_text([red, green, blue]: [u8; 3]) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

fn colour(text: &str) -> Option<[u8; 3]> {
    let mut rgb = [0; 3];
    hex::decode_to_slice(text.strip_prefix('#')?, &mut rgb).ok()?;
    Some(rgb)
}

/// What a change of state says beside the state.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// Why, in words; kept when `None`.
    pub reason: Option<String>,
}

/// Changes a job's state, if it is still `from`. `next` decided that the step is legal.
///
/// # Errors
/// When the database refuses.
pub async fn set_state(
    tx: &mut PgConnection,
    job: JobId,
    from: JobState,
    to: JobState,
    change: &Change,
) -> Result<bool, StoreError> {
    let started = matches!(
        to,
        JobState::Preparing | JobState::Running | JobState::Assembling
    );
    let done = sqlx::query!(
        "UPDATE render.render_jobs
            SET state = $3, reason = coalesce($4, reason),
                started_at = CASE WHEN $5 THEN coalesce(started_at, now()) ELSE started_at END,
                finished_at = CASE WHEN $6 THEN now() END
          WHERE id = $1 AND state = $2",
        job.0,
        from.as_str(),
        to.as_str(),
        change
            .reason
            .as_ref()
            .map(|why| why.chars().take(4000).collect::<String>()),
        started,
        to.is_final(),
    )
    .execute(tx)
    .await
    .named("set job state")?;
    Ok(done.rows_affected() == 1)
}

/// The ordinals that are published, as spans.
///
/// # Errors
/// When the database is away.
pub async fn published(
    connection: &mut PgConnection,
    jobs: &[JobId],
) -> Result<Vec<(JobId, Vec<Span>)>, StoreError> {
    let ids: Vec<Uuid> = jobs.iter().map(|id| id.0).collect();
    let rows = sqlx::query!(
        r#"SELECT f.job_id, range_agg(int4range(f.ordinal, f.ordinal + 1))::text AS "spans!"
             FROM render.frames f JOIN render.job_todo t ON t.job_id = f.job_id AND t.generation = f.generation
            WHERE f.job_id = ANY ($1) GROUP BY f.job_id"#,
        &ids
    )
    .fetch_all(connection)
    .await
    .named("published ordinals")?;
    rows.into_iter()
        .map(|row| Ok((JobId(row.job_id), ranges::parse(&row.spans)?)))
        .collect()
}

/// Locks the hot state of jobs, in one order, as a statement of its own: every later statement of the transaction sees
/// what others committed before. Answers which of them are open.
///
/// # Errors
/// When the database is away.
pub async fn lock(tx: &mut PgConnection, jobs: &[JobId]) -> Result<Vec<JobId>, StoreError> {
    let ids: Vec<Uuid> = jobs.iter().map(|id| id.0).collect();
    let rows = sqlx::query!(
        "SELECT job_id, open FROM render.job_todo WHERE job_id = ANY ($1) ORDER BY job_id FOR NO KEY UPDATE",
        &ids
    )
    .fetch_all(tx)
    .await
    .named("lock jobs")?;
    Ok(rows
        .into_iter()
        .filter(|row| row.open)
        .map(|row| JobId(row.job_id))
        .collect())
}

/// Closes a job to leasing and publishing. The caller has locked it.
///
/// # Errors
/// When the database refuses.
pub async fn close(tx: &mut PgConnection, job: JobId) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE render.job_todo SET open = false WHERE job_id = $1",
        job.0
    )
    .execute(tx)
    .await
    .named("close job")?;
    Ok(())
}

/// Gives frames up for good. The caller has locked the job; the ordinals are in todo.
///
/// # Errors
/// When the database refuses.
pub async fn fail_frames(
    tx: &mut PgConnection,
    job: JobId,
    spans: &[Span],
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE render.job_todo
            SET todo = todo - $2::text::int4multirange, failed = failed + ($2::text::int4multirange * todo)
          WHERE job_id = $1",
        job.0,
        ranges::write(spans)
    )
    .execute(tx)
    .await
    .named("fail frames")?;
    Ok(())
}

/// Opens a job again: frames that were given up among `spans` go back to todo. Answers which. The caller has locked the job.
///
/// # Errors
/// When the database refuses.
pub async fn reopen(
    tx: &mut PgConnection,
    job: JobId,
    spans: &[Span],
) -> Result<Vec<Span>, StoreError> {
    let back = sqlx::query_scalar!(
        r#"UPDATE render.job_todo t
              SET open = true, todo = t.todo + (old.failed * $2::text::int4multirange),
                  failed = t.failed - $2::text::int4multirange
             FROM (SELECT job_id, failed FROM render.job_todo WHERE job_id = $1) old
            WHERE t.job_id = old.job_id
           RETURNING (old.failed * $2::text::int4multirange)::text AS "back!""#,
        job.0,
        ranges::write(spans)
    )
    .fetch_optional(tx)
    .await
    .named("reopen job")?;
    back.map_or(Ok(Vec::new()), |text| ranges::parse(&text))
}

/// Says why a job waits, or that it does so no longer.
///
/// # Errors
/// When the database refuses.
pub async fn set_reason(
    tx: &mut PgConnection,
    job: JobId,
    reason: Option<&str>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE render.render_jobs SET reason = $2 WHERE id = $1 AND state NOT IN ('done', 'cancelled', 'failed')
            AND reason IS DISTINCT FROM $2",
        job.0,
        reason.map(|why| why.chars().take(4000).collect::<String>())
    )
    .execute(tx)
    .await
    .named("set reason of job")?;
    Ok(())
}

/// Tells every controller, with the commit, that a job was changed.
///
/// # Errors
/// When the database refuses.
pub async fn tell(tx: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::query!("SELECT pg_notify('render_jobs', '')")
        .execute(tx)
        .await
        .named("tell of a changed job")?;
    Ok(())
}

/// A number of frames, pixels or attempts as the database keeps it; all are far below 2³¹ by their limits.
pub(super) fn int(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

impl From<UnknownName> for StoreError {
    fn from(error: UnknownName) -> Self {
        Self::Unreadable {
            what: "a name",
            value: error.to_string(),
        }
    }
}
