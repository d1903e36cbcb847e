//! `cnnstat reconcile MODEL FIGURE`: who would print this figure.
//!
//! What is tried stands in the tables below: each entry is a step away from the network as it is. A network of the same
//! file that has other parameters is two steps away: a figure for one is seldom printed for the other. Tests stand in
//! `tests/it/reconcile.rs`.

use super::args::{ReconcileArgs, ReportFormat};
use super::load::{self, Failure, Model};
use super::settings::{Screen, Settings};
use super::{Done, Status, cannot_write};
use crate::analysis::{Options, analyze};
use crate::convention::figure::Figure;
use crate::convention::{self, Choice, Convention, Count};
use crate::ops::ledger::Work;
use crate::ops::{Mode, Op};
use crate::report::grid::Numbers;
use crate::report::json;
use crate::report::reconcile::{Answer, Reconciliation, arithmetic, of_ledger};
use crate::shape::Shape;

/// What is further away would explain anything.
const FURTHEST: usize = 2;

/// What a number is multiplied with and divided by, and why that is done.
const FACTORS: &[(u64, u64, &str)] = &[
    (2, 1, "doubled: a MAC taken as two operations"),
    (1, 2, "halved: two operations taken as one MAC"),
    (3, 1, "forward and backward: a backward pass taken as two forward ones"),
];

/// Sides of square images that networks are published at.
const SIDES: &[u64] = &[
    28, 32, 64, 96, 112, 128, 160, 192, 224, 227, 240, 256, 260, 288, 299, 300, 320, 331, 380, 384,
    416, 448, 456, 480, 512, 528, 600, 608, 640,
];

/// Batches that are usual, where the network's own is one.
const BATCHES: &[u64] = &[2, 4, 8, 16, 32, 64, 128, 256];

/// The answers, ranked; exit 1 where there is none.
pub fn run(args: &ReconcileArgs, screen: &Screen) -> Result<Done, Failure> {
    let settings = Settings::new(&args.model)?;
    let model = load::model(&args.name, &settings)?;
    let mut search = Search { figure: args.figure, answers: Vec::new() };
    search.network(&model, None, 0);
    for (step, relative) in relatives(&model, &settings) {
        let is_alike = relative.analysis.totals.params == model.analysis.totals.params;
        search.network(&relative, Some(&step), if is_alike { 1 } else { 2 });
    }
    search.batches(&model);
    let mut counts = Vec::new();
    for convention in convention::ALL {
        counts.push((convention.name, model.count(convention, Choice::default())?.total));
    }
    let found =
        Reconciliation::new(&model.report(), args.figure, search.answers, &counts, args.top);
    let text = match args.format {
        ReportFormat::Table => found.terminal(screen.look(Numbers::Exact, args.output.is_some())),
        ReportFormat::Markdown => found.markdown(),
        ReportFormat::Json => json::pretty(&found).map_err(cannot_write)?,
    };
    let status = if found.is_empty() { Status::Findings } else { Status::Fine };
    Ok(Done { status, ..Done::page(text, args.output.as_ref()) })
}

/// The other networks of the same file, and the network at other input sizes; what does not accept the settings is none.
fn relatives(model: &Model, settings: &Settings) -> Vec<(String, Model)> {
    let (source, architecture) = (&model.source, &model.architecture);
    let load = |variant: Option<String>, settings: &Settings| {
        load::try_at(architecture, variant, settings, &source.name).ok()
    };
    let own = &model.document.variant;
    let family = architecture.variants();
    let bare = (architecture.expects() || family.is_empty()).then_some(None);
    let variants = bare.into_iter().chain(family.iter().map(|variant| Some(variant.name.clone())));
    let mut found = Vec::new();
    for variant in variants.filter(|variant| variant != own) {
        let name = variant.clone().unwrap_or_else(|| model.document.graph.name.clone());
        let step = format!("{name}, another network of {}", source.name);
        found.extend(load(variant, settings).map(|relative| (step, relative)));
    }
    let [input] = model.document.graph.inputs() else { return found };
    let [channels, height, width] = *input.shape.dims() else { return found };
    if height != width {
        return found;
    }
    for side in SIDES.iter().filter(|side| **side != height) {
        let Some(shape) = Shape::new(&[channels, *side, *side]) else { continue };
        let settings = Settings { inputs: vec![(String::new(), shape)], ..settings.clone() };
        let step = format!("input {channels}×{side}×{side}");
        found.extend(load(own.clone(), &settings).map(|relative| (step, relative)));
    }
    found
}

/// What was found so far.
struct Search {
    figure: Figure,
    answers: Vec<Answer>,
}

