//! Dropout: in training, random elements, whole channels or whole samples become 0 and the others are scaled up; in eval,
//! and where nothing can be dropped, a view.
//!
//! ```text
//! forward   y = x·s      s = 1/(1 − p) where the mask is true, 0 where not
//! backward  dx = g·s
//! ```
//!
//! The mask has a value for what stays or goes together: an element, with a rank a channel of a sample, in stochastic depth
//! a sample or the batch. They are sampled in order.

use super::{Backward, Forward, Grads, Init, Kept, Kernel, Made, Owned};
use crate::exec::base::meter::Buffer;
use crate::exec::base::scalar::Scalar;
use crate::exec::base::tensor::Tensor;
use crate::ops::dropout::Together;
use crate::ops::{Dropout, Mode, StochasticDepth};

/// An operator that drops at random.
trait Drops {
    /// The probability.
    fn p(&self) -> f64;
    /// Elements that stay or go together.
    fn together(&self, shape: &[usize]) -> usize;
}

impl Drops for Dropout {
    fn p(&self) -> f64 {
        self.p.0
    }

    fn together(&self, shape: &[usize]) -> usize {
        if self.rank > 0 { shape[2..].iter().product() } else { 1 }
    }
}

impl Drops for StochasticDepth {
    fn p(&self) -> f64 {
        self.p.0
    }

    fn together(&self, shape: &[usize]) -> usize {
        let sample = shape[1..].iter().product();
        match self.mode {
            Together::Row => sample,
            Together::Batch => shape[0] * sample,
        }
    }
}

/// What an element is multiplied with; nothing is scaled up where all are dropped.
fn factor<S: Scalar>(p: f64, stays: bool) -> S {
    if stays { S::of(1.0 / (1.0 - p)) } else { S::ZERO }
}

fn forward<S: Scalar>(op: &impl Drops, pass: &mut Forward<'_, S>) -> Made<S> {
    let (x, p) = (&pass.inputs[0], op.p());
    if pass.mode == Mode::Eval || p == 0.0 {
        return Made { outputs: vec![x.view(x.shape())], kept: Vec::new() };
    }
    let together = op.together(x.shape());
    let mut y = Tensor::<S>::uninit(x.shape(), pass.meter);
    let drawn = if pass.keep { y.len() / together } else { 0 };
    let mut mask = Buffer::uninit(drawn, pass.meter);
    let groups = x.data().chunks_exact(together).zip(y.data_mut().chunks_exact_mut(together));
    for (at, (x, y)) in groups.enumerate() {
        let stays = pass.rng.unit() >= p;
        for (x, y) in x.iter().zip(y) {
            *y = x.mul(factor(p, stays));
        }
        if let Some(place) = mask.get_mut(at) {
            *place = stays;
        }
    }
    let kept = if pass.keep { vec![Kept::Mask("mask", mask)] } else { Vec::new() };
    Made { outputs: vec![y], kept }
}

fn backward<S: Scalar>(op: &impl Drops, pass: &Backward<'_, S>) -> Grads<S> {
    let (shape, grad) = (&pass.shapes[0], pass.grad());
    if !pass.want_inputs {
        return Grads::of_input(None);
    }
    let [Kept::Mask(_, mask)] = pass.kept else {
        return Grads::of_input(Some(grad.view(shape)));
    };
    let together = op.together(shape);
    let mut dx = Tensor::<S>::uninit(shape, pass.meter);
    let groups = grad.data().chunks_exact(together).zip(dx.data_mut().chunks_exact_mut(together));
    for ((g, dx), stays) in groups.zip(mask.iter()) {
        for (g, dx) in g.iter().zip(dx) {
            *dx = g.mul(factor(op.p(), *stays));
        }
    }
    Grads::of_input(Some(dx))
}

/// The `Kernel` of an operator that [`Drops`], which owns nothing.
macro_rules! drops_kernel {
    ($($Name:ident)*) => {
        $(impl Kernel for $Name {
            fn init<S: Scalar>(&self, _: &[&[usize]], _: &mut Init<'_>) -> Vec<Owned<S>> {
                Vec::new()
            }
            fn forward<S: Scalar>(&self, mut pass: Forward<'_, S>) -> Made<S> {
                forward(self, &mut pass)
            }
            fn backward<S: Scalar>(&self, pass: Backward<'_, S>) -> Grads<S> {
                backward(self, &pass)
            }
        })*
    };
}

drops_kernel! { Dropout StochasticDepth }
