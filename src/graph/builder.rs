//! Building a graph layer by layer, with the shape of every value at hand while it grows.
//!
//! Shapes are inferred as the graph grows and forgotten when it is finished.

use std::collections::{HashMap, HashSet};

use super::{Graph, GraphError, Input, Node, NodeId, Output, Value, ValueId, WeightsId};
use crate::ops::error::ShapeError;
use crate::ops::{Layer, Op};
use crate::shape::Shape;

/// Builds a [`Graph`]: inputs first, then layers in an order in which each finds its inputs made.
///
/// ```
/// use cnnstat::graph::GraphBuilder;
/// use cnnstat::ops::Linear;
/// use cnnstat::Shape;
///
/// let mut builder = GraphBuilder::new("classifier");
/// let image = builder.input("input", Shape::new(&[1, 784]).unwrap(), Some(0)).unwrap();
/// let logits = builder.layer("fc", Linear { out_features: 10, bias: true }, &[image]).unwrap();
/// assert_eq!(builder.shape(logits[0]).unwrap().dims(), [1, 10]);
/// let graph = builder.finish(&[("output", logits[0])]).unwrap();
/// assert_eq!(graph.nodes().len(), 1);
/// ```
#[derive(Clone, Debug)]
pub struct GraphBuilder {
    graph: Graph,
    states: Vec<State>,
    /// The first node that an id out of range or a wrong order shows at.
    wrong: Option<GraphError>,
}

