//! The memory of a training step.

use super::heap::{Block, Heap};
use super::held::{Moment, OF_PARAMETER, Plan, Training};
use super::life::{Life, listed};
use super::optimizer::Optimizer;
use crate::analysis::Analysis;
use crate::graph::{Graph, NodeId, WeightsId};
use crate::ops::Mode;
use crate::ops::ledger::Role;
use crate::shape::{TooLarge, product, sum};

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

/// Follows a training step: forward, loss, backward; gradients of inputs are made with `to_inputs`.
pub(super) fn step(
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
                    Some(there) => life.accumulate(id, there, block)?,
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
