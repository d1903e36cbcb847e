//! A grid for a terminal, drawn with comfy-table: horizontal rules only, numbers at the right, no line wrapped.
//!
//! Where room is short, columns go in the order that their heads say, and come back where the last to go has left room for
//! them. Notes are cut before the last columns go; if none is left to go, the widest words are shortened. comfy-table pads,
//! aligns and draws; it wraps cells that are too wide and has no columns that can go, so that what is left out is decided
//! here.

use std::borrow::Cow;

use anstyle::{AnsiColor, Effects, Style};
use comfy_table::{CellAlignment, LineStyle, Table, TableStyle};

use crate::report::grid::{Grid, Numbers, Tone, Value};
use crate::report::text;

/// How it is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Columns of the terminal; `None` where there is no limit.
    pub width: Option<usize>,
    /// Whether the terminal shows colour.
    pub color: bool,
    /// How numbers are written.
    pub numbers: Numbers,
}

/// The narrowest that the first column becomes.
const NARROWEST: usize = 8;
/// Columns that a note keeps before other columns go, all but the most important ones.
const NOTE: usize = 24;
/// Columns that a note keeps in any case.
const LEAST_NOTE: usize = 12;
/// The head of a column of shares.
const SHARE: &str = "%";
/// Columns between two columns.
const GAP: usize = 2;
const RULES: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// Text in bold, on a terminal that shows it.
pub fn bold(text: &str, color: bool) -> Cow<'_, str> {
    if !color || text.is_empty() {
        return Cow::Borrowed(text);
    }
    let style = Style::new().effects(Effects::BOLD);
    Cow::Owned(format!("{style}{text}{style:#}"))
}

/// A line that ends on a verdict, with that in its colour.
fn in_color<'l>(line: &'l str, word: &str, tone: Tone) -> Cow<'l, str> {
    let color = match tone {
        Tone::Good => AnsiColor::Green,
        Tone::Doubtful => AnsiColor::Yellow,
        Tone::Bad => AnsiColor::Red,
        Tone::Plain => return Cow::Borrowed(line),
    };
    let Some(before) = line.strip_suffix(word) else { return Cow::Borrowed(line) };
    let style = color.on_default().effects(Effects::BOLD);
    Cow::Owned(format!("{before}{style}{word}{style:#}"))
}

/// Draws a grid; every line ends with a newline.
pub fn draw(mut grid: Grid, look: Look) -> String {
    let mut cells = Cells::of(&grid, look.numbers);
    let mut told = String::new();
    if let Some(limit) = look.width {
        cells.widths = cells.measure(usize::MAX);
        let (all, gone) = (cells.needs(), cells.too_many(&grid, limit));
        told = not_shown(gone.iter().rev().map(|index| grid.heads[*index].title), all, limit);
        for index in gone {
            grid.drop_column(index);
            cells.drop_column(index);
        }
        cells.cut_notes(limit);
        if cells.needs() > limit {
            cells.shorten(&grid, limit);
        }
    }
    cells.draw(&grid, look.color) + &told
}

/// Which columns have no room, and how to see them; nothing where all have.
fn not_shown<'t>(titles: impl Iterator<Item = &'t str>, all: usize, limit: usize) -> String {
    let mut titles: Vec<&str> = titles.collect();
    titles.dedup();
    let twice = titles.iter().filter(|title| **title == SHARE).count() > 1;
    if twice {
        // One sign stands for the shares of several columns.
        titles.retain(|title| *title != SHARE);
        titles.push(SHARE);
    }
    if titles.is_empty() {
        return String::new();
    }
    let said = format!("no room for {}: --width {all} shows all", titles.join(", "));
    text::wrap(&said, Some(limit), 0, 2) + "\n"
}

/// What is written in a cell, and its note.
#[derive(Clone, Default)]
struct Cell {
    text: String,
    note: String,
}

impl Cell {
    fn of(value: &Value, numbers: Numbers) -> Self {
        let (text, note) = value.parts(numbers);
        let text = if value.number().is_some() { text } else { text::made_safe(text) };
        let note = if note.is_empty() { String::new() } else { text::safe(note).into_owned() };
        Self { text, note }
    }

