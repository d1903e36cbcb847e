//! `cnnstat check [PATH…]`: networks against what their descriptions expect, against the budgets of `cnnstat.toml`, and
//! against what they were.
//!
//! `before` finds what a network was.

mod before;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::Path;

use super::args::CheckArgs;
use super::load::{self, Failure, Model};
use super::networks::{self, Found};
use super::settings::{Screen, Settings};
use super::{Done, Status, cannot_write};
use crate::analysis::memory::Optimizer;
use crate::budget::baseline::Measured;
use crate::budget::config::{self, Budget, Config, Sets};
use crate::budget::movers::{self, Mover};
use crate::budget::{self, Found as Quantity, Outcome as Judged, Subject, Verdict, judge};
use crate::diag::{At, Code, Diagnostic, Source, did_you_mean, position};
use crate::expectation::Expectation;
use crate::model::Architecture;
use crate::report::data::check::{Check, CheckRow, Fault, Outcome, Part, Spot};
use crate::report::grid::Numbers;
use crate::report::model::{Report, Status as Completeness};
use crate::span::Span;
use before::Before;

/// The first line of a file.
const TOP: At = At::Bytes(Span::new(0, 0));

/// The file of budgets that is read where none is named.
const CONFIG: &str = "cnnstat.toml";

/// What is being checked, and what came of it so far.
struct Checking<'s> {
    settings: &'s Settings,
    screen: &'s Screen,
    config: &'s Config,
    /// The text of the budgets.
    source: Option<&'s Source>,
    before: &'s Before,
    /// Whether a network of which something is not known is a finding.
    strict: bool,
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
    let mut done = Done::default();
    // What is wrong with the budgets or the baseline is told in the format that is asked for, like all else.
    let mut failures = Vec::new();
    let config = match source.as_ref().map(config::read).transpose() {
        Ok(config) => config.unwrap_or_default(),
        Err(faults) => {
            failures.extend(source.as_ref().map(|source| Failure::about(source, faults)));
            Config::default()
        }
    };
    let before = Before::new(args, &mut done, screen).unwrap_or_else(|failure| {
        failures.push(failure);
        Before::Unasked
    });
    let paths = if args.paths.is_empty() { &config.paths } else { &args.paths };
    if paths.is_empty() && failures.is_empty() {
        return Err(nothing(source.as_ref()));
    }
    let check = Check { baseline: before.name(), ..Check::default() };
    let mut checking = Checking {
        settings: &settings,
        screen,
        config: &config,
        source: source.as_ref(),
        before: &before,
        strict: args.model.strict,
        keeps: args.page.format().label.name == "json",
        matched: BTreeSet::new(),
        names: BTreeSet::new(),
        check,
        done,
    };
    if failures.is_empty() {
        for path in paths {
            networks::each(path, &settings, &mut |found| checking.found(found));
        }
        if args.paths.is_empty() {
            checking.unmatched();
        }
    }
    for failure in &failures {
        checking.failed(failure);
    }
    let Checking { check, mut done, .. } = checking;
    done.file.clone_from(&args.page.output);
    let look = screen.look(Numbers::Exact, args.page.output.is_some());
    done.page = (args.page.format().render)(&check, look).map_err(cannot_write)?;
    done.status = done.status.max(status(&check));
    Ok(done)
}

/// The text of the budgets: of the file that is named, or of [`CONFIG`] where that is there.
fn budgets(named: Option<&str>) -> Result<Option<Source>, Failure> {
    match named {
        Some(path) => load::read_text(path).map(Some),
        None if Path::new(CONFIG).is_file() => load::read_text(CONFIG).map(Some),
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
    } else if any(Outcome::Missed) {
        Status::Findings
    } else if any(Outcome::NotDecided) {
        Status::Failed
    } else {
        Status::Fine
    }
}

/// A network as it is described, or as a budget has it.
#[derive(Clone)]
struct Asked<'c> {
    model: &'c Model,
    settings: &'c Settings,
    /// Its name, and what is set of it.
    label: String,
    optimizer: Optimizer,
}

impl Asked<'_> {
    fn subject(&self) -> Subject<'_> {
        Subject::new(&self.model.document.graph, &self.model.analysis, self.optimizer)
    }

    fn measured(&self, subject: &Subject<'_>) -> Measured {
        let file = self.model.source.name.clone();
        Measured::of(self.label.clone(), file, self.model.report(), subject)
    }
}

/// What is held to limits: measured and looked up once, however many budgets there are.
struct Case<'c> {
    asked: &'c Asked<'c>,
    subject: Subject<'c>,
    /// What it is, where that is compared or kept.
    now: Option<Measured>,
    /// What it was.
    was: Option<Cow<'c, Measured>>,
}

