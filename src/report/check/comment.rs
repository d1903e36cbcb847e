//! The outcome of a check as a comment on a pull request: one table of what is to be seen to, the rest folded.
//!
//! Its first line never changes, so that the comment can be found and updated. Tests stand below.

use std::fmt::Write as _;

use super::{Check, CheckRow, Level, Outcome};
use crate::report::grid::{Grid, Head, Numbers, Value};
use crate::report::markdown::{escape, grid};
use crate::units::grouped;

/// The first line: a mark that a page does not show.
pub const FIRST_LINE: &str = "<!-- cnnstat check -->";

/// Rows that a comment shows; GitHub takes 65,536 characters.
const MOST_ROWS: usize = 100;

/// The comment.
pub fn page(check: &Check) -> String {
    let head = match check.level() {
        Level::Ok => "as expected",
        Level::Warn => "to be seen to",
        Level::Fail => "not as expected",
    };
    let mut out = format!("{FIRST_LINE}\n### cnnstat: {head}\n\n{}\n", escape(&check.sentence()));
    if let Some(baseline) = &check.baseline {
        let _ = writeln!(out, "\nCompared with {}.", escape(baseline));
    }
    for fault in &check.faults {
        let place = fault.spot().map(|spot| format!("{}:{}: ", spot.file, spot.line));
        let place = place.unwrap_or_default();
        let _ = writeln!(out, "\n**{}** {}{}", fault.code, escape(&place), escape(&fault.message));
    }
    // Told at once: what is wrong, and what moved.
    let is_told = |row: &&CheckRow| {
        matches!(row.level, Some(Level::Warn | Level::Fail))
            || row.before.is_some_and(|b| Some(b) != row.value)
    };
    let (told, quiet): (Vec<&CheckRow>, Vec<&CheckRow>) = check.rows.iter().partition(is_told);
    if !told.is_empty() {
        let _ = write!(out, "\n{}", table(&told, check.baseline.is_some()));
        more(&mut out, told.len());
    }
    let moved: Vec<&&CheckRow> = told.iter().filter(|row| !row.layers.is_empty()).collect();
    if !moved.is_empty() {
        out.push_str("\n<details><summary>Layers</summary>\n\n");
        for row in moved.into_iter().take(MOST_ROWS) {
            let layers = row.named(usize::MAX).unwrap_or_default();
            let what = escape(&format!("{} {}", row.model, row.what));
            let _ = writeln!(out, "* **{what}**: {}", escape(&layers));
        }
        out.push_str("\n</details>\n");
    }
    if !quiet.is_empty() {
        let plural = if quiet.len() == 1 { "" } else { "s" };
        let _ = write!(
            out,
            "\n<details><summary>{} more row{plural}</summary>\n\n{}",
            quiet.len(),
            table(&quiet, check.baseline.is_some())
        );
        more(&mut out, quiet.len());
        out.push_str("\n</details>\n");
    }
    out
}

/// How many rows are left out.
fn more(out: &mut String, rows: usize) {
    if let Some(more @ 1..) = rows.checked_sub(MOST_ROWS) {
        let _ = writeln!(out, "\n… and {more} more");
    }
}

fn table(rows: &[&CheckRow], compared: bool) -> String {
    let mut table = Grid::new([
        Head::left(""),
        Head::left("model"),
        Head::left("what"),
        Head::right("expected"),
        Head::right("found"),
    ]);
    if compared {
        table.heads.extend([Head::right("before"), Head::right("change")]);
    }
    for row in rows.iter().take(MOST_ROWS) {
        let mut cells = vec![
            Value::text(mark(row.outcome)),
            Value::text(&row.model),
            Value::text(&row.what),
            Value::text(&row.expected),
            Value::Sizes(row.found.clone()),
        ];
        if compared {
            let before = row.before.map_or(Value::Empty, |n| Value::text(grouped(n)));
            cells.extend([before, Value::text(arrow(row))]);
        }
        table.rows.push(cells);
    }
    grid(&table, Numbers::Exact)
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
    use crate::report::check::hostile;

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
    }
}
