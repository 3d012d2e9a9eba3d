//! The options of every command, and the configuration that they and the environment make.

use std::path::PathBuf;

use clap::Args;
use flatrender_controller::config::{ConfigError, Given, Layers, Loaded, Purpose};

/// Taken by every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of every command")]
pub struct Options {
    /// The configuration file; without it DATA_DIR/controller.toml is read if it is there [env: FLATRENDER_CONFIG]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Everything that this controller keeps [env: FLATRENDER_DATA_DIR]
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Where HTTP is answered: IP:PORT [env: FLATRENDER_HTTP_LISTEN]
    #[arg(long, global = true, value_name = "ADDRESS")]
    http: Option<String>,
    /// Where agents' QUIC sessions are answered: IP:PORT [env: FLATRENDER_LINK_LISTEN]
    #[arg(long, global = true, value_name = "ADDRESS")]
    link: Option<String>,
    /// The migrator's address of a database that is there already; other users of this machine can see it here, so prefer
    /// the file or the environment [env: FLATRENDER_DATABASE_URL]
    #[arg(long, global = true, value_name = "URL")]
    database_url: Option<String>,
    /// Any key of the configuration, such as log.format=json; `config show` lists them
    #[arg(long = "set", global = true, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

impl Options {
    /// The configuration for `purpose`.
    pub fn load(&self, purpose: Purpose) -> Result<Loaded, ConfigError> {
        let env = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        let layers = Layers {
            purpose,
            file: self.config.clone(),
            env: env.collect(),
            flags: self.flags(),
        };
        layers.load()
    }

    fn flags(&self) -> Vec<Given> {
        let data_dir = self
            .data_dir
            .as_ref()
            .map(|path| path.display().to_string());
        let named = [
            ("--data-dir", "data_dir", &data_dir),
            ("--http", "http.listen", &self.http),
            ("--link", "link.listen", &self.link),
            ("--database-url", "database.url", &self.database_url),
        ];
        let named = named
            .into_iter()
            .filter_map(|(flag, key, value)| Some(Given::flag(flag, key, value.clone()?)));
        let set = self.set.iter().map(|text| {
            let (key, value) = text.split_once('=').unwrap_or((text, ""));
            Given::flag("--set", key.trim(), value)
        });
        named.chain(set).collect()
    }
}
