//! What `cnnstat verify` found, as it is serialised: layer by layer what happened, and every quantity computed and executed.
//!
//! A layer's MACs are those that were tallied, on a smaller input where the real one is too large.

use serde::Serialize;

use crate::graph::Graph;
use crate::ops::ledger::Work;
use crate::report::build::mode_name;
use crate::report::model::{Input, SCHEMA_VERSION};
use crate::shape::DType;
use crate::verify::{self, Verification, Verified, VerifyPlan};

/// What was found of a network.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VerifyReport {
    /// The version of the JSON that is written.
    pub schema_version: u32,
    /// The network's name.
    pub model: String,
    /// Its inputs, with the batch.
    pub inputs: Vec<Input>,
    /// Examples that went through at once.
    pub batch: u64,
    /// Whether the batch was raised, since batch statistics need more than one value.
    pub batch_raised: bool,
    /// Element type of parameters and activations.
    pub dtype: &'static str,
    /// `train` or `eval`.
    pub mode: &'static str,
    /// The seed that parameters, inputs and targets were sampled from.
    pub seed: u64,
    /// Steps of gradient descent.
    pub steps: u64,
    /// Bytes that tensors were predicted to take at the highest: an upper bound.
    pub needed_bytes: u64,
    /// Bytes that they took at the highest.
    pub taken_bytes: u64,
    /// What was found of each layer, in execution order.
    pub layers: Vec<VerifiedLayer>,
    /// Quantities of the whole network.
    pub totals: Vec<Comparison>,
    /// The loss before the first step and after each.
    pub losses: Vec<f64>,
    /// How many quantities were compared.
    pub compared: usize,
    /// How many of them differ.
    pub mismatches: usize,
}

/// What was found of a layer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VerifiedLayer {
    /// Position in execution order.
    pub index: usize,
    /// Its name.
    pub name: String,
    /// Its operator.
    pub op: String,
    /// Its output as it happened, batch first.
    pub output: Vec<u64>,
    /// Elements of its parameters, as they were made.
    pub params: u64,
    /// Whether it was run by the reference's kernel though fast ones were asked for: there is none.
    pub by_reference: bool,
    /// What was tallied of a forward pass.
    pub work: Work,
    /// The first input on which operations were tallied, where the real one is too large.
    pub tallied_on: Option<Vec<u64>>,
    /// Bytes that it kept for backward.
    pub saved_bytes: u64,
    /// The largest error of its gradients, relative to their scale; `None` where one was missing or not finite.
    pub gradient_error: Option<f64>,
    /// Whether all of its quantities are equal.
    pub equal: bool,
    /// Every quantity.
    pub checks: Vec<Comparison>,
}

/// One quantity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// Which.
    pub quantity: &'static str,
    /// What the rules say.
    pub computed: String,
    /// What happened.
    pub executed: String,
    /// Whether both are the same.
    pub equal: bool,
}

impl From<&verify::Check> for Comparison {
    fn from(check: &verify::Check) -> Self {
        let verify::Check { what, computed, executed } = check.clone();
        Self { quantity: what, computed, executed, equal: check.holds() }
    }
}

/// The report of a network that was run by a plan, after it was settled.
pub fn report(
    name: &str,
    graph: &Graph,
    inputs: Vec<Vec<u64>>,
    plan: VerifyPlan,
    needed: u64,
    found: &Verification,
) -> VerifyReport {
    let of_layers: usize = found.layers.iter().map(|layer| layer.checks.len()).sum();
    VerifyReport {
        schema_version: SCHEMA_VERSION,
        model: name.to_owned(),
        inputs: Input::all(graph, DType::F32)
            .into_iter()
            .zip(inputs)
            .map(|(input, shape)| Input { shape, ..input })
            .collect(),
        batch: found.batch,
        batch_raised: found.raised,
        dtype: "f32",
        mode: mode_name(found.mode),
        seed: plan.seed,
        steps: plan.steps,
        needed_bytes: needed,
        taken_bytes: found.taken,
        layers: found.layers.iter().enumerate().map(|(i, found)| layer(i, found)).collect(),
        totals: found.totals.iter().map(Comparison::from).collect(),
        losses: found.losses.clone(),
        compared: of_layers + found.totals.len(),
        mismatches: found.mismatches().count(),
    }
}

fn layer(index: usize, found: &Verified) -> VerifiedLayer {
    let crate::verify::Tally { macs, adds, muls, divs, cmps, specials, padding_taps } =
        found.forward;
    VerifiedLayer {
        index,
        name: found.name.clone(),
        op: found.op.clone(),
        output: found.shape.iter().map(|n| *n as u64).collect(),
        params: found.params,
        by_reference: found.by_reference,
        work: Work { macs, adds, muls, divs, cmps, specials, padding_taps },
        tallied_on: found.tallied_on.clone(),
        saved_bytes: found.saved,
        gradient_error: Some(found.gradient_error).filter(|error| error.is_finite()),
        equal: found.checks.iter().all(verify::Check::holds),
        checks: found.checks.iter().map(Comparison::from).collect(),
    }
}
