//! The reference kernels against PyTorch's own output, and their executed counts against the rules' computed ones.
//!
//! `tests/golden/ops/*.json` was made with PyTorch 2.15.0: configuration, input, parameters, output, gradients.

use std::path::Path;

use cnnstat::internals::exec::backend::Backend;
use cnnstat::internals::exec::kernels::{
    Backward, Forward, Grads, Init, Kept, Kernel, Made, Owned, Scheme, TensorKind,
};
use cnnstat::internals::exec::meter::Meter;
use cnnstat::internals::exec::rng::Rng;
use cnnstat::internals::exec::scalar::{Counted, Scalar, Tally, counting};
use cnnstat::internals::exec::tensor::Tensor;
use cnnstat::ops::args::{ArgValue, Args, Written};
use cnnstat::ops::ledger::{Keep, Work};
use cnnstat::ops::{Io, Layer, Mode, Op};
use cnnstat::{DType, Options, Shape};
use serde_json::Value;

use crate::common::{folder, read, variants};

/// A case: an operator, what goes in, what torch made of it.
pub struct Case {
    pub id: String,
    pub op: Op,
    pub mode: Mode,
    pub json: Value,
}

fn argument(value: &Value) -> ArgValue {
    match value {
        Value::Null => ArgValue::None,
        Value::Bool(b) => ArgValue::Bool(*b),
        Value::Number(n) => {
            n.as_i64().map_or_else(|| ArgValue::Float(n.as_f64().unwrap()), ArgValue::Int)
        }
        Value::String(text) => ArgValue::Text(text.clone()),
        Value::Array(items) => ArgValue::List(items.iter().map(argument).collect()),
        Value::Object(_) => panic!("no argument is a map"),
    }
}

/// Every golden case of an operator file, read by torch's own signature.
pub fn cases(file: &str) -> Vec<Case> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/ops").join(file);
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let all: Vec<Value> = serde_json::from_str(&text).unwrap();
    let case = |json: Value| {
        let name = json["op"].as_str().unwrap();
        let (entry, rank) = Op::find(name).unwrap_or_else(|| panic!("no operator {name}"));
        let config = json["config"].as_object().unwrap();
        // A remark of whoever made the case is no argument.
        let named = config.iter().filter(|(name, _)| *name != "note");
        let named = named.map(|(name, value)| (name.clone(), argument(value))).collect();
        let written = Written { positional: Vec::new(), named };
        let (args, _) = Args::bind_torch(entry.signature, entry.torch, rank, written)
            .unwrap_or_else(|error| panic!("{}: {error:?}", json["id"]));
        Case {
            id: json["id"].as_str().unwrap().to_owned(),
            op: (entry.build)(&args).unwrap(),
            mode: if json["train"].as_bool().unwrap() { Mode::Train } else { Mode::Eval },
            json,
        }
    };
    all.into_iter().map(case).collect()
}

/// A tensor of a case.
pub fn tensor<S: Scalar>(json: &Value, meter: &Meter) -> Tensor<S> {
    let sizes = json["shape"].as_array().unwrap().iter();
    let shape: Vec<usize> = sizes.map(|n| usize::try_from(n.as_u64().unwrap()).unwrap()).collect();
    let numbers = json["data"].as_array().unwrap().iter();
    Tensor::new(&shape, numbers.map(|x| S::of(x.as_f64().unwrap())).collect(), meter)
}

/// The whole numbers of a list, nested as it may be; none if there is no list.
fn whole(json: &Value) -> Vec<i64> {
    match json {
        Value::Array(items) => items.iter().flat_map(whole).collect(),
        number => number.as_i64().into_iter().collect(),
    }
}

/// Where two tensors differ by more than 1e-5 of their scale.
pub fn difference<S: Scalar>(what: &str, found: &Tensor<S>, json: &Value) -> Option<String> {
    let meter = Meter::new();
    let expected = tensor::<f64>(json, &meter);
    if found.shape() != expected.shape() {
        return Some(format!(
            "{what}: shape {:?}, torch has {:?}",
            found.shape(),
            expected.shape()
        ));
    }
    let scale = expected.data().iter().fold(1e-30f64, |scale, x| scale.max(x.abs()));
    let pairs = found.values().into_iter().zip(expected.data().iter().copied());
    let worst = pairs.map(|(a, b)| if a.is_finite() { (a - b).abs() } else { f64::INFINITY });
    let worst = worst.fold(0.0, f64::max);
    (worst > 1e-5 * scale.max(1.0)).then(|| format!("{what}: off by {worst} at a scale of {scale}"))
}

