//! The warnings collected while reading: few, in words, never the same one twice.

use std::collections::BTreeSet;

const MAX_WARNINGS: usize = 50;
const MAX_WARNING_CHARS: usize = 300;

/// Warnings so far, and whether the file itself is damaged.
#[derive(Debug, Default)]
pub(crate) struct Warnings {
    list: Vec<String>,
    known: BTreeSet<String>,
    more: u64,
    damaged: bool,
}

impl Warnings {
    pub(crate) fn add(&mut self, mut text: String) {
        if let Some((cut, _)) = text.char_indices().nth(MAX_WARNING_CHARS) {
            text.truncate(cut);
            text.push('…');
        }
        if self.list.len() >= MAX_WARNINGS {
            self.more += 1;
        } else if self.known.insert(text.clone()) {
            self.list.push(text);
        }
    }

    /// A warning that means bytes are missing or broken.
    pub(crate) fn damaged(&mut self, text: String) {
        self.damaged = true;
        self.add(text);
    }

    pub(crate) fn is_damaged(&self) -> bool {
        self.damaged
    }

    /// The warnings in the order they came.
    pub(crate) fn into_list(mut self) -> Vec<String> {
        if self.more > 0 {
            self.list.push(format!("and {} more warnings", self.more));
        }
        self.list
    }
}
