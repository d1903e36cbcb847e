//! The additions of gradient accumulation, from the graph alone: at values that are used more than once, and at shared weights.
//!
//! The accumulation of k gradients takes k − 1 additions of each element. What no output depends on sends none.

use std::collections::HashMap;

use crate::analysis::{Analysis, AnalysisError};
use crate::graph::{Graph, ValueId, WeightsId};
use crate::ops::ledger::Role;
use crate::shape::{product, sum};

/// Additions of one backward pass to every input and parameter.
///
/// # Errors
/// Counts that exceed 64 bits.
pub(super) fn additions(graph: &Graph, analysis: &Analysis) -> Result<u64, AnalysisError> {
    let mut arriving: HashMap<ValueId, u64> = HashMap::new();
    let mut users: HashMap<WeightsId, u64> = HashMap::new();
    for output in graph.outputs() {
        *arriving.entry(output.value).or_default() += 1;
    }
    for node in graph.nodes().iter().rev() {
        if node.outputs.iter().all(|value| arriving.contains_key(value)) {
            *users.entry(node.weights).or_default() += 1;
            for value in &node.inputs {
                *arriving.entry(*value).or_default() += 1;
            }
        }
    }
    let at_values = arriving.into_iter().map(|(value, gradients)| {
        let elements = analysis.shape(value).map_or(Ok(0), |shape| shape.numel())?;
        product([gradients - 1, elements])
    });
    let at_weights = users.into_iter().map(|(weights, users)| {
        let tensors = &analysis.rows[graph.owner(weights).index()].tensors;
        let trained = tensors.iter().filter(|tensor| tensor.role != Role::Buffer);
        product([users - 1, sum(trained.map(|tensor| tensor.elements))?])
    });
    let all: Result<Vec<u64>, _> = at_values.chain(at_weights).collect();
    all.and_then(sum).map_err(AnalysisError::totals)
}
