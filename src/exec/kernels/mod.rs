//! What operators do to numbers: one file for each file of `ops`, forward and backward together, in plain loops.
//!
//! ```text
//! N batch   C channels   O output channels   x, y, i, j positions   t taps   g gradients of outputs
//! ```
//!
//! These loops are the reference: they define what is counted, and faster kernels are trusted because they equal them.
//! Accumulators start at zero, maxima at −∞; both sides of a choice are computed; taps on padding are computed too and
//! said to be so by [`Scalar::on_padding`]. Extents come from enumerating windows (`windows`), never from a formula.

mod normalise;
mod pass;
mod windows;

pub(crate) use batchnorm::update;
pub(crate) use conv::Layout as ConvLayout;
pub(crate) use conv_transpose::Layout as ConvTransposeLayout;
pub(crate) use normalise::{INVERSE, MEAN};
pub(crate) use pass::owned;
pub use pass::{
    Backward, Forward, Grads, Init, Kept, Kernel, Made, Numbers, Owned, Scheme, Scratch, TensorKind,
};
pub(crate) use windows::{Steps, Tap, WindowAxis, enumerate_windows, narrow, positions, volume};

use crate::exec::base::scalar::Scalar;
use crate::ops::{Mode, Op};

macro_rules! define_kernels {
    ($($module:ident { $($Name:ident),* $(,)? })*) => {
        $(mod $module;)*

        impl Kernel for Op {
            fn init<S: Scalar>(&self, inputs: &[&[usize]], init: &mut Init<'_>) -> Vec<Owned<S>> {
                match self { $($(Self::$Name(op) => op.init(inputs, init),)*)* }
            }
            fn forward<S: Scalar>(&self, pass: Forward<'_, S>) -> Made<S> {
                match self { $($(Self::$Name(op) => op.forward(pass),)*)* }
            }
            fn backward<S: Scalar>(&self, pass: Backward<'_, S>) -> Grads<S> {
                match self { $($(Self::$Name(op) => op.backward(pass),)*)* }
            }
            fn workspace(&self, inputs: &[&[usize]], mode: Mode) -> (usize, usize) {
                match self { $($(Self::$Name(op) => op.workspace(inputs, mode),)*)* }
            }
            fn smallest_batch(&self, inputs: &[&[usize]], mode: Mode) -> usize {
                match self { $($(Self::$Name(op) => op.smallest_batch(inputs, mode),)*)* }
            }
        }
    };
}

crate::ops::ops!(define_kernels);

/// What an operator that owns nothing makes of one input, for tests.
#[cfg(test)]
fn made(op: &impl Kernel, shape: &[usize], data: &[f64]) -> Vec<f64> {
    use crate::exec::base::{meter::Meter, rng::Rng, tensor::Tensor};
    let (meter, mut rng) = (Meter::new(), Rng::new(0));
    let inputs = [Tensor::new(shape, data.to_vec(), &meter)];
    let pass = Forward {
        inputs: &inputs,
        owned: &mut [],
        mode: Mode::Eval,
        rng: &mut rng,
        keep: false,
        prepacked: None,
        meter: &meter,
    };
    op.forward(pass).outputs[0].values()
}