impl Search {
    /// Tries a network that is a step away itself, or none, with every choice and factor.
    fn network(&mut self, model: &Model, step: Option<&str>, away: usize) {
        let graph = &model.document.graph;
        let has_heads = convention::auxiliary(graph).contains(&true);
        let has_norm = graph.nodes().iter().any(|node| matches!(node.op, Op::BatchNorm(_)));
        let choices = [
            (true, Choice::default(), None),
            (has_heads, Choice { heads: Some(true), folded: false }, Some("with auxiliary heads")),
            (
                has_heads,
                Choice { heads: Some(false), folded: false },
                Some("without auxiliary heads"),
            ),
            (
                has_norm,
                Choice { heads: None, folded: true },
                Some("batch norm folded into the layers before it"),
            ),
        ];
        for (applies, choice, chosen) in choices {
            let away = away + usize::from(chosen.is_some());
            if !applies || away > FURTHEST {
                continue;
            }
            let steps: Vec<String> = step.into_iter().chain(chosen).map(str::to_owned).collect();
            for convention in convention::ALL {
                let Ok(count) = model.count(convention, choice) else { continue };
                let shown = arithmetic(&count.terms, 1, 1);
                self.number(
                    model,
                    convention,
                    Way { away, steps: steps.clone(), total: count.total, shown },
                );
                if away < FURTHEST {
                    self.factors(model, convention, away + 1, &steps, &count);
                }
            }
        }
        if away < FURTHEST {
            self.training(model, step, away + 1);
        }
    }

    /// Tries what is made of a number by a rule of thumb.
    fn factors(
        &mut self,
        model: &Model,
        convention: &Convention,
        away: usize,
        steps: &[String],
        count: &Count,
    ) {
        for (by, over, why) in FACTORS {
            let product = count.total.checked_mul(*by).filter(|n| n.is_multiple_of(*over));
            if let Some(product) = product {
                let steps = steps.iter().cloned().chain([(*why).to_owned()]).collect();
                let shown = arithmetic(&count.terms, *by, *over);
                self.number(model, convention, Way { away, steps, total: product / over, shown });
            }
        }
    }

    /// Tries a training step by the ledger, in train mode: the gradients of the network's own inputs are not made.
    fn training(&mut self, model: &Model, step: Option<&str>, away: usize) {
        let graph = &model.document.graph;
        let options = Options { mode: Mode::Train, ..model.analysis.options.clone() };
        let Ok(analysis) = analyze(graph, &options) else { return };
        let is_input = |value| graph.inputs().iter().any(|input| input.value == value);
        let backward = analysis.rows.iter().try_fold(Work::NONE, |sum, row| {
            let is_first = graph.node(row.node).inputs.iter().all(|value| is_input(*value));
            let work = row.counts.work_backward;
            let inputs = if is_first { Work::NONE } else { work.inputs };
            sum.plus(inputs)?.plus(work.params)
        });
        let Ok(backward) = backward else { return };
        let forward = analysis.totals.work;
        let parts = [
            ("macs", forward.macs, Some(backward.macs)),
            ("cnnstat", analysis.totals.flops, backward.flops().ok()),
        ];
        for (name, forward, backward) in parts {
            let total = backward.and_then(|backward| forward.checked_add(backward));
            let (Some(convention), Some(total)) = (convention::find(name), total) else { continue };
            let why = "forward and backward, by the ledger".to_owned();
            let steps = step.map(str::to_owned).into_iter().chain([why]).collect();
            let shown = of_ledger(forward, total - forward);
            self.number(model, convention, Way { away, steps, total, shown });
        }
    }

    /// Tries usual batches of the network as it is.
    fn batches(&mut self, model: &Model) {
        let one = model.analysis.options.batch == 1;
        for batch in BATCHES.iter().filter(|_| one) {
            for convention in convention::ALL {
                let Ok(count) = model.count(convention, Choice::default()) else { continue };
                let Some(total) = count.total.checked_mul(*batch) else { continue };
                let shown = arithmetic(&count.terms, *batch, 1);
                let steps = vec![format!("batch {batch}")];
                self.number(model, convention, Way { away: 1, steps, total, shown });
            }
        }
    }

    /// Keeps a number that is the figure; one that a shorter way leads to already is no further answer.
    fn number(&mut self, model: &Model, convention: &Convention, way: Way) {
        let Some(how) = self.figure.of(way.total) else { return };
        let network = model.document.variant.as_ref().unwrap_or(&model.document.graph.name);
        let is_same = |known: &Answer| known.total == way.total && known.network == *network;
        for known in self.answers.iter_mut().filter(|known| is_same(known)) {
            if known.steps == way.steps && known.arithmetic == way.shown {
                known.conventions.push(convention.name);
                return;
            }
            if known.distance < way.away {
                return;
            }
        }
        self.answers.push(Answer {
            total: way.total,
            how,
            conventions: vec![convention.name],
            network: network.clone(),
            distance: way.away,
            steps: way.steps,
            arithmetic: way.shown,
        });
    }
}

/// A number, and how it came about.
struct Way {
    away: usize,
    steps: Vec<String>,
    total: u64,
    shown: String,
}
