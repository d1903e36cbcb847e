//! What was computed against what happens: every rule of every layer, by running the network forward and backward.
//!
//! ```text
//! shapes, parameters, saved bytes, gradients   from one training step on real tensors (f32)
//! operations                                   from the kernels run on numbers that tally themselves
//! gradients' values                            from finite differences along random directions (f64)
//! memory                                       from the meter of the tensors
//! ```
//!
//! A layer too large to be tallied in full is tallied at the smallest input that its shape rule accepts. What is computed
//! comes through [`Rules`], so that a test can put a wrong rule in and see it found. Tests stand in `tests/it/verify.rs`.

mod demand;
mod known;
mod meet;
mod progress;
mod rules;

pub use demand::{Checking, MAX_TALLIED, checking, need, operations};
pub use known::Known;
pub use progress::{Pass, Progress, passes};
pub use rules::{AsTheyAre, Rules};

use known::Found;
use progress::Teller;

use crate::analysis::memory::{self, Optimizer};
use crate::analysis::{Analysis, AnalysisError, Options, analyze};
use crate::exec::backend::Backend;
use crate::exec::gradcheck::TOLERANCE;
use crate::exec::kernels::{Kept, Kernel as _, Made, Owned, Part, Scheme};
use crate::exec::meter::Meter;
use crate::exec::network::{Network, RunError};
use crate::exec::optim::Sgd;
pub use crate::exec::scalar::Tally;
use crate::exec::step::{self, Data};
use crate::exec::tape::Observer;
use crate::exec::tensor::Tensor;
use crate::graph::{Graph, Node, NodeId};
use crate::ops::ledger::{Keep, Param, Role, Work};
use crate::ops::{Io, Layer as _, Mode, Op};
use crate::shape::{DType, Shape, TooLarge};
use crate::units::{bytes, grouped};

/// What is run.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Examples that go through at once.
    pub batch: u64,
    /// Train or eval.
    pub mode: Mode,
    /// Where parameters, inputs and targets are drawn from.
    pub seed: u64,
    /// Steps of gradient descent on one batch.
    pub steps: u64,
    /// Which kernels run the network, and those that gradients are checked of. Operations are tallied by the reference.
    pub backend: Backend,
}

/// One quantity, computed and executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Which quantity.
    pub what: &'static str,
    /// What the rules say.
    pub computed: String,
    /// What happened.
    pub executed: String,
}

impl Check {
    #[allow(clippy::needless_pass_by_value, reason = "texts, numbers and truth values alike")]
    fn new(what: &'static str, computed: impl ToString, executed: impl ToString) -> Self {
        Self { what, computed: computed.to_string(), executed: executed.to_string() }
    }

    /// Whether both are the same.
    pub fn holds(&self) -> bool {
        self.computed == self.executed
    }
}

/// What was found of one layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Verified {
    /// Its name.
    pub name: String,
    /// Its operator.
    pub op: String,
    /// Its output shape, as it happened.
    pub shape: Vec<usize>,
    /// Elements of its parameters, as they were made.
    pub params: u64,
    /// Whether the reference ran it where fast kernels were asked for: there is none.
    pub by_reference: bool,
    /// What was tallied in a forward pass.
    pub forward: Tally,
    /// The input on which operations were tallied, where the real one is too large.
    pub tallied_on: Option<Vec<u64>>,
    /// Bytes it keeps for backward.
    pub saved: u64,
    /// The largest error of its gradients along random directions, relative to their scale.
    pub gradient_error: f64,
    /// Every quantity.
    pub checks: Vec<Check>,
}

/// What was found of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct Verification {
    /// The batch, which may have been raised.
    pub batch: u64,
    /// Whether it was raised, since batch statistics need more than one value.
    pub raised: bool,
    /// Train or eval.
    pub mode: Mode,
    /// Layer by layer.
    pub layers: Vec<Verified>,
    /// Of the whole network.
    pub totals: Vec<Check>,
    /// The loss before the first step and after each.
    pub losses: Vec<f64>,
    /// Bytes that were taken at the highest: what the meter of the tensors saw, the batch in doubles and the targets.
    pub taken: u64,
}

