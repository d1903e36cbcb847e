//! The backward pass of a convolution is a convolution: stated, and checked by running the kernels on each other's tensors.
//!
//! ```text
//! y[n, o, p]  = Σ_c Σ_t x[n, c, p − P + D·t] · w[o, c, t]
//! dx = full convolution of g with the flipped kernel:  weight w'[c, o, t] = w[o, c, F − 1 − t],  padding D·(F − 1) − P
//! dw = convolution of x and g:  x with batch and channels exchanged, its kernel g so too, the dilation its stride
//! dx = transposed convolution of g, at any stride
//! ```

use cnnstat::internals::exec::kernels::Owned;
use cnnstat::internals::exec::meter::Meter;
use cnnstat::internals::exec::rng::Rng;
use cnnstat::internals::exec::tensor::Tensor;
use cnnstat::internals::ops::arg_type::ArgType;
use cnnstat::ops::args::ArgValue;
use cnnstat::ops::{Conv, ConvTranspose, Mode, Op, Padding, PerAxis};

use crate::kernels::run;

type Numbers = Tensor<f64>;

/// A convolution without bias; all sizes are by axis.
struct Geometry {
    channels: usize,
    kernels: usize,
    extents: Vec<usize>,
    kernel: Vec<usize>,
    stride: Vec<usize>,
    dilation: Vec<usize>,
    padding: Vec<usize>,
}

fn written(values: &[usize]) -> ArgValue {
    ArgValue::List(values.iter().map(|n| ArgValue::Int(i64::try_from(*n).unwrap())).collect())
}

fn per_axis<const MIN: u64>(values: &[usize]) -> PerAxis<MIN> {
    PerAxis::read(&written(values), values.len()).unwrap()
}

fn conv(out: usize, kernel: &[usize], stride: &[usize], dilation: &[usize], pad: &[usize]) -> Op {
    Op::from(Conv {
        rank: kernel.len(),
        out_channels: out as u64,
        kernel_size: per_axis(kernel),
        stride: per_axis(stride),
        padding: Padding::read(&written(pad), kernel.len()).unwrap(),
        dilation: per_axis(dilation),
        groups: 1,
        bias: false,
    })
}

fn drawn(shape: &[usize], seed: u64) -> Numbers {
    let mut rng = Rng::new(seed);
    let n: usize = shape.iter().product();
    Tensor::new(shape, (0..n).map(|_| rng.normal()).collect(), &Meter::new())
}

/// The first two axes exchanged.
fn exchanged(x: &Numbers) -> Numbers {
    let (n, c) = (x.shape()[0], x.shape()[1]);
    let plane: usize = x.shape()[2..].iter().product();
    let mut shape = x.shape().to_vec();
    shape.swap(0, 1);
    let planes = (0..c).flat_map(|c_| (0..n).map(move |n_| n_ * c + c_));
    let numbers = planes.flat_map(|at| &x.data()[at * plane..(at + 1) * plane]);
    Tensor::new(&shape, numbers.copied().collect(), &Meter::new())
}

/// Every kernel turned over on all its axes.
fn flipped(w: &Numbers) -> Numbers {
    let taps: usize = w.shape()[2..].iter().product();
    let numbers = w.data().chunks_exact(taps).flat_map(|kernel| kernel.iter().rev());
    Tensor::new(w.shape(), numbers.copied().collect(), &Meter::new())
}

/// What an operator makes of an input with this weight, and its gradients for this one of the output.
fn passed(op: &Op, x: &Numbers, w: &Numbers, g: Option<&Numbers>) -> [Numbers; 3] {
    let owned = vec![Owned::parameter("weight", w.clone())];
    let mut run = run(op, Mode::Train, std::slice::from_ref(x), owned, g.cloned());
    [run.made.outputs.remove(0), run.inputs[0].inputs.remove(0), run.params[0].params.remove(0)]
}

fn same(found: &Numbers, expected: &Numbers) {
    assert_eq!(found.shape(), expected.shape());
    let pairs = found.data().iter().zip(expected.data());
    let worst = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(worst < 1e-12, "off by {worst}");
}

