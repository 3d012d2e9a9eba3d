//! Where words go: data to stdout, everything else to stderr. What came from a file or the farm is shown with its
//! control characters made visible, so that a name can't drive the terminal.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use crate::args::{Color, Global};
use crate::failure::Failure;

mod table;
mod words;

pub use table::{Align, Cell, Column, Table};
pub use words::{ago, bytes, count, duration, link_word, safe, short_id, time_of_day};

/// A colour with its meaning; always beside a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    /// As it comes.
    Plain,
    /// A heading.
    Bold,
    /// Over, or of little weight.
    Dim,
    /// At work.
    Busy,
    /// Well.
    Good,
    /// To be looked at.
    Warn,
    /// Wrong.
    Bad,
}

impl Paint {
    fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Bold => "1",
            Self::Dim => "2",
            Self::Busy => "36",
            Self::Good => "32",
            Self::Warn => "33",
            Self::Bad => "31",
        }
    }

    /// `text` in this colour when `on`.
    pub fn paint(self, text: &str, on: bool) -> String {
        match self {
            Self::Plain => text.to_owned(),
            _ if !on => text.to_owned(),
            _ => format!("\u{1b}[{}m{text}\u{1b}[0m", self.code()),
        }
    }
}

/// How this process may print.
#[derive(Debug, Clone, Copy)]
pub struct Screen {
    /// Documents instead of words.
    pub json: bool,
    /// Only data and errors.
    pub quiet: bool,
    /// Lines on stderr may be drawn again.
    pub redraw: bool,
    /// Cells across, where stdout is a terminal.
    pub width: Option<usize>,
    color_out: bool,
    color_err: bool,
}

impl Screen {
    /// From flags, environment and what the streams are.
    pub fn new(global: &Global) -> Self {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let colored = |terminal: bool| match global.color {
            _ if global.json => false,
            Color::Always => true,
            Color::Never => false,
            Color::Auto if set("NO_COLOR") => false,
            Color::Auto if std::env::var_os("CLICOLOR_FORCE").is_some_and(|v| v != "0") => true,
            Color::Auto => terminal && !dumb,
        };
        let (out, err) = (io::stdout().is_terminal(), io::stderr().is_terminal());
        let size = console::Term::stdout().size_checked();
        Self {
            json: global.json,
            quiet: global.quiet,
            redraw: err && !dumb && !global.json && !global.quiet,
            width: size
                .filter(|_| out)
                .map(|(_, columns)| usize::from(columns)),
            color_out: colored(out),
            color_err: colored(err),
        }
    }

    /// A line of data. Already safe to show.
    pub fn data(&self, line: &str) {
        // Who reads may have gone: head(1), less(1). Nothing is left to say then.
        let _ = writeln!(io::stdout().lock(), "{line}");
    }

    /// A document on a line of its own.
    pub fn document(&self, document: &impl Serialize) {
        let json = serde_json::to_string(document).expect("our shapes have only texts and numbers");
        self.data(&json);
    }

    /// A table, with its totals on stderr.
    pub fn table(&self, table: &Table, totals: &str) {
        for line in table.lines(self.width, self.color_out) {
            self.data(&line);
        }
        self.say(totals);
    }

    /// `text` in colour, for stdout.
    pub fn painted(&self, paint: Paint, text: &str) -> String {
        paint.paint(text, self.color_out)
    }

    /// `text` in colour, for stderr.
    pub fn painted_err(&self, paint: Paint, text: &str) -> String {
        paint.paint(text, self.color_err)
    }

    /// A line for people on stderr; nothing when quiet or in JSON.
    pub fn say(&self, line: &str) {
        if !self.quiet && !self.json {
            let _ = writeln!(io::stderr().lock(), "{line}");
        }
    }

    /// A note of the farm's, or a hint.
    pub fn aside(&self, word: &str, text: &str) {
        let word = self.painted_err(Paint::Busy, &format!("{word}:"));
        self.say(&format!("{word} {}", safe(text)));
    }

    /// The end of a command that failed.
    pub fn failure(&self, failure: &Failure) {
        let mut err = io::stderr().lock();
        if self.json {
            let json = serde_json::to_string(&failure.problem())
                .expect("a problem has only texts and numbers");
            let _ = writeln!(err, "{json}");
            return;
        }
        let word = self.painted_err(Paint::Bad, "error:");
        let _ = writeln!(err, "{word} {}", safe(&failure.line()));
        for hint in failure.hints() {
            let word = self.painted_err(Paint::Busy, "hint:");
            let _ = writeln!(err, "{word} {}", safe(&hint));
        }
    }
}
