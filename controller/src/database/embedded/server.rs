//! The embedded server as the rest of the controller sees it: start, connect, stop, and hear when it is gone for good.

#![expect(
    clippy::disallowed_methods,
    reason = "waits for a process, with deadlines"
)]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};

use super::account::Account;
use super::binaries::{Search, major_of_data};
use super::keeper::{Keeper, Phase, Plan};
use super::layout::{Layout, Lock};
use super::{DATABASE, Durability, SUPERUSER, process};
use crate::database::error::DatabaseError;

/// How long a controller that is just ending may hold the lock.
const LOCK_PATIENCE: Duration = Duration::from_secs(3);
/// How long a server may take from its start to its first answer, crash recovery included.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// Pause between two questions whether it answers.
const ASK_EVERY: Duration = Duration::from_millis(5);
/// How long a stop may take before the next harder one is tried.
const STOP_WITHIN: Duration = Duration::from_secs(20);

/// A running server. Dropping it stops the server too, without waiting for that.
#[derive(Debug)]
pub struct Embedded {
    keeper: Keeper,
    socket_dir: PathBuf,
    log: PathBuf,
}

impl Embedded {
    /// Starts the server of the cluster in `base_dir`, making the cluster on the first start, and returns when it
    /// answers. What a former controller left running there is stopped first; what was killed is recovered.
    ///
    /// # Errors
    /// No server programs or not of the right version, a folder in use or out of reach, a server that does not come up.
    pub async fn start(base_dir: &Path, durability: Durability) -> Result<Self, DatabaseError> {
        let base_dir = base_dir.to_path_buf();
        let blocking = tokio::task::spawn_blocking(move || prepare(&base_dir, durability));
        let plan = blocking
            .await
            .expect("preparing a cluster does not panic")?;
        stop_former_server(&plan.layout).await;
        let (socket_dir, log) = (plan.layout.socket_dir.clone(), plan.layout.log.clone());
        let keeper = Keeper::start(plan).map_err(DatabaseError::io("start a thread for", &log))?;
        let server = Self {
            keeper,
            socket_dir,
            log,
        };
        server.until_it_answers().await?;
        server.keeper.proven();
        Ok(server)
    }

    /// How to connect as `user` to `database`.
    #[must_use]
    pub fn options(&self, user: &str, database: &str) -> PgConnectOptions {
        options(&self.socket_dir, user, database)
    }

