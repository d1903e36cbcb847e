//! Values that no input makes. A parameter or a buffer is given as it is, without a copy.
//!
//! ```text
//! parameter  y = w     dw = g
//! constant   y[i] = value
//! ```

use super::{Backward, Forward, Grads, Init, Kernel, Made, Owned, owned};
use crate::exec::base::scalar::Scalar;
use crate::exec::base::tensor::Tensor;
use crate::ops::{Buffer, Constant, Parameter};

fn sizes(shape: &[i64]) -> Vec<usize> {
    shape.iter().map(|n| usize::try_from(*n).expect("sizes that fit memory")).collect()
}

/// The layer's own tensor.
fn own<S: Scalar>(pass: &Forward<'_, S>) -> Made<S> {
    Made { outputs: vec![owned(pass.owned, "").clone()], kept: Vec::new() }
}

/// Nothing to differentiate.
fn no_gradient<S>() -> Grads<S> {
    Grads { inputs: Vec::new(), params: Vec::new() }
}

impl Kernel for Parameter {
    fn init<S: Scalar>(&self, _: &[&[usize]], init: &mut Init<'_>) -> Vec<Owned<S>> {
        let shape = sizes(&self.shape);
        let fan_in = shape.last().copied().unwrap_or(1);
        vec![Owned::parameter("", init.weight(&shape, fan_in))]
    }

    fn forward<S: Scalar>(&self, pass: Forward<'_, S>) -> Made<S> {
        own(&pass)
    }

    fn backward<S: Scalar>(&self, pass: Backward<'_, S>) -> Grads<S> {
        let grad = pass.grad();
        let copy = || Tensor::new(grad.shape(), grad.data().to_vec(), pass.meter);
        Grads { inputs: Vec::new(), params: pass.want_params.then(copy).into_iter().collect() }
    }
}

impl Kernel for Buffer {
    fn init<S: Scalar>(&self, _: &[&[usize]], init: &mut Init<'_>) -> Vec<Owned<S>> {
        vec![Owned::buffer("", init.constant(&sizes(&self.shape), self.value))]
    }

    fn forward<S: Scalar>(&self, pass: Forward<'_, S>) -> Made<S> {
        own(&pass)
    }

    fn backward<S: Scalar>(&self, _: Backward<'_, S>) -> Grads<S> {
        no_gradient()
    }
}

impl Kernel for Constant {
    fn init<S: Scalar>(&self, _: &[&[usize]], _: &mut Init<'_>) -> Vec<Owned<S>> {
        Vec::new()
    }

    fn forward<S: Scalar>(&self, pass: Forward<'_, S>) -> Made<S> {
        let value = Tensor::full(&sizes(&self.shape), S::of(self.value), pass.meter);
        Made { outputs: vec![value], kept: Vec::new() }
    }

    fn backward<S: Scalar>(&self, _: Backward<'_, S>) -> Grads<S> {
        no_gradient()
    }
}
