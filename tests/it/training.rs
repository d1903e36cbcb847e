//! The training parts: losses against PyTorch, gradients by finite differences, running statistics over several steps.

use cnnstat::internals::exec::gradcheck::{check, spaced};
use cnnstat::internals::exec::kernels::{
    Backward, Forward, Grads, Init, Kernel, Made, Numbers, Owned, Scheme,
};
use cnnstat::internals::exec::loss::cross_entropy;
use cnnstat::internals::exec::meter::Meter;
use cnnstat::internals::exec::rng::Rng;
use cnnstat::internals::exec::scalar::Scalar;
use cnnstat::internals::exec::tensor::Tensor;
use cnnstat::ops::dropout::Together;
use cnnstat::ops::{BatchNorm, Dropout, Epsilon, InstanceNorm, Mode, Probability, StochasticDepth};
use serde_json::Value;

use crate::common::{analysis, folder, read};
use crate::kernels::{difference, tensor};

/// Numbers of a JSON array, however deep.
fn flat(json: &Value) -> Vec<f64> {
    match json {
        Value::Array(items) => items.iter().flat_map(flat).collect(),
        number => vec![number.as_f64().unwrap()],
    }
}

/// The rows of a tensor of rows, those that `keep` says.
fn rows(json: &Value, keep: impl Fn(usize) -> bool) -> Value {
    let sizes = json["shape"].as_array().unwrap();
    let length = sizes[1..].iter().map(|n| usize::try_from(n.as_u64().unwrap()).unwrap()).product();
    let numbers = flat(&json["data"]);
    let kept: Vec<&[f64]> =
        numbers.chunks(length).enumerate().filter(|(i, _)| keep(*i)).map(|(_, row)| row).collect();
    let mut shape = sizes.clone();
    shape[0] = kept.len().into();
    serde_json::json!({"shape": shape, "data": kept.concat()})
}

/// torch's `reduction='none'` is each row for itself, and rows that it ignores are left out here.
#[test]
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
fn cross_entropy_is_torchs() {
    let text = include_str!("../golden/ops/cross_entropy.json");
    let all: Vec<Value> = serde_json::from_str(text).unwrap();
    assert_eq!(all.len(), 4);
    let meter = Meter::new();
    for case in &all {
        let config = &case["config"];
        let classes = flat(&case["target"]["data"]);
        let ignored = config["ignore_index"].as_u64();
        let kept = |i: usize| ignored.is_none_or(|ignored| classes[i] as u64 != ignored);
        let apart = config["reduction"] == "none";
        // Rows that are averaged: all of them, or each by itself.
        let groups: Vec<Vec<usize>> = if apart {
            (0..classes.len()).map(|i| vec![i]).collect()
        } else {
            vec![(0..classes.len()).filter(|i| kept(*i)).collect()]
        };
        for (at, group) in groups.iter().enumerate() {
            let positions = case["input"]["shape"].as_array().unwrap().len() > 2;
            let among = |i: usize| positions || group.contains(&i);
            let logits = tensor::<f32>(&rows(&case["input"], among), &meter);
            let classes: Vec<usize> = group.iter().map(|i| classes[*i] as usize).collect();
            let mut loss = cross_entropy(&logits, &classes, &meter);
            let value = flat(&case["output"]["data"])[at];
            assert!((f64::from(loss.value) - value).abs() < 1e-5 * value.abs(), "{}", case["id"]);
            let scale = flat(&case["grad_output"]["data"])[at] as f32;
            loss.gradient.data_mut().iter_mut().for_each(|g| *g *= scale);
            let expected = rows(&case["grad_input"], among);
            assert_eq!(difference("gradient", &loss.gradient, &expected), None, "{}", case["id"]);
        }
    }
}

