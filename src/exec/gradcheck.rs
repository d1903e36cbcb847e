//! Gradients by finite differences: does a kernel's backward pass belong to its forward pass?
//!
//! In doubles, `L = Σ cotangent · output` with a random cotangent is differentiated by every element of the inputs and
//! parameters, `L' ≈ (8·(L(+h) − L(−h)) − (L(+2h) − L(−2h))) / 12h`, and compared with what backward says. Inputs are all
//! different, and lie off multiples of 0.05, where kinks are: no step crosses one. Every evaluation draws the same random
//! numbers and begins with the same buffers. Tests stand in `tests/it/training.rs`.

use super::kernels::{Backward, Forward, Grads, Init, Kept, Kernel, Made, Owned, Part, Scheme};
use super::meter::Meter;
use super::rng::Rng;
use super::scalar::{Counted, Scalar, Tally, counting};
use super::tensor::Tensor;
use crate::ops::Mode;

/// A step. With its fourth power as the error, rounding at 1e-16/h is what remains.
const STEP: f64 = 1e-4;
/// Kinks of the operators are at multiples of it, 0.75 of a softplus among them.
const KINKS: f64 = 0.05;
/// How far inputs stay from kinks; two steps and more.
const MARGIN: f64 = 1e-3;
/// Scale of a gradient that is 0 everywhere.
const FLOOR: f64 = 1e-3;
/// Inputs lie between −RANGE and RANGE.
const RANGE: f64 = 4.0;

/// Numbers that are all different and off the kinks, in random order.
pub fn spaced(n: usize, rng: &mut Rng) -> Vec<f64> {
    #[allow(clippy::cast_precision_loss, reason = "positions")]
    let place = |k: usize| RANGE * ((2 * k + 1) as f64 / n as f64 - 1.0);
    // What lies between two kinks is drawn together evenly, so that no two numbers meet.
    let off = |x: f64| {
        let cell = (x / KINKS).floor();
        let within = x / KINKS - cell;
        cell * KINKS + MARGIN + within * (KINKS - 2.0 * MARGIN)
    };
    let mut all: Vec<f64> = (0..n).map(|k| off(place(k))).collect();
    for i in (1..n).rev() {
        all.swap(i, rng.below(i + 1));
    }
    all
}

/// Something to be evaluated again and again.
struct Trial<'a, K, S = f64> {
    kernel: &'a K,
    inputs: Vec<Tensor<S>>,
    owned: Vec<Owned<S>>,
    mode: Mode,
    seed: u64,
    meter: Meter,
}

impl<K: Kernel, S: Scalar> Trial<'_, K, S> {
    /// One forward pass, with random numbers and buffers as the first had them.
    fn forward(&self, keep: bool) -> Made<S> {
        let mut owned = self.owned.clone();
        let mut rng = Rng::new(self.seed);
        self.kernel.forward(Forward {
            inputs: &self.inputs,
            owned: &mut owned,
            mode: self.mode,
            rng: &mut rng,
            keep,
            meter: &self.meter,
        })
    }

    /// One backward pass for the inputs, the parameters or both.
    fn backward(
        &self,
        made: &Made<S>,
        grads: &[Tensor<S>],
        (want_inputs, want_params): (bool, bool),
    ) -> Grads<S> {
        let shapes: Vec<Vec<usize>> =
            self.inputs.iter().map(|input| input.shape().to_vec()).collect();
        let holds = |wanted: fn(&Kept<S>) -> Option<usize>| {
            let all = &made.kept;
            move |i| all.iter().filter_map(wanted).any(|at| at == i)
        };
        let inputs =
            kept(&self.inputs, holds(|k| if let Kept::Input(i) = k { Some(*i) } else { None }));
        let outputs =
            kept(&made.outputs, holds(|k| if let Kept::Output(i) = k { Some(*i) } else { None }));
        self.kernel.backward(Backward {
            shapes: &shapes,
            inputs: &inputs,
            outputs: &outputs,
            kept: &made.kept,
            owned: &self.owned,
            grads,
            mode: self.mode,
            want_inputs,
            want_params,
            meter: &self.meter,
        })
    }
}

