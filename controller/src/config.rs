//! What this controller was told: file, environment and flags, in this order, the later one wins. Every key stands once, in
//! [`keys`]; its name in the environment and in `config show` follows from it.
//!
//! It opens nothing but the file, and collects everything that is wrong before it says so. Secrets never reach `Debug`.

mod file;
mod keys;
mod wrong;

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use flatrender_protocol::link::DEFAULT_PORT;

use crate::database::Source;
use crate::farm;

pub use self::keys::Key;
pub use self::wrong::{ConfigError, Origin, Wrong};

/// The file that is read from the data folder when no other is named.
pub const FILE_NAME: &str = "controller.toml";
/// What every variable of the environment begins with.
const ENV_PREFIX: &str = "FLATRENDER_";
/// Where HTTP is answered unless configured.
const HTTP_PORT: u16 = 7480;

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What a program is started for; the two have different defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To serve.
    Serve,
    /// To try it out on one machine: loopback only, a database and a folder of its own.
    Dev,
}

/// What holds.
#[derive(Clone, PartialEq)]
pub struct Config {
    /// Everything that this controller keeps.
    pub data_dir: PathBuf,
    /// Where people's requests are answered.
    pub http_listen: SocketAddr,
    /// Where agents' QUIC sessions are answered.
    pub link_listen: SocketAddr,
    /// `HOST:PORT` as agents reach it, for join tokens; empty: derived from `link_listen` and the name of this machine.
    pub link_advertise: Vec<String>,
    /// The migrator's address of a database that is there already; none: an embedded one.
    pub database_url: Option<String>,
    /// The folder of the embedded database.
    pub database_base_dir: PathBuf,
    /// The address for each service role, by its name.
    pub role_urls: BTreeMap<String, String>,
    /// Whether `serve` may migrate a database that is not its own.
    pub migrate: bool,
    /// Times and limits of the farm.
    pub farm: farm::Settings,
    /// How the log is written.
    pub log_format: LogFormat,
    /// What the log holds, as `tracing` filters say it.
    pub log_filter: String,
}

/// A value on its way into a key.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// A text; from environment and flags everything is one.
    Text(String),
    /// A whole number.
    Whole(i64),
    /// Yes or no.
    Flag(bool),
    /// Texts.
    List(Vec<String>),
}

/// A value with its key and where it was written.
#[derive(Clone)]
pub struct Given {
    /// The key, such as `http.listen`.
    pub key: String,
    /// What was written.
    pub value: Value,
    /// Where.
    pub origin: Origin,
}

impl Given {
    /// What a flag says.
    pub fn flag(flag: &str, key: &str, value: impl Into<String>) -> Self {
        let origin = Origin::Flag(flag.to_owned());
        Self {
            key: key.to_owned(),
            value: Value::Text(value.into()),
            origin,
        }
    }
}

/// What a configuration is made of.
#[derive(Clone)]
pub struct Layers {
    /// What the program is started for.
    pub purpose: Purpose,
    /// A file that was named; it must exist.
    pub file: Option<PathBuf>,
    /// Variables of the environment.
    pub env: BTreeMap<String, String>,
    /// What flags say, in order.
    pub flags: Vec<Given>,
}

/// A configuration, and where each of its values was written.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What holds.
    pub config: Config,
    /// The file that was read, if any.
    pub file: Option<PathBuf>,
    origins: BTreeMap<String, Origin>,
}

/// One line of `config show`.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Shown {
    /// The key.
    pub key: String,
    /// Its value, secrets masked; null when it has none.
    pub value: serde_json::Value,
    /// Where it was written, in words.
    pub from: String,
}

impl Layers {
    /// Reads everything and checks it.
    ///
    /// # Errors
    /// [`ConfigError`] with all that is wrong.
    pub fn load(&self) -> Result<Loaded, ConfigError> {
        let keys = keys::all();
        let (mut given, mut wrong) = (Vec::new(), Vec::new());
        let env = self.env_values(&keys);
        let file = self.file_to_read(&env);
        if let Some(path) = &file {
            file::read(path, &keys, &mut given, &mut wrong);
        }
        given.extend(env);
        given.extend(self.flags.iter().cloned());
        let mut draft = keys::Draft::new(Config::defaults(self.purpose));
        let mut origins = BTreeMap::new();
        for Given { key, value, origin } in given {
            match draft.apply(&keys, &key, &value) {
                Ok(()) => drop(origins.insert(key, origin)),
                Err(why) => wrong.push(Wrong::new(&keys, key, Some(&value), origin, why)),
            }
        }
        let config = draft.finish(&origins, self.purpose, &mut wrong);
        wrong.sort_by_key(Wrong::place);
        if wrong.is_empty() {
            Ok(Loaded {
                config,
                file,
                origins,
            })
        } else {
            Err(ConfigError(wrong))
        }
    }

