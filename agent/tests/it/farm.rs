//! A stage for whole attempts: a data folder, the stand-in with its settings, and a controller that is only channels.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Cursor};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use aerender_sim::ledger;
use flatrender_aep::write::{CompSpec, ProjectSpec, project};
use flatrender_aep::{AeVersion, Rational};
use flatrender_agent::aerender;
use flatrender_agent::cache::{Cache, CacheLimits, Fetch, FetchError};
use flatrender_agent::config::{Config, Limits, NodeKind};
use flatrender_agent::work::spool::Spool;
use flatrender_agent::work::{self, Handle, Renderer, Uplink};
use flatrender_protocol::Digest;
use flatrender_protocol::message::{
    BlobRef, FrameOutcome, Held, Lease, LeaseKey, Report, ToAgent, ToController,
};
use tokio::io::AsyncRead;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Nothing takes this long on a machine that is not stuck.
pub const LIMIT: Duration = Duration::from_secs(60);

/// The stand-in; built here, because no test of this crate would.
pub fn stand_in() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        let beside = Path::new(env!("CARGO_BIN_EXE_flatrender-agent"));
        let debug = beside.parent().unwrap();
        let built = std::process::Command::new(env!("CARGO"))
            .args([
                "build",
                "--quiet",
                "--package",
                "aerender-sim",
                "--bin",
                "aerender-sim",
            ])
            .arg("--target-dir")
            .arg(debug.parent().unwrap())
            .status()
            .unwrap();
        assert!(built.success());
        debug.join("aerender-sim")
    })
}

/// The controller's blobs, and what was sent to it beside frames.
#[derive(Default)]
pub struct Line {
    pub blobs: Mutex<HashMap<Digest, Vec<u8>>>,
    pub films: Mutex<Vec<(LeaseKey, Vec<u8>)>>,
    /// What else attempts made.
    pub made: Mutex<Vec<(LeaseKey, BlobRef, Vec<u8>)>>,
    pub logs: Mutex<Vec<(LeaseKey, String)>>,
}

impl Fetch for Line {
    async fn fetch(
        &self,
        digest: Digest,
        offset: u64,
    ) -> Result<Box<dyn AsyncRead + Send + Unpin>, FetchError> {
        let blob = self.blobs.lock().unwrap().get(&digest).cloned();
        let bytes = blob.ok_or_else(|| FetchError::Refused {
            reason: "there is no such blob".into(),
        })?;
        Ok(Box::new(Cursor::new(
            bytes[usize::try_from(offset).unwrap()..].to_vec(),
        )))
    }
}

impl Uplink for Line {
    async fn film(&self, lease: LeaseKey, _: &BlobRef, file: &Path) -> io::Result<()> {
        let film = (lease, std::fs::read(file)?);
        self.films.lock().unwrap().push(film);
        Ok(())
    }

    async fn blob(&self, lease: LeaseKey, blob: &BlobRef, file: &Path) -> io::Result<()> {
        let made = (lease, blob.clone(), std::fs::read(file)?);
        self.made.lock().unwrap().push(made);
        Ok(())
    }

    async fn log(&self, lease: LeaseKey, file: PathBuf) {
        let log = (lease, std::fs::read_to_string(file).unwrap());
        self.logs.lock().unwrap().push(log);
    }
}

pub struct Stage {
    folder: tempfile::TempDir,
    pub project: Vec<u8>,
    pub line: Arc<Line>,
    pub config: Config,
}

