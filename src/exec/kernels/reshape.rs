//! Other shapes for the same numbers. Flatten, reshape and identity are views, and so are their gradients; permute copies.
//!
//! ```text
//! permute   y[i_0, i_1, …] = x[j]  where axis dims[k] of j is i_k      backward the same copy the other way
//! ```

use super::softmax::position;
use super::{Backward, Forward, Grads, Init, Kernel, Made, Owned};
use crate::exec::base::scalar::Scalar;
use crate::exec::base::tensor::Tensor;
use crate::ops::{Flatten, Identity, Permute, Reshape};

/// The input under another shape.
fn view<S: Scalar>(pass: &Forward<'_, S>, shape: &[usize]) -> Made<S> {
    Made { outputs: vec![pass.inputs[0].view(shape)], kept: Vec::new() }
}

/// The gradient under the input's shape.
fn view_back<S: Scalar>(pass: &Backward<'_, S>) -> Grads<S> {
    Grads::of_input(pass.want_inputs.then(|| pass.grad().view(&pass.shapes[0])))
}

impl Kernel for Flatten {
    fn init<S: Scalar>(&self, _: &[&[usize]], _: &mut Init<'_>) -> Vec<Owned<S>> {
        Vec::new()
    }

    fn forward<S: Scalar>(&self, pass: Forward<'_, S>) -> Made<S> {
        let shape = pass.inputs[0].shape();
        let [first, last] = [self.start_dim, self.end_dim].map(|dim| position(dim, shape.len()));
        let mut folded = shape[..first].to_vec();
        folded.push(shape[first..=last].iter().product());
        folded.extend(&shape[last + 1..]);
        view(&pass, &folded)
    }

    fn backward<S: Scalar>(&self, pass: Backward<'_, S>) -> Grads<S> {
        view_back(&pass)
    }
}

impl Kernel for Reshape {
    fn init<S: Scalar>(&self, _: &[&[usize]], _: &mut Init<'_>) -> Vec<Owned<S>> {
        Vec::new()
    }

    fn forward<S: Scalar>(&self, pass: Forward<'_, S>) -> Made<S> {
        let input = pass.inputs[0].shape();
        let named: Vec<Option<usize>> =
            self.sizes.iter().map(|size| usize::try_from(*size).ok()).collect();
        let known: usize = named.iter().flatten().product();
        let start = usize::try_from(self.start_dim).expect("an axis");
        let left = input[start..].iter().product::<usize>() / known;
        let mut shape = input[..start].to_vec();
        shape.extend(named.into_iter().map(|size| size.unwrap_or(left)));
        view(&pass, &shape)
    }

    fn backward<S: Scalar>(&self, pass: Backward<'_, S>) -> Grads<S> {
        view_back(&pass)
    }
}

impl Kernel for Identity {
    fn init<S: Scalar>(&self, _: &[&[usize]], _: &mut Init<'_>) -> Vec<Owned<S>> {
        Vec::new()
    }

    fn forward<S: Scalar>(&self, pass: Forward<'_, S>) -> Made<S> {
        view(&pass, pass.inputs[0].shape())
    }

    fn backward<S: Scalar>(&self, pass: Backward<'_, S>) -> Grads<S> {
        view_back(&pass)
    }
}

impl Permute {
    /// The element of the input that comes out at place `k`.
    fn source(&self, shape: &[usize], mut k: usize) -> usize {
        let mut source = 0;
        for axis in self.dims.iter().rev().map(|dim| position(*dim, shape.len())) {
            let step: usize = shape[axis + 1..].iter().product();
            source += k % shape[axis] * step;
            k /= shape[axis];
        }
        source
    }
}

impl Kernel for Permute {
    fn init<S: Scalar>(&self, _: &[&[usize]], _: &mut Init<'_>) -> Vec<Owned<S>> {
        Vec::new()
    }

    fn forward<S: Scalar>(&self, pass: Forward<'_, S>) -> Made<S> {
        let x = &pass.inputs[0];
        let size = |dim: &i64| x.shape()[position(*dim, self.dims.len())];
        let shape: Vec<usize> = self.dims.iter().map(size).collect();
        let mut y = Tensor::<S>::zeros(&shape, pass.meter);
        for (k, y) in y.data_mut().iter_mut().enumerate() {
            *y = x.data()[self.source(x.shape(), k)];
        }
        Made { outputs: vec![y], kept: Vec::new() }
    }

    fn backward<S: Scalar>(&self, pass: Backward<'_, S>) -> Grads<S> {
        if !pass.want_inputs {
            return Grads::of_input(None);
        }
        let mut dx = Tensor::<S>::zeros(&pass.shapes[0], pass.meter);
        for (k, g) in pass.grad().data().iter().enumerate() {
            dx.data_mut()[self.source(&pass.shapes[0], k)] = *g;
        }
        Grads::of_input(Some(dx))
    }
}
