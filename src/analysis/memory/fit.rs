//! The largest batch that fits: doubled until it no longer does, then halved in on.

use serde::Serialize;

use super::held::Memory;
use crate::analysis::{Analysis, AnalysisError, analyze};
use crate::graph::Graph;

/// The largest batch whose need is within a limit; 0 where not even one example fits. `need` says the bytes at a batch.
///
/// # Errors
/// A network that cannot be analysed at a batch of one.
pub fn largest_batch(
    limit: u64,
    mut need: impl FnMut(u64) -> Result<u64, AnalysisError>,
) -> Result<u64, AnalysisError> {
    // What exceeds 64 bits does not fit; at a batch of one it is an error of the network.
    let mut fits = |batch: u64| need(batch).map(|bytes| bytes <= limit);
    if !fits(1)? {
        return Ok(0);
    }
    let (mut most, mut too_many) = (1u64, 2u64);
    while fits(too_many).unwrap_or(false) {
        most = too_many;
        match too_many.checked_mul(2) {
            Some(next) => too_many = next,
            None => return Ok(most),
        }
    }
    while too_many - most > 1 {
        let middle = most + (too_many - most) / 2;
        if fits(middle).unwrap_or(false) {
            most = middle;
        } else {
            too_many = middle;
        }
    }
    Ok(most)
}

/// What fits in a given memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Fits {
    /// Bytes there are.
    pub limit_bytes: u64,
    /// The largest batch of inference that fits; 0 where not even one example does. `None` where something is not known.
    pub inference_batch: Option<u64>,
    /// The largest batch of a training step that fits; `None` too in a type that is not trained.
    pub training_batch: Option<u64>,
    /// What was asked about at the report's batch: `inference`, or `training` where an optimiser was named.
    pub judged: &'static str,
    /// Whether that fits; `None` where a lower bound fits, which does not decide it.
    pub fits: Option<bool>,
}

/// What fits in so many bytes: the largest batches, and whether training or inference does at the batch as it is.
///
/// # Errors
/// A network that cannot be analysed at a batch of one.
pub fn fits(
    graph: &Graph,
    analysis: &Analysis,
    found: &Memory,
    trains: bool,
    limit: u64,
    need: impl Fn(&Graph, &Analysis) -> Result<Memory, AnalysisError>,
) -> Result<Fits, AnalysisError> {
    let largest = |bytes: fn(&Memory) -> Option<u64>| {
        let need = |batch: u64| {
            let graph = graph.at_batch(batch);
            let analysis = analyze(&graph, &analysis.options).complete()?;
            // What is not trained is not asked about.
            need(&graph, &analysis).map(|memory| bytes(&memory).unwrap_or(u64::MAX))
        };
        let is_known = found.is_exact && bytes(found).is_some();
        is_known.then(|| largest_batch(limit, need)).transpose()
    };
    let of_step = |memory: &Memory| memory.training.as_ref().map(|step| step.peak.bytes);
    let judged = of_step(found).filter(|_| trains);
    let bytes = judged.unwrap_or(found.inference.bytes);
    Ok(Fits {
        limit_bytes: limit,
        inference_batch: largest(|memory| Some(memory.inference.bytes))?,
        training_batch: largest(of_step)?,
        judged: if judged.is_some() { "training" } else { "inference" },
        fits: (found.is_exact || bytes > limit).then_some(bytes <= limit),
    })
}
