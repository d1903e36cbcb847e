//! Conventions: what other tools print of a network, each as data, and the one way to count by them.
//!
//! A [`Convention`] says which operators count, with which weights of which amounts; `table` holds all of them, `figure` a
//! printed number with its precision. Imports `analysis`, `graph`, `ops` and `shape`. Tests stand in
//! `tests/it/conventions.rs`.

pub mod figure;
mod table;

pub use table::{ALL, CNNSTAT};

use std::collections::HashMap;

use crate::analysis::{Analysis, AnalysisError, Row};
use crate::graph::{Graph, Node, NodeId, ValueId};
use crate::ops::args::ArgValue;
use crate::ops::ledger::{Role, Work};
use crate::ops::{Layer as _, Mode, Op};
use crate::shape::{Shape, TooLarge, product};

/// One tool's way to count, as data.
#[derive(Debug)]
pub struct Convention {
    /// What `--as` calls it.
    pub name: &'static str,
    /// What the tool calls the number that it prints.
    pub result: &'static str,
    /// The head of a column of such numbers.
    pub title: &'static str,
    /// The head of a column of differences between such numbers.
    pub delta: &'static str,
    /// The rule in one line, in the words of its terms.
    pub formula: &'static str,
    /// The tool, and the version that the rule is taken from.
    pub version: &'static str,
    /// Whether the tool runs the network in eval mode, where torch does not run auxiliary heads.
    pub skips_heads: bool,
    /// What counts; of several rules for an operator the first is meant, and what has none counts nothing.
    pub rules: &'static [Rule],
    /// What the tool counts in a way that the arithmetic does not bear out, reproduced on purpose.
    pub wrong: &'static [&'static str],
    /// What depends on something that a description does not hold, or is not reproduced.
    pub notes: &'static [&'static str],
}

/// What counts of some operators.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Names of operators as a call has them; `Nd` stands for any rank, `*` alone for every operator.
    pub ops: &'static [&'static str],
    /// The argument that must have this value for the rule to hold.
    pub case: Option<(&'static str, &'static str)>,
    /// What is summed.
    pub terms: &'static [Term],
}

/// A number of times an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    /// How often it counts.
    pub times: i64,
    /// What is counted.
    pub of: Amount,
    /// What it is called where a total is explained.
    pub what: &'static str,
}

/// Something that a layer has a number of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// Multiply-accumulates of the ledger.
    Macs,
    /// The same as if there were one group: multiply-accumulates × groups.
    UngroupedMacs,
    /// Additions of the ledger outside MACs: of a convolution or a linear layer, the bias.
    Adds,
    /// Multiplications of the ledger outside MACs.
    Muls,
    /// Divisions of the ledger.
    Divs,
    /// Comparisons of the ledger.
    Cmps,
    /// Special functions of the ledger.
    Specials,
    /// Elements of the first input.
    Inputs,
    /// Elements of the outputs.
    Outputs,
    /// Elements of the outputs × those of the window (`kernel_size`, or `size` of local response norm).
    Window,
    /// Spatial positions of the output, of one sample and one channel.
    Positions,
    /// Rows along `dim`: elements of the output / its size along that axis.
    Rows,
    /// Elements of the weight × samples × spatial positions of the output.
    WeightTaps,
    /// Elements of the outputs × those of one slice of the weight along its first axis.
    SliceTaps,
    /// Samples × elements of the tensors called `weight` and `bias`.
    Tensors,
}

/// What is changed before it is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// Whether auxiliary heads count; `None` is as the tool has it.
    pub heads: Option<bool>,
    /// Whether batch norm is folded into the convolutions before it, which then have a bias.
    pub folded: bool,
}

/// What a convention makes of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// The number of each layer, in execution order.
    pub layers: Vec<u64>,
    /// Their sum.
    pub total: u64,
    /// The same sum, by terms, in the order of the convention's rules; no term of nothing.
    pub terms: Vec<Summed>,
}

/// A term, summed over a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summed {
    /// How often it counts.
    pub times: i64,
    /// The amount of all layers.
    pub amount: u64,
    /// What it is called.
    pub what: &'static str,
}

/// Finds a convention by name.
pub fn find(name: &str) -> Option<&'static Convention> {
    ALL.iter().find(|convention| convention.name == name)
}

impl Convention {
    /// Whether it is the one that counts where nothing else is said.
    pub fn is_default(&self) -> bool {
        self.name == CNNSTAT.name
    }

