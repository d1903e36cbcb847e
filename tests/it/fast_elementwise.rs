//! The fast kernels of pools, batch norm, activations and joins against the reference, over random configurations: forward,
//! what is kept, gradients, running statistics, scratch memory; and the same numbers whatever the number of threads.
//!
//! Maxima and what only moves numbers are the same bits. Elsewhere an element is off by at most [`SHARE`] ε of the largest of
//! its tensor (or 1), with the reference in doubles: roundings of a formula, of a special function made of a series, of a sum.
//! A gradient through batch norm is a difference of sums: of it the scale is that of its summands.

use std::fmt::Debug;

use cnnstat::internals::exec::backend::Backend;
use cnnstat::internals::exec::kernels::{
    Backward, Forward, Init, Kept, Kernel as _, Numbers, Owned, Scheme,
};
use cnnstat::internals::exec::meter::{Buffer, Meter};
use cnnstat::internals::exec::rng::Rng;
use cnnstat::internals::exec::scalar::Scalar;
use cnnstat::internals::exec::tensor::Tensor;
use cnnstat::internals::exec::threads::Threads;
use cnnstat::internals::ops::arg_type::ArgType;
use cnnstat::ops::activation::Approximate;
use cnnstat::ops::args::ArgValue;
use cnnstat::ops::global_pool::OutputSize;
use cnnstat::ops::{
    AdaptiveAvgPool, AdaptiveMaxPool, Add, AvgPool, BatchNorm, Epsilon, Gelu, GlobalAvgPool,
    GlobalMaxPool, HardSigmoid, HardSwish, LeakyRelu, MaxPool, Mode, Mul, Op, Padding, PerAxis,
    Relu, Relu6, Rounding, Sigmoid, Silu, Sub, Tanh,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::kernels::{Run, run_by};
use crate::kernels_random::{accepts, padding, ranks, sizes};

const FAST: Backend = Backend::Fast { exact: false };

/// Of the scale, in ε.
const SHARE: f64 = 24.0;

/// An operator with the shapes of its inputs.
type Case = (Op, Vec<Vec<usize>>);

/// What an operator is run on.
struct Given<S> {
    inputs: Vec<Tensor<S>>,
    owned: Vec<Owned<S>>,
    grad: Tensor<S>,
}

/// Numbers that are drawn; where there are to be ties, of a few.
fn drawn<S: Scalar>(shape: &[usize], rng: &mut Rng, ties: bool) -> Tensor<S> {
    let n = shape.iter().product();
    let mut draw = || if ties { (rng.normal() * 2.0).round() } else { rng.normal() };
    Tensor::new(shape, (0..n).map(|_| S::of(draw())).collect(), &Meter::new())
}

impl<S: Scalar> Given<S> {
    fn draw((op, shapes): &Case, mode: Mode, ties: bool) -> Self {
        let mut rng = Rng::new(7);
        let inputs: Vec<Tensor<S>> =
            shapes.iter().map(|shape| drawn(shape, &mut rng, ties)).collect();
        let meter = Meter::new();
        let sizes: Vec<&[usize]> = shapes.iter().map(Vec::as_slice).collect();
        let mut init = Init { scheme: Scheme::Torch, rng: &mut Rng::new(3), meter: &meter };
        let mut owned: Vec<Owned<S>> = op.init(&sizes, &mut init);
        for tensor in owned.iter_mut().filter_map(Owned::tensor_mut) {
            // Variances are positive.
            tensor.data_mut().iter_mut().for_each(|x| *x = S::of(0.5 + rng.unit()));
        }
        let made = run_by(Backend::Reference, op, mode, &inputs, owned.clone(), None).made;
        let grad = drawn(made.outputs[0].shape(), &mut rng, ties);
        Self { inputs, owned, grad }
    }

    fn cast<T: Scalar>(&self) -> Given<T> {
        let meter = Meter::new();
        let own = |owned: &Owned<S>| {
            let numbers = match &owned.numbers {
                Numbers::Real(tensor) => Numbers::Real(tensor.cast(&meter)),
                Numbers::Count(count) => Numbers::Count(Buffer::new(count.to_vec(), &meter)),
            };
            Owned { name: owned.name, kind: owned.kind, numbers }
        };
        Given {
            inputs: self.inputs.iter().map(|x| x.cast(&meter)).collect(),
            owned: self.owned.iter().map(own).collect(),
            grad: self.grad.cast(&meter),
        }
    }

    fn run(&self, backend: Backend, op: &Op, mode: Mode) -> Run<S> {
        run_by(backend, op, mode, &self.inputs, self.owned.clone(), Some(self.grad.clone()))
    }
}

/// Every tensor that a run made, kept or moved, by name.
fn results<S: Scalar>(run: &Run<S>) -> Vec<(String, Vec<usize>, Vec<f64>)> {
    let mut all = Vec::new();
    let mut tell = |name: &str, tensor: &Tensor<S>| {
        all.push((name.to_owned(), tensor.shape().to_vec(), tensor.values()));
    };
    run.made.outputs.iter().for_each(|y| tell("output", y));
    run.inputs[0].inputs.iter().for_each(|dx| tell("input's gradient", dx));
    run.params[0].params.iter().for_each(|dw| tell("parameter's gradient", dw));
    run.owned.iter().filter_map(|own| own.tensor().map(|t| (own, t))).for_each(|(own, tensor)| {
        tell(own.name, tensor);
    });
    for kept in &run.made.kept {
        if let Kept::Numbers(name, tensor) = kept {
            tell(name, tensor);
        }
    }
    all
}

/// What is kept, without numbers that are rounded, and how many batches were seen.
fn kept<S: Scalar>(run: &Run<S>) -> Vec<String> {
    let counts = run.owned.iter().filter_map(|own| match &own.numbers {
        Numbers::Count(count) => Some(format!("count {:?}", count.to_vec())),
        Numbers::Real(_) => None,
    });
    let kept = run.made.kept.iter().map(|kept| match kept {
        Kept::Input(i) => format!("input {i}"),
        Kept::Output(i) => format!("output {i}"),
        Kept::Numbers(name, tensor) => format!("{name} {:?}", tensor.shape()),
        Kept::Indices(name, all) => format!("{name} {:?}", all.to_vec()),
        Kept::Mask(name, all) => format!("{name} {:?}", all.to_vec()),
    });
    kept.chain(counts).collect()
}

/// The fast kernel's results against the reference's in doubles, and what it keeps against the reference's in its own.
fn compare<S: Scalar>(case: &Case, mode: Mode) -> Result<(), TestCaseError> {
    let op = &case.0;
    let given = Given::<S>::draw(case, mode, false);
    let fast = given.run(FAST, op, mode);
    let right = given.cast::<f64>().run(Backend::Reference, op, mode);
    let own = given.run(Backend::Reference, op, mode);
    prop_assert_eq!(kept(&fast), kept(&own));
    let epsilon = if S::BYTES == 8 { f64::EPSILON } else { f64::from(f32::EPSILON) };
    // What a gradient through statistics is a difference of.
    let through = if matches!(op, Op::BatchNorm(_)) { 4.0 } else { 1.0 };
    for (fast, right) in results(&fast).into_iter().zip(results(&right)) {
        prop_assert_eq!((&fast.0, &fast.1), (&right.0, &right.1));
        let finite = right.2.iter().filter(|x| x.is_finite());
        let scale = finite.fold(through, |scale: f64, x| scale.max(x.abs()));
        // A sum's roundings grow with the root of its length.
        let met: usize = given.inputs[0].len() / fast.2.len().max(1);
        #[allow(clippy::cast_precision_loss, reason = "a measure")]
        let share = epsilon * (SHARE + (met as f64).sqrt());
        for (x, y) in fast.2.iter().zip(&right.2) {
            let is_near = x.to_bits() == y.to_bits() || (x - y).abs() <= share * scale;
            prop_assert!(is_near, "{}: {} is to be {} at a scale of {}", fast.0, x, y, scale);
        }
    }
    Ok(())
}

/// Values that are the reference's, ties, infinities and all.
fn same<S: Scalar>(case: &Case) -> Result<(), TestCaseError> {
    let mut given = Given::<S>::draw(case, Mode::Train, true);
    for x in given.inputs[0].data_mut().iter_mut().step_by(3) {
        if x.above(S::of(1.5)) {
            *x = S::LOWEST;
        }
    }
    let [fast, right] = [FAST, Backend::Reference].map(|by| given.run(by, &case.0, Mode::Train));
    prop_assert_eq!(kept(&fast), kept(&right));
    prop_assert_eq!(results(&fast), results(&right));
    Ok(())
}

fn check(case: &Case) -> Result<(), TestCaseError> {
    let shapes: Vec<&[usize]> = case.1.iter().map(Vec::as_slice).collect();
    prop_assume!(shapes.len() > 1 || accepts(&case.0, shapes[0]));
    let is_own = FAST.covers(&case.0, &shapes);
    let adapts = matches!(case.0, Op::AdaptiveAvgPool(_) | Op::AdaptiveMaxPool(_));
    prop_assert!(is_own || adapts, "no fast kernel for {:?} at {:?}", case.0, shapes);
    for mode in [Mode::Train, Mode::Eval] {
        compare::<f32>(case, mode)?;
        compare::<f64>(case, mode)?;
    }
    if matches!(case.0, Op::MaxPool(_) | Op::AdaptiveMaxPool(_) | Op::GlobalMaxPool(_)) {
        same::<f32>(case)?;
        same::<f64>(case)?;
    }
    Ok(())
}

/// Shapes of `rank` spatial axes, smaller the more axes there are.
fn shape(rank: usize) -> impl Strategy<Value = Vec<usize>> {
    let most: usize = [40, 15, 7][rank - 1];
    (1..=9usize, 1..=3usize, vec(1..=most, rank))
        .prop_map(|(batch, channels, extents)| [&[batch, channels], &extents[..]].concat())
}

fn rounding() -> impl Strategy<Value = Rounding> {
    prop_oneof![Just(Rounding::Floor), Just(Rounding::Ceil), Just(Rounding::Caffe)]
}

fn max_pool(rank: usize) -> impl Strategy<Value = Case> {
    let geometry = (sizes(rank, 1..=7), sizes(rank, 1..=3), sizes(rank, 1..=3));
    (shape(rank), geometry, padding(rank, 3), rounding()).prop_map(
        move |(shape, (kernel_size, stride, dilation), padding, ceil_mode)| {
            let op = MaxPool { rank, kernel_size, stride, padding, dilation, ceil_mode };
            (op.into(), vec![shape])
        },
    )
}

fn avg_pool(rank: usize) -> impl Strategy<Value = Case> {
    let geometry = (sizes(rank, 1..=7), sizes(rank, 1..=3));
    let divisor = (any::<bool>(), proptest::option::of(1..=5u64));
    (shape(rank), geometry, padding(rank, 3), rounding(), divisor).prop_map(
        move |(shape, (kernel_size, stride), padding, ceil_mode, divisor)| {
            let (count_include_pad, divisor_override) = divisor;
            let op = AvgPool {
                rank,
                kernel_size,
                stride,
                padding,
                ceil_mode,
                count_include_pad,
                divisor_override,
            };
            (op.into(), vec![shape])
        },
    )
}

fn adaptive_pool(rank: usize) -> impl Strategy<Value = Case> {
    let size = prop_oneof![6 => (1..=9i64).prop_map(ArgValue::Int), 1 => Just(ArgValue::None)];
    (shape(rank), vec(size, rank), 0..4usize).prop_map(move |(shape, sizes, which)| {
        let output_size = OutputSize::read(&ArgValue::List(sizes), rank).unwrap();
        let op: Op = match which {
            0 => AdaptiveAvgPool { rank, output_size }.into(),
            1 => AdaptiveMaxPool { rank, output_size }.into(),
            2 => GlobalAvgPool {}.into(),
            _ => GlobalMaxPool {}.into(),
        };
        (op, vec![shape])
    })
}

fn batch_norm(rank: usize) -> impl Strategy<Value = Case> {
    let momentum = proptest::option::of(0.0..1.0);
    (shape(rank), momentum, any::<bool>(), any::<bool>())
        .prop_filter("planes that are covered", |(shape, ..)| {
            shape[2..].iter().product::<usize>() >= 8
        })
        .prop_map(move |(shape, momentum, affine, track_running_stats)| {
            let eps = Epsilon(1e-3);
            (BatchNorm { rank, eps, momentum, affine, track_running_stats }.into(), vec![shape])
        })
}

fn activations() -> Vec<Op> {
    vec![
        Relu { inplace: false }.into(),
        Relu6 { inplace: false }.into(),
        LeakyRelu { negative_slope: 0.1, inplace: false }.into(),
        Sigmoid {}.into(),
        HardSigmoid { inplace: false }.into(),
        Silu { inplace: false }.into(),
        HardSwish { inplace: false }.into(),
        Tanh {}.into(),
        Gelu { approximate: Approximate::None }.into(),
        Gelu { approximate: Approximate::Tanh }.into(),
    ]
}

fn activation(rank: usize) -> impl Strategy<Value = Case> {
    (shape(rank), prop::sample::select(activations())).prop_map(|(shape, op)| (op, vec![shape]))
}

fn join(rank: usize) -> impl Strategy<Value = Case> {
    (shape(rank), 0..6usize, 2..=4usize).prop_map(|(shape, which, count)| {
        let mut gate = shape[..2].to_vec();
        gate.resize(shape.len(), 1);
        match which {
            0 | 1 => (Add {}.into(), vec![shape; count]),
            2 => (Sub {}.into(), vec![shape; 2]),
            3 => (Mul {}.into(), vec![shape; 2]),
            4 => (Mul {}.into(), vec![shape, gate]),
            _ => (Mul {}.into(), vec![gate, shape]),
        }
    })
}

macro_rules! equal {
    ($($name:ident: $strategy:expr;)*) => {
        proptest! {
            #![proptest_config(ProptestConfig { max_global_rejects: 65536, ..ProptestConfig::with_cases(96) })]
            $(#[test]
            fn $name(case in $strategy) {
                check(&case)?;
            })*
        }
    };
}

fn each<T: Debug + Clone, G: Strategy<Value = T> + 'static>(
    of: impl Fn(usize) -> G,
) -> impl Strategy<Value = T> {
    ranks(of)
}

