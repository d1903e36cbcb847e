//! `cnnstat check PATH…`: networks against what their descriptions expect.
//!
//! Tests stand below.

use super::args::{CheckArgs, PageFormat};
use super::load::{Failure, Model};
use super::networks::{self, Found};
use super::settings::{Screen, Settings};
use super::{Done, Status, cannot_write};
use crate::budget::{self, judge};
use crate::diag::{At, Code, Diagnostic, Source, position};
use crate::lang::{self, Document};
use crate::report::check::{Check, CheckRow, Outcome};
use crate::report::grid::Numbers;
use crate::report::{csv, json};

/// What is being checked, and what came of it so far.
struct Checking<'s> {
    settings: &'s Settings,
    screen: &'s Screen,
    check: Check,
    done: Done,
}

/// A row for each expectation. Exit 2 where something could not be read, or nothing was checked.
pub fn run(args: &CheckArgs, screen: &Screen) -> Result<Done, Failure> {
    let settings = Settings::new(&args.model)?;
    let mut checking =
        Checking { settings: &settings, screen, check: Check::default(), done: Done::default() };
    for path in &args.paths {
        networks::each(path, &settings, &mut |found| checking.found(found));
    }
    let Checking { check, mut done, .. } = checking;
    done.file.clone_from(&args.page.output);
    let look = screen.look(Numbers::Exact, args.page.output.is_some());
    done.page = match args.page.format {
        PageFormat::Table => check.terminal(look),
        PageFormat::Markdown => check.markdown(),
        PageFormat::Json => json::pretty(&check).map_err(cannot_write)?,
        PageFormat::Csv => csv::grid(&check.grid_in_full()).map_err(cannot_write)?,
    };
    done.status = done.status.max(status(&check));
    Ok(done)
}

fn status(check: &Check) -> Status {
    let any = |outcome| check.count(|o| o == outcome) > 0;
    if check.count(Outcome::is_checked) == 0 || any(Outcome::Unknown) || check.failed > 0 {
        Status::Failed
    } else if any(Outcome::Missed) {
        Status::Findings
    } else {
        Status::Fine
    }
}

impl Checking<'_> {
    /// What an argument brought up.
    fn found(&mut self, found: Found) {
        match found {
            Found::Network(model) => self.judge(&model),
            Found::Skipped => self.check.skipped += 1,
            Found::Failed(failure) => {
                self.check.failed += 1;
                self.done.fail(&failure, self.screen);
            }
        }
    }

    /// The rows of one network.
    fn judge(&mut self, model: &Model) {
        let Model { source, document, analysis } = model;
        let name = document.variant.as_ref().unwrap_or(&document.graph.name);
        let row = |what: String, expected: String, found: String, outcome| CheckRow {
            model: name.clone(),
            what,
            expected,
            found,
            outcome,
            file: Some(source.name.clone()),
            line: None,
        };
        if document.expectations.is_empty() {
            let empty = String::new;
            self.check.rows.push(row(empty(), empty(), empty(), Outcome::NoExpectations));
            return;
        }
        let lines = lines(source, document);
        if self.settings.changed {
            let rows = document.expectations.iter().zip(lines).map(|(expectation, line)| {
                let (what, text) = (budget::subject(expectation), expectation.text.clone());
                CheckRow { line, ..row(what, text, String::new(), Outcome::NotChecked) }
            });
            self.check.rows.extend(rows);
            return;
        }
        let mut diagnostics = Vec::new();
        for (verdict, line) in judge(document, analysis).into_iter().zip(lines) {
            let (outcome, diagnostic) = match verdict.outcome {
                budget::Outcome::Met => (Outcome::Met, None),
                budget::Outcome::Missed(diagnostic) => (Outcome::Missed, Some(diagnostic)),
                budget::Outcome::Unknown(diagnostic) => (Outcome::Unknown, Some(diagnostic)),
            };
            diagnostics.extend(diagnostic.map(|diagnostic| lang::resolve(source, diagnostic)));
            let row = row(verdict.what, verdict.expected, verdict.found, outcome);
            self.check.rows.push(CheckRow { line, ..row });
        }
        if !diagnostics.is_empty() {
            let text = Failure::about(source, diagnostics).text(self.screen);
            self.done.messages.push_str(&text);
        }
    }
}

/// The line of each expectation, from 1.
fn lines(source: &Source, document: &Document) -> Vec<Option<usize>> {
    let expectations = &document.expectations;
    // One diagnostic with a label for each: the text is read once to find them all.
    let places = expectations
        .iter()
        .fold(Diagnostic::new(Code::E0601, ""), |diagnostic, e| diagnostic.label(e.place, ""));
    let labels = lang::resolve(source, places).labels;
    let line = |at: At| match at {
        At::Bytes(span) => Some(position(&source.text, span.start).0),
        At::Place(_) => None,
    };
    let mut lines: Vec<Option<usize>> = labels.into_iter().map(|label| line(label.at)).collect();
    lines.resize(expectations.len(), None);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_done_beats_a_miss_and_nothing_is_no_pass() {
        let row = |outcome| CheckRow {
            model: String::new(),
            what: String::new(),
            expected: String::new(),
            found: String::new(),
            outcome,
            file: None,
            line: None,
        };
        let of = |outcomes: &[Outcome], failed| {
            let rows = outcomes.iter().copied().map(row).collect();
            status(&Check { rows, failed, ..Check::default() })
        };
        assert_eq!(of(&[], 0), Status::Failed);
        assert_eq!(of(&[Outcome::NotChecked, Outcome::NoExpectations], 0), Status::Failed);
        assert_eq!(of(&[Outcome::Met, Outcome::NoExpectations], 0), Status::Fine);
        assert_eq!(of(&[Outcome::Met, Outcome::Missed], 0), Status::Findings);
        assert_eq!(of(&[Outcome::Met, Outcome::Missed], 1), Status::Failed);
        assert_eq!(of(&[Outcome::Met, Outcome::Unknown], 0), Status::Failed);
    }
}
