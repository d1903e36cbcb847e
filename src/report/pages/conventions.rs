//! The page of `cnnstat conventions`: a row for each convention; and `docs/conventions.md`, which is written from the same
//! table.

use super::inputs;
use super::summary::missing_text;
use crate::convention::{NOT_KNOWN, Summed, term_text};
use crate::report::data::conventions::{ConventionsReport, PrintedCount, Term, Uncounted};
use crate::report::grid::{Exactness, Grid, Head, Value};
use crate::report::page::{Block, Medium, Page};
use crate::units::grouped;

/// The page of a network.
pub fn page(report: &ConventionsReport) -> Page<'_> {
    let sections = move |medium| {
        let mut rows = vec![Block::table(grid(report, medium))];
        rows.extend(notes(report).into_iter().map(Block::Sentence));
        vec![
            vec![Block::Title(report.model.clone()), Block::Assumptions(assumptions(report))],
            rows,
        ]
    };
    Page::new(&report.model, sections).part().data(move || report)
}

/// A row for each convention. On a screen each term has a line, so that no explanation is cut.
fn grid(report: &ConventionsReport, medium: Medium) -> Grid {
    let mut grid = Grid::new([
        Head::left("convention"),
        Head::right("prints"),
        Head { expendable: 1, ..Head::left("calls it") },
        Head::left("which is"),
    ]);
    let row = |printed: &PrintedCount, terms: String| {
        vec![
            Value::text(printed.name),
            number(printed),
            Value::text(printed.result),
            Value::Text(terms),
        ]
    };
    for printed in &report.conventions {
        let mut terms = printed.terms.iter().enumerate().map(|(i, term)| text(*term, i == 0));
        if medium == Medium::Paper {
            grid.rows.push(row(printed, terms.collect::<Vec<_>>().join(" ")));
            continue;
        }
        grid.rows.push(row(printed, terms.next().unwrap_or_else(|| "nothing".to_owned())));
        let more = |text| vec![Value::Empty, Value::Empty, Value::Empty, Value::Text(text)];
        grid.rows.extend(terms.map(more));
    }
    grid
}

fn assumptions(report: &ConventionsReport) -> Vec<String> {
    let batch = format!("batch {}", report.batch);
    vec![format!("input {}", inputs(&report.inputs)), batch, format!("{} mode", report.mode)]
}

fn notes(report: &ConventionsReport) -> Vec<String> {
    let heads = (report.auxiliary_macs > 0 && report.mode == "eval").then(|| {
        let skip = report.conventions.iter().filter(|printed| printed.skips_heads);
        let names: Vec<&str> = skip.map(|printed| printed.name).collect();
        format!(
            "{} MACs are in auxiliary heads, which torch does not run in eval mode: without them are {}",
            grouped(report.auxiliary_macs),
            names.join(", ")
        )
    });
    let where_to = "docs/conventions.md has each rule, its source, and what it gets wrong";
    let partial = report.status.is_partial().then(|| missing_text(&report.missing));
    let missing = report.conventions.iter().filter_map(missing);
    heads.into_iter().chain(partial).chain(missing).chain([where_to.to_owned()]).collect()
}

/// The total of a tool; a lower bound says so.
fn number(printed: &PrintedCount) -> Value {
    let is_exact = printed.not_counted.is_empty();
    let exactness = if is_exact { Exactness::Exact } else { Exactness::AtLeast };
    Value::Count(printed.total).bounded(exactness)
}

/// What a tool's total does not count, named once an operator.
fn missing(printed: &PrintedCount) -> Option<String> {
    let name = |uncounted: &Uncounted| match uncounted.layers {
        1 => format!("{} ({})", uncounted.op, uncounted.first),
        n => format!("{} ({n}, first {})", uncounted.op, uncounted.first),
    };
    // What nobody knows is said once, not of each tool.
    let own = printed.not_counted.iter().filter(|uncounted| uncounted.reason != NOT_KNOWN);
    let names: Vec<String> = own.map(name).collect();
    (!names.is_empty()).then(|| format!("{} does not count {}", printed.name, names.join(", ")))
}

/// A term of a count in words.
fn text(term: Term, is_first: bool) -> String {
    let Term { times, amount, of: what } = term;
    term_text(&Summed { times, amount, what }, is_first)
}
