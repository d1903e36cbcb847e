//! The report as data: the only types that are serialised. `docs/json.md` documents them; adding fields keeps
//! `schema_version`.
//!
//! Counts are exact integers, shapes have the batch first, rationals are `[numerator, denominator]`. A stored report is
//! read back as far as networks are compared: names, operators, shapes and counts.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::analysis::{self, Analysis};
use crate::graph::{self, Graph};
use crate::shape::DType;

/// The version of the JSON that is written.
pub const SCHEMA_VERSION: u32 = 1;

/// What is known of one network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// [`SCHEMA_VERSION`].
    #[serde(default)]
    pub schema_version: u32,
    /// The network's name.
    pub model: String,
    /// One sentence about it.
    pub about: Option<String>,
    /// Where it was published.
    pub source: Option<String>,
    /// Its inputs, with the batch.
    #[serde(default)]
    pub inputs: Vec<Input>,
    /// Its outputs, with the batch.
    #[serde(default)]
    pub outputs: Vec<Output>,
    /// Examples that go through at once.
    #[serde(default)]
    pub batch: u64,
    /// Element type of parameters and activations: `f32`.
    #[serde(skip_deserializing)]
    pub dtype: &'static str,
    /// `eval` or `train`.
    #[serde(skip_deserializing)]
    pub mode: &'static str,
    /// How FLOPs are counted.
    #[serde(skip_deserializing, default = "counted_here")]
    pub convention: Convention,
    /// `complete`, or `partial`: the totals are then lower bounds.
    #[serde(default)]
    pub status: Status,
    /// Layers that could not be counted.
    #[serde(default)]
    pub not_counted: Vec<String>,
    /// What could not be counted, once a kind; left out where the status is `complete`.
    #[serde(skip_deserializing, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<MissingKind>,
    /// A row for each operator in execution order.
    pub layers: Vec<Layer>,
    /// The sums of the rows.
    pub totals: Counts,
}

/// A convention by name, with its formula.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Convention {
    /// What `--as` calls it: `cnnstat`.
    pub name: &'static str,
    /// What the tool calls its number: `FLOPs`.
    pub result: &'static str,
    /// How the number comes about.
    pub flops: &'static str,
    /// The head of a column of such numbers.
    #[serde(skip)]
    pub title: &'static str,
    /// The head of a column of their differences.
    #[serde(skip)]
    pub delta: &'static str,
}

impl Convention {
    /// Whether it is the one that counts where nothing else is said.
    pub fn is_default(&self) -> bool {
        self.name == CONVENTION.name
    }
}

/// The convention of what is compared: a stored report of another one is refused before it is read.
fn counted_here() -> Convention {
    CONVENTION
}

/// The default convention.
pub const CONVENTION: Convention = Convention {
    name: "cnnstat",
    result: "FLOPs",
    flops: "2*macs + adds + muls + divs + cmps + specials",
    title: "FLOPs",
    delta: "Δ FLOPs",
};

/// Whether everything is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It is.
    #[default]
    Complete,
    /// Something is not known: totals are lower bounds.
    Partial,
}

impl Status {
    /// The status where everything is known, or where something is not.
    pub const fn new(is_known: bool) -> Self {
        if is_known { Self::Complete } else { Self::Partial }
    }

    /// The status of an analysis.
    pub fn of(analysis: &Analysis) -> Self {
        Self::new(!analysis.is_partial())
    }

    /// Whether something is not known.
    pub fn is_partial(self) -> bool {
        self == Self::Partial
    }

    /// Whether everything is known.
    pub fn is_complete(&self) -> bool {
        *self == Self::Complete
    }
}

/// An input of the network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// The name.
    pub name: String,
    /// Sizes of all axes.
    pub shape: Vec<u64>,
    /// Its element type: `f32`.
    #[serde(skip_deserializing)]
    pub dtype: &'static str,
    /// Which axis is the batch; `null` where none is.
    #[serde(default)]
    pub batch_axis: Option<usize>,
}