impl Verification {
    /// Every quantity that differs, with its layer (none for the network).
    pub fn mismatches(&self) -> impl Iterator<Item = (Option<&str>, &Check)> {
        let layers = self.layers.iter().flat_map(|layer| {
            layer.checks.iter().map(move |check| (Some(layer.name.as_str()), check))
        });
        layers
            .chain(self.totals.iter().map(|check| (None, check)))
            .filter(|(_, check)| !check.holds())
    }
}

/// Why a network cannot be verified.
#[derive(Debug)]
#[non_exhaustive]
pub enum VerifyError {
    /// It cannot be analysed.
    Analysis(AnalysisError),
    /// It cannot be run.
    Run(RunError),
}

impl From<AnalysisError> for VerifyError {
    fn from(error: AnalysisError) -> Self {
        Self::Analysis(error)
    }
}

impl From<RunError> for VerifyError {
    fn from(error: RunError) -> Self {
        Self::Run(error)
    }
}

impl std::fmt::Display for VerifyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Analysis(error) => error.fmt(f),
            Self::Run(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for VerifyError {}

/// The plan with a batch that batch statistics accept, and whether it had to be raised for them.
///
/// # Errors
/// A network that cannot be analysed.
pub fn settle(graph: &Graph, plan: Plan) -> Result<(Plan, bool), AnalysisError> {
    let analysis = analysed(graph, plan)?;
    let single = graph.iter().any(|(id, node)| {
        let shapes: Vec<Vec<usize>> =
            analysis.rows[id.index()].inputs.iter().map(Shape::sizes).collect();
        let shapes: Vec<&[usize]> = shapes.iter().map(Vec::as_slice).collect();
        node.op.smallest_batch(&shapes, plan.mode) > 1
    });
    let raised = single && plan.batch == 1;
    Ok((Plan { batch: if raised { 2 } else { plan.batch }, ..plan }, raised))
}

fn analysed(graph: &Graph, plan: Plan) -> Result<Analysis, AnalysisError> {
    analyze(graph, &Options { batch: plan.batch, mode: plan.mode, ..Options::default() })
}

/// Runs the network and compares. What is `known` of equal layers is not found again; what is found of others is known then.
/// `progress` hears of each layer that ran or was checked.
///
/// # Errors
/// A network that cannot be analysed or run.
pub fn verify(
    graph: &Graph,
    plan: Plan,
    rules: &dyn Rules,
    known: &mut Known,
    mut progress: impl FnMut(Progress),
) -> Result<Verification, VerifyError> {
    let (plan, raised) = settle(graph, plan)?;
    let analysis = analysed(graph, plan)?;
    // What stays is there from the first layer on or from where it is made: apart from it, what comes and goes is the same.
    let lasting = Meter::new();
    let mut network = Network::<f32>::new(graph, Scheme::KaimingNormal, plan.seed)
        .with_backend(plan.backend)
        .owning_on(lasting.clone());
    let data = Data::draw(graph, &analysis_inputs(graph, &analysis), plan.seed);
    let meter = network.meter().clone();
    let peak = || meter.peak() + lasting.peak();
    let mut teller = Teller { progress: &mut progress, watch: None, forward: Pass::Inference };
    drop(network.infer_seen(data.inputs(&meter), Mode::Eval, &mut teller)?);

    let mut totals = Vec::new();
    let base = lasting.now();
    let predicted = memory::memory(graph, &analysis, Optimizer::Sgd, plan.backend.plan())?;
    totals.push(Check::new(
        "parameters and buffers in memory",
        bytes_exact(predicted.flash + predicted.buffers),
        bytes_exact(base),
    ));
    totals.push(Check::new(
        "peak of inference",
        bytes_exact(predicted.inference.bytes),
        bytes_exact(peak()),
    ));

    let mut watch = Watch::new(graph);
    let mut running = peak();
    meter.reset_peak();
    let mut teller =
        Teller { progress: &mut progress, watch: Some(&mut watch), forward: Pass::Forward };
    let outcome = step::step(&mut network, &data, plan.mode, true, &mut teller)?;
    teller.watch = None;
    let training = memory::training(graph, &analysis, Optimizer::Sgd, plan.backend.plan(), true)?;
    if plan.mode == Mode::Train {
        let plain = memory::training(graph, &analysis, Optimizer::Sgd, plan.backend.plan(), false)?;
        let same = plain.peak.bytes == training.peak.bytes;
        totals.push(Check::new(
            // Gradients of the inputs are made to be checked; what is used to train makes none.
            if same { "peak of a training step" } else { "peak of a step, to the inputs" },
            bytes_exact(training.peak.bytes),
            bytes_exact(peak()),
        ));
        totals.push(Check::new(
            "saved for backward",
            bytes_exact(training.saved),
            bytes_exact(outcome.saved_bytes),
        ));
    }
    let (meeting, met) = (meet::additions(graph, &analysis)?, outcome.gradients.accumulated);
    if meeting.max(met) > 0 {
        let what = "additions where gradients meet";
        totals.push(Check::new(what, grouped(meeting), grouped(met)));
    }
    let beside = data.bytes() + outcome.target_bytes;
    let mut losses = vec![outcome.loss];
    let mut optimizer = Sgd::new(LEARNING_RATE, 0.0);
    let mut gradients = outcome.gradients;
    for steps in (0..plan.steps).rev() {
        network.descend(&gradients, &mut optimizer);
        // The next step makes its own: holding both would take more than `need` says.
        gradients.params.clear();
        gradients.inputs.clear();
        if steps == 0 {
            teller.forward = Pass::Inference;
            losses.push(step::loss(&mut network, &data, plan.mode, &mut teller)?);
        } else {
            let outcome = step::step(&mut network, &data, plan.mode, false, &mut teller)?;
            losses.push(outcome.loss);
            gradients = outcome.gradients;
        }
    }
    running = running.max(peak()) + beside;
    // Checks begin with the network alone in memory.
    drop((gradients, data));
    let checks = checking(graph, &analysis, (plan.mode, plan.backend))?;
    let room = running.saturating_sub(base);
    let room = known.learn(graph, &checks, plan, room, |node| progress(Progress::Checked { node }));
    let layer = |((node, _), checking): ((NodeId, &Node), Checking)| {
        let found = known.of(&graph.node(node).op, &checking, plan);
        let seen = (&watch.seen[node.index()], checking, found);
        layer(graph, node, &analysis, plan, rules, &network, seen)
    };
    let layers: Vec<Verified> = graph.iter().zip(checks).map(layer).collect();
    let sum = |count: fn(&Verified) -> u64| layers.iter().map(count).sum::<u64>();
    totals.insert(
        0,
        Check::new(
            "parameters",
            grouped(analysis.totals.params),
            grouped(sum(|layer| layer.params)),
        ),
    );
    if layers.iter().all(|layer| layer.tallied_on.is_none()) {
        let executed = sum(|layer| layer.forward.macs);
        totals.insert(1, Check::new("MACs", grouped(analysis.totals.work.macs), grouped(executed)));
    }
    let taken = running.max(base + room);
    Ok(Verification { batch: plan.batch, raised, mode: plan.mode, layers, totals, losses, taken })
}

/// The rate of gradient descent: small enough for any network of the zoo to go down.
pub const LEARNING_RATE: f64 = 0.001;

fn analysis_inputs(graph: &Graph, analysis: &Analysis) -> Vec<Vec<usize>> {
    graph.inputs().iter().map(|input| analysis.shapes[input.value.index()].sizes()).collect()
}

fn bytes_exact(n: u64) -> String {
    format!("{} B ({})", grouped(n), bytes(n))
}

/// What was seen of a layer while the network ran.
#[derive(Clone, Debug, Default)]
struct Seen {
    outputs: Vec<Vec<usize>>,
    saved: u64,
    kept: Vec<String>,
    input_grads: Vec<Option<Vec<usize>>>,
    param_grads: Vec<Vec<usize>>,
    backward: bool,
    finite: bool,
}

struct Watch {
    seen: Vec<Seen>,
}

impl Watch {
    fn new(graph: &Graph) -> Self {
        Self { seen: vec![Seen { finite: true, ..Seen::default() }; graph.nodes().len()] }
    }
}

fn finite(tensor: &Tensor<f32>) -> bool {
    // Without a way out after each number a loop is vectorised.
    let all = |numbers: &[f32]| numbers.iter().fold(true, |all, x| all & x.is_finite());
    tensor.data().chunks(1024).all(all)
}

impl Observer<f32> for Watch {
    fn forward(&mut self, node: NodeId, inputs: &[Tensor<f32>], made: &Made<f32>) {
        let seen = &mut self.seen[node.index()];
        seen.outputs = made.outputs.iter().map(|tensor| tensor.shape().to_vec()).collect();
        seen.finite &= made.outputs.iter().all(finite);
        for kept in &made.kept {
            let (name, bytes) = match kept {
                Kept::Input(i) => (format!("input {i}"), inputs[*i].bytes()),
                Kept::Output(i) => (format!("output {i}"), made.outputs[*i].bytes()),
                Kept::Numbers(what, tensor) => ((*what).to_owned(), tensor.bytes()),
                Kept::Indices(what, buffer) => ((*what).to_owned(), buffer.bytes()),
                Kept::Mask(what, buffer) => ((*what).to_owned(), buffer.bytes()),
            };
            seen.saved += bytes;
            seen.kept.push(format!("{name} {}", grouped(bytes)));
        }
    }

    fn backward(&mut self, node: NodeId, inputs: &[Option<Tensor<f32>>], params: &[Tensor<f32>]) {
        let seen = &mut self.seen[node.index()];
        seen.backward = true;
        seen.input_grads =
            inputs.iter().map(|grad| grad.as_ref().map(|tensor| tensor.shape().to_vec())).collect();
        seen.param_grads = params.iter().map(|tensor| tensor.shape().to_vec()).collect();
        seen.finite &= inputs.iter().flatten().chain(params).all(finite);
    }
}

/// Names, shapes, parts and bytes of the tensors that a layer owns.
fn tensors(params: &[Param], owned: &[Owned<f32>]) -> Check {
    let tensor = |name: &str, shape: &[usize], is_buffer: bool, bytes: u64| {
        let part = if is_buffer { " buffer" } else { "" };
        let name = if name.is_empty() { "the layer's own" } else { name };
        format!("{name} {}{part} {} B", join(shape), grouped(bytes))
    };
    let computed: Vec<String> = params
        .iter()
        .map(|p| {
            let bytes = p.shape.bytes(p.dtype.unwrap_or(DType::F32)).unwrap_or(u64::MAX);
            tensor(p.name, &p.shape.sizes(), p.role == Role::Buffer, bytes)
        })
        .collect();
    let executed: Vec<String> = owned
        .iter()
        .map(|o| tensor(o.name, o.shape(), o.part == Part::Buffer, o.bytes()))
        .collect();
    Check::new("tensors", computed.join(", "), executed.join(", "))
}

/// Every check of one layer.
#[allow(
    clippy::too_many_arguments,
    reason = "what is computed, what happened, and what is known of equal layers"
)]
fn layer(
    graph: &Graph,
    id: NodeId,
    analysis: &Analysis,
    plan: Plan,
    rules: &dyn Rules,
    network: &Network<'_, f32>,
    (seen, checking, found): (&Seen, Checking, Found),
) -> Verified {
    let node = graph.node(id);
    let row = &analysis.rows[id.index()];
    let inputs = &row.inputs;
    let mut checks = Vec::new();
    let show = |shapes: &[Vec<usize>]| {
        shapes.iter().map(|shape| join(shape)).collect::<Vec<_>>().join(", ")
    };
    let outputs = rules.infer(id, &node.op, inputs).unwrap_or_default();
    checks.push(Check::new(
        "shape",
        show(&outputs.iter().map(Shape::sizes).collect::<Vec<_>>()),
        show(&seen.outputs),
    ));

    // A later user of shared weights owns nothing of its own.
    let owned = network.owned(id);
    let params = rules.params(id, &node.op, inputs).unwrap_or_default();
    checks.push(tensors(&params, owned));

    let io = Io { inputs, outputs: &row.outputs, mode: plan.mode };
    let saved = rules.saved(id, &node.op, io).unwrap_or_default();
    let of = |shapes: &[Shape], i: usize| {
        shapes.get(i).and_then(|s| s.bytes(DType::F32).ok()).unwrap_or(0)
    };
    let computed: Vec<String> = saved
        .iter()
        .map(|keep| match *keep {
            Keep::Input(i) => format!("input {i} {}", grouped(of(inputs, i))),
            Keep::Output(i) => format!("output {i} {}", grouped(of(&row.outputs, i))),
            Keep::Own { what, elements, dtype } => {
                let each = dtype.unwrap_or(DType::F32).bytes();
                format!("{what} {}", grouped(elements.saturating_mul(each)))
            }
        })
        .collect();
    checks.push(Check::new("saved for backward", computed.join(", "), seen.kept.join(", ")));

    if seen.backward {
        let expected: Vec<Vec<usize>> = inputs.iter().map(Shape::sizes).collect();
        let found: Vec<Vec<usize>> = seen.input_grads.iter().flatten().cloned().collect();
        checks.push(Check::new("gradients of inputs", show(&expected), show(&found)));
        let expected: Vec<Vec<usize>> = owned
            .iter()
            .filter(|o| o.part == Part::Parameter)
            .map(|o| o.shape().to_vec())
            .collect();
        checks.push(Check::new(
            "gradients of parameters",
            show(&expected),
            show(&seen.param_grads),
        ));
    }
    checks.push(Check::new("all values finite", true, seen.finite));

    let Checking { on, reduced, .. } = checking;
    let Found { tallies: executed, gradient_error, .. } = found;
    let small_outputs = rules.infer(id, &node.op, &on).unwrap_or_default();
    let io = Io { inputs: &on, outputs: &small_outputs, mode: plan.mode };
    let work = |work: Result<Work, TooLarge>| {
        work.map_or_else(|_| "too large".to_owned(), |work| count(tally(work)))
    };
    checks.push(Check::new(
        "operations forward",
        work(rules.work(id, &node.op, io)),
        count(executed.forward),
    ));
    let backward = rules.work_backward(id, &node.op, io);
    checks.push(Check::new(
        "operations backward, inputs",
        work(backward.map(|b| b.inputs)),
        count(executed.inputs),
    ));
    checks.push(Check::new(
        "operations backward, parameters",
        work(backward.map(|b| b.params)),
        count(executed.params),
    ));

    checks.push(slope(gradient_error));
    let params = if row.tensors.is_empty() {
        0
    } else {
        owned
            .iter()
            .filter(|o| o.part == Part::Parameter)
            .map(|o| o.shape().iter().product::<usize>() as u64)
            .sum()
    };
    Verified {
        name: node.name.clone(),
        op: node.op.name(),
        shape: seen.outputs.first().cloned().unwrap_or_default(),
        params,
        by_reference: falls_back(plan.backend, &node.op, inputs, plan.mode),
        forward: executed.forward,
        tallied_on: reduced
            .then(|| on.first().map_or_else(Vec::new, |shape| shape.dims().to_vec())),
        saved: seen.saved,
        gradient_error,
        checks,
    }
}