equal! {
    max_pools_equal_the_reference: each(max_pool);
    avg_pools_equal_the_reference: each(avg_pool);
    adaptive_and_global_pools_equal_the_reference: each(adaptive_pool);
    batch_norms_equal_the_reference: each(batch_norm);
    activations_equal_the_reference: each(activation);
    joins_equal_the_reference: each(join);
}

/// Operators at sizes that are cut into parts.
fn large() -> Vec<Case> {
    let shape = vec![3, 20, 37, 41];
    let all = |n| PerAxis::all(2, n);
    let max = |kernel, stride| MaxPool {
        rank: 2,
        kernel_size: PerAxis::all(2, kernel),
        stride: PerAxis::all(2, stride),
        padding: Padding::Sides { rank: 2, sides: [(1, 1); 3] },
        dilation: PerAxis::all(2, 1),
        ceil_mode: Rounding::Ceil,
    };
    let mean = AvgPool {
        rank: 2,
        kernel_size: all(3),
        stride: all(2),
        padding: Padding::Sides { rank: 2, sides: [(1, 1); 3] },
        ceil_mode: Rounding::Floor,
        count_include_pad: false,
        divisor_override: None,
    };
    let norm = |affine, track_running_stats| BatchNorm {
        rank: 2,
        eps: Epsilon(1e-5),
        momentum: Some(0.1),
        affine,
        track_running_stats,
    };
    let sizes = ArgValue::List(vec![ArgValue::None, ArgValue::Int(1)]);
    let output_size = OutputSize::read(&sizes, 2).unwrap();
    let mut ops: Vec<Op> = vec![
        max(2, 2).into(),
        max(3, 1).into(),
        mean.into(),
        AdaptiveAvgPool { rank: 2, output_size }.into(),
        GlobalAvgPool {}.into(),
        GlobalMaxPool {}.into(),
        norm(true, true).into(),
        norm(false, false).into(),
    ];
    ops.extend(activations());
    let mut cases: Vec<Case> = ops.into_iter().map(|op| (op, vec![shape.clone()])).collect();
    cases.push((norm(true, true).into(), vec![vec![4, 96, 60, 60]]));
    cases.push((Add {}.into(), vec![shape.clone(); 3]));
    cases.push((Mul {}.into(), vec![shape.clone(); 2]));
    cases.push((Mul {}.into(), vec![shape, vec![3, 20, 1, 1]]));
    cases
}

