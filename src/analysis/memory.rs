//! Memory: what must be held at once, for inference and for a training step, to the byte.
//!
//! The life of every tensor is followed from shapes alone, by the rules that `exec/run/tape.rs` carries out: a value lives from
//! its node to its last use; views share what they view; in training, what an operator keeps lives until its backward, a
//! gradient until the node before it has used it, and gradients of parameters until the optimiser's step.

mod fit;
mod heap;

pub use fit::largest_batch;

use heap::{Block, Heap};

use super::{Analysis, AnalysisError};
use crate::graph::{Graph, NodeId, ValueId, WeightsId};
use crate::ops::ledger::{Keep, Role};
use crate::ops::{Io, Layer, Mode, Op};
use crate::shape::{Shape, TooLarge, product, sum};

/// What an optimiser keeps beside the parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Optimizer {
    /// Stochastic gradient descent: nothing.
    #[default]
    Sgd,
    /// With momentum: one number a trained parameter.
    Momentum,
    /// Adam: two numbers a trained parameter.
    Adam,
}

impl Optimizer {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sgd => "sgd",
            Self::Momentum => "momentum",
            Self::Adam => "adam",
        }
    }

    /// Every optimiser with its name.
    pub const NAMES: &[(&str, Self)] =
        &[("sgd", Self::Sgd), ("momentum", Self::Momentum), ("adam", Self::Adam)];

    /// The optimiser of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, optimizer)| *optimizer)
    }

    /// Numbers that are kept for a trained parameter.
    pub const fn numbers(self) -> u64 {
        match self {
            Self::Sgd => 0,
            Self::Momentum => 1,
            Self::Adam => 2,
        }
    }
}

/// What [`Alive::what`] says of the gradient of a parameter.
pub const OF_PARAMETER: &str = "gradient of a parameter";

/// A tensor that is alive at a peak.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alive {
    /// The layer or input it comes from.
    pub name: String,
    /// What it is: `output`, `input`, `gradient of the output`, `gradient of the input` (made by the layer's backward),
    /// [`OF_PARAMETER`], or what a kernel calls what it keeps.
    pub what: &'static str,
    /// Its bytes.
    pub bytes: u64,
}

/// When a peak is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// While this node runs forward.
    Forward(NodeId),
    /// While the loss is computed.
    Loss,
    /// While this node runs backward.
    Backward(NodeId),
    /// Before anything runs.
    Start,
}

/// The most that is held at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peak {
    /// Bytes, parameters and buffers included.
    pub bytes: u64,
    /// When.
    pub moment: Moment,
    /// What is alive then beside parameters, buffers and the optimiser's state, which together with it are `bytes`;
    /// largest first.
    pub alive: Vec<Alive>,
}

/// What a training step holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Training {
    /// Bytes of parameters.
    pub params: u64,
    /// Bytes of buffers.
    pub buffers: u64,
    /// Bytes of gradients of trained parameters.
    pub gradients: u64,
    /// Bytes of the optimiser's state.
    pub optimizer: u64,
    /// Bytes that are kept for backward when the forward pass has ended, each tensor once.
    pub saved: u64,
    /// The most scratch memory that a kernel takes.
    pub workspace: u64,
    /// The most that is held at once.
    pub peak: Peak,
}

/// What a network holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Bytes of parameters: what must be stored with a device.
    pub flash: u64,
    /// Bytes of buffers.
    pub buffers: u64,
    /// Inference, in eval mode.
    pub inference: Peak,
    /// A training step.
    pub training: Training,
}

/// The scratch memory that a backend's kernels take: how many numbers beside inputs and outputs, forward, for gradients of
/// inputs, and for gradients of parameters, which are made one after the other.
pub type Plan = fn(&Op, &[Shape], Mode) -> [u64; 3];

