//! A farm of real processes in a folder of its own.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use flatrender_aep::Rational;
use flatrender_aep::write::{self, CompSpec, ProjectSpec};
use serde_json::Value;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};

/// The folder of the programs under test.
pub fn programs() -> PathBuf {
    if let Some(dir) = std::env::var_os("FLATRENDER_BIN") {
        return dir.into();
    }
    let mut dir = std::env::current_exe().expect("this program");
    dir.pop();
    dir.pop();
    dir
}

/// Whether all programs are there; says what to do otherwise.
pub fn ready(test: &str) -> bool {
    let names = [
        "flatrender-controller",
        "flatrender-agent",
        "aerender-sim",
        "flatctl",
    ];
    let missing: Vec<&str> = names
        .into_iter()
        .filter(|name| !programs().join(name).exists())
        .collect();
    if missing.is_empty() {
        return true;
    }
    eprintln!(
        "SKIP: {test}: {} not built; ./x test builds them",
        missing.join(", ")
    );
    false
}

/// How a farm is started.
pub struct Setup {
    pub agents: usize,
    pub frame_ms: u64,
    pub startup_ms: u64,
    /// A `[limits]` table for the agents' configuration; empty for the real deadlines.
    pub limits: &'static str,
}

pub struct Farm {
    pub dir: tempfile::TempDir,
    pub agents: Vec<Agent>,
    controller: Option<Child>,
    ports: (u16, u16),
    server: String,
    token: String,
    setup: Setup,
    /// How long the first start took.
    pub first_start: Duration,
}

pub struct Agent {
    pub name: String,
    home: PathBuf,
    child: Option<Child>,
    faults: Value,
}

impl Farm {
    pub fn start(setup: Setup) -> Self {
        let dir = tempfile::Builder::new()
            .prefix("flatrender-film")
            .tempdir_in("/tmp")
            .expect("a folder");
        open_to_all(dir.path());
        let mut farm = Self {
            dir,
            agents: Vec::new(),
            controller: None,
            ports: (free_tcp(), free_udp()),
            server: String::new(),
            token: String::new(),
            setup,
            first_start: Duration::ZERO,
        };
        farm.first_start = farm.start_controller();
        for n in 0..farm.setup.agents {
            farm.enrol(&format!("node-{n}"));
            farm.start_agent(n);
        }
        farm.until_online(farm.setup.agents);
        farm
    }

    /// Waits until so many agents are online.
    pub fn until_online(&self, nodes: usize) {
        self.until("every agent is online", |farm| {
            let found = farm.flatctl(&["node", "ls", "--json"]);
            (found.matches("\"online\"").count() == nodes).then_some(())
        });
    }

