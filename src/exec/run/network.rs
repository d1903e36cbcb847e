//! A network with its tensors: what the nodes of a graph own, made when the first real input reaches them.
//!
//! Nodes that share weights share their tensors; `init` runs once for each set.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::backend::Backend;
use crate::exec::base::meter::{Buffer, Meter};
use crate::exec::base::rng::Rng;
use crate::exec::base::scalar::Scalar;
use crate::exec::base::tensor::Tensor;
use crate::exec::kernels::{Init, Kernel as _, Owned, Scheme, TensorKind};
use crate::graph::{Graph, NodeId, WeightsId, tensor_name};
use crate::ops::{Mode, Op};

/// Why a network cannot be run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RunError {
    /// The network takes another number of inputs.
    Inputs {
        /// How many it takes.
        expected: usize,
        /// How many are given.
        found: usize,
    },
    /// Two uses of shared weights need tensors of different shapes.
    SharedShapes {
        /// The later user.
        layer: String,
    },
    /// There is no rule, and so no kernel, for an operator.
    UnknownOperator {
        /// What it is called.
        operator: String,
        /// The layer.
        layer: String,
    },
    /// A tensor that is shared by itself: only whole layers can be run with shared tensors.
    TiedTensor {
        /// Its whole name.
        tensor: String,
    },
    /// A tensor of this name is not there, or has another shape.
    #[cfg(any(test, feature = "internals"))]
    Tensor {
        /// Its name.
        name: String,
        /// The shape that was given.
        found: Vec<usize>,
    },
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inputs { expected, found } => {
                write!(f, "the network takes {expected} input(s), not {found}")
            }
            Self::SharedShapes { layer } => {
                write!(f, "{layer}: the weights it shares have other shapes")
            }
            Self::UnknownOperator { operator, layer } => {
                write!(f, "`{operator}` (layer {layer}) is unknown to cnnstat and cannot be run")
            }
            Self::TiedTensor { tensor } => {
                write!(f, "{tensor} is another layer's tensor, which cannot be run yet")
            }
            #[cfg(any(test, feature = "internals"))]
            Self::Tensor { name, found } => write!(f, "no tensor {name} of shape {found:?}"),
        }
    }
}

impl std::error::Error for RunError {}

/// Whether every layer of a graph can be run.
///
/// # Errors
/// The first layer that cannot.
pub fn runnable(graph: &Graph) -> Result<(), RunError> {
    if let Some(node) = graph.nodes().iter().find(|node| matches!(node.op, Op::Unknown(_))) {
        let (operator, layer) = (node.op.called(), node.name.clone());
        return Err(RunError::UnknownOperator { operator, layer });
    }
    match graph.shared_tensors().first() {
        None => Ok(()),
        Some(((node, name), _)) => {
            Err(RunError::TiedTensor { tensor: tensor_name(&graph.node(*node).name, name) })
        }
    }
}

/// A graph with real tensors.
#[derive(Debug)]
pub struct Network<'g, S> {
    pub(super) graph: &'g Graph,
    pub(super) owned: HashMap<WeightsId, Vec<Owned<S>>>,
    /// Inputs for which a node is known to need the tensors that it has, as one example of each.
    accepted: HashMap<NodeId, Vec<Vec<usize>>>,
    pub(super) rng: Rng,
    pub(super) meter: Meter,
    /// The persistent tensors: what the network owns.
    persistent: Meter,
    pub(super) backend: Backend,
    /// Prepacked weights of inference, if it has any.
    pub(super) prepacked: Option<HashMap<NodeId, Prepacked<S>>>,
    scheme: Scheme,
    frozen: Vec<String>,
}

/// Prepacked weights of a node, for inputs of some shapes.
#[derive(Debug)]
pub(super) struct Prepacked<S> {
    shapes: Vec<Vec<usize>>,
    /// Of nodes that share weights and are alike in all else, the same.
    made: Option<Arc<Buffer<S>>>,
}

