//! Gradients by finite differences: does a kernel's backward pass belong to its forward pass?
//!
//! In doubles, `L = Σ cotangent · output` with a random cotangent is differentiated along the inputs and parameters, and
//! compared with what backward says. Every evaluation samples the same random numbers and begins with the same buffers.
//!
//! ```text
//! slope(h) = (8·(L(+h) − L(−h)) − (L(+2h) − L(−2h))) / 12h
//! bend(h)  = (L(+h) + L(−h) − 2·L(0)) / h
//! smooth     slope(h/2) = slope(h) and bend(h/2) = bend(h)/2
//! ```
//!
//! A step across a kink makes the slope wrong, and backward looks wrong where it is not. Inputs are all different, by more
//! than steps change, and lie off multiples of 0.05, where the kinks of most operators are. Others (`hardtanh(0.123)`) are
//! found out: with a kink anywhere within the steps one of the two equations fails. What disagrees with backward where all
//! is smooth is a fault; where it is not, the step is halved, and in the end other inputs are sampled.

use crate::exec::base::meter::{Buffer, Meter};
use crate::exec::base::rng::Rng;
use crate::exec::base::scalar::{Counted, Scalar, Tally, counting};
use crate::exec::base::simd::{self, Loop};
use crate::exec::base::tensor::Tensor;
use crate::exec::kernels::{
    Backward, Forward, Grads, Init, Kept, Kernel, Made, Owned, Scheme, TensorKind,
};
use crate::ops::Mode;

/// Largest error of a gradient that is rounding's, relative to the scale of what is compared.
pub const TOLERANCE: f64 = 1e-5;
/// Evaluations for a tensor along directions, where there is no kink.
pub const EVALUATIONS: u64 = 4 * DIRECTIONS;
/// Random directions for each tensor.
const DIRECTIONS: u64 = 2;
/// A step. With its fourth power as the error, rounding at 1e-16/h is what remains.
const STEP: f64 = 1e-4;
/// How closely two steps agree where all is smooth, of the scale of what is compared.
const AGREEMENT: f64 = TOLERANCE / 4.0;
/// How often a step that meets a kink is halved.
const HALVINGS: usize = 6;
/// How often inputs are sampled, if each time there is a kink within the smallest steps.
const DRAWS: u64 = 4;
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
    // Each sample is shifted between two places: a kink is hit by chance only.
    let shift = rng.unit();
    #[allow(clippy::cast_precision_loss, reason = "positions")]
    let place = |k: usize| RANGE * (2.0 * (k as f64 + shift) / n as f64 - 1.0);
    // What lies between two kinks is compressed evenly, so that no two numbers coincide.
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
            prepacked: None,
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

/// A kink within the smallest steps: there is no slope to compare with.
struct Kinked;

/// How far a gradient is off.
type Error = Result<f64, Kinked>;

/// A tensor that is varied.
#[derive(Clone, Copy)]
enum Operand {
    /// The input with this index.
    Input(usize),
    /// The parameter at this position among what the kernel owns.
    Owned(usize),
}

/// How far a slope is from that of `at` at 0, relative to a scale; infinite if either is NaN.
fn off_slope(said: f64, scale: f64, mut step: f64, mut at: impl FnMut(f64) -> f64) -> Error {
    let close = |a: f64, b: f64| (a - b).abs() <= AGREEMENT * scale;
    let mut sides = |step: f64| (at(step), at(-step));
    let (mut far, mut near) = (sides(2.0 * step), sides(step));
    let mut middle = None;
    let mut before = None;
    for _ in 0..=HALVINGS {
        let slope = (8.0 * (near.0 - near.1) - (far.0 - far.1)) / (12.0 * step);
        let off = (slope - said).abs() / scale;
        if off <= TOLERANCE {
            return Ok(off);
        }
        if !off.is_finite() {
            return Ok(f64::INFINITY);
        }
        let middle = *middle.get_or_insert_with(|| sides(0.0).0);
        let bend = ((near.0 - middle) + (near.1 - middle)) / step;
        if before.is_some_and(|(wide, bent)| close(slope, wide) && close(bend, bent / 2.0)) {
            return Ok(off);
        }
        before = Some((slope, bend));
        step /= 2.0;
        far = std::mem::replace(&mut near, sides(step));
    }
    Err(Kinked)
}

