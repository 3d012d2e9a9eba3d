//! Everything controller and agent say to each other. New variants go at the end of an enum; new fields go into a new
//! message version (`wire`), never into an old one. [`Hello`] is frozen for good.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::values::CompRef;
use crate::{AttemptId, Digest, JobId, NodeId, Ratio, Source, Span};

/// The protocol versions this build speaks.
pub const PROTOCOL: std::ops::RangeInclusive<u16> = 1..=1;

/// What the agent says on the control stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ToController {
    /// First message of a session.
    Hello(Hello),
    /// What the machine is and can do; after hello and on change.
    Inventory(Inventory),
    /// What the agent holds, in pages, right after hello; `last` ends them.
    Holding {
        /// Leases it holds.
        leases: Vec<Held>,
        /// No page follows.
        last: bool,
    },
    /// The renderer's process is up.
    Started(LeaseKey),
    /// The holder will render nothing at or beyond `until`; answers [`ToAgent::Shrink`].
    Shrunk {
        /// Which lease.
        lease: LeaseKey,
        /// New end of its span.
        until: u32,
    },
    /// The attempt ended; repeated after a reconnect until acknowledged.
    Report(Report),
    /// Every 30 seconds.
    Sample(Sample),
    /// What the template cache holds now, after hello and on change.
    Cache {
        /// Digest and bytes of each entry.
        entries: Vec<(Digest, u64)>,
    },
}

/// What the controller says on the control stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ToAgent {
    /// Answer to hello.
    Welcome {
        /// The protocol version chosen.
        protocol: u16,
        /// The node's name, for logs.
        node_name: String,
        /// How often to send a liveness datagram, in milliseconds.
        liveness_ms: u32,
    },
    /// Answer to hello when there is no common version or the node may not work; the session ends.
    Refused {
        /// In words.
        reason: String,
    },
    /// What becomes of what the agent holds.
    Verdicts(Vec<(LeaseKey, Verdict)>),
    /// New work.
    Lease(Box<Lease>),
    /// Render nothing at or beyond `until`; answered by [`ToController::Shrunk`].
    Shrink {
        /// Which lease.
        lease: LeaseKey,
        /// New end of its span.
        until: u32,
    },
    /// Stop and forget this lease: cancelled, or its frames came from elsewhere.
    Drop {
        /// Which lease.
        lease: LeaseKey,
        /// In words, for the agent's log.
        reason: String,
    },
    /// What became of a frame that was sent. Whatever it says, the frame may leave the spool.
    FrameAck {
        /// Which lease.
        lease: LeaseKey,
        /// Which frame.
        ordinal: u32,
        /// What became of it.
        outcome: FrameOutcome,
    },
    /// A film or another blob of an attempt is durable.
    BlobStored {
        /// Which lease.
        lease: LeaseKey,
        /// Its name.
        digest: Digest,
    },
    /// The report is durable; the attempt can be forgotten.
    ReportAck(LeaseKey),
    /// A film came and can't be taken; the same bytes would be refused again.
    BlobRefused {
        /// Which lease.
        lease: LeaseKey,
        /// What it was announced as.
        digest: Digest,
        /// In words.
        reason: String,
    },
}

/// A lease's name: who holds what, fenced by its epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LeaseKey {
    /// The attempt.
    pub attempt: AttemptId,
    /// Drawn from a sequence, per lease; only grows.
    pub epoch: u64,
}

/// First message of a session. **Frozen**: an agent of any version must be able to say it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hello {
    /// Lowest protocol version understood.
    pub lowest: u16,
    /// Highest protocol version understood.
    pub highest: u16,
    /// Version of the agent, for people.
    pub agent_version: String,
    /// The node it believes to be; the certificate decides.
    pub node: NodeId,
    /// New with each start of the agent.
    pub boot: Uuid,
    /// Leases it holds; the details follow.
    pub held: u32,
    /// Frames in its spool.
    pub spooled: u32,
}

/// What a machine is and can do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Inventory {
    /// The machine's own name.
    pub hostname: String,
    /// Operating system and version.
    pub os: String,
    /// Logical processors.
    pub cores: u32,
    /// Memory, in MiB.
    pub memory_mib: u64,
    /// Attempts it takes at once.
    pub slots: u32,
    /// Version lines of the renderers found, such as `25.2x26`.
    pub renderers: Vec<String>,
    /// Whether ffmpeg is there, so that it can assemble films.
    pub can_assemble: bool,
    /// Whether an After Effects that runs scripts is there, so that it can prepare projects.
    pub can_prepare: bool,
}

