//! A job comes in. Everything that can be wrong is found here, with the field named, before any node spends a second; what
//! is refused leaves nothing behind.

mod media;
mod package;
mod picture;
mod values;

use bytes::Bytes;
use flatrender_protocol::message::BlobRef;
use flatrender_protocol::rest::{FieldError, JobSpec, JobView, TrackSpec, UploadedFile};
use flatrender_protocol::state::JobState;
use flatrender_protocol::{Digest, JobId, TenantId};
use futures_util::StreamExt;
use time::OffsetDateTime;

pub(super) use self::package::Template;
use self::picture::Picture;
pub(super) use self::picture::{footage, ratio};
use self::values::Wanted;
use super::prepared::own_sound;
use super::{Farm, Input, sound};
use crate::blobs::{Area, BlobError};
use crate::store::events::{self, NewEvent, Who};
use crate::store::jobs::{self, JobRow, OwnSound, TrackRow};
use crate::store::prepared::PrepareRow;
use crate::store::{self, StoreError, packages};

/// Largest sound file that is taken.
const MAX_SOUND: u64 = 1 << 30;

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

    fn not_uploaded(&mut self, pointer: &str, digest: Digest) {
        let detail = format!("{digest} was not uploaded; PUT it to /v1/farm/blobs/{digest} first");
        self.say(pointer, "not_uploaded", detail);
    }
}

/// A job whose every field is good.
struct Good {
    spec: JobSpec,
    name: String,
    tracks: Vec<TrackRow>,
    template: Template,
    picture: Picture,
    /// What is set before anything is rendered.
    wanted: Option<Wanted>,
}

impl Farm {
    /// Takes a job, or says everything that is wrong with it.
    ///
    /// # Errors
    /// [`SubmitError`].
    pub async fn submit(&self, tenant: TenantId, spec: JobSpec) -> Result<JobView, SubmitError> {
        let good = self.judged(spec).await?;
        let row = self.row(tenant, &good).await?;
        let id = row.id;
        self.keep(row, &good.template).await?;
        Ok(self.job(tenant, id).await?.ok_or(StoreError::Unreadable {
            what: "the job just written",
            value: id.to_string(),
        })?)
    }

    async fn judged(&self, spec: JobSpec) -> Result<Good, SubmitError> {
        let mut wrong = Wrong::default();
        let tracks = self.tracks(&spec.tracks, &mut wrong).await?;
        let name = name(&spec, &mut wrong);
        let priority = spec.priority.unwrap_or(50);
        if !(0..=100).contains(&priority) {
            let detail = format!("{priority} is not 0 to 100");
            wrong.say("/priority", "out_of_range", detail);
        }
        let template = self.template(&spec.project, &mut wrong).await?;
        let mut wanted = None;
        if let (Some(template), Some(values)) = (&template, &spec.values) {
            wanted = self.values(values, template, &mut wrong).await?;
        }
        let picture = template
            .as_ref()
            .and_then(|template| Picture::of(template, &spec, wanted.as_ref(), &mut wrong));
        let (Some(template), Some(picture), true) = (template, picture, wrong.0.is_empty()) else {
            return Err(SubmitError::Invalid(wrong.0));
        };
        if template.has_links() {
            wanted = wanted.or_else(|| Some(Wanted::nothing()));
        }
        Ok(Good {
            spec,
            name,
            tracks,
            template,
            picture,
            wanted,
        })
    }

    async fn row(&self, tenant: TenantId, good: &Good) -> Result<JobRow, SubmitError> {
        let Good {
            spec,
            picture,
            template,
            ..
        } = good;
        let mut notes = picture.notes.clone();
        let mut source = template.source();
        let asked = spec.own_sound.unwrap_or(true);
        let mut sound = OwnSound::None;
        let mut prepare = None;
        let mut values_hash = None;
        if let Some(wanted) = &good.wanted {
            let hash = wanted.hash(&picture.comp);
            let json = serde_json::to_vec(&wanted.values).expect("values are plain data");
            source.layers.extend(wanted.layers(template));
            prepare = Some(PrepareRow {
                comp: picture.comp.clone(),
                values: self.blobs.put(Area::Farm, Bytes::from(json)).await?,
                prepared_name: values::prepared_name(template, hash),
                frames: spec.frames.clone(),
                template_frames: picture.template_frames,
                allow_missing: spec
                    .values
                    .as_ref()
                    .is_some_and(|values| values.allow_missing),
                own_sound: asked,
            });
            values_hash = Some(hash);
        } else {
            let why;
            (sound, why) = own_sound(
                self.settings.own_sound,
                asked,
                picture.has_sound,
                &picture.frames,
            );
            notes.extend(why);
        }
        Ok(JobRow {
            id: JobId::new(),
            tenant,
            name: good.name.clone(),
            state: JobState::Queued,
            reason: None,
            notes,
            priority: spec.priority.unwrap_or(50),
            package: template.row.digest,
            source,
            prepare,
            values_hash,
            prepared: false,
            project_name: spec.project.file_name.clone(),
            composition: spec.composition.clone(),
            frames: picture.frames.clone(),
            width: picture.width,
            height: picture.height,
            rate: picture.rate,
            pixel_aspect: picture.pixel_aspect,
            background: picture.background,
            tracks: good.tracks.clone(),
            sound,
            split: picture.split,
            pin: None,
            canary: spec.canary.unwrap_or(self.settings.canary),
            accept_suspect: spec.accept_suspect,
            created_at: OffsetDateTime::now_utc(),
            started_at: None,
            finished_at: None,
            done_count: 0,
            failed: Vec::new(),
            todo: Vec::new(),
            generation: 1,
        })
    }

    async fn keep(&self, mut row: JobRow, template: &Template) -> Result<(), SubmitError> {
        let manifest = serde_json::to_value(flatrender_aep::truth_json(&template.project));
        let manifest = manifest.unwrap_or_default();
        // The package's row is the platform's, the job's the tenant's: two roles, and a package without a job is harmless.
        let mut tx = store::begin(&self.worker).await?;
        let kept = packages::insert(&mut tx, &template.row, &manifest).await?;
        store::commit(tx).await?;
        row.source.stand_in(&template.row.blob, &kept);
        let mut tx = store::begin_tenant(&self.tenant, row.tenant).await?;
        jobs::insert(&mut tx, &row).await?;
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
                wrong.not_uploaded(pointer, digest);
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

    /// The first bytes of a blob, at most `most` of them.
    async fn beginning(&self, blob: &BlobRef, most: usize) -> Result<Vec<u8>, SubmitError> {
        let (_, mut pieces) = self.blobs.get(Area::Farm, blob.digest, 0).await?;
        let mut head = Vec::with_capacity(most);
        while head.len() < most
            && let Some(piece) = pieces.next().await
        {
            let piece = piece.map_err(BlobError::from)?;
            head.extend_from_slice(&piece[..piece.len().min(most - head.len())]);
        }
        Ok(head)
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