impl Input {
    /// The inputs of a graph whose values have this type, unless an input says another.
    pub fn all(graph: &Graph, dtype: DType) -> Vec<Self> {
        let input = |input: &graph::Input| Self {
            name: input.name.clone(),
            shape: input.shape.dims().to_vec(),
            dtype: input.dtype.unwrap_or(dtype).name(),
            batch_axis: input.batch,
        };
        graph.inputs().iter().map(input).collect()
    }
}

/// The sizes of all axes; `None` where they are not known.
pub type Sizes = Option<Vec<u64>>;

/// A shape with a name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NamedShape {
    /// The name.
    pub name: String,
    /// Its sizes; `null` where they are not known.
    pub shape: Sizes,
}

/// An output of the network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Output {
    /// The name.
    pub name: String,
    /// Its sizes; `null` where they are not known.
    pub shape: Sizes,
    /// The layer that makes it, or the input that it is.
    pub from: String,
    /// The position of that layer; `null` for an input.
    pub from_index: Option<usize>,
}

impl Output {
    /// The output without what makes it.
    pub fn named(&self) -> NamedShape {
        NamedShape { name: self.name.clone(), shape: self.shape.clone() }
    }
}

/// Layers that could not be counted for the same reason and have the same operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MissingKind {
    /// The operator, as the file that the network comes from calls it.
    pub operator: String,
    /// How many layers there are.
    pub number: usize,
    /// The first of them.
    pub first_layer: String,
    /// Why: `unknown operator` or `unknown shape`; of another convention, its reason.
    pub reason: &'static str,
}

impl From<analysis::MissingKind> for MissingKind {
    fn from(kind: analysis::MissingKind) -> Self {
        let analysis::MissingKind { operator, layers, first, reason } = kind;
        Self { operator, number: layers, first_layer: first, reason }
    }
}

/// One operator.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Layer {
    /// Its position in execution order.
    pub index: usize,
    /// Its dotted name.
    pub name: String,
    /// The operator: `conv2d`.
    pub op: String,
    /// Its arguments as a call has them: `64, 3, padding=1`.
    pub call: String,
    /// Its arguments by name, defaults included.
    pub args: serde_json::Map<String, serde_json::Value>,
    /// What its inputs are made by, in their order: layers, or inputs of the network.
    pub from: Vec<String>,
    /// The positions of these layers; `null` for an input of the network.
    pub from_index: Vec<Option<usize>>,
    /// The earlier layer whose tensors it uses; they are counted there.
    pub shared_with: Option<String>,
    /// Shapes of its inputs; `null` where they are not known.
    pub inputs: Vec<Sizes>,
    /// Shapes of its outputs; `null` where they are not known.
    pub outputs: Vec<Sizes>,
    /// Whether everything of it is counted; left out where the network's status is `complete`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counted: Option<bool>,
    /// What is counted; `null` where it is not known.
    #[serde(flatten, with = "super::counts")]
    pub counts: Counts,
    /// What an output element sees of the input, for each spatial axis of the input; `null` where it is not known.
    #[serde(skip_deserializing)]
    pub receptive_field: Option<Vec<AxisField>>,
    /// Its tensors, in torch's order.
    #[serde(skip_deserializing)]
    pub tensors: Vec<Tensor>,
}

/// What is counted, of a layer or of the network: the analysis' own sums.
pub use crate::analysis::Totals as Counts;

/// What an output element sees of one axis of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct AxisField {
    /// Elements of the input from the first seen to the last, of the output that sees most.
    pub extent: i64,
    /// Elements of the input from one output to the next in the mean, `[numerator, denominator]`; `null` where no axis of the output walks along this one.
    pub stride: Option<[i64; 2]>,
    /// The first element that the first output sees; negative on padding.
    pub start: i64,
    /// Whether the branches that meet in this layer see around the same middle; true where none meet.
    pub aligned: bool,
}

/// One parameter tensor or buffer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tensor {
    /// The name inside its layer: `weight`; empty where it has the layer's own.
    pub name: Cow<'static, str>,
    /// Its shape.
    pub shape: Vec<u64>,
    /// `param` or `buffer`.
    pub kind: &'static str,
    /// Whether training changes it.
    pub trainable: bool,
    /// Its element type.
    pub dtype: &'static str,
}
