//! Parameters, arithmetic and sizes of every layer, and their sums.
//!
//! Shared weights count once, at the first layer that uses them; their work counts each time.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::{AnalysisError, Field, Options};
use crate::graph::{Graph, NodeId, tensor_name};
use crate::ops::ledger::{Backward, Role, Work};
use crate::ops::{Io, Layer};
use crate::shape::{DType, Shape, TooLarge, product, sum};

/// One parameter tensor or buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    /// The name inside its layer: `weight`; empty where it has the layer's own.
    pub name: &'static str,
    /// Its shape.
    pub shape: Shape,
    /// What it is for.
    pub role: Role,
    /// Whether training changes it; never true of a buffer.
    pub trainable: bool,
    /// Its element type.
    pub dtype: DType,
    /// Its elements.
    pub elements: u64,
}

/// What one layer is and costs.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The layer.
    pub node: NodeId,
    /// Shapes of its inputs, batch first.
    pub inputs: Vec<Shape>,
    /// Shapes of its outputs, batch first.
    pub outputs: Vec<Shape>,
    /// Its tensors, in torch's order; empty where an earlier layer has them.
    pub tensors: Vec<Tensor>,
    /// What is counted.
    pub counts: Totals,
    /// What an output element sees of the network's input.
    pub field: Field,
}

/// Everything that is counted, of one layer or of a network. It is serialised as it stands; [`super::quantity`] says what
/// each number means to a reader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Totals {
    /// Elements of parameters, trainable or not.
    pub params: u64,
    /// Elements of parameters that training changes.
    pub trainable: u64,
    /// Elements of buffers: running statistics and their like.
    pub buffers: u64,
    /// Bytes of parameters.
    pub param_bytes: u64,
    /// Bytes of buffers.
    pub buffer_bytes: u64,
    /// Arithmetic of a forward pass.
    pub work: Work,
    /// Arithmetic of a backward pass.
    pub work_backward: Backward,
    /// Floating-point operations of a forward pass in the default convention.
    pub flops: u64,
    /// Elements of outputs that are not views.
    pub activations: u64,
    /// Bytes of outputs that are not views.
    pub activation_bytes: u64,
    /// Bytes that the layers move if each reads its inputs and its parameters once and writes its outputs once; views move
    /// nothing. Not limited to 64 bits, because an input may be larger than anything else that is counted.
    #[serde(skip)]
    pub moved_bytes: u128,
}

impl Totals {
    /// Both together, column by column.
    ///
    /// # Errors
    /// [`TooLarge`] if a sum does not fit in 64 bits.
    pub fn plus(&self, other: &Self) -> Result<Self, TooLarge> {
        Ok(Self {
            params: sum([self.params, other.params])?,
            trainable: sum([self.trainable, other.trainable])?,
            buffers: sum([self.buffers, other.buffers])?,
            param_bytes: sum([self.param_bytes, other.param_bytes])?,
            buffer_bytes: sum([self.buffer_bytes, other.buffer_bytes])?,
            work: self.work.plus(other.work)?,
            work_backward: self.work_backward.plus(other.work_backward)?,
            flops: sum([self.flops, other.flops])?,
            activations: sum([self.activations, other.activations])?,
            activation_bytes: sum([self.activation_bytes, other.activation_bytes])?,
            moved_bytes: self.moved_bytes.saturating_add(other.moved_bytes),
        })
    }

    /// Counts a layer's tensors.
    fn count_tensors(&mut self, tensors: &[Tensor]) -> Result<(), TooLarge> {
        for tensor in tensors {
            let bytes = product([tensor.elements, tensor.dtype.bytes()])?;
            let (elements, total_bytes) = match tensor.role {
                Role::Buffer => (&mut self.buffers, &mut self.buffer_bytes),
                Role::Weight | Role::Bias => (&mut self.params, &mut self.param_bytes),
            };
            *elements = sum([*elements, tensor.elements])?;
            *total_bytes = sum([*total_bytes, bytes])?;
            if tensor.trainable {
                self.trainable = sum([self.trainable, tensor.elements])?;
            }
        }
        Ok(())
    }
}

/// One layer's row.
pub(super) fn row(
    graph: &Graph,
    id: NodeId,
    shapes: &[Shape],
    options: &Options,
    field: Field,
) -> Result<Row, AnalysisError> {
    let node = graph.node(id);
    let shapes_of = |values: &[crate::graph::ValueId]| {
        values.iter().map(|value| shapes[value.index()]).collect()
    };
    let (inputs, outputs): (Vec<Shape>, Vec<Shape>) =
        (shapes_of(&node.inputs), shapes_of(&node.outputs));
    let io = Io { inputs: &inputs, outputs: &outputs, mode: options.mode };
    let count = || {
        let params = node.op.params(&inputs)?;
        let mut tensors = Vec::with_capacity(params.len());
        for param in params {
            // The whole name is made only where there is a pattern to match.
            let frozen = !options.frozen.is_empty() && {
                let name = tensor_name(&node.name, param.name);
                options
                    .frozen
                    .iter()
                    .any(|pattern| pattern.matches(&name) || pattern.matches(&node.name))
            };
            tensors.push(Tensor {
                name: param.name,
                shape: param.shape,
                role: param.role,
                trainable: param.role != Role::Buffer && !frozen,
                dtype: param.dtype.unwrap_or(options.dtype),
                elements: param.shape.numel()?,
            });
        }
        let work = node.op.work(io)?;
        let mut counts = Totals {
            work,
            work_backward: node.op.work_backward(io)?,
            flops: work.flops()?,
            ..Totals::default()
        };
        counts.count_tensors(&tensors)?;
        if !node.op.is_view(options.mode) {
            for output in &outputs {
                counts.activations = sum([counts.activations, output.numel()?])?;
                counts.activation_bytes =
                    sum([counts.activation_bytes, output.bytes(options.dtype)?])?;
            }
            let read = inputs.iter().map(|input| bytes(*input, options.dtype));
            let read = read.fold(u128::from(counts.param_bytes), u128::saturating_add);
            counts.moved_bytes = read.saturating_add(counts.activation_bytes.into());
        }
        Ok::<_, crate::ops::error::ShapeError>((tensors, counts))
    };
    let (tensors, counts) = count().map_err(|error| AnalysisError::at(graph, id, error))?;
    Ok(Row { node: id, inputs, outputs, tensors, counts, field })
}

/// The bytes of a value, however large.
fn bytes(shape: Shape, dtype: DType) -> u128 {
    let sizes = shape.dims().iter().map(|size| u128::from(*size));
    sizes.fold(dtype.bytes().into(), u128::saturating_mul)
}

/// Takes the tensors from every row whose weights an earlier row has.
pub(super) fn count_shared_once(graph: &Graph, rows: &mut [Row]) {
    let mut seen = HashSet::with_capacity(rows.len());
    for row in rows {
        if !seen.insert(graph.node(row.node).weights) {
            row.tensors.clear();
            let counts = &mut row.counts;
            (counts.params, counts.trainable, counts.buffers) = (0, 0, 0);
            (counts.param_bytes, counts.buffer_bytes) = (0, 0);
        }
    }
}

/// The sums of the rows' columns.
pub(super) fn totals(rows: &[Row]) -> Result<Totals, TooLarge> {
    rows.iter().try_fold(Totals::default(), |sum, row| sum.plus(&row.counts))
}
