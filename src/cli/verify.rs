//! `cnnstat verify MODEL…`: networks run for real, and every number compared with what happens.
//!
//! What is assumed and needed is said before anything runs, on standard error.

#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::io::stderr;

use super::args::{ModeArg, ModelArgs, VerifyArgs};
use super::bar::Bar;
use super::done::{self, Done, Status};
use super::free;
use super::load::{self, Failure, Loaded};
use super::settings::{Screen, Settings};
use super::threads::threads;
use crate::analysis::{Options, memory};
use crate::diag::Format;
use crate::exec::network::runnable;
use crate::exec::threads::Threads;
use crate::graph::Graph;
use crate::ops::Mode;
use crate::report::data::verify::{VerifyReport, report};
use crate::report::grid::{Numbers, shape_text};
use crate::report::pages::verify::page;
use crate::report::text::{safe, wrap};
use crate::shape::Shape;
use crate::units;
use crate::verify::{
    self, CheckCache, Estimate, Pass, ProductionRules, Progress, Resolved, Rules, Smaller,
    VerifyError, VerifyPlan, time,
};

/// Seconds from which an estimate is worth a line.
const WORTH_SAYING: u64 = 10;
/// Seconds from which a smaller input is suggested.
const LONG: u64 = 60;

/// A report for each network. Exit 1 where something differs, 2 where a network was not run.
pub fn run(args: &VerifyArgs, screen: &Screen) -> Result<Done, Failure> {
    run_by(&ProductionRules, args, screen)
}

