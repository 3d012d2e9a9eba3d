//! Reads a configuration file into values with their lines. It knows which keys there are, not what they mean.

use std::ops::Range;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::{Given, Key, Origin, Value, Wrong};

/// Largest file that is read.
const MAX_BYTES: u64 = 1 << 20;

struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
    keys: &'a [Key],
    given: &'a mut Vec<Given>,
    wrong: &'a mut Vec<Wrong>,
}

/// Reads `path`; what can't be read goes to `wrong`, the rest to `given`.
pub(super) fn read(path: &Path, keys: &[Key], given: &mut Vec<Given>, wrong: &mut Vec<Wrong>) {
    let text = match text(path) {
        Ok(text) => text,
        Err(why) => {
            let origin = Origin::File {
                path: path.to_owned(),
                line: 1,
            };
            wrong.push(Wrong::new(keys, String::new(), None, origin, why));
            return;
        }
    };
    let mut reader = Reader {
        path,
        text: &text,
        keys,
        given,
        wrong,
    };
    let (table, errors) = DeTable::parse_recoverable(&text);
    for error in &errors {
        let at = error.span().unwrap_or(0..0);
        reader.say(String::new(), None, at, error.message().to_owned());
    }
    reader.walk("", table.get_ref());
}

fn text(path: &Path) -> Result<String, String> {
    let meta = std::fs::metadata(path).map_err(|error| format!("it can't be read: {error}"))?;
    if meta.len() > MAX_BYTES {
        return Err(format!(
            "it has {} bytes; at most {MAX_BYTES} are read",
            meta.len()
        ));
    }
    std::fs::read_to_string(path).map_err(|error| format!("it can't be read: {error}"))
}

impl Reader<'_> {
    fn walk(&mut self, prefix: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            let name = format!("{prefix}{}", key.get_ref());
            let section = format!("{name}.");
            let is_section = self
                .keys
                .iter()
                .any(|known| known.name.starts_with(&section));
            match value.get_ref() {
                DeValue::Table(inner) if is_section => self.walk(&section, inner),
                found if is_section => {
                    let why = format!("it is {}; needed is a table: [{name}]", found.type_str());
                    self.say(name, None, key.span(), why);
                }
                _ if !self.keys.iter().any(|known| known.name == name) => {
                    let why = format!("it is not known; known {}", self.known(prefix));
                    self.say(name, None, key.span(), why);
                }
                found => self.take(name, found, value.span()),
            }
        }
    }

    fn take(&mut self, name: String, found: &DeValue<'_>, at: Range<usize>) {
        match plain(found) {
            Some(value) => {
                let origin = self.origin(&at);
                self.given.push(Given {
                    key: name,
                    value,
                    origin,
                });
            }
            None => {
                let why = format!("it is {}, which no key takes", found.type_str());
                self.say(name, None, at, why);
            }
        }
    }

    fn known(&self, prefix: &str) -> String {
        let here = self
            .keys
            .iter()
            .filter_map(|key| key.name.strip_prefix(prefix));
        let mut names: Vec<&str> = here
            .map(|name| name.split('.').next().unwrap_or(name))
            .collect();
        names.dedup();
        let place = match prefix.trim_end_matches('.') {
            "" => "at the top".to_owned(),
            section => format!("in [{section}]"),
        };
        format!("{place}: {}", names.join(", "))
    }

    fn say(&mut self, key: String, value: Option<&Value>, at: Range<usize>, why: String) {
        let origin = self.origin(&at);
        self.wrong
            .push(Wrong::new(self.keys, key, value, origin, why));
    }

    fn origin(&self, at: &Range<usize>) -> Origin {
        let before = self.text.get(..at.start).unwrap_or(self.text);
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        Origin::File {
            path: self.path.to_owned(),
            line,
        }
    }
}

fn plain(found: &DeValue<'_>) -> Option<Value> {
    match found {
        DeValue::String(text) => Some(Value::Text(text.to_string())),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .ok()
            .map(Value::Whole),
        DeValue::Boolean(flag) => Some(Value::Flag(*flag)),
        DeValue::Array(items) => {
            let texts = items
                .iter()
                .map(|item| item.get_ref().as_str().map(str::to_owned));
            texts.collect::<Option<Vec<_>>>().map(Value::List)
        }
        DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Table(_) => None,
    }
}
