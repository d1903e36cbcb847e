//! Softmax and its logarithm along an axis; the maximum is subtracted first.
//!
//! ```text
//! softmax      e = exp(x − max x)    y = e / Σ e              dx = y·(g − Σ g·y)
//! log_softmax  z = x − max x         y = z − ln Σ exp(z)      dx = g − exp(y)·Σ g
//! ```

use super::{Backward, Forward, Grads, Init, Kept, Kernel, Made, Owned};
use crate::exec::base::scalar::Scalar;
use crate::exec::base::tensor::Tensor;
use crate::ops::{LogSoftmax, Softmax};

/// The position of an axis, counted from the end where it is negative.
pub(super) fn position(axis: i64, rank: usize) -> usize {
    let narrow = |n: u64| usize::try_from(n).expect("an axis");
    if axis < 0 { rank - narrow(axis.unsigned_abs()) } else { narrow(axis.unsigned_abs()) }
}

/// The elements of each row along an axis.
fn rows(shape: &[usize], dim: i64) -> impl Iterator<Item = impl Iterator<Item = usize> + Clone> {
    let axis = position(dim, shape.len());
    let length = shape[axis];
    let outer: usize = shape[..axis].iter().product();
    let inner: usize = shape[axis + 1..].iter().product();
    let row = move |before, after| (0..length).map(move |k| (before * length + k) * inner + after);
    (0..outer).flat_map(move |before| (0..inner).map(move |after| row(before, after)))
}

/// The largest of a row.
fn largest<S: Scalar>(x: &[S], row: impl Iterator<Item = usize>) -> S {
    row.fold(S::LOWEST, |largest, i| largest.max(x[i]))
}

impl Kernel for Softmax {
    fn init<S: Scalar>(&self, _: &[&[usize]], _: &mut Init<'_>) -> Vec<Owned<S>> {
        Vec::new()
    }

    fn forward<S: Scalar>(&self, pass: Forward<'_, S>) -> Made<S> {
        let x = &pass.inputs[0];
        let mut y = Tensor::<S>::zeros(x.shape(), pass.meter);
        let out = y.data_mut();
        for row in rows(x.shape(), self.dim) {
            let max = largest(x.data(), row.clone());
            let mut sum = S::ZERO;
            for i in row.clone() {
                out[i] = x.data()[i].sub(max).exp();
                sum = sum.add(out[i]);
            }
            for i in row {
                out[i] = out[i].div(sum);
            }
        }
        Made { outputs: vec![y], kept: pass.kept([Kept::Output(0)]) }
    }

    fn backward<S: Scalar>(&self, pass: Backward<'_, S>) -> Grads<S> {
        if !pass.want_inputs {
            return Grads::of_input(None);
        }
        let (y, grad) = (pass.output().data(), pass.grad().data());
        let mut dx = Tensor::<S>::zeros(&pass.shapes[0], pass.meter);
        for row in rows(&pass.shapes[0], self.dim) {
            let sum = row.clone().fold(S::ZERO, |sum, i| sum.add(grad[i].mul(y[i])));
            for i in row {
                dx.data_mut()[i] = y[i].mul(grad[i].sub(sum));
            }
        }
        Grads::of_input(Some(dx))
    }
}

impl Kernel for LogSoftmax {
    fn init<S: Scalar>(&self, _: &[&[usize]], _: &mut Init<'_>) -> Vec<Owned<S>> {
        Vec::new()
    }

    fn forward<S: Scalar>(&self, pass: Forward<'_, S>) -> Made<S> {
        let x = &pass.inputs[0];
        let mut y = Tensor::<S>::zeros(x.shape(), pass.meter);
        let out = y.data_mut();
        for row in rows(x.shape(), self.dim) {
            let max = largest(x.data(), row.clone());
            let mut sum = S::ZERO;
            for i in row.clone() {
                out[i] = x.data()[i].sub(max);
                sum = sum.add(out[i].exp());
            }
            let log = sum.ln();
            for i in row {
                out[i] = out[i].sub(log);
            }
        }
        Made { outputs: vec![y], kept: pass.kept([Kept::Output(0)]) }
    }

    fn backward<S: Scalar>(&self, pass: Backward<'_, S>) -> Grads<S> {
        if !pass.want_inputs {
            return Grads::of_input(None);
        }
        let (y, grad) = (pass.output().data(), pass.grad().data());
        let mut dx = Tensor::<S>::zeros(&pass.shapes[0], pass.meter);
        for row in rows(&pass.shapes[0], self.dim) {
            let sum = row.clone().fold(S::ZERO, |sum, i| sum.add(grad[i]));
            for i in row {
                dx.data_mut()[i] = grad[i].sub(y[i].exp().mul(sum));
            }
        }
        Grads::of_input(Some(dx))
    }
}
