//! `cnnstat check [PATH…]`: networks against what their descriptions expect, against the budgets of `cnnstat.toml`, and
//! against what they were.
//!
//! `before` finds what a network was. Tests stand below, in `tests/it/check.rs` and in `tests/it/budgets.rs`.

mod before;

use std::collections::BTreeSet;
use std::path::Path;

use super::args::{CheckArgs, CheckFormat};
use super::load::{self, Failure, Model};
use super::networks::{self, Found};
use super::settings::{Screen, Settings};
use super::{Done, Status, cannot_write};
use crate::analysis::memory::Optimizer;
use crate::budget::baseline::Measured;
use crate::budget::config::{self, Budget, Config, Sets};
use crate::budget::movers::{self, Mover};
use crate::budget::{self, Found as Quantity, Subject, Verdict, judge};
use crate::diag::{At, Code, Diagnostic, Source, did_you_mean, position};
use crate::lang::{self, Expectation};
use crate::report::check::{
    Check, CheckRow, Fault, Level, Outcome, Part, Spot, comment, github, gitlab, junit, sarif,
};
use crate::report::grid::Numbers;
use crate::report::{csv, json};
use before::Before;

/// The file of budgets that is read where none is named.
const CONFIG: &str = "cnnstat.toml";

/// What is being checked, and what came of it so far.
struct Checking<'s> {
    settings: &'s Settings,
    screen: &'s Screen,
    config: &'s Config,
    /// The text of the budgets.
    source: Option<Source>,
    before: Before,
    /// Whether what was measured is kept for a later run.
    keeps: bool,
    /// Patterns of the budgets that matched, by where they are written.
    matched: BTreeSet<usize>,
    names: BTreeSet<String>,
    check: Check,
    done: Done,
}

/// A row for each expectation. Exit 2 where something could not be read, or nothing was checked.
pub fn run(args: &CheckArgs, screen: &Screen) -> Result<Done, Failure> {
    let settings = Settings::new(&args.model)?;
    let source = budgets(args.config.as_deref())?;
    let config = match &source {
        Some(source) => config::read(source).map_err(|faults| Failure::about(source, faults))?,
        None => Config::default(),
    };
    let paths = if args.paths.is_empty() { &config.paths } else { &args.paths };
    if paths.is_empty() {
        return Err(nothing(source.as_ref()));
    }
    let mut done = Done::default();
    let before = Before::new(args, &mut done, screen)?;
    let check = Check { baseline: before.name(), ..Check::default() };
    let mut checking = Checking {
        settings: &settings,
        screen,
        config: &config,
        source,
        before,
        keeps: args.format == CheckFormat::Json,
        matched: BTreeSet::new(),
        names: BTreeSet::new(),
        check,
        done,
    };
    for path in paths {
        networks::each(path, &settings, &mut |found| checking.found(found));
    }
    if args.paths.is_empty() {
        checking.unmatched();
    }
    let Checking { check, mut done, .. } = checking;
    done.file.clone_from(&args.output);
    let look = screen.look(Numbers::Exact, args.output.is_some());
    done.page = match args.format {
        CheckFormat::Table => check.terminal(look),
        CheckFormat::Json => json::pretty(&check).map_err(cannot_write)?,
        CheckFormat::Csv => csv::grid(&check.grid_in_full()).map_err(cannot_write)?,
        CheckFormat::Markdown => comment::page(&check),
        CheckFormat::Github => github::page(&check),
        CheckFormat::Junit => junit::page(&check).map_err(cannot_write)?,
        CheckFormat::Sarif => sarif::page(&check).map_err(cannot_write)?,
        CheckFormat::Gitlab => gitlab::page(&check).map_err(cannot_write)?,
    };
    done.status = done.status.max(status(&check));
    Ok(done)
}

/// The text of the budgets: of the file that is named, or of [`CONFIG`] where that is there.
fn budgets(named: Option<&str>) -> Result<Option<Source>, Failure> {
    match named {
        Some(path) => load::read_file(path).map(Some),
        None if Path::new(CONFIG).is_file() => load::read_file(CONFIG).map(Some),
        None => Ok(None),
    }
}

