//! The fast kernels: the same operators as in `kernels`, on a matrix product that uses the machine, shared by threads.
//!
//! | operator | goes to |
//! |---|---|
//! | `conv`, any rank, stride, dilation, padding, groups | `conv`: blocks of columns and products (`product`), 1×1 straight on the channels |
//! | of these 3×3 with stride, dilation and groups 1, each pass where it pays | `winograd`: products of transformed tiles, 4×4 or 2×2 outputs each; exact kernels use 2×2 only |
//! | `conv_transpose` | `conv`: the input's gradient of the convolution that it transposes |
//! | `linear` | `linear`: products with the long dimension along the rows |
//! | `conv` with a kernel for each channel | `depthwise`: sums of shifted slices of a padded plane (`shifted`, `grids`) |
//! | `max_pool`, `avg_pool`; adaptive ones whose windows are alike | `pool`: the same slices (`max_pool`, `mean_pool`) |
//! | global pools | `pool`: a loop over each plane |
//! | `batch_norm` on planes of 8 positions or more | `batchnorm`: sums by planes (`statistics`, `reduce`) |
//! | `relu`, `relu6`, `leaky_relu`, `sigmoid`, `hard_sigmoid`, `silu`, `hard_swish`, `tanh`, `gelu` | `activation`: loops without a branch (`special`) |
//! | `add`, `sub` of one shape; `mul` of one shape or by a gate | `join` |
//! | anything else | the reference |
//!
//! The reference says what is right: results are equal within a tolerance that is relative to their scale. They do not
//! depend on the number of threads, since `split` shares work by its shape. Scratch memory is told by `scratch` and
//! allocated through the meter, once in each pass, when everything that the pass makes is there; the matrix product's own
//! packed copies, which stay within the caches, are not accounted. It may use `kernels`, `scalar` and `tensor`. Tests stand
//! in `tests/it/fast.rs` and `tests/it/fast_elementwise.rs`.

mod activation;
mod axis;
mod batchnorm;
mod columns;
mod conv;
mod depthwise;
pub(crate) mod gemm;
mod grids;
mod join;
mod linear;
mod max_pool;
mod mean_pool;
mod patches;
mod peak;
mod pool;
mod product;
mod reduce;
mod shifted;
mod special;
pub(crate) mod split;
mod statistics;
pub(crate) mod wide;
mod winograd;

pub use gemm::Native;
pub use peak::peak;

use super::backend::Scratch;
use super::kernels::{Backward, Forward, Grads, Kernel as _, Made, Owned};
use super::meter::{Buffer, Meter};
use super::scalar::Scalar;
use crate::ops::{Mode, Op};

/// How fast kernels may compute.
#[derive(Clone, Copy, Debug)]
pub(crate) struct How {
    /// Only in ways that round about as often as the reference does: of tiles, those of 2×2 outputs.
    pub(crate) exact: bool,
    /// What a forward pass needs of the parameters is made beforehand.
    pub(crate) ready: bool,
}

