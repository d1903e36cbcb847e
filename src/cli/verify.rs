//! `cnnstat verify MODEL…`: networks run for real, and every number compared with what happens.
//!
//! What is assumed and needed is said before anything runs, on standard error. Tests stand in
//! `tests/it/verify_command.rs`, and in `verify/tests.rs` for what a wrong rule leads to.

#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::io::stderr;

use super::args::{ModeArg, ModelArgs, PageFormat, VerifyArgs};
use super::bar::Bar;
use super::estimate::{Estimate, time};
use super::free;
use super::load::{self, Failure, Model};
use super::settings::{Screen, Settings};
use super::{Done, Status, cannot_write};
use crate::analysis::{Analysis, AnalysisError, Options, analyze, memory};
use crate::diag::{Code, Diagnostic, Format};
use crate::exec::threads::Threads;
use crate::graph::Graph;
use crate::ops::Mode;
use crate::report::grid::{Numbers, shape_text};
use crate::report::json;
use crate::report::text::{safe, wrap};
use crate::report::verify::{self as page, Report};
use crate::shape::Shape;
use crate::units;
use crate::verify::{self, AsTheyAre, Known, Pass, Plan, Progress, Rules, VerifyError};

/// Seconds from which an estimate is worth a line.
const WORTH_SAYING: u64 = 10;
/// Seconds from which a smaller input is suggested.
const LONG: u64 = 60;

/// What is tried of an axis where a smaller input is sought, in eighths.
const SHARES: std::ops::Range<u64> = 4..8;
/// Multiples that a smaller axis is rounded up to.
const MULTIPLES: [u64; 2] = [1, 32];

/// A report for each network. Exit 1 where something differs, 2 where a network was not run.
pub fn run(args: &VerifyArgs, screen: &Screen) -> Result<Done, Failure> {
    run_by(&AsTheyAre, args, screen)
}

/// The same by these rules.
fn run_by(rules: &(dyn Rules + Sync), args: &VerifyArgs, screen: &Screen) -> Result<Done, Failure> {
    super::writable(args.page.output.as_ref())?;
    let settings = Settings::new(&ModelArgs {
        read: args.read.clone(),
        batch: args.batch,
        mode: if args.eval { ModeArg::Eval } else { ModeArg::Train },
        ..ModelArgs::default()
    })?;
    let mut done = Done::page(String::new(), args.page.output.as_ref());
    let mut reports = Vec::new();
    let bar = Bar::new();
    let threads = Threads::new(args.threads.threads.unwrap_or(0))
        .map_err(|error| super::no_threads(&error))?;
    let mut known = Known::default();
    for argument in &args.models {
        let verified = load::model(argument, &settings).and_then(|model| {
            Verifying::new(args, &settings, model, argument, screen)?
                .run(rules, &mut known, &bar, &threads)
        });
        match verified {
            Ok(report) => reports.push(report),
            Err(failure) => done.fail(&failure, screen),
        }
    }
    if reports.iter().any(|report| report.mismatches > 0) {
        done.status = done.status.max(Status::Findings);
    }
    if !reports.is_empty() {
        done.page = page(args, &reports, screen)?;
    }
    Ok(done)
}

fn page(args: &VerifyArgs, reports: &[Report], screen: &Screen) -> Result<String, Failure> {
    let look = screen.look(Numbers::Rounded, args.page.output.is_some());
    let several = args.models.len() > 1;
    let pages =
        |page: &dyn Fn(&Report) -> String| reports.iter().map(page).collect::<Vec<_>>().join("\n");
    match args.page.format {
        PageFormat::Table => Ok(pages(&|report| page::terminal(report, look))),
        PageFormat::Markdown => Ok(pages(&page::markdown)),
        PageFormat::Json => json::list(reports, several).map_err(cannot_write),
        PageFormat::Csv => page::csv(reports, several).map_err(cannot_write),
    }
}

/// A network that is about to be run.
struct Verifying<'a> {
    args: &'a VerifyArgs,
    settings: &'a Settings,
    model: Model,
    argument: &'a str,
    screen: &'a Screen,
    /// With the batch that batch statistics accept.
    plan: Plan,
    raised: bool,
    analysis: Analysis,
    need: u64,
}

impl<'a> Verifying<'a> {
    fn new(
        args: &'a VerifyArgs,
        settings: &'a Settings,
        model: Model,
        argument: &'a str,
        screen: &'a Screen,
    ) -> Result<Self, Failure> {
        let asked = Plan {
            batch: settings.options.batch,
            mode: settings.options.mode,
            seed: args.seed,
            steps: args.steps,
            backend: args.backend.into(),
        };
        let settled = settle(&model.document.graph, &model.analysis.options, asked);
        let (plan, raised, analysis, need) = settled.map_err(|error| model.failure(&error))?;
        Ok(Self { args, settings, model, argument, screen, plan, raised, analysis, need })
    }