/// What is known of a value while the graph grows.
#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Shape(Shape),
    /// Its layer is there, its shape is not known.
    NotKnown,
    /// It stands where a layer could not be made; what follows is no layer.
    Lost,
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
            declared: Vec::new(),
            shared: Vec::new(),
        };
        Self { graph, states: Vec::new(), wrong: None }
    }

    fn value(&mut self, state: State) -> ValueId {
        let id = ValueId(self.graph.values);
        self.graph.values += 1;
        self.states.push(state);
        id
    }

    /// An input with its whole shape, and which of its axes is the batch, if any is.
    ///
    /// # Errors
    /// A batch axis that the shape does not have.
    pub fn input(
        &mut self,
        name: &str,
        shape: Shape,
        batch: Option<usize>,
    ) -> Result<ValueId, GraphError> {
        if let Some(axis) = batch.filter(|axis| *axis >= shape.rank()) {
            return Err(GraphError::BatchAxis { input: name.to_owned(), axis, rank: shape.rank() });
        }
        let value = self.value(State::Shape(shape));
        let name = name.to_owned();
        self.graph.inputs.push(Input { name, shape, dtype: None, batch, value });
        Ok(value)
    }

    /// A value that stands where a layer could not be made: what follows it makes no layer either.
    pub fn unknown(&mut self) -> ValueId {
        self.value(State::Lost)
    }

    /// Says of a value what the file of the network says. A shape counts where no rule of an operator gives it; the
    /// element type of an input is the input's.
    pub fn declare(&mut self, value: ValueId, of: Value) {
        let at = value.index();
        let Some(state) = self.states.get_mut(at) else { return };
        if let (State::NotKnown, Some(shape)) = (*state, of.shape) {
            *state = State::Shape(shape);
        }
        for input in self.graph.inputs.iter_mut().filter(|input| input.value == value) {
            input.dtype = of.dtype;
        }
        let declared = &mut self.graph.declared;
        if declared.len() <= at {
            declared.resize_with(at + 1, Value::default);
        }
        declared[at] = of;
    }

    /// Applies an operator: always a node, with as many outputs as the operator has. Where the inputs do not fit, the
    /// shapes of the outputs are not known here, and the analysis says why. An optional input may be left out.
    pub fn node(
        &mut self,
        name: impl Into<String>,
        op: impl Into<Op>,
        inputs: &[Option<ValueId>],
    ) -> NodeId {
        let op = op.into();
        let absent = (0..inputs.len()).filter(|i| inputs[*i].is_none()).collect();
        let present: Vec<ValueId> = inputs.iter().flatten().copied().collect();
        let shapes = self.known(&present).and_then(|shapes| op.infer(&shapes).ok());
        let weights = WeightsId(position(self.graph.nodes.len()));
        let id = NodeId(weights.0);
        self.push(name.into(), op, &present, shapes.as_deref(), weights);
        self.graph.nodes[id.index()].absent = absent;
        id
    }

    /// Applies an operator. What follows a layer that could not be made is no layer.
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
        self.apply(name.into(), op.into(), inputs, weights)
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
            return Err(no_such_layer());
        };
        let (op, weights) = (node.op.clone(), node.weights);
        if let (Some(before), Some(shapes)) = (self.known(&node.inputs), self.known(inputs)) {
            op.infer(&shapes)?;
            // One operator owns as many tensors whatever arrives.
            let mut pairs = op.params(&before)?.into_iter().zip(op.params(&shapes)?);
            if let Some((first, now)) = pairs.find(|(first, now)| first.shape != now.shape) {
                return Err(differ(first.name, first.shape, now.shape));
            }
        }
        self.apply(name.into(), op, inputs, weights)
    }

    /// Makes one tensor of a node the same as an earlier node's. It counts once.
    ///
    /// # Errors
    /// A node or a tensor that is not there, one that is not earlier, or tensors of different shapes.
    pub fn share(
        &mut self,
        tensor: (NodeId, &str),
        with: (NodeId, &str),
    ) -> Result<(), ShapeError> {
        let (later, first) = (self.tensor(tensor)?, self.tensor(with)?);
        if with.0 >= tensor.0 {
            return Err(ShapeError::Arguments {
                message: "a tensor is shared with one that is not earlier".to_owned(),
                help: "the earlier node owns the tensor, the later one shares it".to_owned(),
            });
        }
        if let (Some(later), Some(first)) = (later, first)
            && later != first
        {
            return Err(differ(with.1.to_owned().into(), first, later));
        }
        let owned = |(node, name): (NodeId, &str)| (node, name.into());
        self.graph.shared.push((owned(tensor), owned(with)));
        Ok(())
    }

    /// The shape of a node's tensor; `None` where its inputs are not known.
    fn tensor(&self, (node, name): (NodeId, &str)) -> Result<Option<Shape>, ShapeError> {
        let node = self.graph.nodes.get(node.index()).ok_or_else(no_such_layer)?;
        let Some(shapes) = self.known(&node.inputs) else { return Ok(None) };
        let found = node.op.params(&shapes)?.into_iter().find(|param| param.name == name);
        let missing = || ShapeError::Arguments {
            message: format!("{} has no tensor `{name}`", node.name),
            help: "tensors are named as in torch's state_dict: weight, bias".to_owned(),
        };
        found.map(|param| Some(param.shape)).ok_or_else(missing)
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
        weights: WeightsId,
    ) -> Result<Vec<ValueId>, ShapeError> {
        if inputs.iter().any(|value| self.states.get(value.index()) == Some(&State::Lost)) {
            return Ok(vec![self.unknown()]);
        }
        let shapes = self.known(inputs).map(|shapes| op.infer(&shapes)).transpose()?;
        Ok(self.push(name, op, inputs, shapes.as_deref(), weights))
    }

    /// Adds a node whose outputs have these shapes, as far as they are known.
    fn push(
        &mut self,
        name: String,
        op: Op,
        inputs: &[ValueId],
        shapes: Option<&[Shape]>,
        weights: WeightsId,
    ) -> Vec<ValueId> {
        if let Some(value) = inputs.iter().find(|value| value.0 >= self.graph.values) {
            let wrong = GraphError::NoSuchValue { user: name.clone(), value: value.index() };
            self.wrong.get_or_insert(wrong);
        }
        let state = |at: usize| {
            let shape = shapes.and_then(|shapes| shapes.get(at));
            shape.map_or(State::NotKnown, |shape| State::Shape(*shape))
        };
        let outputs: Vec<ValueId> = (0..op.outputs()).map(|at| self.value(state(at))).collect();
        let (inputs, made) = (inputs.to_vec(), outputs.clone());
        self.graph.nodes.push(Node {
            name,
            op,
            inputs,
            absent: Vec::new(),
            outputs: made,
            weights,
        });
        outputs
    }

    /// The whole shape of a value; `None` where it is not known.
    pub fn shape(&self, value: ValueId) -> Option<Shape> {
        match self.states.get(value.index()) {
            Some(State::Shape(shape)) => Some(*shape),
            _ => None,
        }
    }

    /// Whether a value stands where a layer could not be made.
    pub fn is_lost(&self, value: ValueId) -> bool {
        self.states.get(value.index()) == Some(&State::Lost)
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

    /// The inputs so far.
    pub(crate) fn inputs(&self) -> &[Input] {
        &self.graph.inputs
    }

    /// The name of the input that a value is.
    pub(crate) fn input_name(&self, value: ValueId) -> Option<&str> {
        let input = self.graph.inputs.iter().find(|input| input.value == value);
        input.map(|input| input.name.as_str())
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
    ///
    /// # Errors
    /// Values that are not there, two nodes with tensors of their own under one name, two inputs or outputs of one name.
    pub fn finish(mut self, outputs: &[(&str, ValueId)]) -> Result<Graph, GraphError> {
        if let Some(wrong) = self.wrong.take() {
            return Err(wrong);
        }
        named_once("input", self.graph.inputs.iter().map(|input| input.name.as_str()))?;
        named_once("output", outputs.iter().map(|(name, _)| *name))?;
        for (name, value) in outputs {
            let name = (*name).to_owned();
            if value.0 >= self.graph.values {
                return Err(GraphError::NoSuchValue { user: name, value: value.index() });
            }
            self.graph.outputs.push(Output { name, value: *value });
        }
        let mut owners: HashMap<&str, WeightsId> = HashMap::with_capacity(self.graph.nodes.len());
        for node in &self.graph.nodes {
            let first = *owners.entry(&node.name).or_insert(node.weights);
            if first != node.weights
                && (self.owns(node) && self.owns(&self.graph.nodes[first.0 as usize]))
            {
                return Err(GraphError::TwiceNamed { name: node.name.clone() });
            }
        }
        Ok(self.graph)
    }

    /// Whether a node has tensors, as far as is known.
    fn owns(&self, node: &Node) -> bool {
        let params = self.known(&node.inputs).map(|shapes| node.op.params(&shapes));
        params.is_some_and(|params| params.is_ok_and(|params| !params.is_empty()))
    }
}

/// Whether no two of the inputs, or of the outputs, have one name.
fn named_once<'a>(
    what: &'static str,
    names: impl ExactSizeIterator<Item = &'a str>,
) -> Result<(), GraphError> {
    let mut seen = HashSet::with_capacity(names.len());
    for name in names {
        if !seen.insert(name) {
            return Err(GraphError::TwiceListed { what, name: name.to_owned() });
        }
    }
    Ok(())
}

fn no_such_layer() -> ShapeError {
    ShapeError::Arguments {
        message: "the layer that is to be shared does not exist".to_owned(),
        help: "share a layer that stands before".to_owned(),
    }
}

fn differ(tensor: std::borrow::Cow<'static, str>, first: Shape, needed: Shape) -> ShapeError {
    ShapeError::Shared { tensor, shapes: Box::new([first, needed]) }
}

/// A position as ids have it.
fn position(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
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
    fn a_batch_axis_is_one_of_the_axes() {
        let mut builder = GraphBuilder::new("n");
        let wrong = builder.input("input", Shape::vector(1), Some(1)).unwrap_err();
        assert!(matches!(wrong, GraphError::BatchAxis { axis: 1, rank: 1, .. }), "{wrong}");
        builder.input("input", Shape::vector(7), Some(0)).unwrap();
        assert_eq!(builder.finish(&[]).unwrap().batch(), Some(7));
    }
}