/// A lease that an agent holds when it connects.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Held {
    /// Which.
    pub lease: LeaseKey,
    /// End of its span as the agent knows it; 0 for work that has no frames.
    pub until: u32,
    /// Ended, and its report will follow.
    pub ended: bool,
}

/// What becomes of a lease after a reconnect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// Go on.
    Keep,
    /// Go on, up to here; answered like [`ToAgent::Shrink`].
    ShrinkTo(u32),
    /// Stop and forget. Whole frames in the spool may still be sent.
    Drop,
}

/// A blob in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobRef {
    /// Its name.
    pub digest: Digest,
    /// Its size.
    pub bytes: u64,
}

/// A node's right to an attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lease {
    /// Its name.
    pub key: LeaseKey,
    /// The render job.
    pub job: JobId,
    /// The job's name, for logs.
    pub job_name: String,
    /// What to do.
    pub work: Work,
}

/// What a lease is for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Work {
    /// Render consecutive frames.
    Frames(FramesWork),
    /// Make the film of published frames.
    Assemble(FilmWork),
    /// Set a job's values in its project.
    Prepare(PrepareWork),
    /// Render the composition's own sound.
    Sound(SoundWork),
    /// Render one frame as a picture for people.
    Snapshot(SnapshotWork),
}

impl Work {
    /// End of its ordinals; 0 for work that has none. A snapshot's one frame is ordinal 0.
    pub fn until(&self) -> u32 {
        match self {
            Self::Frames(work) => work.span.hi,
            Self::Snapshot(_) => 1,
            Self::Assemble(_) | Self::Prepare(_) | Self::Sound(_) => 0,
        }
    }
}

/// A frame job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FramesWork {
    /// What to render from.
    pub source: Source,
    /// The composition.
    pub composition: String,
    /// The ordinals, consecutive in display frames too.
    pub span: Span,
    /// The display frame of ordinal `span.lo`.
    pub first_display: i64,
    /// Width of a right frame, in pixels.
    pub width: u32,
    /// Height of a right frame, in pixels.
    pub height: u32,
    /// Output module template.
    pub output_template: String,
    /// Render settings template.
    pub settings_template: String,
}

/// A prepare attempt: values become part of the project, once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PrepareWork {
    /// The package, and the media of the values as files.
    pub source: Source,
    /// The composition that will be rendered.
    pub composition: CompRef,
    /// A blob with [`Values`](crate::values::Values) as JSON.
    pub values: BlobRef,
    /// Where in the folder the prepared project is saved, beside the project.
    pub prepared_name: String,
}

/// A sound attempt: the composition's own sound over the job's whole range, as AIFF.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SoundWork {
    /// What to render from.
    pub source: Source,
    /// The composition.
    pub composition: String,
    /// The first display frame.
    pub first_display: i64,
    /// How many frames it is as long as.
    pub frames: u32,
    /// Frames a second, exact.
    pub rate: Ratio,
    /// Output module template.
    pub output_template: String,
    /// Render settings template.
    pub settings_template: String,
}

/// A snapshot: one frame, scaled, as a picture for people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SnapshotWork {
    /// What to render from.
    pub source: Source,
    /// The composition.
    pub composition: String,
    /// The display frame.
    pub display: i64,
    /// Width and height of a right frame, in pixels.
    pub frame: (u32, u32),
    /// Width and height wanted, in pixels.
    pub size: (u32, u32),
    /// As which file.
    pub format: PictureFormat,
    /// What transparent pixels are put over where the format has no alpha: red, green, blue.
    pub background: [u8; 3],
    /// Output module template.
    pub output_template: String,
    /// Render settings template.
    pub settings_template: String,
}

/// A picture for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum PictureFormat {
    /// PNG, transparency kept.
    Png,
    /// JPEG, over the background.
    Jpeg,
}

impl PictureFormat {
    /// The one name it has in SQL, JSON and on screens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpeg",
        }
    }
}

/// An assembly.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FilmWork {
    /// A blob with [`FilmManifest`] as JSON: the frames, in order.
    pub manifest: BlobRef,
    /// How many frames.
    pub frames: u32,
    /// Frames a second, exact.
    pub rate: Ratio,
    /// Width of a frame, in pixels.
    pub width: u32,
    /// Height of a frame, in pixels.
    pub height: u32,
    /// Width of a pixel over its height.
    pub pixel_aspect: Ratio,
    /// What transparent pixels are put over: red, green, blue.
    pub background: [u8; 3],
    /// Sound beside the picture.
    pub tracks: Vec<TrackWork>,
}

/// One sound track of an assembly.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrackWork {
    /// What it is.
    pub kind: TrackKind,
    /// The sound file.
    pub blob: BlobRef,
    /// 0 … 200 percent.
    pub volume_percent: u16,
}