/// Sums that are computed side by side.
const LANES: usize = 8;

/// A sum that rounds as if it were made of two doubles: steps are small, and what they change is smaller.
#[derive(Clone, Copy, Default)]
struct Sum {
    total: f64,
    lost: f64,
}

impl Sum {
    #[allow(clippy::inline_always, reason = "part of a loop that is compiled for the machine")]
    #[inline(always)]
    fn add(&mut self, term: f64) {
        let next = self.total + term;
        let part = next - self.total;
        self.lost += (self.total - (next - part)) + (term - part);
        self.total = next;
    }
}

/// The sum of what numbers and others make in pairs.
struct Pairs<'a, B, F> {
    numbers: &'a [f64],
    others: &'a [B],
    make: F,
}

impl<B: Copy, F: Fn(f64, B) -> f64> Loop for Pairs<'_, B, F> {
    type Out = f64;
    #[allow(clippy::inline_always, reason = "what is inlined is compiled for the machine")]
    #[inline(always)]
    fn run(self) -> f64 {
        let mut sums = [Sum::default(); LANES];
        let (numbers, rest) = self.numbers.as_chunks::<LANES>();
        let (others, other_rest) = self.others.as_chunks::<LANES>();
        for (numbers, others) in numbers.iter().zip(others) {
            for (sum, (x, other)) in sums.iter_mut().zip(numbers.iter().zip(others)) {
                sum.add((self.make)(*x, *other));
            }
        }
        let mut whole = Sum::default();
        for (x, other) in rest.iter().zip(other_rest) {
            whole.add((self.make)(*x, *other));
        }
        for Sum { total, lost } in sums {
            whole.add(total);
            whole.add(lost);
        }
        whole.total + whole.lost
    }
}

fn sum<B: Copy>(numbers: &[f64], others: &[B], make: impl Fn(f64, B) -> f64) -> f64 {
    simd::run(Pairs { numbers, others, make })
}

