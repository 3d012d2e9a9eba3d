//! The shapes of the farm's HTTP routes, as JSON. Shared by the controller that answers and the client that asks.
//! Unknown fields in what people send are refused, so that a typing error is never silently ignored.

use serde::{Deserialize, Serialize};

use crate::message::{PictureFormat, TrackKind};
use crate::state::{Health, JobState, Link, Policy, SnapshotState};
use crate::{AttemptId, Digest, JobId, NodeId, Ratio, SnapshotId, Split};

/// `POST /v1/farm/jobs`: a render job. The blobs it names were uploaded before by `PUT /v1/farm/blobs/{digest}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct JobSpec {
    /// What people call it; 1 … 120 characters. Default: composition and project file name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The project: a project file, or a package (a zip with the project, its footage and fonts). Its content tells.
    pub project: UploadedFile,
    /// The composition to render, by name.
    pub composition: String,
    /// Display frames such as `1-100`, `1-100:2` or `5,9`. Default: the composition's work area.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frames: Option<String>,
    /// 0 … 100, higher first. Default 50.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<i32>,
    /// Sound beside the picture, at most one of each kind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tracks: Vec<TrackSpec>,
    /// What is set in the project before it is rendered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<ValuesSpec>,
    /// Whether the composition's own sound, where it has any, is in the film. Default true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_sound: Option<bool>,
    /// Whether the first frame must be right before the others are leased. Default: the farm's setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<bool>,
    /// Frames whose renderer said things that let them be doubted are taken all the same.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub accept_suspect: bool,
}

/// What a job sets in its project: texts, media, colours, numbers, scenes. Data only, no code.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ValuesSpec {
    /// The document itself. Either this or `file`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<serde_json::Value>,
    /// The document as JSON that was uploaded before, at most 16 MiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<UploadedFile>,
    /// How the document is written.
    #[serde(default)]
    pub form: ValuesForm,
    /// The files that it names and the package does not have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub media: Vec<MediaSpec>,
    /// What can't be set becomes a note instead of failing the job.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_missing: bool,
}

/// How a values document is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ValuesForm {
    /// The farm's own: `version`, `changes`, `scenes`.
    #[default]
    Flatrender,
    /// The assets of a nexrender job: an array, or a job with `assets`.
    Nexrender,
}

/// A file that values name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MediaSpec {
    /// The name that the document calls it by; of a nexrender asset its `name`, else the last part of its `src`.
    pub name: String,
    /// Its bytes in the store.
    pub digest: Digest,
}

/// `POST /v1/farm/jobs/{job}/accept` and `/repair`: which frames are meant.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FramesSpec {
    /// Display frames such as `1-100` or `5,9`. To accept, none means all that are doubted; to repair they must be named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frames: Option<String>,
}

/// A file that was uploaded before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct UploadedFile {
    /// Its name in the store.
    pub digest: Digest,
    /// What it was called on the submitter's machine; a name, not a path.
    pub file_name: String,
}

/// One sound track.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TrackSpec {
    /// What it is.
    pub kind: TrackKind,
    /// The sound file.
    pub file: UploadedFile,
    /// 0 … 200 percent. Default 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume: Option<u16>,
}