#[test]
fn large_operators_equal_the_reference() {
    for case in large() {
        check(&case).unwrap_or_else(|error| panic!("{case:?}: {error}"));
    }
}

/// Bit by bit, in one pool or another.
#[test]
fn the_number_of_threads_changes_nothing() {
    let values = |threads: usize| {
        Threads::new(threads).unwrap().run(|| {
            let run = |case: &Case| {
                Given::<f32>::draw(case, Mode::Train, false).run(FAST, &case.0, Mode::Train)
            };
            large().iter().map(|case| results(&run(case))).collect::<Vec<_>>()
        })
    };
    let one = values(1);
    for threads in [2, 3] {
        assert!(values(threads) == one, "{threads} threads");
    }
}

/// What a pass takes at its highest is what it makes, what it keeps and the scratch memory that was told.
#[test]
fn scratch_memory_is_as_told() {
    for (case, mode) in large().iter().flat_map(|case| [(case, Mode::Train), (case, Mode::Eval)]) {
        let op = &case.0;
        let Given { inputs, mut owned, grad } = Given::<f32>::draw(case, mode, false);
        let shapes: Vec<&[usize]> = case.1.iter().map(Vec::as_slice).collect();
        let told = FAST.scratch(op, &shapes, mode);
        for keep in [false, true] {
            let (meter, mut rng) = (Meter::new(), Rng::new(1));
            let rng = &mut rng;
            let pass = Forward {
                inputs: &inputs,
                owned: &mut owned,
                mode,
                rng,
                keep,
                prepacked: None,
                meter: &meter,
            };
            let made = FAST.forward(op, pass);
            assert_eq!(meter.peak(), meter.now() + 4 * told.forward as u64, "{op:?} {mode:?}");
            drop(made);
        }
        let run = Given { inputs, owned, grad }.run(FAST, op, mode);
        let kept_output = [Some(run.made.outputs[0].clone())];
        let given = Given::<f32>::draw(case, mode, false);
        let kept_inputs: Vec<_> = given.inputs.into_iter().map(Some).collect();
        for (want_inputs, want_params) in [(true, false), (false, true), (true, true)] {
            let meter = Meter::new();
            let pass = Backward {
                shapes: &case.1,
                inputs: &kept_inputs,
                outputs: &kept_output,
                kept: &run.made.kept,
                owned: &given.owned,
                grads: std::slice::from_ref(&given.grad),
                mode,
                want_inputs,
                want_params,
                meter: &meter,
            };
            let made = FAST.backward(op, pass);
            let scratch = 4 * told.backward(want_inputs, want_params) as u64;
            let what = format!("{op:?} {mode:?} {want_inputs} {want_params}");
            assert_eq!(meter.peak(), meter.now() + scratch, "{what}");
            drop(made);
        }
    }
}
