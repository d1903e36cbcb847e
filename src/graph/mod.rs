//! The network as a directed acyclic graph: nodes that apply operators, and named values between them.
//!
//! It stores no inferred shape, parameter or cost: `analysis` keeps what it finds beside the graph, so that what executes
//! a graph cannot see it. All sizes are numbers, the batch among them. Imports `shape` and `ops`.

mod builder;
mod error;
mod ids;
#[cfg(any(feature = "cli", feature = "internals"))]
pub(crate) mod tree;

pub use builder::GraphBuilder;
pub use error::GraphError;
pub use ids::{NodeId, ValueId, WeightsId};
#[cfg(feature = "cli")]
pub(crate) use tree::NameTree;

use crate::ops::Op;
use crate::shape::{DType, Shape};

/// One application of an operator.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The dotted name: `features.0`.
    pub name: String,
    /// The operator with its arguments.
    pub op: Op,
    /// What it is applied to: the inputs that there are, in order. An optional input that is left out takes no place here,
    /// so that the passes and the executor meet values only; `absent` says which it is.
    pub inputs: Vec<ValueId>,
    /// Positions, among the operator's inputs, of those that are left out; nearly always none.
    pub absent: Vec<usize>,
    /// What it makes.
    pub outputs: Vec<ValueId>,
    /// Its parameters.
    pub weights: WeightsId,
}

/// Whether a layer is the one of a name, or one of the scope of that name.
pub(crate) fn is_within(layer: &str, name: &str) -> bool {
    layer.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// The whole name of a layer's tensor: `features.0.weight`. A tensor without a name of its own has its layer's, as torch
/// names an `nn.Parameter` that a module holds beside its children.
pub fn tensor_name(layer: &str, own: &str) -> String {
    if own.is_empty() { layer.to_owned() } else { format!("{layer}.{own}") }
}

/// An input of the network.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// Its name; `input` where there is only one.
    pub name: String,
    /// Its whole shape.
    pub shape: Shape,
    /// Its element type; `None` is the model's own.
    pub dtype: Option<DType>,
    /// Which of its axes is the batch, if any is.
    pub batch: Option<usize>,
    /// Its value.
    pub value: ValueId,
}

impl Input {
    /// The sizes of its axes without the batch.
    pub fn example(&self) -> Shape {
        self.batch.map_or(self.shape, |axis| self.shape.without(axis))
    }
}

/// What is said of a value beside the node that makes it, by the file that a network is read from. All of it is optional.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Value {
    /// Its name in the file.
    pub name: Option<Box<str>>,
    /// Its element type; `None` is the model's own.
    pub dtype: Option<DType>,
    /// Its whole shape, which counts where no rule of an operator gives it.
    pub shape: Option<Shape>,
}

/// An output of the network.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// Its name; `output` where there is only one.
    pub name: String,
    /// Its value.
    pub value: ValueId,
}

/// A network. Made by a [`GraphBuilder`].
#[derive(Clone, Debug, PartialEq)]
pub struct Graph {
    /// The network's name.
    pub name: String,
    inputs: Vec<Input>,
    nodes: Vec<Node>,
    outputs: Vec<Output>,
    values: u32,
    /// What is declared of values, by value id; values behind its end have nothing declared.
    declared: Vec<Value>,
    /// Tensors that are an earlier node's: node and name, then the owner's node and name.
    shared: Vec<(TensorId, TensorId)>,
}

/// A tensor of a node, by its name inside the node.
pub type TensorId = (NodeId, Box<str>);

impl Graph {
    /// Its inputs, in the order they were named.
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// Its nodes: every node stands after those whose values it uses.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Its outputs.
    pub fn outputs(&self) -> &[Output] {
        &self.outputs
    }

    /// How many values there are: inputs and outputs of nodes.
    pub fn value_count(&self) -> usize {
        self.values as usize
    }

    /// What is declared of a value.
    pub fn declared(&self, value: ValueId) -> Option<&Value> {
        self.declared.get(value.index())
    }

    /// The size of the first batch axis that an input has.
    pub fn batch(&self) -> Option<u64> {
        self.inputs.iter().find_map(|input| input.shape.get(input.batch?))
    }

    /// The same network with another number of examples on every batch axis. Nothing is scaled: the analysis infers all
    /// shapes again, and a layer whose arguments hold the old number does not fit.
    #[must_use]
    pub fn at_batch(&self, batch: u64) -> Self {
        let mut graph = self.clone();
        for input in &mut graph.inputs {
            if let Some(axis) = input.batch {
                input.shape = input.shape.with(axis, batch);
            }
        }
        graph
    }

    /// The node that owns a node's tensor of this name, and the tensor's name there. Itself, unless it is shared.
    pub fn tensor_owner<'a>(&'a self, node: NodeId, tensor: &'a str) -> (NodeId, &'a str) {
        // Tensors are shared with earlier ones only, so that this ends.
        let mut at = (self.owner(self.node(node).weights), tensor);
        while let Some((_, (owner, name))) =
            self.shared.iter().find(|((node, name), _)| *node == at.0 && **name == *at.1)
        {
            at = (self.owner(self.node(*owner).weights), name);
        }
        at
    }

    /// Tensors that are shared one by one, each with the one that it is.
    pub fn shared_tensors(&self) -> &[(TensorId, TensorId)] {
        &self.shared
    }

    /// One node.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }

    /// The node that made a set of weights, under whose name they go.
    pub fn owner(&self, weights: WeightsId) -> NodeId {
        NodeId(weights.0)
    }

    /// Every node with its id.
    pub fn iter(&self) -> impl Iterator<Item = (NodeId, &Node)> {
        (0u32..).map(NodeId).zip(&self.nodes)
    }
}

const _: fn() = || {
    fn is_shared_by_threads<T: Send + Sync>() {}
    is_shared_by_threads::<Graph>();
};
