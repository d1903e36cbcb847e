//! Running a graph: forward with every buffer freed at its last use, forward onto a tape, and backward from it.
//!
//! ```text
//! infer     a value lives from its node to its last use
//! forward   the same, but what a kernel keeps for backward lives on the tape
//! backward  from the last node to the first: a node's gradients are made, then its outputs' gradients and what it kept
//!           are freed; gradients of a value or of shared weights are accumulated, which is work of its own, in the
//!           memory of one with a single holder, or in a copy where all are held
//! ```
//!
//! `analysis/memory` predicts the same lifetimes from shapes alone. The two are written independently on purpose: that they
//! agree is the test, so neither may use the other.

use std::collections::HashMap;

use super::network::{Network, RunError, runnable};
use crate::exec::base::meter::Buffer;
use crate::exec::base::scalar::Scalar;
use crate::exec::base::tensor::Tensor;
use crate::exec::kernels::{Backward, Forward, Kept, Made, Owned};
use crate::graph::{NodeId, ValueId, WeightsId};
use crate::ops::Mode;

/// What one node did in a forward pass.
#[derive(Debug)]
struct TapeEntry<S> {
    node: NodeId,
    /// Shapes of the inputs.
    shapes: Vec<Vec<usize>>,
    /// Inputs and outputs that its kernel keeps.
    inputs: Vec<Option<Tensor<S>>>,
    outputs: Vec<Option<Tensor<S>>>,
    /// What its kernel made to be kept.
    kept: Vec<Kept<S>>,
}

/// A forward pass with what its backward pass needs.
#[derive(Debug)]
pub struct Tape<S> {
    entries: Vec<TapeEntry<S>>,
    /// Values that are what a layer owns: the network keeps them, not the tape.
    owned: Vec<Tensor<S>>,
    mode: Mode,
    /// The network's outputs.
    pub outputs: Vec<Tensor<S>>,
}

/// Something to be looked at while a network runs.
pub trait Observer<S> {
    /// A node ran forward on these inputs.
    fn forward(&mut self, node: NodeId, inputs: &[Tensor<S>], made: &Made<S>);
    /// A node ran backward: gradients of its inputs (none where nobody wants them) and of its parameters.
    fn backward(&mut self, node: NodeId, inputs: &[Option<Tensor<S>>], params: &[Tensor<S>]);
}

/// Looks at nothing.
pub struct Unobserved;

impl<S> Observer<S> for Unobserved {
    fn forward(&mut self, _: NodeId, _: &[Tensor<S>], _: &Made<S>) {}
    fn backward(&mut self, _: NodeId, _: &[Option<Tensor<S>>], _: &[Tensor<S>]) {}
}

/// What a backward pass yields.
#[derive(Debug)]
pub struct Gradients<S> {
    /// Of the trained parameters of each set of weights: position among what is owned, and gradient.
    pub params: HashMap<WeightsId, Vec<(usize, Tensor<S>)>>,
    /// Of the network's inputs, where wanted and requires_grad.
    pub inputs: Vec<Option<Tensor<S>>>,
    /// Additions of gradient accumulation, in elements: at values, and at shared weights.
    pub accumulated: u64,
}

/// The node after which a value is not needed any more; `None` for outputs and what nobody uses.
struct LastUse(Vec<Option<NodeId>>);

