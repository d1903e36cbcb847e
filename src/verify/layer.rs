//! Every quantity of one layer: what the rules say against what happened.

use super::cache::LayerCheck;
use super::demand::Checking;
use super::findings::{Check, Tally, Verified};
use super::observe::Seen;
use super::plan::VerifyPlan;
use super::rules::Rules;
use crate::analysis::Analysis;
use crate::exec::backend::Backend;
use crate::exec::gradcheck::{TOLERANCE, Tallies};
use crate::exec::kernels::{Owned, TensorKind};
use crate::exec::network::Network;
use crate::graph::{Graph, NodeId};
use crate::ops::ledger::{Keep, Param, Role, Work};
use crate::ops::{Io, Layer as _, Mode, Op};
use crate::shape::{DType, Shape, TooLarge};
use crate::units::grouped;

/// Names, shapes, parts and bytes of the tensors that a layer owns.
fn tensors(params: &[Param], owned: &[Owned<f32>]) -> Check {
    let tensor = |name: &str, shape: &[usize], is_buffer: bool, bytes: u64| {
        let part = if is_buffer { " buffer" } else { "" };
        let name = if name.is_empty() { "the layer's own" } else { name };
        format!("{name} {}{part} {} B", join(shape), grouped(bytes))
    };
    let computed: Vec<String> = params
        .iter()
        .map(|p| {
            let bytes = p.shape.bytes(p.dtype.unwrap_or(DType::F32)).unwrap_or(u64::MAX);
            tensor(&p.name, &p.shape.sizes(), p.role == Role::Buffer, bytes)
        })
        .collect();
    let executed: Vec<String> = owned
        .iter()
        .map(|o| tensor(o.name, o.shape(), o.kind == TensorKind::Buffer, o.bytes()))
        .collect();
    Check::new("tensors", computed.join(", "), executed.join(", "))
}

/// Every check of one layer.
#[allow(
    clippy::too_many_arguments,
    reason = "what is computed, what happened, and what is known of equal layers"
)]
pub(super) fn layer(
    graph: &Graph,
    id: NodeId,
    analysis: &Analysis,
    plan: VerifyPlan,
    rules: &dyn Rules,
    network: &Network<'_, f32>,
    (seen, has_gradient, checking, found): (&Seen, &[bool], Checking, LayerCheck),
) -> Verified {
    let node = graph.node(id);
    let row = &analysis.rows[id.index()];
    let inputs = &row.inputs;
    let mut checks = Vec::new();
    let outputs = rules.infer(id, &node.op, inputs).unwrap_or_default();
    checks.push(Check::new(
        "shape",
        show(&outputs.iter().map(Shape::sizes).collect::<Vec<_>>()),
        show(&seen.outputs),
    ));

    // A later user of shared weights owns nothing of its own.
    let owned = network.owned(id);
    let params = rules.params(id, &node.op, inputs).unwrap_or_default();
    checks.push(tensors(&params, owned));

    let io = Io { inputs, outputs: &row.outputs, mode: plan.mode };
    let saved = rules.saved(id, &node.op, io).unwrap_or_default();
    checks.push(Check::new("saved for backward", kept(&saved, io), seen.kept.join(", ")));
    if seen.backward {
        let of_inputs = node.inputs.iter().zip(inputs);
        let wanted = of_inputs.filter(|(value, _)| has_gradient[value.index()]);
        checks.extend(gradients(wanted.map(|(_, shape)| shape.sizes()), owned, seen));
    }
    checks.push(Check::new("all values finite", true, seen.finite));
    let Checking { on, reduced, .. } = checking;
    let LayerCheck { tallies: executed, gradient_error, .. } = found;
    let small_outputs = rules.infer(id, &node.op, &on).unwrap_or_default();
    let io = Io { inputs: &on, outputs: &small_outputs, mode: plan.mode };
    checks.extend(operations(rules, (id, &node.op), io, &executed));
    checks.push(slope(gradient_error));
    let params = if row.tensors.is_empty() {
        0
    } else {
        owned
            .iter()
            .filter(|o| o.kind == TensorKind::Parameter)
            .map(|o| o.shape().iter().product::<usize>() as u64)
            .sum()
    };
    Verified {
        name: node.name.clone(),
        op: node.op.name(),
        shape: seen.outputs.first().cloned().unwrap_or_default(),
        params,
        by_reference: falls_back(plan.backend, &node.op, inputs, plan.mode),
        forward: executed.forward,
        tallied_on: reduced
            .then(|| on.first().map_or_else(Vec::new, |shape| shape.dims().to_vec())),
        saved: seen.saved,
        gradient_error,
        checks,
    }
}

