//! What running a network takes: the time of each layer, forward and backward, as it really runs.
//!
//! The first run makes the parameters and warms up; then as many are timed as asked for, and a layer's time is the median
//! of its times. A layer's time goes from where the one before it ended to where it ends itself, so that what lies between
//! (gradient accumulation, tensors that are freed) is in it, and all times add up to that of the network. It may use
//! `analysis` and `exec`.

use std::time::{Duration, Instant};

use crate::analysis::memory::{self, Engine, Optimizer};
use crate::analysis::{Analysis, AnalysisError};
use crate::exec::backend::Backend;
use crate::exec::kernels::{Made, Scheme};
use crate::exec::network::{Network, RunError};
use crate::exec::scalar::Scalar;
use crate::exec::step::Data;
use crate::exec::tape::Observer;
use crate::exec::tensor::Tensor;
use crate::graph::{Graph, Node, NodeId};
use crate::shape::{DType, Shape};

/// What is run, and how often.
#[derive(Clone, Copy, Debug)]
pub struct ProfilePlan {
    /// Which kernels run.
    pub backend: Backend,
    /// Whether it goes backward too, from random gradients of its outputs; then forward keeps what that needs.
    pub backward: bool,
    /// How many runs are timed; 0 is taken as 1.
    pub repeat: usize,
}

/// What a layer took, by the median of all runs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LayerTime {
    /// Seconds forward.
    pub forward: f64,
    /// Seconds backward; 0 where it has no backward pass.
    pub backward: f64,
    /// Whether backward made gradients of its inputs: what leads to no parameter has none.
    pub to_inputs: bool,
    /// Whether backward made gradients of its parameters.
    pub to_params: bool,
}

/// Takes the time of each layer.
struct Stopwatch {
    since: Instant,
    /// By layer: each run's times.
    forward: Vec<Vec<Duration>>,
    backward: Vec<Vec<Duration>>,
    /// By layer: whether gradients of inputs, and of parameters, were made.
    made: Vec<(bool, bool)>,
}

impl Stopwatch {
    fn new(layers: usize) -> Self {
        let none = vec![Vec::new(); layers];
        let made = vec![(false, false); layers];
        Self { since: Instant::now(), forward: none.clone(), backward: none, made }
    }

    /// Time since the last layer ended.
    fn lap(&mut self) -> Duration {
        let now = Instant::now();
        now.duration_since(std::mem::replace(&mut self.since, now))
    }
}

impl Observer<f32> for Stopwatch {
    fn forward(&mut self, node: NodeId, _: &[Tensor<f32>], _: &Made<f32>) {
        let lap = self.lap();
        self.forward[node.index()].push(lap);
    }

    fn backward(&mut self, node: NodeId, inputs: &[Option<Tensor<f32>>], params: &[Tensor<f32>]) {
        let lap = self.lap();
        self.backward[node.index()].push(lap);
        self.made[node.index()] = (inputs.iter().any(Option::is_some), !params.is_empty());
    }
}

/// A layer's times, forward and backward.
type Laps<'w> = (&'w mut Vec<Duration>, &'w mut Vec<Duration>);

/// Seconds in the middle; 0 of none.
fn median(times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    times.get(times.len() / 2).map_or(0.0, Duration::as_secs_f64)
}

/// Bytes of tensors that profiling takes at the highest: an upper bound.
///
/// # Errors
/// A network that cannot be analysed.
pub fn need(graph: &Graph, analysis: &Analysis, plan: ProfilePlan) -> Result<u64, AnalysisError> {
    let peak = if plan.backward {
        let engine = Engine::Own(plan.backend.plan());
        memory::training(graph, analysis, Optimizer::Sgd, engine, false)?.peak.bytes
    } else {
        let engine = Engine::Own(plan.backend.prepacked_plan());
        let inference = memory::memory(graph, analysis, Optimizer::Sgd, engine)?.inference.bytes;
        inference.saturating_add(prepacked_bytes(graph, analysis, plan.backend))
    };
    // The batch is held besides it in doubles, and in singles for the run that follows.
    let inputs = graph.inputs().iter().filter_map(|input| analysis.shape(input.value));
    let beside =
        inputs.filter_map(|shape| shape.bytes(DType::F64).ok()).fold(0, u64::saturating_add);
    Ok(peak.saturating_add(beside.saturating_mul(2)))
}

/// Bytes of what inference makes of the parameters beforehand and keeps: transformed filters.
pub fn prepacked_bytes(graph: &Graph, analysis: &Analysis, backend: Backend) -> u64 {
    // Of nodes that share weights and are alike in all else, the first.
    let is_first = |id: NodeId, node: &Node| {
        let alike = |other: NodeId| {
            let inputs = |id: NodeId| &analysis.rows[id.index()].inputs;
            graph.node(other).weights == node.weights
                && graph.node(other).op == node.op
                && inputs(other) == inputs(id)
        };
        graph.owner(node.weights) == id
            || !graph.iter().take_while(|(other, _)| *other != id).any(|(other, _)| alike(other))
    };
    let nodes = graph.iter().filter(|(id, node)| is_first(*id, node));
    let bytes = nodes.map(|(id, node)| {
        let row = &analysis.rows[id.index()];
        let shapes: Vec<Vec<usize>> = row.inputs.iter().map(Shape::sizes).collect();
        let shapes: Vec<&[usize]> = shapes.iter().map(Vec::as_slice).collect();
        backend.prepacked_len(&node.op, &shapes) as u64 * <f32 as Scalar>::BYTES
    });
    bytes.fold(0, u64::saturating_add)
}

/// Runs the network and takes the time of each layer, in execution order. `progress` hears of each run that ended.
///
/// # Errors
/// A network that cannot be run.
pub fn profile(
    graph: &Graph,
    analysis: &Analysis,
    plan: ProfilePlan,
    mut progress: impl FnMut(),
) -> Result<Vec<LayerTime>, RunError> {
    let mode = analysis.options.mode;
    let inputs = graph.inputs().iter().filter_map(|input| analysis.shape(input.value));
    let shapes: Vec<Vec<usize>> = inputs.map(|shape| shape.sizes()).collect();
    let network = Network::<f32>::new(graph, Scheme::KaimingNormal, 0).with_backend(plan.backend);
    // Backward is what training does, whose parameters change.
    let mut network = if plan.backward { network } else { network.with_prepacking() };
    let data = Data::sample(graph, &shapes, 0);
    let meter = network.meter().clone();
    network.build(&data.inputs(&meter))?;
    let mut watch = Stopwatch::new(graph.nodes().len());
    // The first run is not counted.
    for run in 0..=plan.repeat.max(1) {
        let inputs = data.inputs(&meter);
        if run == 1 {
            watch = Stopwatch::new(graph.nodes().len());
        }
        watch.since = Instant::now();
        if plan.backward {
            let tape = network.forward(inputs, mode, false, &mut watch)?;
            let ones = |output: &Tensor<f32>| Tensor::full(output.shape(), 1e-3, &meter);
            let grads = tape.outputs.iter().map(ones).collect();
            watch.since = Instant::now();
            drop(network.backward(tape, grads, false, &mut watch));
        } else {
            drop(network.infer_seen(inputs, mode, &mut watch)?);
        }
        progress();
    }
    let times = watch.forward.iter_mut().zip(&mut watch.backward).zip(watch.made);
    let layer = |((forward, backward), (to_inputs, to_params)): (Laps<'_>, (bool, bool))| {
        LayerTime { forward: median(forward), backward: median(backward), to_inputs, to_params }
    };
    Ok(times.map(layer).collect())
}
