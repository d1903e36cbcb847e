//! Verification finds what is wrong, and where: a list of faults, one at a time in one layer.

use cnnstat::TooLarge;
use cnnstat::diag::Source;
use cnnstat::graph::{Graph, NodeId};
use cnnstat::internals::exec::backend::Backend;
use cnnstat::internals::exec::gradcheck::{TOLERANCE, along_directions, check};
use cnnstat::internals::exec::kernels::{
    Backward as Pass, Forward, Grads, Init, Kernel, Made, Owned,
};
use cnnstat::internals::exec::meter::Meter;
use cnnstat::internals::exec::scalar::Scalar;
use cnnstat::internals::exec::tensor::Tensor;
use cnnstat::internals::exec::threads::Threads;
use cnnstat::internals::verify::{
    CheckCache, ProductionRules, Progress, Rules, Verification, VerifyPlan, need, resolve, verify,
};
use cnnstat::ops::error::ShapeError;
use cnnstat::ops::ledger::{Backward, Keep, Param, Role, Saved, Work};
use cnnstat::ops::{Io, Layer, Linear, Mode, Op, Relu};
use cnnstat::{DType, Shape};

use crate::common::{folder, network, read};

const PLAN: VerifyPlan =
    VerifyPlan { batch: 2, mode: Mode::Train, seed: 3, steps: 1, backend: Backend::Reference };

const SMALL: &str = "
model: small
input: [2, 8, 8]
layers:
  - conv: conv2d(4, 3, padding=1)
  - norm: batchnorm2d
  - act: relu
  - max: maxpool2d(2)
  - avg: avgpool2d(2, padding=1)
  - flat: flatten
  - drop: dropout(0.5)
  - fc: linear(3)
  - soft: log_softmax
";

fn described(text: &str) -> Graph {
    read(&Source::new("small", text), None).graph
}

/// Every call of verification in this file.
fn verified(graph: &Graph, plan: VerifyPlan, rules: &dyn Rules) -> Verification {
    verify(graph, plan, rules, &mut CheckCache::default(), |_| {}).unwrap()
}

/// Layer and quantity of every mismatch.
fn mismatches(found: &Verification) -> Vec<(Option<&str>, &'static str)> {
    found.mismatches().map(|(layer, check)| (layer, check.what)).collect()
}

/// A change of one rule's answer.
#[derive(Clone, Copy)]
enum Change {
    Infer(fn(&mut Vec<Shape>)),
    Refused,
    Params(fn(&mut Vec<Param>)),
    Forward(fn(&mut Work)),
    Backward(fn(&mut Backward)),
    Saved(fn(&mut Saved)),
}

/// The rules with a change in one node.
struct Faulty {
    at: NodeId,
    change: Change,
}

impl Faulty {
    fn here(&self, node: NodeId) -> Option<Change> {
        (node == self.at).then_some(self.change)
    }
}

impl Rules for Faulty {
    fn infer(&self, node: NodeId, op: &Op, inputs: &[Shape]) -> Result<Vec<Shape>, ShapeError> {
        let mut shapes = op.infer(inputs)?.to_vec();
        match self.here(node) {
            Some(Change::Infer(change)) => change(&mut shapes),
            Some(Change::Refused) => return Err(ShapeError::TooLarge),
            _ => {}
        }
        Ok(shapes)
    }

    fn params(&self, node: NodeId, op: &Op, inputs: &[Shape]) -> Result<Vec<Param>, ShapeError> {
        let mut params = op.params(inputs)?;
        if let Some(Change::Params(change)) = self.here(node) {
            change(&mut params);
        }
        Ok(params)
    }

    fn work(&self, node: NodeId, op: &Op, io: Io<'_>) -> Result<Work, TooLarge> {
        let mut work = op.work(io)?;
        if let Some(Change::Forward(change)) = self.here(node) {
            change(&mut work);
        }
        Ok(work)
    }

    fn work_backward(&self, node: NodeId, op: &Op, io: Io<'_>) -> Result<Backward, TooLarge> {
        let mut work = op.work_backward(io)?;
        if let Some(Change::Backward(change)) = self.here(node) {
            change(&mut work);
        }
        Ok(work)
    }