    fn graph(&self) -> &Graph {
        &self.model.document.graph
    }

    fn name(&self) -> &str {
        let document = &self.model.document;
        document.variant.as_ref().unwrap_or(&document.graph.name)
    }

    /// Says what it needs, runs, compares.
    fn run(
        self,
        rules: &(dyn Rules + Sync),
        known: &mut Known,
        bar: &Bar,
        threads: &Threads,
    ) -> Result<Report, Failure> {
        let limit = self.args.memory_limit.or_else(free::bytes);
        if let Some(limit) = limit.filter(|limit| self.need > *limit) {
            return Err(self.refusal(limit));
        }
        let estimate = Estimate::new(self.graph(), &self.analysis, self.plan)
            .map_err(|error| self.model.failure(&error))?;
        // Nobody reads JSON for what is no diagnostic.
        if self.screen.messages != Format::Json {
            let mut text = String::new();
            for sentence in self.sentences(&estimate) {
                let line = wrap(&safe(&sentence), Some(self.screen.message_width), 0, 2);
                text.push_str(&line);
                text.push('\n');
            }
            // Nobody is left to be told that standard error is closed.
            let _ = super::print(stderr().lock(), &text, self.screen.message_color);
        }
        bar.begin(estimate.total(), "parameters are drawn");
        let (graph, plan) = (self.graph(), self.plan);
        let found = threads.run(|| {
            verify::verify(graph, plan, rules, known, |done| {
                bar.advance(estimate.of(done), || doing(graph, done));
            })
        });
        bar.end();
        let mut found = found.map_err(|error| match error {
            VerifyError::Analysis(error) => self.model.failure(&error),
            VerifyError::Run(error) => Failure::about(
                &self.model.source,
                vec![Diagnostic::new(Code::E0504, error.to_string())],
            ),
        })?;
        // The plan was settled before it was run.
        found.raised |= self.raised;
        Ok(page::report(self.name(), self.graph(), self.inputs(), self.plan, self.need, &found))
    }

    /// The shapes of the inputs, batch first.
    fn inputs(&self) -> Vec<Vec<u64>> {
        let inputs = self.graph().inputs().iter();
        inputs.map(|input| self.analysis.shapes[input.value.index()].dims().to_vec()).collect()
    }

    /// What is assumed and needed.
    fn sentences(&self, estimate: &Estimate) -> Vec<String> {
        let (name, plan) = (self.name(), self.plan);
        let mode = if plan.mode == Mode::Train { "train" } else { "eval" };
        let steps = match plan.steps {
            1 => "1 step".to_owned(),
            n => format!("{} steps", units::grouped(n)),
        };
        let mut all = vec![
            format!("{name}: batch {}, {mode} mode, seed {}, {steps}", plan.batch, plan.seed),
            format!(
                "{name}: needs at most {} for its tensors; a training step is about {} operations",
                units::bytes(self.need),
                units::count(estimate.step())
            ),
        ];
        if self.raised {
            all.insert(
                1,
                format!(
                    "{name}: the batch is raised to {}: batch norm would see one value a channel",
                    plan.batch
                ),
            );
        }
        let seconds = estimate.seconds();
        if seconds >= WORTH_SAYING {
            let mut text = format!(
                "{name}: {} operations with tallies and gradient checks, {} on free cores (an estimate)",
                units::count(estimate.total()),
                time(seconds)
            );
            let faster = |smaller: &Smaller| smaller.seconds <= LONG;
            if let Some(smaller) = (seconds > LONG).then(|| self.smaller(faster)).flatten() {
                let _ = write!(text, "; {} {}", smaller.options, time(smaller.seconds));
            }
            all.push(text);
        }
        all
    }

    /// Why it is not run, and what could be.
    fn refusal(&self, limit: u64) -> Failure {
        let which =
            if self.args.memory_limit.is_some() { "of --memory-limit" } else { "that are free" };
        let mut diagnostic = free::not_run(self.name(), self.need, limit, which);
        let graph = self.graph();
        let need = |analysis: &Analysis| {
            verify::need(graph, Plan { batch: analysis.options.batch, ..self.plan })
        };
        let batch = memory::largest_batch(graph, &self.model.analysis.options, limit, need);
        // A batch that batch norm would raise again does not help.
        let least = if self.raised { 2 } else { 1 };
        if let Some(batch) = batch.ok().filter(|batch| (least..self.plan.batch).contains(batch)) {
            diagnostic = diagnostic.help(format!("`--batch {batch}` fits"));
        } else if let Some(smaller) = self.smaller(|smaller| smaller.need <= limit)
            && smaller.need <= limit
        {
            let options = &smaller.options;
            diagnostic = diagnostic.help(format!("{options} needs {}", units::bytes(smaller.need)));
        } else {
            diagnostic = diagnostic.help(free::too_large(graph, &self.analysis, limit));
        }
        Failure::about(&self.model.source, vec![diagnostic])
    }

