//! Tables whose columns are as wide as what is in them.

use std::borrow::Cow;

use super::screen::Style;

/// A cell: its text and how it stands out.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    pub(crate) fn styled(text: impl Into<String>, style: Style) -> Self {
        Self { text: text.into(), style }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self { text: text.into(), style: Style::Plain }
    }
}

/// A table under headings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Table<const N: usize> {
    headings: [&'static str; N],
    rows: Vec<[Cell; N]>,
}

impl<const N: usize> Table<N> {
    pub(crate) const fn new(headings: [&'static str; N]) -> Self {
        Self { headings, rows: Vec::new() }
    }

    pub(crate) fn row(&mut self, cells: [Cell; N]) {
        self.rows.push(cells);
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The lines; columns that are empty in all rows are left out, and what does not fit into a
    /// screen of `width` characters is cut off.
    pub(crate) fn lines(&self, styled: bool, width: Option<usize>) -> Vec<String> {
        let room = width.unwrap_or(usize::MAX);
        let widths: Vec<usize> = (0..N)
            .map(|column| {
                let cells = self.rows.iter().filter_map(|row| row.get(column));
                let widest = cells.map(|cell| cell.text.chars().count()).max().unwrap_or(0);
                let heading = self.headings.get(column).map_or(0, |text| text.chars().count());
                if widest == 0 { 0 } else { widest.max(heading) }
            })
            .collect();
        let headings = self.headings.map(|text| Cell::styled(text, Style::Strong));
        let rows = std::iter::once(&headings).chain(&self.rows);
        rows.map(|row| line(row, &widths, (styled, room))).collect()
    }
}

fn line(row: &[Cell], widths: &[usize], (styled, room): (bool, usize)) -> String {
    let mut line = String::new();
    let (mut gap, mut column) = (0, 0_usize);
    for (cell, width) in row.iter().zip(widths).filter(|(_, width)| **width > 0) {
        let used = cell.text.chars().count();
        if used > 0 {
            let left = room.saturating_sub(column + gap);
            if left == 0 {
                break;
            }
            line.push_str(&" ".repeat(gap));
            line.push_str(&cell.style.paint(&cut(&cell.text, used, left), styled));
            (column, gap) = (column + gap + used, 0);
        }
        gap += width.saturating_sub(used) + 2;
    }
    line
}

/// A text of so many characters, cut to those that fit.
fn cut(text: &str, used: usize, room: usize) -> Cow<'_, str> {
    if used <= room {
        return Cow::Borrowed(text);
    }
    let kept = text.chars().take(room.saturating_sub(1));
    Cow::Owned(kept.chain(['\u{2026}']).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_needed_and_no_line_ends_with_spaces() {
        let mut table = Table::new(["NAME", "NOTHING", "SIZE", "LAST"]);
        table.row(["a".into(), "".into(), "1280x720".into(), "".into()]);
        table.row(["longer".into(), "".into(), "".into(), "x".into()]);
        assert_eq!(
            table.lines(false, None),
            ["NAME    SIZE      LAST", "a       1280x720", "longer            x"]
        );
    }

    #[test]
    fn styles_do_not_move_columns() {
        let mut table = Table::new(["A", "B"]);
        table.row([Cell::styled("x", Style::Faint), "y".into()]);
        assert_eq!(
            table.lines(true, None),
            ["\u{1b}[1mA\u{1b}[0m  \u{1b}[1mB\u{1b}[0m", "\u{1b}[2mx\u{1b}[0m  y"]
        );
    }

    #[test]
    fn what_does_not_fit_the_screen_is_cut_and_seen_to_be() {
        let mut table = Table::new(["NAME", "MORE"]);
        table.row(["abcdef".into(), "ghijkl".into()]);
        assert_eq!(table.lines(false, Some(14)), ["NAME    MORE", "abcdef  ghijkl"]);
        assert_eq!(table.lines(false, Some(11)), ["NAME    MO\u{2026}", "abcdef  gh\u{2026}"]);
        assert_eq!(table.lines(false, Some(8)), ["NAME", "abcdef"]);
        assert_eq!(table.lines(false, Some(3)), ["NA\u{2026}", "ab\u{2026}"]);
        assert_eq!(table.lines(false, Some(0)), ["", ""]);
    }
}
