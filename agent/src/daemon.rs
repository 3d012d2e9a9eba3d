//! The daemon: puts the parts together in the order in which they need each other, and takes them apart again. One agent a
//! data folder, by a lock that the system gives back whatever happens.

use std::fs::{File, TryLockError};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use flatrender_protocol::link::agent_client;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::aerender;
use crate::cache::{Cache, CacheLimits};
use crate::config::Config;
use crate::link::{Addresses, Identity, Line, Spokesman};
use crate::work::spool::Spool;
use crate::work::{self, Renderer};
use crate::{film, host, link};

/// How long work may take to leave once the agent is told to end.
const LEAVING: Duration = Duration::from_secs(5);

/// Runs the agent until `shutdown`. Renderers go on under their shims then, unless the configuration says otherwise.
///
/// # Errors
/// When the machine is not enrolled, another agent has the data folder, or a part can't begin.
pub async fn run(config: Config, shutdown: CancellationToken) -> anyhow::Result<()> {
    config.check()?;
    std::fs::create_dir_all(&config.data_dir)
        .with_context(|| format!("make the data folder {}", config.data_dir.display()))?;
    let _lock = lock(&config)?;
    let identity = Identity::load(&config.folder("identity"))?;
    let renderer = match &config.renderer {
        Some(program) => Some(Renderer {
            version: aerender::version(program).await?,
            program: program.clone(),
        }),
        None => None,
    };
    let spool = Spool::open(&config.folder("spool"), config.spool_max_bytes)?;
    let limits = CacheLimits {
        max_bytes: config.cache_max_bytes,
        min_free_bytes: config.cache_min_free_bytes,
    };
    let cache = Cache::open(&config.folder("cache"), limits)?;
    let line = Arc::new(Line::default());
    let versions = renderer
        .iter()
        .map(|renderer| renderer.version.clone())
        .collect();
    let inventory = host::inventory(config.slots, versions, film::available().await);
    tracing::info!(node = %identity.node, name = %identity.name, renderer = ?renderer, spooled = spool.state().frames, "agent begins");
    let work = work::start(
        config.clone(),
        renderer,
        spool.clone(),
        cache.clone(),
        Arc::clone(&line),
        shutdown.clone(),
    )?;
    let hosts = if config.controllers.is_empty() {
        identity.controllers.clone()
    } else {
        config.controllers.clone()
    };
    let addresses = Addresses::new(hosts, agent_client(&identity.certificates)?);
    let spokesman = Spokesman {
        node: identity.node,
        boot: Uuid::now_v7(),
        inventory,
        work: work.clone(),
        spool,
        cache,
        spool_dir: config.folder("spool"),
    };
    link::run(spokesman, addresses, line, shutdown).await;
    let stopping = if config.stop_renderers {
        Duration::from_millis(config.limits.stop_ms) + LEAVING
    } else {
        LEAVING
    };
    if tokio::time::timeout(stopping, work.ended()).await.is_err() {
        tracing::warn!("work has not ended in time; the next agent goes on with it");
    }
    tracing::info!("agent ends");
    Ok(())
}

fn lock(config: &Config) -> anyhow::Result<File> {
    let path = config.folder("agent.lock");
    let file = File::create(&path).with_context(|| format!("open {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => anyhow::bail!(
            "another agent uses the data folder {}; stop it, or choose another folder with --data-dir",
            config.data_dir.display()
        ),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("lock {}", path.display()))
        }
    }
}
