//! What a verification takes, before it is run: the inputs on which each layer is checked, bytes, operations.
//!
//! ```text
//! bytes   running    a training step with gradients of the inputs, the batch in doubles, a target
//!         checking   parameters and buffers of the network, and one layer in doubles: what it owns, inputs, outputs,
//!                    what it keeps, gradients of all, cotangents, a copy of what is moved
//! ```
//!
//! Bytes are an upper bound of the numbers in tensors. The program itself, the description and the tables of which tap
//! falls where, which have a row for each position of an axis, are left out.

use super::plan::{VerifyPlan, analysed};
use crate::analysis::memory::{self, Engine, Optimizer};
use crate::analysis::{Analysis, AnalysisError};
use crate::exec::backend::Backend;
use crate::exec::gradcheck;
use crate::graph::{Graph, NodeId};
use crate::ops::error::ShapeError;
use crate::ops::ledger::{Keep, Role, Work};
use crate::ops::{Io, Layer, Mode, Op};
use crate::shape::{DType, Shape, TooLarge, product, sum};

/// Most operations of a forward pass that are tallied one by one.
pub const MAX_TALLIED: u64 = 8_000_000;
/// What an operation that tallies itself takes, in plain ones.
const TALLYING: u64 = 2;
/// Bytes of a number in a check.
const DOUBLE: u64 = DType::F64.bytes();

/// What checking one layer takes: its operations are tallied, its gradients compared with finite differences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checking {
    /// The inputs: the real ones, or the smallest that the shape rule accepts, axis by axis, where those are too many.
    pub on: Vec<Shape>,
    /// Whether they were made smaller.
    pub reduced: bool,
    /// Bytes at the highest.
    pub bytes: u64,
    /// Operations, a number that is moved being one.
    pub operations: u64,
}

impl Checking {
    /// Of an operator in a network.
    ///
    /// # Errors
    /// Inputs that it does not take, and sizes that exceed 64 bits.
    pub fn new(
        op: &Op,
        inputs: &[Shape],
        mode: Mode,
        backend: Backend,
    ) -> Result<Self, ShapeError> {
        let (on, reduced) = tallied_on(op, inputs, mode);
        let outputs = op.infer(&on)?;
        let io = Io { inputs: &on, outputs: &outputs, mode };
        let numbers = |shapes: &[Shape]| -> Result<Vec<u64>, TooLarge> {
            shapes.iter().map(Shape::numel).collect()
        };
        let (ins, outs) = (numbers(&on)?, sum(numbers(&outputs)?)?);
        let params = op.params(&on)?;
        let owned = numbers(&params.iter().map(|param| param.shape).collect::<Vec<_>>())?;
        let trained = params.iter().zip(&owned).filter(|(param, _)| param.role != Role::Buffer);
        let moved: Vec<u64> = ins.iter().copied().chain(trained.map(|(_, n)| *n)).collect();
        let own = |keep: &Keep| match keep {
            Keep::Own { elements, dtype, .. } => {
                Some(product([*elements, dtype.unwrap_or(DType::F64).bytes()]))
            }
            Keep::Input(_) | Keep::Output(_) => None,
        };
        let kept: Vec<u64> = op.saved(io)?.iter().filter_map(own).collect::<Result<_, _>>()?;
        let scratch =
            |backend: Backend| backend.plan()(op, &on, mode).into_iter().max().unwrap_or(0);
        // The reference tallies, the backend is what gradients are checked of.
        let scratch = scratch(Backend::Reference).max(scratch(backend.exactly()));
        let (ins, owned) = (sum(ins)?, sum(owned)?);
        // Gradients are as many as inputs and what is owned, and buffers that a pass changes are copied: twice each.
        let held = product([2 * DOUBLE, sum([ins, owned, outs])?])?;
        let scratch = product([DOUBLE, scratch])?;
        // What is moved has a copy and a sign for each number, after what was kept is freed.
        let copy = product([DOUBLE + 1, moved.iter().copied().max().unwrap_or(0)])?;
        let bytes = sum([held, scratch, copy.max(sum(kept)?)])?;

        let (forward, backward) = (op.work(io)?, op.work_backward(io)?);
        let forward = sum([operations(forward)?, ins, outs])?;
        let backward =
            sum([operations(backward.inputs)?, operations(backward.params)?, ins, outs])?;
        let once = sum([forward, backward])?;
        let evaluations = product([gradcheck::EVALUATIONS, moved.len() as u64, forward])?;
        let operations = sum([product([TALLYING + 1, once])?, evaluations])?;
        Ok(Self { on, reduced, bytes, operations })
    }
}