/// The same by these rules.
fn run_by(rules: &(dyn Rules + Sync), args: &VerifyArgs, screen: &Screen) -> Result<Done, Failure> {
    done::writable(args.page.output.as_ref())?;
    let settings = Settings::new(&ModelArgs {
        read: args.read.clone(),
        batch: args.batch,
        mode: if args.eval { ModeArg::Eval } else { ModeArg::Train },
        ..ModelArgs::default()
    })?;
    let mut done = Done::default();
    let mut reports = Vec::new();
    let bar = Bar::new();
    let threads = threads(args.threads.threads, &mut done, screen)?;
    let mut known = CheckCache::default();
    for argument in &args.models {
        let verified = load::network(argument, &settings).and_then(|network| {
            Verifying::new(args, &settings, network, argument, screen)?
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
    let pages: Vec<_> = reports.iter().map(page).collect();
    done.show(&pages, args.models.len() > 1, &args.page, Numbers::Rounded, screen)
}

/// A network that is about to be run.
struct Verifying<'a> {
    args: &'a VerifyArgs,
    settings: &'a Settings,
    network: Loaded,
    argument: &'a str,
    screen: &'a Screen,
    resolved: Resolved,
}

impl<'a> Verifying<'a> {
    fn new(
        args: &'a VerifyArgs,
        settings: &'a Settings,
        network: Loaded,
        argument: &'a str,
        screen: &'a Screen,
    ) -> Result<Self, Failure> {
        let asked = VerifyPlan {
            batch: settings.batch,
            mode: settings.options.mode,
            seed: args.seed,
            steps: args.steps,
            backend: args.backend.into(),
        };
        runnable(&network.model.graph).map_err(|error| done::cannot_run(&network, &error))?;
        let resolved = Resolved::new(&network.model.graph, &network.analysis.options, asked);
        let resolved = resolved.map_err(|error| network.failure(&error))?;
        Ok(Self { args, settings, network, argument, screen, resolved })
    }

    fn graph(&self) -> &Graph {
        &self.network.model.graph
    }

    fn name(&self) -> &str {
        let model = &self.network.model;
        model.name()
    }

    /// Says what it needs, runs, compares.
    fn run(
        self,
        rules: &(dyn Rules + Sync),
        known: &mut CheckCache,
        bar: &Bar,
        threads: &Threads,
    ) -> Result<VerifyReport, Failure> {
        let limit = self.args.memory_limit.or_else(free::bytes);
        if let Some(limit) = limit.filter(|limit| self.resolved.need > *limit) {
            return Err(self.refusal(limit));
        }
        let estimate = Estimate::new(self.graph(), &self.resolved.analysis, self.resolved.plan)
            .map_err(|error| self.network.failure(&error))?;
        // Nobody reads JSON for what is no diagnostic.
        if self.screen.messages != Format::Json {
            let mut text = String::new();
            for sentence in self.sentences(&estimate) {
                let line = wrap(&safe(&sentence), Some(self.screen.message_width), 0, 2);
                text.push_str(&line);
                text.push('\n');
            }
            // Nobody is left to be told that standard error is closed.
            let _ = done::print(stderr().lock(), &text, self.screen.message_color);
        }
        bar.begin(estimate.total(), "initialising parameters");
        let (graph, plan) = (self.graph(), self.resolved.plan);
        let found = threads.run(|| {
            verify::verify(graph, plan, rules, known, |done| {
                bar.advance(estimate.of(done), || doing(graph, done));
            })
        });
        bar.end();
        let mut found = found.map_err(|error| match error {
            VerifyError::Analysis(error) => self.network.failure(&error),
            VerifyError::Run(error) => done::cannot_run(&self.network, &error),
        })?;
        // The plan was resolved before it was run.
        found.raised |= self.resolved.raised;
        Ok(report(
            self.name(),
            self.graph(),
            self.resolved.inputs(self.graph()),
            self.resolved.plan,
            self.resolved.need,
            &found,
        ))
    }

    /// What is assumed and needed.
    fn sentences(&self, estimate: &Estimate) -> Vec<String> {
        let (name, plan) = (self.name(), self.resolved.plan);
        let mode = if plan.mode == Mode::Train { "train" } else { "eval" };
        let steps = match plan.steps {
            1 => "1 step".to_owned(),
            n => format!("{} steps", units::grouped(n)),
        };
        let mut all = vec![
            format!("{name}: batch {}, {mode} mode, seed {}, {steps}", plan.batch, plan.seed),
            format!(
                "{name}: needs at most {} for its tensors; a training step is about {} operations",
                units::bytes(self.resolved.need),
                units::count(estimate.step())
            ),
        ];
        if self.resolved.raised {
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
                let _ = write!(text, "; {} {}", self.option(&smaller), time(smaller.seconds));
            }
            all.push(text);
        }
        all
    }

    /// Why it is not run, and what could be.
    fn refusal(&self, limit: u64) -> Failure {
        let which = if self.args.memory_limit.is_some() {
            "of --memory-limit"
        } else {
            "that this process may take"
        };
        let mut diagnostic = free::not_run(self.name(), self.resolved.need, limit, which);
        let graph = self.graph();
        let need = |batch: u64| verify::need(graph, VerifyPlan { batch, ..self.resolved.plan });
        let batch = memory::largest_batch(limit, need);
        // A batch that batch norm would raise again does not help.
        let least = if self.resolved.raised { 2 } else { 1 };
        if let Some(batch) =
            batch.ok().filter(|batch| (least..self.resolved.plan.batch).contains(batch))
        {
            diagnostic = diagnostic.help(format!("`--batch {batch}` fits"));
        } else if let Some(smaller) = self.smaller(|smaller| smaller.need <= limit)
            && smaller.need <= limit
        {
            let options = self.option(&smaller);
            diagnostic = diagnostic.help(format!("{options} needs {}", units::bytes(smaller.need)));
        } else {
            diagnostic = diagnostic.help(free::too_large(graph, &self.resolved.analysis, limit));
        }
        Failure::about(&self.network.source, vec![diagnostic])
    }

    /// A smaller input that will do, or the smallest that was found.
    fn smaller(&self, will_do: impl Fn(&Smaller) -> bool) -> Option<Smaller> {
        let inputs = self.resolved.inputs(self.graph());
        verify::smaller_input(&inputs, self.resolved.plan, |shapes| self.at(shapes), will_do)
    }

    /// The network read again at other inputs, if it takes them.
    fn at(&self, shapes: &[Vec<u64>]) -> Option<(Graph, Options)> {
        let names = self.graph().inputs().iter().map(|input| input.name.clone());
        let shaped = shapes.iter().map(|shape| Shape::new(shape));
        let inputs: Option<Vec<(String, Shape)>> =
            names.zip(shaped).map(|(name, shape)| Some((name, shape?))).collect();
        let settings = Settings { inputs: inputs?, ..self.settings.clone() };
        let network = &self.network;
        let variant = network.model.variant.clone();
        let network =
            load::try_at(&network.architecture, variant, &settings, self.argument).ok()?;
        let Loaded { model, analysis, .. } = network;
        Some((model.graph, analysis.options))
    }

    /// How a smaller input is asked for.
    fn option(&self, smaller: &Smaller) -> String {
        let inputs = self.graph().inputs().iter().zip(&smaller.shapes);
        let is_single = smaller.shapes.len() == 1;
        let option = |(input, shape): (&crate::graph::Input, &Vec<u64>)| {
            if is_single {
                format!("--input {}", shape_text(shape, "x"))
            } else {
                format!("--input {}={}", input.name, shape_text(shape, "x"))
            }
        };
        format!("`{}`", inputs.map(option).collect::<Vec<_>>().join(" "))
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
