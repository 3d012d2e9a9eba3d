//! The keys: their names, what each takes, how it is read, checked and shown.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde_json::{Map, Value as Json, json};

use super::{Config, ENV_PREFIX, LogFormat, Origin, Purpose, Value, Wrong, is_loopback};
use crate::database::Role;
use crate::farm;

/// Most addresses that a join token carries.
const MAX_ADVERTISED: usize = 16;
/// Longest value that an error quotes.
const MAX_QUOTED: usize = 200;

/// One key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its name in the file, with its tables: `http.listen`.
    pub name: String,
    /// Whether its value may hold a password.
    pub secret: bool,
}

impl Key {
    /// Its name in the environment: `FLATRENDER_HTTP_LISTEN`.
    pub fn env(&self) -> String {
        format!("{ENV_PREFIX}{}", self.name.replace('.', "_").to_uppercase())
    }
}

/// Every key there is, a table's keys beside each other.
pub(super) fn all() -> Vec<Key> {
    let plain = |name: &str| Key {
        name: name.to_owned(),
        secret: false,
    };
    let secret = |name: String| Key { name, secret: true };
    let mut keys: Vec<Key> = ["data_dir", "http.listen", "link.listen", "link.advertise"]
        .map(plain)
        .into();
    keys.push(secret("database.url".to_owned()));
    keys.push(plain("database.base_dir"));
    let roles = Role::SERVICES
        .iter()
        .map(|role| format!("database.role_urls.{}", role.name()));
    keys.extend(roles.map(secret));
    keys.extend(
        settings(&farm::Settings::default())
            .keys()
            .map(|name| plain(&format!("farm.{name}"))),
    );
    keys.extend(["log.filter", "log.format"].map(plain));
    keys
}

/// The farm's settings by name: what they are is said once, where they are.
fn settings(settings: &farm::Settings) -> Map<String, Json> {
    match serde_json::to_value(settings) {
        Ok(Json::Object(map)) => map,
        other => unreachable!("settings are an object of numbers and flags: {other:?}"),
    }
}

/// A configuration that is being put together.
pub(super) struct Draft {
    config: Config,
    farm: Map<String, Json>,
    base_dir: Option<PathBuf>,
}

impl Draft {
    pub(super) fn new(config: Config) -> Self {
        let farm = settings(&config.farm);
        Self {
            config,
            farm,
            base_dir: None,
        }
    }

    /// Puts one value in place, or says why it can't be.
    pub(super) fn apply(&mut self, keys: &[Key], key: &str, value: &Value) -> Result<(), String> {
        if !keys.iter().any(|known| known.name == key) {
            return Err("there is no such key; `config show` lists them".to_owned());
        }
        if let Some(role) = key.strip_prefix("database.role_urls.") {
            self.config.role_urls.insert(role.to_owned(), url(value)?);
            return Ok(());
        }
        if let Some(name) = key.strip_prefix("farm.") {
            let before = self.farm.get(name).cloned().unwrap_or_default();
            self.farm.insert(name.to_owned(), like(&before, value)?);
            return Ok(());
        }
        let config = &mut self.config;
        match key {
            "data_dir" => config.data_dir = path(value)?,
            "http.listen" => config.http_listen = address(value)?,
            "link.listen" => config.link_listen = address(value)?,
            "link.advertise" => config.link_advertise = advertised(value)?,
            "database.url" => config.database_url = Some(url(value)?),
            "database.base_dir" => self.base_dir = Some(path(value)?),
            "log.format" => {
                config.log_format = match text(value)? {
                    "text" => LogFormat::Text,
                    "json" => LogFormat::Json,
                    _ => return Err("needed is text or json".to_owned()),
                };
            }
            "log.filter" => {
                let filter = text(value)?;
                tracing_subscriber::EnvFilter::try_new(filter)
                    .map_err(|error| format!("it is no filter ({error}); such as info or info,flatrender_controller=debug"))?;
                config.log_filter = filter.to_owned();
            }
            other => unreachable!("{other} is a key, and every key has an arm"),
        }
        Ok(())
    }