    /// Starts `dev` and waits for its line; answers how long that took.
    pub fn start_controller(&mut self) -> Duration {
        let started = Instant::now();
        let ready = self.dir.path().join("ready.json");
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.dir.path().join("controller.log"));
        let child = Command::new(programs().join("flatrender-controller"))
            .args(["dev", "--json", "--data-dir"])
            .arg(self.dir.path().join("farm"))
            .args(["--http", &format!("127.0.0.1:{}", self.ports.0)])
            .args(["--link", &format!("127.0.0.1:{}", self.ports.1)])
            .stdin(Stdio::null())
            .stdout(File::create(&ready).expect("a file"))
            .stderr(log.expect("a file"))
            .spawn()
            .expect("the controller starts");
        self.controller = Some(child);
        let line: Value = self.until("the controller is ready", |_| {
            serde_json::from_str(&std::fs::read_to_string(&ready).ok()?).ok()
        });
        self.server = line["http"].as_str().expect("an address").to_owned();
        self.token = line["admin_token"].as_str().expect("a token").to_owned();
        started.elapsed()
    }

    fn enrol(&mut self, name: &str) {
        let home = self.dir.path().join(name);
        std::fs::create_dir_all(home.join("after-effects")).expect("a folder");
        let token = self.flatctl(&["node", "token", "create"]);
        let status = Command::new(programs().join("flatrender-agent"))
            .args(["enrol", token.trim(), "--name", name, "--data-dir"])
            .arg(&home)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(self.log(name))
            .status()
            .expect("the agent starts");
        assert!(
            status.success(),
            "{name} enrols: {}",
            self.dir.path().display()
        );
        let mark = home.join("after-effects/crash-repair.mark");
        let config = format!(
            "renderer = {:?}\nkind = \"dedicated\"\nshim_unclaimed_seconds = 5\ncrash_repair_marks = [{mark:?}]\n{}",
            programs().join("aerender-sim"),
            self.setup.limits,
        );
        std::fs::write(home.join("agent.toml"), config).expect("written");
        self.agents.push(Agent {
            name: name.to_owned(),
            home,
            child: None,
            faults: Value::Array(Vec::new()),
        });
    }

    fn log(&self, name: &str) -> File {
        let path = self.dir.path().join(format!("{name}.log"));
        File::options()
            .create(true)
            .append(true)
            .open(path)
            .expect("a file")
    }

    pub fn start_agent(&mut self, n: usize) {
        let settings = serde_json::json!({
            "frame_ms": self.setup.frame_ms,
            "startup_ms": self.setup.startup_ms,
            "seed": n,
            "home": self.agents[n].home.join("after-effects"),
            "faults": self.agents[n].faults,
        });
        let child = Command::new(programs().join("flatrender-agent"))
            .args(["run", "--data-dir"])
            .arg(&self.agents[n].home)
            .env("AERENDER_SIM", settings.to_string())
            .env("AERENDER_SIM_LEDGER", self.ledger())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(self.log(&self.agents[n].name))
            .spawn()
            .expect("the agent starts");
        self.agents[n].child = Some(child);
    }

    /// Ends an agent in an orderly way and starts it again with other faults of its renderer.
    pub fn restart_agent(&mut self, n: usize, faults: Value) {
        if let Some(mut child) = self.agents[n].child.take() {
            terminate(&mut child);
        }
        self.agents[n].faults = faults;
        self.start_agent(n);
    }

    /// kill -9.
    pub fn kill_agent(&mut self, n: usize) {
        if let Some(mut child) = self.agents[n].child.take() {
            child.kill().expect("it can be killed");
            child.wait().expect("it is gone");
        }
    }

    pub fn agent_pid(&self, n: usize) -> u32 {
        self.agents[n].child.as_ref().expect("it runs").id()
    }

    /// kill -9 of the controller and of every process of its PostgreSQL.
    pub fn kill_controller_and_database(&mut self) {
        let postmaster = self.postmaster();
        if let Some(mut child) = self.controller.take() {
            child.kill().expect("it can be killed");
            for pid in family(postmaster) {
                Command::new("kill")
                    .args(["-9", &pid.to_string()])
                    .status()
                    .ok();
            }
            child.wait().expect("it is gone");
        }
    }

    /// An orderly end of the controller.
    pub fn stop_controller(&mut self) {
        if let Some(mut child) = self.controller.take() {
            Command::new("kill")
                .arg(child.id().to_string())
                .status()
                .expect("kill");
            child.wait().expect("it ends");
        }
    }

    fn postmaster(&self) -> u32 {
        let text = std::fs::read_to_string(self.postmaster_file()).expect("PostgreSQL runs");
        text.lines()
            .next()
            .and_then(|line| line.trim().parse().ok())
            .expect("a process id")
    }

    fn postmaster_file(&self) -> PathBuf {
        find(&self.dir.path().join("farm"), "postmaster.pid").expect("PostgreSQL runs")
    }

    /// A look into the embedded database, as its superuser.
    pub async fn database(&self) -> PgPool {
        let text = std::fs::read_to_string(self.postmaster_file()).expect("PostgreSQL runs");
        let line = |n: usize| text.lines().nth(n).expect("a line").trim();
        let options = PgConnectOptions::new_without_pgpass()
            .socket(line(4))
            .port(line(3).parse().expect("a port"))
            .username("flatrender")
            .database("flatrender");
        PgPoolOptions::new()
            .max_connections(2)
            .connect_with(options)
            .await
            .expect("it answers")
    }

    pub fn ledger(&self) -> PathBuf {
        self.dir.path().join("ledger.jsonl")
    }

    pub fn flatctl_command(&self) -> Command {
        let mut command = Command::new(programs().join("flatctl"));
        command
            .env("FLATRENDER_SERVER", &self.server)
            .env("FLATRENDER_TOKEN", &self.token)
            .stdin(Stdio::null());
        command
    }

    /// What flatctl prints; panics with what it complains of when it fails.
    pub fn flatctl(&self, arguments: &[&str]) -> String {
        let output = self
            .flatctl_command()
            .args(arguments)
            .output()
            .expect("flatctl starts");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "flatctl {arguments:?}: {errors}");
        String::from_utf8(output.stdout).expect("text")
    }

    pub fn job(&self, name: &str) -> Value {
        serde_json::from_str(&self.flatctl(&["job", "show", name, "--json"])).expect("JSON")
    }

    /// A project of one composition, "Main".
    pub fn project(&self, width: u16, height: u16, rate: Rational, frames: u32) -> PathBuf {
        let comp = CompSpec::new("Main", width, height, rate, frames);
        let path = self
            .dir
            .path()
            .join(format!("main-{width}x{height}-{frames}.aep"));
        let spec = ProjectSpec {
            comps: vec![comp],
            ..ProjectSpec::default()
        };
        std::fs::write(&path, write::project(&spec)).expect("written");
        path
    }

    pub fn submit(&self, project: &Path, composition: &str, name: &str, more: &[&str]) -> String {
        let project = project.to_str().expect("a plain path");
        let mut arguments = vec!["render", project, "--comp", composition, "--name", name];
        arguments.extend(more);
        self.flatctl(&arguments).trim().to_owned()
    }

    pub fn frames_done(&self, name: &str) -> u64 {
        self.job(name)["frames_done"].as_u64().expect("a number")
    }

    /// Waits until the job is done; panics when it ends otherwise.
    pub fn until_done(&self, name: &str) -> Value {
        self.until("the job is done", |farm| {
            let job = farm.job(name);
            match job["state"].as_str() {
                Some("done") => Some(job),
                Some("failed" | "cancelled") => panic!("the job ended: {job}"),
                _ => None,
            }
        })
    }

    pub fn until<T>(&self, what: &str, mut check: impl FnMut(&Self) -> Option<T>) -> T {
        let deadline = Instant::now() + Duration::from_secs(setting_wait());
        loop {
            if let Some(value) = check(self) {
                return value;
            }
            assert!(
                Instant::now() < deadline,
                "waited in vain until {what}: {}",
                self.logs()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn logs(&self) -> String {
        let mut text = String::new();
        for entry in std::fs::read_dir(self.dir.path())
            .expect("a folder")
            .flatten()
        {
            if entry
                .path()
                .extension()
                .is_some_and(|extension| extension == "log")
            {
                let log = std::fs::read_to_string(entry.path()).unwrap_or_default();
                let from = log.char_indices().rev().nth(3000).map_or(0, |(at, _)| at);
                text.push_str(&format!(
                    "\n--- {}\n{}",
                    entry.path().display(),
                    &log[from..]
                ));
            }
        }
        text
    }
}

impl Drop for Farm {
    fn drop(&mut self) {
        let agents = self
            .agents
            .iter_mut()
            .filter_map(|agent| agent.child.take());
        for mut child in agents.chain(self.controller.take()) {
            terminate(&mut child);
        }
        // Shims without an agent end by themselves after 5 s; the folder must outlive them.
        let deadline = Instant::now() + Duration::from_secs(20);
        let path = self.dir.path().to_string_lossy().into_owned();
        while Instant::now() < deadline
            && Command::new("pgrep")
                .args(["-f", &path])
                .stdout(Stdio::null())
                .status()
                .is_ok_and(|s| s.success())
        {
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Asks a process to end, and ends it when it does not.
fn terminate(child: &mut Child) {
    Command::new("kill")
        .arg(child.id().to_string())
        .status()
        .ok();
    let deadline = Instant::now() + Duration::from_secs(20);
    while child.try_wait().is_ok_and(|status| status.is_none()) && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().ok();
    child.wait().ok();
}

fn setting_wait() -> u64 {
    super::setting("FLATRENDER_WAIT_SECONDS", 120)
}

/// The embedded PostgreSQL runs as another user when the tests are root.
fn open_to_all(path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("ours");
    }
}

fn free_tcp() -> u16 {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    socket.local_addr().expect("bound").port()
}

fn free_udp() -> u16 {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
    socket.local_addr().expect("bound").port()
}

/// A process and its children.
fn family(pid: u32) -> Vec<u32> {
    let output = Command::new("pgrep")
        .args(["-P", &pid.to_string()])
        .output()
        .expect("pgrep");
    let children = String::from_utf8_lossy(&output.stdout);
    std::iter::once(pid)
        .chain(children.lines().filter_map(|line| line.trim().parse().ok()))
        .collect()
}

fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    for entry in std::fs::read_dir(folder).ok()?.flatten() {
        let path = entry.path();
        if path.file_name().is_some_and(|found| found == name) {
            return Some(path);
        }
        if path.is_dir()
            && let Some(found) = find(&path, name)
        {
            return Some(found);
        }
    }
    None
}