/// What a sound track is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum TrackKind {
    /// Music.
    Music,
    /// Sound effects.
    Sfx,
    /// A voice.
    Voiceover,
}

impl TrackKind {
    /// The one name it has in SQL, JSON and on screens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Music => "music",
            Self::Sfx => "sfx",
            Self::Voiceover => "voiceover",
        }
    }
}

/// What an assembly reads, as JSON in a blob (it outgrows a message at ten thousands of frames).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FilmManifest {
    /// Digest and bytes of each frame, by ordinal.
    pub frames: Vec<BlobRef>,
}

/// How a frame's bytes are packed: a file as the renderer wrote it, as it is or compressed with zstd.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Packing {
    /// TIFF in zstd.
    ZstdTiff,
    /// TIFF, compressed in itself.
    Tiff,
    /// PNG in zstd.
    ZstdPng,
    /// PNG.
    Png,
    /// JPEG.
    Jpeg,
    /// OpenEXR in zstd.
    ZstdExr,
    /// OpenEXR, compressed in itself.
    Exr,
}

/// What holds for every pixel of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PictureFlags {
    /// Samples are floating point, linear light.
    pub float: bool,
    /// Some pixel is not opaque.
    pub alpha_used: bool,
    /// Nothing is seen of it over black.
    pub black: bool,
    /// Nothing is seen of it over anything.
    pub transparent: bool,
    /// All pixels are the same.
    pub flat: bool,
}

/// What was measured on a frame when it was verified.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Measures {
    /// Width, in pixels.
    pub width: u32,
    /// Height, in pixels.
    pub height: u32,
    /// Bits a channel.
    pub bits: u8,
    /// Whether there is an alpha channel.
    pub alpha: bool,
    /// Mean luma over the black, 0 … 1.
    pub mean_luma: f32,
    /// 64-bit difference hash: near pictures have near hashes.
    pub perceptual_hash: u64,
    /// What holds for every pixel.
    pub flags: PictureFlags,
    /// Mean luma over black of 8 rows of 9 cells, 0 … 255: is it the same picture, seen without the picture.
    pub thumbnail: [[u8; 9]; 8],
}

/// A published frame, as far as it can be compared with others.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// Which attempt made it.
    pub attempt: AttemptId,
    /// On which node.
    pub node: NodeId,
    /// Digest of its pixels.
    pub pixels: Digest,
    /// What was measured.
    pub measures: Measures,
}

/// What stands before the bytes of a stream that the agent opens to send something.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum UploadHeader {
    /// A frame.
    Frame(FrameHeader),
    /// A finished film.
    Film {
        /// The assembly's lease.
        lease: LeaseKey,
        /// Digest and bytes of what follows.
        blob: BlobRef,
    },
    /// The renderer's output, up to the end of the stream.
    Log {
        /// Whose.
        lease: LeaseKey,
    },
    /// What else an attempt makes: a prepared project and its report, a sound, a snapshot.
    Blob {
        /// Whose.
        lease: LeaseKey,
        /// Digest and bytes of what follows.
        blob: BlobRef,
    },
}

/// What stands before the bytes of a frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FrameHeader {
    /// Under which lease it was rendered.
    pub lease: LeaseKey,
    /// Which frame.
    pub ordinal: u32,
    /// Digest and bytes of what follows: its name in the store.
    pub blob: BlobRef,
    /// How the bytes are packed.
    pub packing: Packing,
    /// Digest of the decoded pixels.
    pub pixels: Digest,
    /// What was measured.
    pub measures: Measures,
    /// Time since the frame before it, or since the start of the renderer.
    pub render_ms: u32,
    /// The renderer's fingerprint: its version line.
    pub renderer: String,
}

/// What became of a frame that was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FrameOutcome {
    /// It is official.
    Published,
    /// Another one came first; nothing changed.
    AlreadyPublished,
    /// It can't be used.
    Refused {
        /// In words.
        reason: String,
    },
}

/// Whose fault a failure is (`agent.md`, Outcome classes).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeClass {
    /// Nothing wrong.
    Ok,
    /// The project or the job is wrong.
    Template,
    /// This machine or account can't.
    Node,
    /// Worth another try.
    Transient,
    /// It says it went well, and can't be believed.
    Suspect,
}