    /// The server's process id, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<i32> {
        self.keeper.pid()
    }

    /// Waits until the server is gone and can't be brought back, and says why. A crash that could be recovered from is
    /// none of that: the server is started again and pools connect anew.
    pub async fn failed(&self) -> DatabaseError {
        let mut phase = self.keeper.phase();
        let ended = phase
            .wait_for(|phase| matches!(phase, Phase::Failed(_) | Phase::Stopped))
            .await;
        let said = match ended.as_deref() {
            Ok(Phase::Failed(said)) => said.clone(),
            _ => String::from("it was stopped"),
        };
        DatabaseError::Server {
            said,
            log: self.log.clone(),
        }
    }

    /// Stops the server: fast (sessions are ended, everything is written), and harder if that takes too long.
    pub async fn stop(self) {
        let mut phase = self.keeper.phase();
        for signal in [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGKILL] {
            self.keeper.stop(signal);
            let gone = phase.wait_for(|phase| matches!(phase, Phase::Failed(_) | Phase::Stopped));
            if tokio::time::timeout(STOP_WITHIN, gone).await.is_ok() {
                return;
            }
            tracing::warn!(%signal, "the embedded database server does not stop");
        }
    }

    async fn until_it_answers(&self) -> Result<(), DatabaseError> {
        let until = Instant::now() + READY_WITHIN;
        loop {
            let Err(error) = self.make_database().await else {
                return Ok(());
            };
            if let Phase::Failed(said) = &*self.keeper.phase().borrow() {
                return Err(DatabaseError::Server {
                    said: said.clone(),
                    log: self.log.clone(),
                });
            }
            if Instant::now() >= until {
                let said = format!(
                    "no answer within {} s, last: {error}",
                    READY_WITHIN.as_secs()
                );
                return Err(DatabaseError::Server {
                    said,
                    log: self.log.clone(),
                });
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
    }

    /// Connects, and makes the database inside the cluster when that is what is missing.
    async fn make_database(&self) -> Result<(), sqlx::Error> {
        match PgConnection::connect_with(&self.options(SUPERUSER, DATABASE)).await {
            Ok(session) => session.close().await,
            Err(error) if is_missing_database(&error) => {
                let mut session =
                    PgConnection::connect_with(&self.options(SUPERUSER, "postgres")).await?;
                sqlx::raw_sql("CREATE DATABASE flatrender")
                    .execute(&mut session)
                    .await?;
                session.close().await
            }
            Err(error) => Err(error),
        }
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.keeper.stop(Signal::SIGINT);
    }
}

/// Removes the cluster in `base_dir` with all its data.
///
/// # Errors
/// [`DatabaseError::InUse`] while a controller uses it; a folder that can't be removed.
pub async fn reset(base_dir: &Path) -> Result<(), DatabaseError> {
    let layout = Layout::at(base_dir)?;
    let lock = Lock::take(&layout.base, Duration::ZERO)?;
    stop_former_server(&layout).await;
    let blocking = tokio::task::spawn_blocking(move || {
        let removed = layout.remove();
        drop(lock);
        removed
    });
    blocking.await.expect("removing a folder does not panic")
}

/// Everything before the server's process: lock, programs, account, folders.
fn prepare(base_dir: &Path, durability: Durability) -> Result<Plan, DatabaseError> {
    let layout = Layout::at(base_dir)?;
    let lock = Lock::take(&layout.base, LOCK_PATIENCE)?;
    let programs = Search::of_this_machine().find(major_of_data(&layout.data)?, &layout.data)?;
    let account = Account::choose(&layout.data)?;
    account.assert_can_reach(&layout.base)?;
    layout.ensure_data(&programs, &account, durability)?;
    account.own_folder(&layout.data)?;
    account.own_folder(&layout.socket_dir)?;
    let log = layout.open_log()?;
    Ok(Plan {
        programs,
        account,
        layout,
        durability,
        log,
        lock,
    })
}

/// Stops a server that outlived its controller. It is stopped and not adopted: only a child can be relied on to end with
/// us and to tell how it ended. One that does not answer is dead, dying or recovering; the keeper waits for that.
async fn stop_former_server(layout: &Layout) {
    let Some(pid) = layout.recorded_pid() else {
        return;
    };
    let options = options(&layout.socket_dir, SUPERUSER, "postgres");
    let connect = PgConnection::connect_with(&options);
    let Ok(Ok(mut session)) = tokio::time::timeout(Duration::from_secs(2), connect).await else {
        return;
    };
    let asked: Result<String, _> = sqlx::query_scalar("SELECT current_setting('data_directory')")
        .fetch_one(&mut session)
        .await;
    let ours = asked.is_ok_and(|dir| Path::new(&dir) == layout.data);
    drop(session);
    if !ours {
        return;
    }
    tracing::warn!(
        pid,
        "a database server of a former controller still runs and is stopped"
    );
    process::send(pid, Signal::SIGINT);
    let until = Instant::now() + STOP_WITHIN;
    while layout.recorded_pid() == Some(pid) && Instant::now() < until {
        tokio::time::sleep(ASK_EVERY).await;
    }
}

fn options(socket_dir: &Path, user: &str, database: &str) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass()
        .socket(socket_dir)
        .port(5432)
        .username(user)
        .database(database)
}

fn is_missing_database(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .and_then(|error| error.code())
        .is_some_and(|code| code == "3D000")
}
