//! The shape of every value, from the whole shapes of the inputs.
//!
//! Each operator's own rule does the work; this pass carries the results along. What follows a layer whose inputs do not
//! fit is not known, and nothing more is said of it.

use super::missing::{Missing, Why};
use crate::graph::Graph;
use crate::ops::Layer;
use crate::ops::error::ShapeError;
use crate::shape::Shape;

/// What is known of values, by value id.
pub(super) struct Inferred {
    pub(super) shapes: Vec<Option<Shape>>,
    /// Whether the shape is not known because a layer before does not fit or is too large, of which enough was said.
    pub(super) faulty: Vec<bool>,
}

/// The shapes, as far as they are known; what is wrong goes to `missing`.
pub(super) fn infer(graph: &Graph, missing: &mut Vec<Missing>) -> Inferred {
    let mut shapes: Vec<Option<Shape>> = vec![None; graph.value_count()];
    let mut faulty = vec![false; graph.value_count()];
    for input in graph.inputs() {
        if input.shape.numel().is_ok() {
            shapes[input.value.index()] = Some(input.shape);
        } else {
            faulty[input.value.index()] = true;
            missing.push(Missing { node: None, name: input.name.clone(), why: Why::TooLarge });
        }
    }
    let mut inputs = Vec::new();
    for (id, node) in graph.iter() {
        inputs.clear();
        inputs.extend(node.inputs.iter().filter_map(|value| shapes[value.index()]));
        let mut fault = node.inputs.iter().any(|value| faulty[value.index()]);
        if inputs.len() == node.inputs.len() {
            let inferred = node.op.infer(&inputs).and_then(|outputs| {
                outputs.iter().try_for_each(|shape| shape.numel().map(drop))?;
                Ok(outputs)
            });
            match inferred {
                Ok(outputs) => {
                    for (value, shape) in node.outputs.iter().zip(&*outputs) {
                        shapes[value.index()] = Some(*shape);
                    }
                }
                Err(error) => {
                    fault = true;
                    let why = match error {
                        ShapeError::TooLarge => Why::TooLarge,
                        error => Why::DoesNotFit(error),
                    };
                    missing.push(Missing { node: Some(id), name: node.name.clone(), why });
                }
            }
        }
        for value in &node.outputs {
            let shape = &mut shapes[value.index()];
            let declared = || graph.declared(*value).and_then(|declared| declared.shape);
            *shape = shape.or_else(|| declared().filter(|shape| shape.numel().is_ok()));
            faulty[value.index()] = fault && shape.is_none();
        }
    }
    Inferred { shapes, faulty }
}
