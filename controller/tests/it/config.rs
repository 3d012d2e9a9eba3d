//! The configuration: which layer wins, and what is said when something is wrong.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use flatrender_controller::config::{ConfigError, Given, Layers, Loaded, LogFormat, Purpose};
use flatrender_controller::database::Source;

/// Layers over a folder of their own, which also is the data folder.
struct Case {
    folder: tempfile::TempDir,
    layers: Layers,
}

impl Case {
    fn new(file: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("controller.toml"), file).expect("written");
        let data_dir = folder.path().display().to_string();
        let layers = Layers {
            purpose: Purpose::Serve,
            file: None,
            env: BTreeMap::from([("FLATRENDER_DATA_DIR".to_owned(), data_dir)]),
            flags: Vec::new(),
        };
        Self { folder, layers }
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.layers.env.insert(name.to_owned(), value.to_owned());
        self
    }

    fn flag(mut self, flag: &str, key: &str, value: &str) -> Self {
        self.layers.flags.push(Given::flag(flag, key, value));
        self
    }

    fn load(&self) -> Result<Loaded, ConfigError> {
        self.layers.load()
    }

    fn good(&self) -> Loaded {
        self.load().unwrap_or_else(|error| panic!("{error}"))
    }

    /// What is wrong, line by line, with the folder's name taken out.
    fn wrong(&self) -> Vec<String> {
        let error = self.load().expect_err("it is wrong");
        let folder = format!("{}/", self.folder.path().display());
        let lines = error
            .0
            .iter()
            .map(|wrong| wrong.to_string().replace(&folder, ""));
        lines.collect()
    }
}

fn from(loaded: &Loaded, key: &str) -> String {
    let shown = loaded.shown();
    let line = shown
        .iter()
        .find(|line| line.key == key)
        .expect("every key is shown");
    let place = Path::new(&line.from).file_name().expect("words");
    format!("{} from {}", line.value, place.display())
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let case = Case::new(
        "[http]\nlisten = '127.0.0.1:1'\n[link]\nlisten = '127.0.0.1:2'\n[farm]\ncanary = false\nterm_ms = 2_000\n",
    );
    let case = case
        .env("FLATRENDER_LINK_LISTEN", "127.0.0.1:3")
        .env("FLATRENDER_HTTP_LISTEN", "127.0.0.1:4")
        .env("FLATRENDER_FARM_SILENT_AFTER_MS", "9000")
        .env("FLATRENDER_LOG_FORMAT", "")
        .flag("--http", "http.listen", "[::1]:5");
    let loaded = case.good();
    let config = &loaded.config;
    assert_eq!(config.http_listen.to_string(), "[::1]:5");
    assert_eq!(config.link_listen.to_string(), "127.0.0.1:3");
    assert_eq!(
        (
            config.farm.canary,
            config.farm.term_ms,
            config.farm.silent_after_ms
        ),
        (false, 2000, 9000)
    );
    assert_eq!(
        config.log_format,
        LogFormat::Text,
        "an empty variable says nothing"
    );
    assert_eq!(
        config.source().as_embedded(),
        Some(case.folder.path().join("pg"))
    );
    for (key, expected) in [
        ("http.listen", "\"[::1]:5\" from --http"),
        ("link.listen", "\"127.0.0.1:3\" from FLATRENDER_LINK_LISTEN"),
        ("farm.canary", "false from controller.toml:6"),
        ("farm.lost_after_ms", "60000 from default"),
    ] {
        assert_eq!(from(&loaded, key), expected);
    }
}

trait Embedded {
    fn as_embedded(&self) -> Option<PathBuf>;
}

impl Embedded for Source {
    fn as_embedded(&self) -> Option<PathBuf> {
        match self {
            Self::Embedded { base_dir } => Some(base_dir.clone()),
            Self::Url(_) => None,
        }
    }
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let file = "\
htpp = 1
http = 3
[link]
listen = 'here'
advertise = ['farm.example:7443', 'farm.example']
[database.role_urls]
fr_rendr = 'postgres://x'
[farm]
canary = 'maybe'
term_ms = 1.5
lost_after_ms = 10
[log]
format = 'xml'
";
    let case = Case::new(file)
        .env("FLATRENDER_FARM_TERM_MS", "-1")
        .flag("--set", "nope", "1");
    let expected = [
        "controller.toml:1: htpp: it is not known; known at the top: data_dir, http, link, database, farm, log",
        "controller.toml:2: http: it is integer; needed is a table: [http]",
        "controller.toml:4: link.listen = \"here\": needed is IP:PORT, such as 127.0.0.1:7480 or [::]:7480",
        "controller.toml:5: link.advertise = [\"farm.example:7443\",\"farm.example\"]: \"farm.example\" is not HOST:PORT",
        "controller.toml:7: database.role_urls.fr_rendr: it is not known; known in [database.role_urls]: fr_identity, \
         fr_identity_worker, fr_content, fr_content_worker, fr_studio, fr_studio_worker, fr_render, fr_render_worker, \
         fr_filemgr, fr_filemgr_worker, fr_notification, fr_notification_worker, fr_maint",
        "controller.toml:9: farm.canary = \"maybe\": needed is true or false",
        "controller.toml:10: farm.term_ms: it is float, which no key takes",
        "controller.toml:11: farm.lost_after_ms = 10: it must be more than farm.silent_after_ms: a node is silent before \
         it is lost",
        "controller.toml:13: log.format = \"xml\": needed is text or json",
        "FLATRENDER_FARM_TERM_MS: farm.term_ms = \"-1\": needed is a whole number from 0 to 86400000",
        "--set: nope = \"1\": there is no such key; `config show` lists them",
    ];
    assert_eq!(case.wrong(), expected);
}