impl Case<'_> {
    fn report(&self) -> Cow<'_, Report> {
        match &self.now {
            Some(now) => Cow::Borrowed(&now.report),
            None => Cow::Owned(self.asked.model.report()),
        }
    }

    /// The layers that moved a number, or that have the most of one that is not as it should be.
    fn parts(&self, limit: &Expectation, verdict: &Verdict) -> Vec<Mover> {
        let moved = match (verdict.found, verdict.before) {
            (Some(Quantity::Number(now)), Some(before)) => now != before,
            _ => false,
        };
        match &self.was {
            Some(was) if moved => movers::movers(&was.report, &self.report(), limit),
            _ if matches!(verdict.outcome, Judged::Met | Judged::NoBaseline(_)) => Vec::new(),
            _ => movers::heaviest(&self.report(), limit),
        }
    }
}

impl<'s> Checking<'s> {
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
        self.check.faults.extend(faults(failure));
        self.done.fail(failure, self.screen);
    }

    /// The rows of one network: what its description says, then what the budgets say.
    fn network(&mut self, model: &Model) {
        let Model { source, document, .. } = model;
        let name = document.variant.as_ref().unwrap_or(&document.graph.name);
        self.names.insert(name.clone());
        let (settings, config) = (self.settings, self.config);
        let asked = Asked { model, settings, label: name.clone(), optimizer: Optimizer::default() };
        let plain = self.case(&asked);
        let rows = self.check.rows.len();
        self.done.known(self.strict, [Completeness::of(&model.analysis)].into_iter());
        let mut own = document.expectations.clone();
        if settings.changed {
            self.not_checked(&asked);
            own.clear();
        }
        own.extend_from_slice(&document.budget);
        self.judge(&plain, &own, None);
        for budget in &config.budgets {
            let patterns = budget.matching(name, &source.name).filter_map(start);
            self.matched.extend(patterns);
            if !budget.covers(name, &source.name) {
                continue;
            }
            for sets in budget.settings() {
                if sets.is_empty() && budget.assumptions().is_empty() {
                    self.judge(&plain, &budget.limits, self.source);
                } else {
                    self.set(&asked, budget, &sets);
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
    fn set(&mut self, plain: &Asked<'_>, budget: &Budget, sets: &Sets) {
        let Asked { model, label: name, .. } = plain;
        let mut settings = self.settings.clone();
        settings.sets.extend(sets.iter().cloned());
        settings.inputs.extend(budget.input.map(|shape| (String::new(), shape)));
        settings.batch = budget.batch.unwrap_or(settings.batch);
        settings.options.dtype = budget.dtype.unwrap_or(settings.options.dtype);
        let said = sets.iter().map(|(variable, text)| format!("{variable}={text}"));
        let said: Vec<String> = said.chain(budget.assumptions()).collect();
        let label = format!("{name} [{}]", said.join(", "));
        let variant = model.document.variant.clone();
        match load::at(&model.architecture, variant, &settings, name) {
            Ok(model) => {
                let (settings, optimizer) = (&settings, budget.optimizer);
                let asked = Asked { model: &model, settings, label, optimizer };
                let case = self.case(&asked);
                self.judge(&case, &budget.limits, self.source);
            }
            // Of a setting like another nothing new is to be said.
            Err(failure) if faults(&failure).all(|fault| self.check.faults.contains(&fault)) => {}
            Err(mut failure) => {
                for diagnostic in &mut failure.diagnostics {
                    let file = self.source.map_or(CONFIG, |source| &source.name);
                    diagnostic.notes.push(format!("a budget of {file} checks it as {label}"));
                }
                self.failed(&failure);
            }
        }
    }

    /// A network, measured and looked up; kept for a later run where that is asked for.
    fn case<'c>(&mut self, asked: &'c Asked<'c>) -> Case<'c>
    where
        's: 'c,
    {
        let subject = asked.subject();
        let measures = self.keeps || self.before.is_asked();
        let now = measures.then(|| asked.measured(&subject));
        if let Some(value) = now.as_ref().filter(|_| self.keeps).map(Measured::json)
            // Two budgets may ask for the same.
            && !self.check.networks.contains(&value)
        {
            self.check.networks.push(value);
        }
        let was = now.as_ref().and_then(|now| self.before.find(now, asked));
        Case { asked, subject, now, was }
    }

    /// The expectations of a description that options changed.
    fn not_checked(&mut self, asked: &Asked<'_>) {
        let Model { architecture, source, document, .. } = asked.model;
        let lines = lines(&**architecture, document.expectations.iter().map(|e| e.at));
        for (expectation, line) in document.expectations.iter().zip(lines) {
            let row = CheckRow {
                what: budget::about(expectation),
                expected: budget::wanted(expectation),
                file: Some(source.name.clone()),
                line,
                ..CheckRow::new(&asked.label, Outcome::NotChecked)
            };
            self.check.rows.push(row);
        }
    }

    /// The rows of limits that a network is held to, which stand in its description, or in `budgets`.
    fn judge(&mut self, case: &Case<'_>, limits: &[Expectation], budgets: Option<&Source>) {
        let Asked { model: Model { architecture, source, document, .. }, label, .. } = case.asked;
        let verdicts = judge(&case.subject, limits, |limit| case.was.as_deref()?.number(limit));
        let parts: Vec<Vec<Mover>> = limits
            .iter()
            .zip(&verdicts)
            .map(|(limit, verdict)| case.parts(limit, verdict))
            .collect();
        // Of a limit that stands elsewhere, the layer that did most is looked at.
        let place = |(limit, parts): (&Expectation, &Vec<Mover>)| {
            if budgets.is_none() {
                return limit.at;
            }
            let index = parts.iter().find_map(|part| part.index);
            index.and_then(|at| document.places.get(at)).map_or(TOP, |at| At::Place(*at))
        };
        let lines = lines(&**architecture, limits.iter().zip(&parts).map(place));
        let mut diagnostics = Vec::new();
        for (((limit, verdict), parts), line) in limits.iter().zip(verdicts).zip(parts).zip(lines) {
            let (outcome, diagnostic) = self.told(verdict.outcome);
            let row = CheckRow {
                what: verdict.what,
                expected: verdict.expected,
                found: verdict.found.map(Quantity::text).unwrap_or_default(),
                value: match verdict.found {
                    Some(Quantity::Number(n)) => Some(n),
                    _ => None,
                },
                before: verdict.before,
                message: diagnostic.as_ref().map(|diagnostic| diagnostic.message.clone()),
                layers: parts.into_iter().map(part).collect(),
                file: Some(source.name.clone()),
                line,
                budget: budgets.and_then(|budgets| spot(budgets, limit.at)),
                ..CheckRow::new(label, outcome)
            };
            if let Some(mut diagnostic) = diagnostic {
                diagnostic.notes.extend(row.named(3));
                if budgets.is_some() {
                    diagnostic.message = format!("{label}: {}", diagnostic.message);
                    diagnostic.source = budgets.cloned();
                }
                diagnostics.push(diagnostic);
            }
            self.check.rows.push(row);
        }
        if !diagnostics.is_empty() {
            let text = load::failure(&**architecture, diagnostics).text(self.screen);
            self.done.messages.push_str(&text);
        }
    }

    /// What came of a limit, and what is to be said of it. Without a baseline an increase is no fault.
    fn told(&self, outcome: Judged) -> (Outcome, Option<Diagnostic>) {
        match outcome {
            Judged::Met => (Outcome::Met, None),
            Judged::Warned(diagnostic) => (Outcome::Warned, Some(diagnostic)),
            Judged::Missed(diagnostic) => (Outcome::Missed, Some(diagnostic)),
            Judged::Unknown(diagnostic) => (Outcome::Unknown, Some(diagnostic)),
            Judged::NotDecided(diagnostic) => (Outcome::NotDecided, Some(diagnostic)),
            Judged::NoBaseline(_) if !self.before.is_asked() => (Outcome::NotCompared, None),
            Judged::NoBaseline(diagnostic) => (Outcome::NoBaseline, Some(diagnostic)),
        }
    }

    /// Patterns that matched nothing would limit nothing, in silence.
    fn unmatched(&mut self) {
        let Some(source) = self.source else { return };
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
            self.failed(&Failure::about(source, diagnostics));
        }
    }
}

/// What is wrong, each with its place.
fn faults(failure: &Failure) -> impl Iterator<Item = Fault> {
    failure.diagnostics.iter().map(|diagnostic| {
        let source = diagnostic.source.as_ref().or(failure.source.as_ref());
        Fault {
            code: diagnostic.code.name(),
            message: diagnostic.message.clone(),
            file: source.map(|source| source.name.clone()),
            line: source.and_then(|source| line(source, diagnostic.labels.first()?.at)),
        }
    })
}

fn part(mover: Mover) -> Part {
    Part { layer: mover.layer, before: mover.before, after: mover.after }
}

/// Where something is written, as a file and a line.
fn spot(source: &Source, at: At) -> Option<Spot> {
    Some(Spot { file: source.name.clone(), line: line(source, at)? })
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
fn lines(architecture: &dyn Architecture, places: impl Iterator<Item = At>) -> Vec<Option<usize>> {
    // One diagnostic with a label for each stands for what is asked.
    let places = places.fold(Diagnostic::new(Code::E0601, ""), |found, at| found.at(at, ""));
    let n = places.labels.len();
    let labels = architecture.resolve(vec![places]).into_iter().flat_map(|found| found.labels);
    let mut lines: Vec<Option<usize>> =
        labels.map(|label| line(architecture.source(), label.at)).collect();
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
