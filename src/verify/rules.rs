//! The computed side, as verification asks it: a test puts a wrong rule in here and sees it found.

use crate::graph::NodeId;
use crate::ops::error::ShapeError;
use crate::ops::ledger::{Backward, Param, Saved, Work};
use crate::ops::{Io, Layer, Op};
use crate::shape::{Shape, TooLarge};

/// The static side of operators, as verification asks it.
pub trait Rules {
    /// Output shapes.
    fn infer(&self, node: NodeId, op: &Op, inputs: &[Shape]) -> Result<Vec<Shape>, ShapeError> {
        let _ = node;
        op.infer(inputs).map(|outputs| outputs.to_vec())
    }
    /// Tensors.
    fn params(&self, node: NodeId, op: &Op, inputs: &[Shape]) -> Result<Vec<Param>, ShapeError> {
        let _ = node;
        op.params(inputs)
    }
    /// Work of a forward pass.
    fn work(&self, node: NodeId, op: &Op, io: Io<'_>) -> Result<Work, TooLarge> {
        let _ = node;
        op.work(io)
    }
    /// Work of a backward pass.
    fn work_backward(&self, node: NodeId, op: &Op, io: Io<'_>) -> Result<Backward, TooLarge> {
        let _ = node;
        op.work_backward(io)
    }
    /// What is kept for backward.
    fn saved(&self, node: NodeId, op: &Op, io: Io<'_>) -> Result<Saved, TooLarge> {
        let _ = node;
        op.saved(io)
    }
}

/// The rules of the crate.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProductionRules;

impl Rules for ProductionRules {}
