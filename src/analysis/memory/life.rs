//! The life of values: when each is made, who holds it, when it is released.

use super::grad::requires_grad;
use super::heap::{Block, Heap};
use super::held::{Alive, Engine, Moment, Peak};
use crate::analysis::{Analysis, Row};
use crate::graph::{Graph, NodeId, ValueId};
use crate::ops::ledger::{Autograd, Keep, Role, Saved};
use crate::ops::{Layer, Mode, Op};
use crate::shape::{TooLarge, product};

/// Which of the three kinds of scratch memory a pass uses.
pub(super) type Uses = [bool; 3];
const FORWARD: Uses = [true, false, false];

/// The life of values, shared by inference and training.
pub(super) struct Life<'a> {
    graph: &'a Graph,
    analysis: &'a Analysis,
    mode: Mode,
    engine: Engine,
    /// The most scratch memory that a kernel took.
    pub(super) workspace: u64,
    pub(super) heap: Heap,
    /// The block of each value that is alive.
    pub(super) values: Vec<Option<Block>>,
    last: Vec<Option<NodeId>>,
    pub(super) is_output: Vec<bool>,
    /// Which values have a gradient; of [`Engine::Torch`] alone, in a step without gradients of inputs.
    requires_grad: Vec<bool>,
    /// The moment at which what is alive is to be listed.
    listed: Option<(Moment, Vec<Alive>)>,
    wanted: Option<Moment>,
}

