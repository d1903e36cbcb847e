//! What reading a description yields: the graph, what is expected of it, and where each part stands in the text.

use crate::graph::{Graph, NodeId};
use crate::shape::Shape;
use crate::span::Place;

/// A description that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// The network.
    pub graph: Graph,
    /// One sentence about it.
    pub about: Option<String>,
    /// Where it was published.
    pub source: Option<String>,
    /// The variant that was picked.
    pub variant: Option<String>,
    /// Patterns of parameters that are not trained, each with its place.
    pub frozen: Vec<(String, Place)>,
    /// What is expected of the network, in the order it is written.
    pub expectations: Vec<Expectation>,
    /// Where each node of the graph is written, by node id.
    pub places: Vec<Place>,
}

impl Document {
    /// Where a node is written.
    pub fn place(&self, node: NodeId) -> Option<Place> {
        self.places.get(node.index()).copied()
    }
}

/// One line of `expect:`.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    /// The layer it speaks of; `None` for the network.
    pub layer: Option<String>,
    /// The quantity.
    pub metric: Metric,
    /// What it must be.
    pub want: Want,
    /// As it is written.
    pub text: String,
    /// Where it is written.
    pub place: Place,
}

/// A quantity that can be expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Metric {
    /// Elements of parameters.
    Params,
    /// Elements of parameters that training changes.
    Trainable,
    /// Elements of buffers.
    Buffers,
    /// Multiply-accumulates of a forward pass.
    Macs,
    /// Floating-point operations in the default convention.
    Flops,
    /// Bytes of parameters.
    Bytes,
    /// Elements of outputs that are not views.
    Activations,
    /// Output shape, without the batch.
    Output,
    /// The largest extent of the receptive field.
    ReceptiveField,
}

impl Metric {
    /// Every metric with its key.
    pub const NAMES: &[(&str, Self)] = &[
        ("params", Self::Params),
        ("trainable", Self::Trainable),
        ("buffers", Self::Buffers),
        ("macs", Self::Macs),
        ("flops", Self::Flops),
        ("bytes", Self::Bytes),
        ("activations", Self::Activations),
        ("output", Self::Output),
        ("receptive_field", Self::ReceptiveField),
    ];

    /// The key: `receptive_field`.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, metric)| *metric == self).map_or("?", |(name, _)| name)
    }
}

/// What a quantity must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// From the first number to the last, both included.
    Between(u64, u64),
    /// This shape.
    Shape(Shape),
}
