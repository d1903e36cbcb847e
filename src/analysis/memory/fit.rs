//! The largest batch that fits: doubled until it no longer does, then halved in on.
//!
//! Tests stand in `tests/it/memory_command.rs`.

use crate::analysis::{Analysis, AnalysisError, Options, analyze};
use crate::graph::Graph;

/// The largest batch whose need is within a limit; 0 where not even one example fits.
///
/// # Errors
/// A network that cannot be analysed at a batch of one.
pub fn largest_batch(
    graph: &Graph,
    options: &Options,
    limit: u64,
    need: impl Fn(&Analysis) -> Result<u64, AnalysisError>,
) -> Result<u64, AnalysisError> {
    // What exceeds 64 bits does not fit; at a batch of one it is an error of the network.
    let fits = |batch: u64| {
        let analysed = analyze(graph, &Options { batch, ..options.clone() });
        analysed.and_then(|analysis| need(&analysis)).map(|bytes| bytes <= limit)
    };
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
