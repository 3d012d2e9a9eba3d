//! The program from outside: `dev` through its life, `migrate`, `partitions` and `serve` on a database that is there already.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

use flatrender_controller::database::{Role, migrations};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::cluster::{TestDb, scratch_dir};

/// Generous: the machine may be busy with other tests.
const PATIENCE: Duration = Duration::from_secs(90);
const PAUSE: Duration = Duration::from_millis(20);

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flatrender-controller"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("FLATRENDER_") && name != "FLATRENDER_PG_BIN" {
            command.env_remove(name);
        }
    }
    command
}

/// A folder that PostgreSQL's account can get to.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::Builder::new()
        .prefix("dev-")
        .tempdir_in(scratch_dir())
        .unwrap();
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o711)).unwrap();
    folder
}

/// Waits until `done` gives something.
fn until<T>(what: &str, mut done: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = done() {
            return value;
        }
        assert!(Instant::now() < end, "{what} within {PATIENCE:?}");
        std::thread::sleep(PAUSE);
    }
}

/// A running `dev`; killed when dropped.
struct Dev {
    child: Child,
    stdout: BufReader<ChildStdout>,
    data_dir: PathBuf,
    ready: Value,
}

impl Dev {
    fn start(data_dir: &Path, more: &[&str]) -> Self {
        let log = std::fs::File::create(data_dir.with_extension("log")).unwrap();
        let mut child = program()
            .args([
                "dev",
                "--json",
                "--http",
                "127.0.0.1:0",
                "--link",
                "127.0.0.1:0",
                "--data-dir",
            ])
            .arg(data_dir)
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let data_dir = data_dir.to_owned();
        let ready = serde_json::from_str(&line).unwrap_or_else(|_| {
            let log = std::fs::read_to_string(data_dir.with_extension("log"));
            panic!(
                "it did not become ready: {line}\n{}",
                log.unwrap_or_default()
            )
        });
        Self {
            child,
            stdout,
            data_dir,
            ready,
        }
    }

    fn text(&self, key: &str) -> &str {
        self.ready[key]
            .as_str()
            .unwrap_or_else(|| panic!("{key} in {}", self.ready))
    }

    fn http(&self) -> &str {
        self.text("http").strip_prefix("http://").unwrap()
    }

    /// Asks for `path`, with the admin's token or without: status and body.
    fn get(&self, path: &str, token: bool) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect(self.http()).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut request = format!("GET {path} HTTP/1.1\r\nhost: farm\r\nconnection: close\r\n");
        if token {
            request += &format!("authorization: Bearer {}\r\n", self.text("admin_token"));
        }
        stream.write_all(format!("{request}\r\n").as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let status = answer.split(' ').nth(1)?.parse().ok()?;
        Some((status, answer.split_once("\r\n\r\n")?.1.to_owned()))
    }

    fn until_healthy(&self) {
        until("it is healthy", || {
            self.get("/healthz", false)
                .filter(|(status, _)| *status == 200)
        });
    }

    fn postgres(&self) -> Option<Pid> {
        let file = std::fs::read_to_string(self.data_dir.join("pg/data/postmaster.pid")).ok()?;
        file.lines().next()?.trim().parse().ok().map(Pid::from_raw)
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), signal).unwrap();
    }

    /// Stops it as a supervisor does, and returns what else it had printed.
    fn stop(mut self) -> String {
        self.signal(Signal::SIGTERM);
        let status = until("it ends", || self.child.try_wait().unwrap());
        assert!(status.success(), "{status}");
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        rest
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn alive(pid: Pid) -> bool {
    // A zombie is dead; who should have waited for it does not matter here.
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    match stat {
        Ok(stat) => !stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .trim_start()
            .starts_with('Z'),
        Err(_) => kill(pid, None).is_ok() && !Path::new("/proc/self").exists(),
    }
}

#[test]
fn dev_serves_and_leaves_nothing_when_it_is_stopped() {
    let folder = folder();
    let data_dir = folder.path().join("farm");
    let dev = Dev::start(&data_dir, &[]);
    let keys: Vec<&String> = dev.ready.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["admin_token", "data_dir", "http", "quic", "ready"]);
    assert_eq!(dev.ready["ready"], json!(true));
    assert_eq!(Path::new(dev.text("data_dir")), data_dir);
    let token = std::fs::read_to_string(data_dir.join("admin-token")).unwrap();
    assert_eq!(token.trim(), dev.text("admin_token"));
    for (name, mode) in [
        ("admin-token", 0o600),
        ("store", 0o700),
        ("authority", 0o700),
    ] {
        let meta = std::fs::metadata(data_dir.join(name)).unwrap();
        assert_eq!(meta.permissions().mode() & 0o777, mode, "{name}");
    }
    dev.until_healthy();
    assert_eq!(dev.get("/v1/farm/jobs", false).unwrap().0, 401);
    let (status, text) = dev.get("/v1/farm/jobs", true).unwrap();
    let none = json!({ "data": [], "page": { "next_cursor": null, "has_more": false } });
    assert_eq!(
        (status, serde_json::from_str::<Value>(&text).unwrap()),
        (200, none)
    );
    let quic = dev.text("quic").to_owned();
    assert!(UdpSocket::bind(&quic).is_err(), "the link is there");
    let (http, postgres) = (dev.http().to_owned(), dev.postgres().unwrap());
    assert!(alive(postgres));
    let began = Instant::now();
    assert_eq!(dev.stop(), "", "one line, and nothing else");
    assert!(
        began.elapsed() < Duration::from_secs(40),
        "{:?}",
        began.elapsed()
    );
    assert!(!alive(postgres));
    TcpListener::bind(&http).expect("its port is free");
    UdpSocket::bind(&quic).expect("its port is free");
}

