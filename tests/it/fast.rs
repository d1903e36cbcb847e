//! The fast kernels against the reference, over random configurations: every element within what rounding explains; and
//! the same numbers whatever the number of threads.
//!
//! An element is a sum of k products. Summed in some order, it is off by about ε·√k of the sum of their absolute values,
//! which the reference makes of the absolute numbers. Where a convolution may be made in tiles, an element takes a share in
//! the rounding of those beside it: it is the largest of the sums that counts, over √k, and 4ε(8 + √k) of it where the
//! kernel is to be exact, else 16ε(16 + √k), about 10⁻⁵ of the largest element in singles.

use cnnstat::internals::exec::backend::Backend;
use cnnstat::internals::exec::kernels::{Backward, Forward, Numbers, Owned};
use cnnstat::internals::exec::meter::Meter;
use cnnstat::internals::exec::rng::Rng;
use cnnstat::internals::exec::scalar::Scalar;
use cnnstat::internals::exec::tensor::Tensor;
use cnnstat::internals::exec::threads::Threads;
use cnnstat::ops::{Conv, ConvTranspose, Linear, Mode, Op, Padding, PerAxis, Softsign};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::kernels::{Run, init, run_by};
use crate::kernels_random::{accepts, padding, ranks, sizes};

const FAST: Backend = Backend::Fast { exact: false };
const EXACT: Backend = Backend::Fast { exact: true };

fn map<S: Scalar, T: Scalar>(tensor: &Tensor<S>, to: impl Fn(f64) -> f64) -> Tensor<T> {
    let numbers = tensor.values().into_iter().map(|x| T::of(to(x))).collect();
    Tensor::new(tensor.shape(), numbers, &Meter::new())
}

/// What an operator is run on: its input, what it owns, and the gradient of its output.
struct Given<S> {
    input: Tensor<S>,
    owned: Vec<Owned<S>>,
    grad: Option<Tensor<S>>,
}

impl<S: Scalar> Given<S> {
    fn draw(op: &Op, shape: &[usize], seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let mut draw = |shape: &[usize]| {
            let n = shape.iter().product();
            Tensor::new(shape, (0..n).map(|_| S::of(rng.normal())).collect(), &Meter::new())
        };
        let (input, owned) = (draw(shape), init::<S>(op, shape));
        let made = Self { input, owned, grad: None }.run(FAST, op).made;
        let grad = draw(made.outputs[0].shape());
        Self { input: draw(shape), owned: init::<S>(op, shape), grad: Some(grad) }
    }

    fn map<T: Scalar>(&self, to: impl Fn(f64) -> f64 + Copy) -> Given<T> {
        let own = |owned: &Owned<S>| {
            let tensor = owned.tensor().expect("no counts here");
            Owned { name: owned.name, kind: owned.kind, numbers: Numbers::Real(map(tensor, to)) }
        };
        Given {
            input: map(&self.input, to),
            owned: self.owned.iter().map(own).collect(),
            grad: self.grad.as_ref().map(|grad| map(grad, to)),
        }
    }

    fn run(&self, backend: Backend, op: &Op) -> Run<S> {
        let inputs = std::slice::from_ref(&self.input);
        run_by(backend, op, Mode::Train, inputs, self.owned.clone(), self.grad.clone())
    }
}

/// Everything that a run made: output, gradient of the input, gradients of the parameters.
fn results<S: Scalar>(run: &Run<S>) -> Vec<&Tensor<S>> {
    let made = run.made.outputs.iter().chain(&run.inputs[0].inputs);
    made.chain(&run.params[0].params).collect()
}

/// Whether a convolution may be made in tiles.
fn tiled(op: &Op) -> bool {
    let Op::Conv(Conv { rank: 2, kernel_size, stride, dilation, groups: 1, .. }) = op else {
        return false;
    };
    let all = |sizes: &[u64], n| sizes[..2].iter().all(|size| *size == n);
    all(kernel_size.values(), 3) && all(stride.values(), 1) && all(dilation.values(), 1)
}

