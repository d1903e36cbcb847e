//! One verification: the network runs forward and backward, and what happens is compared with what the rules say.

use super::accumulation;
use super::cache::CheckCache;
use super::demand::{Checking, checking};
use super::findings::{Check, Verification, Verified, VerifyError};
use super::layer::layer;
use super::observe::Watch;
use super::plan::{VerifyPlan, analysed, resolve};
use super::progress::{Pass, Progress, ProgressReporter};
use super::rules::Rules;
use crate::analysis::Analysis;
use crate::analysis::memory::{self, Engine, Optimizer};
use crate::exec::kernels::Scheme;
use crate::exec::meter::Meter;
use crate::exec::network::Network;
use crate::exec::optim::Sgd;
use crate::exec::step::{self, Data, Step};
use crate::graph::{Graph, Node, NodeId};
use crate::ops::Mode;
use crate::units::{bytes, grouped};

/// Runs the network and compares. What is `known` of equal layers is not found again; what is found of others is known then.
/// `progress` hears of each layer that ran or was checked.
///
/// # Errors
/// A network that cannot be analysed or run.
pub fn verify(
    graph: &Graph,
    plan: VerifyPlan,
    rules: &dyn Rules,
    known: &mut CheckCache,
    mut progress: impl FnMut(Progress),
) -> Result<Verification, VerifyError> {
    let (plan, raised) = resolve(graph, plan)?;
    let analysis = analysed(graph, plan)?;
    // What stays is there from the first layer on or from where it is made: apart from it, what comes and goes is the same.
    let persistent = Meter::new();
    let mut network = Network::<f32>::new(graph, Scheme::KaimingNormal, plan.seed)
        .with_backend(plan.backend)
        .with_persistent_meter(persistent.clone());
    let data = Data::sample(graph, &analysis_inputs(graph, &analysis), plan.seed);
    let meter = network.meter().clone();
    let peak = || meter.peak() + persistent.peak();
    let mut reporter =
        ProgressReporter { progress: &mut progress, watch: None, forward: Pass::Inference };
    drop(network.infer_seen(data.inputs(&meter), Mode::Eval, &mut reporter)?);

    let mut totals = Vec::new();
    let base = persistent.now();
    let predicted =
        memory::memory(graph, &analysis, Optimizer::Sgd, Engine::Own(plan.backend.plan()))?;
    totals.push(Check::new(
        "parameters and buffers in memory",
        bytes_exact(predicted.flash + predicted.buffers),
        bytes_exact(base),
    ));
    totals.push(Check::new(
        "peak of inference",
        bytes_exact(predicted.inference.bytes),
        bytes_exact(peak()),
    ));

    let mut watch = Watch::new(graph);
    let mut running = peak();
    meter.reset_peak();
    let mut reporter = ProgressReporter {
        progress: &mut progress,
        watch: Some(&mut watch),
        forward: Pass::Forward,
    };
    let outcome = step::step(&mut network, &data, plan.mode, true, &mut reporter)?;
    reporter.watch = None;
    totals.extend(step_checks(graph, &analysis, plan, &outcome, peak())?);
    let siblings = data.bytes() + outcome.target_bytes;
    let losses = descend(&mut network, &data, plan, outcome, &mut reporter)?;
    running = running.max(peak()) + siblings;
    // Checks begin with the network alone in memory.
    drop(data);
    let checks = checking(graph, &analysis, (plan.mode, plan.backend))?;
    let room = running.saturating_sub(base);
    let room = known
        .check_missing(graph, &checks, plan, room, |node| progress(Progress::Checked { node }));
    let has_gradient = memory::requires_grad(graph, &analysis, true);
    let layer = |((node, _), checking): ((NodeId, &Node), Checking)| {
        let found = known.of(&graph.node(node).op, &checking, plan);
        let seen = (&watch.seen[node.index()], &has_gradient[..], checking, found);
        layer(graph, node, &analysis, plan, rules, &network, seen)
    };
    let layers: Vec<Verified> = graph.iter().zip(checks).map(layer).collect();
    totals.splice(0..0, sums(&analysis, &layers));
    let taken = running.max(base + room);
    Ok(Verification { batch: plan.batch, raised, mode: plan.mode, layers, totals, losses, taken })
}