impl<K: Kernel> Trial<'_, K> {
    fn loss(&self, cotangents: &[Tensor<f64>]) -> f64 {
        let outputs = self.forward(false).outputs;
        let pairs = outputs.iter().zip(cotangents);
        pairs.map(|(y, c)| sum(y.data(), c.data(), |y, c| y * c)).sum()
    }

    fn tensor(&mut self, place: Operand) -> &mut Tensor<f64> {
        match place {
            Operand::Input(at) => &mut self.inputs[at],
            Operand::Owned(at) => self.owned[at].tensor_mut().expect("a parameter"),
        }
    }

    /// The largest error of a gradient, an element at a time, relative to its scale.
    #[cfg(any(test, feature = "internals"))]
    fn error(
        &mut self,
        place: Operand,
        gradient: &Tensor<f64>,
        cotangents: &[Tensor<f64>],
    ) -> Error {
        let scale = gradient.data().iter().fold(FLOOR, |scale, g| scale.max(g.abs()));
        let mut worst = 0.0f64;
        for (i, g) in gradient.data().iter().enumerate() {
            let begin = self.tensor(place).data()[i];
            let off = off_slope(*g, scale, STEP, |step| {
                self.tensor(place).data_mut()[i] = begin + step;
                self.loss(cotangents)
            });
            self.tensor(place).data_mut()[i] = begin;
            worst = worst.max(off?);
        }
        Ok(worst)
    }

    /// The largest error along random directions of a tensor, relative to the length of its gradient.
    fn error_along(
        &mut self,
        place: Operand,
        gradient: &Tensor<f64>,
        cotangents: &[Tensor<f64>],
        rng: &mut Rng,
    ) -> Error {
        let length = gradient.data().iter().map(|g| g * g).sum::<f64>().sqrt().max(FLOOR);
        // Inputs that are all different lie closer where they are many: no step may change their order.
        #[allow(clippy::cast_precision_loss, reason = "elements")]
        let longest = STEP.min(RANGE / (8.0 * gradient.len().max(1) as f64));
        // Shared until the first step, then what is moved is a copy.
        let begin = self.tensor(place).clone();
        let mut worst = 0.0f64;
        for _ in 0..DIRECTIONS {
            let drawn = std::iter::repeat_with(|| rng.unit() < 0.5);
            let backwards = Buffer::collect(begin.len(), drawn, &self.meter);
            let said = sum(gradient.data(), &backwards, |g, back| if back { -g } else { g });
            let off = off_slope(said, length, longest, |step| {
                let places = begin.data().iter().zip(backwards.iter());
                for (x, (begin, back)) in self.tensor(place).data_mut().iter_mut().zip(places) {
                    *x = begin + if *back { -step } else { step };
                }
                self.loss(cotangents)
            });
            worst = worst.max(off?);
        }
        *self.tensor(place) = begin;
        Ok(worst)
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
    meter: &Meter,
) -> Prepared<'a, K> {
    let mut rng = Rng::new(seed);
    let tensor = |shape: &Vec<usize>, rng: &mut Rng| {
        Tensor::new(shape, spaced(shape.iter().product(), rng), meter)
    };
    let inputs: Vec<_> = shapes.iter().map(|shape| tensor(shape, &mut rng)).collect();
    let sizes: Vec<&[usize]> = shapes.iter().map(Vec::as_slice).collect();
    let mut init = Init { scheme: Scheme::Torch, rng: &mut rng, meter };
    let mut owned = kernel.init::<f64>(&sizes, &mut init);
    // Weights of 1 and biases of 0 would hide what they do.
    for tensor in
        owned.iter_mut().filter(|o| o.kind == TensorKind::Parameter).filter_map(Owned::tensor_mut)
    {
        tensor.data_mut().iter_mut().for_each(|x| *x += rng.uniform(-0.5, 0.5));
    }
    let trial = Trial { kernel, inputs, owned, mode, seed, meter: meter.clone() };
    let first = trial.forward(true);
    let random = |y: &Tensor<f64>| {
        let numbers = std::iter::repeat_with(|| rng.uniform(-1.0, 1.0));
        Tensor::collect(y.shape(), numbers, meter)
    };
    let cotangents: Vec<_> = first.outputs.iter().map(random).collect();
    let grads = trial.backward(&first, &cotangents, (true, true));
    let trained: Vec<usize> =
        (0..trial.owned.len()).filter(|i| trial.owned[*i].kind == TensorKind::Parameter).collect();
    let of_inputs = trial.inputs.iter().map(Tensor::shape);
    let of_params = trained.iter().map(|i| trial.owned[*i].shape());
    let complete = of_inputs.eq(grads.inputs.iter().map(Tensor::shape))
        && of_params.eq(grads.params.iter().map(Tensor::shape));
    Prepared { trial, cotangents, grads: complete.then_some(grads), trained }
}