/// Follows the memory of an analysed network, run by a backend of this plan.
///
/// # Errors
/// Sizes that exceed 64 bits.
pub fn memory(
    graph: &Graph,
    analysis: &Analysis,
    optimizer: Optimizer,
    plan: Plan,
) -> Result<Memory, AnalysisError> {
    let follow = || {
        Ok(Memory {
            flash: analysis.totals.param_bytes,
            buffers: analysis.totals.buffer_bytes,
            inference: inference(graph, analysis, plan)?,
            training: step(graph, analysis, optimizer, plan, false)?,
        })
    };
    follow().map_err(AnalysisError::totals)
}

/// Follows the memory of a training step; with `to_inputs`, gradients of the network's inputs are made too.
///
/// # Errors
/// Sizes that exceed 64 bits.
pub fn training(
    graph: &Graph,
    analysis: &Analysis,
    optimizer: Optimizer,
    plan: Plan,
    to_inputs: bool,
) -> Result<Training, AnalysisError> {
    step(graph, analysis, optimizer, plan, to_inputs).map_err(AnalysisError::totals)
}

/// Which of the three kinds of scratch memory a pass uses.
type Uses = [bool; 3];
const FORWARD: Uses = [true, false, false];

/// The life of values, shared by inference and training.
struct Life<'a> {
    graph: &'a Graph,
    analysis: &'a Analysis,
    mode: Mode,
    plan: Plan,
    /// The most scratch memory that a kernel took.
    workspace: u64,
    heap: Heap,
    /// The block of each value that is alive.
    values: Vec<Option<Block>>,
    last: Vec<Option<NodeId>>,
    is_output: Vec<bool>,
    /// The moment at which what is alive is to be listed.
    listed: Option<(Moment, Vec<Alive>)>,
    wanted: Option<Moment>,
}

impl<'a> Life<'a> {
    fn new(
        graph: &'a Graph,
        analysis: &'a Analysis,
        (mode, plan): (Mode, Plan),
        base: u64,
        wanted: Option<Moment>,
    ) -> Result<Self, TooLarge> {
        let mut last = vec![None; graph.value_count()];
        for (id, node) in graph.iter() {
            for value in &node.inputs {
                last[value.index()] = Some(id);
            }
        }
        let mut is_output = vec![false; graph.value_count()];
        for output in graph.outputs() {
            is_output[output.value.index()] = true;
        }
        let values = vec![None; graph.value_count()];
        let heap = Heap::new(base);
        let mut life = Self {
            graph,
            analysis,
            mode,
            plan,
            workspace: 0,
            heap,
            values,
            last,
            is_output,
            listed: None,
            wanted,
        };
        for input in graph.inputs() {
            let bytes = life.bytes(input.value)?;
            life.values[input.value.index()] = Some(life.heap.take(&input.name, "input", bytes)?);
        }
        life.mark(Moment::Start);
        Ok(life)
    }

    fn bytes(&self, value: ValueId) -> Result<u64, TooLarge> {
        self.analysis.shapes[value.index()].bytes(self.analysis.options.dtype)
    }

    fn mark(&mut self, moment: Moment) {
        let is_most = self.heap.mark(moment);
        if is_most && self.wanted == Some(moment) {
            self.listed = Some((moment, self.heap.alive()));
        }
    }

    /// Marks a moment at which a kernel runs, with the scratch memory that its plan says.
    fn mark_kernel(&mut self, moment: Moment, id: NodeId, uses: Uses) -> Result<(), TooLarge> {
        let node = self.graph.node(id);
        let planned = (self.plan)(&node.op, &self.analysis.rows[id.index()].inputs, self.mode);
        let used = planned.into_iter().zip(uses).filter(|(_, used)| *used);
        let numbers = used.map(|(numbers, _)| numbers).max().unwrap_or(0);
        let bytes = product([numbers, self.analysis.options.dtype.bytes()])?;
        self.workspace = self.workspace.max(bytes);
        let block = self.heap.take(&node.name, "workspace", bytes)?;
        self.mark(moment);
        self.heap.release(block);
        Ok(())
    }