/// Neither a path nor `paths`.
fn nothing(source: Option<&Source>) -> Failure {
    let why = match source {
        Some(source) => format!("`{}` has no `paths`", source.name),
        None => format!("there is no `{CONFIG}` here"),
    };
    let message = format!("nothing to check: no PATH is given, and {why}");
    let help = "name descriptions or folders, as in `cnnstat check models/`, or write them into \
                cnnstat.toml, as in `paths = [\"models/\"]`";
    Failure::new(Diagnostic::new(Code::E0101, message).help(help))
}

fn status(check: &Check) -> Status {
    let any = |outcome| check.count(|o| o == outcome) > 0;
    if check.count(Outcome::is_checked) == 0 || any(Outcome::Unknown) || check.failed > 0 {
        Status::Failed
    } else if check.level() == Level::Fail {
        Status::Findings
    } else {
        Status::Fine
    }
}

/// A network as one budget has it, or as it is described.
struct Case<'c> {
    model: &'c Model,
    settings: &'c Settings,
    /// Its name, and what is set of it.
    label: String,
    optimizer: Optimizer,
}

impl Checking<'_> {
    /// What an argument brought up.
    fn found(&mut self, found: Found) {
        match found {
            Found::Network(model) => self.network(&model),
            Found::Skipped => self.check.skipped += 1,
            Found::Failed(failure) => self.failed(&failure),
        }
    }

    fn failed(&mut self, failure: &Failure) {
        self.check.failed += 1;
        let fault = |diagnostic: &Diagnostic| {
            let source = diagnostic.source.as_ref().or(failure.source.as_ref());
            let line = source.and_then(|source| line(source, diagnostic.labels.first()?.at));
            Fault {
                code: diagnostic.code.name(),
                message: diagnostic.message.clone(),
                file: source.map(|source| source.name.clone()),
                line,
            }
        };
        self.check.faults.extend(failure.diagnostics.iter().map(fault));
        self.done.fail(failure, self.screen);
    }

    /// The rows of one network: what its description says, then what the budgets say.
    fn network(&mut self, model: &Model) {
        let Model { source, document, .. } = model;
        let name = document.variant.as_ref().unwrap_or(&document.graph.name);
        self.names.insert(name.clone());
        let (settings, config) = (self.settings, self.config);
        let case = |label: String, optimizer| Case { model, settings, label, optimizer };
        let plain = case(name.clone(), Optimizer::default());
        let rows = self.check.rows.len();
        if settings.changed {
            self.not_checked(&plain);
            self.judge(&plain, &document.budget, None);
        } else {
            let own = [document.expectations.as_slice(), &document.budget].concat();
            self.judge(&plain, &own, None);
        }
        for (at, budget) in config.budgets.iter().enumerate() {
            let patterns = budget.matching(name, &source.name).filter_map(start);
            self.matched.extend(patterns);
            if !budget.covers(name, &source.name) {
                continue;
            }
            for sets in budget.settings() {
                if sets.is_empty() && budget.assumptions().is_empty() {
                    self.judge(&plain, &budget.limits, Some(at));
                } else {
                    self.set(model, name, budget, &sets, at);
                }
            }
        }
        if self.check.rows.len() == rows {
            let file = Some(source.name.clone());
            let row = CheckRow { file, ..CheckRow::new(name, Outcome::NoExpectations) };
            self.check.rows.push(row);
        }
    }

    /// A network with what a budget sets and assumes.
    fn set(&mut self, model: &Model, name: &str, budget: &Budget, sets: &Sets, at: usize) {
        let mut settings = self.settings.clone();
        settings.sets.extend(sets.iter().cloned());
        settings.inputs.extend(budget.input.map(|shape| (String::new(), shape)));
        settings.options.batch = budget.batch.unwrap_or(settings.options.batch);
        settings.options.dtype = budget.dtype.unwrap_or(settings.options.dtype);
        let said = sets.iter().map(|(variable, text)| format!("{variable}={text}"));
        let said: Vec<String> = said.chain(budget.assumptions()).collect();
        let label = format!("{name} [{}]", said.join(", "));
        let read = load::parse(model.source.clone(), model.document.variant.clone(), &settings)
            .and_then(|(source, document)| load::analyse(source, document, &settings, name));
        match read {
            Ok(model) => {
                let (settings, optimizer) = (&settings, budget.optimizer);
                let case = Case { model: &model, settings, label, optimizer };
                self.judge(&case, &budget.limits, Some(at));
            }
            Err(mut failure) => {
                for diagnostic in &mut failure.diagnostics {
                    let note = format!("a budget of {CONFIG} checks it as {label}");
                    diagnostic.notes.push(note);
                }
                self.failed(&failure);
            }
        }
    }

    /// The expectations of a description that options changed.
    fn not_checked(&mut self, case: &Case<'_>) {
        let Model { source, document, .. } = case.model;
        let lines = lines(source, document.expectations.iter().map(|e| e.at));
        for (expectation, line) in document.expectations.iter().zip(lines) {
            let row = CheckRow {
                what: budget::about(expectation),
                expected: budget::wanted(expectation),
                file: Some(source.name.clone()),
                line,
                ..CheckRow::new(&case.label, Outcome::NotChecked)
            };
            self.check.rows.push(row);
        }
    }

    /// The rows of limits that a network is held to; `budget` says which of the budgets they are of.
    fn judge(&mut self, case: &Case<'_>, limits: &[Expectation], budget: Option<usize>) {
        let Model { source, document, analysis } = case.model;
        let subject = Subject::new(&document.graph, analysis, case.optimizer);
        let now = (self.keeps || self.before.is_asked()).then(|| measured(case, &subject));
        if let Some(now) = now.as_ref().filter(|_| self.keeps) {
            self.keep(now);
        }
        let was = now.as_ref().and_then(|now| self.before.find(now, case));
        let number = |expectation: &Expectation| was.as_deref()?.number(expectation);
        let verdicts = judge(&subject, limits, number);
        let parts: Vec<Vec<Mover>> = limits
            .iter()
            .zip(&verdicts)
            .map(|(limit, verdict)| parts(case, was.as_deref(), limit, verdict))
            .collect();
        // The places of all, since finding one reads the description.
        let own = |at: At| if budget.is_some() { None } else { Some(at) };
        let first = |parts: &Vec<Mover>| {
            let index = parts.iter().find_map(|part| part.index)?;
            document.places.get(index).copied().map(At::Place)
        };
        let at = limits.iter().zip(&parts).map(|(limit, parts)| own(limit.at).or(first(parts)));
        let nowhere = At::Bytes(crate::span::Span::new(0, 0));
        let lines = lines(source, at.map(|at| at.unwrap_or(nowhere)));
        let mut diagnostics = Vec::new();
        for (((limit, verdict), parts), line) in limits.iter().zip(verdicts).zip(parts).zip(lines) {
            let mut row = CheckRow {
                what: verdict.what,
                expected: verdict.expected,
                found: verdict.found.map(Quantity::text).unwrap_or_default(),
                value: match verdict.found {
                    Some(Quantity::Number(n)) => Some(n),
                    _ => None,
                },
                before: verdict.before,
                layers: parts.iter().map(part).collect(),
                file: Some(source.name.clone()),
                line,
                budget: budget.and(self.spot(limit.at)),
                ..CheckRow::new(&case.label, Outcome::Met)
            };
            let (outcome, diagnostic) = match verdict.outcome {
                budget::Outcome::Met => (Outcome::Met, None),
                budget::Outcome::Warned(diagnostic) => (Outcome::Warned, Some(diagnostic)),
                budget::Outcome::Missed(diagnostic) => (Outcome::Missed, Some(diagnostic)),
                budget::Outcome::Unknown(diagnostic) => (Outcome::Unknown, Some(diagnostic)),
                budget::Outcome::NoBaseline(diagnostic) if self.before.is_asked() => {
                    (Outcome::NoBaseline, Some(diagnostic))
                }
                budget::Outcome::NoBaseline(_) => (Outcome::NotCompared, None),
            };
            (row.outcome, row.level) = (outcome, outcome.level());
            if let Some(mut diagnostic) = diagnostic {
                row.message = Some(diagnostic.message.clone());
                diagnostic.notes.extend(row.named(3));
                if budget.is_some() {
                    diagnostic.message = format!("{}: {}", case.label, diagnostic.message);
                    diagnostic.source.clone_from(&self.source);
                }
                diagnostics.push(lang::resolve(source, diagnostic));
            }
            self.check.rows.push(row);
        }
        if !diagnostics.is_empty() {
            let text = Failure::about(source, diagnostics).text(self.screen);
            self.done.messages.push_str(&text);
        }
    }

    /// Keeps what was measured, each network once.
    fn keep(&mut self, now: &Measured) {
        let value = now.json();
        if !self.check.networks.contains(&value) {
            self.check.networks.push(value);
        }
    }

    /// Where something is written in the budgets.
    fn spot(&self, at: At) -> Option<Spot> {
        let source = self.source.as_ref()?;
        Some(Spot { file: source.name.clone(), line: line(source, at)? })
    }

    /// Patterns that matched nothing would limit nothing, in silence.
    fn unmatched(&mut self) {
        let Some(source) = &self.source else { return };
        let mut diagnostics = Vec::new();
        let patterns = self.config.budgets.iter().flat_map(|budget| &budget.models);
        for (pattern, at) in patterns {
            if start(*at).is_some_and(|at| self.matched.contains(&at)) {
                continue;
            }
            let text = pattern.as_str();
            let message = format!("no network that is checked is called `{text}`, and no file");
            let diagnostic = Diagnostic::new(Code::E0606, message)
                .at(*at, "matches nothing")
                .helps(did_you_mean(text, self.names.iter().map(String::as_str)));
            diagnostics.push(diagnostic);
        }
        if !diagnostics.is_empty() {
            self.failed(&Failure::about(&source.clone(), diagnostics));
        }
    }
}