    fn saved(&self, node: NodeId, op: &Op, io: Io<'_>) -> Result<Saved, TooLarge> {
        let mut saved = op.saved(io)?;
        if let Some(Change::Saved(change)) = self.here(node) {
            change(&mut saved);
        }
        Ok(saved)
    }
}

fn resize(shape: &mut Shape, axis: usize, change: fn(u64) -> u64) {
    *shape = shape.with(axis, change(shape.dims()[axis]));
}

fn retype(saved: &mut Saved, to: Option<DType>) {
    let Some(Keep::Own { dtype, .. }) = saved.last_mut() else { panic!("nothing of its own") };
    assert_ne!(*dtype, to);
    *dtype = to;
}

const SHAPE: &[&str] = &["shape"];
const TENSORS: &[&str] = &["tensors"];
const SAVED: &[&str] = &["saved for backward"];
const FORWARD: &[&str] = &["operations forward"];
const INPUTS: &[&str] = &["operations backward, inputs"];
const PARAMS: &[&str] = &["operations backward, parameters"];
const BACKWARD: &[&str] = &["operations backward, inputs", "operations backward, parameters"];

/// Layer, what is wrong with it, and the quantities in which it shows. A wrong shape makes operations wrong too, so
/// that there the shape is only the first.
#[rustfmt::skip]
const FAULTS: &[(&str, Change, &[&str])] = &[
    ("conv", Change::Infer(|s| resize(&mut s[0], 2, |n| n + 1)), SHAPE),
    ("conv", Change::Infer(|s| resize(&mut s[0], 3, |n| n - 1)), SHAPE),
    ("conv", Change::Infer(|s| resize(&mut s[0], 1, |n| n / 2)), SHAPE),
    ("max", Change::Infer(|s| resize(&mut s[0], 2, |n| n + 1)), SHAPE),
    ("avg", Change::Infer(|s| resize(&mut s[0], 3, |n| n - 1)), SHAPE),
    ("flat", Change::Infer(|s| s[0] = Shape::new(&[s[0].dims()[0], 6, 6]).unwrap()), SHAPE),
    ("norm", Change::Infer(|s| resize(&mut s[0], 0, |n| n + 1)), SHAPE),
    ("fc", Change::Infer(|s| resize(&mut s[0], 1, |n| n + 1)), SHAPE),
    ("act", Change::Infer(|s| { let first = s[0]; s.push(first); }), SHAPE),
    ("soft", Change::Refused, SHAPE),

    ("conv", Change::Params(|p| { p.pop(); }), TENSORS),
    ("conv", Change::Params(|p| p.swap(0, 1)), TENSORS),
    ("conv", Change::Params(|p| resize(&mut p[0].shape, 1, |n| n + 1)), TENSORS),
    ("conv", Change::Params(|p| resize(&mut p[0].shape, 3, |n| n - 1)), TENSORS),
    ("norm", Change::Params(|p| p.retain(|p| p.role != Role::Buffer)), TENSORS),
    ("norm", Change::Params(|p| { p.pop(); }), TENSORS),
    ("norm", Change::Params(|p| p[0].name = "gamma".into()), TENSORS),
    ("norm", Change::Params(|p| p[1].role = Role::Buffer), TENSORS),
    ("norm", Change::Params(|p| p[4].dtype = None), TENSORS),
    ("fc", Change::Params(|p| p[0].shape = Shape::new(&[36, 3]).unwrap()), TENSORS),
    ("act", Change::Params(|p| p.push(Param::new("weight", Role::Weight, Shape::vector(1)))), TENSORS),

    ("conv", Change::Forward(|w| w.macs *= 2), FORWARD),
    ("conv", Change::Forward(|w| w.adds = 0), FORWARD),
    ("conv", Change::Forward(|w| w.padding_taps = 0), FORWARD),
    ("conv", Change::Forward(|w| w.macs -= w.padding_taps), FORWARD),
    ("norm", Change::Forward(|w| w.specials += 1), FORWARD),
    ("norm", Change::Forward(|w| w.divs = 0), FORWARD),
    ("max", Change::Forward(|w| w.cmps = w.cmps / 4 * 3), FORWARD),
    ("act", Change::Forward(|w| w.cmps -= 1), FORWARD),
    ("avg", Change::Forward(|w| { w.macs = w.adds; w.adds = 0; }), FORWARD),
    ("flat", Change::Forward(|w| w.adds += 1), FORWARD),
    ("fc", Change::Forward(|w| w.macs += w.adds), FORWARD),
    ("soft", Change::Forward(|w| w.specials *= 2), FORWARD),
    ("drop", Change::Forward(|w| w.muls = 0), FORWARD),

    ("conv", Change::Backward(|b| b.inputs = Work::NONE), INPUTS),
    ("conv", Change::Backward(|b| b.params.adds = 0), PARAMS),
    ("conv", Change::Backward(|b| b.inputs.padding_taps += 1), INPUTS),
    ("conv", Change::Backward(|b| b.params.macs *= 2), PARAMS),
    ("fc", Change::Backward(|b| std::mem::swap(&mut b.inputs, &mut b.params)), BACKWARD),
    ("norm", Change::Backward(|b| b.params = Work::NONE), PARAMS),
    ("max", Change::Backward(|b| b.inputs.adds += 1), INPUTS),
    ("act", Change::Backward(|b| b.inputs.cmps = 0), INPUTS),
    ("soft", Change::Backward(|b| b.params = b.inputs), PARAMS),

    ("conv", Change::Saved(Vec::clear), SAVED),
    ("conv", Change::Saved(|s| s.push(Keep::Output(0))), SAVED),
    ("act", Change::Saved(|s| s[0] = Keep::Input(0)), SAVED),
    ("norm", Change::Saved(|s| { s.pop(); }), SAVED),
    ("max", Change::Saved(|s| retype(s, Some(DType::F32))), SAVED),
    ("drop", Change::Saved(|s| retype(s, None)), SAVED),
    ("flat", Change::Saved(|s| s.push(Keep::Input(0))), SAVED),
    ("soft", Change::Saved(|s| s.push(Keep::Own { what: "sum", elements: 2, dtype: None })), SAVED),
];

