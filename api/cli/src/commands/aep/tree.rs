//! A tree of lines, drawn with branches and wrapped to the screen.

use unicode_width::UnicodeWidthStr;

use crate::output::{Paint, Screen};

/// Narrower than this nothing is wrapped: it would only get worse.
const LEAST_WIDTH: usize = 40;

/// A line and what hangs below it.
pub(super) struct Node {
    line: String,
    paint: Paint,
    below: Vec<Node>,
}

impl Node {
    /// A plain line. Already safe to show.
    pub(super) fn new(line: impl Into<String>) -> Node {
        Node::painted(Paint::Plain, line)
    }

    /// A line in a colour.
    pub(super) fn painted(paint: Paint, line: impl Into<String>) -> Node {
        Node {
            line: line.into(),
            paint,
            below: Vec::new(),
        }
    }

    /// Hangs a node below.
    pub(super) fn push(&mut self, node: Node) {
        self.below.push(node);
    }

    /// Hangs nodes below.
    pub(super) fn with(mut self, below: impl IntoIterator<Item = Node>) -> Node {
        self.below.extend(below);
        self
    }

    /// Draws the tree to stdout. Depth is that of our own making, a handful of levels.
    pub(super) fn draw(&self, screen: &Screen) {
        let width = screen.width.or_else(columns);
        self.draw_at(screen, width, "", "", true);
    }

    fn draw_at(
        &self,
        screen: &Screen,
        width: Option<usize>,
        before: &str,
        branch: &str,
        root: bool,
    ) {
        let last = branch == "└─ ";
        let after = match (root, last) {
            (true, _) => String::new(),
            (false, true) => format!("{before}   "),
            (false, false) => format!("{before}│  "),
        };
        let hang = if self.below.is_empty() { "  " } else { "│ " };
        for (at, piece) in wrapped(&self.line, width, after.width() + 2)
            .iter()
            .enumerate()
        {
            let start = if at == 0 {
                format!("{before}{branch}")
            } else {
                format!("{after}{hang}")
            };
            screen.data(&format!("{start}{}", screen.painted(self.paint, piece)));
        }
        for (at, node) in self.below.iter().enumerate() {
            let branch = if at + 1 == self.below.len() {
                "└─ "
            } else {
                "├─ "
            };
            node.draw_at(screen, width, &after, branch, false);
        }
    }
}

/// The width that is asked for where there is no terminal.
fn columns() -> Option<usize> {
    std::env::var("COLUMNS").ok()?.parse().ok()
}

/// A line in pieces of at most `width` cells with `used` of them taken, broken at spaces; words that are too long stay whole.
fn wrapped(line: &str, width: Option<usize>, used: usize) -> Vec<String> {
    let Some(room) = width
        .filter(|width| *width >= LEAST_WIDTH)
        .map(|width| width.saturating_sub(used + 1).max(LEAST_WIDTH / 2))
    else {
        return vec![line.to_owned()];
    };
    let mut pieces = vec![String::new()];
    for word in line.split(' ') {
        let piece = pieces.last_mut().expect("begins with one");
        if !piece.is_empty() && piece.width() + 1 + word.width() > room {
            pieces.push(word.to_owned());
        } else {
            if !piece.is_empty() || pieces.len() == 1 && !line.starts_with(word) {
                pieces.last_mut().expect("begins with one").push(' ');
            }
            pieces.last_mut().expect("begins with one").push_str(word);
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_at_spaces_and_only_where_there_is_a_width() {
        let line = "one two three four five six seven eight nine ten eleven";
        assert_eq!(wrapped(line, None, 0), [line]);
        assert_eq!(wrapped(line, Some(20), 0), [line]);
        let pieces = wrapped(line, Some(41), 0);
        assert_eq!(pieces.join(" "), line);
        assert!(pieces.len() > 1 && pieces.iter().all(|piece| piece.len() <= 40));
        let long = "x".repeat(100);
        assert_eq!(wrapped(&long, Some(50), 10), [long.as_str()]);
    }
}