    /// Columns that it takes with that many for a note at most, the space before it among them.
    fn width(&self, note: usize) -> usize {
        let own = if self.note.is_empty() { 0 } else { text::width(&self.note) + 1 };
        text::width(&self.text) + own.min(note)
    }

    fn whole(self) -> String {
        if self.note.is_empty() { self.text } else { self.text + " " + &self.note }
    }
}

/// The cells of a grid: heads, rows, total.
struct Cells {
    rows: Vec<Vec<Cell>>,
    /// The width of each column; not measured where there is no limit.
    widths: Vec<usize>,
}

impl Cells {
    fn of(grid: &Grid, numbers: Numbers) -> Self {
        let head = |title: &str| Cell { text: title.to_owned(), ..Cell::default() };
        let mut rows = vec![grid.heads.iter().map(|h| head(h.title)).collect()];
        for row in grid.rows.iter().chain(&grid.total) {
            rows.push(row.iter().map(|value| Cell::of(value, numbers)).collect::<Vec<_>>());
        }
        let mut cells = Self { rows, widths: Vec::new() };
        if numbers == Numbers::Rounded {
            cells.line_up_units(grid);
        }
        cells
    }

    /// Digits stand under digits: a count without a unit leaves the room of one, where another row has one.
    fn line_up_units(&mut self, grid: &Grid) {
        let values: Vec<&Vec<Value>> = grid.rows.iter().chain(&grid.total).collect();
        let is_bare = |text: &str| text.ends_with(|c: char| c.is_ascii_digit());
        for column in 0..grid.heads.len() {
            // The first row of texts is the heads.
            let texts = self.rows[1..].iter_mut().zip(&values);
            let mut counts: Vec<&mut String> = texts
                .filter(|(_, values)| {
                    matches!(values[column], Value::Count(_) | Value::AtLeast(..) | Value::Delta(_))
                })
                .map(|(texts, _)| &mut texts[column].text)
                .collect();
            if counts.iter().any(|text| !is_bare(text)) {
                counts.iter_mut().filter(|text| is_bare(text)).for_each(|text| text.push_str("  "));
            }
        }
    }

    /// The width of each column, with that much for a note at most.
    fn measure(&self, note: usize) -> Vec<usize> {
        let widest = |column: usize| self.rows.iter().map(|row| row[column].width(note)).max();
        (0..self.rows[0].len()).map(|column| widest(column).unwrap_or(0)).collect()
    }

    /// The columns that go so that the others fit, the last first. The most important ones go only where notes have no
    /// more than the least; the others where these have to be cut.
    fn too_many(&self, grid: &Grid, limit: usize) -> Vec<usize> {
        let mut order: Vec<usize> =
            (0..grid.heads.len()).filter(|column| grid.heads[*column].expendable > 0).collect();
        order.sort_by_key(|column| std::cmp::Reverse((grid.heads[*column].expendable, *column)));
        let (usual, least) = (self.measure(NOTE), self.measure(LEAST_NOTE));
        let spared: usize = usual.iter().sum::<usize>() - least.iter().sum::<usize>();
        let most = |column: usize| {
            let is_important = grid.heads[column].expendable == 1;
            limit.saturating_add(if is_important { spared } else { 0 })
        };
        let mut needs = needs(&usual);
        let mut gone = Vec::new();
        for column in order {
            if needs <= most(column) {
                continue;
            }
            needs -= self.widths[column] + GAP;
            gone.push(column);
        }
        gone.reverse();
        gone.retain(|column| {
            let back = needs + self.widths[*column] + GAP;
            let fits = back <= most(*column);
            needs = if fits { back } else { needs };
            !fits
        });
        gone.sort_unstable_by(|a, b| b.cmp(a));
        gone
    }

    fn drop_column(&mut self, column: usize) {
        for row in &mut self.rows {
            row.remove(column);
        }
        self.widths.remove(column);
    }