impl Stage {
    /// With the stand-in's settings as JSON; `HOME` in it stands for a folder of this stage.
    pub fn new(settings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let comp = CompSpec::new("Main", 64, 36, Rational { num: 25, den: 1 }, 200);
        let project = project(&ProjectSpec {
            ae_version: AeVersion {
                major: 25,
                minor: 2,
                ..AeVersion::default()
            },
            comps: vec![comp],
            ..ProjectSpec::default()
        });
        let home = folder.path().join("home");
        std::fs::write(
            folder.path().join("settings.json"),
            settings.replace("HOME", home.to_str().unwrap()),
        )
        .unwrap();
        let renderer = folder.path().join("aerender");
        let script = format!(
            "#!/bin/sh\nexport AERENDER_SIM='{}' AERENDER_SIM_LEDGER='{}'\nexec '{}' \"$@\"\n",
            folder.path().join("settings.json").display(),
            folder.path().join("ledger.jsonl").display(),
            stand_in().display(),
        );
        std::fs::write(&renderer, script).unwrap();
        std::fs::set_permissions(&renderer, PermissionsExt::from_mode(0o755)).unwrap();
        let line = Line::default();
        line.blobs
            .lock()
            .unwrap()
            .insert(Digest::of(&project), project.clone());
        let config = Config {
            data_dir: folder.path().join("data"),
            renderer: Some(renderer),
            kind: NodeKind::Dedicated,
            crash_repair_marks: vec![home.join("crash-repair.mark")],
            cache_min_free_bytes: 0,
            shim_program: Some(env!("CARGO_BIN_EXE_flatrender-agent").into()),
            limits: Limits {
                stop_ms: 3_000,
                leftover_ms: 300,
                ..Limits::default()
            },
            ..Config::default()
        };
        Self {
            folder,
            project,
            line: Arc::new(line),
            config,
        }
    }

    pub fn lease(&self, lo: u32, hi: u32) -> Lease {
        crate::stores::frames_lease(lo, hi, i64::from(lo), &self.project)
    }

    /// Display frames that were rendered, in order, as often as they were.
    pub fn rendered(&self) -> Vec<i64> {
        let entries = ledger::read(self.folder.path().join("ledger.jsonl")).unwrap();
        let mut frames: Vec<i64> = entries.iter().map(|entry| entry.frame).collect();
        frames.sort_unstable();
        frames
    }

    /// Folders of attempts that are left.
    pub fn attempts(&self) -> usize {
        std::fs::read_dir(self.config.folder("attempts"))
            .unwrap()
            .count()
    }

    /// Processes whose command line speaks of this stage.
    pub fn processes(&self) -> Vec<String> {
        let mark = self.folder.path().to_str().unwrap();
        let mut found = Vec::new();
        for entry in std::fs::read_dir("/proc").unwrap() {
            let path = entry.unwrap().path();
            let line = std::fs::read(path.join("cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            if line.contains(mark) {
                found.push(format!("{}: {line}", path.display()));
            }
        }
        found
    }
}

/// An agent's work, without a link.
pub struct Agent {
    runtime: Option<Runtime>,
    work: Handle,
    pub spool: Spool,
    shutdown: CancellationToken,
    sessions: u64,
}

impl Agent {
    pub fn start(stage: &Stage) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let config = stage.config.clone();
        let spool = Spool::open(&config.folder("spool"), config.spool_max_bytes).unwrap();
        let limits = CacheLimits {
            max_bytes: config.cache_max_bytes,
            min_free_bytes: 0,
        };
        let cache = Cache::open(&config.folder("cache"), limits).unwrap();
        let shutdown = CancellationToken::new();
        let program = config.renderer.clone().unwrap();
        let version = runtime.block_on(aerender::version(&program)).unwrap();
        let renderer = Some(Renderer { program, version });
        let guard = runtime.enter();
        let work = work::start(
            config,
            renderer,
            spool.clone(),
            cache,
            Arc::clone(&stage.line),
            shutdown.clone(),
        )
        .unwrap();
        drop(guard);
        Self {
            runtime: Some(runtime),
            work,
            spool,
            shutdown,
            sessions: 0,
        }
    }