#[test]
fn dev_comes_back_after_its_database_or_itself_is_killed_and_starts_over_when_told() {
    let folder = folder();
    let data_dir = folder.path().join("farm");
    let dev = Dev::start(&data_dir, &["--set", "farm.term_ms=600"]);
    dev.until_healthy();
    let first = dev.postgres().unwrap();
    kill(first, Signal::SIGKILL).unwrap();
    until("another server answers", || {
        dev.postgres().filter(|pid| *pid != first)
    });
    dev.until_healthy();
    let (token, second) = (dev.text("admin_token").to_owned(), dev.postgres().unwrap());
    dev.signal(Signal::SIGKILL);
    drop(dev);
    let dev = Dev::start(&data_dir, &["--set", "farm.term_ms=600"]);
    assert_eq!(dev.text("admin_token"), token);
    assert_ne!(dev.postgres().unwrap(), second);
    dev.until_healthy();
    // Who else would use the folder is refused, and says whose it is.
    let other = [
        "dev",
        "--http",
        "127.0.0.1:0",
        "--link",
        "127.0.0.1:0",
        "--reset",
        "--data-dir",
    ];
    let output = run(program().args(other).arg(&data_dir));
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said(&output).contains(&format!("in use by process {}", dev.child.id())),
        "{}",
        said(&output)
    );
    dev.stop();
    std::fs::write(data_dir.join("notes.txt"), "mine").unwrap();
    let dev = Dev::start(&data_dir, &["--reset"]);
    assert_ne!(dev.text("admin_token"), token);
    assert_eq!(
        std::fs::read_to_string(data_dir.join("notes.txt")).unwrap(),
        "mine"
    );
    dev.stop();
}

fn run(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn printed(output: &Output) -> Value {
    assert!(output.status.success(), "{}", said(output));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn what_can_not_be_started_is_refused_with_the_way_out() {
    let folder = folder();
    let data_dir = folder.path().join("farm");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let refused = |command: &str, arguments: &[&str]| {
        let output = run(program()
            .arg(command)
            .arg("--data-dir")
            .arg(&data_dir)
            .args(arguments));
        assert_eq!(
            (output.status.code(), output.stdout.len()),
            (Some(1), 0),
            "{}",
            said(&output)
        );
        said(&output)
    };
    let text = refused("dev", &["--http", &address, "--link", "127.0.0.1:0"]);
    assert!(
        text.contains(&format!(
            "listen on {address} for HTTP; choose another address with http.listen"
        )),
        "{text}"
    );
    assert!(
        !data_dir.join("pg").exists(),
        "no database was started for it"
    );
    let text = refused("dev", &["--http", "0.0.0.0:0"]);
    assert!(
        text.contains("--http: http.listen = \"0.0.0.0:0\""),
        "{text}"
    );
    std::fs::create_dir_all(folder.path().join("photos/of")).unwrap();
    let photos = folder.path().join("photos").display().to_string();
    let output = run(program().args(["dev", "--reset", "--data-dir", &photos]));
    assert!(
        !output.status.success() && said(&output).contains("no controller has used it"),
        "{}",
        said(&output)
    );
    assert!(folder.path().join("photos/of").exists());
    let text = refused(
        "serve",
        &["--database-url", "postgres://nobody@127.0.0.1:1/x"],
    );
    assert!(text.starts_with("error: failed to "), "{text}");
}

#[test]
fn config_check_and_show_say_what_holds() {
    let folder = folder();
    let file = folder.path().join("a.toml");
    std::fs::write(&file, "[http]\nlisten = 'x'\n").unwrap();
    let config = |what: &[&str]| {
        run(program()
            .arg("config")
            .args(what)
            .arg("--config")
            .arg(&file))
    };
    let output = config(&["check"]);
    assert_eq!(output.status.code(), Some(1));
    let line = format!(
        "  {}:2: http.listen = \"x\": needed is IP:PORT",
        file.display()
    );
    assert!(said(&output).contains(&line), "{}", said(&output));
    std::fs::write(&file, "[http]\nlisten = '127.0.0.1:1'\n").unwrap();
    assert!(config(&["check"]).status.success());
    let shown = printed(&config(&["show", "--json"]));
    let line = shown
        .as_array()
        .unwrap()
        .iter()
        .find(|line| line["key"] == "http.listen")
        .unwrap();
    assert_eq!(
        *line,
        json!({ "key": "http.listen", "value": "127.0.0.1:1", "from": format!("{}:2", file.display()) })
    );
}

/// The program with the addresses of a test's database.
fn with(db: &TestDb, arguments: &[&str]) -> Command {
    let mut command = program();
    command
        .args(arguments)
        .env("FLATRENDER_DATABASE_URL", db.url());
    for role in Role::SERVICES {
        let name = format!(
            "FLATRENDER_DATABASE_ROLE_URLS_{}",
            role.name().to_uppercase()
        );
        command.env(name, db.role_url(role));
    }
    command
}

async fn off_the_runtime<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work)
        .await
        .expect("it does not panic")
}