/// Each fault shows in its layer and in no other, and in the quantity it is a fault of.
#[test]
fn every_fault_is_found_where_it_is() {
    let graph = described(SMALL);
    assert_eq!(mismatches(&verified(&graph, PLAN, &ProductionRules)), []);
    let mut missed = Vec::new();
    for (number, (layer, change, expected)) in FAULTS.iter().enumerate() {
        let (at, _) = graph.iter().find(|(_, node)| node.name == *layer).unwrap();
        let found = verified(&graph, PLAN, &Faulty { at, change: *change });
        let found = mismatches(&found);
        let here = found.iter().all(|(at, _)| *at == Some(*layer));
        let what: Vec<&str> = found.iter().map(|(_, what)| *what).collect();
        let first_only = matches!(change, Change::Infer(_) | Change::Refused);
        let shown = if first_only { &what[..what.len().min(1)] } else { &what[..] };
        if !here || shown != *expected {
            missed.push(format!("fault {number} in {layer}: {found:?}"));
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
    assert!(FAULTS.len() >= 50);
}

/// Both numbers are said.
#[test]
fn a_mismatch_says_what_was_computed_and_what_was_executed() {
    let graph = described("model: m\ninput: [4]\nlayers:\n  - fc: linear(3)\n");
    let (at, _) = graph.iter().next().unwrap();
    let change = Change::Forward(|w| w.macs *= 2);
    let found = verified(&graph, PLAN, &Faulty { at, change });
    let (_, check) = found.mismatches().next().unwrap();
    assert_eq!(check.computed, "48 macs, 6 adds");
    assert_eq!(check.executed, "24 macs, 6 adds");
}

/// Every operator, in both modes; of the layers' own faults none is there.
#[test]
fn every_fixture_is_verified() {
    for source in crate::common::runnable(folder("tests/fixtures/ops")) {
        let graph = read(&source, None).graph;
        for mode in [Mode::Eval, Mode::Train] {
            let found = verified(&graph, VerifyPlan { batch: 1, mode, ..PLAN }, &ProductionRules);
            let wrong: Vec<_> = found.mismatches().collect();
            assert!(wrong.is_empty(), "{} {mode:?}: {wrong:#?}", source.name);
            assert_eq!((found.losses.len(), found.layers.len()), (2, graph.nodes().len()));
            let needed = need(&graph, VerifyPlan { batch: found.batch, mode, ..PLAN }).unwrap();
            assert!(needed >= found.taken, "{}: {needed} < {}", source.name, found.taken);
        }
    }
}

/// What is too large to be tallied one by one is tallied on something smaller, and the layer says on what.
#[test]
fn a_large_layer_is_tallied_on_a_small_input() {
    let graph =
        described("model: m\ninput: [16, 32, 32]\nlayers:\n  - c: conv2d(32, 3)\n  - r: relu\n");
    let found = verified(&graph, VerifyPlan { batch: 1, ..PLAN }, &ProductionRules);
    assert_eq!(mismatches(&found), []);
    assert_eq!(found.layers[0].tallied_on, Some(vec![1, 16, 3, 3]));
    assert_eq!(found.layers[1].tallied_on, None);
    let (at, _) = graph.iter().next().unwrap();
    let change = Change::Backward(|b| b.params.adds = 0);
    let found = verified(&graph, VerifyPlan { batch: 1, ..PLAN }, &Faulty { at, change });
    assert_eq!(mismatches(&found), [(Some("c"), PARAMS[0])]);
}

/// A kernel that does everything right but one thing.
struct Broken<'a>(&'a Op, Break);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Break {
    /// Nothing: the kernel as it is.
    Nothing,
    /// The gradient of the output goes through as it is.
    Through,
    /// The first parameter's gradient, a square, is transposed.
    Transposed,
    /// The last parameter has no gradient.
    Missing,
    /// The input's gradient is that of half the loss.
    Half,
    /// One number of a gradient is none.
    NotANumber,
    /// One element of the last parameter's gradient is a thousandth off.
    Slightly,
}

impl Kernel for Broken<'_> {
    fn init<S: Scalar>(&self, inputs: &[&[usize]], init: &mut Init<'_>) -> Vec<Owned<S>> {
        self.0.init(inputs, init)
    }

    fn forward<S: Scalar>(&self, pass: Forward<'_, S>) -> Made<S> {
        self.0.forward(pass)
    }

    fn backward<S: Scalar>(&self, pass: Pass<'_, S>) -> Grads<S> {
        let grad = pass.grad().clone();
        let mut grads = self.0.backward(pass);
        match self.1 {
            Break::Nothing => {}
            Break::Through => grads.inputs = vec![grad],
            Break::Transposed => {
                let dw = &grads.params[0];
                let [rows, columns] = *dw.shape() else { panic!("a matrix") };
                let at = |i: usize| dw.data()[i % rows * columns + i / rows];
                let turned = (0..rows * columns).map(at).collect();
                grads.params[0] = Tensor::new(&[rows, columns], turned, dw.meter());
            }
            Break::Missing => drop(grads.params.pop()),
            Break::Half => {
                for g in grads.inputs.iter_mut().flat_map(Tensor::data_mut) {
                    *g = g.mul(S::of(0.5));
                }
            }
            Break::NotANumber => grads.inputs[0].data_mut()[1] = S::of(f64::NAN),
            Break::Slightly => {
                let last = grads.params.last_mut().unwrap().data_mut().last_mut().unwrap();
                *last = last.mul(S::of(1.001));
            }
        }
        grads
    }
}

