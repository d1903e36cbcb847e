//! Memory: what must be held at once, for inference and for a training step, to the byte.
//!
//! The life of every tensor is followed from shapes alone, by the rules that `exec/run/tape.rs` follows: a value lives from
//! its node to its last use; views share what they view; in training, what an operator keeps lives until its backward, a
//! gradient until the node before it has used it, and gradients of parameters until the optimiser's step.

mod fit;
mod grad;
mod heap;
mod held;
mod life;
mod optimizer;
mod step;

pub use fit::{Fits, fits, largest_batch};
#[cfg(feature = "exec")]
pub(crate) use grad::requires_grad;
#[cfg(feature = "cli")]
pub(crate) use held::NOT_TRAINED;
#[cfg(feature = "cli")]
pub(crate) use held::OF_PARAMETER;
pub use held::{Alive, Engine, Memory, Moment, Peak, Plan, Training};
pub use optimizer::Optimizer;

use super::{Analysis, AnalysisError};
use crate::graph::Graph;
use crate::ops::Mode;
use crate::shape::{TooLarge, sum};
use life::{Life, listed};
use step::step;

/// Follows the memory of an analysed network, run by this engine.
///
/// # Errors
/// Sizes that exceed 64 bits.
pub fn memory(
    graph: &Graph,
    analysis: &Analysis,
    optimizer: Optimizer,
    engine: Engine,
) -> Result<Memory, AnalysisError> {
    let trained = analysis.options.dtype.is_float();
    let follow = || {
        Ok(Memory {
            flash: analysis.totals.param_bytes,
            buffers: analysis.totals.buffer_bytes,
            inference: inference(graph, analysis, engine)?,
            training: trained
                .then(|| step(graph, analysis, optimizer, engine, false))
                .transpose()?,
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
    engine: Engine,
    to_inputs: bool,
) -> Result<Training, AnalysisError> {
    step(graph, analysis, optimizer, engine, to_inputs).map_err(AnalysisError::totals)
}

fn inference(graph: &Graph, analysis: &Analysis, engine: Engine) -> Result<Peak, TooLarge> {
    let base = sum([analysis.totals.param_bytes, analysis.totals.buffer_bytes])?;
    listed(|wanted| {
        let mut life = Life::new(graph, analysis, (Mode::Eval, engine), base, wanted)?;
        for (id, _) in graph.iter() {
            life.forward(id, false)?;
        }
        Ok(life.peak())
    })
}
