//! The daemon from start to end: opens what the farm stands on, in order; runs its tasks; stops them in time; stops the
//! embedded database last. It decides nothing about rendering.
//!
//! What ends before it was asked to is fatal: the process then ends with the reason, and a supervisor starts a new one,
//! which reads everything from the database. A database that goes away for a while is none of that: the leader tries again.

mod folders;
mod tasks;

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use axum::Router;
use axum::serve::ListenerExt;
use flatrender_protocol::link::controller_socket;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use self::tasks::Tasks;
use crate::blobs::Blobs;
use crate::config::Config;
use crate::database::{Database, Hints, Pool, Role};
use crate::farm::{Farm, Input, leader};
use crate::link::Authority;
use crate::ops::{self, AdminToken, LoopReport, Ops};
use crate::reconcile::{self, leftovers, partitions, snapshots};

/// The channel on which the database says that jobs were written.
const JOBS_CHANNEL: &str = "render_jobs";
/// Connections of the leader's role.
const WORKER_POOL: u32 = 16;
/// Connections of tenants' requests.
const TENANT_POOL: u32 = 8;
/// How long tasks may take to end.
const LEAVE_WITHIN: Duration = Duration::from_secs(10);
/// How long the pools may take to close.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);
/// Until a lost connection for notifications is tried again.
const LISTEN_AGAIN: Duration = Duration::from_secs(1);
/// A receive buffer below this loses datagrams when many agents send at once.
const GOOD_BUFFER_BYTES: usize = 1 << 20;

/// What a started daemon tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready {
    /// Where HTTP is answered.
    pub http: SocketAddr,
    /// Where the link is answered.
    pub link: SocketAddr,
    /// What join tokens say about that.
    pub link_advertised: Vec<String>,
    /// Where everything is kept.
    pub data_dir: PathBuf,
    /// The file with the admin token.
    pub admin_token_file: PathBuf,
}

/// Runs until `shutdown`; `ready` is called once, when requests and agents are answered.
///
/// # Errors
/// What could not be opened; or what ended by itself, with its cause.
pub async fn run(
    config: Config,
    shutdown: CancellationToken,
    ready: impl FnOnce(Ready),
) -> anyhow::Result<()> {
    folders::make(&config)?;
    // The sockets first: an address that is taken is found before a database is started.
    let sockets = Sockets::bind(&config)?;
    let source = config.source();
    let database = tokio::select! {
        database = Database::open(&source, &config.role_urls) => Arc::new(database?),
        () = shutdown.cancelled() => return Ok(()),
    };
    let started = tokio::select! {
        started = start(&config, sockets, &database, &shutdown) => started.map(Some),
        () = shutdown.cancelled() => Ok(None),
    };
    let outcome = match started {
        Ok(Some((daemon, told))) => {
            ready(told);
            daemon.until_the_end(&database, &shutdown).await
        }
        Ok(None) => Ok(()),
        Err(error) => Err(error),
    };
    match Arc::try_unwrap(database) {
        Ok(database) => {
            database.stop().await;
            tracing::debug!("the database is stopped");
        }
        Err(_) => {
            tracing::warn!("a task still holds the database; it is stopped with this process")
        }
    }
    outcome
}

/// Sockets that are bound, and where.
struct Sockets {
    http: TcpListener,
    http_at: SocketAddr,
    link: std::net::UdpSocket,
    link_at: SocketAddr,
}

impl Sockets {
    fn bind(config: &Config) -> anyhow::Result<Self> {
        let taken = |what, key, address| {
            format!("listen on {address} for {what}; choose another address with {key}")
        };
        let http = TcpListener::bind(config.http_listen)
            .with_context(|| taken("HTTP", "http.listen", config.http_listen))?;
        http.set_nonblocking(true)?;
        let (link, granted_bytes) = controller_socket(config.link_listen)
            .with_context(|| taken("agents", "link.listen", config.link_listen))?;
        if granted_bytes < GOOD_BUFFER_BYTES {
            tracing::warn!(
                granted_bytes,
                "the system gives the agents' socket a small buffer; on Linux raise net.core.rmem_max to 4194304"
            );
        }
        let (http_at, link_at) = (http.local_addr()?, link.local_addr()?);
        Ok(Self {
            http,
            http_at,
            link,
            link_at,
        })
    }
}

/// A started daemon.
struct Daemon {
    tasks: Tasks,
    pools: Vec<Pool>,
}