/// How far the fast kernel's elements are from the reference's in doubles, as a multiple of what rounding explains.
#[allow(clippy::cast_precision_loss, reason = "a measure")]
fn distance<S: Scalar>(backend: Backend, op: &Op, shape: &[usize]) -> f64 {
    let given = Given::<S>::draw(op, shape, 5);
    let fast = given.run(backend, op);
    let right = given.map::<f64>(|x| x).run(Backend::Reference, op);
    let bounds = given.map::<f64>(f64::abs).run(Backend::Reference, op);
    let epsilon = if S::BYTES == 8 { f64::EPSILON } else { f64::from(f32::EPSILON) };
    let weight = given.owned[0].tensor().expect("a weight");
    // One element of a transposed convolution's input meets so many weights; of another's output.
    let met = if matches!(op, Op::ConvTranspose(_)) {
        shape.iter().product()
    } else {
        fast.made.outputs[0].len()
    };
    let macs = met * weight.len() / weight.shape()[0];
    let mut worst = 0.0f64;
    let all = results(&fast).into_iter().zip(results(&right)).zip(results(&bounds));
    for ((fast, right), bound) in all {
        assert_eq!(fast.shape(), right.shape());
        let products = (macs as f64 / fast.len().max(1) as f64).sqrt();
        let largest = bound.data().iter().fold(0.0, |a: f64, b| a.max(*b));
        let factor =
            if backend == EXACT { 4.0 * (8.0 + products) } else { 16.0 * (16.0 + products) };
        let beside = tiled(op).then_some(epsilon * factor * largest / products);
        let share = epsilon * (4.0 + 2.0 * products);
        for ((fast, right), bound) in fast.values().iter().zip(right.data()).zip(bound.data()) {
            let off = (fast - right).abs();
            let off = if off == 0.0 { 0.0 } else { off / beside.unwrap_or(share * bound) };
            worst = if off.is_finite() { worst.max(off) } else { f64::INFINITY };
        }
    }
    worst
}

fn check(op: &Op, shape: &[usize]) -> Result<(), TestCaseError> {
    prop_assume!(accepts(op, shape));
    prop_assert!(FAST.covers(op, &[shape]));
    for backend in if tiled(op) { vec![FAST, EXACT] } else { vec![FAST] } {
        let single = distance::<f32>(backend, op, shape);
        let double = distance::<f64>(backend, op, shape);
        prop_assert!(single < 1.0 && double < 1.0, "f32 {}, f64 {}: {:?}", single, double, op);
    }
    Ok(())
}

/// Shapes of `rank` spatial axes with some channels, smaller the more axes there are.
fn shape(rank: usize, channels: usize) -> impl Strategy<Value = Vec<usize>> {
    let most: usize = [40, 15, 7][rank - 1];
    (1..=9usize, vec(1..=most, rank))
        .prop_map(move |(batch, extents)| [&[batch, channels], &extents[..]].concat())
}

/// Convolutions of so many groups, each from `depth` channels to `kernels`.
fn grouped(
    rank: usize,
    (groups, depth, kernels): (usize, usize, u64),
) -> impl Strategy<Value = (Op, Vec<usize>)> {
    let geometry = (sizes(rank, 1..=7), sizes(rank, 1..=3), sizes(rank, 1..=3));
    (shape(rank, groups * depth), geometry, padding(rank, 4), any::<bool>()).prop_map(
        move |(shape, (kernel_size, stride, dilation), padding, bias)| {
            let (groups, out_channels) = (groups as u64, groups as u64 * kernels);
            let op =
                Conv { rank, out_channels, kernel_size, stride, padding, dilation, groups, bias };
            (op.into(), shape)
        },
    )
}

fn conv(rank: usize) -> impl Strategy<Value = (Op, Vec<usize>)> {
    (1..=3usize, 1..=5usize, 1..=5u64).prop_flat_map(move |sizes| grouped(rank, sizes))
}

/// Convolutions that may be made in tiles, with channels enough that many are.
fn tiled_conv() -> impl Strategy<Value = (Op, Vec<usize>)> {
    let sides = || prop_oneof![1..=6usize, 7..=28usize];
    let shape = (1..=9usize, 4..=40usize, sides(), sides());
    let sides = vec((0..=2u64, 0..=2u64), 2);
    (shape, 4..=40u64, sides, any::<bool>()).prop_map(
        |((batch, channels, high, wide), out_channels, sides, bias)| {
            let all = |n| PerAxis::all(2, n);
            let op = Conv {
                rank: 2,
                out_channels,
                kernel_size: all(3),
                stride: all(1),
                padding: Padding::Sides { rank: 2, sides: [sides[0], sides[1], (0, 0)] },
                dilation: all(1),
                groups: 1,
                bias,
            };
            (op.into(), vec![batch, channels, high, wide])
        },
    )
}

