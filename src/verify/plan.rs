//! What a verification runs: batch, mode, seed, steps and backend, and the batch raised where batch statistics need it.

use crate::analysis::{Analysis, AnalysisError, Options, analyze};
use crate::exec::backend::Backend;
use crate::exec::kernels::Kernel as _;
use crate::graph::Graph;
use crate::ops::Mode;
use crate::shape::Shape;

/// What is run.
#[derive(Clone, Copy, Debug)]
pub struct VerifyPlan {
    /// Examples that go through at once.
    pub batch: u64,
    /// Train or eval.
    pub mode: Mode,
    /// The seed of parameters, inputs and targets.
    pub seed: u64,
    /// Steps of gradient descent on one batch.
    pub steps: u64,
    /// Which kernels run the network, and those that gradients are checked of. Operations are tallied by the reference.
    pub backend: Backend,
}

/// The plan with a batch that batch statistics accept, and whether it had to be raised for them.
///
/// # Errors
/// A network that cannot be analysed.
pub fn resolve(graph: &Graph, plan: VerifyPlan) -> Result<(VerifyPlan, bool), AnalysisError> {
    let analysis = analysed(graph, plan)?;
    let single = graph.iter().any(|(id, node)| {
        let shapes: Vec<Vec<usize>> =
            analysis.rows[id.index()].inputs.iter().map(Shape::sizes).collect();
        let shapes: Vec<&[usize]> = shapes.iter().map(Vec::as_slice).collect();
        node.op.smallest_batch(&shapes, plan.mode) > 1
    });
    let raised = single && plan.batch == 1;
    Ok((VerifyPlan { batch: if raised { 2 } else { plan.batch }, ..plan }, raised))
}

pub(super) fn analysed(graph: &Graph, plan: VerifyPlan) -> Result<Analysis, AnalysisError> {
    let options = Options { mode: plan.mode, ..Options::default() };
    analyze(&graph.at_batch(plan.batch), &options).complete()
}