    /// Checks what depends on more than one value.
    pub(super) fn finish(
        mut self,
        origins: &BTreeMap<String, Origin>,
        purpose: Purpose,
        wrong: &mut Vec<Wrong>,
    ) -> Config {
        let config = &mut self.config;
        config.database_base_dir = self.base_dir.unwrap_or_else(|| config.data_dir.join("pg"));
        // Each value was read like the default it replaces.
        config.farm = serde_json::from_value(Json::Object(self.farm))
            .expect("numbers stay numbers and flags stay flags");
        let mut say = |key: &str, value: String, why: &str| {
            wrong.push(Wrong {
                origin: origins.get(key).cloned().unwrap_or(Origin::Default),
                key: key.to_owned(),
                value: Some(value),
                why: why.to_owned(),
            });
        };
        check_farm(&config.farm, &mut say);
        if config.database_url.is_none() && !config.role_urls.is_empty() {
            let some = config.role_urls.keys().next().cloned().unwrap_or_default();
            say(
                &format!("database.role_urls.{some}"),
                "(set)".into(),
                "an embedded database needs no addresses; give database.url too, or none of them",
            );
        }
        if purpose == Purpose::Dev {
            check_dev(config, &mut say);
        }
        self.config
    }
}

fn check_farm(farm: &farm::Settings, say: &mut impl FnMut(&str, String, &str)) {
    if farm.term_ms < 300 {
        say(
            "farm.term_ms",
            farm.term_ms.to_string(),
            "at least 300 are needed: it is renewed three times in a term",
        );
    }
    if farm.silent_after_ms == 0 {
        say("farm.silent_after_ms", "0".into(), "it must be more than 0");
    }
    if farm.lost_after_ms <= farm.silent_after_ms {
        say(
            "farm.lost_after_ms",
            farm.lost_after_ms.to_string(),
            "it must be more than farm.silent_after_ms: a node is silent before it is lost",
        );
    }
}

fn check_dev(config: &Config, say: &mut impl FnMut(&str, String, &str)) {
    for (key, address) in [
        ("http.listen", config.http_listen),
        ("link.listen", config.link_listen),
    ] {
        if !is_loopback(address.ip()) {
            say(
                key,
                quoted(&Value::Text(address.to_string()), false),
                "dev listens on this machine only (127.0.0.1 or [::1]); use serve for others",
            );
        }
    }
    if config.database_url.is_some() {
        say(
            "database.url",
            "(set)".into(),
            "dev has a database of its own; use serve for another",
        );
    }
}

/// What `key` is in `config`, for showing: secrets masked.
pub(super) fn value_of(config: &Config, key: &Key) -> Json {
    let path = |path: &PathBuf| json!(path.display().to_string());
    let masked = |url: Option<&String>| url.map_or(Json::Null, |url| json!(mask(url)));
    if let Some(role) = key.name.strip_prefix("database.role_urls.") {
        return masked(config.role_urls.get(role));
    }
    if let Some(name) = key.name.strip_prefix("farm.") {
        return settings(&config.farm)
            .get(name)
            .cloned()
            .unwrap_or_default();
    }
    match key.name.as_str() {
        "data_dir" => path(&config.data_dir),
        "http.listen" => json!(config.http_listen.to_string()),
        "link.listen" => json!(config.link_listen.to_string()),
        "link.advertise" => json!(config.link_advertise),
        "database.url" => masked(config.database_url.as_ref()),
        "database.base_dir" => path(&config.database_base_dir),
        "log.format" => match config.log_format {
            LogFormat::Text => json!("text"),
            LogFormat::Json => json!("json"),
        },
        "log.filter" => json!(config.log_filter),
        other => unreachable!("{other} is a key, and every key has an arm"),
    }
}

/// A value as an error quotes it.
pub(super) fn quoted(value: &Value, secret: bool) -> String {
    let text = match value {
        Value::Text(text) if secret => json!(mask(text)).to_string(),
        Value::Text(text) => json!(text).to_string(),
        Value::Whole(number) => number.to_string(),
        Value::Flag(flag) => flag.to_string(),
        Value::List(texts) => json!(texts).to_string(),
    };
    if text.chars().count() <= MAX_QUOTED {
        return text;
    }
    text.chars().take(MAX_QUOTED).chain(['…']).collect()
}

/// An address without its password; nothing of it when it is not one that is understood.
fn mask(url: &str) -> String {
    let hidden = || "***".to_owned();
    let Some((scheme, rest)) = url.split_once("://") else {
        return hidden();
    };
    // Anything behind the question mark may be a password too.
    let (rest, query) = match rest.split_once('?') {
        Some((rest, _)) => (rest, "?***"),
        None => (rest, ""),
    };
    match rest.rsplit_once('@') {
        None => format!("{scheme}://{rest}{query}"),
        Some((who, place)) => match who.split_once(':') {
            None => format!("{scheme}://{who}@{place}{query}"),
            Some((user, _)) => format!("{scheme}://{user}:***@{place}{query}"),
        },
    }
}

