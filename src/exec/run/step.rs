//! One training step: a sampled batch, a loss, the gradients, and a step of an optimiser.
//!
//! The loss is cross-entropy to sampled classes for a single N×C output of two classes or more (one teaches nothing), else
//! the mean square to sampled targets, averaged over the outputs. Every step of one batch samples the same dropout.

use super::loss;
use super::network::{Network, RunError};
use super::optim::Optimizer;
use super::tape::{Gradients, Observer};
use crate::exec::base::meter::{Buffer, Meter};
use crate::exec::base::rng::Rng;
use crate::exec::base::scalar::Scalar;
use crate::exec::base::tensor::Tensor;
use crate::exec::kernels::TensorKind;
use crate::graph::Graph;
use crate::ops::Mode;

/// A batch: inputs, and the seed of its targets.
#[derive(Clone, Debug)]
pub struct Data {
    inputs: Vec<(Vec<usize>, Vec<f64>)>,
    seed: u64,
}

impl Data {
    /// A batch of normal numbers, in the shapes of the inputs with the batch first.
    pub fn sample(graph: &Graph, shapes: &[Vec<usize>], seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let inputs = graph.inputs().iter().zip(shapes).map(|(_, shape)| {
            let n = shape.iter().product();
            (shape.clone(), rng.normals(n, 1.0))
        });
        Self { inputs: inputs.collect(), seed }
    }

    /// Bytes of its numbers, which are held besides the tensors of a network.
    pub fn bytes(&self) -> u64 {
        let numbers: usize = self.inputs.iter().map(|(_, numbers)| numbers.len()).sum();
        numbers as u64 * <f64 as Scalar>::BYTES
    }

    /// The inputs as tensors.
    pub fn inputs<S: Scalar>(&self, meter: &Meter) -> Vec<Tensor<S>> {
        let tensor = |(shape, numbers): &(Vec<usize>, Vec<f64>)| {
            Tensor::collect(shape, numbers.iter().map(|x| S::of(*x)), meter)
        };
        self.inputs.iter().map(tensor).collect()
    }
}

/// What a step found.
#[derive(Debug)]
pub struct Step<S> {
    /// The loss before the step.
    pub loss: f64,
    /// Bytes that were kept for backward.
    pub saved_bytes: u64,
    /// Bytes of the largest target, which is no part of the network's memory.
    pub target_bytes: u64,
    /// The gradients.
    pub gradients: Gradients<S>,
}

/// Runs a batch forward and backward; with `to_inputs` to the inputs too. Nothing is changed but running statistics.
///
/// # Errors
/// As running does.
pub fn step<S: Scalar>(
    network: &mut Network<'_, S>,
    data: &Data,
    mode: Mode,
    to_inputs: bool,
    observer: &mut dyn Observer<S>,
) -> Result<Step<S>, RunError> {
    let inputs = begin(network, data);
    let tape = network.forward(inputs, mode, to_inputs, observer)?;
    let saved_bytes = tape.saved_bytes();
    let meter = network.meter().clone();
    let (loss, grads, target_bytes) = losses(&tape.outputs, data.seed, &meter);
    let gradients = network.backward(tape, grads, to_inputs, observer);
    Ok(Step { loss, saved_bytes, target_bytes, gradients })
}

/// The loss that a step would begin with, of a batch that goes forward only.
///
/// # Errors
/// As running does.
pub fn loss<S: Scalar>(
    network: &mut Network<'_, S>,
    data: &Data,
    mode: Mode,
    observer: &mut dyn Observer<S>,
) -> Result<f64, RunError> {
    let inputs = begin(network, data);
    let outputs = network.infer_seen(inputs, mode, observer)?;
    Ok(losses(&outputs, data.seed, network.meter()).0)
}

/// The inputs of a step, seeded as every step of the batch is.
fn begin<S: Scalar>(network: &mut Network<'_, S>, data: &Data) -> Vec<Tensor<S>> {
    *network.rng() = Rng::new(data.seed.wrapping_add(1));
    data.inputs(network.meter())
}

/// The loss of all outputs, the gradient of each, and the bytes of the largest target. An output may be a parameter, which
/// another meter counts.
fn losses<S: Scalar>(
    outputs: &[Tensor<S>],
    seed: u64,
    meter: &Meter,
) -> (f64, Vec<Tensor<S>>, u64) {
    let mut targets = Rng::new(seed.wrapping_add(2));
    // Targets are no part of the network's memory.
    let aside = meter.sibling();
    if let [single] = outputs
        && let [batch, classes] = *single.shape()
        && classes > 1
    {
        let drawn = std::iter::repeat_with(|| targets.below(classes));
        let chosen = Buffer::collect(batch, drawn, &aside);
        let made = loss::cross_entropy(single, &chosen, meter);
        return (made.value.value(), vec![made.gradient], chosen.bytes());
    }
    #[allow(clippy::cast_precision_loss, reason = "a few outputs")]
    let share = 1.0 / outputs.len().max(1) as f64;
    let mut sum = 0.0;
    let mut grads = Vec::with_capacity(outputs.len());
    for output in outputs {
        let target = Tensor::new(output.shape(), targets.normals(output.len(), 1.0), &aside);
        let mut made = loss::mean_square(output, &target, meter);
        sum += made.value.value() * share;
        if outputs.len() > 1 {
            made.gradient.data_mut().iter_mut().for_each(|g| *g = g.mul(S::of(share)));
        }
        grads.push(made.gradient);
    }
    (sum, grads, aside.peak())
}

impl<S: Scalar> Network<'_, S> {
    /// One step of an optimiser along gradients. Parameters come in the order of the nodes.
    pub fn descend(&mut self, gradients: &Gradients<S>, optimizer: &mut impl Optimizer<S>) {
        self.drop_prepacked();
        let mut order: Vec<_> = self.graph.nodes().iter().map(|node| node.weights).collect();
        let mut seen = std::collections::HashSet::new();
        order.retain(|weights| seen.insert(*weights));
        let mut by_weights: std::collections::HashMap<_, _> = self.owned.iter_mut().collect();
        let mut pairs = Vec::new();
        for weights in order {
            let (Some(grads), Some(owned)) =
                (gradients.params.get(&weights), by_weights.remove(&weights))
            else {
                continue;
            };
            for (at, owned) in owned
                .iter_mut()
                .enumerate()
                .filter(|(_, owned)| owned.kind == TensorKind::Parameter)
            {
                let grad = grads.iter().find(|(known, _)| *known == at).map(|(_, grad)| grad);
                pairs.extend(owned.tensor_mut().zip(grad));
            }
        }
        optimizer.step(pairs);
    }
}