#[test]
fn spaced_numbers_differ_and_keep_off_kinks() {
    let mut numbers = spaced(400, &mut Rng::new(0));
    numbers.sort_by(f64::total_cmp);
    assert!(numbers.windows(2).all(|pair| pair[1] - pair[0] > 0.01));
    assert!(numbers.iter().all(|x| (x - (x * 20.0).round() / 20.0).abs() > 0.9e-3));
    // Many lie closer, but no two meet: a maximum is one of them.
    let mut many = spaced(200_000, &mut Rng::new(0));
    many.sort_by(f64::total_cmp);
    assert!(many.windows(2).all(|pair| pair[1] - pair[0] > 3e-5));
}

/// Every small layer of every operator fixture: what backward says is the slope of forward.
#[test]
fn gradients_are_those_of_finite_differences() {
    let mut layers = 0;
    for source in crate::common::runnable(folder("tests/fixtures/ops")) {
        let document = read(&source, None);
        let analysis = analysis(&document);
        for (node, row) in document.graph.nodes().iter().zip(&analysis.rows) {
            let size = |n: &u64| usize::try_from(*n).unwrap();
            let mut shapes: Vec<Vec<usize>> =
                row.inputs.iter().map(|shape| shape.dims().iter().map(size).collect()).collect();
            for shape in &mut shapes {
                shape[0] = 2;
            }
            if shapes.iter().any(|shape| shape.iter().product::<usize>() > 400) {
                continue;
            }
            for mode in [Mode::Eval, Mode::Train] {
                let error = check(&node.op, &shapes, mode, 5);
                assert!(error < 1e-6, "{} {} {mode:?}: {error}", source.name, node.name);
                layers += 1;
            }
        }
    }
    assert!(layers > 200, "{layers} layers");
}

/// A kernel whose backward is wrong is found.
#[test]
fn a_wrong_gradient_is_found() {
    #[derive(Debug)]
    struct Twice;
    impl Kernel for Twice {
        fn init<S: Scalar>(&self, _: &[&[usize]], _: &mut Init<'_>) -> Vec<Owned<S>> {
            Vec::new()
        }
        fn forward<S: Scalar>(&self, pass: Forward<'_, S>) -> Made<S> {
            let x = &pass.inputs[0];
            let twice = x.data().iter().map(|x| x.add(*x)).collect();
            let outputs = vec![Tensor::new(x.shape(), twice, pass.meter)];
            Made { outputs, kept: Vec::new() }
        }
        fn backward<S: Scalar>(&self, pass: Backward<'_, S>) -> Grads<S> {
            Grads::of_input(Some(pass.grad().clone()))
        }
    }
    assert!(check(&Twice, &[vec![2, 3]], Mode::Train, 0) > 0.1);
}

/// Two batches through a kernel in training; what it owns afterwards.
fn two_batches(kernel: &impl Kernel, shape: &[usize], batches: [Vec<f64>; 2]) -> Vec<Owned<f64>> {
    let (meter, mut rng) = (Meter::new(), Rng::new(0));
    let mut init = Init { scheme: Scheme::Torch, rng: &mut rng, meter: &meter };
    let mut owned = kernel.init::<f64>(&[shape], &mut init);
    for batch in batches {
        kernel.forward(Forward {
            inputs: &[Tensor::new(shape, batch, &meter)],
            owned: &mut owned,
            mode: Mode::Train,
            rng: &mut rng,
            keep: false,
            prepacked: None,
            meter: &meter,
        });
    }
    owned
}

fn numbers(owned: &[Owned<f64>]) -> Vec<Vec<f64>> {
    let all = owned.iter().map(|owned| match &owned.numbers {
        Numbers::Real(tensor) => tensor.values(),
        Numbers::Count(count) => vec![f64::from(i32::try_from(count[0]).unwrap())],
    });
    all.collect()
}

fn close(found: &[Vec<f64>], expected: &[&[f64]]) {
    let same = found.len() == expected.len()
        && found.concat().iter().zip(expected.concat()).all(|(a, b)| (a - b).abs() < 1e-12);
    assert!(same, "{found:?} instead of {expected:?}");
}