    /// Counts a network.
    ///
    /// # Errors
    /// The layer whose number exceeds 64 bits, or the totals if only these do.
    ///
    /// ```
    /// use cnnstat::convention::{self, Choice};
    /// let text = "model: m\ninput: [3, 8, 8]\nlayers:\n  - conv2d(4, 3, bias=false)\n  - batchnorm2d\n";
    /// let graph = cnnstat::parse_graph(text).unwrap();
    /// let analysis = cnnstat::analyze(&graph, &cnnstat::Options::default()).unwrap();
    /// let count = convention::find("fvcore").unwrap().count(&graph, &analysis, Choice::default()).unwrap();
    /// assert_eq!(count.total, 3_888 + 2 * 144);
    /// ```
    pub fn count(
        &self,
        graph: &Graph,
        analysis: &Analysis,
        choice: Choice,
    ) -> Result<Count, AnalysisError> {
        let eval = analysis.options.mode == Mode::Eval;
        let runs_heads = choice.heads.unwrap_or(!(self.skips_heads && eval));
        let heads = if runs_heads { Vec::new() } else { auxiliary(graph) };
        let folds = if choice.folded { folds(graph, analysis) } else { HashMap::new() };
        let mut sums = Sums::new(self);
        let mut layers = Vec::with_capacity(analysis.rows.len());
        for row in &analysis.rows {
            let node = graph.node(row.node);
            let at = row.node.index();
            let work = folds.get(&at).copied().unwrap_or(Some(row.counts.work));
            let counted = match work.filter(|_| !heads.get(at).is_some_and(|is_head| *is_head)) {
                Some(work) => sums.add(self, &Seen { node, row, work }),
                None => Ok(0),
            };
            layers.push(counted.map_err(|error| AnalysisError::at(graph, row.node, error))?);
        }
        let total = layers.iter().try_fold(0u64, |sum, n| sum.checked_add(*n));
        let total = total.ok_or(TooLarge).map_err(AnalysisError::totals)?;
        Ok(Count { layers, total, terms: sums.terms() })
    }

    /// The rule that an operator falls under.
    fn rule(&self, op: &Op) -> Option<(usize, &'static Rule)> {
        self.rules.iter().enumerate().find(|(_, rule)| rule.holds(op))
    }
}

impl Rule {
    fn holds(&self, op: &Op) -> bool {
        let name = op.name();
        let is_meant = |known: &&str| match known.strip_suffix("Nd") {
            Some(stem) => op.entry().name == stem && op.args().rank > 0,
            None => *known == "*" || *known == name,
        };
        self.ops.iter().any(is_meant)
            && self.case.is_none_or(|(arg, value)| {
                argument(op, arg).is_some_and(|found| match found {
                    ArgValue::Text(text) => text == value,
                    other => other.to_string() == value,
                })
            })
    }
}

/// The value of an argument.
fn argument(op: &Op, name: &str) -> Option<ArgValue> {
    let at = op.entry().signature.iter().position(|arg| arg.name == name)?;
    op.args().values().nth(at).cloned()
}

/// The amounts of a convention's terms, summed up over layers.
struct Sums {
    /// The terms of each rule, with the position of each in `sums`.
    slots: Vec<Vec<usize>>,
    sums: Vec<(Term, u64)>,
}

impl Sums {
    fn new(convention: &Convention) -> Self {
        let mut sums: Vec<(Term, u64)> = Vec::new();
        let mut slot = |term: &Term| {
            let alike =
                |(known, _): &(Term, u64)| (known.times, known.what) == (term.times, term.what);
            sums.iter().position(alike).unwrap_or_else(|| {
                sums.push((*term, 0));
                sums.len() - 1
            })
        };
        let slots = convention.rules.iter().map(|rule| rule.terms.iter().map(&mut slot).collect());
        let slots = slots.collect();
        Self { slots, sums }
    }

    /// Adds a layer, and says what it comes to.
    fn add(&mut self, convention: &Convention, seen: &Seen<'_>) -> Result<u64, TooLarge> {
        let Some((at, rule)) = convention.rule(&seen.node.op) else { return Ok(0) };
        let mut total = 0i128;
        for (term, slot) in rule.terms.iter().zip(&self.slots[at]) {
            let amount = seen.amount(term.of)?;
            let sum = &mut self.sums[*slot].1;
            *sum = sum.checked_add(amount).ok_or(TooLarge)?;
            total += i128::from(term.times) * i128::from(amount);
        }
        u64::try_from(total).map_err(|_| TooLarge)
    }

    fn terms(self) -> Vec<Summed> {
        let summed =
            |(term, amount): (Term, u64)| Summed { times: term.times, amount, what: term.what };
        self.sums.into_iter().map(summed).filter(|term| term.amount > 0).collect()
    }
}

/// A layer as a convention sees it.
struct Seen<'a> {
    node: &'a Node,
    row: &'a Row,
    /// The ledger, with what is folded into the layer.
    work: Work,
}

