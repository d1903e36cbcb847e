//! A network counted by a convention: the number of each layer, their sum, and the terms that it is made of.

use super::fold::{self, Fold};
use super::rule::{Amount, By, Choice, Convention, Form, Ruling, Subject, Term, Written, argument};
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

/// Said of a layer for which the tool's formula gives no count.
const NO_COUNT: &str = "the tool's formula gives a number below 0";

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
        let divisor = if self.averages_modules { graph.batch().unwrap_or(1).max(1) } else { 1 };
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
                Some(work) => {
                    let view = LayerView { node, row, work, form: None, divisor };
                    sums.add(self, &view.written(choice.written), analysis.options.mode)
                }
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
        mode: Mode,
    ) -> Result<Result<u64, &'static str>, TooLarge> {
        if layer.form == Some(Form::Uncounted) {
            return Ok(Ok(0));
        }
        let (at, rule) = match convention.ruling(&layer.subject(mode)) {
            Ruling::Ruled(at, rule) => (at, rule),
            Ruling::Ignored => return Ok(Ok(0)),
            Ruling::NotCounted(why) => return Ok(Err(why)),
        };
        let counted = rule.terms.iter().zip(&self.slots[at]);
        let counted: Vec<_> = counted.filter(|(term, _)| layer.is_seen(term.by)).collect();
        let amounts = counted.iter().map(|(term, _)| layer.amount(term));
        let amounts: Vec<Option<u64>> = amounts.collect::<Result<_, _>>()?;
        let Some(amounts) = amounts.into_iter().collect::<Option<Vec<u64>>>() else {
            return Ok(Err(NO_COUNT));
        };
        let mut total = 0i128;
        for ((term, slot), amount) in counted.into_iter().zip(amounts) {
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
    /// How the network's code writes it; `None`: as a module.
    form: Option<Form>,
    /// What the tool divides by that it counts by module.
    divisor: u64,
}

