//! What each convention makes of a network, side by side and by terms; and `docs/conventions.md`, which is written from the
//! same table.
//!
//! Tests stand below and in `tests/it/conventions.rs`.

use std::fmt::Write as _;

use serde::Serialize;

use super::grid::{Grid, Head, Numbers, Value};
use super::markdown::{self, escape};
use super::model::{NamedShape, Report, SCHEMA_VERSION};
use super::summary::shapes;
use super::table::{Look, bold, draw};
use super::text::{join, safe, wrap};
use crate::convention::{self, Convention, Count, NotCounted, Rule, Summed, Unruled, term_text};
use crate::units::grouped;

/// A network as every convention counts it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SideBySide {
    schema_version: u32,
    model: String,
    inputs: Vec<NamedShape>,
    batch: u64,
    mode: &'static str,
    /// MACs of layers that only auxiliary heads need.
    auxiliary_macs: u64,
    conventions: Vec<Printed>,
}

/// What one tool prints.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Printed {
    name: &'static str,
    result: &'static str,
    total: u64,
    skips_heads: bool,
    formula: &'static str,
    version: &'static str,
    terms: Vec<Part>,
    /// What is missing from the total, which then is a lower bound.
    not_counted: Vec<Uncounted>,
}

/// An operator that is not counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Uncounted {
    op: String,
    layers: usize,
    first: String,
    reason: &'static str,
}

/// A term of a total.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
struct Part {
    times: i64,
    amount: u64,
    of: &'static str,
}

