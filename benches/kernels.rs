//! What the fast kernels reach, class by class of layers: GFLOP/s of a direct convolution's operations, forward and both
//! gradients, and the share of the machine's own matrix product, measured before and after. Of what is no product,
//! milliseconds forward and backward, and how many times as long the reference takes.
//!
//! `cargo bench --bench kernels -- [batch] [threads] [part of a name]`

use std::time::{Duration, Instant};

use cnnstat::internals::exec::backend::Backend;
use cnnstat::internals::exec::base::peak;
use cnnstat::internals::exec::kernels::{
    Backward, Forward, Init, Kept, Kernel as _, Made, Owned, Scheme,
};
use cnnstat::internals::exec::meter::Meter;
use cnnstat::internals::exec::rng::Rng;
use cnnstat::internals::exec::tensor::Tensor;
use cnnstat::internals::exec::threads::Threads;
use cnnstat::ops::activation::Approximate;
use cnnstat::ops::{
    Add, AvgPool, BatchNorm, Conv, ConvTranspose, Epsilon, Gelu, GlobalAvgPool, GlobalMaxPool,
    HardSwish, Linear, MaxPool, Mode, Mul, Op, Padding, PerAxis, Relu, Rounding, Silu, Tanh,
};

const FAST: Backend = Backend::Fast { exact: false };
/// How long a pass is repeated, at most; the median of at least three counts.
const PATIENCE: Duration = Duration::from_millis(300);