impl LayerView<'_> {
    /// The same layer, written otherwise if it is among those that are.
    fn written(self, written: Option<&Written>) -> Self {
        let written = written.filter(|written| written.is_of(&self.node.op, self.positions()));
        Self { form: written.map(|written| written.form), ..self }
    }

    /// Spatial positions of the output.
    fn positions(&self) -> u64 {
        product(self.split().2.iter().copied()).unwrap_or(u64::MAX)
    }

    fn subject(&self, mode: Mode) -> Subject<'_> {
        let instead = match self.form {
            Some(Form::As(name)) => Some(name),
            _ => None,
        };
        let axes = self.row.inputs.first().map_or(0, Shape::rank);
        Subject { op: &self.node.op, instead, mode, axes, positions: self.positions() }
    }

    /// Whether the tool sees the layer by what it watches.
    fn is_seen(&self, by: By) -> bool {
        match by {
            By::Either => true,
            By::Module => self.form != Some(Form::Function),
            By::Function => self.form == Some(Form::Function),
        }
    }

    /// The amount of a term; `None` where the tool's formula falls below 0.
    fn amount(&self, term: &Term) -> Result<Option<u64>, TooLarge> {
        if term.of == Amount::ConvolvedBias {
            return self.convolved_bias();
        }
        let divisor = if term.by == By::Module { self.divisor } else { 1 };
        Ok(Some(self.amount_of(term.of)? / divisor))
    }

    fn amount_of(&self, of: Amount) -> Result<u64, TooLarge> {
        let (op, work) = (&self.node.op, &self.work);
        match of {
            Amount::Macs => Ok(work.macs),
            Amount::Adds => Ok(work.adds),
            Amount::Muls => Ok(work.muls),
            Amount::Divs => Ok(work.divs),
            Amount::Cmps => Ok(work.cmps),
            Amount::Specials => Ok(work.specials),
            Amount::UngroupedMacs => product([work.macs, number(op, "groups").unwrap_or(1)]),
            Amount::RegroupedMacs => {
                let groups = number(op, "groups").unwrap_or(1).max(1);
                let outputs = self.weight()?.get(1).copied().unwrap_or(1).max(1);
                product([work.macs / outputs, outputs / groups])
            }
            Amount::HalvedMacs => self.halved(work.macs),
            Amount::HalvedAdds => self.halved(work.adds),
            // The bias of a transposed convolution may come out below 0: `amount` asks for it.
            Amount::ConvolvedBias => Ok(0),
            Amount::Inputs => self.inputs(),
            Amount::PaddedInputs => {
                let channels = self.split().1.max(1);
                let size = number(op, "size").unwrap_or(1).max(1);
                product([self.inputs()? / channels, channels + (size - 1)])
            }
            Amount::ScaledInputs => self.scaled_inputs(),
            Amount::Outputs => self.outputs(),
            Amount::SampleOutputs => Ok(self.outputs()? / self.split().0.max(1)),
            Amount::NormRows => self.norm_rows(),
            Amount::Window => product([self.outputs()?, window(op)?]),
            Amount::WindowDepth => self.window_depth(),
            Amount::SizeWritten => match argument(op, "size") {
                Some(ArgValue::List(sizes)) => product(sizes.iter().map(whole)),
                Some(one) => Ok(whole(&one)),
                None => Ok(0),
            },
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

    fn inputs(&self) -> Result<u64, TooLarge> {
        self.row.inputs.first().map_or(Ok(0), Shape::numel)
    }

    /// A number of a convolution with padding 'same' over the positions that are left where both sides have half of the
    /// padding, rounded down.
    fn halved(&self, of: u64) -> Result<u64, TooLarge> {
        let op = &self.node.op;
        let extents = self.split().2;
        let axes = |name| per_axis(op, name, extents.len());
        let (Some(kernel), Some(dilation)) = (axes("kernel_size"), axes("dilation")) else {
            return Ok(of);
        };
        let padding =
            kernel.iter().zip(&dilation).map(|(kernel, dilation)| dilation * (kernel - 1));
        let left = extents.iter().zip(padding);
        let left = left.map(|(extent, padding)| extent.saturating_sub(u64::from(padding % 2 != 0)));
        product([of / self.positions().max(1), product(left)?])
    }

    fn window_depth(&self) -> Result<u64, TooLarge> {
        if let Some(sides) = per_axis(&self.node.op, "kernel_size", 1) {
            let first = sides.first().and_then(|n| u64::try_from(*n).ok());
            return product([self.outputs()?, first.unwrap_or(1)]);
        }
        let extents = |shape: Option<&Shape>| {
            shape.and_then(Shape::split).and_then(|(.., of)| of.first().copied())
        };
        let (taken, left) = (extents(self.row.inputs.first()), extents(self.row.outputs.first()));
        product([self.outputs()?, taken.unwrap_or(1) / left.unwrap_or(1).max(1)])
    }

    /// Elements of the input × the factors of upsampling, each of a list rounded down first, as ptflops takes them.
    fn scaled_inputs(&self) -> Result<u64, TooLarge> {
        let inputs = self.inputs()?;
        let axes = self.split().2.len();
        match argument(&self.node.op, "scale_factor") {
            Some(ArgValue::List(factors)) => {
                let factors = factors.iter().map(|factor| scaled(1, real(factor), 1));
                product([inputs, product(factors.collect::<Result<Vec<_>, _>>()?)?])
            }
            Some(one) => scaled(inputs, real(&one), axes),
            None => Ok(inputs),
        }
    }

    /// The bias of a transposed convolution over the positions that a convolution with its arguments would have, for the
    /// output channels of one group; `None` where that is below 0.
    fn convolved_bias(&self) -> Result<Option<u64>, TooLarge> {
        if self.work.adds == 0 {
            return Ok(Some(0));
        }
        let op = &self.node.op;
        let Some((samples, _, extents)) = self.row.inputs.first().and_then(Shape::split) else {
            return Ok(None);
        };
        let of = |name| per_axis(op, name, extents.len());
        let (Some(kernel), Some(stride), Some(padding), Some(dilation)) =
            (of("kernel_size"), of("stride"), of("padding"), of("dilation"))
        else {
            return Ok(None);
        };
        let channels = self.weight()?.get(1).copied().unwrap_or(1);
        let mut bias = i128::from(product([samples, channels])?);
        for (axis, extent) in extents.iter().enumerate() {
            let [kernel, stride, padding, dilation] =
                [&kernel, &stride, &padding, &dilation].map(|of| i128::from(of[axis]));
            let free = i128::from(*extent) + 2 * padding - (dilation * (kernel - 1) + 1);
            let positions = free.div_euclid(stride.max(1)) + 1;
            bias = bias.checked_mul(positions).ok_or(TooLarge)?;
        }
        if bias < 0 { Ok(None) } else { u64::try_from(bias).map(Some).map_err(|_| TooLarge) }
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

    fn norm_rows(&self) -> Result<u64, TooLarge> {
        let op = &self.node.op;
        let output = self.row.outputs.first();
        let last = output.and_then(|shape| shape.dims().last().copied());
        let first = match argument(op, "normalized_shape") {
            Some(ArgValue::List(sizes)) => sizes.first().map(whole),
            // With a rank in its name it is over the channels.
            _ if op.args().rank > 0 => Some(self.split().1),
            _ => last,
        };
        Ok(self.outputs()? / first.unwrap_or(1).max(1))
    }

    fn rows(&self) -> Result<u64, TooLarge> {
        let Some(output) = self.row.outputs.first() else { return Ok(0) };
        let dim = argument(&self.node.op, "dim").and_then(|dim| dim.int()).unwrap_or(-1);
        let rank = i64::try_from(output.rank()).unwrap_or(0);
        let axis = usize::try_from(if dim < 0 { dim + rank } else { dim }).unwrap_or(0);
        Ok(output.numel()? / output.get(axis).unwrap_or(1).max(1))
    }
}

/// A whole number that is an argument.
fn number(op: &Op, name: &str) -> Option<u64> {
    u64::try_from(argument(op, name)?.int()?).ok()
}

/// A whole number; 1 where it is none.
fn whole(value: &ArgValue) -> u64 {
    value.int().and_then(|n| u64::try_from(n).ok()).unwrap_or(1)
}

/// An argument that has a number for each axis, or one for all.
fn per_axis(op: &Op, name: &str, axes: usize) -> Option<Vec<i64>> {
    match argument(op, name)? {
        ArgValue::List(each) => each.iter().map(ArgValue::int).collect(),
        one => Some(vec![one.int()?; axes]),
    }
}

/// A factor, 1 where it is none.
fn real(value: &ArgValue) -> f64 {
    match value {
        ArgValue::Float(x) => *x,
        other => other.int().and_then(|n| i32::try_from(n).ok()).map_or(1.0, f64::from),
    }
}

/// A number × a power of a factor, rounded down.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the tool counts in floating point too; the product is positive and checked against 2^63"
)]
fn scaled(n: u64, factor: f64, power: usize) -> Result<u64, TooLarge> {
    let product = n as f64 * factor.powi(i32::try_from(power).unwrap_or(1));
    if product < 2f64.powi(63) { Ok(product as u64) } else { Err(TooLarge) }
}

/// The elements of a window.
fn window(op: &Op) -> Result<u64, TooLarge> {
    let size = argument(op, "kernel_size").or_else(|| argument(op, "size"));
    match size {
        Some(ArgValue::List(sides)) => product(sides.iter().map(whole)),
        Some(one) => {
            let rank = u32::try_from(op.args().rank.max(1)).unwrap_or(1);
            whole(&one).checked_pow(rank).ok_or(TooLarge)
        }
        None => Ok(1),
    }
}
