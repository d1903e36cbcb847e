//! The rows of networks as they are found: what each description says, then what the budgets say.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::BTreeSet;

use super::super::done::Done;
use super::super::load::{self, Failure, Loaded};
use super::super::networks::Visited;
use super::super::settings::{Screen, Settings};
use super::before::Before;
use super::candidate::Candidate;
use crate::analysis::memory::Optimizer;
use crate::budget::baseline::Measured;
use crate::budget::config::{Budget, Config, Sets};
use crate::budget::movers::{self, Mover};
use crate::budget::{self, Measure, Outcome as Judged, Subject, Verdict, judge};
use crate::diag::{At, Code, Diagnostic, Source, did_you_mean, position};
use crate::expectation::Expectation;
use crate::model::Architecture;
use crate::report::data::check::{Check, CheckRow, Fault, Outcome, Part, Spot};
use crate::report::model::{Report, Status as Completeness};
use crate::source::Span;

/// The first line of a file.
const TOP: At = At::Bytes(Span::new(0, 0));

/// The file of budgets that is read where none is named.
pub(super) const CONFIG: &str = "cnnstat.toml";

/// What is being checked, and what came of it so far.
pub(super) struct Checking<'s> {
    pub(super) settings: &'s Settings,
    pub(super) screen: &'s Screen,
    pub(super) config: &'s Config,
    /// The text of the budgets.
    pub(super) source: Option<&'s Source>,
    pub(super) before: &'s Before,
    /// Whether a network of which something is not known is a finding.
    pub(super) strict: bool,
    /// Whether what was measured is kept for a later run.
    pub(super) keeps: bool,
    /// Patterns of the budgets that matched, by where they are written.
    pub(super) matched: BTreeSet<usize>,
    pub(super) names: BTreeSet<String>,
    pub(super) check: Check,
    pub(super) done: Done,
}

/// What is held to limits: measured and looked up once, however many budgets there are.
struct Case<'c> {
    candidate: &'c Candidate<'c>,
    subject: Subject<'c>,
    /// What it is, where that is compared or kept.
    now: Option<Measured>,
    /// The report, where that is asked for and it is not measured.
    report: OnceCell<Report>,
    /// What it was.
    was: Option<Cow<'c, Measured>>,
}

impl Case<'_> {
    /// Its report, made once however many limits it has.
    fn report(&self) -> &Report {
        match &self.now {
            Some(now) => &now.report,
            None => self.report.get_or_init(|| self.candidate.network.report()),
        }
    }

    /// The layers to name with a verdict.
    fn parts(&self, limit: &Expectation, verdict: &Verdict) -> Vec<Mover> {
        let was = self.was.as_ref().map(|was| &was.report);
        movers::of(verdict, was, self.report(), limit)
    }
}

impl<'s> Checking<'s> {
    /// What an argument brought up.
    pub(super) fn found(&mut self, found: Visited) {
        match found {
            Visited::Network(network) => self.network(&network),
            Visited::Skipped => self.check.skipped += 1,
            Visited::Outside(link) => self.done.warn(link, self.screen),
            Visited::Failed(failure) => self.failed(&failure),
        }
    }

    pub(super) fn failed(&mut self, failure: &Failure) {
        self.check.failed += 1;
        self.check.faults.extend(faults(failure));
        self.done.fail(failure, self.screen);
    }