/// An operator that goes forward as one and backward as another.
struct Mixed<'a> {
    forward: &'a Op,
    backward: &'a Op,
}

impl Kernel for Mixed<'_> {
    fn init<S: Scalar>(&self, inputs: &[&[usize]], init: &mut Init<'_>) -> Vec<Owned<S>> {
        self.forward.init(inputs, init)
    }

    fn forward<S: Scalar>(&self, pass: Forward<'_, S>) -> Made<S> {
        self.forward.forward(pass)
    }

    fn backward<S: Scalar>(&self, pass: Pass<'_, S>) -> Grads<S> {
        self.backward.backward(pass)
    }
}

/// The operator of a call on images.
fn operator(text: &str) -> Op {
    let layers = format!("model: m\ninput: [4, 3, 3]\nlayers:\n  - {text}\n");
    described(&layers).nodes()[0].op.clone()
}

fn along(kernel: &impl Kernel, shape: &[usize], seed: u64) -> f64 {
    along_directions(kernel, &[shape.to_vec()], Mode::Train, seed, &Meter::new())
}

/// More than 10^5 elements, so that some lie beside a kink wherever it is, and closer than steps are long.
const MANY: [usize; 4] = [1, 4, 160, 160];

#[test]
fn a_kink_anywhere_is_no_fault() {
    let kinked = [
        "hardtanh(-0.123, 0.771)",
        "hardtanh(-0.3, 0.77)",
        "softplus(3, 1)",
        "softplus(0.7, 1.3)",
        "relu6",
        "hardswish",
        "hardsigmoid",
        "leaky_relu(0.3)",
        "elu(0.7)",
        "prelu",
        "maxpool2d(2)",
        "maxpool2d(3, 1, padding=1)",
    ];
    for text in kinked {
        let op = operator(text);
        for seed in 0..8 {
            let error = along(&op, &MANY, seed);
            assert!(error <= TOLERANCE, "{text} {seed}: {error}");
        }
    }
}