impl<K: Kernel> Trial<'_, K> {
    fn loss(&self, cotangents: &[Tensor<f64>]) -> f64 {
        let outputs = self.forward(false).outputs;
        let pairs = outputs.iter().zip(cotangents);
        pairs.flat_map(|(y, c)| y.data().iter().zip(c.data())).map(|(y, c)| y * c).sum()
    }

    /// The largest error of a gradient, relative to its scale. `element` gives the number to be moved.
    fn error(
        &mut self,
        gradient: &Tensor<f64>,
        cotangents: &[Tensor<f64>],
        element: impl Fn(&mut Self, usize) -> &mut f64,
    ) -> f64 {
        let scale = gradient.data().iter().fold(FLOOR, |scale, g| scale.max(g.abs()));
        let mut worst = 0.0f64;
        for (i, g) in gradient.data().iter().enumerate() {
            let begin = *element(self, i);
            let mut at = |steps: f64| {
                *element(self, i) = begin + steps * STEP;
                self.loss(cotangents)
            };
            let near = at(1.0) - at(-1.0);
            let far = at(2.0) - at(-2.0);
            *element(self, i) = begin;
            let off = ((8.0 * near - far) / (12.0 * STEP) - g).abs() / scale;
            // What is not finite is wrong.
            worst = if off.is_finite() { worst.max(off) } else { f64::INFINITY };
        }
        worst
    }

    /// The largest error along two random directions of a tensor, relative to the length of its gradient.
    fn error_along(
        &mut self,
        gradient: &Tensor<f64>,
        cotangents: &[Tensor<f64>],
        rng: &mut Rng,
        tensor: impl Fn(&mut Self) -> &mut Tensor<f64>,
    ) -> f64 {
        let length = gradient.data().iter().map(|g| g * g).sum::<f64>().sqrt().max(FLOOR);
        // Inputs that are all different lie closer where they are many: no step may change their order.
        #[allow(clippy::cast_precision_loss, reason = "elements")]
        let step = STEP.min(RANGE / (8.0 * gradient.len().max(1) as f64));
        let begin = tensor(self).data().to_vec();
        let mut worst = 0.0f64;
        for _ in 0..2 {
            let direction: Vec<f64> =
                begin.iter().map(|_| if rng.unit() < 0.5 { -1.0 } else { 1.0 }).collect();
            let mut at = |steps: f64| {
                for ((x, begin), d) in
                    tensor(self).data_mut().iter_mut().zip(&begin).zip(&direction)
                {
                    *x = begin + steps * step * d;
                }
                self.loss(cotangents)
            };
            let (near, far) = (at(1.0) - at(-1.0), at(2.0) - at(-2.0));
            tensor(self).data_mut().copy_from_slice(&begin);
            let said: f64 = gradient.data().iter().zip(&direction).map(|(g, d)| g * d).sum();
            let off = ((8.0 * near - far) / (12.0 * step) - said).abs() / length;
            worst = if off.is_finite() { worst.max(off) } else { f64::INFINITY };
        }
        worst
    }
}

/// Which inputs or outputs were kept.
fn kept<S: Scalar>(all: &[Tensor<S>], kept: impl Fn(usize) -> bool) -> Vec<Option<Tensor<S>>> {
    all.iter().enumerate().map(|(i, tensor)| kept(i).then(|| tensor.clone())).collect()
}

/// A trial with its cotangents and what backward says of it; `None` where a gradient is missing or has another shape.
struct Prepared<'a, K> {
    trial: Trial<'a, K>,
    cotangents: Vec<Tensor<f64>>,
    grads: Option<Grads<f64>>,
    /// Positions of the parameters among what the kernel owns.
    trained: Vec<usize>,
}

fn prepare<'a, K: Kernel>(
    kernel: &'a K,
    shapes: &[Vec<usize>],
    mode: Mode,
    seed: u64,
) -> Prepared<'a, K> {
    let (meter, mut rng) = (Meter::new(), Rng::new(seed));
    let tensor = |shape: &Vec<usize>, rng: &mut Rng| {
        Tensor::new(shape, spaced(shape.iter().product(), rng), &meter)
    };
    let inputs: Vec<_> = shapes.iter().map(|shape| tensor(shape, &mut rng)).collect();
    let sizes: Vec<&[usize]> = shapes.iter().map(Vec::as_slice).collect();
    let mut init = Init { scheme: Scheme::Torch, rng: &mut rng, meter: &meter };
    let mut owned = kernel.init::<f64>(&sizes, &mut init);
    // Weights of 1 and biases of 0 would hide what they do.
    for tensor in
        owned.iter_mut().filter(|o| o.part == Part::Parameter).filter_map(Owned::tensor_mut)
    {
        tensor.data_mut().iter_mut().for_each(|x| *x += rng.uniform(-0.5, 0.5));
    }
    let trial = Trial { kernel, inputs, owned, mode, seed, meter: meter.clone() };
    let first = trial.forward(true);
    let random = |y: &Tensor<f64>| {
        let numbers = (0..y.len()).map(|_| rng.uniform(-1.0, 1.0)).collect();
        Tensor::new(y.shape(), numbers, &meter)
    };
    let cotangents: Vec<_> = first.outputs.iter().map(random).collect();
    let grads = trial.backward(&first, &cotangents, (true, true));
    let trained: Vec<usize> =
        (0..trial.owned.len()).filter(|i| trial.owned[*i].part == Part::Parameter).collect();
    let of_inputs = trial.inputs.iter().map(Tensor::shape);
    let of_params = trained.iter().map(|i| trial.owned[*i].shape());
    let complete = of_inputs.eq(grads.inputs.iter().map(Tensor::shape))
        && of_params.eq(grads.params.iter().map(Tensor::shape));
    Prepared { trial, cotangents, grads: complete.then_some(grads), trained }
}

