//! Dropout: in training, random elements or whole channels become 0 and the others are scaled up; in eval, a view.
//!
//! ```text
//! forward   y = x·s      s = 1/(1 − p) where the mask is true, 0 where not
//! backward  dx = g·s
//! ```
//!
//! The mask has a value for each element, or with a rank for each channel of each sample, drawn in their order. Tests stand
//! in `tests/it/kernels.rs`.

use super::{Backward, Forward, Grads, Init, Kept, Kernel, Made, Owned};
use crate::exec::meter::Buffer;
use crate::exec::scalar::Scalar;
use crate::exec::tensor::Tensor;
use crate::ops::{Dropout, Mode};

impl Dropout {
    /// Elements that stay or go together.
    fn together(&self, shape: &[usize]) -> usize {
        if self.rank > 0 { shape[2..].iter().product() } else { 1 }
    }

    /// What an element is multiplied with; nothing is scaled up where all are dropped.
    fn factor<S: Scalar>(&self, stays: bool) -> S {
        if stays { S::of(1.0 / (1.0 - self.p.0)) } else { S::ZERO }
    }
}

impl Kernel for Dropout {
    fn init<S: Scalar>(&self, _: &[&[usize]], _: &mut Init<'_>) -> Vec<Owned<S>> {
        Vec::new()
    }

    fn forward<S: Scalar>(&self, pass: Forward<'_, S>) -> Made<S> {
        let x = &pass.inputs[0];
        if pass.mode == Mode::Eval {
            return Made { outputs: vec![x.view(x.shape())], kept: Vec::new() };
        }
        let together = self.together(x.shape());
        let mut y = Tensor::<S>::zeros(x.shape(), pass.meter);
        let mut mask = Vec::new();
        for (x, y) in x.data().chunks_exact(together).zip(y.data_mut().chunks_exact_mut(together)) {
            let stays = pass.rng.unit() >= self.p.0;
            for (x, y) in x.iter().zip(y) {
                *y = x.mul(self.factor(stays));
            }
            if pass.keep {
                mask.push(stays);
            }
        }
        let kept = if pass.keep {
            vec![Kept::Mask("mask", Buffer::new(mask, 1, pass.meter))]
        } else {
            Vec::new()
        };
        Made { outputs: vec![y], kept }
    }

    fn backward<S: Scalar>(&self, pass: Backward<'_, S>) -> Grads<S> {
        let (shape, grad) = (&pass.shapes[0], pass.grad());
        if !pass.want_inputs {
            return Grads::of_input(None);
        }
        let [Kept::Mask(_, mask)] = pass.kept else {
            return Grads::of_input(Some(grad.view(shape)));
        };
        let together = self.together(shape);
        let mut dx = Tensor::<S>::zeros(shape, pass.meter);
        for (i, (dx, g)) in dx.data_mut().iter_mut().zip(grad.data()).enumerate() {
            *dx = g.mul(self.factor(mask[i / together]));
        }
        Grads::of_input(Some(dx))
    }
}