#[tokio::test]
async fn migrate_and_partitions_change_nothing_the_second_time() {
    let db = TestDb::empty().await;
    let db = off_the_runtime(move || {
        let behind = run(with(
            &db,
            &["serve", "--http", "127.0.0.1:0", "--link", "127.0.0.1:0"],
        )
        .arg("--data-dir")
        .arg(folder().path()));
        assert_eq!(behind.status.code(), Some(1));
        assert!(
            said(&behind).contains("apply them with `flatrender-controller migrate`"),
            "{}",
            said(&behind)
        );
        let names: Vec<&str> = migrations::FILES.iter().map(|file| file.name).collect();
        let migrate = || printed(&run(&mut with(&db, &["migrate", "--json"])));
        assert_eq!(
            migrate(),
            json!({ "applied": names, "adopted": [], "already": 0, "passwords_set": [] })
        );
        assert_eq!(
            migrate(),
            json!({ "applied": [], "adopted": [], "already": names.len(), "passwords_set": [] })
        );
        let ensure = |ahead: &str| {
            printed(&run(&mut with(
                &db,
                &["partitions", "ensure", "--json", "--ahead", ahead],
            )))
        };
        let made = ensure("3");
        assert!(made["created"].as_array().unwrap().len() >= 4, "{made}");
        assert_eq!(ensure("3"), json!({ "created": [] }));
        assert_ne!(ensure("4"), json!({ "created": [] }));
        db
    })
    .await;
    let missing = db.database().unapplied().await.unwrap();
    assert_eq!(missing, Vec::<&str>::new());
}

#[tokio::test]
async fn serve_refuses_roles_that_could_pass_the_row_level_rules() {
    let db = TestDb::new().await;
    off_the_runtime(move || {
        let folder = folder();
        let mut serve = with(
            &db,
            &[
                "serve",
                "--http",
                "127.0.0.1:0",
                "--link",
                "127.0.0.1:0",
                "--data-dir",
            ],
        );
        serve
            .arg(folder.path())
            .env("FLATRENDER_DATABASE_ROLE_URLS_FR_RENDER", db.url());
        let output = run(&mut serve);
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        assert!(
            said(&output).contains(
                "connect as fr_render: the session is user `flatrender`, who is a superuser"
            ),
            "{}",
            said(&output)
        );
    })
    .await;
}

#[tokio::test]
async fn serve_works_on_a_database_that_is_there_already() {
    let db = TestDb::new().await;
    off_the_runtime(move || {
        let folder = folder();
        let mut serve = with(
            &db,
            &[
                "serve",
                "--http",
                "127.0.0.1:0",
                "--link",
                "127.0.0.1:0",
                "--set",
                "log.format=json",
            ],
        );
        serve
            .arg("--data-dir")
            .arg(folder.path())
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .stdin(Stdio::null());
        let mut child = serve.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let ready = lines.find_map(|line| {
            let line: Value = serde_json::from_str(&line.unwrap()).expect("a line of JSON");
            (line["fields"]["message"] == "ready").then_some(line)
        });
        let ready = ready.expect("it becomes ready");
        assert!(
            ready["fields"]["http"]
                .as_str()
                .unwrap()
                .starts_with("127.0.0.1:"),
            "{ready}"
        );
        kill(
            Pid::from_raw(child.id().try_into().unwrap()),
            Signal::SIGTERM,
        )
        .unwrap();
        let rest: Vec<String> = lines.map(Result::unwrap).collect();
        assert!(child.wait().unwrap().success(), "{rest:?}");
        assert!(
            !folder.path().join("pg").exists(),
            "it made no database of its own"
        );
    })
    .await;
}
