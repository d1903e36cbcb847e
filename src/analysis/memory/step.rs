//! The memory of a training step.

use std::cell::Cell;
use std::collections::BTreeSet;

use super::grad::{requires_grad, trains};
use super::heap::{Block, Heap};
use super::held::{Engine, Moment, OF_PARAMETER, Training};
use super::life::{Life, listed};
use super::optimizer::Optimizer;
use crate::analysis::Analysis;
use crate::graph::{Graph, Node, NodeId};
use crate::ops::Mode;
use crate::ops::ledger::Role;
use crate::shape::{TooLarge, product, sum};

/// The nodes that ran and have a backward pass, with the blocks that are kept for it.
type Tape = Vec<(NodeId, Vec<Block>)>;

/// A network that is trained.
struct Step<'a> {
    graph: &'a Graph,
    analysis: &'a Analysis,
    /// Which values depend on something trained, or on an input whose gradient is wanted.
    requires_grad: Vec<bool>,
}

/// Follows a training step: forward, loss, backward; gradients of inputs are made with `to_inputs`.
pub(super) fn step(
    graph: &Graph,
    analysis: &Analysis,
    optimizer: Optimizer,
    engine: Engine,
    to_inputs: bool,
) -> Result<Training, TooLarge> {
    let (params, buffers) = (analysis.totals.param_bytes, analysis.totals.buffer_bytes);
    let step = Step::new(graph, analysis, to_inputs);
    let trained = step.trained()?;
    let optimizer = product([trained, optimizer.numbers()])?;
    let base = sum([params, buffers, optimizer])?;
    let (saved, workspace) = (Cell::new(0), Cell::new(0));
    let peak = listed(|wanted| {
        let mut life = Life::new(graph, analysis, (Mode::Train, engine), base, wanted)?;
        let tape = step.forward(&mut life)?;
        saved.set(distinct(&life.heap, &tape)?);
        for input in graph.inputs() {
            if !life.is_output[input.value.index()] {
                life.drop_value(input.value);
            }
        }
        step.backward(&mut life, tape)?;
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

impl<'a> Step<'a> {
    fn new(graph: &'a Graph, analysis: &'a Analysis, to_inputs: bool) -> Self {
        Self { graph, analysis, requires_grad: requires_grad(graph, analysis, to_inputs) }
    }

    /// Whether a gradient of one of a node's inputs is wanted.
    fn requires(&self, node: &Node) -> bool {
        node.inputs.iter().any(|value| self.requires_grad[value.index()])
    }

    /// Bytes of a node's parameter gradients, in order, and whether each parameter is trained.
    fn gradients(&self, node: &Node) -> Result<Vec<(u64, bool)>, TooLarge> {
        let owner = self.graph.owner(node.weights);
        let tensors = self.analysis.rows[owner.index()].tensors.iter();
        tensors
            .filter(|tensor| tensor.role != Role::Buffer)
            .map(|tensor| Ok((product([tensor.elements, tensor.dtype.bytes()])?, tensor.trainable)))
            .collect()
    }

    /// Bytes of the gradients of trained parameters that an output depends on; others get no gradient, and an optimiser
    /// keeps nothing for them.
    fn trained(&self) -> Result<u64, TooLarge> {
        let mut needed = vec![false; self.graph.value_count()];
        for output in self.graph.outputs() {
            needed[output.value.index()] = true;
        }
        let mut counted = vec![false; self.graph.nodes().len()];
        let mut bytes = 0;
        for node in self.graph.nodes().iter().rev() {
            if !node.outputs.iter().all(|value| needed[value.index()]) {
                continue;
            }
            node.inputs.iter().for_each(|value| needed[value.index()] = true);
            let owner = self.graph.owner(node.weights).index();
            if !std::mem::replace(&mut counted[owner], true) {
                let trained = self.gradients(node)?.into_iter().filter(|(_, trained)| *trained);
                bytes = sum(trained.map(|(bytes, _)| bytes).chain([bytes]))?;
            }
        }
        Ok(bytes)
    }

    fn forward(&self, life: &mut Life<'_>) -> Result<Tape, TooLarge> {
        let mut tape = Tape::new();
        for (id, node) in self.graph.iter() {
            let keep = node.outputs.iter().any(|value| self.requires_grad[value.index()]);
            let kept = life.forward(id, keep)?;
            if keep {
                tape.push((id, kept));
            }
        }
        Ok(tape)
    }

    /// The loss, and the nodes of the tape from its end. Weights that are used again have a gradient already: a second one
    /// is added to it and freed.
    fn backward(&self, life: &mut Life<'_>, mut tape: Tape) -> Result<(), TooLarge> {
        let mut flowing = life.loss()?;
        let mut made = vec![false; self.graph.nodes().len()];
        while let Some((id, kept)) = tape.pop() {
            let node = self.graph.node(id);
            let grads: Vec<Block> =
                node.outputs.iter().filter_map(|value| flowing[value.index()].take()).collect();
            if grads.len() < node.outputs.len() {
                kept.into_iter().chain(grads).for_each(|block| life.heap.release(block));
                continue;
            }
            let (wanted, trains) = (self.requires(node), trains(self.graph, self.analysis, node));
            let inputs = if wanted { life.input_gradients(id, &grads)? } else { Vec::new() };
            let mut params = Vec::new();
            for (bytes, trained) in if trains { self.gradients(node)? } else { Vec::new() } {
                params.push((life.heap.take(&node.name, OF_PARAMETER, bytes)?, trained));
            }
            life.mark_kernel(Moment::Backward(id), id, [false, wanted, trains])?;
            let (inputs, unwanted): (Vec<_>, Vec<_>) =
                inputs.into_iter().partition(|(value, _)| self.requires_grad[value.index()]);
            let unwanted = unwanted.into_iter().map(|(_, block)| block);
            grads.into_iter().chain(kept).chain(unwanted).for_each(|b| life.heap.release(b));
            for (value, block) in inputs {
                flowing[value.index()] = Some(match flowing[value.index()] {
                    None => block,
                    Some(there) => life.accumulate(id, there, block)?,
                });
            }
            let owner = self.graph.owner(node.weights).index();
            let is_second = std::mem::replace(&mut made[owner], true);
            for (block, trained) in params {
                if !trained || is_second {
                    life.heap.release(block);
                }
            }
        }
        Ok(())
    }
}

/// Bytes of the blocks on a tape, each once.
fn distinct(heap: &Heap, tape: &[(NodeId, Vec<Block>)]) -> Result<u64, TooLarge> {
    let blocks: BTreeSet<Block> = tape.iter().flat_map(|(_, kept)| kept.iter().copied()).collect();
    sum(blocks.into_iter().map(|block| heap.bytes(block)))
}