    /// Runs a node forward; gives the blocks that are kept for its backward, if any are.
    fn forward(&mut self, id: NodeId, keep: bool) -> Result<Vec<Block>, TooLarge> {
        let graph = self.graph;
        let (node, row) = (graph.node(id), &self.analysis.rows[id.index()]);
        let view = node
            .op
            .is_view(self.mode)
            .then(|| node.inputs.first().and_then(|v| self.values[v.index()]))
            .flatten();
        let mut outputs = Vec::with_capacity(node.outputs.len());
        for value in &node.outputs {
            let block = if let Some(block) = view {
                self.heap.hold(block)
            } else {
                let bytes = self.bytes(*value)?;
                self.heap.take(&node.name, "output", bytes)?
            };
            outputs.push(block);
        }
        let mut kept = Vec::new();
        if keep {
            let io = Io { inputs: &row.inputs, outputs: &row.outputs, mode: self.mode };
            for keep in node.op.saved(io)? {
                let block = match keep {
                    Keep::Input(i) => node
                        .inputs
                        .get(i)
                        .and_then(|v| self.values[v.index()])
                        .map(|b| self.heap.hold(b)),
                    Keep::Output(i) => outputs.get(i).map(|block| self.heap.hold(*block)),
                    Keep::Own { what, elements, dtype } => {
                        let each = dtype.unwrap_or(self.analysis.options.dtype).bytes();
                        Some(self.heap.take(&node.name, what, product([elements, each])?)?)
                    }
                };
                kept.extend(block);
            }
        }
        self.mark_kernel(Moment::Forward(id), id, FORWARD)?;
        for (value, block) in node.outputs.iter().zip(outputs) {
            if self.last[value.index()].is_some() || self.is_output[value.index()] {
                self.values[value.index()] = Some(block);
            } else {
                self.heap.release(block);
            }
        }
        for value in &node.inputs {
            if self.last[value.index()] == Some(id) && !self.is_output[value.index()] {
                self.drop_value(*value);
            }
        }
        Ok(kept)
    }

    /// The loss makes the gradient of each output while the outputs are alive; gives the gradients by value.
    fn loss(&mut self) -> Result<Vec<Option<Block>>, TooLarge> {
        let graph = self.graph;
        let mut flowing = vec![None; graph.value_count()];
        let mut second = Vec::new();
        for output in graph.outputs() {
            let bytes = self.bytes(output.value)?;
            let block = self.heap.take(&output.name, "gradient of the output", bytes)?;
            match &mut flowing[output.value.index()] {
                slot @ None => *slot = Some(block),
                // A value that is an output twice: its gradients are added, the second is freed.
                Some(_) => second.push(block),
            }
        }
        self.mark(Moment::Loss);
        for block in second {
            self.heap.release(block);
        }
        for output in graph.outputs() {
            self.drop_value(output.value);
        }
        Ok(flowing)
    }

    /// The gradients of a node's inputs, from those of its outputs.
    fn input_gradients(
        &mut self,
        id: NodeId,
        grads: &[Block],
    ) -> Result<Vec<(ValueId, Block)>, TooLarge> {
        let (node, row) = (self.graph.node(id), &self.analysis.rows[id.index()]);
        let io = Io { inputs: &row.inputs, outputs: &row.outputs, mode: self.mode };
        let mut inputs = Vec::with_capacity(node.inputs.len());
        for (i, value) in node.inputs.iter().enumerate() {
            let passed = grads.first().filter(|_| node.op.passes_gradient(i, io));
            let block = if let Some(block) = passed {
                self.heap.hold(*block)
            } else {
                let bytes = self.bytes(*value)?;
                self.heap.take(&node.name, "gradient of the input", bytes)?
            };
            inputs.push((*value, block));
        }
        Ok(inputs)
    }