/// A render job as people see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct JobView {
    /// Its id.
    pub id: JobId,
    /// Its name.
    pub name: String,
    /// Where it is.
    pub state: JobState,
    /// Why it waits, failed or was cancelled, in words.
    pub reason: Option<String>,
    /// What the film lacks or was changed, in words.
    pub notes: Vec<String>,
    /// The project's file name.
    pub project: String,
    /// The composition.
    pub composition: String,
    /// Display frames, as a list.
    pub frames: String,
    /// Width, in pixels.
    pub width: u32,
    /// Height, in pixels.
    pub height: u32,
    /// Frames a second, exact.
    pub rate: Ratio,
    /// Width of a pixel over its height.
    pub pixel_aspect: Ratio,
    /// 0 … 100.
    pub priority: i32,
    /// Frames in all.
    pub frames_total: u32,
    /// Frames published.
    pub frames_done: u32,
    /// Frames that failed for good.
    pub frames_failed: u32,
    /// Names the values that are set in the project; none for a job without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<Digest>,
    /// The After Effects that its frames are pinned to, such as `25.2`; none before the first of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_effects: Option<String>,
    /// How far its frames may be spread over nodes.
    pub split: Split,
    /// Seconds until the film, estimated; none while there is nothing to go by.
    pub eta_seconds: Option<u64>,
    /// RFC 3339, UTC.
    pub created_at: String,
    /// RFC 3339, UTC.
    pub started_at: Option<String>,
    /// RFC 3339, UTC.
    pub finished_at: Option<String>,
    /// What is leased right now.
    pub leases: Vec<LeaseView>,
    /// The film, once it is there.
    pub film: Option<FilmView>,
}

/// A lease as people see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LeaseView {
    /// The attempt.
    pub attempt: AttemptId,
    /// Its number within the job, from 1.
    pub number: u32,
    /// `prepare`, `frames`, `sound`, `assemble` or `snapshot`.
    pub kind: String,
    /// The render job; of a snapshot, its id.
    pub job: JobId,
    /// Its name.
    pub job_name: String,
    /// The node.
    pub node: NodeId,
    /// Its name.
    pub node_name: String,
    /// First display frame; none for work without frames.
    pub first_frame: Option<i64>,
    /// Last display frame.
    pub last_frame: Option<i64>,
    /// How many of them are published.
    pub frames_done: u32,
    /// How many it has.
    pub frames_total: u32,
    /// A second copy of what a silent node holds.
    pub speculative: bool,
}

/// A finished film.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FilmView {
    /// Its name in the store.
    pub digest: Digest,
    /// Its size.
    pub bytes: u64,
    /// Width in the file, padding included.
    pub width: u32,
    /// Height in the file, padding included.
    pub height: u32,
    /// Columns and rows added because H.264 in 4:2:0 needs even sides.
    pub padded: (u8, u8),
    /// Frames in it.
    pub frames: u32,
    /// Length.
    pub duration_ms: u64,
    /// Whether it has sound.
    pub sound: bool,
}

/// A node as people see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NodeView {
    /// Its id.
    pub id: NodeId,
    /// Its name.
    pub name: String,
    /// The machine's own name.
    pub hostname: String,
    /// Operating system and version.
    pub os: String,
    /// What the operator wants.
    pub policy: Policy,
    /// What the system thinks.
    pub health: Health,
    /// How long ago it was heard.
    pub link: Link,
    /// Milliseconds since it was heard; none when this controller never heard it.
    pub seen_ms_ago: Option<u64>,
    /// Version of its agent.
    pub agent_version: Option<String>,
    /// Versions of its renderers.
    pub renderers: Vec<String>,
    /// Whether it can make films.
    pub can_assemble: bool,
    /// Logical processors.
    pub cores: Option<u32>,
    /// Memory, in MiB.
    pub memory_mib: Option<u64>,
    /// Attempts it takes at once.
    pub slots: u32,
    /// What it does right now.
    pub leases: Vec<LeaseView>,
    /// Processor use of its newest sample, 0 … 100.
    pub cpu_percent: Option<f32>,
    /// Free space of its newest sample, in MiB.
    pub disk_free_mib: Option<u64>,
    /// Bytes in its template cache.
    pub cache_bytes: u64,
    /// Entries in its template cache.
    pub cache_entries: u32,
}

/// `POST /v1/farm/snapshots`: one frame of a composition as a picture. The project was uploaded before by
/// `PUT /v1/farm/blobs/{digest}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SnapshotSpec {
    /// The project file.
    pub project: UploadedFile,
    /// The composition, by name.
    pub composition: String,
    /// The display frame.
    pub frame: i64,
    /// Width of the picture, in pixels. Default: what the height or the composition asks for, with square pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Height of the picture, in pixels. Default: what the width or the composition asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// As which file. Default: `png`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<PictureFormat>,
    /// Only this version of the renderer, as nodes show theirs. Default: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renderer: Option<String>,
}