impl<S: Scalar> Network<'_, S> {
    fn last_uses(&self) -> LastUse {
        let mut last = vec![None; self.graph.value_count()];
        for (id, node) in self.graph.iter() {
            for value in &node.inputs {
                last[value.index()] = Some(id);
            }
        }
        LastUse(last)
    }

    /// Which values need a gradient: those that depend on something trained, or on an input whose gradient is wanted.
    fn requires_grad(&self, inputs: bool) -> Vec<bool> {
        let mut requires_grad = vec![false; self.graph.value_count()];
        for input in self.graph.inputs() {
            requires_grad[input.value.index()] = inputs;
        }
        for (id, node) in self.graph.iter() {
            let through =
                node.inputs.iter().any(|value| requires_grad[value.index()]) || self.trains(id);
            for value in &node.outputs {
                requires_grad[value.index()] = through;
            }
        }
        requires_grad
    }

    fn trains(&self, id: NodeId) -> bool {
        self.owned(id).iter().any(|owned| self.is_trained(id, owned))
    }

    /// Runs the network without keeping anything for a backward pass.
    ///
    /// # Errors
    /// Another number of inputs than the network has, or shared weights of different shapes.
    pub fn infer(
        &mut self,
        inputs: Vec<Tensor<S>>,
        mode: Mode,
    ) -> Result<Vec<Tensor<S>>, RunError> {
        self.infer_seen(inputs, mode, &mut Unobserved)
    }

    /// The same while somebody looks.
    ///
    /// # Errors
    /// As [`Network::infer`].
    pub fn infer_seen(
        &mut self,
        inputs: Vec<Tensor<S>>,
        mode: Mode,
        observer: &mut dyn Observer<S>,
    ) -> Result<Vec<Tensor<S>>, RunError> {
        Ok(self.run(inputs, mode, None, observer)?.outputs)
    }

    /// Runs the network onto a tape. What leads to no trained parameter (nor, with `to_inputs`, to the inputs) keeps
    /// nothing. Parameters must have been made by an earlier run.
    ///
    /// # Errors
    /// As [`Network::infer`].
    pub fn forward(
        &mut self,
        inputs: Vec<Tensor<S>>,
        mode: Mode,
        to_inputs: bool,
        observer: &mut dyn Observer<S>,
    ) -> Result<Tape<S>, RunError> {
        let requires_grad = self.requires_grad(to_inputs);
        self.run(inputs, mode, Some(&requires_grad), observer)
    }

    fn run(
        &mut self,
        inputs: Vec<Tensor<S>>,
        mode: Mode,
        requires_grad: Option<&[bool]>,
        observer: &mut dyn Observer<S>,
    ) -> Result<Tape<S>, RunError> {
        let graph = self.graph;
        runnable(graph)?;
        let (expected, found) = (graph.inputs().len(), inputs.len());
        if expected != found {
            return Err(RunError::Inputs { expected, found });
        }
        let last = self.last_uses();
        let mut values: Vec<Option<Tensor<S>>> = vec![None; graph.value_count()];
        for (input, tensor) in graph.inputs().iter().zip(inputs) {
            values[input.value.index()] = Some(tensor);
        }
        let is_output = |value: ValueId| graph.outputs().iter().any(|output| output.value == value);
        let (mut entries, mut own) = (Vec::new(), Vec::new());
        for (id, node) in graph.iter() {
            let inputs: Vec<Tensor<S>> = node
                .inputs
                .iter()
                .map(|value| values[value.index()].clone().expect("topological order"))
                .collect();
            self.prepare(id, &inputs)?;
            let keep = requires_grad.is_some_and(|requires_grad| {
                node.outputs.iter().any(|value| requires_grad[value.index()])
            });
            if requires_grad.is_none() {
                self.prepack(id, &inputs);
            }
            let kept = self.prepacked.as_ref().filter(|_| requires_grad.is_none());
            let prepacked = kept.and_then(|all| all.get(&id)?.numbers());
            let owned = self.owned.get_mut(&node.weights).expect("prepared");
            let pass = Forward {
                inputs: &inputs,
                owned,
                mode,
                rng: &mut self.rng,
                keep,
                prepacked,
                meter: &self.meter,
            };
            let mut made = self.backend.forward(&node.op, pass);
            observer.forward(id, &inputs, &made);
            if requires_grad.is_some() && node.inputs.is_empty() {
                let is_own = |made: &&Tensor<S>| {
                    self.owned(id).iter().filter_map(Owned::tensor).any(|own| own.shares(made))
                };
                own.extend(made.outputs.iter().filter(is_own).cloned());
            }
            if keep {
                entries.push(TapeEntry::new(id, &inputs, &mut made));
            }
            for (value, tensor) in node.outputs.iter().zip(made.outputs) {
                // A value that nobody uses and that is no output ends here.
                if last.0[value.index()].is_some() || is_output(*value) {
                    values[value.index()] = Some(tensor);
                }
            }
            drop(inputs);
            for value in &node.inputs {
                if last.0[value.index()] == Some(id) && !is_output(*value) {
                    values[value.index()] = None;
                }
            }
        }
        let take = |value: ValueId| values[value.index()].clone().expect("every output was made");
        let outputs = graph.outputs().iter().map(|output| take(output.value)).collect();
        Ok(Tape { entries, owned: own, mode, outputs })
    }

    /// Runs the backward pass of a tape from the gradients of the outputs.
    pub fn backward(
        &mut self,
        tape: Tape<S>,
        grads: Vec<Tensor<S>>,
        to_inputs: bool,
        observer: &mut dyn Observer<S>,
    ) -> Gradients<S> {
        let graph = self.graph;
        let requires_grad = self.requires_grad(to_inputs);
        let Tape { entries, owned, mode, outputs } = tape;
        drop((owned, outputs));
        let mut flowing: Vec<Option<Tensor<S>>> = vec![None; graph.value_count()];
        let mut result = Gradients { params: HashMap::new(), inputs: Vec::new(), accumulated: 0 };
        for (output, grad) in graph.outputs().iter().zip(grads) {
            result.accumulated += accumulate(&mut flowing[output.value.index()], grad);
        }
        for entry in entries.into_iter().rev() {
            let node = graph.node(entry.node);
            let grads: Vec<Tensor<S>> =
                node.outputs.iter().filter_map(|value| flowing[value.index()].take()).collect();
            // What no output depends on has no gradient.
            if grads.len() < node.outputs.len() {
                continue;
            }
            let want_inputs = node.inputs.iter().any(|value| requires_grad[value.index()]);
            let want_params = self.trains(entry.node);
            let pass = Backward {
                shapes: &entry.shapes,
                inputs: &entry.inputs,
                outputs: &entry.outputs,
                kept: &entry.kept,
                owned: &self.owned[&node.weights],
                grads: &grads,
                mode,
                want_inputs,
                want_params,
                meter: &self.meter,
            };
            let made = self.backend.backward(&node.op, pass);
            let mut inputs: Vec<Option<Tensor<S>>> = made.inputs.into_iter().map(Some).collect();
            inputs.resize_with(node.inputs.len(), || None);
            for (slot, value) in inputs.iter_mut().zip(&node.inputs) {
                slot.take_if(|_| !requires_grad[value.index()]);
            }
            observer.backward(entry.node, &inputs, &made.params);
            drop((grads, entry.inputs, entry.outputs, entry.kept));
            for (value, grad) in node.inputs.iter().zip(inputs) {
                if let Some(grad) = grad {
                    result.accumulated += accumulate(&mut flowing[value.index()], grad);
                }
            }
            self.collect(entry.node, made.params, &mut result);
        }
        // An input that is an output has a gradient even where nobody wants it.
        let taken = graph.inputs().iter().map(|input| flowing[input.value.index()].take());
        result.inputs = taken.map(|grad| grad.filter(|_| to_inputs)).collect();
        result
    }

    /// Adds a node's parameter gradients to those of its weights; those of frozen parameters are dropped.
    fn collect(&self, id: NodeId, grads: Vec<Tensor<S>>, result: &mut Gradients<S>) {
        let node = self.graph.node(id);
        let owned = self.owned(id).iter().enumerate();
        let parameters =
            owned.filter(|(_, owned)| owned.kind == crate::exec::kernels::TensorKind::Parameter);
        let all = result.params.entry(node.weights).or_default();
        for ((at, owned), grad) in parameters.zip(grads) {
            if !self.is_trained(id, owned) {
                continue;
            }
            match all.iter_mut().find(|(known, _)| *known == at) {
                None => all.push((at, grad)),
                Some((_, sum)) => result.accumulated += add_into(sum, &grad),
            }
        }
    }
}