/// What a step with gradients took, against what the analysis says: its peak, what it kept, gradients that were added.
fn step_checks(
    graph: &Graph,
    analysis: &Analysis,
    plan: VerifyPlan,
    outcome: &Step<f32>,
    peak: u64,
) -> Result<Vec<Check>, VerifyError> {
    let backend = Engine::Own(plan.backend.plan());
    let mut checks = Vec::new();
    if plan.mode == Mode::Train {
        let training = memory::training(graph, analysis, Optimizer::Sgd, backend, true)?;
        let plain = memory::training(graph, analysis, Optimizer::Sgd, backend, false)?;
        let is_same = plain.peak.bytes == training.peak.bytes;
        // Gradients of the inputs are made to be checked; what is used to train makes none.
        let what =
            if is_same { "peak of a training step" } else { "peak of a step, to the inputs" };
        checks.push(Check::new(what, bytes_exact(training.peak.bytes), bytes_exact(peak)));
        let (computed, found) = (training.saved, outcome.saved_bytes);
        checks.push(Check::new("saved for backward", bytes_exact(computed), bytes_exact(found)));
    }
    let computed = accumulation::additions(graph, analysis)?;
    let found = outcome.gradients.accumulated;
    if computed.max(found) > 0 {
        let what = "additions where gradients meet";
        checks.push(Check::new(what, grouped(computed), grouped(found)));
    }
    Ok(checks)
}

/// The losses of gradient descent from the step that was taken, the one after the last step included.
fn descend(
    network: &mut Network<'_, f32>,
    data: &Data,
    plan: VerifyPlan,
    first: Step<f32>,
    reporter: &mut ProgressReporter<'_, impl FnMut(Progress)>,
) -> Result<Vec<f64>, VerifyError> {
    let mut losses = vec![first.loss];
    let mut optimizer = Sgd::new(LEARNING_RATE, 0.0);
    let mut gradients = first.gradients;
    for steps in (0..plan.steps).rev() {
        network.descend(&gradients, &mut optimizer);
        // The next step makes its own: holding both would take more than `need` says.
        gradients.params.clear();
        gradients.inputs.clear();
        if steps == 0 {
            reporter.forward = Pass::Inference;
            losses.push(step::loss(network, data, plan.mode, reporter)?);
        } else {
            let step = step::step(network, data, plan.mode, false, reporter)?;
            losses.push(step.loss);
            gradients = step.gradients;
        }
    }
    Ok(losses)
}

/// Parameters, and MACs where each layer was tallied as it is, against the sums of the layers.
fn sums(analysis: &Analysis, layers: &[Verified]) -> Vec<Check> {
    let sum = |count: fn(&Verified) -> u64| layers.iter().map(count).sum::<u64>();
    let params = (analysis.totals.params, sum(|layer| layer.params));
    let mut checks = vec![Check::new("parameters", grouped(params.0), grouped(params.1))];
    if layers.iter().all(|layer| layer.tallied_on.is_none()) {
        let executed = sum(|layer| layer.forward.macs);
        checks.push(Check::new("MACs", grouped(analysis.totals.work.macs), grouped(executed)));
    }
    checks
}

/// The rate of gradient descent: small enough for any network of the zoo to go down.
pub const LEARNING_RATE: f64 = 0.001;

fn analysis_inputs(graph: &Graph, analysis: &Analysis) -> Vec<Vec<usize>> {
    let shapes = graph.inputs().iter().filter_map(|input| analysis.shape(input.value));
    shapes.map(|shape| shape.sizes()).collect()
}

fn bytes_exact(n: u64) -> String {
    format!("{} B ({})", grouped(n), bytes(n))
}
