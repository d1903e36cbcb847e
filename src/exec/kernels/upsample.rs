//! Interpolation: an output is a mean of the inputs around its place, weighted by how near they are.
//!
//! ```text
//! place     corners aligned: s = p·(H − 1)/(H' − 1)         nearest:        s = p·r
//!           linear, cubic:   s = (p + ½)·r − ½              nearest-exact:  s = (p + ½)·r
//!           r = 1/scale_factor, or H/H' where the size is given
//! taps      nearest          ⌊s⌋
//!           linear           ⌊s⌋, ⌊s⌋ + 1        weights 1 − t, t           t = s − ⌊s⌋, s from 0
//!           cubic            ⌊s⌋ − 1 … ⌊s⌋ + 2   weights k(1 + t), k(t), k(1 − t), k(2 − t),  Keys' kernel, a = −¾
//! forward   y[n, c, p] = Σ_t  x[n, c, tap] · weight           nearest: copied
//! backward  dx[n, c, tap] += g[n, c, p] · weight              nearest: added
//! ```
//!
//! Axes multiply: taps and weights of a plane are those of its axes. Taps beyond the border are moved onto it. Weights are
//! made of positions and are constants to the arithmetic. Places of nearest are rounded as torch rounds them, which depends on
//! the network's precision: at some factors r is rounded to below a whole place.

use super::{Backward, Forward, Grads, Init, Kernel, Made, Owned, narrow, positions, volume};
use crate::exec::base::scalar::Scalar;
use crate::exec::base::tensor::Tensor;
use crate::ops::Upsample;
use crate::ops::upsample::Interpolation;

/// One input that an output is made of, with its weight.
type Weighed = (usize, f64);

/// For each output of an axis, the inputs it is made of.
type WindowAxis = Vec<Vec<Weighed>>;

#[allow(clippy::cast_precision_loss, reason = "a position in a tensor")]
fn real(n: usize) -> f64 {
    n as f64
}

/// One value for all axes, or one for each.
fn each<T: Copy>(values: &[T], axis: usize) -> T {
    if values.len() == 1 { values[0] } else { values[axis] }
}

/// An axis of `extent` inputs.
fn interpolated<S: Scalar>(op: &Upsample, axis: usize, extent: usize) -> WindowAxis {
    let scale = op.scale_factor.as_ref().map(|scale| each(&scale.0, axis).0);
    let out = match (&op.size, scale) {
        (Some(size), _) => narrow(each(&size.0, axis)),
        // As many as end on the scaled axis.
        (None, Some(scale)) => {
            let mut out = 0;
            while real(out + 1) <= real(extent) * scale {
                out += 1;
            }
            out
        }
        (None, None) => extent,
    };
    // Inputs to an output, as a fraction.
    let ratio = match (op.align_corners, scale) {
        (true, _) if out > 1 => (real(extent - 1), real(out - 1)),
        (true, _) => (0.0, 1.0),
        (false, Some(scale)) => (1.0, scale),
        (false, None) => (real(extent), real(out)),
    };
    (0..out).map(|p| taps::<S>(op, extent, p, ratio)).collect()
}

/// The inputs that output `p` of an axis is made of.
fn taps<S: Scalar>(op: &Upsample, extent: usize, p: usize, ratio: (f64, f64)) -> Vec<Weighed> {
    let (inputs, outputs) = ratio;
    let (corner, centre) = (real(p), real(p) + 0.5);
    let place =
        if op.align_corners { corner * inputs / outputs } else { centre * inputs / outputs - 0.5 };
    match op.mode {
        Interpolation::Nearest => vec![(onto(rounded::<S>(corner, ratio).floor(), extent), 1.0)],
        Interpolation::NearestExact => {
            vec![(onto(rounded::<S>(centre, ratio).floor(), extent), 1.0)]
        }
        Interpolation::Linear | Interpolation::Bilinear | Interpolation::Trilinear => {
            let place = place.max(0.0);
            let (first, t) = (place.floor(), place.fract());
            vec![(onto(first, extent), 1.0 - t), (onto(first + 1.0, extent), t)]
        }
        Interpolation::Bicubic => {
            let first = place.floor();
            let t = place - first;
            let weigh = |tap: f64| (onto(first + tap, extent), keys((tap - t).abs()));
            [-1.0, 0.0, 1.0, 2.0].map(weigh).to_vec()
        }
    }
}

