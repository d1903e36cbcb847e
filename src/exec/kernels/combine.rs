//! Several values made one: sum, difference, product, and concatenated.
//!
//! ```text
//! add     y = x1 + x2 + …    dx = g                      passed on: the same memory
//! sub     y = x1 − x2        dx1 = g     dx2 = −g
//! mul     y = x1 · x2 · …    dx = g · each other input
//! concat  y = x1, x2, …      dx = its part of g
//! ```
//!
//! Of add, sub and mul, inputs are aligned from the last axis, and on an axis of size 1 an input stands still while the
//! output goes on; its gradient is summed over the elements it was broadcast to.

use super::softmax::position;
use super::{Backward, Forward, Grads, Init, Kept, Kernel, Made, Owned};
use crate::exec::base::scalar::Scalar;
use crate::exec::base::tensor::Tensor;
use crate::ops::{Add, Concat, Mul, Sub};

/// The shape that all are stretched to.
fn stretched(shapes: &[&[usize]]) -> Vec<usize> {
    let rank = shapes.iter().map(|shape| shape.len()).max().unwrap_or(0);
    let mut out = vec![1; rank];
    for shape in shapes {
        for (out, n) in out.iter_mut().rev().zip(shape.iter().rev()) {
            if *n != 1 {
                *out = *n;
            }
        }
    }
    out
}

/// Visits the elements of the output in order: `visit` is given the element and that of each input it is made of.
fn visit(out: &[usize], shapes: &[&[usize]], mut visit: impl FnMut(usize, &[usize])) {
    // Elements of each input from one position on an axis of the output to the next.
    let steps: Vec<Vec<usize>> = shapes
        .iter()
        .map(|shape| {
            let mut steps = vec![0; out.len()];
            let mut behind = 1;
            for (step, n) in steps.iter_mut().rev().zip(shape.iter().rev()) {
                *step = if *n == 1 { 0 } else { behind };
                behind *= n;
            }
            steps
        })
        .collect();
    let (mut at, mut from) = (vec![0; out.len()], vec![0; shapes.len()]);
    for to in 0..out.iter().product() {
        visit(to, &from);
        // The last axis that has not come to its end goes on; those behind it begin again.
        for axis in (0..out.len()).rev() {
            at[axis] += 1;
            from.iter_mut().zip(&steps).for_each(|(from, steps)| *from += steps[axis]);
            if at[axis] < out[axis] {
                break;
            }
            at[axis] = 0;
            from.iter_mut().zip(&steps).for_each(|(from, steps)| *from -= steps[axis] * out[axis]);
        }
    }
}

/// All inputs, from the first on, element by element.
fn joined<S: Scalar>(pass: &Forward<'_, S>, join: impl Fn(S, S) -> S) -> Tensor<S> {
    let shapes: Vec<&[usize]> = pass.inputs.iter().map(Tensor::shape).collect();
    let out = stretched(&shapes);
    let mut y = Tensor::<S>::zeros(&out, pass.meter);
    let into = y.data_mut();
    visit(&out, &shapes, |to, from| {
        let met = pass.inputs.iter().zip(from).map(|(x, from)| x.data()[*from]);
        into[to] = met.reduce(&join).unwrap_or(S::ZERO);
    });
    y
}

/// The gradient of an input of this shape, summed over broadcast axes with `add`.
fn summed<S: Scalar>(
    pass: &Backward<'_, S>,
    shape: &[usize],
    add: impl Fn(S, S) -> S,
) -> Tensor<S> {
    let grad = pass.grad();
    let mut dx = Tensor::<S>::zeros(shape, pass.meter);
    let into = dx.data_mut();
    visit(grad.shape(), &[shape], |to, from| into[from[0]] = add(into[from[0]], grad.data()[to]));
    dx
}

impl Kernel for Add {
    fn init<S: Scalar>(&self, _: &[&[usize]], _: &mut Init<'_>) -> Vec<Owned<S>> {
        Vec::new()
    }

    fn forward<S: Scalar>(&self, pass: Forward<'_, S>) -> Made<S> {
        Made { outputs: vec![joined(&pass, S::add)], kept: Vec::new() }
    }

    fn backward<S: Scalar>(&self, pass: Backward<'_, S>) -> Grads<S> {
        let grad = pass.grad();
        let of = |shape: &Vec<usize>| {
            if shape == grad.shape() { grad.view(shape) } else { summed(&pass, shape, S::add) }
        };
        wanted(&pass, || pass.shapes.iter().map(of).collect())
    }
}

impl Kernel for Sub {
    fn init<S: Scalar>(&self, _: &[&[usize]], _: &mut Init<'_>) -> Vec<Owned<S>> {
        Vec::new()
    }