/// Kinks excuse nothing: what is wrong is found for each seed, be it in a thousandth of the range beside the kink.
#[test]
fn a_fault_beside_a_kink_is_found() {
    let (op, narrower) = (operator("hardtanh(-0.123, 0.771)"), operator("hardtanh(-0.123, 0.77)"));
    for seed in 0..8 {
        for broken in [Break::Through, Break::Half, Break::NotANumber] {
            let error = along(&Broken(&op, broken), &MANY, seed);
            assert!(error > TOLERANCE, "{broken:?} {seed}: {error}");
        }
        let error = along(&Mixed { forward: &op, backward: &narrower }, &MANY, seed);
        assert!(error > TOLERANCE && error < 1.0, "{seed}: {error}");
    }
}

/// Faults that no rule shows: in the kernels. Finite differences find them by both ways of looking.
#[test]
fn a_broken_kernel_is_found() {
    let image = || vec![2, 4, 3, 3];
    let cases = [
        (
            Op::from(Relu { inplace: false }),
            image(),
            vec![Break::Through, Break::Half, Break::NotANumber],
        ),
        (
            Op::from(Linear { out_features: 4, bias: true }),
            vec![3, 4],
            vec![Break::Transposed, Break::Missing, Break::Half, Break::Slightly],
        ),
        (
            operator("conv2d(2, 3, padding=1)"),
            image(),
            vec![Break::Missing, Break::Half, Break::NotANumber, Break::Slightly],
        ),
        (operator("batchnorm2d"), image(), vec![Break::Through, Break::Missing, Break::Slightly]),
        (operator("softmax"), image(), vec![Break::Through, Break::Half]),
        (operator("tanh"), image(), vec![Break::Through, Break::NotANumber]),
    ];
    for (op, shape, breaks) in cases {
        for broken in [Break::Nothing].into_iter().chain(breaks) {
            let kernel = Broken(&op, broken);
            for (name, error) in [
                ("check", check(&kernel, std::slice::from_ref(&shape), Mode::Train, 5)),
                ("along", along(&kernel, &shape, 5)),
            ] {
                // What verification accepts.
                assert_eq!(
                    error <= TOLERANCE,
                    broken == Break::Nothing,
                    "{op:?} {broken:?} {name} {error}"
                );
            }
        }
    }
}