/// A class of layers: name, operator, shape of one sample.
type Case = (&'static str, Op, Vec<usize>);

fn conv(out_channels: u64, kernel: u64, stride: u64, pad: u64, groups: u64) -> Op {
    let all = |n| PerAxis::all(2, n);
    let padding = Padding::Sides { rank: 2, sides: [(pad, pad); 3] };
    let (kernel_size, stride, dilation) =
        (all(kernel), PerAxis::all(2, stride), PerAxis::all(2, 1));
    Conv { rank: 2, out_channels, kernel_size, stride, padding, dilation, groups, bias: true }
        .into()
}

fn cases() -> Vec<Case> {
    let transposed = ConvTranspose {
        rank: 2,
        out_channels: 64,
        kernel_size: PerAxis::all(2, 4),
        stride: PerAxis::all(2, 2),
        padding: PerAxis::all(2, 1),
        output_padding: PerAxis::all(2, 0),
        groups: 1,
        bias: true,
        dilation: PerAxis::all(2, 1),
    };
    vec![
        ("3x3 64@224", conv(64, 3, 1, 1, 1), vec![64, 224, 224]),
        ("3x3 128@112", conv(128, 3, 1, 1, 1), vec![128, 112, 112]),
        ("3x3 256@56", conv(256, 3, 1, 1, 1), vec![256, 56, 56]),
        ("3x3 512@28", conv(512, 3, 1, 1, 1), vec![512, 28, 28]),
        ("3x3 512@14", conv(512, 3, 1, 1, 1), vec![512, 14, 14]),
        ("3x3 512@7", conv(512, 3, 1, 1, 1), vec![512, 7, 7]),
        ("3x3 s2 128>256@56", conv(256, 3, 2, 1, 1), vec![128, 56, 56]),
        ("1x1 256>64@56", conv(64, 1, 1, 0, 1), vec![256, 56, 56]),
        ("1x1 64>256@56", conv(256, 1, 1, 0, 1), vec![64, 56, 56]),
        ("1x1 1024>256@14", conv(256, 1, 1, 0, 1), vec![1024, 14, 14]),
        ("1x1 2048>512@7", conv(512, 1, 1, 0, 1), vec![2048, 7, 7]),
        ("1x1 s2 512>1024@28", conv(1024, 1, 2, 0, 1), vec![512, 28, 28]),
        ("5x5 64>192@27", conv(192, 5, 1, 2, 1), vec![64, 27, 27]),
        ("3x3 32g 256@56", conv(256, 3, 1, 1, 32), vec![256, 56, 56]),
        ("first 3x3@224", conv(64, 3, 1, 1, 1), vec![3, 224, 224]),
        ("first 7x7 s2@224", conv(64, 7, 2, 3, 1), vec![3, 224, 224]),
        ("first 11x11 s4@224", conv(64, 11, 4, 2, 1), vec![3, 224, 224]),
        ("transposed 4x4 s2", transposed.into(), vec![128, 28, 28]),
        ("linear 9216>4096", Linear { out_features: 4096, bias: true }.into(), vec![9216]),
    ]
}

/// What is no product: name, operator, shapes of one sample's inputs.
fn others() -> Vec<(&'static str, Op, Vec<Vec<usize>>)> {
    let all = |n| PerAxis::all(2, n);
    let sides = |pad| Padding::Sides { rank: 2, sides: [(pad, pad); 3] };
    let max = |kernel, stride, pad| -> Op {
        MaxPool {
            rank: 2,
            kernel_size: all(kernel),
            stride: all(stride),
            padding: sides(pad),
            dilation: all(1),
            ceil_mode: Rounding::Floor,
        }
        .into()
    };
    let mean = |kernel, stride, pad| -> Op {
        AvgPool {
            rank: 2,
            kernel_size: all(kernel),
            stride: all(stride),
            padding: sides(pad),
            ceil_mode: Rounding::Floor,
            count_include_pad: true,
            divisor_override: None,
        }
        .into()
    };
    let norm = BatchNorm {
        rank: 2,
        eps: Epsilon(1e-5),
        momentum: Some(0.1),
        affine: true,
        track_running_stats: true,
    };
    let gelu = |approximate| Op::from(Gelu { approximate });
    let (large, small) = (vec![64, 112, 112], vec![256, 14, 14]);
    vec![
        ("depthwise 3x3@112", conv(64, 3, 1, 1, 64), vec![large.clone()]),
        ("depthwise 3x3 s2@112", conv(64, 3, 2, 1, 64), vec![large.clone()]),
        ("depthwise 3x3@14", conv(256, 3, 1, 1, 256), vec![small.clone()]),
        ("depthwise 5x5@14", conv(256, 5, 1, 2, 256), vec![small.clone()]),
        ("depthwise 7x7@14", conv(256, 7, 1, 3, 256), vec![small.clone()]),
        ("max 2x2 s2@112", max(2, 2, 0), vec![large.clone()]),
        ("max 3x3 s2@112", max(3, 2, 1), vec![large.clone()]),
        ("max 3x3 s1@14", max(3, 1, 1), vec![small.clone()]),
        ("mean 2x2 s2@112", mean(2, 2, 0), vec![large.clone()]),
        ("mean 3x3 s1@14", mean(3, 1, 1), vec![small.clone()]),
        ("global mean@14", GlobalAvgPool {}.into(), vec![small.clone()]),
        ("global max@14", GlobalMaxPool {}.into(), vec![small.clone()]),
        ("batch norm@112", norm.clone().into(), vec![large.clone()]),
        ("batch norm@14", norm.into(), vec![small.clone()]),
        ("relu", Relu { inplace: false }.into(), vec![large.clone()]),
        ("silu", Silu { inplace: false }.into(), vec![large.clone()]),
        ("hard swish", HardSwish { inplace: false }.into(), vec![large.clone()]),
        ("tanh", Tanh {}.into(), vec![large.clone()]),
        ("gelu", gelu(Approximate::None), vec![large.clone()]),
        ("gelu by tanh", gelu(Approximate::Tanh), vec![large.clone()]),
        ("add", Add {}.into(), vec![large.clone(); 2]),
        ("mul", Mul {}.into(), vec![large.clone(); 2]),
        ("gate", Mul {}.into(), vec![large, vec![64, 1, 1]]),
    ]
}

/// Milliseconds forward and backward, with all that is kept and all gradients.
fn times(backend: Backend, op: &Op, shapes: &[Vec<usize>]) -> [f64; 2] {
    let (meter, mut rng) = (Meter::new(), Rng::new(1));
    let mut draw = |shape: &Vec<usize>| {
        let n = shape.iter().product();
        #[allow(clippy::cast_possible_truncation, reason = "inputs drawn")]
        let numbers = (0..n).map(|_| rng.normal() as f32).collect();
        Tensor::<f32>::new(shape, numbers, &meter)
    };
    let inputs: Vec<_> = shapes.iter().map(&mut draw).collect();
    let sizes: Vec<&[usize]> = shapes.iter().map(Vec::as_slice).collect();
    let mut init = Init { scheme: Scheme::Torch, rng: &mut Rng::new(2), meter: &meter };
    let mut owned: Vec<Owned<f32>> = op.init(&sizes, &mut init);
    let (mode, mut rng) = (Mode::Train, Rng::new(3));
    let mut forward = |owned: &mut [Owned<f32>]| -> Made<f32> {
        let rng = &mut rng;
        backend.forward(
            op,
            Forward {
                inputs: &inputs,
                owned,
                mode,
                rng,
                keep: true,
                prepacked: None,
                meter: &meter,
            },
        )
    };
    let made = forward(&mut owned);
    let ahead = median(|| drop(forward(&mut owned)));
    let grads = [draw(&made.outputs[0].shape().to_vec())];
    let is_kept =
        |i: usize| made.kept.iter().any(|kept| matches!(kept, Kept::Input(at) if *at == i));
    let kept = |(i, x): (usize, &Tensor<f32>)| is_kept(i).then(|| x.clone());
    let kept_inputs: Vec<_> = inputs.iter().enumerate().map(kept).collect();
    let back = median(|| {
        let pass = Backward {
            shapes,
            inputs: &kept_inputs,
            outputs: &[Some(made.outputs[0].clone())],
            kept: &made.kept,
            owned: &owned,
            grads: &grads,
            mode,
            want_inputs: true,
            want_params: true,
            meter: &meter,
        };
        drop(backend.backward(op, pass));
    });
    [ahead * 1e3, back * 1e3]
}

/// Seconds of the median run.
fn median(mut run: impl FnMut()) -> f64 {
    run();
    let (begin, mut times) = (Instant::now(), Vec::new());
    while times.len() < 3 || begin.elapsed() < PATIENCE {
        let begin = Instant::now();
        run();
        times.push(begin.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// One line: GFLOP/s forward, of the input's gradient, of the weight's, each with its share of the peak.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "speeds, and inputs drawn"
)]
fn measure((name, op, sample): &Case, batch: usize, peak: f64) {
    let shape = [&[batch], &sample[..]].concat();
    let (meter, mut rng) = (Meter::new(), Rng::new(1));
    let mut draw = |shape: &[usize]| {
        let n = shape.iter().product();
        let numbers = (0..n).map(|_| (rng.unit() - 0.5) as f32).collect();
        Tensor::<f32>::new(shape, numbers, &meter)
    };
    let input = [draw(&shape)];
    let mut rng = Rng::new(2);
    let mut init = Init { scheme: Scheme::Torch, rng: &mut rng, meter: &meter };
    let mut owned: Vec<Owned<f32>> = op.init(&[&shape], &mut init);
    let mut rng = Rng::new(3);
    let mut forward = |owned: &mut [Owned<f32>]| {
        let pass = Forward {
            inputs: &input,
            owned,
            mode: Mode::Train,
            rng: &mut rng,
            keep: false,
            prepacked: None,
            meter: &meter,
        };
        FAST.forward(op, pass)
    };
    let grad = forward(&mut owned).outputs;
    let weight = owned[0].shape();
    let met = if matches!(op, Op::ConvTranspose(_)) { input[0].len() } else { grad[0].len() };
    let flops = 2.0 * (met * weight[1..].iter().product::<usize>()) as f64;
    let kept = [Some(input[0].clone())];
    let backward = |want_inputs, want_params| {
        let pass = Backward {
            shapes: std::slice::from_ref(&shape),
            inputs: &kept,
            outputs: &[None],
            kept: &[],
            owned: &owned,
            grads: &grad,
            mode: Mode::Train,
            want_inputs,
            want_params,
            meter: &meter,
        };
        drop(FAST.backward(op, pass));
    };
    let (inputs, params) = (median(|| backward(true, false)), median(|| backward(false, true)));
    let ahead = median(|| drop(forward(&mut owned)));
    print!("{name:<20}");
    for seconds in [ahead, inputs, params] {
        let speed = flops / seconds;
        print!("  {:9.3} ms {:6.1} {:4.0} %", seconds * 1e3, speed / 1e9, 100.0 * speed / peak);
    }
    println!();
}

fn main() {
    let given: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let number = |at: usize| given.get(at).and_then(|arg| arg.parse().ok());
    let (batch, threads) = (number(0).unwrap_or(1), number(1).unwrap_or(1));
    let part = given.get(2).map_or("", String::as_str);
    let pool = Threads::new(threads).expect("threads");
    pool.run(|| {
        let before = peak();
        println!("batch {batch}, {threads} threads, product {:.1} GFLOP/s", before / 1e9);
        println!(
            "{:<20}  {:^26}  {:^26}  {:^26}",
            "", "forward", "input's gradient", "weight's gradient"
        );
        for case in cases().iter().filter(|case| case.0.contains(part)) {
            measure(case, batch, before);
        }
        println!("{:<22}{:^24}{:^24}", "", "forward", "backward");
        for (name, op, samples) in others().iter().filter(|case| case.0.contains(part)) {
            let shapes: Vec<_> = samples.iter().map(|one| [&[batch], &one[..]].concat()).collect();
            let (fast, right) = (times(FAST, op, &shapes), times(Backend::Reference, op, &shapes));
            print!("{name:<22}");
            for (fast, right) in fast.iter().zip(right) {
                print!("{fast:9.3} ms, {:6.1} times", right / fast);
            }
            println!();
        }
        println!("product afterwards {:.1} GFLOP/s", peak() / 1e9);
    });
}