#[test]
fn a_file_that_is_no_toml_is_refused_with_its_line() {
    let wrong = Case::new("[http]\nlisten = '127.0.0.1:1'\nlisten = '127.0.0.1:2'\n").wrong();
    assert!(
        wrong.len() == 1 && wrong[0].starts_with("controller.toml:3: "),
        "{wrong:?}"
    );
    let wrong = Case::new("[http\n").wrong();
    assert!(wrong[0].starts_with("controller.toml:1: "), "{wrong:?}");
}

#[test]
fn a_file_that_was_named_must_be_there_and_the_other_one_need_not() {
    let mut case = Case::new("");
    std::fs::remove_file(case.folder.path().join("controller.toml")).unwrap();
    assert_eq!(case.good().file, None);
    case.layers.file = Some(case.folder.path().join("other.toml"));
    let wrong = case.wrong();
    assert!(
        wrong.len() == 1 && wrong[0].starts_with("other.toml:1: it can't be read: "),
        "{wrong:?}"
    );
    std::fs::write(case.folder.path().join("other.toml"), "log.format = 'json'").unwrap();
    assert_eq!(case.good().config.log_format, LogFormat::Json);
}

#[test]
fn passwords_are_shown_nowhere() {
    let case = Case::new("[database]\nurl = 'postgres://m:hunter2@db/f'\n").env(
        "FLATRENDER_DATABASE_ROLE_URLS_FR_RENDER",
        "postgres://fr_render:hunter2@db/f",
    );
    let loaded = case.good();
    assert_eq!(
        loaded.config.role_urls["fr_render"],
        "postgres://fr_render:hunter2@db/f"
    );
    assert_eq!(
        from(&loaded, "database.url"),
        "\"postgres://m:***@db/f\" from controller.toml:2"
    );
    let shown = serde_json::to_string(&loaded.shown()).unwrap() + &format!("{loaded:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
    let case = Case::new("[database]\nurl = 'mysql://m:hunter2@db/f'\n");
    assert_eq!(
        case.wrong(),
        [
            "controller.toml:2: database.url = \"mysql://m:***@db/f\": needed is postgres://USER[:PASSWORD]@HOST[:PORT]/NAME"
        ]
    );
    // Addresses of roles without a database to go with them are a mistake.
    let case = Case::new("[database.role_urls]\nfr_maint = 'postgres://a:hunter2@b/c'\n");
    let wrong = case.wrong();
    assert!(
        wrong.len() == 1 && !wrong[0].contains("hunter2"),
        "{wrong:?}"
    );
}

#[test]
fn dev_stays_on_this_machine() {
    let mut case = Case::new("")
        .env("FLATRENDER_DATABASE_URL", "postgres://m@db/f")
        .flag("--http", "http.listen", "0.0.0.0:0")
        .flag("--link", "link.listen", "[::1]:0");
    case.layers.purpose = Purpose::Dev;
    assert_eq!(
        case.wrong(),
        [
            "FLATRENDER_DATABASE_URL: database.url = (set): dev has a database of its own; use serve for another",
            "--http: http.listen = \"0.0.0.0:0\": dev listens on this machine only (127.0.0.1 or [::1]); use serve for others",
        ]
    );
}

#[test]
fn join_tokens_say_what_was_configured_or_what_can_be_reached() {
    let case = Case::new("[link]\nadvertise = ['farm.example:7443', '[2001:db8::1]:7443']\n");
    let bound = "0.0.0.0:7000".parse().unwrap();
    assert_eq!(
        case.good().config.advertised(bound),
        ["farm.example:7443", "[2001:db8::1]:7443"]
    );
    let config = Case::new("").good().config;
    assert_eq!(
        config.advertised("192.0.2.7:7001".parse().unwrap()),
        ["192.0.2.7:7001"]
    );
    let derived = config.advertised(bound);
    assert!(
        derived.len() == 1 && derived[0].ends_with(":7000") && !derived[0].starts_with("0.0.0.0"),
        "{derived:?}"
    );
    let case = Case::new("").env("FLATRENDER_LINK_ADVERTISE", "a:1, b:2");
    assert_eq!(case.good().config.advertised(bound), ["a:1", "b:2"]);
    for wrong in [
        "a",
        "a:",
        ":1",
        "a:0",
        "a:b",
        "a b:1",
        "http://a:1",
        "::1:7443",
        "",
    ] {
        let case = Case::new("").flag("--set", "link.advertise", wrong);
        assert!(case.load().is_err(), "{wrong}");
    }
}