/// Input, weight, gradient of the output, and the kernel's own gradients of input and weight.
fn tensors(op: &Op, of: &Geometry) -> [Numbers; 5] {
    let shape = |first: usize, second: usize, rest: &[usize]| [&[first, second], rest].concat();
    let x = drawn(&shape(2, of.channels, &of.extents), 1);
    let w = drawn(&shape(of.kernels, of.channels, &of.kernel), 2);
    let [y, ..] = passed(op, &x, &w, None);
    let g = drawn(y.shape(), 3);
    let [_, dx, dw] = passed(op, &x, &w, Some(&g));
    [x, w, g, dx, dw]
}

/// With stride 1, both gradients are convolutions.
fn both_are_convolutions(of: &Geometry) {
    let op = conv(of.kernels, &of.kernel, &of.stride, &of.dilation, &of.padding);
    let [x, w, g, dx, dw] = tensors(&op, of);
    let one = vec![1; of.kernel.len()];

    let axes = of.kernel.iter().zip(&of.dilation).zip(&of.padding);
    let full: Vec<usize> = axes.map(|((f, d), p)| d * (f - 1) - p).collect();
    let back = conv(of.channels, &of.kernel, &one, &of.dilation, &full);
    let [found, ..] = passed(&back, &g, &flipped(&exchanged(&w)), None);
    same(&found, &dx);

    let back = conv(of.kernels, &g.shape()[2..], &of.dilation, &one, &of.padding);
    let [found, ..] = passed(&back, &exchanged(&x), &exchanged(&g), None);
    same(&exchanged(&found), &dw);
}

/// With any stride, the input's gradient is a transposed convolution, and a transposed convolution's a convolution.
fn transposed(of: &Geometry) {
    let op = conv(of.kernels, &of.kernel, &of.stride, &of.dilation, &of.padding);
    let [x, w, g, dx, dw] = tensors(&op, of);
    let left: Vec<usize> = (0..of.extents.len())
        .map(|axis| {
            let reach = of.dilation[axis] * (of.kernel[axis] - 1) + 1;
            let covered = (g.shape()[2 + axis] - 1) * of.stride[axis] + reach;
            of.extents[axis] + 2 * of.padding[axis] - covered
        })
        .collect();
    let back = Op::from(ConvTranspose {
        rank: of.kernel.len(),
        out_channels: of.channels as u64,
        kernel_size: per_axis(&of.kernel),
        stride: per_axis(&of.stride),
        padding: per_axis(&of.padding),
        output_padding: per_axis(&left),
        groups: 1,
        bias: false,
        dilation: per_axis(&of.dilation),
    });
    // Its output's gradient is our input; so its input's gradient is our output, and the weights' are one.
    let [found, back_to_y, weights] = passed(&back, &g, &w, Some(&x));
    same(&found, &dx);
    same(&weights, &dw);
    same(&back_to_y, &passed(&op, &x, &w, None)[0]);
}

#[test]
fn gradients_of_a_convolution_are_convolutions() {
    both_are_convolutions(&Geometry {
        channels: 3,
        kernels: 4,
        extents: vec![7],
        kernel: vec![3],
        stride: vec![1],
        dilation: vec![1],
        padding: vec![0],
    });
    both_are_convolutions(&Geometry {
        channels: 3,
        kernels: 2,
        extents: vec![6, 8],
        kernel: vec![3, 4],
        stride: vec![1, 1],
        dilation: vec![1, 2],
        padding: vec![1, 3],
    });
    both_are_convolutions(&Geometry {
        channels: 2,
        kernels: 3,
        extents: vec![4, 5, 3],
        kernel: vec![2, 3, 1],
        stride: vec![1, 1, 1],
        dilation: vec![2, 1, 1],
        padding: vec![1, 2, 0],
    });
}

#[test]
fn a_strided_convolutions_gradient_is_a_transposed_convolution() {
    transposed(&Geometry {
        channels: 3,
        kernels: 2,
        extents: vec![8, 9],
        kernel: vec![3, 2],
        stride: vec![2, 3],
        dilation: vec![1, 2],
        padding: vec![1, 0],
    });
    transposed(&Geometry {
        channels: 2,
        kernels: 3,
        extents: vec![5, 4, 6],
        kernel: vec![2, 1, 3],
        stride: vec![2, 2, 1],
        dilation: vec![1, 1, 2],
        padding: vec![0, 0, 2],
    });
}