/// One operator with its tensors, run forward and backward.
pub struct Run<S> {
    pub made: Made<S>,
    pub owned: Vec<Owned<S>>,
    pub inputs: Vec<Grads<S>>,
    pub params: Vec<Grads<S>>,
    /// The gradient of the output that backward began from.
    pub grad: Tensor<S>,
    forward: Tally,
    backward_inputs: Tally,
    backward_params: Tally,
}

/// Runs an operator forward and, for the two kinds of gradients apart, backward.
pub fn run<S: Scalar>(
    op: &Op,
    mode: Mode,
    inputs: &[Tensor<S>],
    owned: Vec<Owned<S>>,
    grad: Option<Tensor<S>>,
) -> Run<S> {
    run_by(Backend::Reference, op, mode, inputs, owned, grad)
}

/// The same by some backend's kernels.
pub fn run_by<S: Scalar>(
    backend: Backend,
    op: &Op,
    mode: Mode,
    inputs: &[Tensor<S>],
    mut owned: Vec<Owned<S>>,
    grad: Option<Tensor<S>>,
) -> Run<S> {
    let meter = Meter::new();
    let mut rng = Rng::new(1);
    let pass = Forward {
        inputs,
        owned: &mut owned,
        mode,
        rng: &mut rng,
        keep: true,
        prepacked: None,
        meter: &meter,
    };
    let (made, forward) = counting(|| backend.forward(op, pass));
    let grad = grad.unwrap_or_else(|| Tensor::full(made.outputs[0].shape(), S::of(0.5), &meter));
    let kept = |i: usize, input: bool| {
        made.kept.iter().any(|kept| match kept {
            Kept::Input(at) => input && *at == i,
            Kept::Output(at) => !input && *at == i,
            _ => false,
        })
    };
    let pick = |(i, tensor): (usize, &Tensor<S>)| kept(i, true).then(|| tensor.clone());
    let kept_inputs: Vec<_> = inputs.iter().enumerate().map(pick).collect();
    let kept_outputs = [kept(0, false).then(|| made.outputs[0].clone())];
    let shapes: Vec<Vec<usize>> = inputs.iter().map(|x| x.shape().to_vec()).collect();
    let grads = [grad];
    let back = |want_inputs, want_params| {
        counting(|| {
            let pass = Backward {
                shapes: &shapes,
                inputs: &kept_inputs,
                outputs: &kept_outputs,
                kept: &made.kept,
                owned: &owned,
                grads: &grads,
                mode,
                want_inputs,
                want_params,
                meter: &meter,
            };
            backend.backward(op, pass)
        })
    };
    let (inputs, backward_inputs) = back(true, false);
    let (params, backward_params) = back(false, true);
    let (inputs, params) = (vec![inputs], vec![params]);
    let [grad] = grads;
    Run { made, owned, inputs, params, grad, forward, backward_inputs, backward_params }
}

/// An operator's own tensors, drawn.
pub fn init<S: Scalar>(op: &Op, shape: &[usize]) -> Vec<Owned<S>> {
    init_on(op, &[shape.to_vec()])
}

fn init_on<S: Scalar>(op: &Op, shapes: &[Vec<usize>]) -> Vec<Owned<S>> {
    let (meter, mut rng) = (Meter::new(), Rng::new(3));
    let shapes: Vec<&[usize]> = shapes.iter().map(Vec::as_slice).collect();
    op.init(&shapes, &mut Init { scheme: Scheme::Torch, rng: &mut rng, meter: &meter })
}

/// The differences of one case, run by a backend in the precision of `S`.
fn wrong<S: Scalar>(case: &Case, backend: Backend) -> Vec<String> {
    let meter = Meter::new();
    let input = tensor::<S>(&case.json["input"], &meter);
    let mut owned = init::<S>(&case.op, input.shape());
    for each in &mut owned {
        let given = [&case.json["params"][each.name], &case.json["buffers_before"][each.name]];
        if let (Some(given), Some(own)) =
            (given.into_iter().find(|given| given.is_object()), each.tensor_mut())
        {
            *own = tensor(given, &meter);
        }
    }
    let grad = tensor(&case.json["grad_output"], &meter);
    let run = run_by(backend, &case.op, case.mode, std::slice::from_ref(&input), owned, Some(grad));
    let mut wrong = Vec::new();
    wrong.extend(difference("output", &run.made.outputs[0], &case.json["output"]));
    wrong.extend(difference(
        "input's gradient",
        &run.inputs[0].inputs[0],
        &case.json["grad_input"],
    ));
    for kept in &run.made.kept {
        let expected = whole(&case.json["indices"]["data"]);
        if let (Kept::Indices(_, found), false) = (kept, expected.is_empty())
            && found[..] != expected
        {
            wrong.push(format!("indices: {:?}, torch has {expected:?}", &found[..]));
        }
    }
    let parameters = run.owned.iter().filter(|owned| owned.kind == TensorKind::Parameter);
    for (owned, grad) in parameters.zip(&run.params[0].params) {
        wrong.extend(difference(owned.name, grad, &case.json["grads"][owned.name]));
    }
    for owned in &run.owned {
        let after = &case.json["buffers_after"][owned.name];
        if let (true, Some(tensor)) = (after.is_object(), owned.tensor()) {
            wrong.extend(difference(owned.name, tensor, after));
        }
    }
    wrong
}

