//! What the tests of the embedded server are made with: folders for it, processes that have one, and a look at both
//! from outside.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use flatrender_controller::database::Source;
use flatrender_controller::database::embedded::{Durability, Embedded};
use nix::sys::signal::kill;
use nix::unistd::Pid;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};

use crate::cluster::{programs_dir, scratch_dir};

/// Set for the process that plays the controller: the base folder of its cluster.
pub const PLAY: &str = "FLATRENDER_TEST_PLAYS_CONTROLLER";

/// A folder that PostgreSQL's account can get to.
pub struct Base(pub tempfile::TempDir);

impl Base {
    /// For a cluster that is not synced.
    pub fn new() -> Self {
        Self::within(scratch_dir())
    }

    /// For one that is.
    pub fn on_disk() -> Self {
        Self::within(Path::new("/tmp"))
    }

    pub fn within(folder: &Path) -> Self {
        let dir = tempfile::Builder::new()
            .prefix("flatrender-embedded-")
            .tempdir_in(folder)
            .expect("a folder");
        std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o755))
            .expect("its mode is set");
        Self(dir)
    }

    pub fn path(&self) -> PathBuf {
        self.0.path().join("pg")
    }

    pub fn source(&self) -> Source {
        Source::Embedded {
            base_dir: self.path(),
        }
    }

    /// A server that is not synced: most of what is tested here has nothing to do with the disk.
    pub async fn start(&self) -> Embedded {
        let started = Embedded::start(&self.path(), Durability::ForTestsOnly).await;
        started.expect("the server comes up")
    }

    /// The way to a server that another process started.
    pub fn superuser(&self) -> PgConnectOptions {
        let options = PgConnectOptions::new_without_pgpass().socket(self.path().join("run"));
        options.username("flatrender").database("flatrender")
    }

    /// The server that its files tell of.
    pub fn recorded_pid(&self) -> Option<i32> {
        std::fs::read_to_string(self.path().join("data/postmaster.pid"))
            .ok()?
            .lines()
            .next()?
            .parse()
            .ok()
    }
}

/// Another process with an embedded server, stopped in order when its standard input is closed.
pub struct Controller {
    child: Child,
    stdin: Option<ChildStdin>,
    /// Kept open: a process whose output nobody takes may not end in order.
    _stdout: BufReader<ChildStdout>,
    pub server: i32,
}

impl Controller {
    pub fn start(base: &Base) -> Self {
        Self::start_with(
            Command::new(std::env::current_exe().expect("this binary")),
            base,
        )
    }

    pub fn start_with(mut command: Command, base: &Base) -> Self {
        command.args([
            "--exact",
            "database::embedded::plays_the_controller",
            "--nocapture",
        ]);
        command
            .env(PLAY, base.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().expect("the process starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let lines = stdout.by_ref().lines();
        let ready = lines
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("ready ")?.parse().ok());
        let server = ready.expect("the controller's server comes up");
        let stdin = child.stdin.take();
        Self {
            child,
            stdin,
            _stdout: stdout,
            server,
        }
    }

    pub fn stop(mut self) {
        drop(self.stdin.take());
        assert!(self.child.wait().expect("it ends").success());
    }

    pub fn kill(mut self) -> i32 {
        self.child.kill().expect("it is killed");
        self.child.wait().expect("it is reaped");
        self.server
    }
}

pub fn is_there(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    match stat {
        Ok(stat) => !stat.contains(") Z "),
        Err(_) => kill(Pid::from_raw(pid), None).is_ok() && !cfg!(target_os = "linux"),
    }
}

pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < until, "{what}: not within 30 s");
        std::thread::yield_now();
    }
}

pub async fn write(base: &Base, statement: &'static str) {
    let connected = PgConnection::connect_with(&base.superuser()).await;
    let mut session = connected.expect("the server answers");
    let written = sqlx::raw_sql(statement).execute(&mut session).await;
    written.expect("it is written");
    session.close().await.expect("the session ends");
}

pub async fn count(base: &Base) -> i64 {
    let connected = PgConnection::connect_with(&base.superuser()).await;
    let mut session = connected.expect("the server answers");
    let asked = sqlx::query_scalar("SELECT count(*) FROM kept");
    let count = asked
        .fetch_one(&mut session)
        .await
        .expect("the table is there");
    session.close().await.expect("the session ends");
    count
}

pub const MAKE: &str = "CREATE TABLE kept (n int); INSERT INTO kept VALUES (1)";

/// What a controller leaves where the system can't end children with their parent.
pub fn start_orphan(base: &Base) -> Child {
    use std::os::unix::fs::MetadataExt;
    let meta = std::fs::metadata(base.path().join("data")).expect("the cluster is there");
    let mut command = Command::new(programs_dir().join("postgres"));
    command
        .arg("-D")
        .arg(base.path().join("data"))
        .arg("-k")
        .arg(base.path().join("run"));
    command
        .args(["-c", "listen_addresses="])
        .current_dir("/")
        .stderr(Stdio::null())
        .stdout(Stdio::null());
    if nix::unistd::Uid::effective().is_root() {
        command.uid(meta.uid()).gid(meta.gid());
    }
    command.spawn().expect("it starts")
}