/// The place of an output among the inputs as torch computes it: a product with the ratio, in the network's precision, of which
/// then single precision is left.
#[allow(clippy::cast_possible_truncation, reason = "what torch's floorf is given")]
fn rounded<S: Scalar>(place: f64, (inputs, outputs): (f64, f64)) -> f64 {
    // A product of two numbers of single precision is exact in doubles.
    let product = S::of(place).value() * S::of(inputs / outputs).value();
    f64::from(product as f32)
}

/// Keys' cubic kernel with a = −¾, at a distance of up to 2.
fn keys(x: f64) -> f64 {
    const A: f64 = -0.75;
    if x <= 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else {
        ((A * x - 5.0 * A) * x + 8.0 * A) * x - 4.0 * A
    }
}

/// The input at a whole position, moved onto the border where it is beyond.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "whole, and between 0 and the extent"
)]
fn onto(position: f64, extent: usize) -> usize {
    position.clamp(0.0, real(extent - 1)) as usize
}

/// An interpolation laid out on real sizes.
struct Layout {
    planes: usize,
    extents: [usize; 3],
    axes: [WindowAxis; 3],
    shape: Vec<usize>,
}

impl Layout {
    fn new<S: Scalar>(op: &Upsample, shape: &[usize]) -> Self {
        let front = 3 - (shape.len() - 2);
        let mut layout = Self {
            planes: shape[0] * shape[1],
            extents: [1; 3],
            axes: [(); 3].map(|()| vec![vec![(0, 1.0)]]),
            shape: shape[..2].to_vec(),
        };
        for (axis, extent) in shape[2..].iter().enumerate() {
            let along = interpolated::<S>(op, axis, *extent);
            layout.shape.push(along.len());
            layout.extents[front + axis] = *extent;
            layout.axes[front + axis] = along;
        }
        layout
    }

    /// Every tap of every output: the output's index, the input's index, the weight.
    fn each(&self, mut tap: impl FnMut(usize, usize, f64)) {
        let (out, plane) = ([0, 1, 2].map(|axis| self.axes[axis].len()), volume(self.extents));
        let mut y = 0;
        for channel in 0..self.planes {
            for p in positions(out) {
                let along = [0, 1, 2].map(|axis| &self.axes[axis][p[axis]]);
                for t in positions(along.map(Vec::len)) {
                    let (mut at, mut weight) = (0, 1.0);
                    for (axis, extent) in self.extents.iter().enumerate() {
                        let (i, w) = along[axis][t[axis]];
                        (at, weight) = (at * extent + i, weight * w);
                    }
                    tap(y, channel * plane + at, weight);
                }
                y += 1;
            }
        }
    }
}

/// Whether outputs are copies of inputs.
fn copies(op: &Upsample) -> bool {
    matches!(op.mode, Interpolation::Nearest | Interpolation::NearestExact)
}

impl Kernel for Upsample {
    fn init<S: Scalar>(&self, _: &[&[usize]], _: &mut Init<'_>) -> Vec<Owned<S>> {
        Vec::new()
    }

    fn forward<S: Scalar>(&self, pass: Forward<'_, S>) -> Made<S> {
        let x = &pass.inputs[0];
        let layout = Layout::new::<S>(self, x.shape());
        let mut y = Tensor::<S>::zeros(&layout.shape, pass.meter);
        let out = y.data_mut();
        layout.each(|y, at, weight| {
            let x = x.data()[at];
            out[y] = if copies(self) { x } else { out[y].mac(x, S::of(weight)) };
        });
        Made { outputs: vec![y], kept: Vec::new() }
    }