fn golden(file: &str) {
    let cases = cases(file);
    assert!(!cases.is_empty());
    for case in cases {
        for backend in [Backend::Reference, Backend::Fast { exact: false }] {
            let wrong = [wrong::<f32>(&case, backend), wrong::<f64>(&case, backend)].concat();
            assert!(wrong.is_empty(), "{} on {backend:?}: {wrong:#?}", case.id);
        }
    }
}

macro_rules! golden {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            golden(concat!(stringify!($name), ".json"));
        })*
    };
}

golden! {
    conv1d conv2d conv3d linear
    conv_transpose1d conv_transpose2d conv_transpose3d
    max_pool1d max_pool2d max_pool3d avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool adaptive_max_pool
    upsample shape_ops
    activations batch_norm group_norm instance_norm layer_norm lrn softmax
}

/// torchvision's LayerNorm2d is a layer norm between two permutations.
#[test]
fn a_layer_norm_of_channels_is_one_of_the_last_axis() {
    let op = |name: &str, sizes: &[i64]| {
        let (entry, rank) = Op::find(name).unwrap();
        let positional = sizes.iter().copied().map(ArgValue::Int).collect();
        let written = Written { positional, named: Vec::new() };
        (entry.build)(&Args::bind(entry.signature, rank, written).unwrap()).unwrap()
    };
    let (meter, mut rng) = (Meter::new(), Rng::new(7));
    let mut drawn = |shape: &[usize]| {
        let n = shape.iter().product();
        Tensor::<f64>::new(shape, (0..n).map(|_| rng.normal()).collect(), &meter)
    };
    let (x, g) = (drawn(&[2, 5, 3, 4]), drawn(&[2, 5, 3, 4]));
    let mut owned = init::<f64>(&op("layernorm2d", &[]), x.shape());
    for each in &mut owned {
        *each.tensor_mut().unwrap() = drawn(&[5]);
    }
    let run = |name, sizes: &[i64], x: &Tensor<f64>, g: Option<&Tensor<f64>>| {
        let owned = if name == "permute" { Vec::new() } else { owned.clone() };
        run(&op(name, sizes), Mode::Train, std::slice::from_ref(x), owned, g.cloned())
    };
    let (to_last, to_second) = (&[0, 2, 3, 1], &[0, 3, 1, 2]);
    let moved =
        |x: &Tensor<f64>, order: &[i64]| run("permute", order, x, None).made.outputs[0].clone();
    let (last, last_g) = (moved(&x, to_last), moved(&g, to_last));
    let (found, expected) =
        (run("layernorm2d", &[], &x, Some(&g)), run("layernorm", &[], &last, Some(&last_g)));
    let same = |found: &Tensor<f64>, expected: &Tensor<f64>| {
        let pairs = found.data().iter().zip(expected.data());
        assert_eq!(found.shape(), expected.shape());
        assert!(pairs.into_iter().all(|(a, b)| (a - b).abs() < 1e-12), "{found:?} {expected:?}");
    };
    same(&found.made.outputs[0], &moved(&expected.made.outputs[0], to_second));
    same(&found.inputs[0].inputs[0], &moved(&expected.inputs[0].inputs[0], to_second));
    let pairs = found.params[0].params.iter().zip(&expected.params[0].params);
    assert_eq!(pairs.clone().count(), 2);
    pairs.for_each(|(found, expected)| same(found, expected));
}

fn tally(work: Work) -> Tally {
    let Work { macs, adds, muls, divs, cmps, specials, padding_taps } = work;
    Tally { macs, adds, muls, divs, cmps, specials, padding_taps }
}

/// What differs between an operator's rules and what running it on counting numbers does.
pub fn miscounted(op: &Op, shape: &[usize], mode: Mode) -> Vec<String> {
    miscounted_on(op, &[shape.to_vec()], mode)
}

