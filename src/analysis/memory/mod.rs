//! Memory: what must be held at once, for inference and for a training step, to the byte.
//!
//! The life of every tensor is followed from shapes alone, by the rules that `exec/run/tape.rs` follows: a value lives from
//! its node to its last use; views share what they view; in training, what an operator keeps lives until its backward, a
//! gradient until the node before it has used it, and gradients of parameters until the optimiser's step.

mod fit;
mod heap;
mod held;
mod life;
mod optimizer;
mod step;

pub use fit::{Fits, fits, largest_batch};
#[cfg(feature = "cli")]
pub(crate) use held::OF_PARAMETER;
pub use held::{Alive, Memory, Moment, Peak, Plan, Training};
pub use optimizer::Optimizer;

use super::{Analysis, AnalysisError};
use crate::graph::Graph;
use crate::ops::Mode;
use crate::shape::{TooLarge, sum};
use life::{Life, listed};
#[cfg(feature = "exec")]
pub(crate) use step::requires_grad;
use step::step;

/// Follows the memory of an analysed network, run by a backend of this plan.
///
/// # Errors
/// Sizes that exceed 64 bits.
pub fn memory(
    graph: &Graph,
    analysis: &Analysis,
    optimizer: Optimizer,
    plan: Plan,
) -> Result<Memory, AnalysisError> {
    let follow = || {
        Ok(Memory {
            flash: analysis.totals.param_bytes,
            buffers: analysis.totals.buffer_bytes,
            inference: inference(graph, analysis, plan)?,
            training: step(graph, analysis, optimizer, plan, false)?,
            is_exact: analysis.is_exact(graph),
        })
    };
    follow().map_err(AnalysisError::totals)
}

/// Follows the memory of a training step; with `to_inputs`, gradients of the network's inputs are made too.
///
/// # Errors
/// Sizes that exceed 64 bits.
pub fn training(
    graph: &Graph,
    analysis: &Analysis,
    optimizer: Optimizer,
    plan: Plan,
    to_inputs: bool,
) -> Result<Training, AnalysisError> {
    step(graph, analysis, optimizer, plan, to_inputs).map_err(AnalysisError::totals)
}

fn inference(graph: &Graph, analysis: &Analysis, plan: Plan) -> Result<Peak, TooLarge> {
    let base = sum([analysis.totals.param_bytes, analysis.totals.buffer_bytes])?;
    listed(|wanted| {
        let mut life = Life::new(graph, analysis, (Mode::Eval, plan), base, wanted)?;
        for (id, _) in graph.iter() {
            life.forward(id, false)?;
        }
        Ok(life.peak())
    })
}
