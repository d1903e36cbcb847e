//! Which layers made the difference: what each brought to a quantity or took from it, the most first.
//!
//! Imports the report's model, `graph` and `compare`.

use super::{Measure, Outcome, Verdict};
use crate::compare;
use crate::expectation::Expectation;
use crate::graph::is_within;
use crate::report::model::{Layer, Report};

/// How many layers are named.
pub const NAMED: usize = 10;

/// A layer and its part in a quantity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mover {
    /// Its name, as it is now, or as it was if it is gone.
    pub layer: String,
    /// Its place in execution order; `None` if it is gone.
    pub index: Option<usize>,
    /// Its part before; `None` if it was not there, or nothing is known of before.
    pub before: Option<u64>,
    /// Its part now; `None` if it is gone.
    pub after: Option<u64>,
}

/// Whether a layer is one, or one of a scope, that an expectation speaks of.
pub fn is_meant(expectation: &Expectation, layer: &Layer) -> bool {
    expectation.layer.as_ref().is_none_or(|name| is_within(&layer.name, name))
}

/// The layers to name with a verdict: those that moved a number since it was last measured, else those that have the most of
/// one that is not as it should be.
pub fn of(
    verdict: &Verdict,
    was: Option<&Report>,
    now: &Report,
    expectation: &Expectation,
) -> Vec<Mover> {
    let moved = match (verdict.found, verdict.before) {
        (Some(Measure::Number(now)), Some(before)) => now != before,
        _ => false,
    };
    match was {
        Some(was) if moved => movers(was, now, expectation),
        _ if matches!(verdict.outcome, Outcome::Met | Outcome::NoBaseline(_)) => Vec::new(),
        _ => heaviest(now, expectation),
    }
}

/// The layers whose part in a quantity changed, the largest change first.
fn movers(before: &Report, now: &Report, expectation: &Expectation) -> Vec<Mover> {
    let Some(of) = expectation.quantity.part() else { return Vec::new() };
    let diff = compare::diff(before, now);
    let meant = |layer: Option<&Layer>| layer.is_some_and(|layer| is_meant(expectation, layer));
    let mut changed: Vec<_> = diff
        .entries
        .iter()
        .filter(|entry| meant(entry.before) || meant(entry.after))
        .map(|entry| (entry.delta(of).signed(), entry))
        .filter(|(change, _)| *change != 0)
        .collect();
    changed.sort_by_key(|(change, _)| std::cmp::Reverse(change.unsigned_abs()));
    let mover = |(_, entry): (i128, &compare::Entry<'_>)| {
        let part = |layer: Option<&Layer>| layer.map(|layer| of(&layer.counts));
        Some(Mover {
            layer: entry.layer()?.name.clone(),
            index: entry.after.map(|layer| layer.index),
            before: part(entry.before),
            after: part(entry.after),
        })
    };
    changed.into_iter().take(NAMED).filter_map(mover).collect()
}

/// The layers that have the most of a quantity.
fn heaviest(now: &Report, expectation: &Expectation) -> Vec<Mover> {
    let Some(of) = expectation.quantity.part() else { return Vec::new() };
    let mut layers: Vec<(u64, &Layer)> = now
        .layers
        .iter()
        .filter(|layer| is_meant(expectation, layer))
        .map(|layer| (of(&layer.counts), layer))
        .filter(|(n, _)| *n > 0)
        .collect();
    layers.sort_by_key(|(n, _)| std::cmp::Reverse(*n));
    let mover = |(n, layer): (u64, &Layer)| Mover {
        layer: layer.name.clone(),
        index: Some(layer.index),
        before: None,
        after: Some(n),
    };
    layers.into_iter().take(NAMED).map(mover).collect()
}
