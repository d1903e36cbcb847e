//! Local response normalisation: each element divided by a power of its neighbours' squares, across channels.
//!
//! ```text
//! forward   t[c] = k + (alpha/size)·Σ_j x[j]²                y[c] = x[c] / t[c]^beta
//! backward  r[c] = g[c] / t[c]^beta    q[c] = r[c]·x[c] / t[c]
//!           dx[c] = r[c] − (2·alpha·beta/size)·x[c]·Σ_j q[j]
//! ```
//!
//! j goes over size channels, ⌊size/2⌋ before c and the rest from it on; backward over those whose window holds c, which is
//! the mirrored window. Channels that do not exist are padding. One position is done after the other, with its channels'
//! squares (backward: q) as workspace.

use super::{Backward, Forward, Grads, Init, Kept, Kernel, Made, Owned};
use crate::exec::base::meter::Buffer;
use crate::exec::base::scalar::Scalar;
use crate::exec::base::tensor::Tensor;
use crate::ops::{LocalResponseNorm, Mode};

/// The sum over the `size` channels of a window that begins `before` channels before `c`.
fn sum<S: Scalar>(column: &[S], c: usize, before: usize, size: usize) -> S {
    (0..size).fold(S::ZERO, |sum, tap| {
        let at = (c + tap).checked_sub(before).filter(|at| *at < column.len());
        if at.is_none() {
            S::on_padding();
        }
        sum.add(at.map_or(S::ZERO, |at| column[at]))
    })
}

/// For each sample and position, the elements of its channels.
fn columns(shape: &[usize]) -> impl Iterator<Item = impl Iterator<Item = usize> + Clone> {
    let (batch, channels) = (shape[0], shape[1]);
    let positions: usize = shape[2..].iter().product();
    let column = move |n, p| (0..channels).map(move |c| (n * channels + c) * positions + p);
    (0..batch).flat_map(move |n| (0..positions).map(move |p| column(n, p)))
}

impl LocalResponseNorm {
    fn size(&self) -> usize {
        usize::try_from(self.size).expect("sizes that fit memory")
    }

    /// alpha/size.
    fn share(&self) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "a few channels")]
        let size = self.size as f64;
        self.alpha / size
    }
}

impl Kernel for LocalResponseNorm {
    fn init<S: Scalar>(&self, _: &[&[usize]], _: &mut Init<'_>) -> Vec<Owned<S>> {
        Vec::new()
    }

    fn workspace(&self, inputs: &[&[usize]], _: Mode) -> (usize, usize) {
        (inputs[0][1], inputs[0][1])
    }

    fn forward<S: Scalar>(&self, pass: Forward<'_, S>) -> Made<S> {
        let input = &pass.inputs[0];
        let (x, size) = (input.data(), self.size());
        let mut y = Tensor::<S>::zeros(input.shape(), pass.meter);
        let mut scale = pass.keep.then(|| Tensor::<S>::zeros(input.shape(), pass.meter));
        let mut squares = Buffer::full(input.shape()[1], S::ZERO, pass.meter);
        for column in columns(input.shape()) {
            for (square, i) in squares.iter_mut().zip(column.clone()) {
                *square = x[i].mul(x[i]);
            }
            for (c, i) in column.enumerate() {
                let sum = sum(&squares, c, size / 2, size);
                let t = S::of(self.k).add(S::of(self.share()).mul(sum));
                y.data_mut()[i] = x[i].div(t.pow(self.beta));
                if let Some(scale) = &mut scale {
                    scale.data_mut()[i] = t;
                }
            }
        }
        let kept = scale.map_or_else(Vec::new, |t| vec![Kept::Input(0), Kept::Numbers("scale", t)]);
        Made { outputs: vec![y], kept }
    }

    fn backward<S: Scalar>(&self, pass: Backward<'_, S>) -> Grads<S> {
        if !pass.want_inputs {
            return Grads::of_input(None);
        }
        let (x, t, grad) = (pass.input().data(), pass.numbers("scale").data(), pass.grad().data());
        let size = self.size();
        let slope = S::of(2.0 * self.beta * self.share());
        let mut dx = Tensor::<S>::zeros(&pass.shapes[0], pass.meter);
        let into = dx.data_mut();
        let mut q = Buffer::full(pass.shapes[0][1], S::ZERO, pass.meter);
        for column in columns(&pass.shapes[0]) {
            for (q, i) in q.iter_mut().zip(column.clone()) {
                into[i] = grad[i].div(t[i].pow(self.beta));
                *q = into[i].mul(x[i]).div(t[i]);
            }
            for (c, i) in column.enumerate() {
                let sum = sum(&q, c, (size - 1) / 2, size);
                into[i] = into[i].sub(slope.mul(x[i]).mul(sum));
            }
        }
        Grads::of_input(Some(dx))
    }
}