    fn needs(&self) -> usize {
        needs(&self.widths)
    }

    /// Cuts notes at their ends until all fits, or they have no more than the least.
    fn cut_notes(&mut self, limit: usize) {
        let least = self.measure(LEAST_NOTE);
        for (column, least) in least.into_iter().enumerate() {
            let others = self.needs() - self.widths[column];
            let room = limit.saturating_sub(others).clamp(least, self.widths[column]);
            for cell in self.rows.iter_mut().map(|row| &mut row[column]) {
                let rest = room.saturating_sub(text::width(&cell.text) + 1);
                cell.note = text::cut(&cell.note, rest);
            }
            self.widths[column] = room;
        }
    }

    /// Shortens the widest column of words until all fits, or no such column is left that can be.
    fn shorten(&mut self, grid: &Grid, limit: usize) {
        let words = (0..grid.heads.len()).filter(|column| !grid.heads[*column].right);
        let mut words: Vec<usize> = words.collect();
        // Shapes come last: less of one says something else.
        let is_shape =
            |column: &usize| grid.rows.iter().any(|row| matches!(row[*column], Value::Shapes(_)));
        // Names come first: their middle says least. Words are cut where that is not enough.
        words.sort_by_key(|column| (*column == 0, !is_shape(column), self.widths[*column]));
        while let Some(column) = words.pop().filter(|_| self.needs() > limit) {
            let wide = self.widths[column];
            let room = limit.saturating_sub(self.needs() - wide).max(NARROWEST.min(wide));
            for row in &mut self.rows {
                let Cell { text, note } = &row[column];
                // A note of which no more than its sign would be left goes.
                let rest = room.saturating_sub(text::width(text) + 1);
                let note = if rest > 2 { text::cut(note, rest) } else { String::new() };
                // The indentation of a tree is not part of the name.
                let name = text.trim_start();
                let indent = (text.len() - name.len()).min(room / 2);
                let name = text::shorten(name, room - indent);
                row[column] = Cell { text: format!("{}{name}", " ".repeat(indent)), note };
            }
            self.widths = self.measure(usize::MAX);
        }
    }