impl<S: Scalar> TapeEntry<S> {
    fn new(node: NodeId, inputs: &[Tensor<S>], made: &mut Made<S>) -> Self {
        let keeps = |index: usize, is_input: bool| {
            made.kept.iter().any(|kept| match kept {
                Kept::Input(at) => is_input && *at == index,
                Kept::Output(at) => !is_input && *at == index,
                _ => false,
            })
        };
        let pick = |all: &[Tensor<S>], is_input: bool| {
            all.iter()
                .enumerate()
                .map(|(i, tensor)| keeps(i, is_input).then(|| tensor.clone()))
                .collect()
        };
        let (kept_inputs, kept_outputs) = (pick(inputs, true), pick(&made.outputs, false));
        // Moved, since a copy would be memory too.
        let mut kept = std::mem::take(&mut made.kept);
        kept.retain(|kept| !matches!(kept, Kept::Input(_) | Kept::Output(_)));
        Self {
            node,
            shapes: inputs.iter().map(|tensor| tensor.shape().to_vec()).collect(),
            inputs: kept_inputs,
            outputs: kept_outputs,
            kept,
        }
    }

    /// Bytes of what was made to be kept.
    fn own_bytes(&self) -> u64 {
        let bytes = |kept: &Kept<S>| match kept {
            Kept::Numbers(_, tensor) => tensor.bytes(),
            Kept::Indices(_, buffer) => Buffer::bytes(buffer),
            Kept::Mask(_, buffer) => Buffer::bytes(buffer),
            Kept::Input(_) | Kept::Output(_) => 0,
        };
        self.kept.iter().map(bytes).sum()
    }
}

impl<S: Scalar> Tape<S> {
    /// Bytes that the tape keeps for backward, each tensor once.
    pub fn saved_bytes(&self) -> u64 {
        // What the network owns is counted there.
        let mut distinct: Vec<&Tensor<S>> = self.owned.iter().collect();
        let own = distinct.len();
        for entry in &self.entries {
            for tensor in entry.inputs.iter().chain(&entry.outputs).flatten() {
                if !distinct.iter().any(|known| known.shares(tensor)) {
                    distinct.push(tensor);
                }
            }
        }
        let shared: u64 = distinct[own..].iter().map(|tensor| tensor.bytes()).sum();
        shared + self.entries.iter().map(TapeEntry::own_bytes).sum::<u64>()
    }
}

/// Accumulates a gradient; returns the number of additions.
fn accumulate<S: Scalar>(slot: &mut Option<Tensor<S>>, mut grad: Tensor<S>) -> u64 {
    let Some(sum) = slot else {
        *slot = Some(grad);
        return 0;
    };
    // The sum is made in the one with a single holder: one that is passed on would be copied first.
    if sum.is_shared() && !grad.is_shared() {
        std::mem::swap(sum, &mut grad);
    }
    add_into(sum, &grad)
}

fn add_into<S: Scalar>(sum: &mut Tensor<S>, grad: &Tensor<S>) -> u64 {
    for (sum, grad) in sum.data_mut().iter_mut().zip(grad.data()) {
        *sum = sum.add(*grad);
    }
    grad.len() as u64
}
