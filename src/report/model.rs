//! The report as data: the only types that are serialised. `docs/json.md` documents them; adding fields keeps
//! `schema_version`.
//!
//! Counts are exact integers, shapes have the batch first, rationals are `[numerator, denominator]`. A stored report is
//! read back as far as networks are compared: names, operators, shapes and counts.

use serde::{Deserialize, Serialize};

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
    pub inputs: Vec<NamedShape>,
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
    #[serde(skip_deserializing)]
    pub status: &'static str,
    /// Layers that could not be counted.
    #[serde(default)]
    pub not_counted: Vec<String>,
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

/// A shape with a name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NamedShape {
    /// The name.
    pub name: String,
    /// Sizes of the axes, batch first.
    pub shape: Vec<u64>,
}

/// An output of the network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Output {
    /// The name.
    pub name: String,
    /// Sizes of the axes, batch first.
    pub shape: Vec<u64>,
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
    /// Shapes of its inputs.
    pub inputs: Vec<Vec<u64>>,
    /// Shapes of its outputs.
    pub outputs: Vec<Vec<u64>>,
    /// What is counted.
    #[serde(flatten)]
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
    /// Elements of the input from the first seen to the last, rounded up.
    pub extent: i64,
    /// Elements of the input from one output to the next, `[numerator, denominator]`; `null` where no axis of the output walks along this one.
    pub stride: Option<[i64; 2]>,
    /// The first element that the first output sees, rounded down; negative on padding.
    pub start: i64,
    /// Whether the branches that meet in this layer see around the same middle; true where none meet.
    pub aligned: bool,
}

/// One parameter tensor or buffer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tensor {
    /// The name inside its layer: `weight`; empty where it has the layer's own.
    pub name: &'static str,
    /// Its shape.
    pub shape: Vec<u64>,
    /// `param` or `buffer`.
    pub kind: &'static str,
    /// Whether training changes it.
    pub trainable: bool,
    /// Its element type.
    pub dtype: &'static str,
}