impl SideBySide {
    /// The counts of a network; `heads` says which of its layers only auxiliary heads need.
    pub fn new(report: &Report, counts: &[(&'static Convention, Count)], heads: &[bool]) -> Self {
        let layers = report.layers.iter().zip(heads).filter(|(_, is_head)| **is_head);
        let printed = |(convention, count): &(&'static Convention, Count)| Printed {
            name: convention.name,
            result: convention.result,
            total: count.total.value(),
            skips_heads: convention.skips_heads,
            formula: convention.formula,
            version: convention.version,
            terms: count.terms.iter().map(Part::from).collect(),
            not_counted: count.not_counted.iter().map(Uncounted::from).collect(),
        };
        Self {
            schema_version: SCHEMA_VERSION,
            model: report.model.clone(),
            inputs: report.inputs.clone(),
            batch: report.batch,
            mode: report.mode,
            auxiliary_macs: layers.map(|(layer, _)| layer.counts.work.macs).sum(),
            conventions: counts.iter().map(printed).collect(),
        }
    }

    /// For a terminal: a line for each term, so that no explanation is cut.
    pub fn terminal(&self, look: Look) -> String {
        let mut out = format!("{}\n", bold(&safe(&self.model), look.color));
        let assumed = self.assumptions();
        let pieces: Vec<_> = assumed.iter().map(|text| safe(text)).collect();
        let assumed = join(pieces.iter().map(AsRef::as_ref), " · ", look.width, 0, 0);
        let mut grid = Grid::new([
            Head::left("convention"),
            Head::right("prints"),
            Head { expendable: 1, ..Head::left("calls it") },
            Head::left("which is"),
        ]);
        for printed in &self.conventions {
            let mut terms = printed.terms.iter().enumerate().map(|(i, term)| term.text(i == 0));
            let first = terms.next().unwrap_or_else(|| "nothing".to_owned());
            grid.rows.push(vec![
                Value::text(printed.name),
                printed.number(),
                Value::text(printed.result),
                Value::Text(first),
            ]);
            let more = |text| vec![Value::Empty, Value::Empty, Value::Empty, Value::Text(text)];
            grid.rows.extend(terms.map(more));
        }
        let _ =
            write!(out, "{assumed}\n\n{}", draw(grid, Look { numbers: Numbers::Exact, ..look }));
        for note in self.notes() {
            let _ = writeln!(out, "{}", wrap(&note, look.width, 0, 2));
        }
        out
    }

    /// As a part of a page.
    pub fn markdown(&self) -> String {
        let assumed: Vec<String> = self.assumptions().iter().map(|text| escape(text)).collect();
        let mut grid = Grid::new([
            Head::left("convention"),
            Head::right("prints"),
            Head::left("calls it"),
            Head::left("which is"),
        ]);
        let row = |printed: &Printed| {
            let terms = printed.terms.iter().enumerate().map(|(i, term)| term.text(i == 0));
            vec![
                Value::text(printed.name),
                printed.number(),
                Value::text(printed.result),
                Value::Text(terms.collect::<Vec<_>>().join(" ")),
            ]
        };
        grid.rows = self.conventions.iter().map(row).collect();
        let table = markdown::grid(&grid, Numbers::Exact);
        let mut out = format!("### {}\n\n{}\n\n{table}", escape(&self.model), assumed.join(" · "));
        for note in self.notes() {
            let _ = writeln!(out, "\n{}", escape(&note));
        }
        out
    }

    fn assumptions(&self) -> Vec<String> {
        let batch = format!("batch {}", self.batch);
        vec![format!("input {}", shapes(&self.inputs)), batch, format!("{} mode", self.mode)]
    }

    fn notes(&self) -> Vec<String> {
        let heads = (self.auxiliary_macs > 0 && self.mode == "eval").then(|| {
            let skip = self.conventions.iter().filter(|printed| printed.skips_heads);
            let names: Vec<&str> = skip.map(|printed| printed.name).collect();
            format!(
                "{} MACs are in auxiliary heads, which torch does not run in eval mode: without them are {}",
                grouped(self.auxiliary_macs),
                names.join(", ")
            )
        });
        let missing = self.conventions.iter().filter_map(Printed::missing);
        let where_to = "docs/conventions.md has each rule, its source, and what it gets wrong";
        heads.into_iter().chain(missing).chain([where_to.to_owned()]).collect()
    }
}

impl Printed {
    /// Its total; a lower bound says so.
    fn number(&self) -> Value {
        if self.not_counted.is_empty() {
            return Value::Count(self.total);
        }
        Value::Text(format!("≥ {}", grouped(self.total)))
    }

    /// What is not counted, named once an operator.
    fn missing(&self) -> Option<String> {
        let name = |uncounted: &Uncounted| match uncounted.layers {
            1 => format!("{} ({})", uncounted.op, uncounted.first),
            n => format!("{} ({n}, first {})", uncounted.op, uncounted.first),
        };
        let names: Vec<String> = self.not_counted.iter().map(name).collect();
        (!names.is_empty())
            .then(|| format!("{} does not count {}", self.name, safe(&names.join(", "))))
    }
}

impl From<&NotCounted> for Uncounted {
    fn from(missing: &NotCounted) -> Self {
        let NotCounted { op, why, layers, first } = missing;
        Self { op: op.clone(), layers: *layers, first: first.clone(), reason: why }
    }
}

impl From<&Summed> for Part {
    fn from(term: &Summed) -> Self {
        Self { times: term.times, amount: term.amount, of: term.what }
    }
}

impl Part {
    fn text(self, is_first: bool) -> String {
        term_text(&Summed { times: self.times, amount: self.amount, what: self.of }, is_first)
    }
}

/// `docs/conventions.md`.
pub fn page() -> String {
    let mut out = String::from(
        "# Conventions\n\nWritten by `CNNSTAT_UPDATE=1 cargo test`; do not edit.\n\nNo two tools agree on what an operation \
         is. `--as NAME` counts as one of them does; `cnnstat conventions MODEL` shows all side by side, and `cnnstat \
         reconcile MODEL FIGURE` finds who would print a figure. The rules are taken from the tools' sources and \
         documentation; where `tests/golden/torchvision` has a tool's totals, they are met to the last digit, or \
         `tests/it/conventions.rs` lists them with the reason. `convNd` stands for \
         `conv1d`, `conv2d` and `conv3d`; of several rules for an operator the first counts. \
         An operator without a rule counts nothing where the tool is known to ignore it; any other is not counted, and a \
         total is then a lower bound, shown with ≥.\n\n",
    );
    let mut grid = Grid::new(["name", "calls it", "which is", "taken from"].map(Head::left));
    for convention in convention::ALL {
        let cells = [convention.name, convention.result, convention.formula, convention.version];
        grid.rows.push(cells.map(Value::text).to_vec());
    }
    out.push_str(&markdown::grid(&grid, Numbers::Exact));
    for convention in convention::ALL {
        section(&mut out, convention);
    }
    out
}

fn section(out: &mut String, convention: &Convention) {
    let _ = writeln!(out, "\n## {}\n", convention.name);
    let _ =
        writeln!(out, "Calls it {}. Taken from {}.", convention.result, escape(convention.version));
    if convention.skips_heads {
        out.push_str("Auxiliary heads do not count in eval mode, where torch does not run them.\n");
    }
    let mut grid = Grid::new(["of", "counts"].map(Head::left));
    for rule in convention.rules {
        let ops: Vec<String> = rule.ops.iter().map(|name| (*name).to_owned()).collect();
        let of = match rule.case {
            None => ops.join(", "),
            Some((arg, value)) => format!("{} with {arg}={value}", ops.join(", ")),
        };
        grid.rows.push(vec![Value::Text(of), Value::Text(counted(rule))]);
    }
    let _ = write!(out, "\n{}", markdown::grid(&grid, Numbers::Exact));
    unruled(out, convention, "Ignored", convention.ignored);
    unruled(
        out,
        convention,
        "Not counted: a total with one of them is a lower bound",
        convention.undetermined,
    );
    for (heading, texts) in
        [("On purpose as the tool has it", convention.wrong), ("To know", convention.notes)]
    {
        if !texts.is_empty() {
            let _ = writeln!(out, "\n{heading}:\n");
        }
        for text in texts {
            let _ = writeln!(out, "* {text}");
        }
    }
}

/// The operators without a rule, with the reasons.
fn unruled(out: &mut String, convention: &Convention, heading: &str, lists: &[Unruled]) {
    if lists.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{heading}:\n");
    for list in lists {
        let _ = writeln!(out, "* {}: {}.", list.names_in(convention).join(", "), list.why);
    }
}

/// What a rule counts, in words.
fn counted(rule: &Rule) -> String {
    let mut out = String::new();
    for term in rule.terms {
        let sign = match (out.is_empty(), term.times < 0) {
            (true, _) => "",
            (false, false) => " + ",
            (false, true) => " − ",
        };
        let times = match term.times.unsigned_abs() {
            1 => String::new(),
            n => format!("{n} × "),
        };
        let _ = write!(out, "{sign}{times}{}", term.what);
    }
    if out.is_empty() { "nothing".to_owned() } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_conventions_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/conventions.md");
        let page = page();
        if std::env::var_os("CNNSTAT_UPDATE").is_some() {
            std::fs::write(path, &page).unwrap();
        }
        let written = std::fs::read_to_string(path).unwrap_or_default().replace("\r\n", "\n");
        assert!(written == page, "docs/conventions.md is out of date: CNNSTAT_UPDATE=1 cargo test");
    }

    #[test]
    fn terms_have_their_sign_and_their_factor() {
        let term = |times| Summed { times, amount: 11_113_984, what: "batch-norm elements" };
        assert_eq!(term_text(&term(2), false), "+ 2 × 11,113,984 batch-norm elements");
        assert_eq!(term_text(&term(1), true), "11,113,984 batch-norm elements");
        assert_eq!(term_text(&term(-1), false), "− 11,113,984 batch-norm elements");
    }

    #[test]
    fn every_operator_that_a_rule_names_exists() {
        for rule in convention::ALL.iter().flat_map(|convention| convention.rules) {
            for name in rule.ops.iter().filter(|name| **name != "*") {
                let known = name.replace("Nd", "2d");
                assert!(crate::ops::Op::find(&known).is_some(), "{name}");
            }
        }
    }
}