fn measured(case: &Case<'_>, subject: &Subject<'_>) -> Measured {
    let Case { model, label, .. } = case;
    Measured::of(label.clone(), model.source.name.clone(), model.report(), subject)
}

/// The layers that moved a number, or that have the most of one that is not as it should be.
fn parts(
    case: &Case<'_>,
    was: Option<&Measured>,
    limit: &Expectation,
    verdict: &Verdict,
) -> Vec<Mover> {
    let moved = match (verdict.found, verdict.before) {
        (Some(Quantity::Number(now)), Some(before)) => now != before,
        _ => false,
    };
    let is_fine = matches!(verdict.outcome, budget::Outcome::Met | budget::Outcome::NoBaseline(_));
    match was {
        Some(was) if moved => movers::movers(&was.report, &case.model.report(), limit),
        _ if is_fine => Vec::new(),
        _ => movers::heaviest(&case.model.report(), limit),
    }
}

fn part(mover: &Mover) -> Part {
    Part { layer: mover.layer.clone(), before: mover.before, after: mover.after }
}

/// Where something is written, as a number that orders.
fn start(at: At) -> Option<usize> {
    match at {
        At::Bytes(span) => Some(span.start),
        At::Place(_) => None,
    }
}

fn line(source: &Source, at: At) -> Option<usize> {
    start(at).map(|start| position(&source.text, start).0)
}

