//! A network with its tensors: what the nodes of a graph own, made when the first real input reaches them.
//!
//! Nodes that share weights share their tensors; `init` runs once for each set. Tests stand in `tests/it/tape.rs`.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::backend::Backend;
use super::kernels::{Init, Kernel as _, Owned, Part, Scheme};
use super::meter::{Buffer, Meter};
use super::rng::Rng;
use super::scalar::Scalar;
use super::tensor::Tensor;
use crate::graph::{Graph, NodeId, WeightsId, tensor_name};
use crate::ops::Mode;

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
    /// A tensor of this name is not there, or has another shape.
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
            Self::Tensor { name, found } => write!(f, "no tensor {name} of shape {found:?}"),
        }
    }
}

impl std::error::Error for RunError {}

/// A graph with real tensors.
#[derive(Debug)]
pub struct Network<'g, S> {
    pub(super) graph: &'g Graph,
    pub(super) owned: HashMap<WeightsId, Vec<Owned<S>>>,
    /// Inputs for which a node is known to need the tensors that it has, as one example of each.
    accepted: HashMap<NodeId, Vec<Vec<usize>>>,
    pub(super) rng: Rng,
    pub(super) meter: Meter,
    /// Of what it owns.
    lasting: Meter,
    pub(super) backend: Backend,
    /// What inference keeps of the parameters, if it keeps any.
    pub(super) ready: Option<HashMap<NodeId, Ready<S>>>,
    scheme: Scheme,
    frozen: Vec<String>,
}

/// What a backend made of a node's parameters, for inputs of some shapes.
#[derive(Debug)]
pub(super) struct Ready<S> {
    shapes: Vec<Vec<usize>>,
    /// Of nodes that share weights and are alike in all else, the same.
    made: Option<Arc<Buffer<S>>>,
}

impl<S> Ready<S> {
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
    /// A network whose tensors will be drawn by this scheme from this seed, run by the reference kernels.
    pub fn new(graph: &'g Graph, scheme: Scheme, seed: u64) -> Self {
        let (rng, meter, backend) = (Rng::new(seed), Meter::new(), Backend::default());
        let (owned, lasting, frozen) = (HashMap::new(), meter.clone(), Vec::new());
        let (ready, accepted) = (None, HashMap::new());
        Self { graph, owned, accepted, rng, meter, lasting, backend, ready, scheme, frozen }
    }

    /// The same with what it owns on a meter of its own: what comes and goes is seen apart from what stays.
    #[must_use]
    pub fn owning_on(self, lasting: Meter) -> Self {
        Self { lasting, ..self }
    }

    /// The same run by other kernels.
    #[must_use]
    pub fn with_backend(self, backend: Backend) -> Self {
        Self { backend, ..self }
    }

    /// The same that keeps what inference makes of the parameters, transformed filters, for the next inference. It takes
    /// memory beside the parameters, and is forgotten when they change.
    #[must_use]
    pub fn keeping_ready(self) -> Self {
        Self { ready: Some(HashMap::new()), ..self }
    }

    /// Which kernels run it.
    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// Leaves these parameters as they are: whole names, `features.0.weight`.
    pub fn freeze(&mut self, names: impl IntoIterator<Item = String>) {
        self.frozen.extend(names);
    }

    /// The graph.
    pub fn graph(&self) -> &'g Graph {
        self.graph
    }

    /// Where its memory is accounted, but for what it owns if that has a meter of its own.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// The generator, to draw inputs from the same seed.
    pub fn rng(&mut self) -> &mut Rng {
        &mut self.rng
    }

    /// What a node owns; empty before the first run.
    pub fn owned(&self, node: NodeId) -> &[Owned<S>] {
        self.owned.get(&self.graph.node(node).weights).map_or(&[], Vec::as_slice)
    }

    /// The tensors with their whole names, in the order of the nodes; shared ones under the first.
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
    pub fn supply(&mut self, name: &str, tensor: Tensor<S>) -> Result<(), RunError> {
        let missing = || RunError::Tensor { name: name.to_owned(), found: tensor.shape().to_vec() };
        let found = self.graph.nodes().iter().find_map(|node| {
            let named = |owned: &Owned<S>| tensor_name(&node.name, owned.name) == name;
            Some((node.weights, self.owned.get(&node.weights)?.iter().position(named)?))
        });
        let (weights, at) = found.ok_or_else(missing)?;
        self.forget_ready();
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
        owned.part == Part::Parameter && (self.frozen.is_empty() || !self.frozen.contains(&whole()))
    }

    /// Forgets what was made of parameters that change.
    pub(super) fn forget_ready(&mut self) {
        if let Some(ready) = &mut self.ready {
            ready.clear();
        }
    }

    /// Makes what inference keeps of a node's parameters, unless it is there.
    pub(super) fn make_ready(&mut self, node: NodeId, inputs: &[Tensor<S>]) {
        let Some(all) = &mut self.ready else { return };
        let shapes: Vec<&[usize]> = inputs.iter().map(Tensor::shape).collect();
        if all.get(&node).is_some_and(|ready| ready.shapes == shapes) {
            return;
        }
        let this = self.graph.node(node);
        let owned = self.owned.get(&this.weights).map_or(&[][..], Vec::as_slice);
        let alike = |(id, ready): &(&NodeId, &Ready<S>)| {
            let other = self.graph.node(**id);
            other.weights == this.weights && other.op == this.op && ready.shapes == shapes
        };
        let made = match all.iter().find(alike) {
            Some((_, ready)) => ready.made.clone(),
            None => self.backend.ready(&this.op, &shapes, owned, &self.lasting).map(Arc::new),
        };
        let shapes = shapes.into_iter().map(<[usize]>::to_vec).collect();
        all.insert(node, Ready { shapes, made });
    }

    /// Makes what a node owns, where no earlier node did.
    pub(super) fn prepare(&mut self, node: NodeId, inputs: &[Tensor<S>]) -> Result<(), RunError> {
        let shapes: Vec<&[usize]> = inputs.iter().map(Tensor::shape).collect();
        let this = self.graph.node(node);
        let Some(known) = self.owned.get(&this.weights) else {
            let mut init = Init { scheme: self.scheme, rng: &mut self.rng, meter: &self.lasting };
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