    fn draw(self, grid: &Grid, color: bool) -> String {
        let mut table = Table::new();
        table.load_style(RULES);
        let headless = grid.heads.iter().all(|head| head.title.is_empty());
        let mut rows = self.rows.into_iter().map(|row| {
            let cells = row.into_iter().map(|cell| comfy_table::Cell::new_owned(cell.whole()));
            cells.collect::<Vec<_>>()
        });
        let heads = rows.next().unwrap_or_default();
        if !headless {
            table.set_header(heads);
        }
        table.add_rows(rows);
        let last = grid.heads.len().saturating_sub(1);
        for (i, (column, head)) in table.column_iter_mut().zip(&grid.heads).enumerate() {
            // The junction takes the other column of the gap.
            column.set_padding((0, u16::from(i != last)));
            if head.right {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        let lines: Vec<String> = table.lines().collect();
        // A page has few tables, after which the process ends: giving back each cell is 2 % of its instructions.
        std::mem::forget(table);
        let rule = lines.get(1).filter(|_| !headless);
        let mut out = String::new();
        for (i, line) in lines.iter().enumerate() {
            let is_total = grid.total.is_some() && i + 1 == lines.len();
            if let (true, Some(rule)) = (is_total, rule) {
                out.extend([rule.trim_end(), "\n"]);
            }
            let strong = is_total || (i == 0 && !headless);
            // Above the rows stand the heads and the rule.
            let row = if headless { Some(i) } else { i.checked_sub(2) };
            let line = match row.and_then(|row| grid.rows.get(row)?.last()) {
                Some(Value::Verdict(word, tone)) if color => in_color(line.trim_end(), word, *tone),
                _ => bold(line.trim_end(), color && strong),
            };
            out.extend([&*line, "\n"]);
        }
        out
    }
}

/// Columns that columns of these widths need together.
fn needs(widths: &[usize]) -> usize {
    widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::grid::Head;

    fn grid() -> Grid {
        let mut grid = Grid::new([
            Head::left("name"),
            Head { expendable: 1, ..Head::left("kernel") },
            Head::right("params"),
        ]);
        let row = |name: &str, n| vec![Value::text(name), Value::text("3, p1"), Value::Count(n)];
        grid.rows = vec![row("features.conv1", 34_848), row("relu\u{1b}[0m", 8)];
        grid.total = Some(row("total", 34_856));
        grid
    }

    #[test]
    fn rules_are_horizontal_and_digits_stand_under_digits() {
        let text = draw(grid(), Look::default());
        let expected = "\
name            kernel  params
──────────────────────────────
features.conv1  3, p1   34.8 k
relu\\u{1b}[0m   3, p1      8
──────────────────────────────
total           3, p1   34.9 k
";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_column_comes_back_where_it_fits_and_chosen_ones_never_go() {
        let head = |title, expendable| Head { expendable, ..Head::right(title) };
        let mut grid = Grid::new([
            Head::left("name"),
            head("wide column", 1),
            head("mid", 2),
            head("%", 3),
            head("share", 3),
        ]);
        grid.rows = vec![vec![Value::text("conv"); 5]];
        let heads = |grid: &Grid, width| {
            let text = draw(grid.clone(), Look { width: Some(width), ..Look::default() });
            text.lines().next().unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(heads(&grid, 40), "name wide column mid % share");
        assert_eq!(heads(&grid, 35), "name wide column mid %");
        assert_eq!(heads(&grid, 23), "name wide column mid");
        assert_eq!(heads(&grid, 22), "name wide column");
        assert_eq!(heads(&grid, 16), "name mid %");
        assert_eq!(heads(&grid, 10), "name mid");
        assert_eq!(heads(&grid, 9), "name");
        grid.heads.iter_mut().for_each(|head| head.expendable = 0);
        assert_eq!(heads(&grid, 10), "name wide column mid % share");
    }

    #[test]
    fn columns_go_before_names_are_cut() {
        let look = |width| Look { width: Some(width), ..Look::default() };
        let narrow = draw(grid(), look(24));
        assert!(!narrow.lines().next().unwrap().contains("kernel"), "{narrow}");
        assert!(narrow.ends_with("no room for kernel:\n  --width 30 shows all\n"), "{narrow}");
        assert!(draw(grid(), look(24)).contains("features.conv1"));
        assert!(
            draw(grid(), look(18)).contains("fea…s.conv1") || draw(grid(), look(18)).contains('…')
        );
        for width in 16..40 {
            let text = draw(grid(), look(width));
            assert!(text.lines().all(|line| text::width(line) <= width), "{width}\n{text}");
            assert!(text.lines().all(|line| !line.ends_with(' ')));
        }
    }

    #[test]
    fn notes_are_cut_after_shares_go_and_before_kernels_do() {
        let head = |expendable, title| Head { expendable, ..Head::left(title) };
        let mut grid = Grid::new([head(0, "operator"), head(1, "kernel"), head(3, "%")]);
        let note = "← bn2, downsample.1".to_owned();
        let add = Value::Noted { text: "add".to_owned(), note };
        grid.rows = vec![vec![add, Value::text("3, p1"), Value::text("100.0%")]];
        let row = |width| {
            let text = draw(grid.clone(), Look { width: Some(width), ..Look::default() });
            text.lines().nth(2).unwrap().to_owned()
        };
        assert_eq!(row(39), "add ← bn2, downsample.1  3, p1   100.0%");
        assert_eq!(row(38), "add ← bn2, downsample.1  3, p1");
        assert_eq!(row(31), "add ← bn2, downsample.1  3, p1");
        assert_eq!(row(30), "add ← bn2, downsample…  3, p1");
        assert_eq!(row(23), "add ← bn2, dow…  3, p1");
        assert_eq!(row(22), "add ← bn2, downsample…");
        assert_eq!(row(12), "add ← bn2,…");
        assert_eq!(row(8), "add ← b…");
    }
}