    fn forward<S: Scalar>(&self, pass: Forward<'_, S>) -> Made<S> {
        Made { outputs: vec![joined(&pass, S::sub)], kept: Vec::new() }
    }

    fn backward<S: Scalar>(&self, pass: Backward<'_, S>) -> Grads<S> {
        let grad = pass.grad();
        let is_whole = |shape: &[usize]| shape == grad.shape();
        let negated =
            || Tensor::collect(grad.shape(), grad.data().iter().map(|g| g.neg()), pass.meter);
        let (x1, x2) = (&pass.shapes[0], &pass.shapes[1]);
        wanted(&pass, || {
            vec![
                if is_whole(x1) { grad.view(x1) } else { summed(&pass, x1, S::add) },
                if is_whole(x2) { negated() } else { summed(&pass, x2, S::sub) },
            ]
        })
    }
}

impl Kernel for Mul {
    fn init<S: Scalar>(&self, _: &[&[usize]], _: &mut Init<'_>) -> Vec<Owned<S>> {
        Vec::new()
    }

    fn forward<S: Scalar>(&self, pass: Forward<'_, S>) -> Made<S> {
        let kept = (0..pass.inputs.len()).filter(|_| pass.keep).map(Kept::Input).collect();
        Made { outputs: vec![joined(&pass, S::mul)], kept }
    }

    fn backward<S: Scalar>(&self, pass: Backward<'_, S>) -> Grads<S> {
        let grad = pass.grad();
        let shapes: Vec<&[usize]> = pass.shapes.iter().map(Vec::as_slice).collect();
        let kept = |i: usize| pass.inputs[i].as_ref().expect("the kernel kept its inputs");
        let inputs: Vec<&Tensor<S>> =
            if pass.want_inputs { (0..shapes.len()).map(kept).collect() } else { Vec::new() };
        let of = |i: usize| {
            let is_stretched = shapes[i] != grad.shape();
            let mut dx = Tensor::<S>::zeros(shapes[i], pass.meter);
            let into = dx.data_mut();
            visit(grad.shape(), &shapes, |to, from| {
                let others = inputs.iter().zip(from).enumerate().filter(|(j, _)| *j != i);
                let g = others.fold(grad.data()[to], |g, (_, (x, from))| g.mul(x.data()[*from]));
                let dx = &mut into[from[i]];
                *dx = if is_stretched { dx.add(g) } else { g };
            });
            dx
        };
        wanted(&pass, || (0..shapes.len()).map(of).collect())
    }
}

impl Concat {
    /// Elements of an input that lie together in the output: from the axis that inputs are put along to the last.
    fn together(&self, shape: &[usize]) -> usize {
        shape[position(self.dim, shape.len())..].iter().product()
    }
}

impl Kernel for Concat {
    fn init<S: Scalar>(&self, _: &[&[usize]], _: &mut Init<'_>) -> Vec<Owned<S>> {
        Vec::new()
    }

    fn forward<S: Scalar>(&self, pass: Forward<'_, S>) -> Made<S> {
        let mut shape = pass.inputs[0].shape().to_vec();
        let along = position(self.dim, shape.len());
        shape[along] = pass.inputs.iter().map(|x| x.shape()[along]).sum();
        let mut y = Tensor::<S>::zeros(&shape, pass.meter);
        let whole = self.together(&shape);
        let mut first = 0;
        for x in pass.inputs {
            let part = self.together(x.shape());
            for (x, y) in x.data().chunks_exact(part).zip(y.data_mut().chunks_exact_mut(whole)) {
                y[first..first + part].copy_from_slice(x);
            }
            first += part;
        }
        Made { outputs: vec![y], kept: Vec::new() }
    }

    fn backward<S: Scalar>(&self, pass: Backward<'_, S>) -> Grads<S> {
        let grad = pass.grad();
        let whole = self.together(grad.shape());
        let mut first = 0;
        let of = |shape: &Vec<usize>| {
            let part = self.together(shape);
            let mut dx = Tensor::<S>::zeros(shape, pass.meter);
            for (dx, g) in dx.data_mut().chunks_exact_mut(part).zip(grad.data().chunks_exact(whole))
            {
                dx.copy_from_slice(&g[first..first + part]);
            }
            first += part;
            dx
        };
        wanted(&pass, || pass.shapes.iter().map(of).collect())
    }
}

/// Gradients of the inputs, if they are wanted; there are no parameters.
fn wanted<S: Scalar>(pass: &Backward<'_, S>, inputs: impl FnOnce() -> Vec<Tensor<S>>) -> Grads<S> {
    let inputs = if pass.want_inputs { inputs() } else { Vec::new() };
    Grads { inputs, params: Vec::new() }
}
