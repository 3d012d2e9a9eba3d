//! A job comes in. Everything that can be wrong is found here, with the field named, before any node spends a second; what
//! is refused leaves nothing behind.

use bytes::Bytes;
use flatrender_aep::{CompError, Composition, Project, Rational};
use flatrender_protocol::rest::{FieldError, JobSpec, JobView, TrackSpec, UploadedFile};
use flatrender_protocol::state::JobState;
use flatrender_protocol::{FrameList, JobId, Ratio, TenantId};
use time::OffsetDateTime;

use super::{Farm, Input, sound};
use crate::blobs::{Area, BlobError};
use crate::store::events::{self, NewEvent, Who};
use crate::store::jobs::{self, JobRow, TrackRow};
use crate::store::{self, StoreError};

/// Largest project file that is read.
const MAX_PROJECT: u64 = flatrender_aep::MAX_PROJECT_BYTES;
/// Largest sound file that is taken.
const MAX_SOUND: u64 = 1 << 30;
/// Largest frame, in pixels: 16K by 16K.
const MAX_PIXELS: u32 = 16_384 * 16_384;

/// Why a job was not taken.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// What is wrong, field by field.
    #[error("take the job: {} fields are wrong", .0.len())]
    Invalid(Vec<FieldError>),
    /// The database is away.
    #[error("keep the job")]
    Store(#[from] StoreError),
    /// The store is away.
    #[error("read what was uploaded")]
    Blobs(#[from] BlobError),
}

/// Collects what is wrong, so that people see all of it at once.
#[derive(Default)]
pub(super) struct Wrong(pub(super) Vec<FieldError>);

impl Wrong {
    pub(super) fn say(&mut self, pointer: &str, code: &str, detail: impl Into<String>) {
        self.0.push(FieldError {
            pointer: pointer.to_owned(),
            code: code.to_owned(),
            detail: detail.into(),
        });
    }
}

impl Farm {
    /// Takes a job, or says everything that is wrong with it.
    ///
    /// # Errors
    /// [`SubmitError`].
    pub async fn submit(&self, tenant: TenantId, spec: JobSpec) -> Result<JobView, SubmitError> {
        let mut wrong = Wrong::default();
        let tracks = self.tracks(&spec.tracks, &mut wrong).await?;
        let name = name(&spec, &mut wrong);
        let priority = spec.priority.unwrap_or(50);
        if !(0..=100).contains(&priority) {
            wrong.say(
                "/priority",
                "out_of_range",
                format!("{priority} is not 0 to 100"),
            );
        }
        let project = self.project(&spec.project, &mut wrong).await?;
        let film = project
            .as_ref()
            .and_then(|(_, project)| Film::of(project, &spec, &mut wrong));
        let (Some((bytes, project)), Some(film), true) = (project, film, wrong.0.is_empty()) else {
            return Err(SubmitError::Invalid(wrong.0));
        };
        let row = JobRow {
            id: JobId::new(),
            tenant,
            name,
            state: JobState::Queued,
            reason: None,
            notes: film.notes,
            priority,
            package: spec.project.digest,
            package_bytes: bytes,
            project_name: spec.project.file_name.clone(),
            composition: spec.composition.clone(),
            frames: film.frames,
            width: film.width,
            height: film.height,
            rate: film.rate,
            pixel_aspect: film.pixel_aspect,
            background: film.background,
            tracks,
            canary: self.settings.canary,
            created_at: OffsetDateTime::now_utc(),
            started_at: None,
            finished_at: None,
            done_count: 0,
            failed: Vec::new(),
            todo: Vec::new(),
            generation: 1,
        };
        self.keep(&row, &project).await?;
        Ok(self
            .job(tenant, row.id)
            .await?
            .ok_or(StoreError::Unreadable {
                what: "the job just written",
                value: row.id.to_string(),
            })?)
    }

    async fn keep(&self, row: &JobRow, project: &Project) -> Result<(), SubmitError> {
        let manifest =
            serde_json::to_value(flatrender_aep::truth_json(project)).unwrap_or_default();
        // The package's row is the platform's, the job's the tenant's: two roles, and a package without a job is harmless.
        let mut tx = store::begin(&self.worker).await?;
        let (digest, bytes) = (row.package, row.package_bytes);
        jobs::insert_package(&mut tx, digest, bytes, &row.project_name, &manifest).await?;
        store::commit(tx).await?;
        let mut tx = store::begin_tenant(&self.tenant, row.tenant).await?;
        jobs::insert(&mut tx, row).await?;
        let event = NewEvent {
            tenant: row.tenant,
            subject: "job",
            job: Some(row.id),
            node: None,
            attempt: None,
            from: None,
            to: JobState::Queued.as_str(),
            who: Who::Operator,
            why: None,
        };
        events::write(&mut tx, &[event]).await?;
        store::commit(tx).await?;
        self.news.notify_waiters();
        // The notification tells every controller; this one need not wait for it. A full channel is a leader at work.
        self.inputs.try_send(Input::Wake).ok();
        Ok(())
    }

    pub(super) async fn project(
        &self,
        file: &UploadedFile,
        wrong: &mut Wrong,
    ) -> Result<Option<(u64, Project)>, SubmitError> {
        file_name("/project/file_name", &file.file_name, wrong);
        let Some(bytes) = self
            .uploaded("/project/digest", file, MAX_PROJECT, wrong)
            .await?
        else {
            return Ok(None);
        };
        let size = bytes.len() as u64;
        let parsed = tokio::task::spawn_blocking(move || flatrender_aep::parse(&bytes)).await;
        match parsed {
            Ok(Ok(project)) if project.damaged => {
                let detail = format!(
                    "\"{}\" is cut or damaged: {}; save it again in After Effects, or upload it again",
                    file.file_name,
                    project
                        .warnings
                        .first()
                        .map_or("bytes are missing", String::as_str)
                );
                wrong.say("/project", "damaged", detail);
                Ok(None)
            }
            Ok(Ok(project)) => Ok(Some((size, project))),
            Ok(Err(error)) => {
                let detail = format!("\"{}\" can't be read: {}", file.file_name, chain(&error));
                wrong.say("/project", "unreadable", detail);
                Ok(None)
            }
            Err(_) => {
                wrong.say(
                    "/project",
                    "unreadable",
                    "the project made its reader fail; please report it",
                );
                Ok(None)
            }
        }
    }

    async fn tracks(
        &self,
        specs: &[TrackSpec],
        wrong: &mut Wrong,
    ) -> Result<Vec<TrackRow>, SubmitError> {
        let mut tracks: Vec<TrackRow> = Vec::new();
        for (index, spec) in specs.iter().take(4).enumerate() {
            let at = format!("/tracks/{index}");
            if tracks.iter().any(|track| track.kind == spec.kind) {
                let detail = format!(
                    "there is a {} track already; one of each kind",
                    spec.kind.as_str()
                );
                wrong.say(&format!("{at}/kind"), "duplicate", detail);
            }
            let volume = spec.volume.unwrap_or(100);
            if volume > 200 {
                let detail = format!("{volume} is not 0 to 200 percent");
                wrong.say(&format!("{at}/volume"), "out_of_range", detail);
            }
            file_name(&format!("{at}/file/file_name"), &spec.file.file_name, wrong);
            let pointer = format!("{at}/file");
            let Some(bytes) = self
                .uploaded(&pointer, &spec.file, MAX_SOUND, wrong)
                .await?
            else {
                continue;
            };
            let size = bytes.len() as u64;
            let name = spec.file.file_name.clone();
            let checked = tokio::task::spawn_blocking(move || sound::check(bytes, &name)).await;
            match checked.unwrap_or_else(|_| Err("made its reader fail".to_owned())) {
                Ok(()) => tracks.push(TrackRow {
                    kind: spec.kind,
                    digest: spec.file.digest,
                    bytes: size,
                    file_name: spec.file.file_name.clone(),
                    volume,
                }),
                Err(why) => {
                    wrong.say(
                        &pointer,
                        "not_audio",
                        format!("\"{}\" {why}", spec.file.file_name),
                    );
                }
            }
        }
        if specs.len() > 3 {
            wrong.say(
                "/tracks",
                "too_many",
                "at most one track each of music, sfx and voiceover",
            );
        }
        Ok(tracks)
    }

    async fn uploaded(
        &self,
        pointer: &str,
        file: &UploadedFile,
        limit: u64,
        wrong: &mut Wrong,
    ) -> Result<Option<Bytes>, SubmitError> {
        self.blobs.claim(file.digest).await?;
        match self.blobs.read(Area::Farm, file.digest, limit).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(BlobError::Missing(digest)) => {
                let detail =
                    format!("{digest} was not uploaded; PUT it to /v1/farm/blobs/{digest} first");
                wrong.say(pointer, "not_uploaded", detail);
                Ok(None)
            }
            Err(BlobError::TooLarge { bytes }) => {
                wrong.say(
                    pointer,
                    "too_large",
                    format!("{bytes} bytes; at most {limit} are read"),
                );
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// What the project says of the film that is wanted.
struct Film {
    frames: FrameList,
    width: u32,
    height: u32,
    rate: Ratio,
    pixel_aspect: Ratio,
    background: [u8; 3],
    notes: Vec<String>,
}

impl Film {
    fn of(project: &Project, spec: &JobSpec, wrong: &mut Wrong) -> Option<Self> {
        let comp = match project.comp(&spec.composition) {
            Ok(comp) => comp,
            Err(error @ CompError::NotFound { .. }) => {
                wrong.say("/composition", "not_found", error.to_string());
                return None;
            }
        };
        let before = wrong.0.len();
        footage(project, comp, wrong);
        let frames = frames(project, comp, spec.frames.as_deref(), wrong);
        let (width, height) = (u32::from(comp.width), u32::from(comp.height));
        if width == 0 || height == 0 || width.saturating_mul(height) > MAX_PIXELS {
            let detail = format!(
                "the composition is {width} × {height}; 1 to {MAX_PIXELS} pixels can be rendered"
            );
            wrong.say("/composition", "bad_size", detail);
        }
        let rate = ratio(comp.rate);
        if rate.is_none_or(|rate| rate.as_f64() > 1000.0 || rate.as_f64() < 0.01) {
            let detail = format!(
                "the composition's frame rate {}/{} can't be used",
                comp.rate.num, comp.rate.den
            );
            wrong.say("/composition", "bad_rate", detail);
        }
        let mut notes = Vec::new();
        let pixel_aspect = ratio(comp.pixel_aspect).unwrap_or_else(|| {
            notes.push(
                "the composition's pixel aspect can't be read; square pixels are used".to_owned(),
            );
            Ratio::ONE
        });
        if project.has_sound(comp) {
            notes.push("the composition's own sound is left out: this version mixes only music, sfx and voiceover".to_owned());
        }
        if wrong.0.len() > before {
            return None;
        }
        let background = comp.background;
        Some(Self {
            frames: frames?,
            width,
            height,
            rate: rate?,
            pixel_aspect,
            background,
            notes,
        })
    }
}

pub(super) fn footage(project: &Project, comp: &Composition, wrong: &mut Wrong) {
    let footage = project.missing_footage(comp);
    if footage.is_empty() {
        return;
    }
    let shown: Vec<String> = footage
        .iter()
        .take(10)
        .map(|used| {
            format!(
                "\"{}\" ({}, layer {})",
                used.name,
                used.path,
                used.layers.join(", ")
            )
        })
        .collect();
    let more = footage.len().saturating_sub(shown.len());
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    let detail = format!(
        "the composition needs footage that a bare project file does not carry: {}{more}; remove or disable these layers: this version takes projects without footage files",
        shown.join(", ")
    );
    wrong.say("/project", "missing_footage", detail);
}

fn frames(
    project: &Project,
    comp: &Composition,
    asked: Option<&str>,
    wrong: &mut Wrong,
) -> Option<FrameList> {
    let first = project.first_display_frame(comp);
    let last = first + i64::from(comp.frames) - 1;
    let Some(text) = asked else {
        let area = comp.work_area_frames();
        let list = FrameList::range(
            first + i64::from(area.start),
            first + i64::from(area.end) - 1,
        );
        if list.is_none() {
            wrong.say(
                "/frames",
                "out_of_range",
                "the composition's work area is empty or too long; give frames",
            );
        }
        return list;
    };
    match FrameList::parse(text) {
        Ok(list) if list.first() < first || list.last() > last => {
            let detail = format!(
                "{list} is outside the composition, whose frames are {first} to {last} as After Effects shows them"
            );
            wrong.say("/frames", "out_of_range", detail);
            None
        }
        Ok(list) => Some(list),
        Err(error) => {
            wrong.say("/frames", "malformed", error.to_string());
            None
        }
    }
}

fn name(spec: &JobSpec, wrong: &mut Wrong) -> String {
    let Some(name) = &spec.name else {
        let stem = spec
            .project
            .file_name
            .rsplit_once('.')
            .map_or(&*spec.project.file_name, |(s, _)| s);
        return format!("{stem} {}", spec.composition)
            .chars()
            .filter(|c| !c.is_control())
            .take(120)
            .collect();
    };
    let length = name.chars().count();
    if name.trim().is_empty() || length > 120 || name.chars().any(char::is_control) {
        wrong.say(
            "/name",
            "malformed",
            "a name has 1 to 120 characters and no control characters",
        );
    }
    name.clone()
}

fn file_name(pointer: &str, name: &str, wrong: &mut Wrong) {
    let bad = |c: char| c.is_control() || c == '/' || c == '\\';
    if name.is_empty() || name.chars().count() > 255 || name.chars().any(bad) {
        let detail = "a file name has 1 to 255 characters, no path and no control characters";
        wrong.say(pointer, "malformed", detail);
    }
}

pub(super) fn ratio(rational: Rational) -> Option<Ratio> {
    Ratio::new(
        u64::try_from(rational.num).ok()?,
        u64::try_from(rational.den).ok()?,
    )
}

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