/// The line of each place, from 1.
fn lines(source: &Source, places: impl Iterator<Item = At>) -> Vec<Option<usize>> {
    // One diagnostic with a label for each: the text is read once to find them all.
    let places = places.fold(Diagnostic::new(Code::E0601, ""), |found, at| found.at(at, ""));
    let n = places.labels.len();
    let labels = lang::resolve(source, places).labels;
    let mut lines: Vec<Option<usize>> =
        labels.into_iter().map(|label| line(source, label.at)).collect();
    lines.resize(n, None);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_done_beats_a_miss_and_nothing_is_no_pass() {
        let of = |outcomes: &[Outcome], failed| {
            let rows = outcomes.iter().map(|outcome| CheckRow::new("m", *outcome)).collect();
            status(&Check { rows, failed, ..Check::default() })
        };
        assert_eq!(of(&[], 0), Status::Failed);
        assert_eq!(of(&[Outcome::NotChecked, Outcome::NoExpectations], 0), Status::Failed);
        assert_eq!(of(&[Outcome::NotCompared], 0), Status::Failed);
        assert_eq!(of(&[Outcome::Met, Outcome::NoExpectations], 0), Status::Fine);
        assert_eq!(of(&[Outcome::Warned, Outcome::NoBaseline], 0), Status::Fine);
        assert_eq!(of(&[Outcome::Met, Outcome::Missed], 0), Status::Findings);
        assert_eq!(of(&[Outcome::Met, Outcome::Missed], 1), Status::Failed);
        assert_eq!(of(&[Outcome::Met, Outcome::Unknown], 0), Status::Failed);
    }
}