/// The largest error of all gradients of a kernel; infinite where one is missing, has another shape or is not finite,
/// and where each sample of inputs has a kink.
fn largest<K: Kernel>(
    kernel: &K,
    shapes: &[Vec<usize>],
    (mode, seed, meter): (Mode, u64, &Meter),
    error: impl Fn(&mut Trial<'_, K>, Operand, &Tensor<f64>, &[Tensor<f64>], &mut Rng) -> Error,
) -> f64 {
    let once = |seed: u64| {
        let Prepared { mut trial, cotangents, grads, trained } =
            prepare(kernel, shapes, mode, seed, meter);
        let Some(grads) = grads else { return Ok(f64::INFINITY) };
        let mut rng = Rng::new(seed.wrapping_add(1));
        let inputs = (0..grads.inputs.len()).map(Operand::Input).zip(&grads.inputs);
        let params = trained.into_iter().map(Operand::Owned).zip(&grads.params);
        inputs.chain(params).try_fold(0.0f64, |worst, (place, gradient)| {
            Ok(worst.max(error(&mut trial, place, gradient, &cotangents, &mut rng)?))
        })
    };
    // Far from the seeds that people take.
    let seeds = (0..DRAWS).map(|draw| seed.wrapping_add(draw << 32));
    let smooth = seeds.map(once).find_map(|found: Error| found.ok());
    smooth.unwrap_or(f64::INFINITY)
}

/// The largest error of a kernel's gradients at inputs of these shapes, relative to the scale of each.
///
/// Infinite where a gradient is missing, has another shape, or is not finite.
///
/// # Panics
/// If the kernel takes no inputs of these shapes.
#[cfg(any(test, feature = "internals"))]
pub fn check<K: Kernel>(kernel: &K, shapes: &[Vec<usize>], mode: Mode, seed: u64) -> f64 {
    let meter = Meter::new();
    largest(kernel, shapes, (mode, seed, &meter), |trial, place, gradient, cotangents, _| {
        trial.error(place, gradient, cotangents)
    })
}

/// The same along two random directions for each input and parameter instead of along every axis: as many evaluations
/// for a large tensor as for a small one. An error is relative to the length of the gradient. What it takes is accounted
/// by `meter`.
///
/// # Panics
/// If the kernel takes no inputs of these shapes.
pub fn along_directions<K: Kernel>(
    kernel: &K,
    shapes: &[Vec<usize>],
    mode: Mode,
    seed: u64,
    meter: &Meter,
) -> f64 {
    largest(kernel, shapes, (mode, seed, meter), |trial, place, gradient, cotangents, rng| {
        trial.error_along(place, gradient, cotangents, rng)
    })
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

/// Runs a kernel on numbers that tally themselves, at inputs of these shapes. What it takes is accounted by `meter`.
///
/// # Panics
/// If the kernel takes no inputs of these shapes.
pub fn tally<K: Kernel>(
    kernel: &K,
    shapes: &[Vec<usize>],
    mode: Mode,
    seed: u64,
    meter: &Meter,
) -> Tallies {
    let mut rng = Rng::new(seed);
    let sizes: Vec<&[usize]> = shapes.iter().map(Vec::as_slice).collect();
    let owned =
        kernel.init::<Counted>(&sizes, &mut Init { scheme: Scheme::Torch, rng: &mut rng, meter });
    let draw = |shape: &Vec<usize>| {
        let n = shape.iter().product();
        Tensor::new(shape, rng.normals(n, 1.0), meter)
    };
    let inputs = shapes.iter().map(draw).collect();
    let trial = Trial { kernel, inputs, owned, mode, seed, meter: meter.clone() };
    let (made, forward) = counting(|| trial.forward(true));
    let grads: Vec<_> =
        made.outputs.iter().map(|y| Tensor::full(y.shape(), Counted::of(0.5), meter)).collect();
    let (_, inputs) = counting(|| trial.backward(&made, &grads, (true, false)));
    let (_, params) = counting(|| trial.backward(&made, &grads, (false, true)));
    Tallies { forward, inputs, params }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether 2 is taken for the slope of something; `None` at a kink.
    fn is_two(at: impl Fn(f64) -> f64) -> Option<bool> {
        off_slope(2.0, 1.0, STEP, at).ok().map(|off| off <= TOLERANCE)
    }

    #[test]
    fn a_slope_is_told_from_another_where_all_is_smooth() {
        assert_eq!(is_two(|x| 7.0 + 2.0 * x - x * x + x.powi(3)), Some(true));
        assert_eq!(is_two(|x| 7.0 + 2.001 * x - x * x), Some(false));
        assert_eq!(is_two(|x| 2.0 * x + f64::NAN), Some(false));
    }

    /// Wherever a kink or a jump is within the steps, it is no fault; and what is wrong next to it is one all the same.
    #[test]
    fn a_kink_is_no_fault() {
        for tenth in 1..=20 {
            let kink = STEP * f64::from(tenth) / 10.0;
            for kink in [kink, -kink] {
                let beyond = |x: f64| (x - kink).max(0.0) - (-kink).max(0.0);
                let slope = if kink < 0.0 { 1.0 } else { 2.0 };
                assert_eq!(is_two(|x| slope * x + beyond(x)), Some(true), "{tenth}");
                assert_eq!(is_two(|x| (slope + 0.01) * x + beyond(x)), Some(false), "{tenth}");
                let jump = f64::from(u8::from(kink > 0.0));
                assert_eq!(is_two(|x| 2.0 * x + jump * f64::from(u8::from(x > kink))), Some(true));
            }
        }
    }

    #[test]
    fn where_there_is_no_slope_none_is_found() {
        assert_eq!(is_two(f64::abs), None);
        assert_eq!(is_two(|x| 2.0 * x + 1e-6 * (1e9 * x + 1.0).sin()), None);
    }
}
