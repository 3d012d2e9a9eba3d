//! One PostgreSQL server for the whole test process, and a migrated database of its own for each test that asks.
//!
//! The server is never synced to disk and ends with the process. A test's database is a copy of a migrated template and
//! is dropped with its [`TestDb`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};

use flatrender_controller::database::embedded::{Durability, Embedded};
use flatrender_controller::database::{Database, Role, Source};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool};

/// The bootstrap superuser of the test cluster.
const SUPERUSER: &str = "flatrender";
const TEMPLATE: &str = "migrated";

/// The process's cluster; started by the first test that needs it.
static CLUSTER: LazyLock<Cluster> = LazyLock::new(|| blocking(Cluster::start));
static SERVER_PID: AtomicI32 = AtomicI32::new(0);
static COUNTER: AtomicU32 = AtomicU32::new(0);

struct Cluster {
    server: Embedded,
}

impl Cluster {
    async fn start() -> Self {
        remove_what_dead_runs_left();
        let base = base_dir(std::process::id());
        let server = Embedded::start(&base, Durability::ForTestsOnly)
            .await
            .expect("the test cluster starts");
        SERVER_PID.store(server.pid().expect("it runs"), Ordering::SeqCst);
        end_with_this_process();
        let cluster = Self { server };
        cluster.execute(format!("CREATE DATABASE {TEMPLATE}")).await;
        cluster
            .open(TEMPLATE)
            .await
            .migrate()
            .await
            .expect("the migrations apply to an empty database");
        cluster
    }

    fn options(&self, user: &str, database: &str) -> PgConnectOptions {
        self.server.options(user, database)
    }

    async fn execute(&self, statement: String) {
        let mut session = PgConnection::connect_with(&self.options(SUPERUSER, "postgres"))
            .await
            .expect("it answers");
        sqlx::raw_sql(AssertSqlSafe(statement))
            .execute(&mut session)
            .await
            .expect("an administrator's statement");
        session.close().await.expect("the session ends");
    }

    /// Opens one of the cluster's databases as a program would that was given addresses.
    async fn open(&self, database: &str) -> Database {
        let urls = Role::SERVICES
            .iter()
            .map(|role| (role.name().to_owned(), self.url(role.name(), database)));
        let urls: BTreeMap<String, String> = urls.collect();
        Database::open(&Source::Url(self.url(SUPERUSER, database)), &urls)
            .await
            .expect("the addresses are right")
    }

    fn url(&self, user: &str, database: &str) -> String {
        let options = self.options(user, database);
        let socket = options
            .get_socket()
            .expect("it has a socket")
            .display()
            .to_string();
        format!(
            "postgres://{user}@{}:{}/{database}",
            socket.replace('/', "%2F"),
            options.get_port()
        )
    }
}

/// A database for one test: empty or migrated, dropped at the end.
pub struct TestDb {
    name: String,
    database: Database,
}

impl TestDb {
    /// A copy of the migrated template.
    pub async fn new() -> Self {
        Self::create(&format!(" TEMPLATE {TEMPLATE} STRATEGY file_copy")).await
    }

    /// A database with nothing in it.
    pub async fn empty() -> Self {
        Self::create("").await
    }

    async fn create(from: &str) -> Self {
        let cluster = cluster().await;
        let name = format!("test_{}", COUNTER.fetch_add(1, Ordering::SeqCst));
        cluster
            .execute(format!("CREATE DATABASE {name}{from}"))
            .await;
        Self {
            database: cluster.open(&name).await,
            name,
        }
    }

    /// Its name on the server.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What a program would have opened.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// A small pool as a service role.
    pub async fn pool(&self, role: Role) -> PgPool {
        self.database
            .pool(role, 8)
            .await
            .expect("the role may connect")
    }

    /// A pool as the superuser, to arrange and to look behind row-level security.
    pub async fn admin(&self) -> PgPool {
        self.database
            .pool(Role::Migrator, 4)
            .await
            .expect("the superuser may connect")
    }

    /// The migrator's address, as `--database-url` would have it.
    pub fn url(&self) -> String {
        CLUSTER.url(SUPERUSER, &self.name)
    }

    /// The address of a service role, as the configuration would have it.
    pub fn role_url(&self, role: Role) -> String {
        CLUSTER.url(role.name(), &self.name)
    }
}

impl Drop for TestDb {
    fn drop(&mut self) {
        let name = self.name.clone();
        blocking(move || async move {
            CLUSTER
                .execute(format!("DROP DATABASE {name} WITH (FORCE)"))
                .await
        });
    }
}

/// The folder of psql and its kin, for tests that need them.
pub fn programs_dir() -> PathBuf {
    use flatrender_controller::database::embedded::binaries::Search;
    Search::of_this_machine()
        .find(None, Path::new(""))
        .expect("a PostgreSQL is installed")
        .dir
}

async fn cluster() -> &'static Cluster {
    tokio::task::spawn_blocking(|| &*CLUSTER)
        .await
        .expect("the cluster starts")
}

/// Runs a future to its end on a thread and runtime of its own: the cluster outlives every test's runtime, and `drop`
/// can't await.
fn blocking<T: Send + 'static, F: Future<Output = T>>(
    make: impl FnOnce() -> F + Send + 'static,
) -> T {
    let thread = std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(make())
    });
    thread.join().expect("the future does not panic")
}

/// Where clusters that need not survive anything are put: memory where there is enough of it, which makes a database ten
/// times as fast as on a disk.
pub fn scratch_dir() -> &'static Path {
    const ENOUGH_BYTES: u128 = 2 << 30;
    let memory = Path::new("/dev/shm");
    let free_bytes = nix::sys::statvfs::statvfs(memory).map_or(0, |stat| {
        u128::from(stat.blocks_available()) * u128::from(stat.fragment_size())
    });
    if free_bytes >= ENOUGH_BYTES {
        memory
    } else {
        Path::new("/tmp")
    }
}

fn base_dir(process: u32) -> PathBuf {
    scratch_dir().join(format!("flatrender-it-{process}"))
}

/// A run that was killed could not remove its files; its server has died with it.
fn remove_what_dead_runs_left() {
    let Ok(entries) = std::fs::read_dir(scratch_dir()) else {
        return;
    };
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name();
        let process = name
            .to_str()
            .and_then(|name| name.strip_prefix("flatrender-it-")?.parse::<i32>().ok());
        let Some(process) = process else { continue };
        let alive = nix::sys::signal::kill(nix::unistd::Pid::from_raw(process), None).is_ok();
        if !alive {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// Statics are not dropped, so the server is stopped and its files are removed by a hook at the end of the process.
fn end_with_this_process() {
    unsafe extern "C" {
        fn atexit(hook: extern "C" fn()) -> std::ffi::c_int;
    }
    extern "C" fn hook() {
        let pid = nix::unistd::Pid::from_raw(SERVER_PID.load(Ordering::SeqCst));
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGQUIT);
        let until = std::time::Instant::now() + std::time::Duration::from_secs(5);
        while nix::sys::signal::kill(pid, None).is_ok() && std::time::Instant::now() < until {
            std::thread::yield_now();
        }
        let _ = std::fs::remove_dir_all(base_dir(std::process::id()));
    }
    // SAFETY: the hook has the right type, lives as long as the program, and does not unwind.
    let registered = unsafe { atexit(hook) };
    assert_eq!(registered, 0, "the hook was registered");
}
