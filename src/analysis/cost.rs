//! Parameters, arithmetic and sizes of every layer, and their sums.
//!
//! Shared weights count once, at the first layer that uses them; their work counts each time.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::Field;
use super::missing::{Missing, Why};
use super::options::Options;
use super::shapes::Inferred;
use crate::graph::{Graph, Node, NodeId, ValueId, tensor_name};
use crate::ops::error::ShapeError;
use crate::ops::ledger::{Backward, Role, Work};
use crate::ops::{Io, Layer, Mode};
use crate::shape::{DType, Shape, Shapes, TooLarge, product, sum};

/// One parameter tensor or buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    /// The name inside its layer: `weight`; empty where it has the layer's own.
    pub name: Cow<'static, str>,
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

/// What one layer is and costs, as far as it is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The layer.
    pub node: NodeId,
    /// Whole shapes of its inputs; unknown where one is. [`super::Analysis::shapes`] has those that are known.
    pub inputs: Shapes,
    /// Whole shapes of its outputs; unknown where one is.
    pub outputs: Shapes,
    /// Its tensors, in torch's order; without those that an earlier layer has.
    pub tensors: Vec<Tensor>,
    /// What is counted. A count that `known` leaves out is 0 here and means nothing.
    pub counts: Totals,
    /// What an output element sees of the network's input.
    pub field: Field,
}

/// Counts that are known together, or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Counted {
    /// Parameters and buffers.
    Tensors,
    /// Arithmetic of a forward pass.
    Work,
    /// FLOPs of a forward pass, which a convention may count otherwise than the ledger.
    Flops,
    /// Arithmetic of a backward pass.
    Backward,
    /// Elements and bytes of outputs.
    Activations,
    /// All of these.
    Everything,
}

/// Which counts are known. Those that are not stand as 0; in a sum, as if they were 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known(u8);

impl Counted {
    /// A bit for each group of counts.
    const fn bits(self) -> u8 {
        match self {
            Self::Tensors => 1,
            Self::Work => 2,
            Self::Flops => 4,
            Self::Backward => 8,
            Self::Activations => 16,
            Self::Everything => 31,
        }
    }
}

impl Known {
    /// Everything.
    pub const ALL: Self = Self(Counted::Everything.bits());
    /// Nothing.
    pub const NONE: Self = Self(0);

    /// Whether these counts are known.
    pub const fn has(self, counted: Counted) -> bool {
        self.0 & counted.bits() == counted.bits()
    }

    /// The same with these counts.
    #[must_use]
    pub const fn with(self, counted: Counted) -> Self {
        Self(self.0 | counted.bits())
    }

    /// The same without these counts.
    #[must_use]
    pub const fn without(self, counted: Counted) -> Self {
        Self(self.0 & !counted.bits())
    }

    /// What is known of both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl Default for Known {
    fn default() -> Self {
        Self::ALL
    }
}

impl Row {
    /// Whether the layer's work is counted.
    pub fn is_counted(&self) -> bool {
        self.counts.known.has(Counted::Work)
    }

    /// What the rules of its operator look at; `None` where a shape is not known.
    pub fn io(&self, mode: Mode) -> Option<Io<'_>> {
        Some(Io { inputs: self.inputs.known()?, outputs: self.outputs.known()?, mode })
    }
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
    /// Which of the numbers are known.
    #[serde(skip)]
    pub known: Known,
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
            known: self.known.and(other.known),
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

/// One layer's row; what it lacks goes to `missing`.
pub(super) fn row(
    graph: &Graph,
    id: NodeId,
    found: &Inferred,
    options: &Options,
    field: Field,
    missing: &mut Vec<Missing>,
) -> Row {
    let node = graph.node(id);
    let shapes_of =
        |values: &[ValueId]| Shapes::all(values.iter().map(|value| found.shapes[value.index()]));
    let (inputs, outputs) = (shapes_of(&node.inputs), shapes_of(&node.outputs));
    let mut row = Row {
        node: id,
        inputs,
        outputs,
        tensors: Vec::new(),
        counts: Totals { known: Known::NONE, ..Totals::default() },
        field,
    };
    // A layer that does not fit, or follows one, is told once, by the shapes.
    let is_faulty =
        node.inputs.iter().chain(&node.outputs).any(|value| found.faulty[value.index()]);
    if let Err(error) = if is_faulty { Ok(()) } else { count(&mut row, node, options) } {
        row.tensors = Vec::new();
        row.counts = Totals { known: Known::NONE, ..Totals::default() };
        let why = match error {
            ShapeError::TooLarge => Why::TooLarge,
            error => Why::DoesNotFit(error),
        };
        missing.push(Missing { node: Some(id), name: node.name.clone(), why });
    } else if row.counts.known != Known::ALL && !is_faulty {
        let knows = node.op.knowledge();
        let why = if knows.has_work() { Why::UnknownShape } else { Why::UnknownOperator };
        missing.push(Missing { node: Some(id), name: node.name.clone(), why });
    }
    row
}