/// Means 1 and 4, unbiased variances 2 and 8: without momentum their averages, with it a tenth of the way.
#[test]
fn running_statistics_of_batch_norm() {
    let norm = |momentum| BatchNorm {
        rank: 1,
        eps: Epsilon(1e-5),
        momentum,
        affine: false,
        track_running_stats: true,
    };
    let batches = || [vec![0.0, 2.0], vec![2.0, 6.0]];
    let averaged = two_batches(&norm(None), &[2, 1], batches());
    close(&numbers(&averaged), &[&[2.5], &[5.0], &[2.0]]);
    let moved = two_batches(&norm(Some(0.1)), &[2, 1], batches());
    close(&numbers(&moved), &[&[0.49], &[0.9 * 1.1 + 0.8], &[2.0]]);
    assert_eq!(norm(None).smallest_batch(&[&[1, 1]], Mode::Train), 2);
    assert_eq!(norm(None).smallest_batch(&[&[1, 1, 2]], Mode::Train), 1);
    assert_eq!(norm(None).smallest_batch(&[&[1, 1]], Mode::Eval), 1);
}

/// The samples' statistics are averaged; batches are not counted, as in torch.
#[test]
fn running_statistics_of_instance_norm() {
    let norm = InstanceNorm {
        rank: 1,
        eps: Epsilon(1e-5),
        momentum: Some(0.5),
        affine: false,
        track_running_stats: true,
    };
    let batch = || vec![0.0, 2.0, 2.0, 6.0];
    let owned = two_batches(&norm, &[2, 1, 2], [batch(), batch()]);
    close(&numbers(&owned), &[&[0.75 * 2.5], &[0.25 + 0.75 * 5.0], &[0.0]]);
}

#[test]
fn dropout_drops_its_share_and_all_at_one() {
    let (meter, mut rng) = (Meter::new(), Rng::new(0));
    let mut mean = |p: f64, rank: usize| {
        let pass = Forward {
            inputs: &[Tensor::<f64>::full(&[10, 100, 4], 1.0, &meter)],
            owned: &mut [],
            mode: Mode::Train,
            rng: &mut rng,
            keep: true,
            prepacked: None,
            meter: &meter,
        };
        let made = Dropout { rank, p: Probability(p), inplace: false }.forward(pass);
        let y = made.outputs[0].values();
        let alike = |channel: &[f64]| channel.iter().all(|y| (y - channel[0]).abs() < 1e-9);
        assert_eq!(y.chunks(4).all(alike), rank == 1 || [0.0, 1.0].contains(&p));
        y.iter().sum::<f64>() / 4000.0
    };
    assert!((mean(0.25, 0) - 1.0).abs() < 0.05 && (mean(0.25, 1) - 1.0).abs() < 0.1);
    assert_eq!((mean(1.0, 0), mean(0.0, 0)), (0.0, 1.0));
}

/// A sample stays or goes as a whole, or the batch does; what stays is divided by the share that stays.
#[test]
fn stochastic_depth_drops_whole_samples_or_the_batch() {
    let (meter, mut rng) = (Meter::new(), Rng::new(0));
    let mut drawn = |mode: Together| {
        let pass = Forward {
            inputs: &[Tensor::<f64>::full(&[400, 2, 3], 1.0, &meter)],
            owned: &mut [],
            mode: Mode::Train,
            rng: &mut rng,
            keep: true,
            prepacked: None,
            meter: &meter,
        };
        let made = StochasticDepth { p: Probability(0.5), mode }.forward(pass);
        let y = made.outputs[0].values();
        let samples: Vec<f64> = y.chunks(6).map(|sample| sample[0]).collect();
        assert!(
            y.chunks(6)
                .zip(&samples)
                .all(|(all, one)| all.iter().all(|y| y.total_cmp(one).is_eq()))
        );
        assert!(samples.iter().all(|y| [0.0, 2.0].contains(y)));
        samples.iter().filter(|y| **y > 0.0).count()
    };
    assert!((150..250).contains(&drawn(Together::Row)));
    let batches: Vec<usize> = (0..20).map(|_| drawn(Together::Batch)).collect();
    assert!(batches.iter().all(|stay| [0, 400].contains(stay)));
    assert!(batches.contains(&0) && batches.contains(&400));
}