/// Operations of all kinds, a MAC being one.
///
/// # Errors
/// Counts that exceed 64 bits.
pub fn operations(work: Work) -> Result<u64, TooLarge> {
    let Work { macs, adds, muls, divs, cmps, specials, padding_taps: _ } = work;
    sum([macs, adds, muls, divs, cmps, specials])
}

/// What checking takes, layer by layer.
///
/// # Errors
/// Sizes that exceed 64 bits.
pub fn checking(
    graph: &Graph,
    analysis: &Analysis,
    (mode, backend): (Mode, Backend),
) -> Result<Vec<Checking>, AnalysisError> {
    let of = |(id, node): (NodeId, &crate::graph::Node)| {
        Checking::new(&node.op, &analysis.rows[id.index()].inputs, mode, backend)
            .map_err(|error| AnalysisError::at(graph, id, error))
    };
    graph.iter().map(of).collect()
}

/// Bytes that verification takes at its highest; never less than what it really takes.
///
/// # Errors
/// A network that cannot be analysed.
pub fn need(graph: &Graph, plan: VerifyPlan) -> Result<u64, AnalysisError> {
    let analysis = analysed(graph, plan)?;
    let checks = checking(graph, &analysis, (plan.mode, plan.backend))?;
    let check = checks.iter().map(|check| check.bytes).max().unwrap_or(0);
    let engine = Engine::Own(plan.backend.plan());
    let step = memory::training(graph, &analysis, Optimizer::Sgd, engine, true)?;
    let inference = memory::memory(graph, &analysis, Optimizer::Sgd, engine)?.inference;
    let doubles = |value: crate::graph::ValueId| {
        analysis.shape(value).map_or(Ok(0), |shape| shape.bytes(DType::F64))
    };
    let bytes = || {
        let batch = sum(graph
            .inputs()
            .iter()
            .map(|input| doubles(input.value))
            .collect::<Result<Vec<_>, _>>()?)?;
        // A number for each element of one output, or a class for each of its rows.
        let targets = graph.outputs().iter().map(|output| doubles(output.value));
        let target = targets.collect::<Result<Vec<_>, _>>()?.into_iter().max().unwrap_or(0);
        let running = sum([step.peak.bytes.max(inference.bytes), batch, target])?;
        Ok(running.max(sum([step.params, step.buffers, check])?))
    };
    bytes().map_err(AnalysisError::totals)
}

/// The inputs on which operations are tallied: the real ones, or the smallest that the shape rule accepts, axis by axis,
/// where those are too many. Whether they were made smaller comes with them.
fn tallied_on(op: &Op, inputs: &[Shape], mode: Mode) -> (Vec<Shape>, bool) {
    let total = |inputs: &[Shape]| {
        let outputs = op.infer(inputs).ok()?;
        let flops = op.work(Io { inputs, outputs: &outputs, mode }).ok()?.flops();
        let moved = inputs.iter().chain(&outputs).map(|shape| shape.numel().ok());
        moved.fold(flops.ok(), |sum, n| sum?.checked_add(n?))
    };
    let small = |inputs: &[Shape]| total(inputs).is_some_and(|n| n <= MAX_TALLIED);
    let mut on = inputs.to_vec();
    let mut reduced = false;
    let rank = on.first().map_or(0, Shape::rank);
    // All positions and the batch at once; channels only where that is not enough, since parameters depend on them.
    for axes in [(2..rank).rev().chain([0]).collect::<Vec<_>>(), vec![1]] {
        if small(&on) {
            break;
        }
        for axis in axes.into_iter().filter(|axis| *axis < rank) {
            let accepted = |n: u64| {
                // An axis of size 1 stays: it may be stretched to another input's.
                let smaller = |shape: &Shape| match shape.get(axis) {
                    Some(2..) => shape.with(axis, n),
                    _ => *shape,
                };
                let smaller: Vec<Shape> = on.iter().map(smaller).collect();
                let fits = op
                    .infer(&smaller)
                    .is_ok_and(|outputs| outputs.iter().all(|o| o.numel().is_ok()));
                fits.then_some(smaller)
            };
            let full = on.iter().filter_map(|shape| shape.get(axis)).max().unwrap_or(1);
            let is_stretched = on.iter().any(|shape| shape.get(axis) != Some(full));
            // Batch statistics need two, and so does an axis on which an input is stretched.
            let smallest = if axis == 0 || is_stretched { 2.min(full) } else { 1 };
            if let Some(smaller) = (smallest..full.min(1024)).find_map(accepted) {
                on = smaller;
                reduced = true;
            }
        }
    }
    (on, reduced)
}