/// An operator with a fast kernel.
pub(crate) trait Fast {
    /// Whether it takes inputs of these shapes.
    fn covers(&self, inputs: &[&[usize]]) -> bool;
    /// Its scratch memory, the same for every precision.
    fn scratch(&self, inputs: &[&[usize]], mode: Mode, how: How) -> Scratch;
    /// Numbers that can be made of the parameters beforehand, for forward passes that change none.
    fn ready(&self, _inputs: &[&[usize]], _how: How) -> usize {
        0
    }
    /// Makes them.
    fn make_ready<S: Scalar>(
        &self,
        _inputs: &[&[usize]],
        _owned: &[Owned<S>],
        _how: How,
        _into: &mut [S],
    ) {
    }
    /// One forward pass.
    fn forward<S: Scalar>(&self, pass: Forward<'_, S>, native: &Native<S>, how: How) -> Made<S>;
    /// One backward pass.
    fn backward<S: Scalar>(&self, pass: Backward<'_, S>, native: &Native<S>, how: How) -> Grads<S>;
}

macro_rules! fast {
    ($($Name:ident)*) => {
        /// Whether an operator has a fast kernel for inputs of these shapes.
        pub(crate) fn covers(op: &Op, inputs: &[&[usize]]) -> bool {
            match op {
                $(Op::$Name(op) => op.covers(inputs),)*
                _ => false,
            }
        }

        /// The scratch memory of an operator, of the reference's kernel where there is no other.
        pub(crate) fn scratch(op: &Op, inputs: &[&[usize]], mode: Mode, how: How) -> Scratch {
            match op {
                $(Op::$Name(op) if op.covers(inputs) => op.scratch(inputs, mode, how),)*
                _ => Scratch::of_reference(op, inputs, mode),
            }
        }

        /// Numbers that an operator's kernel can be given ready.
        pub(crate) fn ready(op: &Op, inputs: &[&[usize]], how: How) -> usize {
            match op {
                $(Op::$Name(op) if op.covers(inputs) => op.ready(inputs, how),)*
                _ => 0,
            }
        }

        /// Makes them of its parameters.
        pub(crate) fn make_ready<S: Scalar>(op: &Op, inputs: &[&[usize]], owned: &[Owned<S>], how: How, into: &mut [S]) {
            match op {
                $(Op::$Name(op) if op.covers(inputs) => op.make_ready(inputs, owned, how, into),)*
                _ => {}
            }
        }

        /// One forward pass, by the reference's kernel where there is no other.
        pub(crate) fn forward<S: Scalar>(op: &Op, pass: Forward<'_, S>, native: &Native<S>, how: How) -> Made<S> {
            let shapes: Vec<&[usize]> = pass.inputs.iter().map(|input| input.shape()).collect();
            match op {
                $(Op::$Name(op) if op.covers(&shapes) => Fast::forward(op, pass, native, how),)*
                _ => op.forward(pass),
            }
        }

        /// One backward pass, by the reference's kernel where there is no other.
        pub(crate) fn backward<S: Scalar>(op: &Op, pass: Backward<'_, S>, native: &Native<S>, how: How) -> Grads<S> {
            let shapes: Vec<&[usize]> = pass.shapes.iter().map(Vec::as_slice).collect();
            match op {
                $(Op::$Name(op) if op.covers(&shapes) => Fast::backward(op, pass, native, how),)*
                _ => op.backward(pass),
            }
        }
    };
}

fast! {
    Conv ConvTranspose Linear
    MaxPool AvgPool AdaptiveMaxPool AdaptiveAvgPool GlobalMaxPool GlobalAvgPool
    BatchNorm
    Relu Relu6 LeakyRelu Sigmoid HardSigmoid Silu HardSwish Tanh Gelu
    Add Sub Mul
}

/// Scratch memory of so many numbers, which hold anything.
fn block<S: Scalar>(numbers: usize, meter: &Meter) -> Buffer<S> {
    Buffer::scratch(numbers, meter)
}

/// The scratch memory of a backward pass: what it is for is made one after the other.
fn backward_block<S: Scalar>(scratch: Scratch, pass: &Backward<'_, S>) -> Buffer<S> {
    block(scratch.backward(pass.want_inputs, pass.want_params), pass.meter)
}

/// The gradient of a bias: for each channel the sum of its planes.
fn bias_gradient<S: Scalar>(g: &[S], plane: usize, db: &mut [S]) {
    let channels = db.len();
    let each = channels.div_ceil(split::LANES).max(1);
    let parts = db.chunks_mut(each).enumerate();
    split::run(parts, &mut [] as &mut [S], 0, |(at, db), _| {
        for (o, db) in (at * each..).zip(db) {
            let planes = g.chunks_exact(plane.max(1)).skip(o).step_by(channels);
            *db = planes.map(|plane| reduce::over(plane, |g| g)).fold(S::ZERO, Scalar::add);
        }
    });
}
