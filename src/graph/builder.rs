//! Building a graph layer by layer, with the shape of every value at hand while it grows.
//!
//! Shapes are inferred for one example and forgotten when the graph is finished. Tests stand below.

use super::{Graph, Input, Node, NodeId, Output, ValueId, WeightsId};
use crate::ops::error::ShapeError;
use crate::ops::{Layer, Op};
use crate::shape::{MAX_RANK, Shape};

/// Builds a [`Graph`]: inputs first, then layers in an order in which each finds its inputs made.
///
/// ```
/// use cnnstat::graph::GraphBuilder;
/// use cnnstat::ops::Linear;
/// use cnnstat::Shape;
///
/// let mut builder = GraphBuilder::new("classifier");
/// let image = builder.input("input", Shape::vector(784)).unwrap();
/// let logits = builder.layer("fc", Linear { out_features: 10, bias: true }, &[image]).unwrap();
/// assert_eq!(builder.shape(logits[0]).unwrap().dims(), [1, 10]);
/// let graph = builder.finish(&[("output", logits[0])]);
/// assert_eq!(graph.nodes().len(), 1);
/// ```
#[derive(Clone, Debug)]
pub struct GraphBuilder {
    graph: Graph,
    shapes: Vec<Option<Shape>>,
}

impl GraphBuilder {
    /// An empty network.
    pub fn new(name: &str) -> Self {
        let graph = Graph {
            name: name.to_owned(),
            inputs: Vec::new(),
            nodes: Vec::new(),
            outputs: Vec::new(),
            values: 0,
        };
        Self { graph, shapes: Vec::new() }
    }

    fn value(&mut self, shape: Option<Shape>) -> ValueId {
        let id = ValueId(self.graph.values);
        self.graph.values += 1;
        self.shapes.push(shape);
        id
    }

    /// An input; its shape has no batch axis. `None` if the shape with a batch would exceed the highest rank.
    pub fn input(&mut self, name: &str, shape: Shape) -> Option<ValueId> {
        if shape.rank() >= MAX_RANK {
            return None;
        }
        let value = self.value(with_batch(shape, 1));
        self.graph.inputs.push(Input { name: name.to_owned(), shape, value });
        Some(value)
    }

    /// A value of which nothing is known, standing where a layer could not be made.
    pub fn unknown(&mut self) -> ValueId {
        self.value(None)
    }

    /// Applies an operator. What comes of an input of unknown shape is unknown.
    ///
    /// # Errors
    /// Inputs that do not fit the operator.
    pub fn layer(
        &mut self,
        name: impl Into<String>,
        op: impl Into<Op>,
        inputs: &[ValueId],
    ) -> Result<Vec<ValueId>, ShapeError> {
        let weights = WeightsId(position(self.graph.nodes.len()));
        let Some(shapes) = self.known(inputs) else { return Ok(vec![self.unknown()]) };
        self.apply(name.into(), op.into(), inputs, &shapes, weights)
    }

    /// Applies an earlier node's operator again, with the same parameters.
    ///
    /// # Errors
    /// Inputs that do not fit the operator, or that need parameters of other shapes than there are; no such node.
    pub fn shared(
        &mut self,
        name: impl Into<String>,
        earlier: NodeId,
        inputs: &[ValueId],
    ) -> Result<Vec<ValueId>, ShapeError> {
        let Some(node) = self.graph.nodes.get(earlier.index()) else {
            return Err(ShapeError::Arguments {
                message: "the layer that is to be shared does not exist".to_owned(),
                help: "share a layer that stands before".to_owned(),
            });
        };
        let (op, weights, before) = (node.op.clone(), node.weights, self.known(&node.inputs));
        let (Some(shapes), Some(before)) = (self.known(inputs), before) else {
            return Ok(vec![self.unknown()]);
        };
        op.infer(&shapes)?;
        // One operator owns as many tensors whatever arrives.
        let mut pairs = op.params(&before)?.into_iter().zip(op.params(&shapes)?);
        if let Some((first, now)) = pairs.find(|(first, now)| first.shape != now.shape) {
            let shapes = Box::new([first.shape, now.shape]);
            return Err(ShapeError::Shared { tensor: first.name, shapes });
        }
        self.apply(name.into(), op, inputs, &shapes, weights)
    }

    /// The shapes of values; `None` where one is unknown.
    fn known(&self, values: &[ValueId]) -> Option<Vec<Shape>> {
        values.iter().map(|value| self.shape(*value)).collect()
    }

    fn apply(
        &mut self,
        name: String,
        op: Op,
        inputs: &[ValueId],
        shapes: &[Shape],
        weights: WeightsId,
    ) -> Result<Vec<ValueId>, ShapeError> {
        let outputs: Vec<ValueId> =
            op.infer(shapes)?.into_iter().map(|shape| self.value(Some(shape))).collect();
        let (inputs, made) = (inputs.to_vec(), outputs.clone());
        self.graph.nodes.push(Node { name, op, inputs, outputs: made, weights });
        Ok(outputs)
    }

    /// The shape of a value for one example, batch axis first; `None` where it is unknown.
    pub fn shape(&self, value: ValueId) -> Option<Shape> {
        self.shapes.get(value.index()).copied().flatten()
    }

    /// The node that was made last.
    pub fn last(&self) -> Option<NodeId> {
        self.graph.nodes.len().checked_sub(1).map(|last| NodeId(position(last)))
    }

    /// The operator of the node that was made last.
    pub fn last_op(&self) -> Option<&Op> {
        self.graph.nodes.last().map(|node| &node.op)
    }

    /// The nodes so far.
    pub fn nodes(&self) -> &[Node] {
        &self.graph.nodes
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.graph.nodes.len()
    }

    /// Whether there is no node yet.
    pub fn is_empty(&self) -> bool {
        self.graph.nodes.is_empty()
    }

    /// The finished network.
    pub fn finish(mut self, outputs: &[(&str, ValueId)]) -> Graph {
        self.graph.outputs = outputs
            .iter()
            .map(|(name, value)| Output { name: (*name).to_owned(), value: *value })
            .collect();
        self.graph
    }
}

/// A position as ids have it.
fn position(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// A shape with a batch axis before it; `None` above the highest rank.
pub(crate) fn with_batch(shape: Shape, batch: u64) -> Option<Shape> {
    let dims: Vec<u64> = std::iter::once(batch).chain(shape.dims().iter().copied()).collect();
    Shape::new(&dims)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::Linear;

    #[test]
    fn what_follows_an_unknown_value_is_unknown_and_makes_no_node() {
        let mut builder = GraphBuilder::new("n");
        let unknown = builder.unknown();
        let next = builder.layer("fc", Linear { out_features: 1, bias: true }, &[unknown]).unwrap();
        assert_eq!((builder.shape(next[0]), builder.len()), (None, 0));
    }

    #[test]
    fn a_shape_without_room_for_the_batch_is_refused() {
        let full = Shape::new(&[1; MAX_RANK]).unwrap();
        assert!(GraphBuilder::new("n").input("input", full).is_none());
    }
}
