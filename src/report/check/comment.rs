//! The outcome of a check as a comment on a pull request: one table of what is to be seen to, the rest folded.
//!
//! Its first line never changes, so that the comment can be found and updated.

use std::fmt::Write as _;

use crate::report::data::check::{Check, CheckRow, Level, Outcome};
use crate::report::grid::{Head, Numbers, Value};
use crate::report::pages::check::compared;
use crate::report::render::markdown::{escape, grid};
use crate::report::text::shorten;

/// The first line: a mark that a page does not show.
pub const FIRST_LINE: &str = "<!-- cnnstat check -->";

/// Columns of a name in the title.
const LONGEST_NAME: usize = 60;

/// Rows that a table of it shows.
const MOST_ROWS: usize = 100;

/// Bytes that it may have: GitHub takes 65,536 characters.
const LONGEST: usize = 65_000;

/// The comment. What would make it too long is left out, part by part, and said to be.
pub fn page(check: &Check) -> String {
    let head = match check.level() {
        Level::Ok => "as expected",
        Level::Warn => "to be seen to",
        Level::Fail => "not as expected",
    };
    let (about, sentence) = (escape(&about(check)), escape(&check.sentence()));
    let mut out =
        format!("{FIRST_LINE}\n### Networks checked by cnnstat: {about}{head}\n\n{sentence}\n");
    let mut left_out = 0;
    let mut add = |part: String| {
        if out.len() + part.len() < LONGEST {
            out.push_str(&part);
        } else {
            left_out += 1;
        }
    };
    if let Some(baseline) = &check.baseline {
        add(format!("\nCompared with {}.\n", escape(baseline)));
    }
    for fault in &check.faults {
        let place = fault.spot().map(|spot| format!("{}:{}: ", spot.file, spot.line));
        let place = escape(&place.unwrap_or_default());
        add(format!("\n**{}** {place}{}\n", fault.code, escape(&fault.message)));
    }
    // Told at once: what is wrong, and what moved.
    let is_told = |row: &&CheckRow| {
        matches!(row.level, Some(Level::Warn | Level::Fail))
            || row.before.is_some_and(|before| Some(before) != row.value)
    };
    let (told, quiet): (Vec<&CheckRow>, Vec<&CheckRow>) = check.rows.iter().partition(is_told);
    if !told.is_empty() {
        add(format!("\n{}", table(check, &told)));
    }
    let moved = told.iter().filter_map(|row| {
        let what = escape(&format!("{} {}", row.model, row.what));
        Some(format!("* **{what}**: {}\n", escape(&row.named(usize::MAX)?)))
    });
    let moved: String = moved.take(MOST_ROWS).collect();
    if !moved.is_empty() {
        add(format!("\n<details><summary>Layers</summary>\n\n{moved}\n</details>\n"));
    }
    if !quiet.is_empty() {
        let (n, plural) = (quiet.len(), if quiet.len() == 1 { "" } else { "s" });
        let table = table(check, &quiet);
        add(format!("\n<details><summary>{n} more row{plural}</summary>\n\n{table}\n</details>\n"));
    }
    if left_out > 0 {
        out.push_str("\nThis is not all: the rest is too long for a comment.\n");
    }
    out
}

/// The networks that are not as expected, or all: the first of them by name.
fn about(check: &Check) -> String {
    const NAMED: usize = 3;
    let is_meant = |row: &&CheckRow| row.level == Some(check.level());
    let mut names: Vec<&str> = Vec::new();
    for row in check.rows.iter().filter(is_meant) {
        if !names.contains(&&*row.model) && names.last() != Some(&&*row.model) {
            names.push(&row.model);
        }
    }
    let more = match names.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    names.truncate(NAMED);
    let of = names.iter().map(|name| shorten(name, LONGEST_NAME)).collect::<Vec<_>>().join(", ");
    if of.is_empty() { String::new() } else { format!("{of}{more} ") }
}

fn table(check: &Check, rows: &[&CheckRow]) -> String {
    let shown = &rows[..rows.len().min(MOST_ROWS)];
    let mut table = compared(check, shown.iter().copied(), arrow);
    table.heads.insert(0, Head::left(""));
    for (cells, row) in table.rows.iter_mut().zip(shown) {
        cells.insert(0, Value::text(mark(row.outcome)));
    }
    let mut out = grid(&table, Numbers::Exact);
    if let Some(more @ 1..) = rows.len().checked_sub(MOST_ROWS) {
        let _ = writeln!(out, "\n… and {more} more");
    }
    out
}

/// The verdict as a sign with a word.
fn mark(outcome: Outcome) -> String {
    let sign = match outcome.level() {
        Some(Level::Ok) => "✅",
        Some(Level::Warn) => "⚠️",
        Some(Level::Fail) => "❌",
        None => "▫️",
    };
    format!("{sign} {}", outcome.text())
}

/// The change with the way it went.
fn arrow(row: &CheckRow) -> String {
    let change = row.change();
    match row.before.zip(row.value).map(|(before, now)| now.cmp(&before)) {
        Some(std::cmp::Ordering::Greater) => format!("▲ {change}"),
        Some(std::cmp::Ordering::Less) => format!("▼ {change}"),
        Some(std::cmp::Ordering::Equal) => "=".to_owned(),
        None => change,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::data::check::{Part, hostile};

    #[test]
    fn the_first_line_is_a_mark_and_a_hostile_name_stays_in_its_cell() {
        let page = page(&hostile());
        assert_eq!(page.lines().next(), Some("<!-- cnnstat check -->"));
        assert_eq!(page.matches("<!--").count(), 1, "{page}");
        assert!(!page.contains("<script>") && !page.contains("<b>"), "{page}");
        assert!(!page.contains(['\u{1b}', '\u{202e}', '\0', '\r']), "{page:?}");
        // Every row of the table has as many cells as its head.
        let cells = |line: &str| line.replace("\\\\", "").replace("\\|", "").matches('|').count();
        let rows: Vec<usize> = page.lines().filter(|l| l.starts_with('|')).map(cells).collect();
        assert!(rows.iter().all(|n| *n == rows[0]), "{page}");
        assert!(page.contains("▲ +2 (+200%)"), "{page}");
        assert_eq!(page.matches("<details>").count(), page.matches("</details>").count());
    }

    #[test]
    fn a_long_check_fits_into_a_comment() {
        let row = CheckRow { what: "x".repeat(100), ..CheckRow::new("m", Outcome::Missed) };
        let check = Check { rows: vec![row; 5_000], ..Check::default() };
        let page = page(&check);
        assert!(page.len() < 65_536 && page.contains("… and 4900 more"), "{}", page.len());
        // Names without measure: what is too long is left out, and what is there is whole.
        let part = Part { layer: "y".repeat(5_000), before: None, after: Some(1) };
        let layers = vec![part; 10];
        let row = CheckRow { layers, what: "x".repeat(500), ..CheckRow::new("m", Outcome::Missed) };
        let page = super::page(&Check { rows: vec![row; 50], ..Check::default() });
        assert!(page.len() < 65_536 && page.contains("This is not all"), "{}", page.len());
        assert!(page.contains("MISS") && !page.contains("<details>"), "{page}");
    }
}
