//! The farm's leader against a real PostgreSQL, with agents that are channels: what is leased, published, lost and refused.

pub mod agent;
mod leftovers;
mod life;
mod losses;
mod packages;
mod pins;
mod prepare;
mod refusals;
mod snapshots;
mod sound;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flatrender_aep::Rational;
use flatrender_aep::write::{self, CompSpec, FileSpec, KindSpec, LayerSpec, ProjectSpec};
use flatrender_controller::blobs::{Area, Blobs};
use flatrender_controller::database::Role;
use flatrender_controller::farm::{Farm, Settings, leader};
use flatrender_package::{Limits, Link, Links, PackageName, Packer, Rules};
use flatrender_protocol::rest::{JobSpec, JobView, UploadedFile};
use flatrender_protocol::state::JobState;
use flatrender_protocol::{JobId, TenantId};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::cluster::TestDb;

/// A farm with a leader, over a database and a store of its own.
pub struct TestFarm {
    pub db: TestDb,
    pub farm: Farm,
    pub admin: sqlx::PgPool,
    settings: Settings,
    store: Arc<tempfile::TempDir>,
    shutdown: CancellationToken,
    leader: JoinHandle<()>,
}

pub fn quick() -> Settings {
    Settings {
        silent_after_ms: 400,
        lost_after_ms: 1_200,
        takeover_grace_ms: 300,
        report_grace_ms: 500,
        canary: false,
        own_sound: true,
        ..Settings::default()
    }
}

impl TestFarm {
    pub async fn start(settings: Settings) -> Self {
        // What the leader logs is shown with the output of a test that fails.
        tracing_subscriber::fmt()
            .with_test_writer()
            .with_ansi(false)
            .try_init()
            .ok();
        let db = TestDb::new().await;
        db.database()
            .ensure_partitions(1)
            .await
            .expect("partitions");
        let store = Arc::new(tempfile::tempdir().expect("a folder"));
        Self::over(db, store, settings).await
    }

    async fn over(db: TestDb, store: Arc<tempfile::TempDir>, settings: Settings) -> Self {
        let blobs = Blobs::open(store.path()).expect("a store");
        let worker = db.pool(Role::RenderWorker).await;
        let tenant = db.pool(Role::Render).await;
        let (farm, inputs) = Farm::new(worker, tenant, blobs, settings.clone());
        let shutdown = CancellationToken::new();
        let leader = tokio::spawn(leader::run(farm.clone(), inputs, shutdown.clone()));
        let admin = db.admin().await;
        Self {
            db,
            farm,
            admin,
            settings,
            store,
            shutdown,
            leader,
        }
    }

    /// Kills the leader as a crash would: nothing is released. Another one takes over.
    pub async fn crash_and_restart(self) -> Self {
        self.leader.abort();
        self.leader.await.ok();
        let epoch = epoch(&self.admin).await;
        self.admin.close().await;
        let next = Self::over(self.db, self.store, self.settings).await;
        // Whoever connects before a controller leads is sent away.
        let admin = next.admin.clone();
        until("another one leads", async || {
            (self::epoch(&admin).await > epoch).then_some(())
        })
        .await;
        next
    }

    pub async fn stop(self) {
        self.shutdown.cancel();
        self.leader.await.expect("the leader does not panic");
        self.admin.close().await;
    }

    pub async fn project(&self, frames: u32) -> UploadedFile {
        let comp = CompSpec::new("Main", 64, 36, Rational::whole(25), frames);
        let spec = ProjectSpec {
            comps: vec![comp],
            ..ProjectSpec::default()
        };
        let bytes = Bytes::from(write::project(&spec));
        let blob = self
            .farm
            .blobs
            .put(Area::Farm, bytes)
            .await
            .expect("stored");
        UploadedFile {
            digest: blob.digest,
            file_name: "main.aep".to_owned(),
        }
    }

    /// Puts a file into the store.
    pub async fn upload(&self, file_name: &str, bytes: Vec<u8>) -> UploadedFile {
        let stored = self.farm.blobs.put(Area::Farm, Bytes::from(bytes)).await;
        UploadedFile {
            digest: stored.expect("stored").digest,
            file_name: file_name.to_owned(),
        }
    }

    /// Submits what must be good.
    pub async fn take(&self, spec: JobSpec) -> JobView {
        let taken = self.farm.submit(TenantId::DEFAULT, spec).await;
        taken.expect("a good job")
    }

    /// How many attempts of a kind there were.
    pub async fn tries(&self, kind: &str) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM render.attempts WHERE kind = $1")
            .bind(kind)
            .fetch_one(&self.admin)
            .await
            .expect("a count")
    }

    pub async fn submit(&self, frames: u32) -> JobView {
        let project = self.project(frames).await;
        self.farm
            .submit(TenantId::DEFAULT, spec(project))
            .await
            .expect("a good job")
    }

    pub async fn job(&self, id: JobId) -> JobView {
        self.farm
            .job(TenantId::DEFAULT, id)
            .await
            .expect("the database answers")
            .expect("the job")
    }

    pub async fn until_state(&self, id: JobId, state: JobState) -> JobView {
        until(&format!("the job is {state}"), async || {
            Some(self.job(id).await).filter(|job| job.state == state)
        })
        .await
    }

    /// What must hold at all times: no frame lost, none twice, no live lease overlapping.
    pub async fn assert_whole(&self) {
        let broken: i64 = sqlx::query_scalar("SELECT count(*) FROM render.broken_jobs")
            .fetch_one(&self.admin)
            .await
            .expect("the view answers");
        assert_eq!(broken, 0, "every frame is in exactly one place");
    }
}

async fn epoch(admin: &sqlx::PgPool) -> i64 {
    let epoch = sqlx::query_scalar("SELECT epoch FROM render.leadership")
        .fetch_one(admin)
        .await;
    epoch.expect("the row")
}

pub fn spec(project: UploadedFile) -> JobSpec {
    JobSpec {
        name: None,
        project,
        composition: "Main".to_owned(),
        frames: None,
        priority: None,
        tracks: Vec::new(),
        values: None,
        own_sound: None,
        canary: None,
        accept_suspect: false,
    }
}

/// Waits for a condition, with a deadline.
pub async fn until<T>(what: &str, mut check: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(value) = check().await {
            return value;
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "waited in vain until {what}"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A package: files by name, stored or compressed.
pub fn zip(files: &[(&str, &[u8])], links: &[Link], stored: bool) -> Vec<u8> {
    let rules = Rules {
        allow_scripts: true,
        ..Rules::default()
    };
    let mut packer = Packer::new(std::io::Cursor::new(Vec::new()), rules, stored);
    let name = |name: &str| PackageName::new(name, &Limits::default()).expect("a name");
    for (file, bytes) in files {
        let added = packer.add(&name(file), *bytes, &mut |_| true);
        added.expect("added");
    }
    if !links.is_empty() {
        let links = Links::new(&name(files[0].0), links.to_vec());
        packer.add_links(&links).expect("added");
    }
    packer.finish().expect("a zip").into_inner()
}

/// A project whose composition `Main` of so many frames has these layers.
pub fn project_of(frames: u32, layers: Vec<LayerSpec>) -> Vec<u8> {
    let comp = CompSpec {
        layers,
        ..CompSpec::new("Main", 64, 36, Rational::whole(25), frames)
    };
    write::project(&ProjectSpec {
        comps: vec![comp],
        ..ProjectSpec::default()
    })
}

/// A layer that shows a file.
pub fn shows(path: &str) -> LayerSpec {
    LayerSpec::new("", KindSpec::File(FileSpec::new(path)))
}
