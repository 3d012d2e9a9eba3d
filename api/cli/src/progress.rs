//! How far something is: bars that are drawn again on a terminal, one line a change elsewhere. Knows no farm.

use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output::Screen;

/// Not more than four times a second.
const HERTZ: u8 = 4;
/// Characters of a bar: filled, head, empty.
const CHARS: &str = "#>.";

/// Bytes on their way. On no terminal it says nothing: who moves them says when they are there.
#[derive(Clone)]
pub struct Transfer {
    bar: ProgressBar,
}

impl Transfer {
    /// `what` is safe to show.
    pub fn new(screen: &Screen, what: &str, bytes: u64) -> Self {
        let style = "{msg}  [{bar:40}] {percent:>3} %  {binary_bytes} of {binary_total_bytes}  {binary_bytes_per_sec}";
        let bar = ProgressBar::with_draw_target(Some(bytes), target(screen));
        bar.set_style(styled(style));
        bar.set_message(what.to_owned());
        Self { bar }
    }

    /// So many bytes in all so far.
    pub fn at(&self, bytes: u64) {
        self.bar.set_position(bytes);
    }

    /// Takes the bar away.
    pub fn end(&self) {
        self.bar.finish_and_clear();
    }
}

/// A headline, a bar, and one line for each who works on it.
pub struct Board {
    all: MultiProgress,
    head: ProgressBar,
    bar: ProgressBar,
    workers: Vec<ProgressBar>,
}

impl Board {
    /// An empty board over `total` steps.
    pub fn new(screen: &Screen, total: u64) -> Self {
        let all = MultiProgress::with_draw_target(target(screen));
        let head = all.add(ProgressBar::no_length().with_style(styled("{msg}")));
        let bar = all.add(ProgressBar::new(total));
        bar.set_style(styled("[{bar:50}] {percent:>3} %  {msg}"));
        head.enable_steady_tick(Duration::from_millis(500));
        Self {
            all,
            head,
            bar,
            workers: Vec::new(),
        }
    }

    /// Shows the state of things; all texts are safe to show.
    pub fn show(&mut self, head: String, done: u64, rest: String, workers: &[String]) {
        self.head.set_message(head);
        self.bar.set_position(done);
        self.bar.set_message(rest);
        while self.workers.len() > workers.len() {
            if let Some(line) = self.workers.pop() {
                line.finish_and_clear();
                self.all.remove(&line);
            }
        }
        while self.workers.len() < workers.len() {
            let line = ProgressBar::no_length().with_style(styled("  {msg}"));
            self.workers.push(self.all.add(line));
        }
        for (line, text) in self.workers.iter().zip(workers) {
            line.set_message(text.clone());
        }
    }

    /// A line that stays, above the board.
    pub fn say(&self, line: &str) {
        // A terminal that is gone has nobody to tell.
        let _ = self.all.println(line);
    }

    /// Takes the board away.
    pub fn end(&self) {
        for line in &self.workers {
            line.finish_and_clear();
        }
        self.bar.finish_and_clear();
        self.head.finish_and_clear();
    }
}

fn target(screen: &Screen) -> ProgressDrawTarget {
    if screen.redraw {
        ProgressDrawTarget::stderr_with_hz(HERTZ)
    } else {
        ProgressDrawTarget::hidden()
    }
}

fn styled(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).expect("our templates are valid");
    style.progress_chars(CHARS)
}
