//! Which values have a gradient in a training step.

use crate::analysis::Analysis;
use crate::graph::{Graph, Node};

/// Whether one of a node's parameters is trained.
pub(super) fn trains(graph: &Graph, analysis: &Analysis, node: &Node) -> bool {
    let owner = graph.owner(node.weights);
    analysis.rows[owner.index()].tensors.iter().any(|tensor| tensor.trainable)
}

/// Which values have a gradient: those that depend on something trained or, with `to_inputs`, on an input.
pub(crate) fn requires_grad(graph: &Graph, analysis: &Analysis, to_inputs: bool) -> Vec<bool> {
    let mut requires_grad = vec![false; graph.value_count()];
    for input in graph.inputs() {
        requires_grad[input.value.index()] = to_inputs;
    }
    for node in graph.nodes() {
        let through = node.inputs.iter().any(|value| requires_grad[value.index()]);
        let requires = through || trains(graph, analysis, node);
        node.outputs.iter().for_each(|value| requires_grad[value.index()] = requires);
    }
    requires_grad
}
