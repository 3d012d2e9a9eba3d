//! The findings so far: counted, cut, and put in order.

use super::{Finding, Severity};
use crate::model::{Composition, Layer};
use crate::reach;

/// Most findings that are kept.
const MOST: usize = 1000;
/// Most letters of a name in a text.
const NAME_CHARS: usize = 80;
/// Most letters of a path in a text.
const PATH_CHARS: usize = 400;
/// Most names in a row.
const NAMES: usize = 8;

#[derive(Default)]
pub(super) struct Findings {
    list: Vec<Finding>,
    more: u64,
}

impl Findings {
    pub(super) fn add(&mut self, finding: Finding) {
        if self.list.len() < MOST {
            self.list.push(finding);
        } else {
            self.more += 1;
        }
    }

    /// The worst first; what is equally bad stays as it came.
    pub(super) fn sorted(mut self) -> Vec<Finding> {
        self.list
            .sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        if self.more > 0 {
            self.list.push(Finding {
                severity: Severity::Note,
                code: "more",
                what: format!("{} more findings", self.more),
                comp: None,
                layer: None,
                remedy: "mend these, then check again".to_owned(),
            });
        }
        self.list
    }
}

/// A name, cut for a text.
pub(super) fn short(name: &str) -> String {
    cut(name, NAME_CHARS)
}

/// A path, cut only if it is longer than any real one.
pub(super) fn short_path(path: &str) -> String {
    cut(path, PATH_CHARS)
}

fn cut(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A layer with its composition, for people.
pub(super) fn place((comp, layer): (&Composition, &Layer)) -> String {
    short(&reach::place(comp, layer))
}

/// Names in quotes, the first few of them.
pub(super) fn names<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut shown = Vec::new();
    let mut more: u64 = 0;
    for name in names {
        if shown.len() < NAMES {
            shown.push(format!("\"{}\"", short(name)));
        } else {
            more += 1;
        }
    }
    let tail = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    shown.join(", ") + &tail
}

/// `1 layer`, `2 layers`.
pub(super) fn several(count: usize, one: &str) -> String {
    if count == 1 {
        format!("1 {one}")
    } else {
        format!("{count} {one}s")
    }
}