/// Counts what can be counted of a layer.
fn count(row: &mut Row, node: &Node, options: &Options) -> Result<(), ShapeError> {
    let knows = node.op.knowledge();
    if (row.inputs.is_known() || knows.is_declared()) && knows.has_tensors() {
        row.tensors = tensors(node, &row.inputs, options)?;
        row.counts.count_tensors(&row.tensors)?;
        row.counts.known = row.counts.known.with(Counted::Tensors);
    }
    if let Some(outputs) = row.outputs.known() {
        if !node.op.is_view(options.mode) {
            for output in outputs {
                let counts = &mut row.counts;
                counts.activations = sum([counts.activations, output.numel()?])?;
                counts.activation_bytes =
                    sum([counts.activation_bytes, output.bytes(options.dtype)?])?;
            }
            if let Some(inputs) = row.inputs.known() {
                let read = inputs.iter().map(|input| bytes(*input, options.dtype));
                let read = read.fold(u128::from(row.counts.param_bytes), u128::saturating_add);
                row.counts.moved_bytes = read.saturating_add(row.counts.activation_bytes.into());
            }
        }
        row.counts.known = row.counts.known.with(Counted::Activations);
    }
    // What an operator declares itself needs no shapes of outputs.
    let declared = || Some(Io { inputs: row.inputs.known()?, outputs: &[], mode: options.mode });
    let io = row.io(options.mode).or_else(|| declared().filter(|_| knows.is_declared()));
    if let Some(io) = io.filter(|_| knows.has_work()) {
        let (work, back) = (node.op.work(io)?, node.op.work_backward(io)?);
        let counts = &mut row.counts;
        (counts.work, counts.work_backward, counts.flops) = (work, back, work.flops()?);
        let known = counts.known.with(Counted::Work).with(Counted::Flops);
        counts.known = known.with(Counted::Backward);
    }
    Ok(())
}

/// The bytes of a value, however large.
fn bytes(shape: Shape, dtype: DType) -> u128 {
    let sizes = shape.dims().iter().map(|size| u128::from(*size));
    sizes.fold(dtype.bytes().into(), u128::saturating_mul)
}

/// A layer's tensors.
fn tensors(node: &Node, inputs: &[Shape], options: &Options) -> Result<Vec<Tensor>, ShapeError> {
    let params = node.op.params(inputs)?;
    let mut tensors = Vec::with_capacity(params.len());
    for param in params {
        // The whole name is made only where there is a pattern to match.
        let frozen = !options.frozen.is_empty() && {
            let name = tensor_name(&node.name, &param.name);
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
            dtype: param.dtype.unwrap_or(held_as(param.role, options.dtype)),
            elements: param.shape.numel()?,
        });
    }
    Ok(tensors)
}

/// The element type of a tensor in a network of this type. Sums of products of 8-bit integers are 32-bit, and so are the
/// biases that they begin with: TensorFlow Lite's quantisation specification, and CMSIS-NN.
fn held_as(role: Role, dtype: DType) -> DType {
    match (role, dtype) {
        (Role::Bias, DType::I8) => DType::I32,
        _ => dtype,
    }
}

/// Takes the tensors that an earlier row has from every row.
pub(super) fn count_shared_once(graph: &Graph, rows: &mut [Row]) {
    let clear = |counts: &mut Totals| {
        (counts.params, counts.trainable, counts.buffers) = (0, 0, 0);
        (counts.param_bytes, counts.buffer_bytes) = (0, 0);
    };
    let mut seen = vec![false; rows.len()];
    for row in rows.iter_mut() {
        let owner = graph.owner(graph.node(row.node).weights).index();
        if std::mem::replace(&mut seen[owner], true) {
            row.tensors.clear();
            // They are the earlier row's, whatever arrives here.
            row.counts.known = row.counts.known.with(Counted::Tensors);
            clear(&mut row.counts);
        }
    }
    for ((node, name), _) in graph.shared_tensors() {
        let Some(row) = rows.get_mut(node.index()) else { continue };
        row.tensors.retain(|tensor| tensor.name != **name);
        clear(&mut row.counts);
        // The sums were within 64 bits with one tensor more.
        let _ = row.counts.count_tensors(&row.tensors);
    }
}

/// The sums of the rows' columns. One that exceeds 64 bits is missing; then the sums are those of the rows before.
pub(super) fn totals(rows: &[Row], missing: &mut Vec<Missing>) -> Totals {
    let mut totals = Totals::default();
    for row in rows {
        let Ok(sum) = totals.plus(&row.counts) else {
            missing.push(Missing { node: None, name: String::new(), why: Why::TooLarge });
            break;
        };
        totals = sum;
    }
    totals
}
