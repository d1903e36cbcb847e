//! A learned tensor that the input is multiplied with, broadcast over batch and axes.
//!
//! ```text
//! forward   y[i] = x[i]·w[p(i)]      p(i) the place on w below element i, its axes of size 1 passed over
//! backward  dx[i] = g[i]·w[p(i)]     dw[p(i)] += g[i]·x[i]
//! ```

use super::{Backward, Forward, Grads, Init, Kept, Kernel, Made, Owned, owned};
use crate::exec::base::scalar::Scalar;
use crate::exec::base::tensor::Tensor;
use crate::ops::Scale;

/// The element of a tensor of shape `own` that lies below element `i` of one of shape `shape`.
fn below(own: &[usize], shape: &[usize], mut i: usize) -> usize {
    let (mut place, mut step) = (0, 1);
    for (own, size) in own.iter().rev().zip(shape.iter().rev()) {
        if *own > 1 {
            place += i % size * step;
        }
        step *= own;
        i /= size;
    }
    place
}

impl Kernel for Scale {
    fn init<S: Scalar>(&self, _: &[&[usize]], init: &mut Init<'_>) -> Vec<Owned<S>> {
        let size = |n: &i64| usize::try_from(*n).expect("sizes that fit memory");
        let shape: Vec<usize> = self.shape.iter().map(size).collect();
        vec![Owned::parameter("", init.constant(&shape, self.init))]
    }

    fn forward<S: Scalar>(&self, pass: Forward<'_, S>) -> Made<S> {
        let (x, weight) = (&pass.inputs[0], owned(pass.owned, ""));
        let mut y = Tensor::<S>::zeros(x.shape(), pass.meter);
        for (i, (y, x)) in y.data_mut().iter_mut().zip(x.data()).enumerate() {
            *y = x.mul(weight.data()[below(weight.shape(), pass.inputs[0].shape(), i)]);
        }
        Made { outputs: vec![y], kept: pass.kept([Kept::Input(0)]) }
    }

    fn backward<S: Scalar>(&self, pass: Backward<'_, S>) -> Grads<S> {
        let (shape, grad) = (&pass.shapes[0], pass.grad().data());
        let weight = owned(pass.owned, "");
        let mut grads = Grads { inputs: Vec::new(), params: Vec::new() };
        if pass.want_inputs {
            let mut dx = Tensor::<S>::zeros(shape, pass.meter);
            for (i, dx) in dx.data_mut().iter_mut().enumerate() {
                *dx = grad[i].mul(weight.data()[below(weight.shape(), shape, i)]);
            }
            grads.inputs.push(dx);
        }
        if pass.want_params {
            let mut dw = Tensor::<S>::zeros(weight.shape(), pass.meter);
            for (i, (x, g)) in pass.input().data().iter().zip(grad).enumerate() {
                let into = &mut dw.data_mut()[below(weight.shape(), shape, i)];
                *into = into.mac(*g, *x);
            }
            grads.params.push(dw);
        }
        grads
    }
}

#[cfg(test)]
mod tests {
    use super::below;

    #[test]
    fn axes_of_one_are_passed_over() {
        let places = |own: &[usize]| (0..12).map(|i| below(own, &[2, 3, 2], i)).collect::<Vec<_>>();
        assert_eq!(places(&[3, 1]), [0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2]);
        assert_eq!(places(&[2]), [0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1]);
        assert_eq!(places(&[3, 2]), [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5]);
        assert_eq!(places(&[]), [0; 12]);
    }
}