impl OutcomeClass {
    /// The one name it has in SQL, JSON and on screens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Template => "template",
            Self::Node => "node",
            Self::Transient => "transient",
            Self::Suspect => "suspect",
        }
    }
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Which.
    pub lease: LeaseKey,
    /// Whether it did what it was for, failed, or was told to stop.
    pub ending: Ending,
    /// Whose fault, when it failed.
    pub class: OutcomeClass,
    /// The launcher's exit code, where it had one.
    pub exit_code: Option<i32>,
    /// What went wrong, in the renderer's words where it has some; empty when nothing did. At most 4 KiB.
    pub message: String,
    /// The end of the renderer's output, at most 16 KiB.
    pub log_tail: String,
    /// From start to the first frame.
    pub startup_ms: Option<u32>,
    /// From start to end.
    pub total_ms: u32,
    /// What it made, if it was not for frames.
    pub made: Option<Made>,
}

impl Report {
    /// The film, of an assembly that made one.
    pub fn film(&self) -> Option<&FilmReport> {
        match &self.made {
            Some(Made::Film(film)) => Some(film),
            Some(Made::Prepared(_) | Made::Sound(_) | Made::Snapshot(_)) | None => None,
        }
    }
}

/// What an attempt made beside frames; its blobs are stored before the report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Made {
    /// A film.
    Film(FilmReport),
    /// A prepared project.
    Prepared(PreparedReport),
    /// The composition's own sound.
    Sound(SoundReport),
    /// A picture for people.
    Snapshot(SnapshotReport),
}

/// A project that After Effects saved with a job's values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PreparedReport {
    /// The project file.
    pub project: BlobRef,
    /// [`values::Report`](crate::values::Report) as JSON.
    pub report: BlobRef,
}

/// A sound that was decoded again and is as long as the picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SoundReport {
    /// Its bytes.
    pub blob: BlobRef,
    /// Samples of one channel.
    pub samples: u64,
    /// Samples a second.
    pub rate: u32,
    /// Channels.
    pub channels: u16,
}

/// A snapshot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SnapshotReport {
    /// Its bytes.
    pub blob: BlobRef,
    /// Width, in pixels.
    pub width: u32,
    /// Height, in pixels.
    pub height: u32,
}

/// How an attempt ended, seen by the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ending {
    /// All it was for is done.
    Succeeded,
    /// It is not.
    Failed,
    /// It was told to stop, or gave the rest back.
    Stopped,
}

/// A film that was decoded again and found right.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FilmReport {
    /// Its bytes; stored before the report.
    pub blob: BlobRef,
    /// Width in the file, padding included.
    pub width: u32,
    /// Height in the file, padding included.
    pub height: u32,
    /// Columns and rows added because 4:2:0 needs even sides.
    pub padded: (u8, u8),
    /// Frames that were decoded again.
    pub frames: u32,
    /// Length of the picture.
    pub duration_ms: u64,
    /// Whether it has sound.
    pub sound: bool,
}

/// A health sample.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Processor use of the machine, 0 … 100.
    pub cpu_percent: f32,
    /// Memory in use, in MiB.
    pub memory_used_mib: u64,
    /// Free space where frames are spooled, in MiB.
    pub disk_free_mib: u64,
    /// Attempts running.
    pub slots_busy: u32,
    /// Renderer processes.
    pub renderers: u32,
    /// Their memory, in MiB.
    pub renderers_memory_mib: u64,
    /// Frames in the spool.
    pub spooled: u32,
}

/// A liveness datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Liveness {
    /// Who.
    pub node: NodeId,
    /// New with each start of the agent.
    pub boot: Uuid,
    /// Counts up.
    pub counter: u64,
}

/// What an agent asks for on a stream of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobRequest {
    /// Which; only digests that its leases name.
    pub digest: Digest,
    /// From which byte on.
    pub offset: u64,
}

/// What stands before the bytes that answer a [`BlobRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum BlobReply {
    /// `bytes` bytes follow, from the offset asked for to the end.
    Bytes {
        /// How many follow.
        bytes: u64,
    },
    /// Not there, or not this node's to read.
    Refused {
        /// In words.
        reason: String,
    },
}

/// What a machine without a certificate says, on the enrolment ALPN.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrolRequest {
    /// The secret of a join token.
    pub secret: [u8; 32],
    /// A PKCS #10 signing request, DER; only its key is used.
    pub signing_request: Vec<u8>,
    /// The name it would like.
    pub name: String,
    /// The machine's own name.
    pub hostname: String,
    /// Operating system and version.
    pub os: String,
}

/// The answer to an [`EnrolRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum EnrolReply {
    /// Welcome.
    Granted {
        /// Its id from now on.
        node: NodeId,
        /// Its name from now on.
        name: String,
        /// Its certificate, DER.
        certificate: Vec<u8>,
        /// The farm's CA, DER.
        authority: Vec<u8>,
    },
    /// No.
    Refused {
        /// In words, with the way out.
        reason: String,
    },
}