impl<'a> Life<'a> {
    pub(super) fn new(
        graph: &'a Graph,
        analysis: &'a Analysis,
        (mode, engine): (Mode, Engine),
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
        let requires_grad = match engine {
            Engine::Torch => requires_grad(graph, analysis, false),
            Engine::Own(_) => Vec::new(),
        };
        let mut life = Self {
            graph,
            analysis,
            mode,
            engine,
            workspace: 0,
            heap,
            values,
            last,
            is_output,
            requires_grad,
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
        // A value whose shape is not known is left out: what is found is a lower bound.
        let dtype = self.analysis.options.dtype;
        self.analysis.shape(value).map_or(Ok(0), |shape| shape.bytes(dtype))
    }

    fn mark(&mut self, moment: Moment) {
        let is_most = self.heap.mark(moment);
        if is_most && self.wanted == Some(moment) {
            self.listed = Some((moment, self.heap.alive()));
        }
    }

    /// Marks a moment at which a kernel runs, with the scratch memory that its plan says.
    pub(super) fn mark_kernel(
        &mut self,
        moment: Moment,
        id: NodeId,
        uses: Uses,
    ) -> Result<(), TooLarge> {
        let node = self.graph.node(id);
        let inputs = self.analysis.rows[id.index()].inputs.known();
        let planned = inputs.map_or([0; 3], |inputs| self.engine.plan(&node.op, inputs, self.mode));
        let used = planned.into_iter().zip(uses).filter(|(_, used)| *used);
        let numbers = used.map(|(numbers, _)| numbers).max().unwrap_or(0);
        let bytes = product([numbers, self.analysis.options.dtype.bytes()])?;
        self.workspace = self.workspace.max(bytes);
        let block = self.heap.take(&node.name, "workspace", bytes)?;
        self.mark(moment);
        self.heap.release(block);
        Ok(())
    }

    /// What an operator keeps for backward if it is to, as far as its shapes are known, and whether its output is in the memory of its
    /// first input.
    fn held(&self, op: &Op, row: &Row, keep: bool) -> Result<(Saved, bool), TooLarge> {
        let Some(io) = row.io(self.mode) else { return Ok((Vec::new(), op.is_view(self.mode))) };
        let held = match self.engine {
            Engine::Torch => op.autograd(io)?,
            Engine::Own(_) if keep => Autograd::keeps(op.saved(io)?),
            Engine::Own(_) => Autograd::keeps(Vec::new()),
        };
        let shares_input = held.shares_input || op.is_view(self.mode);
        let is_needed = |keep: &Keep| match keep {
            Keep::Input(i) if held.is_product => self.is_needed(row, *i),
            _ => true,
        };
        let saved =
            if keep { held.saved.into_iter().filter(is_needed).collect() } else { Vec::new() };
        Ok((saved, shares_input))
    }

    /// Whether another factor of a product than this input has a gradient.
    fn is_needed(&self, row: &Row, input: usize) -> bool {
        let node = self.graph.node(row.node);
        let others = node.inputs.iter().enumerate().filter(|(i, _)| *i != input);
        let owner = self.graph.owner(node.weights);
        let mut weights = self.analysis.rows[owner.index()].tensors.iter();
        others.into_iter().any(|(_, value)| self.requires_grad[value.index()])
            || weights.any(|tensor| tensor.role == Role::Weight && tensor.trainable)
    }

    /// Runs a node forward; gives the blocks that are kept for its backward, if any are.
    pub(super) fn forward(&mut self, id: NodeId, keep: bool) -> Result<Vec<Block>, TooLarge> {
        let graph = self.graph;
        let (node, row) = (graph.node(id), &self.analysis.rows[id.index()]);
        let (saved, shares_input) = self.held(&node.op, row, keep)?;
        let view = shares_input
            .then(|| node.inputs.first().and_then(|v| self.values[v.index()]))
            .flatten();
        let mut outputs = Vec::with_capacity(node.outputs.len());
        for value in &node.outputs {
            // The value of a parameter is counted with the parameters.
            let is_own_tensor = node.inputs.is_empty() && shares_input;
            let block = match view {
                Some(block) => self.heap.hold(block),
                None if is_own_tensor => self.heap.take(&node.name, "output", 0)?,
                None => {
                    let bytes = self.bytes(*value)?;
                    self.heap.take(&node.name, "output", bytes)?
                }
            };
            outputs.push(block);
        }
        let mut kept = Vec::new();
        for keep in saved {
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
    pub(super) fn loss(&mut self) -> Result<Vec<Option<Block>>, TooLarge> {
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
    pub(super) fn input_gradients(
        &mut self,
        id: NodeId,
        grads: &[Block],
    ) -> Result<Vec<(ValueId, Block)>, TooLarge> {
        let (node, row) = (self.graph.node(id), &self.analysis.rows[id.index()]);
        let io = row.io(self.mode);
        let mut inputs = Vec::with_capacity(node.inputs.len());
        for (i, value) in node.inputs.iter().enumerate() {
            let passes = io.is_some_and(|io| node.op.passes_gradient(i, io));
            let passed = grads.first().filter(|_| passes);
            let block = if let Some(block) = passed {
                self.heap.hold(*block)
            } else if matches!(self.engine, Engine::Torch) && !self.requires_grad[value.index()] {
                // autograd makes no gradient that nobody wants.
                self.heap.take(&node.name, "gradient of the input", 0)?
            } else {
                let bytes = self.bytes(*value)?;
                self.heap.take(&node.name, "gradient of the input", bytes)?
            };
            inputs.push((*value, block));
        }
        Ok(inputs)
    }

    /// A gradient arrives where there is one already; gives the block of the sum. It is made in the one with a single
    /// holder; where both are shared, in a copy.
    pub(super) fn accumulate(
        &mut self,
        id: NodeId,
        there: Block,
        arriving: Block,
    ) -> Result<Block, TooLarge> {
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

    pub(super) fn drop_value(&mut self, value: ValueId) {
        if let Some(block) = self.values[value.index()].take() {
            self.heap.release(block);
        }
    }

    pub(super) fn peak(self) -> Peak {
        let alive = self.listed.map(|(_, alive)| alive).unwrap_or_default();
        let peak =
            self.heap.peak.unwrap_or(Peak { bytes: 0, moment: Moment::Start, alive: Vec::new() });
        Peak { alive, ..peak }
    }
}

/// Runs something twice: to find when the peak is, and to list what is alive then.
pub(super) fn listed(
    run: impl Fn(Option<Moment>) -> Result<Peak, TooLarge>,
) -> Result<Peak, TooLarge> {
    let first = run(None)?;
    run(Some(first.moment))
}