impl<S> Prepacked<S> {
    pub(super) fn numbers(&self) -> Option<&[S]> {
        self.made.as_ref().map(|made| &made[..])
    }
}

/// The shape of one example of a batch.
fn tail<'s>(shape: &&'s [usize]) -> &'s [usize] {
    shape.get(1..).unwrap_or_default()
}

/// The shapes of one example of each input.
fn examples(shapes: &[&[usize]]) -> Vec<Vec<usize>> {
    shapes.iter().map(|shape| tail(shape).to_vec()).collect()
}

impl<'g, S: Scalar> Network<'g, S> {
    /// A network whose tensors will be initialised by this scheme from this seed, run by the reference kernels.
    pub fn new(graph: &'g Graph, scheme: Scheme, seed: u64) -> Self {
        let (rng, meter, backend) = (Rng::new(seed), Meter::new(), Backend::default());
        let (owned, persistent, frozen) = (HashMap::new(), meter.clone(), Vec::new());
        let (prepacked, accepted) = (None, HashMap::new());
        Self { graph, owned, accepted, rng, meter, persistent, backend, prepacked, scheme, frozen }
    }

    /// The same with what it owns on a meter of its own: what comes and goes is seen apart from what stays.
    #[must_use]
    pub fn with_persistent_meter(self, persistent: Meter) -> Self {
        Self { persistent, ..self }
    }

    /// The same run by other kernels.
    #[must_use]
    pub fn with_backend(self, backend: Backend) -> Self {
        Self { backend, ..self }
    }

    /// The same that keeps what inference makes of the parameters, transformed filters, for the next inference. It takes
    /// memory besides the parameters, and is dropped when they change.
    #[must_use]
    pub fn with_prepacking(self) -> Self {
        Self { prepacked: Some(HashMap::new()), ..self }
    }

    /// Leaves these parameters as they are: whole names, `features.0.weight`.
    #[cfg(any(test, feature = "internals"))]
    pub fn freeze(&mut self, names: impl IntoIterator<Item = String>) {
        self.frozen.extend(names);
    }

    /// Where its memory is accounted, but for what it owns if that has a meter of its own.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// The generator, to sample inputs from the same seed.
    pub fn rng(&mut self) -> &mut Rng {
        &mut self.rng
    }

    /// What a node owns; empty before the first run.
    pub fn owned(&self, node: NodeId) -> &[Owned<S>] {
        self.owned.get(&self.graph.node(node).weights).map_or(&[], Vec::as_slice)
    }

    /// The tensors with their whole names, in the order of the nodes; shared ones under the first.
    #[cfg(any(test, feature = "internals"))]
    pub fn tensors(&self) -> Vec<(String, &Owned<S>)> {
        let mut seen = Vec::new();
        let mut all = Vec::new();
        for (id, node) in self.graph.iter() {
            if !seen.contains(&node.weights) {
                seen.push(node.weights);
                let named =
                    self.owned(id).iter().map(|owned| (tensor_name(&node.name, owned.name), owned));
                all.extend(named);
            }
        }
        all
    }

    /// Replaces a tensor by one that is given.
    ///
    /// # Errors
    /// No tensor of this name and shape; before the first run there is none.
    #[cfg(any(test, feature = "internals"))]
    pub fn supply(&mut self, name: &str, tensor: Tensor<S>) -> Result<(), RunError> {
        let missing = || RunError::Tensor { name: name.to_owned(), found: tensor.shape().to_vec() };
        let found = self.graph.nodes().iter().find_map(|node| {
            let named = |owned: &Owned<S>| tensor_name(&node.name, owned.name) == name;
            Some((node.weights, self.owned.get(&node.weights)?.iter().position(named)?))
        });
        let (weights, at) = found.ok_or_else(missing)?;
        self.drop_prepacked();
        let slot = self.owned.get_mut(&weights).and_then(|all| all[at].tensor_mut());
        match slot.filter(|slot| slot.shape() == tensor.shape()) {
            Some(slot) => *slot = tensor,
            None => return Err(missing()),
        }
        Ok(())
    }