/// What is kept for backward, with its bytes.
fn kept(saved: &[Keep], io: Io<'_>) -> String {
    let of = |shapes: &[Shape], i: usize| {
        shapes.get(i).and_then(|s| s.bytes(DType::F32).ok()).unwrap_or(0)
    };
    let kept = saved.iter().map(|keep| match *keep {
        Keep::Input(i) => format!("input {i} {}", grouped(of(io.inputs, i))),
        Keep::Output(i) => format!("output {i} {}", grouped(of(io.outputs, i))),
        Keep::Own { what, elements, dtype } => {
            let each = dtype.unwrap_or(DType::F32).bytes();
            format!("{what} {}", grouped(elements.saturating_mul(each)))
        }
    });
    kept.collect::<Vec<_>>().join(", ")
}

/// Whether each input that something trained or the network's input leads to, and each parameter, has a gradient of its
/// own shape.
fn gradients(
    inputs: impl Iterator<Item = Vec<usize>>,
    owned: &[Owned<f32>],
    seen: &Seen,
) -> [Check; 2] {
    let expected: Vec<Vec<usize>> = inputs.collect();
    let found: Vec<Vec<usize>> = seen.input_grads.iter().flatten().cloned().collect();
    let params = owned.iter().filter(|o| o.kind == TensorKind::Parameter);
    let params: Vec<Vec<usize>> = params.map(|o| o.shape().to_vec()).collect();
    [
        Check::new("gradients of inputs", show(&expected), show(&found)),
        Check::new("gradients of parameters", show(&params), show(&seen.param_grads)),
    ]
}

/// The operations of each pass, as the rule counts them and as they were tallied.
fn operations(
    rules: &dyn Rules,
    (id, op): (NodeId, &Op),
    io: Io<'_>,
    executed: &Tallies,
) -> [Check; 3] {
    let work = |work: Result<Work, TooLarge>| {
        work.map_or_else(|_| "too large".to_owned(), |work| count(tally(work)))
    };
    let backward = rules.work_backward(id, op, io);
    let check = |what, computed, executed| Check::new(what, work(computed), count(executed));
    [
        check("operations forward", rules.work(id, op, io), executed.forward),
        check("operations backward, inputs", backward.map(|b| b.inputs), executed.inputs),
        check("operations backward, parameters", backward.map(|b| b.params), executed.params),
    ]
}

fn show(shapes: &[Vec<usize>]) -> String {
    shapes.iter().map(|shape| join(shape)).collect::<Vec<_>>().join(", ")
}

/// Whether the reference computes an operator where fast kernels are asked for. A view is computed by nobody.
pub fn falls_back(backend: Backend, op: &Op, inputs: &[Shape], mode: Mode) -> bool {
    let sizes: Vec<Vec<usize>> = inputs.iter().map(Shape::sizes).collect();
    let sizes: Vec<&[usize]> = sizes.iter().map(Vec::as_slice).collect();
    !op.is_view(mode) && !backend.covers(op, &sizes)
}

/// Whether gradients are the slope of what forward computes.
fn slope(error: f64) -> Check {
    let within = format!("within {TOLERANCE:e}");
    // Written so that it fails on what is not a number too.
    let found = if error <= TOLERANCE { within.clone() } else { format!("off by {error:e}") };
    Check::new("gradients against finite differences", within, found)
}

fn join(shape: &[usize]) -> String {
    if shape.is_empty() {
        return "one number".to_owned();
    }
    shape.iter().map(usize::to_string).collect::<Vec<_>>().join("×")
}

fn tally(work: Work) -> Tally {
    let Work { macs, adds, muls, divs, cmps, specials, padding_taps } = work;
    Tally { macs, adds, muls, divs, cmps, specials, padding_taps }
}

/// A tally in words; kinds that do not occur are left out.
fn count(tally: Tally) -> String {
    let kinds = [
        ("macs", tally.macs),
        ("adds", tally.adds),
        ("muls", tally.muls),
        ("divs", tally.divs),
        ("cmps", tally.cmps),
        ("specials", tally.specials),
        ("on padding", tally.padding_taps),
    ];
    let said: Vec<String> = kinds
        .iter()
        .filter(|(_, n)| *n > 0)
        .map(|(kind, n)| format!("{} {kind}", grouped(*n)))
        .collect();
    if said.is_empty() { "none".to_owned() } else { said.join(", ") }
}
