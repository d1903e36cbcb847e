//! The search for a printed figure: who would print it, of which network, and how.
//!
//! What is tried stands in the tables below: each entry is a step away from the network as it is. A relative that has other
//! parameters is two steps away: a figure for one network is seldom printed for another.

use serde::Serialize;

use super::count::{Summed, term_text};
use super::figure::{Figure, How};
use super::fold;
use super::rule::{Choice, Convention};
use super::table::{ALL, find};
use super::written::WRITTEN;
use crate::analysis::{Analysis, AnalysisError, Options, analyze};
use crate::graph::Graph;
use crate::ops::Mode;
use crate::ops::ledger::Work;
use crate::shape::Shape;
use crate::units::grouped;

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

/// A network that is counted.
#[derive(Clone, Copy, Debug)]
pub struct Network<'n> {
    /// What it is called.
    pub name: &'n str,
    /// Its graph.
    pub graph: &'n Graph,
    /// What the analysis found of the graph.
    pub analysis: &'n Analysis,
}

/// A network that the figure may have been printed for instead.
#[derive(Clone, Debug)]
pub struct Relative {
    /// What is changed to come to it: `input 3×256×256`.
    pub step: String,
    /// What it is called.
    pub name: String,
    /// Its graph.
    pub graph: Graph,
    /// What the analysis found of the graph.
    pub analysis: Analysis,
}

/// A number that is the figure, and how it comes about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// The number itself.
    pub total: u64,
    /// How it becomes the figure.
    pub how: How,
    /// The conventions that make it so.
    pub conventions: Vec<&'static str>,
    /// The network that is counted.
    pub network: String,
    /// How far it is from the network as it is: one for each step, two for a network with other parameters.
    pub distance: usize,
    /// What is done to the network or to the number before.
    pub steps: Vec<String>,
    /// How the number comes about.
    pub arithmetic: String,
}

/// What the search finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The answers: the nearest first, then exact before rounded before truncated.
    pub answers: Vec<Answer>,
    /// The nearest that a convention makes of the network as it is: its name and number.
    pub nearest: Option<(&'static str, u64)>,
}

