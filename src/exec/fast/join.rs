//! Values made one, element by element: sums and differences of equal shapes, products of two, and gates, which have one
//! number for each plane.
//!
//! ```text
//! add    y = x1 + x2 + …     sub   y = x1 − x2             gradients are the reference's, which mostly passes them on
//! mul    y = x1 · x2         dx1 = g · x2                  dx2 = g · x1
//! gate   y[p, i] = x[p, i]·s[p]     dx[p, i] = g[p, i]·s[p]     ds[p] = Σ_i g[p, i]·x[p, i]     p a plane
//! ```
//!
//! Inputs that are stretched in another way go to the reference. It may use `kernels`, `scalar` and `tensor`.

use super::kernel::{Fast, FastOptions};
use crate::exec::base::matmul::Native;
use crate::exec::base::parallel;
use crate::exec::base::reduce::over_pairs;
use crate::exec::base::scalar::Scalar;
use crate::exec::base::tensor::Tensor;
use crate::exec::kernels::Scratch;
use crate::exec::kernels::{Backward, Forward, Grads, Kept, Kernel, Made};
use crate::ops::{Add, Mode, Mul, Sub};

/// `y` becomes what is made of each pair.
fn pairs<S: Scalar>(a: &[S], b: &[S], y: &mut [S], of: impl Fn(S, S) -> S + Sync) {
    parallel::numbers(y, |first, y| {
        let all = first..first + y.len();
        for (y, (a, b)) in y.iter_mut().zip(a[all.clone()].iter().zip(&b[all])) {
            *y = of(*a, *b);
        }
    });
}

/// All inputs of one shape, from the first on.
fn joined<S: Scalar>(pass: &Forward<'_, S>, of: impl Fn(S, S) -> S + Sync) -> Tensor<S> {
    let [first, second, others @ ..] = pass.inputs else { unreachable!("two inputs are covered") };
    let mut y = Tensor::<S>::uninit(first.shape(), pass.meter);
    pairs(first.data(), second.data(), y.data_mut(), &of);
    for x in others {
        let x = x.data();
        parallel::numbers(y.data_mut(), |first, y| {
            y.iter_mut().zip(&x[first..]).for_each(|(y, x)| *y = of(*y, *x));
        });
    }
    y
}

/// Whether there are two inputs or more, all of one shape.
fn are_alike(inputs: &[&[usize]]) -> bool {
    inputs.len() > 1 && inputs.iter().all(|shape| *shape == inputs[0])
}

macro_rules! fast_sums {
    ($($Name:ident: $of:path;)*) => {
        $(impl Fast for $Name {
            fn covers(&self, inputs: &[&[usize]]) -> bool {
                are_alike(inputs)
            }

            fn scratch(&self, _: &[&[usize]], _: Mode, _: FastOptions) -> Scratch {
                Scratch::default()
            }

            fn forward<S: Scalar>(&self, pass: Forward<'_, S>, _: &Native<S>, _: FastOptions) -> Made<S> {
                Made { outputs: vec![joined(&pass, $of)], kept: Vec::new() }
            }

            fn backward<S: Scalar>(&self, pass: Backward<'_, S>, _: &Native<S>, _: FastOptions) -> Grads<S> {
                Kernel::backward(self, pass)
            }
        })*
    };
}

fast_sums! { Add: S::add; Sub: S::sub; }

/// How the two factors of a product are paired.
#[derive(Clone, Copy, Debug)]
enum Factors {
    /// Element by element.
    Alike,
    /// The input `gate` has a number for each plane of the input `of`, which has so many elements.
    Gate { of: usize, gate: usize, plane: usize },
}

impl Factors {
    fn of(inputs: &[&[usize]]) -> Option<Self> {
        let [a, b] = inputs else { return None };
        if a == b {
            return Some(Self::Alike);
        }
        let is_gate = |of: &[usize], gate: &[usize]| {
            of.len() == gate.len()
                && of.len() > 2
                && of[..2] == gate[..2]
                && gate[2..].iter().all(|n| *n == 1)
        };
        let plane = |of: &[usize]| of[2..].iter().product();
        if is_gate(a, b) {
            return Some(Self::Gate { of: 0, gate: 1, plane: plane(a) });
        }
        is_gate(b, a).then(|| Self::Gate { of: 1, gate: 0, plane: plane(b) })
    }
}

/// `y` becomes `x`, each plane times its number.
fn gated<S: Scalar>(plane: usize, x: &[S], gates: &[S], y: &mut [S]) {
    parallel::each_row(y, (plane, plane), |p, y| {
        let gate = gates[p];
        y.iter_mut().zip(&x[p * plane..]).for_each(|(y, x)| *y = x.mul(gate));
    });
}

/// `ds` becomes the gradient of the gates.
fn gates_gradient<S: Scalar>(plane: usize, g: &[S], x: &[S], ds: &mut [S]) {
    parallel::each_row(ds, (1, plane), |p, ds| {
        let all = p * plane..(p + 1) * plane;
        ds[0] = over_pairs(&g[all.clone()], &x[all], S::mul);
    });
}

impl Fast for Mul {
    fn covers(&self, inputs: &[&[usize]]) -> bool {
        Factors::of(inputs).is_some()
    }

    fn scratch(&self, _: &[&[usize]], _: Mode, _: FastOptions) -> Scratch {
        Scratch::default()
    }

    fn forward<S: Scalar>(&self, pass: Forward<'_, S>, _: &Native<S>, _: FastOptions) -> Made<S> {
        let shapes: Vec<&[usize]> = pass.inputs.iter().map(Tensor::shape).collect();
        let y = match Factors::of(&shapes) {
            Some(Factors::Gate { of, gate, plane }) => {
                let mut y = Tensor::<S>::uninit(shapes[of], pass.meter);
                gated(plane, pass.inputs[of].data(), pass.inputs[gate].data(), y.data_mut());
                y
            }
            _ => joined(&pass, S::mul),
        };
        Made { outputs: vec![y], kept: pass.kept([Kept::Input(0), Kept::Input(1)]) }
    }

    fn backward<S: Scalar>(
        &self,
        pass: Backward<'_, S>,
        _: &Native<S>,
        _: FastOptions,
    ) -> Grads<S> {
        if !pass.want_inputs {
            return Grads::of_input(None);
        }
        let shapes: Vec<&[usize]> = pass.shapes.iter().map(Vec::as_slice).collect();
        let kept = |i: usize| pass.inputs[i].as_ref().expect("the kernel kept its inputs").data();
        let g = pass.grad().data();
        let mut inputs: Vec<Tensor<S>> =
            shapes.iter().map(|shape| Tensor::uninit(shape, pass.meter)).collect();
        if let Some(Factors::Gate { of, gate, plane }) = Factors::of(&shapes) {
            gated(plane, g, kept(gate), inputs[of].data_mut());
            gates_gradient(plane, g, kept(of), inputs[gate].data_mut());
        } else {
            pairs(g, kept(1), inputs[0].data_mut(), S::mul);
            pairs(g, kept(0), inputs[1].data_mut(), S::mul);
        }
        Grads { inputs, params: Vec::new() }
    }
}