/// The largest error of a kernel's gradients at inputs of these shapes, relative to the scale of each.
///
/// Infinite where a gradient is missing, has another shape, or is not finite.
///
/// # Panics
/// If the kernel takes no inputs of these shapes.
pub fn check<K: Kernel>(kernel: &K, shapes: &[Vec<usize>], mode: Mode, seed: u64) -> f64 {
    let Prepared { mut trial, cotangents, grads, trained } = prepare(kernel, shapes, mode, seed);
    let Some(grads) = grads else { return f64::INFINITY };
    let mut worst = 0.0f64;
    for (at, gradient) in grads.inputs.iter().enumerate() {
        let error =
            trial.error(gradient, &cotangents, |trial, i| &mut trial.inputs[at].data_mut()[i]);
        worst = worst.max(error);
    }
    for (at, gradient) in trained.into_iter().zip(&grads.params) {
        worst = worst.max(trial.error(gradient, &cotangents, |trial, i| {
            &mut trial.owned[at].tensor_mut().expect("a parameter").data_mut()[i]
        }));
    }
    worst
}

/// The same along two random directions for each input and parameter instead of along every axis: as many evaluations
/// for a large tensor as for a small one. An error is relative to the length of the gradient.
///
/// # Panics
/// If the kernel takes no inputs of these shapes.
pub fn along_directions<K: Kernel>(
    kernel: &K,
    shapes: &[Vec<usize>],
    mode: Mode,
    seed: u64,
) -> f64 {
    let Prepared { mut trial, cotangents, grads, trained } = prepare(kernel, shapes, mode, seed);
    let Some(grads) = grads else { return f64::INFINITY };
    let mut rng = Rng::new(seed.wrapping_add(1));
    let mut worst = 0.0f64;
    for (at, gradient) in grads.inputs.iter().enumerate() {
        worst = worst
            .max(trial.error_along(gradient, &cotangents, &mut rng, |trial| &mut trial.inputs[at]));
    }
    for (at, gradient) in trained.into_iter().zip(&grads.params) {
        worst = worst.max(trial.error_along(gradient, &cotangents, &mut rng, |trial| {
            trial.owned[at].tensor_mut().expect("a parameter")
        }));
    }
    worst
}

/// What a kernel executes: forward, backward for the inputs, backward for the parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tallies {
    /// A forward pass.
    pub forward: Tally,
    /// Gradients of the inputs.
    pub inputs: Tally,
    /// Gradients of the parameters.
    pub params: Tally,
}

/// Runs a kernel on numbers that tally themselves, at inputs of these shapes.
///
/// # Panics
/// If the kernel takes no inputs of these shapes.
pub fn tally<K: Kernel>(kernel: &K, shapes: &[Vec<usize>], mode: Mode, seed: u64) -> Tallies {
    let (meter, mut rng) = (Meter::new(), Rng::new(seed));
    let sizes: Vec<&[usize]> = shapes.iter().map(Vec::as_slice).collect();
    let owned = kernel
        .init::<Counted>(&sizes, &mut Init { scheme: Scheme::Torch, rng: &mut rng, meter: &meter });
    let draw = |shape: &Vec<usize>| {
        let n = shape.iter().product();
        Tensor::new(shape, (0..n).map(|_| Counted::of(rng.normal())).collect(), &meter)
    };
    let inputs = shapes.iter().map(draw).collect();
    let trial = Trial { kernel, inputs, owned, mode, seed, meter: meter.clone() };
    let (made, forward) = counting(|| trial.forward(true));
    let grads: Vec<_> =
        made.outputs.iter().map(|y| Tensor::full(y.shape(), Counted::of(0.5), &meter)).collect();
    let (_, inputs) = counting(|| trial.backward(&made, &grads, (true, false)));
    let (_, params) = counting(|| trial.backward(&made, &grads, (false, true)));
    Tallies { forward, inputs, params }
}