/// The same with several inputs.
pub fn miscounted_on(op: &Op, shapes: &[Vec<usize>], mode: Mode) -> Vec<String> {
    let meter = Meter::new();
    let mut rng = Rng::new(2);
    let mut draw = |shape: &Vec<usize>| {
        let n: usize = shape.iter().product();
        Tensor::new(shape, (0..n).map(|_| Counted::of(rng.normal())).collect(), &meter)
    };
    let drawn: Vec<Tensor<Counted>> = shapes.iter().map(&mut draw).collect();
    let run = run(op, mode, &drawn, init_on(op, shapes), None);
    let dims = |shape: &[usize]| shape.iter().map(|n| *n as u64).collect::<Vec<u64>>();
    let inputs: Vec<Shape> = shapes.iter().map(|s| Shape::new(&dims(s)).unwrap()).collect();
    let outputs = op.infer(&inputs).unwrap();
    let io = Io { inputs: &inputs, outputs: &outputs, mode };
    let mut wrong = Vec::new();
    let mut same = |what: &str, computed: String, executed: String| {
        if computed != executed {
            wrong.push(format!("{what}: computed {computed}, executed {executed}"));
        }
    };
    let text = |tally: Tally| format!("{tally:?}");
    let real = dims(run.made.outputs[0].shape());
    same("shape", format!("{:?}", outputs[0].dims()), format!("{real:?}"));
    let backward = op.work_backward(io).unwrap();
    same("forward", text(tally(op.work(io).unwrap())), text(run.forward));
    same("backward, inputs", text(tally(backward.inputs)), text(run.backward_inputs));
    same("backward, parameters", text(tally(backward.params)), text(run.backward_params));
    let params = op.params(&inputs).unwrap();
    let computed: Vec<_> = params.iter().map(|p| (&*p.name, p.shape.dims().to_vec())).collect();
    let executed: Vec<_> = run.owned.iter().map(|o| (o.name, dims(o.shape()))).collect();
    same("tensors", format!("{computed:?}"), format!("{executed:?}"));
    let computed = op.saved(io).unwrap().into_iter().map(|keep| match keep {
        Keep::Input(i) => format!("input {i}"),
        Keep::Output(i) => format!("output {i}"),
        Keep::Own { what, elements, dtype } => {
            // What tallies is a double.
            format!("{what}: {} B", elements * dtype.unwrap_or(DType::F64).bytes())
        }
    });
    let executed = run.made.kept.iter().map(|kept| match kept {
        Kept::Input(i) => format!("input {i}"),
        Kept::Output(i) => format!("output {i}"),
        Kept::Numbers(what, tensor) => format!("{what}: {} B", tensor.bytes()),
        Kept::Indices(what, buffer) => format!("{what}: {} B", buffer.bytes()),
        Kept::Mask(what, buffer) => format!("{what}: {} B", buffer.bytes()),
    });
    same(
        "saved",
        format!("{:?}", computed.collect::<Vec<_>>()),
        format!("{:?}", executed.collect::<Vec<_>>()),
    );
    let made = &run.made.outputs[0];
    let own = || run.owned.iter().filter_map(Owned::tensor).any(|own| made.shares(own));
    let view = drawn.first().map_or_else(own, |input| made.shares(input));
    same("view", op.is_view(mode).to_string(), view.to_string());
    for (i, (gradient, x)) in run.inputs[0].inputs.iter().zip(&drawn).enumerate() {
        same("gradient's shape", format!("{:?}", x.shape()), format!("{:?}", gradient.shape()));
        let passed = gradient.shares(&run.grad).to_string();
        same("gradient passed on", op.passes_gradient(i, io).to_string(), passed);
    }
    same("gradients", drawn.len().to_string(), run.inputs[0].inputs.len().to_string());
    wrong
}

/// Every layer of every operator fixture, in both modes.
#[test]
fn every_fixture_executes_what_was_computed() {
    let mut layers = 0;
    for source in crate::common::runnable(folder("tests/fixtures/ops")) {
        for variant in variants(&source) {
            let document = read(&source, variant.as_deref());
            // A batch of two, so that batch norm sees more than one value a channel.
            let graph = document.graph.at_batch(2);
            let analysis = cnnstat::analyze(&graph, &Options::default()).complete().unwrap();
            for (node, row) in graph.nodes().iter().zip(&analysis.rows) {
                let sizes = |shape: &Shape| {
                    let sizes = shape.dims().iter().map(|n| usize::try_from(*n).unwrap());
                    sizes.collect::<Vec<_>>()
                };
                let shapes: Vec<Vec<usize>> = row.inputs.iter().map(sizes).collect();
                for mode in [Mode::Eval, Mode::Train] {
                    let wrong = miscounted_on(&node.op, &shapes, mode);
                    let at = format!("{} {} {:?} {mode:?}", source.name, node.name, node.op);
                    assert!(wrong.is_empty(), "{at}: {wrong:#?}");
                    layers += 1;
                }
            }
        }
    }
    assert!(layers > 200, "{layers} layers");
}