async fn start(
    config: &Config,
    sockets: Sockets,
    database: &Arc<Database>,
    shutdown: &CancellationToken,
) -> anyhow::Result<(Daemon, Ready)> {
    migrate(config, database).await?;
    database.ensure_partitions(partitions::AHEAD_MONTHS).await?;
    let worker = database.pool(Role::RenderWorker, WORKER_POOL).await?;
    let tenant = database.pool(Role::Render, TENANT_POOL).await?;
    let pools = vec![worker.clone(), tenant.clone()];
    let hints = database.listen(Role::RenderWorker, JOBS_CHANNEL).await?;
    let blobs = Blobs::open(&config.store_dir())?;
    let authority = Arc::new(Authority::open(&config.authority_dir())?);
    let token = AdminToken::open(&config.admin_token_file())?;
    let (farm, inputs) = Farm::new(worker, tenant, blobs, config.farm.clone());
    let told = Ready {
        http: sockets.http_at,
        link: sockets.link_at,
        link_advertised: config.advertised(sockets.link_at),
        data_dir: config.data_dir.clone(),
        admin_token_file: config.admin_token_file(),
    };
    let (months, months_watched) = reconcile::new("partitions", partitions::PACE);
    let (sweep, sweep_watched) = reconcile::new("leftovers", leftovers::PACE);
    let (evict, evict_watched) = reconcile::new("snapshots", snapshots::PACE);
    let watched = [months_watched, sweep_watched, evict_watched];
    let ops = Ops {
        farm: farm.clone(),
        authority: authority.fingerprint(),
        addresses: told.link_advertised.clone().into(),
        loops: Arc::new(move || watched.iter().map(report).collect()),
        shutdown: shutdown.clone(),
    };
    let router = ops::table(token).finish(ops);
    let mut tasks = Tasks::default();
    let stop = || shutdown.clone();
    tasks.spawn(
        "jobs written by others",
        hear_of_jobs(hints, farm.inputs.clone(), stop()),
    );
    tasks.spawn(
        "partitions",
        infallible(partitions::run(months, Arc::clone(database), stop())),
    );
    tasks.spawn(
        "leftovers",
        infallible(leftovers::run(sweep, farm.clone(), stop())),
    );
    tasks.spawn(
        "snapshots",
        infallible(snapshots::run(evict, farm.clone(), stop())),
    );
    tasks.spawn(
        "leader",
        infallible(leader::run(farm.clone(), inputs, stop())),
    );
    let link = crate::link::serve(farm, authority, sockets.link, stop());
    tasks.spawn("agents' endpoint", async {
        link.await.map_err(anyhow::Error::from)
    });
    tasks.spawn("HTTP server", serve_http(sockets.http, router, stop()));
    Ok((Daemon { tasks, pools }, told))
}

fn report(watched: &reconcile::Watched) -> LoopReport {
    let last = watched.last();
    LoopReport {
        name: watched.name(),
        ok: last.as_ref().map(|ended| ended.ok),
        at: last.map(|ended| ended.at),
    }
}

/// A database of our own is migrated; another one only when that was asked for.
async fn migrate(config: &Config, database: &Database) -> anyhow::Result<()> {
    if database.is_embedded() || config.migrate {
        let report = database.migrate().await?;
        if !report.applied.is_empty() || !report.adopted.is_empty() {
            tracing::info!(applied = ?report.applied, adopted = ?report.adopted, "the database was migrated");
        }
        return Ok(());
    }
    let missing = database.unapplied().await?;
    if missing.is_empty() {
        return Ok(());
    }
    bail!(
        "serve: the database lacks {} of this program's migrations (first: {}); apply them with \
         `flatrender-controller migrate` and the same configuration, or start with --migrate",
        missing.len(),
        missing.first().unwrap_or(&"none")
    )
}

async fn infallible(task: impl Future<Output = ()>) -> anyhow::Result<()> {
    task.await;
    Ok(())
}

/// Wakes the leader when somebody wrote a job, and whenever that may have been missed.
async fn hear_of_jobs(
    mut hints: Hints,
    leader: mpsc::Sender<Input>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    loop {
        let heard = tokio::select! {
            heard = hints.next() => heard,
            () = shutdown.cancelled() => return Ok(()),
        };
        if let Err(error) = &heard {
            tracing::warn!(
                error = error as &dyn std::error::Error,
                "new jobs can't be heard of"
            );
            tokio::select! {
                () = tokio::time::sleep(LISTEN_AGAIN) => {}
                () = shutdown.cancelled() => return Ok(()),
            }
        }
        // A full channel means that the leader is at work and will look anyway.
        leader.try_send(Input::Wake).ok();
    }
}

async fn serve_http(
    listener: TcpListener,
    router: Router,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?.tap_io(|stream| {
        // Without it a small answer may wait for 40 ms; a socket that is gone already is found at its first use.
        stream.set_nodelay(true).ok();
    });
    let served = axum::serve(listener, router).with_graceful_shutdown(shutdown.cancelled_owned());
    served.await.context("serve HTTP")
}

impl Daemon {
    /// Waits for the order to stop, or for what must not happen; then stops everything but the database.
    async fn until_the_end(
        mut self,
        database: &Database,
        shutdown: &CancellationToken,
    ) -> anyhow::Result<()> {
        let outcome = tokio::select! {
            () = shutdown.cancelled() => Ok(()),
            // While it is shut down, a task may see the token first.
            error = self.tasks.first_end() => if shutdown.is_cancelled() { Ok(()) } else { Err(error) },
            error = database.failed() => Err(anyhow!(error)),
        };
        match &outcome {
            Ok(()) => tracing::info!("stopping"),
            Err(error) => tracing::error!(
                error = format!("{error:#}"),
                "stopping, since it can't go on"
            ),
        }
        shutdown.cancel();
        let left = self.tasks.finish(LEAVE_WITHIN).await;
        if !left.is_empty() {
            tracing::warn!(?left, "these did not end in time and were dropped");
        }
        tracing::debug!("the tasks have ended");
        let closing = self.pools.iter().map(Pool::close);
        let closing = futures_util::future::join_all(closing);
        if tokio::time::timeout(CLOSE_WITHIN, closing).await.is_err() {
            tracing::warn!("connections to the database did not close in time and were dropped");
        }
        tracing::debug!("the pools are closed");
        outcome
    }
}