    fn backward<S: Scalar>(&self, pass: Backward<'_, S>) -> Grads<S> {
        Grads::of_input(pass.want_inputs.then(|| {
            let grad = pass.grad();
            let mut dx = Tensor::<S>::zeros(&pass.shapes[0], pass.meter);
            let into = dx.data_mut();
            Layout::new::<S>(self, &pass.shapes[0]).each(|y, at, weight| {
                let g = grad.data()[y];
                into[at] =
                    if copies(self) { into[at].add(g) } else { into[at].mac(g, S::of(weight)) };
            });
            dx
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::kernels::made;
    use crate::ops::upsample::{Each, Scale};

    fn op(mode: Interpolation, align_corners: bool, scale: f64) -> Upsample {
        let scale_factor = Some(Each(vec![Scale(scale)]));
        Upsample { size: None, scale_factor, mode, align_corners }
    }

    fn near(found: &[f64], expected: &[f64]) {
        let far = found.iter().zip(expected).any(|(a, b)| (a - b).abs() > 1e-4);
        assert!(!far && found.len() >= expected.len(), "{found:?} {expected:?}");
    }

    /// The examples of torch's page.
    #[test]
    fn torchs_own_examples() {
        let (shape, x) = ([1, 1, 2, 2], [1.0, 2.0, 3.0, 4.0]);
        let nearest = made(&op(Interpolation::Nearest, false, 2.0), &shape, &x);
        near(&nearest, &[1.0, 1.0, 2.0, 2.0, 1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0]);
        let linear = made(&op(Interpolation::Bilinear, false, 2.0), &shape, &x);
        near(&linear, &[1.0, 1.25, 1.75, 2.0, 1.5, 1.75, 2.25, 2.5]);
        let aligned = made(&op(Interpolation::Bilinear, true, 2.0), &shape, &x);
        near(&aligned, &[1.0, 1.3333, 1.6667, 2.0, 1.6667, 2.0, 2.3333, 2.6667]);
    }

    /// ONNX's own test of its cubic, 1 … 16 on 4×4 enlarged twice: the first row.
    #[test]
    fn onnxs_cubic() {
        let x: Vec<f64> = (1..=16).map(f64::from).collect();
        let row = [0.4727, 0.7695, 1.2461, 1.875, 2.2813, 2.9102, 3.3867];
        near(&made(&op(Interpolation::Bicubic, false, 2.0), &[1, 1, 4, 4], &x), &row);
    }

    /// Where torch 2.15 copies another element in single precision than in doubles: factor, output, the two elements.
    #[test]
    fn nearest_is_rounded_in_the_networks_precision() {
        fn copied<S: Scalar>(op: &Upsample, p: usize) -> usize {
            interpolated::<S>(op, 0, 17)[p][0].0
        }
        for (mode, scale, p) in [
            (Interpolation::Nearest, 4.6, 69),
            (Interpolation::Nearest, 5.4, 81),
            (Interpolation::NearestExact, 2.3, 34),
            (Interpolation::NearestExact, 3.7, 55),
        ] {
            let op = op(mode, false, scale);
            assert_eq!(
                (copied::<f32>(&op, p), copied::<f64>(&op, p)),
                (14, 15),
                "{mode:?} {scale}"
            );
        }
    }

    #[test]
    fn a_whole_place_is_whole() {
        let x: Vec<f64> = (0..3).map(f64::from).collect();
        let copied = made(&op(Interpolation::Nearest, false, 49.0), &[1, 1, 3], &x);
        assert_eq!(copied, (0..147).map(|p| real(p / 49)).collect::<Vec<_>>());
        let exact = made(&op(Interpolation::NearestExact, false, 0.5), &[1, 1, 3], &x);
        assert_eq!(exact, [1.0]);
    }
}