/// A snapshot as people see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SnapshotView {
    /// Its id.
    pub id: SnapshotId,
    /// Where it is.
    pub state: SnapshotState,
    /// The composition.
    pub composition: String,
    /// The display frame.
    pub frame: i64,
    /// Width of the picture, in pixels.
    pub width: u32,
    /// Height of the picture, in pixels.
    pub height: u32,
    /// As which file.
    pub format: PictureFormat,
    /// The version of the renderer that was asked for, or `any`.
    pub renderer: String,
    /// The picture's name in the store, once it is there.
    pub digest: Option<Digest>,
    /// Its size.
    pub bytes: Option<u64>,
    /// How often it was rendered or tried.
    pub attempts: u32,
    /// How often the picture was fetched.
    pub hits: u64,
    /// Why there is none, in words.
    pub error: Option<String>,
    /// Asking again before this renders nothing: RFC 3339, UTC; after a failure only.
    pub again_at: Option<String>,
    /// RFC 3339, UTC.
    pub created_at: String,
}

/// `GET /v1/farm/jobs/{job}/frames/newest`: the newest published frame of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NewestFrameView {
    /// The job.
    pub job: JobId,
    /// The display frame.
    pub frame: i64,
    /// Its place in the job's list, from 0.
    pub ordinal: u32,
    /// Its name in the store: another one is another picture.
    pub digest: Digest,
    /// Who rendered it.
    pub node: NodeId,
    /// RFC 3339, UTC.
    pub published_at: String,
    /// Frames published so far.
    pub frames_done: u32,
    /// Where its picture is.
    pub picture: String,
}

/// One page of a list; `data` in the order that the route says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "PageOf{T}"))]
pub struct Page<T> {
    /// The rows.
    pub data: Vec<T>,
    /// Where it goes on.
    pub page: PageInfo,
}

/// Where a list goes on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PageInfo {
    /// Give it back as `cursor`; none at the end.
    pub next_cursor: Option<String>,
    /// Whether there is more.
    pub has_more: bool,
}

/// `POST /v1/farm/nodes/tokens`: a join token to be made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TokenSpec {
    /// How long it works, in seconds: 60 … 604,800. Default 3,600.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_seconds: Option<u64>,
}

/// A join token; shown once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TokenView {
    /// The token.
    pub token: String,
    /// RFC 3339, UTC.
    pub expires_at: String,
}

/// An event of `GET /v1/farm/events`, each once by `seq`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EventView {
    /// Grows; gaps are possible.
    pub seq: i64,
    /// RFC 3339, UTC.
    pub at: String,
    /// What it is about: `job`, `attempt`, `node`, `frame`, `snapshot`.
    pub subject: String,
    /// The job, where there is one; of a snapshot and its attempts, the snapshot's id.
    pub job: Option<JobId>,
    /// The node, where there is one.
    pub node: Option<NodeId>,
    /// The node's name.
    pub node_name: Option<String>,
    /// The attempt, where there is one.
    pub attempt: Option<AttemptId>,
    /// State before.
    pub from: Option<String>,
    /// State after.
    pub to: String,
    /// Who did it: `operator`, `planner`, `agent`, `clock`, `farm`.
    pub who: String,
    /// Why, in words.
    pub why: Option<String>,
}

/// An error as `application/problem+json` (RFC 9457).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Problem {
    /// A URI that names the kind of problem.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind, in words.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// This case, in words, with the way out.
    pub detail: String,
    /// The kind, for programs: `validation_failed`.
    pub code: String,
    /// The request, to be quoted to support.
    pub request_id: Option<String>,
    /// Field by field.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FieldError {
    /// RFC 6901 pointer into what was sent: `/tracks/0/volume`.
    pub pointer: String,
    /// For programs: `not_found`, `out_of_range`, `unknown_field`.
    pub code: String,
    /// In words: the value and the way out.
    pub detail: String,
}
