//! The words that rules are written in: terms, conditions, and operators that several tools count alike.

use super::rule::Amount::{Adds, Inputs, Macs, Muls};
use super::rule::When::Is;
use super::rule::{Amount, By, Rule, Term, When};

/// What counts however the network's code writes the layer.
pub(super) const fn term(times: i64, of: Amount, what: &'static str) -> Term {
    Term { times, of, what, by: By::Either }
}

/// What counts where the layer is a module.
pub(super) const fn module(times: i64, of: Amount, what: &'static str) -> Term {
    Term { times, of, what, by: By::Module }
}

/// What counts where the network's code calls the function, and not where a module stands for it.
pub(super) const fn function(times: i64, of: Amount, what: &'static str) -> Term {
    Term { times, of, what, by: By::Function }
}

pub(super) const fn rule(ops: &'static [&'static str], terms: &'static [Term]) -> Rule {
    Rule { ops, when: &[], terms }
}

/// A rule that holds under conditions.
pub(super) const fn case(
    when: &'static [When],
    ops: &'static [&'static str],
    terms: &'static [Term],
) -> Rule {
    Rule { ops, when, terms }
}

pub(super) const AFFINE: When = Is("affine", "true");
pub(super) const ELEMENTWISE: When = Is("elementwise_affine", "true");
pub(super) const UNTRACKED: When = Is("track_running_stats", "false");

/// Layers with a matrix or a kernel, which all conventions count.
pub(super) const MATRICES: &[&str] = &["convNd", "conv_transposeNd", "linear"];
pub(super) const CONVS: &[&str] = &["convNd", "conv_transposeNd"];
/// Norms that take their own statistics, with `affine`.
pub(super) const OWN_NORMS: &[&str] = &["groupnorm", "instancenormNd"];
pub(super) const LAYER_NORMS: &[&str] = &["layernorm", "layernormNd"];
pub(super) const POOLS: &[&str] = &["maxpoolNd", "avgpoolNd"];
pub(super) const ADAPTIVE_POOLS: &[&str] = &["adaptive_avgpoolNd", "adaptive_maxpoolNd"];

pub(super) const MACS: Term = term(1, Macs, "MACs");
pub(super) const TWO_MACS: Term = term(2, Macs, "MACs");
pub(super) const BIAS: Term = term(1, Adds, "bias adds");
pub(super) const SUMS: Term = term(1, Adds, "adds of joins");
pub(super) const PRODUCTS: Term = term(1, Muls, "multiplies of joins");
pub(super) const POOLED: Term = term(1, Inputs, "elements into pools");

pub(super) const BATCH_NORMS: &[&str] = &["batchnormNd"];
