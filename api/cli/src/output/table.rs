//! Tables: columns as wide as they must be, by display cells. On a narrow terminal the columns of the lowest rank go,
//! then names are cut in the middle; in a pipe nothing is cut.

use unicode_width::UnicodeWidthStr;

use super::{Paint, safe};

/// Narrowest that a name is cut to.
const MIN_NAME: usize = 9;
const GAP: usize = 2;

/// Where the text of a column stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Texts.
    Left,
    /// Numbers.
    Right,
}

/// A column.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its heading.
    pub title: &'static str,
    /// Where its text stands.
    pub align: Align,
    /// 0 stays always; the highest goes first.
    pub rank: u8,
}

/// One cell.
#[derive(Debug, Clone)]
pub struct Cell {
    text: String,
    paint: Paint,
}

impl Cell {
    /// A text of any origin.
    pub fn new(text: impl AsRef<str>) -> Self {
        Self::painted(Paint::Plain, text)
    }

    /// The same in colour.
    pub fn painted(paint: Paint, text: impl AsRef<str>) -> Self {
        Self {
            text: safe(text.as_ref()),
            paint,
        }
    }
}

/// Rows under headings.
#[derive(Debug)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table without rows.
    pub fn new(columns: &[Column]) -> Self {
        Self {
            columns: columns.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a row: one cell a column.
    pub fn push(&mut self, row: Vec<Cell>) {
        debug_assert_eq!(row.len(), self.columns.len(), "one cell a column");
        self.rows.push(row);
    }

    /// The lines, headings first; nothing at all without rows.
    pub fn lines(&self, width: Option<usize>, color: bool) -> Vec<String> {
        if self.rows.is_empty() {
            return Vec::new();
        }
        let mut widths = self.widths();
        if let Some(room) = width {
            fit(&self.columns, &mut widths, room);
        }
        let heading: Vec<Cell> = self
            .columns
            .iter()
            .map(|column| Cell::painted(Paint::Bold, column.title))
            .collect();
        std::iter::once(&heading)
            .chain(&self.rows)
            .map(|row| self.line(row, &widths, color))
            .collect()
    }

    fn widths(&self) -> Vec<usize> {
        let widest = |index: usize, title: &str| {
            let cells = self.rows.iter().map(|row| row[index].text.width());
            cells.max().unwrap_or(0).max(title.width())
        };
        let columns = self.columns.iter().enumerate();
        columns
            .map(|(index, column)| widest(index, column.title))
            .collect()
    }

    /// Columns of width 0 have gone.
    fn line(&self, row: &[Cell], widths: &[usize], color: bool) -> String {
        let mut line = String::new();
        for ((cell, column), width) in row.iter().zip(&self.columns).zip(widths) {
            if *width == 0 {
                continue;
            }
            if !line.is_empty() {
                line.push_str(&" ".repeat(GAP));
            }
            let text = cut(&cell.text, *width);
            let pad = " ".repeat(width.saturating_sub(text.width()));
            let text = cell.paint.paint(&text, color);
            match column.align {
                Align::Left => line.extend([text, pad]),
                Align::Right => line.extend([pad, text]),
            }
        }
        line.trim_end().to_owned()
    }
}

/// Takes columns away, then narrows the first one, until the line fits or nothing more can go.
fn fit(columns: &[Column], widths: &mut [usize], room: usize) {
    let total = |widths: &[usize]| {
        let shown = widths.iter().filter(|width| **width > 0).count();
        widths.iter().sum::<usize>() + GAP * shown.saturating_sub(1)
    };
    while total(widths) > room {
        let last = columns
            .iter()
            .zip(&*widths)
            .enumerate()
            .filter(|(_, (column, width))| column.rank > 0 && **width > 0)
            .max_by_key(|(_, (column, _))| column.rank);
        match last {
            Some((index, _)) => widths[index] = 0,
            None => break,
        }
    }
    let over = total(widths).saturating_sub(room);
    if let Some(name) = widths.first_mut() {
        *name = (*name).min(name.saturating_sub(over).max(MIN_NAME));
    }
}

/// `text` in at most `width` cells, without its middle: `ws-g…0112`.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let room = width.saturating_sub(1);
    let head = take(text.chars(), room.div_ceil(2));
    let tail = take(text.chars().rev(), room / 2);
    let tail: String = tail.chars().rev().collect();
    format!("{head}…{tail}")
}

fn take(letters: impl Iterator<Item = char>, room: usize) -> String {
    let mut taken = String::new();
    for letter in letters {
        taken.push(letter);
        if taken.width() > room {
            taken.pop();
            break;
        }
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let column = |title, align, rank| Column { title, align, rank };
        let mut table = Table::new(&[
            column("NAME", Align::Left, 0),
            column("STATE", Align::Left, 0),
            column("FRAMES", Align::Right, 2),
            column("ID", Align::Left, 1),
        ]);
        for (name, state, frames) in [
            ("nowruz-04-long-name", "running", "1,204"),
            ("春節", "done", "7"),
        ] {
            table.push(vec![
                Cell::new(name),
                Cell::painted(Paint::Good, state),
                Cell::new(frames),
                Cell::new("0f3a\n"),
            ]);
        }
        table
    }

    #[test]
    fn cells_stand_under_their_headings() {
        let lines = table().lines(None, false);
        assert_eq!(
            lines,
            [
                "NAME                 STATE    FRAMES  ID",
                "nowruz-04-long-name  running   1,204  0f3a\\u{a}",
                "春節                 done          7  0f3a\\u{a}",
            ]
        );
    }

    #[test]
    fn a_narrow_terminal_loses_columns_then_middles_of_names() {
        let lines = table().lines(Some(42), false);
        assert_eq!(lines[1], "nowruz-04-long-name  running  0f3a\\u{a}");
        let lines = table().lines(Some(20), false);
        assert_eq!(lines[1], "nowru…-name  running");
        assert_eq!(lines[2], "春節         done");
        let lines = table().lines(Some(1), false);
        assert_eq!(lines[1], "nowr…name  running");
    }

    #[test]
    fn colour_is_only_added() {
        let colored = table().lines(None, true);
        assert!(colored[1].contains("\u{1b}[32mrunning\u{1b}[0m"));
        let plain = console::strip_ansi_codes(&colored[1]).into_owned();
        assert_eq!(plain, table().lines(None, false)[1]);
    }
}