    /// A controller that acknowledges whatever it gets.
    pub fn connect(&mut self) -> Controller {
        let (out, hears) = mpsc::channel(256);
        let resume = self.runtime().block_on(self.work.session(out)).unwrap();
        self.sessions += 1;
        let frames: Frames = Arc::default();
        let packed: Packed = Arc::default();
        self.runtime().spawn(acknowledge(
            self.spool.clone(),
            self.work.clone(),
            self.sessions,
            Arc::clone(&frames),
            Arc::clone(&packed),
        ));
        Controller {
            held: resume.held,
            heard: resume.then,
            hears,
            frames,
            packed,
            work: self.work.clone(),
            handle: self.runtime().handle().clone(),
        }
    }

    fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().unwrap()
    }

    pub fn lease(&self, lease: Lease) {
        self.runtime()
            .block_on(self.work.said(ToAgent::Lease(Box::new(lease))));
    }

    /// Ends it in order.
    pub fn end(mut self) {
        self.shutdown.cancel();
        let runtime = self.runtime.take().unwrap();
        let ended =
            runtime.block_on(async { tokio::time::timeout(LIMIT, self.work.ended()).await });
        assert!(ended.is_ok(), "work ends");
    }

    /// Ends it in the middle of whatever it does: no task of it gets another turn.
    pub fn kill(mut self) {
        self.runtime.take().unwrap().shutdown_background();
    }
}

/// What became known of frames: how often each came, by ordinal.
pub type Frames = Arc<Mutex<BTreeMap<u32, u32>>>;
/// The bytes of frames, by ordinal.
pub type Packed = Arc<Mutex<BTreeMap<u32, Vec<u8>>>>;

async fn acknowledge(spool: Spool, work: Handle, session: u64, frames: Frames, packed: Packed) {
    loop {
        let spooled = spool.take(session).await;
        let bytes = spooled.bytes().unwrap();
        assert_eq!(Digest::of(&bytes), spooled.header.blob.digest);
        packed.lock().unwrap().insert(spooled.header.ordinal, bytes);
        *frames
            .lock()
            .unwrap()
            .entry(spooled.header.ordinal)
            .or_default() += 1;
        work.said(ToAgent::FrameAck {
            lease: spooled.header.lease,
            ordinal: spooled.header.ordinal,
            outcome: FrameOutcome::Published,
        })
        .await;
    }
}

/// The other end.
pub struct Controller {
    pub held: Vec<Held>,
    pub heard: Vec<ToController>,
    hears: mpsc::Receiver<ToController>,
    pub frames: Frames,
    pub packed: Packed,
    work: Handle,
    handle: tokio::runtime::Handle,
}

impl Controller {
    pub fn say(&self, message: ToAgent) {
        self.handle.block_on(self.work.said(message));
    }

    /// The first message that `wanted` takes, earlier ones kept.
    pub fn hear<T>(&mut self, what: &str, wanted: impl Fn(&ToController) -> Option<T>) -> T {
        if let Some(found) = self.heard.iter().find_map(&wanted) {
            return found;
        }
        loop {
            let next = self
                .handle
                .block_on(async { tokio::time::timeout(LIMIT, self.hears.recv()).await });
            let next = next
                .unwrap_or_else(|_| panic!("waited for {what}; heard {:?}", self.heard))
                .expect("a session");
            let found = wanted(&next);
            self.heard.push(next);
            if let Some(found) = found {
                return found;
            }
        }
    }

    /// The report of a lease, acknowledged.
    pub fn report(&mut self, key: LeaseKey) -> Report {
        let report = self.hear("the report", |message| match message {
            ToController::Report(report) if report.lease == key => Some(report.clone()),
            _ => None,
        });
        self.say(ToAgent::ReportAck(key));
        report
    }

    /// Ordinals that have come, each once.
    pub fn ordinals(&self) -> Vec<u32> {
        let frames = self.frames.lock().unwrap();
        assert!(frames.values().all(|count| *count == 1), "{frames:?}");
        frames.keys().copied().collect()
    }
}
