//! The page of `cnnstat check`: a row for each expectation and limit.

use crate::compare::Delta;
use crate::report::data::check::{Check, CheckRow, Level};
use crate::report::grid::{Grid, Head, Tone, Value};
use crate::report::page::{Block, Page, Records};
use crate::units::grouped;

/// The page of a check.
pub fn page(check: &Check) -> Page<'_> {
    let sections = move |_| {
        let sentence = vec![Block::Sentence(check.sentence())];
        let table = || vec![Block::table(grid(check))];
        (!check.rows.is_empty()).then(table).into_iter().chain([sentence]).collect()
    };
    Page::new("check", sections).records(|| Records::from(grid_in_full(check)))
}

/// The rows as a grid.
fn grid(check: &Check) -> Grid {
    let mut grid = compared(check, &check.rows, CheckRow::change);
    grid.heads.push(Head::left("verdict"));
    for (cells, row) in grid.rows.iter_mut().zip(&check.rows) {
        cells.push(Value::Verdict(row.outcome.text(), verdict(row)));
    }
    grid
}

/// How a verdict looks.
fn verdict(row: &CheckRow) -> Tone {
    match row.level {
        Some(Level::Ok) => Tone::Good,
        Some(Level::Warn) => Tone::Doubtful,
        Some(Level::Fail) => Tone::Bad,
        None => Tone::Plain,
    }
}

/// Some rows without their verdicts; what they were, where something is compared, and how `change` says it changed.
pub fn compared<'r>(
    check: &Check,
    rows: impl IntoIterator<Item = &'r CheckRow>,
    change: fn(&CheckRow) -> String,
) -> Grid {
    let mut grid = Grid::new([
        Head::left("model"),
        Head::left("what"),
        Head::right("expected"),
        Head::right("found"),
    ]);
    let compared = check.baseline.is_some();
    if compared {
        grid.heads.extend([Head::right("before"), Head::right("change")]);
    }
    for row in rows {
        let mut cells = vec![
            Value::text(&row.model),
            Value::text(&row.what),
            Value::text(&row.expected),
            Value::Sizes(row.found.clone()),
        ];
        if compared {
            let before = row.before.map_or(Value::Empty, |n| Value::text(grouped(n)));
            cells.extend([before, Value::text(change(row))]);
        }
        grid.rows.push(cells);
    }
    grid
}

/// The rows with the places they are written at.
fn grid_in_full(check: &Check) -> Grid {
    let mut grid = grid(check);
    grid.heads.extend([Head::left("file"), Head::right("line")]);
    for (cells, row) in grid.rows.iter_mut().zip(&check.rows) {
        // Numbers alone: found, before, change.
        if let Some(value) = row.value {
            cells[3] = Value::Count(value);
        }
        if check.baseline.is_some() {
            cells[4] = row.before.map_or(Value::Empty, Value::Count);
            let change = row.before.zip(row.value);
            let change = change.map(|(before, after)| Delta { before, after }.signed());
            cells[5] = change.map_or(Value::Empty, Value::Delta);
        }
        let file = row.file.as_ref().map_or(Value::Empty, Value::text);
        let line = row.line.map_or(Value::Empty, |line| Value::Text(line.to_string()));
        cells.extend([file, line]);
    }
    grid
}