/// Whether the reference computes an operator where fast kernels are asked for. A view is computed by nobody.
pub fn falls_back(backend: Backend, op: &Op, inputs: &[Shape], mode: Mode) -> bool {
    let sizes: Vec<Vec<usize>> = inputs.iter().map(Shape::sizes).collect();
    let sizes: Vec<&[usize]> = sizes.iter().map(Vec::as_slice).collect();
    !op.is_view(mode) && !backend.covers(op, &sizes)
}

/// Whether gradients are the slope of what forward computes.
fn slope(error: f64) -> Check {
    let within = format!("within {TOLERANCE:e}");
    // Written so that it fails on what is not a number too.
    let found = if error <= TOLERANCE { within.clone() } else { format!("off by {error:e}") };
    Check::new("gradients against finite differences", within, found)
}

fn join(shape: &[usize]) -> String {
    if shape.is_empty() {
        return "one number".to_owned();
    }
    shape.iter().map(usize::to_string).collect::<Vec<_>>().join("×")
}

fn tally(work: Work) -> Tally {
    let Work { macs, adds, muls, divs, cmps, specials, padding_taps } = work;
    Tally { macs, adds, muls, divs, cmps, specials, padding_taps }
}

/// A tally in words; kinds that do not occur are left out.
fn count(tally: Tally) -> String {
    let kinds = [
        ("macs", tally.macs),
        ("adds", tally.adds),
        ("muls", tally.muls),
        ("divs", tally.divs),
        ("cmps", tally.cmps),
        ("specials", tally.specials),
        ("on padding", tally.padding_taps),
    ];
    let said: Vec<String> = kinds
        .iter()
        .filter(|(_, n)| *n > 0)
        .map(|(kind, n)| format!("{} {kind}", grouped(*n)))
        .collect();
    if said.is_empty() { "none".to_owned() } else { said.join(", ") }
}
