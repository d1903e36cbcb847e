//! The network as a directed acyclic graph: nodes that apply operators, and named values between them.
//!
//! It stores no inferred shape, parameter or cost: `analysis` keeps what it finds beside the graph, so that what executes
//! a graph cannot see it. Imports `shape` and `ops`. Tests stand in `tree.rs` and `builder.rs`.

mod builder;
mod tree;

pub use builder::GraphBuilder;
pub(crate) use builder::with_batch;
pub use tree::{Branch, NameTree};

use crate::ops::Op;
use crate::shape::Shape;

/// A node of a graph: its position in creation order, which is a topological order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub(crate) u32);

impl NodeId {
    /// The position among the nodes.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A value of a graph: an input, or an output of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ValueId(pub(crate) u32);

impl ValueId {
    /// The position among the values.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A set of parameter tensors, by the position of the node that made it; two nodes with the same one share them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WeightsId(pub(crate) u32);

/// One application of an operator.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The dotted name: `features.0`.
    pub name: String,
    /// The operator with its arguments.
    pub op: Op,
    /// What it is applied to.
    pub inputs: Vec<ValueId>,
    /// What it makes.
    pub outputs: Vec<ValueId>,
    /// Its parameters.
    pub weights: WeightsId,
}

/// Whether a layer is the one of a name, or one of the scope of that name.
pub fn is_within(layer: &str, name: &str) -> bool {
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
    /// Its shape, without the batch axis.
    pub shape: Shape,
    /// Its value.
    pub value: ValueId,
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
}

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