    /// A gradient arrives where there is one already; gives the block of the sum. It is made in the one that nobody else
    /// holds; where both are shared, in a copy.
    fn meet(&mut self, id: NodeId, there: Block, arriving: Block) -> Result<Block, TooLarge> {
        let is_shared = |block| self.heap.is_shared(block);
        let (sum, other) = if is_shared(there) && !is_shared(arriving) {
            (arriving, there)
        } else {
            (there, arriving)
        };
        let sum = if is_shared(sum) {
            let name = &self.graph.node(id).name;
            let copy = self.heap.take(name, "gradient of the input", self.heap.bytes(sum))?;
            self.mark(Moment::Backward(id));
            self.heap.release(sum);
            copy
        } else {
            sum
        };
        self.heap.release(other);
        Ok(sum)
    }

    fn drop_value(&mut self, value: ValueId) {
        if let Some(block) = self.values[value.index()].take() {
            self.heap.release(block);
        }
    }

    fn peak(self) -> Peak {
        let alive = self.listed.map(|(_, alive)| alive).unwrap_or_default();
        let peak =
            self.heap.peak.unwrap_or(Peak { bytes: 0, moment: Moment::Start, alive: Vec::new() });
        Peak { alive, ..peak }
    }
}

/// Runs something twice: to find when the peak is, and to list what is alive then.
fn listed(run: impl Fn(Option<Moment>) -> Result<Peak, TooLarge>) -> Result<Peak, TooLarge> {
    let first = run(None)?;
    run(Some(first.moment))
}

fn inference(graph: &Graph, analysis: &Analysis, plan: Plan) -> Result<Peak, TooLarge> {
    let base = sum([analysis.totals.param_bytes, analysis.totals.buffer_bytes])?;
    listed(|wanted| {
        let mut life = Life::new(graph, analysis, (Mode::Eval, plan), base, wanted)?;
        for (id, _) in graph.iter() {
            life.forward(id, false)?;
        }
        Ok(life.peak())
    })
}

/// Bytes of a node's parameter gradients, in order, and whether each parameter is trained.
fn gradients(analysis: &Analysis, owner: NodeId) -> Result<Vec<(u64, bool)>, TooLarge> {
    let tensors =
        analysis.rows[owner.index()].tensors.iter().filter(|tensor| tensor.role != Role::Buffer);
    tensors
        .map(|tensor| Ok((product([tensor.elements, tensor.dtype.bytes()])?, tensor.trainable)))
        .collect()
}

/// The weights of nodes that an output depends on; others get no gradient, and an optimiser keeps nothing for them.
fn live(graph: &Graph) -> std::collections::HashSet<WeightsId> {
    let mut needed = vec![false; graph.value_count()];
    for output in graph.outputs() {
        needed[output.value.index()] = true;
    }
    let mut live = std::collections::HashSet::new();
    for node in graph.nodes().iter().rev() {
        if node.outputs.iter().all(|value| needed[value.index()]) {
            live.insert(node.weights);
            node.inputs.iter().for_each(|value| needed[value.index()] = true);
        }
    }
    live
}

/// Which values lead back to something trained, or to an input whose gradient is wanted.
fn reached(graph: &Graph, trains: impl Fn(NodeId) -> bool, to_inputs: bool) -> Vec<bool> {
    let mut reached = vec![false; graph.value_count()];
    for input in graph.inputs() {
        reached[input.value.index()] = to_inputs;
    }
    for (id, node) in graph.iter() {
        let through = trains(id) || node.inputs.iter().any(|value| reached[value.index()]);
        node.outputs.iter().for_each(|value| reached[value.index()] = through);
    }
    reached
}

