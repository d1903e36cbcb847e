//! Random configurations: whatever the rules accept executes as they computed, in both modes; and backward is forward's
//! transpose.

use std::fmt::Debug;

use cnnstat::Shape;
use cnnstat::internals::exec::meter::Meter;
use cnnstat::internals::exec::rng::Rng;
use cnnstat::internals::exec::tensor::Tensor;
use cnnstat::internals::ops::arg_type::ArgType;
use cnnstat::ops::args::ArgValue;
use cnnstat::ops::global_pool::OutputSize;
use cnnstat::ops::pad::Sides;
use cnnstat::ops::upsample::{Each, Interpolation, Scale};
use cnnstat::ops::{
    AdaptiveAvgPool, AdaptiveMaxPool, AvgPool, ChannelShuffle, Conv, ConvTranspose, GlobalAvgPool,
    GlobalMaxPool, Layer, MaxPool, Mode, Op, Padding, PerAxis, PixelShuffle, ReflectionPad,
    ReplicationPad, Rounding, Upsample, ZeroPad,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::kernels::{init, miscounted, run};

pub fn accepts(op: &Op, shape: &[usize]) -> bool {
    let dims: Vec<u64> = shape.iter().map(|n| *n as u64).collect();
    op.infer(&[Shape::new(&dims).unwrap()]).is_ok()
}

fn drawn(shape: &[usize], seed: u64) -> Tensor<f64> {
    let mut rng = Rng::new(seed);
    let n: usize = shape.iter().product();
    Tensor::new(shape, (0..n).map(|_| rng.normal()).collect(), &Meter::new())
}

/// Σ a·b, where b is finite: a maximum over padding alone is −∞.
fn dot(a: &Tensor<f64>, b: &Tensor<f64>) -> f64 {
    assert_eq!(a.shape(), b.shape());
    a.data().iter().zip(b.data()).filter(|(_, b)| b.is_finite()).map(|(a, b)| a * b).sum()
}

/// These operators are linear in the input (a maximum: where the winners stay), and in the weight and bias together, if they
/// have them: y = A·x + b = W·(w, b). So g·(y − b) = Aᵀg·x = dx·x, and g·y = dw·w + db·b.
fn transposes(op: &Op, shape: &[usize]) -> Result<(), TestCaseError> {
    let x = drawn(shape, 1);
    let owned = init::<f64>(op, shape);
    let pass = |x: &Tensor<f64>, g| run(op, Mode::Train, std::slice::from_ref(x), owned.clone(), g);
    let y = pass(&x, None).made.outputs.remove(0);
    let g = drawn(y.shape(), 4);
    let run = pass(&x, Some(g.clone()));
    let bias = match owned.iter().find(|owned| owned.name == "bias") {
        Some(_) => dot(&g, &pass(&Tensor::zeros(shape, &Meter::new()), None).made.outputs[0]),
        None => 0.0,
    };
    let near = |a: f64, b: f64| (a - b).abs() < 1e-9 * (1.0 + a.abs().max(b.abs()));
    let (forward, backward) = (dot(&g, &y) - bias, dot(&run.inputs[0].inputs[0], &x));
    prop_assert!(near(forward, backward), "input: {} forward, {} backward", forward, backward);
    if !owned.is_empty() {
        let grads = owned.iter().zip(&run.params[0].params);
        let backward: f64 = grads.map(|(own, grad)| dot(grad, own.tensor().unwrap())).sum();
        prop_assert!(near(dot(&g, &y), backward), "parameters: {} backward", backward);
    }
    Ok(())
}

/// What the rules accept is executed as they computed.
fn check(op: &Op, shape: &[usize]) -> Result<(), TestCaseError> {
    prop_assume!(accepts(op, shape));
    transposes(op, shape)?;
    for mode in [Mode::Eval, Mode::Train] {
        prop_assert_eq!(miscounted(op, shape, mode), Vec::<String>::new());
    }
    Ok(())
}

fn written(values: &[i64]) -> ArgValue {
    ArgValue::List(values.iter().copied().map(ArgValue::Int).collect())
}

/// One size for each axis of a rank, each of a range.
pub fn sizes<const MIN: u64>(
    rank: usize,
    range: std::ops::RangeInclusive<i64>,
) -> impl Strategy<Value = PerAxis<MIN>> {
    vec(range, rank).prop_map(move |values| PerAxis::read(&written(&values), rank).unwrap())
}

/// Padding as it can be written: the same on both sides, side by side, or a word.
pub fn padding(rank: usize, most: i64) -> impl Strategy<Value = Padding> {
    let read = move |values: Vec<i64>| Padding::read(&written(&values), rank).unwrap();
    prop_oneof![
        4 => vec(0..=most, rank).prop_map(read),
        2 => vec(0..=most, 2 * rank).prop_map(read),
        1 => Just(Padding::Valid),
        1 => Just(Padding::Same),
        1 => Just(Padding::SameUpper),
        1 => Just(Padding::SameLower),
    ]
}

/// Shapes of `rank` spatial axes, smaller the more axes there are.
fn shape(rank: usize, channels: usize) -> impl Strategy<Value = Vec<usize>> {
    let most: usize = [12, 8, 5][rank - 1];
    (1..=2usize, vec(1..=most, rank))
        .prop_map(move |(batch, extents)| [&[batch, channels], &extents[..]].concat())
}

fn rounding() -> impl Strategy<Value = Rounding> {
    prop_oneof![Just(Rounding::Floor), Just(Rounding::Ceil), Just(Rounding::Caffe)]
}

/// An operator with a shape, by rank.
pub fn ranks<T: Debug, G: Strategy<Value = T> + 'static>(
    of: impl Fn(usize) -> G,
) -> impl Strategy<Value = T> {
    prop_oneof![of(1), of(2), of(3)]
}

