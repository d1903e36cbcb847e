//! Tables and texts as GitHub Markdown.
//!
//! Tests stand below.

use std::fmt::Write as _;

use super::fold::{self, View};
use super::grid::{Grid, Numbers, Value};
use super::model::Report;
use super::summary;
use super::text::safe;

/// The summary of a network as a page.
pub fn report(report: &Report, view: &View, numbers: Numbers) -> String {
    let mut out = format!("## {}\n\n", escape(&report.model));
    if let Some(about) = &report.about {
        let _ = writeln!(out, "{}\n", escape(about));
    }
    let assumed: Vec<String> = summary::assumptions(report).iter().map(|t| escape(t)).collect();
    let _ = writeln!(out, "{}\n", assumed.join(" · "));
    let lines = fold::flat(report, view);
    out.push_str(&grid(&summary::grid(report, view, &lines), numbers));
    let mut figures = summary::figures(report);
    for (head, title) in figures.heads.iter_mut().zip(["total", "exact", "rounded", "magnitude"]) {
        head.title = title;
    }
    let _ = write!(out, "\n{}", grid(&figures, numbers));
    let notes = summary::notes(report, view, &lines);
    for note in notes.into_iter().chain(summary::field_note(report, view)) {
        let _ = writeln!(out, "\n{}", escape(&note));
    }
    out
}

/// A grid as a table; every line ends with a newline.
pub fn grid(grid: &Grid, numbers: Numbers) -> String {
    let mut out = String::new();
    let titles: Vec<String> = grid.heads.iter().map(|head| escape(head.title)).collect();
    row(&mut out, &titles);
    let rules: Vec<String> =
        grid.heads.iter().map(|h| if h.right { "--:" } else { "---" }.to_owned()).collect();
    row(&mut out, &rules);
    let cell = |value: &Value| escape(&value.show(numbers));
    for values in &grid.rows {
        row(&mut out, &values.iter().map(cell).collect::<Vec<_>>());
    }
    if let Some(total) = &grid.total {
        let strong = |value: &Value| match cell(value) {
            text if text.is_empty() => text,
            text => format!("**{text}**"),
        };
        row(&mut out, &total.iter().map(strong).collect::<Vec<_>>());
    }
    out
}

fn row(out: &mut String, cells: &[String]) {
    out.push('|');
    for cell in cells {
        let _ = if cell.is_empty() { write!(out, " |") } else { write!(out, " {cell} |") };
    }
    out.push('\n');
}

/// Text that Markdown shows as it stands, on one line. An underscore inside a word means nothing and stays as it is.
pub fn escape(text: &str) -> String {
    let text = text.replace(['\n', '\r'], " ");
    let text = safe(&text);
    let mut out = String::with_capacity(text.len() + 8);
    let mut before = None;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let inside = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let special = match c {
            '\\' | '`' | '*' | '|' | '<' | '>' | '[' | ']' | '~' | '&' | '#' | '!' | '$' => true,
            '_' => !(inside(before) && inside(rest.peek().copied())),
            _ => false,
        };
        if special {
            out.push('\\');
        }
        out.push(c);
        before = Some(c);
    }
    out
}

/// Text between backticks, more of them than it has in a row itself; inside a table a bar is escaped all the same.
pub fn code(text: &str) -> String {
    let text = text.replace(['\n', '\r'], " ");
    let text = safe(&text).replace('|', "\\|");
    let mut longest = 0;
    for run in text.split(|c| c != '`') {
        longest = longest.max(run.len());
    }
    let ticks = "`".repeat(longest + 1);
    let pad = if longest > 0 { " " } else { "" };
    format!("{ticks}{pad}{text}{pad}{ticks}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::grid::Head;

    #[test]
    fn nothing_breaks_out_of_its_cell() {
        let mut table = Grid::new([Head::left("name"), Head::right("n")]);
        table.rows = vec![vec![Value::text("a|b`c`\n_x_ conv2d_00"), Value::Count(1000)]];
        table.total = Some(vec![Value::text("total"), Value::Empty]);
        let expected = "\
| name | n |
| --- | --: |
| a\\|b\\`c\\` \\_x\\_ conv2d_00 | 1.00 k |
| **total** | |
";
        assert_eq!(grid(&table, Numbers::Rounded), expected);
    }

    #[test]
    fn code_has_more_ticks_than_its_text() {
        assert_eq!(code("conv(3)"), "`conv(3)`");
        assert_eq!(code("a``b"), "``` a``b ```");
    }
}