    fn env_values(&self, keys: &[Key]) -> Vec<Given> {
        let named = keys.iter().map(|key| (key.env(), key));
        named
            .filter_map(|(name, key)| {
                let text = self.env.get(&name).filter(|text| !text.is_empty())?;
                let value = Value::Text(text.clone());
                Some(Given {
                    key: key.name.clone(),
                    value,
                    origin: Origin::Env(name),
                })
            })
            .collect()
    }

    /// The named file, else the one in the data folder if it is there.
    fn file_to_read(&self, env: &[Given]) -> Option<PathBuf> {
        let named = || {
            self.env
                .get("FLATRENDER_CONFIG")
                .filter(|path| !path.is_empty())
        };
        if let Some(path) = self.file.clone().or_else(|| named().map(PathBuf::from)) {
            return Some(path);
        }
        let said = env
            .iter()
            .chain(&self.flags)
            .rev()
            .find(|given| given.key == "data_dir");
        let data_dir = match said.map(|given| &given.value) {
            Some(Value::Text(path)) => PathBuf::from(path),
            _ => default_data_dir(self.purpose),
        };
        Some(data_dir.join(FILE_NAME)).filter(|path| path.exists())
    }
}

impl Loaded {
    /// Every key with its value and where that was written; secrets masked.
    pub fn shown(&self) -> Vec<Shown> {
        let keys = keys::all();
        let line = |key: &Key| {
            let origin = self.origins.get(&key.name);
            Shown {
                key: key.name.clone(),
                value: keys::value_of(&self.config, key),
                from: origin.unwrap_or(&Origin::Default).to_string(),
            }
        };
        keys.iter().map(line).collect()
    }
}

impl Config {
    /// What holds when nothing is said.
    pub fn defaults(purpose: Purpose) -> Self {
        let data_dir = default_data_dir(purpose);
        let link_ip = match purpose {
            Purpose::Serve => Ipv4Addr::UNSPECIFIED,
            Purpose::Dev => Ipv4Addr::LOCALHOST,
        };
        Self {
            database_base_dir: data_dir.join("pg"),
            data_dir,
            http_listen: (Ipv4Addr::LOCALHOST, HTTP_PORT).into(),
            link_listen: (link_ip, DEFAULT_PORT).into(),
            link_advertise: Vec::new(),
            database_url: None,
            role_urls: BTreeMap::new(),
            migrate: false,
            farm: farm::Settings::default(),
            log_format: LogFormat::Text,
            // Of notices, those of migrations that find things done are meant for psql.
            log_filter: "info,sqlx::postgres::notice=warn".to_owned(),
        }
    }

    /// Where the database is.
    pub fn source(&self) -> Source {
        match &self.database_url {
            Some(url) => Source::Url(url.clone()),
            None => Source::Embedded {
                base_dir: self.database_base_dir.clone(),
            },
        }
    }

    /// The folder of the blobs.
    pub fn store_dir(&self) -> PathBuf {
        self.data_dir.join("store")
    }

    /// The folder of the farm's authority over certificates.
    pub fn authority_dir(&self) -> PathBuf {
        self.data_dir.join("authority")
    }

    /// The file of the admin token.
    pub fn admin_token_file(&self) -> PathBuf {
        self.data_dir.join("admin-token")
    }

    /// What join tokens say: as configured, or derived from where the link is `bound`.
    pub fn advertised(&self, bound: SocketAddr) -> Vec<String> {
        if !self.link_advertise.is_empty() {
            return self.link_advertise.clone();
        }
        if !bound.ip().is_unspecified() {
            return vec![bound.to_string()];
        }
        let name = machine_name().unwrap_or_else(|| "localhost".to_owned());
        vec![format!("{name}:{}", bound.port())]
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        for key in keys::all() {
            map.entry(&key.name, &keys::value_of(self, &key));
        }
        map.finish()
    }
}

/// `/var/lib/flatrender` for root, else `$XDG_DATA_HOME/flatrender`; `dev` has one beside it, so that trying things out
/// never touches what serves.
fn default_data_dir(purpose: Purpose) -> PathBuf {
    let name = match purpose {
        Purpose::Serve => "flatrender",
        Purpose::Dev => "flatrender-dev",
    };
    let absolute = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let parent = if is_root() {
        Some(PathBuf::from("/var/lib"))
    } else {
        absolute("XDG_DATA_HOME")
            .or_else(|| absolute("LOCALAPPDATA"))
            .or_else(|| Some(absolute("HOME")?.join(".local/share")))
    };
    parent
        .unwrap_or_else(|| Path::new(".").to_owned())
        .join(name)
}

#[cfg(unix)]
pub(crate) fn is_root() -> bool {
    nix::unistd::Uid::effective().is_root()
}

#[cfg(not(unix))]
pub(crate) fn is_root() -> bool {
    false
}

#[cfg(unix)]
fn machine_name() -> Option<String> {
    nix::unistd::gethostname()
        .ok()?
        .into_string()
        .ok()
        .filter(|name| !name.is_empty())
}

#[cfg(not(unix))]
fn machine_name() -> Option<String> {
    std::env::var("COMPUTERNAME")
        .ok()
        .filter(|name| !name.is_empty())
}

/// Whether an address can only be reached from this machine.
fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}