fn depthwise(rank: usize) -> impl Strategy<Value = (Op, Vec<usize>)> {
    (2..=5usize).prop_flat_map(move |channels| grouped(rank, (channels, 1, 1)))
}

fn conv_transpose(rank: usize) -> impl Strategy<Value = (Op, Vec<usize>)> {
    (1..=3usize, 1..=5usize, 1..=5u64).prop_flat_map(move |(groups, depth, kernels)| {
        let geometry = (sizes(rank, 1..=7), sizes(rank, 1..=3), sizes(rank, 1..=3));
        let cropped = (sizes(rank, 0..=2), sizes(rank, 0..=1));
        (shape(rank, groups * depth), geometry, cropped, any::<bool>()).prop_map(
            move |(shape, (kernel_size, stride, dilation), (padding, output_padding), bias)| {
                let op = ConvTranspose {
                    rank,
                    out_channels: groups as u64 * kernels,
                    kernel_size,
                    stride,
                    padding,
                    output_padding,
                    groups: groups as u64,
                    bias,
                    dilation,
                };
                (op.into(), shape)
            },
        )
    })
}

fn linear() -> impl Strategy<Value = (Op, Vec<usize>)> {
    let axes = prop_oneof![
        4 => vec(1..=9usize, 1),
        1 => Just(vec![100]),
        1 => vec(1..=4usize, 2..=4),
    ];
    (axes, 1..=300usize, 1..=300u64, any::<bool>()).prop_map(|(axes, ins, out_features, bias)| {
        (Linear { out_features, bias }.into(), [&axes[..], &[ins]].concat())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { max_global_rejects: 65536, ..ProptestConfig::with_cases(96) })]
    #[test]
    fn convolutions_equal_the_reference((op, shape) in ranks(conv)) {
        check(&op, &shape)?;
    }
    #[test]
    fn convolutions_in_tiles_equal_the_reference((op, shape) in tiled_conv()) {
        check(&op, &shape)?;
    }
    #[test]
    fn depthwise_convolutions_equal_the_reference((op, shape) in ranks(depthwise)) {
        check(&op, &shape)?;
    }
    #[test]
    fn transposed_convolutions_equal_the_reference((op, shape) in ranks(conv_transpose)) {
        check(&op, &shape)?;
    }
    #[test]
    fn linear_layers_equal_the_reference((op, shape) in linear()) {
        check(&op, &shape)?;
    }
}

/// Convolutions that are cut into parts, blocks and partial sums, in every way there is.
fn large() -> Vec<(Op, Vec<usize>)> {
    let conv = |out_channels, kernel: u64, stride: u64, groups, shape: &[usize]| {
        let rank = shape.len() - 2;
        let padding = Padding::Sides { rank, sides: [(kernel / 2, kernel / 2); 3] };
        let (kernel_size, stride) = (PerAxis::all(rank, kernel), PerAxis::all(rank, stride));
        let dilation = PerAxis::all(rank, 1);
        let op =
            Conv { rank, out_channels, kernel_size, stride, padding, dilation, groups, bias: true };
        (Op::from(op), shape.to_vec())
    };
    vec![
        conv(8, 3, 1, 1, &[1, 3, 61, 67]),
        conv(4, 3, 1, 1, &[2, 70, 24, 24]),
        conv(130, 3, 1, 1, &[1, 40, 7, 7]),
        conv(32, 3, 1, 1, &[2, 32, 61, 67]),
        conv(70, 3, 1, 1, &[9, 60, 14, 13]),
        conv(150, 3, 1, 1, &[1, 260, 15, 14]),
        conv(200, 1, 1, 1, &[1, 96, 15, 16]),
        conv(16, 1, 1, 1, &[3, 140, 22, 22]),
        conv(16, 1, 2, 2, &[2, 64, 29, 30]),
        conv(8, 7, 2, 1, &[1, 3, 65, 65]),
        conv(24, 3, 1, 24, &[2, 24, 40, 40]),
        conv(40, 5, 2, 40, &[3, 40, 33, 35]),
        conv(33, 7, 1, 33, &[2, 33, 20, 100]),
        conv(6, 3, 2, 6, &[1, 6, 18, 18, 90]),
        conv(16, 9, 1, 1, &[2, 24, 900]),
        conv(8, 3, 1, 2, &[1, 8, 16, 17, 18]),
        (Linear { out_features: 700, bias: true }.into(), vec![1, 900]),
        (Linear { out_features: 500, bias: true }.into(), vec![17, 300]),
        (Linear { out_features: 90, bias: true }.into(), vec![4, 50, 70]),
    ]
}

