//! What agents say, cut to size and made storable: text without NULs, no double entries, no endless lists. An agent may
//! have a bug, and what it says must never stop the leader's transaction.

use std::collections::HashSet;

use flatrender_protocol::Digest;
use flatrender_protocol::message::{FrameHeader, Inventory, Report};

use super::session::End;

const MAX_LINE_BYTES: usize = 255;
const MAX_RENDERERS: usize = 32;
const MAX_MESSAGE_BYTES: usize = 4 * 1024;
const MAX_LOG_TAIL_BYTES: usize = 16 * 1024;

/// One line: no control characters, at most `most` bytes.
pub(super) fn line(text: String, most: usize) -> String {
    let mut text = text;
    text.retain(|c| !c.is_control());
    text.truncate(text.floor_char_boundary(most));
    text
}

/// Any text: no NULs, at most `most` bytes from its beginning.
fn beginning(text: String, most: usize) -> String {
    let mut text = text;
    text.retain(|c| c != '\0');
    text.truncate(text.floor_char_boundary(most));
    text
}

/// Any text: no NULs, at most `most` bytes from its end.
fn ending(text: String, most: usize) -> String {
    let mut text = text;
    text.retain(|c| c != '\0');
    let from = text.ceil_char_boundary(text.len().saturating_sub(most));
    text.split_off(from)
}

pub(super) fn inventory(said: Inventory) -> Inventory {
    let mut renderers: Vec<String> = said.renderers;
    renderers.truncate(MAX_RENDERERS);
    Inventory {
        hostname: line(said.hostname, MAX_LINE_BYTES),
        os: line(said.os, MAX_LINE_BYTES),
        renderers: renderers.into_iter().map(|r| line(r, 100)).collect(),
        ..said
    }
}

pub(super) fn report(said: Report) -> Report {
    Report {
        message: beginning(said.message, MAX_MESSAGE_BYTES),
        log_tail: ending(said.log_tail, MAX_LOG_TAIL_BYTES),
        ..said
    }
}

/// Each entry of a cache once.
pub(super) fn cache(said: Vec<(Digest, u64)>) -> Vec<(Digest, u64)> {
    let mut seen = HashSet::new();
    let mut entries = said;
    entries.retain(|(digest, _)| seen.insert(*digest));
    entries
}

pub(super) fn frame(said: FrameHeader) -> FrameHeader {
    FrameHeader {
        renderer: line(said.renderer, 100),
        ..said
    }
}

/// Why a session ended, for the log.
pub(super) fn end(end: &End) -> String {
    match end {
        End::Gone(error) => error.to_string(),
        End::Bye => "the agent said goodbye".to_owned(),
        End::Protocol(reason) => reason.clone(),
        End::LetGo => "the leader ended it".to_owned(),
        End::NoLeader => "nobody leads".to_owned(),
        End::Shutdown => "the controller shuts down".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_between_characters_and_has_no_nulls() {
        assert_eq!(line("a\0b\nc".into(), 10), "abc");
        assert_eq!(line("سلام".into(), 5), "سل");
        assert_eq!(beginning("a\0\nسلام".into(), 5), "a\nس");
        assert_eq!(ending("سلام\0z".into(), 4), "مz");
        assert_eq!(ending("short".into(), 400), "short");
    }

    #[test]
    fn a_cache_entry_said_twice_counts_once() {
        let (one, two) = (Digest::of(b"1"), Digest::of(b"2"));
        let said = vec![(one, 1), (two, 2), (one, 3)];
        assert_eq!(cache(said), vec![(one, 1), (two, 2)]);
    }
}