fn conv(rank: usize) -> impl Strategy<Value = (Op, Vec<usize>)> {
    (1..=2usize, 1..=2usize, 1..=2u64).prop_flat_map(move |(groups, depth, kernels)| {
        let geometry = (sizes(rank, 1..=4), sizes(rank, 1..=3), sizes(rank, 1..=2));
        (shape(rank, groups * depth), geometry, padding(rank, 3), any::<bool>()).prop_map(
            move |(shape, (kernel_size, stride, dilation), padding, bias)| {
                let (groups, out_channels) = (groups as u64, groups as u64 * kernels);
                let op = Conv {
                    rank,
                    out_channels,
                    kernel_size,
                    stride,
                    padding,
                    dilation,
                    groups,
                    bias,
                };
                (op.into(), shape)
            },
        )
    })
}

fn conv_transpose(rank: usize) -> impl Strategy<Value = (Op, Vec<usize>)> {
    (1..=2usize, 1..=2usize, 1..=2u64).prop_flat_map(move |(groups, depth, kernels)| {
        let geometry = (sizes(rank, 1..=4), sizes(rank, 1..=3), sizes(rank, 1..=2));
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

fn max_pool(rank: usize) -> impl Strategy<Value = (Op, Vec<usize>)> {
    let geometry = (sizes(rank, 1..=4), sizes(rank, 1..=3), sizes(rank, 1..=2));
    (shape(rank, 2), geometry, padding(rank, 1), rounding()).prop_map(
        move |(shape, (kernel_size, stride, dilation), padding, ceil_mode)| {
            let op = MaxPool { rank, kernel_size, stride, padding, dilation, ceil_mode };
            (op.into(), shape)
        },
    )
}

fn avg_pool(rank: usize) -> impl Strategy<Value = (Op, Vec<usize>)> {
    let geometry = (sizes(rank, 1..=4), sizes(rank, 1..=3));
    let divisor = (any::<bool>(), proptest::option::of(1..=5u64));
    (shape(rank, 2), geometry, padding(rank, 1), rounding(), divisor).prop_map(
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
            (op.into(), shape)
        },
    )
}

fn adaptive_pool(rank: usize) -> impl Strategy<Value = (Op, Vec<usize>)> {
    let size = prop_oneof![6 => (1..=9i64).prop_map(ArgValue::Int), 1 => Just(ArgValue::None)];
    (shape(rank, 2), vec(size, rank), 0..4usize).prop_map(move |(shape, sizes, which)| {
        let output_size = OutputSize::read(&ArgValue::List(sizes), rank).unwrap();
        let op: Op = match which {
            0 => AdaptiveAvgPool { rank, output_size }.into(),
            1 => AdaptiveMaxPool { rank, output_size }.into(),
            2 => GlobalAvgPool {}.into(),
            _ => GlobalMaxPool {}.into(),
        };
        (op, shape)
    })
}

fn pad(rank: usize) -> impl Strategy<Value = (Op, Vec<usize>)> {
    (shape(rank, 2), vec(-2..=3i64, 2 * rank), 0..3usize).prop_map(move |(shape, sides, which)| {
        let op: Op = match which {
            0 => ZeroPad { rank, padding: Sides::read(&written(&sides), rank).unwrap() }.into(),
            1 => {
                // A mirror image takes less than the axis has.
                let most = |i: usize| i64::try_from(shape[1 + rank - i / 2] - 1).unwrap();
                let sides: Vec<i64> =
                    sides.iter().enumerate().map(|(i, n)| n.abs().min(most(i))).collect();
                let padding = Sides::read(&written(&sides), rank).unwrap();
                ReflectionPad { rank, padding }.into()
            }
            _ => {
                let sides: Vec<i64> = sides.iter().map(|n| n.abs()).collect();
                let padding = Sides::read(&written(&sides), rank).unwrap();
                ReplicationPad { rank, padding }.into()
            }
        };
        (op, shape)
    })
}

fn upsample(rank: usize) -> impl Strategy<Value = (Op, Vec<usize>)> {
    let mixing = match rank {
        1 => vec![Interpolation::Linear],
        2 => vec![Interpolation::Bilinear, Interpolation::Bicubic],
        _ => vec![Interpolation::Trilinear],
    };
    let copying = vec![Interpolation::Nearest, Interpolation::NearestExact];
    let mode = prop_oneof![
        (prop::sample::select(copying), Just(false)),
        (prop::sample::select(mixing), any::<bool>()),
    ];
    let scale = prop_oneof![Just(0.5), Just(1.0), Just(1.5), Just(2.0), 0.4..3.0f64];
    let size = vec(1..=9u64, rank).prop_map(|sizes| (Some(Each(sizes)), None));
    let scale = prop_oneof![vec(scale.clone(), rank), vec(scale, 1)]
        .prop_map(|scales| (None, Some(Each(scales.into_iter().map(Scale).collect()))));
    (shape(rank, 2), prop_oneof![size, scale], mode).prop_map(
        |(shape, (size, scale_factor), (mode, align_corners))| {
            (Upsample { size, scale_factor, mode, align_corners }.into(), shape)
        },
    )
}

fn shuffle() -> impl Strategy<Value = (Op, Vec<usize>)> {
    let pixel = (1..=3u64, 1..=2u64).prop_flat_map(|(r, channels)| {
        let channels = usize::try_from(channels * r * r).unwrap();
        shape(2, channels).prop_map(move |shape| (PixelShuffle { upscale_factor: r }.into(), shape))
    });
    let channel = (1..=4u64, 1..=3u64, 1..=3usize).prop_flat_map(|(groups, each, rank)| {
        shape(rank, usize::try_from(groups * each).unwrap())
            .prop_map(move |shape| (ChannelShuffle { groups }.into(), shape))
    });
    prop_oneof![pixel, channel]
}

macro_rules! executed {
    ($($name:ident: $strategy:expr;)*) => {
        proptest! {
            #![proptest_config(ProptestConfig { max_global_rejects: 4096, ..ProptestConfig::with_cases(64) })]
            $(#[test]
            fn $name((op, shape) in $strategy) {
                check(&op, &shape)?;
            })*
        }
    };
}

executed! {
    convolutions: ranks(conv);
    transposed_convolutions: ranks(conv_transpose);
    max_pools: ranks(max_pool);
    avg_pools: ranks(avg_pool);
    adaptive_and_global_pools: ranks(adaptive_pool);
    pads: ranks(pad);
    interpolations: ranks(upsample);
    shuffles: shuffle();
}