fn step(
    graph: &Graph,
    analysis: &Analysis,
    optimizer: Optimizer,
    plan: Plan,
    to_inputs: bool,
) -> Result<Training, TooLarge> {
    let (params, buffers) = (analysis.totals.param_bytes, analysis.totals.buffer_bytes);
    // The first user of each set of weights has the row with its tensors.
    let mut owners = std::collections::HashMap::new();
    for (id, node) in graph.iter() {
        owners.entry(node.weights).or_insert(id);
    }
    let live = live(graph);
    let mut trained = 0;
    for (weights, id) in &owners {
        if !live.contains(weights) {
            continue;
        }
        let bytes = gradients(analysis, *id)?
            .into_iter()
            .filter(|(_, trained)| *trained)
            .map(|(bytes, _)| bytes);
        trained = sum(bytes.chain([trained]))?;
    }
    let optimizer = product([trained, optimizer.numbers()])?;
    let base = sum([params, buffers, optimizer])?;
    let trains = |id: NodeId| {
        let tensors =
            owners.get(&graph.node(id).weights).map(|owner| &analysis.rows[owner.index()].tensors);
        tensors.is_some_and(|tensors| tensors.iter().any(|tensor| tensor.trainable))
    };
    let reached = reached(graph, trains, to_inputs);
    let (saved, workspace) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
    let peak = listed(|wanted| {
        let mut life = Life::new(graph, analysis, (Mode::Train, plan), base, wanted)?;
        let mut tape: Vec<(NodeId, Vec<Block>)> = Vec::new();
        for (id, node) in graph.iter() {
            let keep = node.outputs.iter().any(|value| reached[value.index()]);
            let kept = life.forward(id, keep)?;
            if keep {
                tape.push((id, kept));
            }
        }
        saved.set(distinct(&life.heap, &tape)?);
        for input in graph.inputs() {
            if !life.is_output[input.value.index()] {
                life.drop_value(input.value);
            }
        }
        let mut flowing = life.loss()?;
        let mut made = std::collections::HashSet::new();
        while let Some((id, kept)) = tape.pop() {
            let node = graph.node(id);
            let grads: Vec<Block> =
                node.outputs.iter().filter_map(|value| flowing[value.index()].take()).collect();
            if grads.len() < node.outputs.len() {
                kept.into_iter().chain(grads).for_each(|block| life.heap.release(block));
                continue;
            }
            let wanted = node.inputs.iter().any(|value| reached[value.index()]);
            let inputs = if wanted { life.input_gradients(id, &grads)? } else { Vec::new() };
            let mut params = Vec::new();
            if trains(id)
                && let Some(owner) = owners.get(&node.weights)
            {
                for (bytes, trained) in gradients(analysis, *owner)? {
                    params.push((life.heap.take(&node.name, OF_PARAMETER, bytes)?, trained));
                }
            }
            life.mark_kernel(Moment::Backward(id), id, [false, wanted, trains(id)])?;
            let (inputs, unwanted): (Vec<_>, Vec<_>) =
                inputs.into_iter().partition(|(value, _)| reached[value.index()]);
            let unwanted = unwanted.into_iter().map(|(_, block)| block);
            grads.into_iter().chain(kept).chain(unwanted).for_each(|b| life.heap.release(b));
            for (value, block) in inputs {
                flowing[value.index()] = Some(match flowing[value.index()] {
                    None => block,
                    Some(there) => life.meet(id, there, block)?,
                });
            }
            // A second gradient of shared weights is added to the first and freed.
            let first = made.insert(node.weights);
            for (block, trained) in params {
                if !trained || !first {
                    life.heap.release(block);
                }
            }
        }
        workspace.set(life.workspace);
        Ok(life.peak())
    })?;
    Ok(Training {
        params,
        buffers,
        gradients: trained,
        optimizer,
        saved: saved.get(),
        workspace: workspace.get(),
        peak,
    })
}

/// Bytes of the blocks on a tape, each once.
fn distinct(heap: &Heap, tape: &[(NodeId, Vec<Block>)]) -> Result<u64, TooLarge> {
    let blocks: std::collections::BTreeSet<Block> =
        tape.iter().flat_map(|(_, kept)| kept.iter().copied()).collect();
    sum(blocks.into_iter().map(|block| heap.bytes(block)))
}
