//! Objects by name, whole id or the last eight characters of the id.

use std::future::Future;

use flatrender_protocol::rest::Page;
use uuid::Uuid;

use crate::client::ClientError;
use crate::failure::{Doing, Exit, Failure};
use crate::output::short_id;

/// Rows looked at for a name.
const ENOUGH: u32 = 20;
/// Names looked through for a similar one.
const CANDIDATES: u32 = 500;

/// One kind of object.
pub(super) struct Kind {
    /// `job`, `node`.
    pub word: &'static str,
    /// The command that lists them.
    pub list: &'static str,
}

/// The one object that `text` names. `find` asks the farm: a name or none, and most rows.
pub(super) async fn one<T, F, Answer>(
    kind: &Kind,
    text: &str,
    did: &str,
    find: F,
    name: impl Fn(&T) -> (&str, Uuid),
) -> Result<T, Failure>
where
    F: Fn(Option<String>, u32) -> Answer,
    Answer: Future<Output = Result<Page<T>, ClientError>>,
{
    let mut found = find(Some(text.to_owned()), ENOUGH).await.doing(did)?.data;
    match found.len() {
        0 => {
            let all = find(None, CANDIDATES).await.doing(did)?.data;
            let names = all.iter().map(|object| name(object).0);
            Err(none(kind, text, did, similar(text, names)))
        }
        1 => Ok(found.swap_remove(0)),
        count => {
            let ids: Vec<String> = found
                .iter()
                .map(|object| short_id(name(object).1))
                .collect();
            let why = format!("{count} {}s are called \"{text}\"", kind.word);
            Err(Failure::new(Exit::NoSuch, did, why)
                .hint(format!("name one by the end of its id: {}", ids.join(", "))))
        }
    }
}

fn none(kind: &Kind, text: &str, did: &str, similar: Option<&str>) -> Failure {
    let why = format!("no {} is called \"{text}\"", kind.word);
    let failure = Failure::new(Exit::NoSuch, did, why);
    let list = kind.list;
    match similar {
        Some(name) => failure.hint(format!("did you mean {name}? {list} lists them")),
        None => failure.hint(format!("{list} lists them")),
    }
}

/// The nearest name, if it is near: at most a third of it differs.
fn similar<'a>(text: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    names
        .map(|name| (distance(text, name), name))
        .filter(|(distance, name)| distance * 3 <= name.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Letters to change, add or leave out, to get from one to the other (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(200).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.chars().take(200).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, other) in b.iter().enumerate() {
            let changed = diagonal + usize::from(letter != *other);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_offered() {
        let names = || ["ws-gpu-0112", "ws-edit-0031", "春節"].into_iter();
        assert_eq!(similar("ws-gpu-01122", names()), Some("ws-gpu-0112"));
        assert_eq!(similar("WS-gpu-0112", names()), Some("ws-gpu-0112"));
        assert_eq!(similar("printer", names()), None);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
    }
}
