//! A network counted by a convention: the number of each layer, their sum, and the terms that it is made of.

use super::fold::{self, Fold};
use super::{Amount, Choice, Convention, Ruling, Term, argument};
use crate::analysis::{Analysis, AnalysisError, Row};
use crate::graph::{Graph, Node};
use crate::ops::args::ArgValue;
use crate::ops::ledger::{Role, Work};
use crate::ops::{Layer as _, Mode, Op};
use crate::shape::{Shape, TooLarge, product};
use crate::units::grouped;

/// What a convention makes of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// The number of each layer, in execution order; `None` where it is not counted.
    pub layers: Vec<Option<u64>>,
    /// Their sum.
    pub total: Total,
    /// The same sum, by terms, in the order of the convention's rules; no term of nothing.
    pub terms: Vec<Summed>,
    /// The operators that are not counted, in execution order; none where the total is exact.
    pub not_counted: Vec<NotCounted>,
}

/// A sum over layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Total {
    /// Every layer is in it.
    Exact(u64),
    /// Some layers are not counted: the number is this, or larger.
    AtLeast(u64),
}

/// An operator that a convention does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotCounted {
    /// Its name.
    pub op: String,
    /// Why it is not counted.
    pub why: &'static str,
    /// How many layers there are of it.
    pub layers: usize,
    /// The name of the first of them.
    pub first: String,
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

/// Said of a layer whose shapes or arithmetic the analysis does not know.
pub const NOT_KNOWN: &str = "its arithmetic is not known";

impl Total {
    /// The number, which may be a lower bound.
    pub const fn value(self) -> u64 {
        match self {
            Self::Exact(n) | Self::AtLeast(n) => n,
        }
    }

    /// The number, where it is no lower bound.
    pub const fn exact(self) -> Option<u64> {
        match self {
            Self::Exact(n) => Some(n),
            Self::AtLeast(_) => None,
        }
    }
}

/// A term in words: `+ 2 × 11,113,984 batch-norm elements`; the first has its sign only if it is taken away.
pub fn term_text(term: &Summed, is_first: bool) -> String {
    let sign = match (is_first, term.times < 0) {
        (_, true) => "− ",
        (true, false) => "",
        (false, false) => "+ ",
    };
    let times = match term.times.unsigned_abs() {
        1 => String::new(),
        n => format!("{n} × "),
    };
    format!("{sign}{times}{} {}", grouped(term.amount), term.what)
}

impl Convention {
    /// Counts a network.
    ///
    /// # Errors
    /// The layer whose number exceeds 64 bits, or the totals if only these do.
    ///
    /// ```
    /// use cnnstat::internals::convention::{self, Choice, Total};
    /// let text = "model: m\ninput: [3, 8, 8]\nlayers:\n  - conv2d(4, 3, bias=false)\n  - batchnorm2d\n";
    /// let graph = cnnstat::parse_graph(text).unwrap();
    /// let analysis = cnnstat::analyze(&graph, &cnnstat::Options::default()).complete().unwrap();
    /// let count = convention::find("fvcore").unwrap().count(&graph, &analysis, Choice::default()).unwrap();
    /// assert_eq!(count.total, Total::Exact(3_888 + 2 * 144));
    /// ```
    pub fn count(
        &self,
        graph: &Graph,
        analysis: &Analysis,
        choice: Choice,
    ) -> Result<Count, AnalysisError> {
        let eval = analysis.options.mode == Mode::Eval;
        let runs_heads = choice.heads.unwrap_or(!(self.skips_heads && eval));
        let heads = if runs_heads { Vec::new() } else { fold::auxiliary(graph) };
        let folds = if choice.folded { fold::folds(graph, analysis) } else { Vec::new() };
        let mut sums = Sums::new(self);
        let mut layers = Vec::with_capacity(analysis.rows.len());
        let mut not_counted = Vec::new();
        for row in &analysis.rows {
            let node = graph.node(row.node);
            let at = row.node.index();
            let is_head = heads.get(at).is_some_and(|is_head| *is_head);
            let fold = folds.get(at).copied().unwrap_or_default();
            let work = if let Fold::Into(work) = fold { Some(work) } else { work(row) };
            let counted = match work {
                // A layer that does not run counts nothing, whatever its operator.
                _ if is_head || fold == Fold::Away => Ok(Ok(0)),
                Some(work) => sums.add(self, &LayerView { node, row, work }),
                None => Ok(Err(NOT_KNOWN)),
            };
            let counted = counted.map_err(|error| AnalysisError::at(graph, row.node, error))?;
            layers.push(counted.ok());
            if let Err(why) = counted {
                note(&mut not_counted, node, why);
            }
        }
        let total = layers.iter().flatten().try_fold(0u64, |sum, n| sum.checked_add(*n));
        let total = total.ok_or(TooLarge).map_err(AnalysisError::totals)?;
        let total =
            if not_counted.is_empty() { Total::Exact(total) } else { Total::AtLeast(total) };
        Ok(Count { layers, total, terms: sums.terms(), not_counted })
    }
}

/// The arithmetic of a layer, where it is known.
fn work(row: &Row) -> Option<Work> {
    row.is_counted().then_some(row.counts.work)
}

/// Notes a layer that is not counted.
fn note(not_counted: &mut Vec<NotCounted>, node: &Node, why: &'static str) {
    let op = node.op.called();
    match not_counted.iter_mut().find(|known| known.op == op && known.why == why) {
        Some(known) => known.layers += 1,
        None => not_counted.push(NotCounted { op, why, layers: 1, first: node.name.clone() }),
    }
}

/// The amounts of a convention's terms, summed over layers.
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

    /// Adds a layer, and says what it comes to, or why it is not counted.
    fn add(
        &mut self,
        convention: &Convention,
        layer: &LayerView<'_>,
    ) -> Result<Result<u64, &'static str>, TooLarge> {
        let (at, rule) = match convention.ruling(&layer.node.op) {
            Ruling::Ruled(at, rule) => (at, rule),
            Ruling::Ignored => return Ok(Ok(0)),
            Ruling::NotCounted(why) => return Ok(Err(why)),
        };
        let mut total = 0i128;
        for (term, slot) in rule.terms.iter().zip(&self.slots[at]) {
            let amount = layer.amount(term.of)?;
            let sum = &mut self.sums[*slot].1;
            *sum = sum.checked_add(amount).ok_or(TooLarge)?;
            total += i128::from(term.times) * i128::from(amount);
        }
        u64::try_from(total).map(Ok).map_err(|_| TooLarge)
    }

    fn terms(self) -> Vec<Summed> {
        let summed =
            |(term, amount): (Term, u64)| Summed { times: term.times, amount, what: term.what };
        self.sums.into_iter().map(summed).filter(|term| term.amount > 0).collect()
    }
}

/// A layer as a convention sees it.
struct LayerView<'a> {
    node: &'a Node,
    row: &'a Row,
    /// The ledger, with what is folded into the layer.
    work: Work,
}

impl LayerView<'_> {
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