    /// The first smaller input that will do, positions halved again and again; failing that, the smallest that was found.
    /// Where the network does not take half of all axes, the longest alone are made smaller (a video may be short
    /// already), to a multiple that joins of its branches may need, or less is taken away.
    fn smaller(&self, will_do: impl Fn(&Smaller) -> bool) -> Option<Smaller> {
        let mut shapes: Vec<Vec<u64>> =
            self.inputs().into_iter().map(|shape| shape[1..].to_vec()).collect();
        let mut last = None;
        loop {
            let sizes = shapes.iter().flat_map(|shape| shape.iter().skip(1));
            let longest = sizes.copied().max().unwrap_or(0);
            let less = |eighths: u64, multiple: u64, from: u64| {
                let mut shapes = shapes.clone();
                let sizes = shapes.iter_mut().flat_map(|shape| shape.iter_mut().skip(1));
                for size in sizes.filter(|size| **size >= from) {
                    let share = size.saturating_mul(eighths).div_ceil(8);
                    *size = share.next_multiple_of(multiple).min(*size);
                }
                shapes
            };
            let tried = SHARES.flat_map(|share| MULTIPLES.map(|multiple| (share, multiple)));
            let tried = tried
                .flat_map(|(share, multiple)| [1, longest].map(|from| less(share, multiple, from)));
            let accepted = tried
                .filter(|tried| *tried != shapes)
                .find_map(|tried| self.at(&tried).map(|smaller| (tried, smaller)));
            let Some((tried, smaller)) = accepted else { return last };
            if will_do(&smaller) {
                return Some(smaller);
            }
            (shapes, last) = (tried, Some(smaller));
        }
    }

    /// The network at other inputs, if it takes them.
    fn at(&self, shapes: &[Vec<u64>]) -> Option<Smaller> {
        let names = self.graph().inputs().iter().map(|input| input.name.clone());
        let shaped = shapes.iter().map(|shape| Shape::new(shape));
        let inputs: Option<Vec<(String, Shape)>> =
            names.zip(shaped).map(|(name, shape)| Some((name, shape?))).collect();
        let inputs = inputs?;
        let settings = Settings { inputs: inputs.clone(), ..self.settings.clone() };
        let model = &self.model;
        let variant = model.document.variant.clone();
        let model = load::try_at(&model.architecture, variant, &settings, self.argument).ok()?;
        let asked = Plan { batch: settings.options.batch, ..self.plan };
        let settled = settle(&model.document.graph, &model.analysis.options, asked);
        let (plan, _, analysis, need) = settled.ok()?;
        let option = |(name, shape): &(String, Shape)| match inputs.len() {
            1 => format!("--input {}", shape_text(shape.dims(), "x")),
            _ => format!("--input {name}={}", shape_text(shape.dims(), "x")),
        };
        let options = inputs.iter().map(option).collect::<Vec<_>>().join(" ");
        let seconds = Estimate::new(&model.document.graph, &analysis, plan).ok()?.seconds();
        Some(Smaller { options: format!("`{options}`"), seconds, need })
    }
}

/// What was done last, in words.
fn doing(graph: &Graph, done: Progress) -> String {
    let (what, node) = match done {
        Progress::Ran { pass: Pass::Inference, node } => ("inference", node),
        Progress::Ran { pass: Pass::Forward, node } => ("forward", node),
        Progress::Ran { pass: Pass::Backward, node } => ("backward", node),
        Progress::Checked { node } => ("checked", node),
    };
    format!("{what} {}", safe(&graph.node(node).name))
}

/// A network at a smaller input.
struct Smaller {
    /// How it is asked for.
    options: String,
    seconds: u64,
    need: u64,
}

/// A plan with a batch that batch statistics accept, whether it was raised for them, the analysis, the bytes needed.
fn settle(
    graph: &Graph,
    options: &Options,
    asked: Plan,
) -> Result<(Plan, bool, Analysis, u64), AnalysisError> {
    let (plan, raised) = verify::settle(graph, asked)?;
    let analysis = analyze(graph, &Options { batch: plan.batch, ..options.clone() })?;
    let need = verify::need(graph, plan)?;
    Ok((plan, raised, analysis, need))
}