    /// The rows of one network: what its description says, then what the budgets say.
    fn network(&mut self, network: &Loaded) {
        let Loaded { source, model, .. } = network;
        let name = model.name();
        self.names.insert(name.to_owned());
        let (settings, config) = (self.settings, self.config);
        let candidate = Candidate {
            network,
            settings,
            label: name.to_owned(),
            optimizer: Optimizer::default(),
        };
        let plain = self.case(&candidate);
        let rows = self.check.rows.len();
        self.done.known(self.strict, [Completeness::of(&network.analysis)].into_iter());
        let mut own = model.expectations.clone();
        if settings.changed {
            self.not_checked(&candidate);
            own.clear();
        }
        own.extend_from_slice(&model.budget);
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
                    self.set(&candidate, budget, &sets);
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
    fn set(&mut self, plain: &Candidate<'_>, budget: &Budget, sets: &Sets) {
        let Candidate { network, label: name, .. } = plain;
        let mut settings = self.settings.clone();
        // What a budget says goes before the options.
        settings.sets.retain(|(name, _)| !sets.iter().any(|(own, _)| own == name));
        settings.sets.extend(sets.iter().cloned());
        if let Some(shape) = budget.input {
            settings.inputs = vec![(String::new(), shape)];
        }
        settings.batch = budget.batch.unwrap_or(settings.batch);
        settings.options.dtype = budget.dtype.unwrap_or(settings.options.dtype);
        let said = sets.iter().map(|(variable, text)| format!("{variable}={text}"));
        let said: Vec<String> = said.chain(budget.assumptions()).collect();
        let label = format!("{name} [{}]", said.join(", "));
        let variant = network.model.variant.clone();
        match load::at(&network.architecture, variant, &settings, name) {
            Ok(network) => {
                let (settings, optimizer) = (&settings, budget.optimizer);
                let candidate = Candidate { network: &network, settings, label, optimizer };
                let case = self.case(&candidate);
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
    fn case<'c>(&mut self, candidate: &'c Candidate<'c>) -> Case<'c>
    where
        's: 'c,
    {
        let subject = candidate.subject();
        let measures = self.keeps || self.before.is_asked();
        let now = measures.then(|| candidate.measured(&subject));
        if let Some(value) = now.as_ref().filter(|_| self.keeps).map(Measured::json)
            // Two budgets may ask for the same.
            && !self.check.networks.contains(&value)
        {
            self.check.networks.push(value);
        }
        let was = now.as_ref().and_then(|now| self.before.find(now, candidate));
        Case { candidate, subject, now, report: OnceCell::new(), was }
    }

    /// The expectations of a description that options changed.
    fn not_checked(&mut self, candidate: &Candidate<'_>) {
        let Loaded { architecture, source, model, .. } = candidate.network;
        let lines = lines(&**architecture, model.expectations.iter().map(|e| e.at));
        for (expectation, line) in model.expectations.iter().zip(lines) {
            let row = CheckRow {
                what: budget::about(expectation),
                expected: budget::wanted(expectation),
                file: Some(source.name.clone()),
                line,
                ..CheckRow::new(&candidate.label, Outcome::NotChecked)
            };
            self.check.rows.push(row);
        }
    }

    /// The rows of limits that a network is held to, which stand in its description, or in `budgets`.
    fn judge(&mut self, case: &Case<'_>, limits: &[Expectation], budgets: Option<&Source>) {
        let Candidate { network: Loaded { architecture, source, model, .. }, label, .. } =
            case.candidate;
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
            index.and_then(|at| *model.origins.get(at)?).map_or(TOP, At::Origin)
        };
        let lines = lines(&**architecture, limits.iter().zip(&parts).map(place));
        let (mut diagnostics, mut told) = (Vec::new(), BTreeSet::new());
        for (((limit, verdict), parts), line) in limits.iter().zip(verdicts).zip(parts).zip(lines) {
            let (outcome, diagnostic) = self.told(verdict.outcome);
            let row = CheckRow {
                what: verdict.what,
                expected: verdict.expected,
                found: verdict.found.map(Measure::text).unwrap_or_default(),
                value: match verdict.found {
                    Some(Measure::Number(n)) => Some(n),
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
                // Limits that one change broke have its layers once.
                diagnostic.notes.extend(row.named(3).filter(|named| told.insert(named.clone())));
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
    pub(super) fn unmatched(&mut self) {
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
        At::Origin(_) | At::Element => None,
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