fn text(value: &Value) -> Result<&str, String> {
    match value {
        Value::Text(text) if !text.trim().is_empty() => Ok(text.trim()),
        Value::Text(_) => Err("it is empty".to_owned()),
        Value::Whole(_) | Value::Flag(_) | Value::List(_) => Err("needed is a text".to_owned()),
    }
}

fn path(value: &Value) -> Result<PathBuf, String> {
    std::path::absolute(text(value)?).map_err(|error| format!("it is no path: {error}"))
}

fn address(value: &Value) -> Result<SocketAddr, String> {
    let wrong = |_| "needed is IP:PORT, such as 127.0.0.1:7480 or [::]:7480".to_owned();
    text(value)?.parse().map_err(wrong)
}

fn url(value: &Value) -> Result<String, String> {
    let url = text(value)?;
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return Ok(url.to_owned());
    }
    Err("needed is postgres://USER[:PASSWORD]@HOST[:PORT]/NAME".to_owned())
}

fn advertised(value: &Value) -> Result<Vec<String>, String> {
    let all: Vec<String> = match value {
        Value::List(texts) => texts.clone(),
        Value::Text(texts) => texts
            .split(',')
            .map(|text| text.trim().to_owned())
            .collect(),
        Value::Whole(_) | Value::Flag(_) => return Err("needed is a list of HOST:PORT".to_owned()),
    };
    if all.len() > MAX_ADVERTISED {
        return Err(format!(
            "a join token carries at most {MAX_ADVERTISED} addresses"
        ));
    }
    for text in &all {
        let port = text
            .rsplit_once(':')
            .map(|(host, port)| (host, port.parse::<u16>()));
        let host_is_fine = |host: &str| {
            let bracketed = host.starts_with('[') && host.ends_with(']');
            !host.is_empty()
                && host.len() <= 253
                && (bracketed || !host.contains(':'))
                && !host.contains(|c: char| c.is_whitespace() || c == '/')
        };
        if !port.is_some_and(|(host, port)| host_is_fine(host) && port.is_ok_and(|port| port > 0)) {
            return Err(format!("\"{}\" is not HOST:PORT", text.escape_debug()));
        }
    }
    Ok(all)
}

/// `value` as the kind of setting that `before` is.
fn like(before: &Json, value: &Value) -> Result<Json, String> {
    if before.is_boolean() {
        return match value {
            Value::Flag(flag) => Ok(json!(flag)),
            Value::Text(text) => match text.trim() {
                "true" => Ok(json!(true)),
                "false" => Ok(json!(false)),
                _ => Err("needed is true or false".to_owned()),
            },
            Value::Whole(_) | Value::List(_) => Err("needed is true or false".to_owned()),
        };
    }
    let number = match value {
        Value::Whole(number) => Some(*number),
        Value::Text(text) => text.trim().parse().ok(),
        Value::Flag(_) | Value::List(_) => None,
    };
    // A day is longer than any of these times should be, and keeps sums far from overflow.
    let fits = number.filter(|number| (0..=86_400_000).contains(number));
    fits.map(|number| json!(number))
        .ok_or_else(|| "needed is a whole number from 0 to 86400000".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_masked_wherever_they_stand() {
        for (url, shown) in [
            (
                "postgres://fr_render:hunter2@db:5432/f",
                "postgres://fr_render:***@db:5432/f",
            ),
            ("postgres://a:b@hunter2@db/f", "postgres://a:***@db/f"),
            (
                "postgres://fr_render@db/f?password=hunter2",
                "postgres://fr_render@db/f?***",
            ),
            ("postgres://db/f", "postgres://db/f"),
            ("hunter2", "***"),
        ] {
            assert_eq!(mask(url), shown);
        }
    }

    #[test]
    fn every_key_is_read_and_shown() {
        let keys = all();
        let config = Config::defaults(Purpose::Serve);
        for key in &keys {
            let shown = value_of(&config, key);
            // What is shown can be given again; a value of the wrong kind is refused, whatever the key.
            let mut draft = Draft::new(config.clone());
            assert!(
                draft
                    .apply(&keys, &key.name, &Value::List(vec![String::new()]))
                    .is_err(),
                "{key:?}"
            );
            let again = match shown {
                Json::String(text) => Value::Text(text),
                Json::Number(number) => Value::Whole(number.as_i64().unwrap()),
                Json::Bool(flag) => Value::Flag(flag),
                Json::Array(_) | Json::Null | Json::Object(_) => continue,
            };
            assert_eq!(draft.apply(&keys, &key.name, &again), Ok(()), "{key:?}");
        }
    }
}