/// Searches a figure among what the conventions make of a network and of its relatives. A lower bound is no answer: no tool
/// prints it.
///
/// # Errors
/// The layer of the network itself whose number exceeds 64 bits; a relative with such a layer is passed over.
pub fn search(
    figure: Figure,
    network: &Network<'_>,
    relatives: impl IntoIterator<Item = Relative>,
) -> Result<Found, AnalysisError> {
    let mut nearest: Option<(&'static str, u64)> = None;
    let distance = |n: u64| n.abs_diff(figure.value());
    for convention in ALL {
        let count = convention.count(network.graph, network.analysis, Choice::default())?;
        if let Some(total) = count.total.exact()
            && nearest.is_none_or(|(_, known)| distance(total) < distance(known))
        {
            nearest = Some((convention.name, total));
        }
    }
    let mut search = Search { figure, answers: Vec::new() };
    search.network(network, None, 0);
    for Relative { step, name, graph, analysis } in relatives {
        let is_alike = analysis.totals.params == network.analysis.totals.params;
        let relative = Network { name: &name, graph: &graph, analysis: &analysis };
        search.network(&relative, Some(&step), if is_alike { 1 } else { 2 });
    }
    search.batches(network);
    let mut answers = search.answers;
    answers.sort_by_key(|answer| (answer.distance, answer.how));
    Ok(Found { answers, nearest })
}

/// The network's input at other usual sizes: of one square image, the same with other sides.
pub fn usual_inputs(graph: &Graph) -> Vec<Shape> {
    let [input] = graph.inputs() else { return Vec::new() };
    let [channels, height, width] = *input.example().dims() else { return Vec::new() };
    let others = SIDES.iter().filter(|side| height == width && **side != height);
    others.filter_map(|side| Shape::new(&[channels, *side, *side])).collect()
}

/// What may be done to a network before it is counted: whether that changes it, the choice, and the step that it is.
fn choices(graph: &Graph) -> Vec<(bool, Choice, Option<&'static str>)> {
    let (has_heads, has_norm) = (fold::auxiliary(graph).contains(&true), fold::has_norm(graph));
    let plain = Choice::default();
    let heads = |heads| Choice { heads: Some(heads), ..plain };
    let folded = Choice { folded: true, ..plain };
    let mut choices = vec![
        (true, plain, None),
        (has_heads, heads(true), Some("with auxiliary heads")),
        (has_heads, heads(false), Some("without auxiliary heads")),
        (has_norm, folded, Some("batch norm folded into the layers before it")),
    ];
    choices.extend(WRITTEN.iter().map(|written| {
        let has_any = graph.nodes().iter().any(|node| written.is_of(&node.op, 1));
        (has_any, Choice { written: Some(written), ..plain }, Some(written.said))
    }));
    choices
}

/// The answers so far.
struct Search {
    figure: Figure,
    answers: Vec<Answer>,
}

impl Search {
    /// Tries a network that is a step away itself, or none, with every choice and factor.
    fn network(&mut self, network: &Network<'_>, step: Option<&str>, away: usize) {
        let graph = network.graph;
        for (applies, choice, chosen) in choices(graph) {
            let away = away + usize::from(chosen.is_some());
            if !applies || away > FURTHEST {
                continue;
            }
            let steps: Vec<String> = step.into_iter().chain(chosen).map(str::to_owned).collect();
            for convention in ALL {
                let Some((total, terms)) = network.exact(convention, choice) else { continue };
                let shown = arithmetic(&terms, 1, 1);
                let candidate = Candidate { away, steps: steps.clone(), total, shown };
                self.consider(network, convention, candidate);
                if away < FURTHEST {
                    for (product, why, shown) in products(total, &terms) {
                        let steps = steps.iter().cloned().chain([why.to_owned()]).collect();
                        let candidate = Candidate { away: away + 1, steps, total: product, shown };
                        self.consider(network, convention, candidate);
                    }
                }
            }
        }
        if away < FURTHEST {
            self.training(network, step, away + 1);
        }
    }

    /// Tries a training step by the ledger, in train mode: the gradients of the network's own inputs are not made.
    fn training(&mut self, network: &Network<'_>, step: Option<&str>, away: usize) {
        let Network { graph, analysis, .. } = *network;
        let options = Options { mode: Mode::Train, ..analysis.options.clone() };
        let Ok(analysis) = analyze(graph, &options).complete() else { return };
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
            let (Some(convention), Some(total)) = (find(name), total) else { continue };
            let why = "forward and backward, by the ledger".to_owned();
            let steps = step.map(str::to_owned).into_iter().chain([why]).collect();
            let shown = of_ledger(forward, total - forward);
            self.consider(network, convention, Candidate { away, steps, total, shown });
        }
    }

    /// Tries usual batches of the network as it is.
    fn batches(&mut self, network: &Network<'_>) {
        let is_single = network.graph.batch().unwrap_or(1) == 1;
        for batch in BATCHES.iter().filter(|_| is_single) {
            for convention in ALL {
                let Some((one, terms)) = network.exact(convention, Choice::default()) else {
                    continue;
                };
                let Some(total) = one.checked_mul(*batch) else { continue };
                let shown = arithmetic(&terms, *batch, 1);
                let steps = vec![format!("batch {batch}")];
                self.consider(network, convention, Candidate { away: 1, steps, total, shown });
            }
        }
    }

    /// Keeps a number that is the figure; one that fewer steps lead to already is no further answer.
    fn consider(&mut self, network: &Network<'_>, convention: &Convention, candidate: Candidate) {
        let Some(how) = self.figure.of(candidate.total) else { return };
        let is_same =
            |known: &Answer| known.total == candidate.total && known.network == network.name;
        for known in self.answers.iter_mut().filter(|known| is_same(known)) {
            if known.steps == candidate.steps && known.arithmetic == candidate.shown {
                known.conventions.push(convention.name);
                return;
            }
            if known.distance < candidate.away {
                return;
            }
        }
        self.answers.push(Answer {
            total: candidate.total,
            how,
            conventions: vec![convention.name],
            network: network.name.to_owned(),
            distance: candidate.away,
            steps: candidate.steps,
            arithmetic: candidate.shown,
        });
    }
}

/// A number, and how it came about.
struct Candidate {
    away: usize,
    steps: Vec<String>,
    total: u64,
    shown: String,
}

impl Network<'_> {
    /// What a convention makes of it, with the terms; `None` where that is a lower bound or too large.
    fn exact(&self, convention: &Convention, choice: Choice) -> Option<(u64, Vec<Summed>)> {
        let count = convention.count(self.graph, self.analysis, choice).ok()?;
        Some((count.total.exact()?, count.terms))
    }
}

/// What rules of thumb make of a number: the product, why, and its arithmetic.
fn products(total: u64, terms: &[Summed]) -> Vec<(u64, &'static str, String)> {
    let product = |(by, over, why): &(u64, u64, &'static str)| {
        let product = total.checked_mul(*by).filter(|n| n.is_multiple_of(*over))?;
        Some((product / over, *why, arithmetic(terms, *by, *over)))
    };
    FACTORS.iter().filter_map(product).collect()
}

/// A total by its terms, multiplied and divided.
fn arithmetic(terms: &[Summed], by: u64, over: u64) -> String {
    let texts = terms.iter().enumerate().map(|(i, term)| term_text(term, i == 0));
    let sum = texts.collect::<Vec<_>>().join(" ");
    match (by, over) {
        (1, 1) => sum,
        (by, 1) => format!("{by} × ({sum})"),
        (1, over) => format!("({sum}) / {over}"),
        (by, over) => format!("{by} / {over} × ({sum})"),
    }
}

/// A training step by its two passes.
fn of_ledger(forward: u64, backward: u64) -> String {
    format!("{} forward + {} backward", grouped(forward), grouped(backward))
}