    /// Whether training changes a parameter of a node; a shared one is frozen under the name of the first.
    pub fn is_trained(&self, node: NodeId, owned: &Owned<S>) -> bool {
        let owner = self.graph.owner(self.graph.node(node).weights);
        let whole = || tensor_name(&self.graph.node(owner).name, owned.name);
        owned.kind == TensorKind::Parameter
            && (self.frozen.is_empty() || !self.frozen.contains(&whole()))
    }

    /// Forgets what was made of parameters that change.
    pub(super) fn drop_prepacked(&mut self) {
        if let Some(prepacked) = &mut self.prepacked {
            prepacked.clear();
        }
    }

    /// Makes what inference keeps of a node's parameters, unless it is there.
    pub(super) fn prepack(&mut self, node: NodeId, inputs: &[Tensor<S>]) {
        let Some(all) = &mut self.prepacked else { return };
        let shapes: Vec<&[usize]> = inputs.iter().map(Tensor::shape).collect();
        if all.get(&node).is_some_and(|prepacked| prepacked.shapes == shapes) {
            return;
        }
        let this = self.graph.node(node);
        let owned = self.owned.get(&this.weights).map_or(&[][..], Vec::as_slice);
        let alike = |(id, prepacked): &(&NodeId, &Prepacked<S>)| {
            let other = self.graph.node(**id);
            other.weights == this.weights && other.op == this.op && prepacked.shapes == shapes
        };
        let made = match all.iter().find(alike) {
            Some((_, prepacked)) => prepacked.made.clone(),
            None => self.backend.prepack(&this.op, &shapes, owned, &self.persistent).map(Arc::new),
        };
        let shapes = shapes.into_iter().map(<[usize]>::to_vec).collect();
        all.insert(node, Prepacked { shapes, made });
    }

    /// Makes what a node owns, where no earlier node did.
    pub(super) fn prepare(&mut self, node: NodeId, inputs: &[Tensor<S>]) -> Result<(), RunError> {
        let shapes: Vec<&[usize]> = inputs.iter().map(Tensor::shape).collect();
        let this = self.graph.node(node);
        let Some(known) = self.owned.get(&this.weights) else {
            let mut init =
                Init { scheme: self.scheme, rng: &mut self.rng, meter: &self.persistent };
            let made = this.op.init(&shapes, &mut init);
            self.owned.insert(this.weights, made);
            self.accepted.insert(node, examples(&shapes));
            return Ok(());
        };
        let owner = self.graph.owner(this.weights);
        let accepts = |node: NodeId| {
            let known = self.accepted.get(&node);
            known.is_some_and(|known| known.iter().map(Vec::as_slice).eq(shapes.iter().map(tail)))
        };
        // Only a second user can need other shapes, and what is alike in all needs the same.
        if owner == node || accepts(node) {
            return Ok(());
        }
        if self.graph.node(owner).op != this.op || !accepts(owner) {
            let (mut rng, meter) = (Rng::new(0), Meter::new());
            let mut init = Init { scheme: self.scheme, rng: &mut rng, meter: &meter };
            let needed = this.op.init::<S>(&shapes, &mut init);
            let same = needed.len() == known.len()
                && needed.iter().zip(known).all(|(a, b)| a.shape() == b.shape());
            if !same {
                return Err(RunError::SharedShapes { layer: this.name.clone() });
            }
        }
        self.accepted.insert(node, examples(&shapes));
        Ok(())
    }

    /// Runs every node once so that all tensors are made; the outputs are forgotten.
    ///
    /// # Errors
    /// As running does.
    pub fn build(&mut self, inputs: &[Tensor<S>]) -> Result<(), RunError> {
        self.infer(inputs.to_vec(), Mode::Eval).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::base::scalar::Counted;

    #[test]
    fn a_network_can_be_sent_to_another_thread() {
        fn is_send<T: Send>() {}
        is_send::<Network<'_, f32>>();
        is_send::<Network<'_, f64>>();
        is_send::<Network<'_, Counted>>();
    }
}