/// Batch statistics of one value have no variance: the batch is raised, and only then.
#[test]
fn the_batch_is_raised_for_one_value_a_channel_and_only_then() {
    let flat = described("model: m\ninput: [4]\nlayers:\n  - linear(3)\n  - batchnorm1d\n");
    let small = described("model: m\ninput: [4, 1, 1]\nlayers:\n  - batchnorm2d\n");
    let large = described("model: m\ninput: [4, 1, 2]\nlayers:\n  - batchnorm2d\n");
    let none = described("model: m\ninput: [4]\nlayers:\n  - linear(3)\n  - relu\n");
    let of = |graph: &Graph, batch: u64, mode: Mode| {
        let (plan, raised) = resolve(graph, VerifyPlan { batch, mode, ..PLAN }).unwrap();
        (plan.batch, raised)
    };
    for graph in [&flat, &small] {
        assert_eq!(of(graph, 1, Mode::Train), (2, true));
        assert_eq!(of(graph, 1, Mode::Eval), (1, false));
        assert_eq!(of(graph, 3, Mode::Train), (3, false));
        let found = verified(graph, VerifyPlan { batch: 1, ..PLAN }, &ProductionRules);
        assert_eq!((found.batch, found.raised, mismatches(&found)), (2, true, vec![]));
    }
    for graph in [&large, &none] {
        assert_eq!(of(graph, 1, Mode::Train), (1, false));
    }
}

/// What is needed is told before anything runs, and no verification takes more; nor is far too much asked for.
#[test]
fn what_is_needed_is_not_less_than_what_is_taken() {
    let networks = [described(SMALL), network("lenet5").graph, network("m5").graph];
    for graph in networks.into_iter().chain([network("custom_cnn_bn").graph]) {
        for mode in [Mode::Eval, Mode::Train] {
            let (plan, _) = resolve(&graph, VerifyPlan { batch: 1, mode, ..PLAN }).unwrap();
            let needed = need(&graph, plan).unwrap();
            let taken = verified(&graph, plan, &ProductionRules).taken;
            let within = (taken..taken + taken / 4).contains(&needed);
            assert!(within, "{} {mode:?}: {needed} needed, {taken} taken", graph.name);
        }
    }
}

/// Equal layers are checked once for all networks of a command, and layers beside each other: neither is seen in what is
/// found, bytes that were taken among it.
#[test]
fn what_is_found_depends_on_no_threads_and_on_nothing_known() {
    let networks = [described(SMALL), network("lenet5").graph, network("custom_cnn_bn").graph];
    let plans = [Backend::Fast { exact: false }, Backend::Reference]
        .map(|backend| VerifyPlan { backend, ..PLAN });
    let found = |threads: usize, times: usize| {
        Threads::new(threads).unwrap().run(|| {
            let mut known = CheckCache::default();
            let mut found = Vec::new();
            for _ in 0..times {
                found.clear();
                for (graph, plan) in networks.iter().zip(plans.iter().cycle()) {
                    let mut checked = vec![0; graph.nodes().len()];
                    found.push(verify(graph, *plan, &ProductionRules, &mut known, |progress| {
                        if let Progress::Checked { node } = progress {
                            checked[node.index()] += 1;
                        }
                    }));
                    assert!(checked.iter().all(|times| *times == 1), "{checked:?}");
                }
            }
            found.into_iter().map(Result::unwrap).collect::<Vec<_>>()
        })
    };
    let alone = found(1, 1);
    assert_eq!(found(1, 2), alone);
    assert_eq!(found(2, 1), alone);
    assert_eq!(found(3, 2), alone);
}

/// At a value with two uses, at shared weights with two users, and of neither where no output depends on it.
#[test]
fn additions_where_gradients_meet_are_a_row_of_their_own() {
    let graph = described(
        "model: m\ninput: {a: [4, 3, 3], b: [4, 3, 3]}\nlayers:\n  - t: conv2d(4, 3, padding=1)\n  \
         - s: share(@b, 't')\n  - x: add(@t, @s)\n  - mul(@x, @t)\n",
    );
    let row = |graph: &Graph| {
        let found = verified(graph, PLAN, &ProductionRules);
        assert_eq!(mismatches(&found), []);
        let is_row = |what: &str| what == "additions where gradients meet";
        let row = found.totals.into_iter().find(|check| is_row(check.what));
        row.map(|check| (check.computed, check.executed))
    };
    // `t` of 2·4·3·3 elements is used twice, 4·4·3·3 weights and 4 biases have two users.
    let sum = (72 + 148).to_string();
    assert_eq!(row(&graph), Some((sum.clone(), sum)));
    assert_eq!(row(&described(SMALL)), None);
}