#[test]
fn large_layers_equal_the_reference() {
    for (op, shape) in large() {
        let single = distance::<f32>(FAST, &op, &shape);
        let double = distance::<f64>(FAST, &op, &shape);
        assert!(single < 1.0 && double < 1.0, "f32 {single}, f64 {double}: {op:?} at {shape:?}");
    }
}

/// What a pass takes at its highest is what it makes and the scratch memory that was told, in any number of threads.
#[test]
fn scratch_memory_is_as_told() {
    let each = |backend| large().into_iter().map(move |(op, shape)| (backend, op, shape));
    for (backend, op, shape) in [FAST, EXACT].into_iter().flat_map(each) {
        let Given { input, mut owned, grad } = Given::<f32>::draw(&op, &shape, 5);
        let told = backend.scratch(&op, &[&shape], Mode::Train);
        let (meter, mut rng) = (Meter::new(), Rng::new(1));
        let pass = Forward {
            inputs: std::slice::from_ref(&input),
            owned: &mut owned,
            mode: Mode::Train,
            rng: &mut rng,
            keep: false,
            prepacked: None,
            meter: &meter,
        };
        let bytes = backend.forward(&op, pass).outputs[0].bytes();
        assert_eq!(meter.peak(), bytes + 4 * told.forward as u64, "{op:?}");
        for (want_inputs, want_params) in [(true, false), (false, true), (true, true)] {
            let meter = Meter::new();
            let made = backend.backward(
                &op,
                Backward {
                    shapes: std::slice::from_ref(&shape),
                    inputs: &[Some(input.clone())],
                    outputs: &[None],
                    kept: &[],
                    owned: &owned,
                    grads: &[grad.clone().unwrap()],
                    mode: Mode::Train,
                    want_inputs,
                    want_params,
                    meter: &meter,
                },
            );
            let bytes: u64 = made.inputs.iter().chain(&made.params).map(Tensor::bytes).sum();
            let scratch = told.backward(want_inputs, want_params) as u64;
            assert_eq!(meter.peak(), bytes + 4 * scratch, "{op:?} {want_inputs} {want_params}");
        }
    }
}

/// Bit by bit, in one pool or another.
#[test]
fn the_number_of_threads_changes_nothing() {
    let bits = |threads: usize| {
        Threads::new(threads).unwrap().run(|| {
            let values = large().into_iter().map(|(op, shape)| {
                let given = Given::<f32>::draw(&op, &shape, 9);
                let run = given.run(FAST, &op);
                results(&run)
                    .into_iter()
                    .flat_map(|t| t.data().to_vec())
                    .map(f32::to_bits)
                    .collect()
            });
            values.collect::<Vec<Vec<u32>>>()
        })
    };
    let one = bits(1);
    for threads in [2, 3, 5] {
        assert_eq!(Threads::new(threads).unwrap().count(), threads);
        assert!(bits(threads) == one, "{threads} threads");
    }
}

#[test]
fn what_has_no_fast_kernel_falls_back() {
    let op = Op::from(Softsign {});
    assert!(!FAST.covers(&op, &[&[2, 3]]) && Backend::Reference.covers(&op, &[&[2, 3]]));
    let meter = Meter::new();
    let input = Tensor::<f32>::new(&[2, 3], vec![-1.0, 3.0, -1.0, 3.0, -1.0, 0.0], &meter);
    let given = Given { input, owned: Vec::new(), grad: None };
    let run = given.run(FAST, &op);
    assert_eq!(run.made.outputs[0].data(), [-0.5, 0.75, -0.5, 0.75, -0.5, 0.0]);
}