impl Seen<'_> {
    fn amount(&self, of: Amount) -> Result<u64, TooLarge> {
        let (op, work) = (&self.node.op, &self.work);
        match of {
            Amount::Macs => Ok(work.macs),
            Amount::Adds => Ok(work.adds),
            Amount::Muls => Ok(work.muls),
            Amount::Divs => Ok(work.divs),
            Amount::Cmps => Ok(work.cmps),
            Amount::Specials => Ok(work.specials),
            Amount::UngroupedMacs => {
                let groups = argument(op, "groups").and_then(|groups| groups.int()).unwrap_or(1);
                product([work.macs, u64::try_from(groups).unwrap_or(1)])
            }
            Amount::Inputs => self.row.inputs.first().map_or(Ok(0), Shape::numel),
            Amount::Outputs => self.outputs(),
            Amount::Window => product([self.outputs()?, window(op)?]),
            Amount::Positions => product(self.split().2.iter().copied()),
            Amount::Rows => self.rows(),
            Amount::WeightTaps => {
                let (samples, _, positions) = self.split();
                product([product(self.weight()?)?, samples, product(positions.iter().copied())?])
            }
            Amount::SliceTaps => {
                product([self.outputs()?, product(self.weight()?.into_iter().skip(1))?])
            }
            Amount::Tensors => {
                let params = op.params(&self.row.inputs).map_err(|_| TooLarge)?;
                let named = params.iter().filter(|param| param.role != Role::Buffer);
                let mut elements = 0u64;
                for param in named.filter(|param| !param.name.is_empty()) {
                    elements = elements.checked_add(param.shape.numel()?).ok_or(TooLarge)?;
                }
                product([elements, self.split().0])
            }
        }
    }

    fn outputs(&self) -> Result<u64, TooLarge> {
        self.row
            .outputs
            .iter()
            .try_fold(0u64, |sum, output| sum.checked_add(output.numel()?).ok_or(TooLarge))
    }

    /// Samples, channels and spatial sizes of the output.
    fn split(&self) -> (u64, u64, &[u64]) {
        self.row.outputs.first().and_then(Shape::split).unwrap_or((1, 1, &[]))
    }

    /// The sizes of the weight; none where there is no weight.
    fn weight(&self) -> Result<Vec<u64>, TooLarge> {
        let params = self.node.op.params(&self.row.inputs).map_err(|_| TooLarge)?;
        let weight = params.iter().find(|param| param.name == "weight");
        Ok(weight.map_or_else(|| vec![0], |weight| weight.shape.dims().to_vec()))
    }

    fn rows(&self) -> Result<u64, TooLarge> {
        let Some(output) = self.row.outputs.first() else { return Ok(0) };
        let dim = argument(&self.node.op, "dim").and_then(|dim| dim.int()).unwrap_or(-1);
        let rank = i64::try_from(output.rank()).unwrap_or(0);
        let axis = usize::try_from(if dim < 0 { dim + rank } else { dim }).unwrap_or(0);
        Ok(output.numel()? / output.get(axis).unwrap_or(1).max(1))
    }
}

/// The elements of a window.
fn window(op: &Op) -> Result<u64, TooLarge> {
    let size = argument(op, "kernel_size").or_else(|| argument(op, "size"));
    let side = |value: &ArgValue| value.int().and_then(|n| u64::try_from(n).ok()).unwrap_or(1);
    match size {
        Some(ArgValue::List(sides)) => product(sides.iter().map(side)),
        Some(one) => {
            let rank = u32::try_from(op.args().rank.max(1)).unwrap_or(1);
            side(&one).checked_pow(rank).ok_or(TooLarge)
        }
        None => Ok(1),
    }
}

/// Which layers only auxiliary heads need: those from which no way leads to an output that is not called `aux…`. None
/// where all outputs are.
pub fn auxiliary(graph: &Graph) -> Vec<bool> {
    let is_head = |name: &str| name.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("aux"));
    let reach = |heads: bool| {
        let mut needed = vec![false; graph.value_count()];
        let outputs = graph.outputs().iter().filter(|output| is_head(&output.name) == heads);
        outputs.for_each(|output| needed[output.value.index()] = true);
        for node in graph.nodes().iter().rev() {
            if node.outputs.iter().any(|value| needed[value.index()]) {
                node.inputs.iter().for_each(|value| needed[value.index()] = true);
            }
        }
        needed
    };
    let (by_others, by_heads) = (reach(false), reach(true));
    let any_other = graph.outputs().iter().any(|output| !is_head(&output.name));
    let only = |node: &Node| {
        let by = |needed: &[bool]| node.outputs.iter().any(|value| needed[value.index()]);
        any_other && by(&by_heads) && !by(&by_others)
    };
    graph.nodes().iter().map(only).collect()
}

/// What folding changes, by the position of the node: the ledger of a convolution that gains a bias, and nothing in place of
/// the batch norm behind it.
fn folds(graph: &Graph, analysis: &Analysis) -> HashMap<usize, Option<Work>> {
    let mut makers: HashMap<ValueId, NodeId> = HashMap::new();
    let mut folds = HashMap::new();
    for (id, node) in graph.iter() {
        let before = node.inputs.first().and_then(|value| makers.get(value)).copied();
        if let (Op::BatchNorm(_), Some(before)) = (&node.op, before) {
            let row: &Row = &analysis.rows[before.index()];
            let is_linear =
                matches!(graph.node(before).op, Op::Conv(_) | Op::ConvTranspose(_) | Op::Linear(_));
            if is_linear {
                let outputs = row.outputs.first().and_then(|shape| shape.numel().ok());
                let work = Work { adds: outputs.unwrap_or(0), ..row.counts.work };
                folds.insert(before.index(), Some(work));
                folds.insert(id.index(), None);
            }
        }
        node.outputs.iter().for_each(|value| {
            makers.insert(*value, id);
        });
    }
    folds
}
