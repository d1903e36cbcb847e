//! The shape of every value, from the inputs' shapes and the batch size.
//!
//! Each operator's own rule does the work; this pass carries the results along.

use super::AnalysisError;
use crate::graph::Graph;
use crate::graph::with_batch;
use crate::ops::Layer;
use crate::ops::error::ShapeError;
use crate::shape::Shape;

/// Shapes by value id, batch first.
pub(super) fn infer(graph: &Graph, batch: u64) -> Result<Vec<Shape>, AnalysisError> {
    let mut shapes = vec![Shape::SCALAR; graph.value_count()];
    for input in graph.inputs() {
        let shape = with_batch(input.shape, batch).filter(|shape| shape.numel().is_ok());
        let too_large =
            || AnalysisError { node: None, name: input.name.clone(), error: ShapeError::TooLarge };
        shapes[input.value.index()] = shape.ok_or_else(too_large)?;
    }
    let mut inputs = Vec::new();
    for (id, node) in graph.iter() {
        inputs.clear();
        inputs.extend(node.inputs.iter().map(|value| shapes[value.index()]));
        let outputs =
            node.op.infer(&inputs).map_err(|error| AnalysisError::at(graph, id, error))?;
        for (value, shape) in node.outputs.iter().zip(outputs) {
            shape.numel().map_err(|error| AnalysisError::at(graph, id, error))?;
            shapes[value.index()] = shape;
        }
    }
    Ok(shapes)
}
