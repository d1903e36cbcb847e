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
//! depend on the number of threads, since `parallel` shares work by its shape. Scratch memory is told by `scratch` and
//! allocated through the meter, once in each pass, when everything that the pass makes is there; the matrix product's own
//! packed copies, which stay within the caches, are not accounted. It may use `kernels`, `scalar` and `tensor`.

mod activation;
mod axis;
mod batchnorm;
mod conv;
mod depthwise;
mod grids;
mod join;
mod kernel;
mod linear;
mod max_pool;
mod mean_pool;
mod patches;
mod pool;
mod product;
mod shifted;
mod special;
mod statistics;
mod winograd;

use kernel::Fast;
pub(crate) use kernel::FastOptions;

use crate::exec::base::matmul::Native;
use crate::exec::base::scalar::Scalar;
use crate::exec::kernels::{Backward, Forward, Grads, Kernel as _, Made, Owned, Scratch};
use crate::ops::{Mode, Op};

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
        pub(crate) fn scratch(op: &Op, inputs: &[&[usize]], mode: Mode, options: FastOptions) -> Scratch {
            match op {
                $(Op::$Name(op) if op.covers(inputs) => op.scratch(inputs, mode, options),)*
                _ => Scratch::of_reference(op, inputs, mode),
            }
        }

        /// Numbers that an operator's kernel can be given prepacked.
        pub(crate) fn prepacked_len(op: &Op, inputs: &[&[usize]], options: FastOptions) -> usize {
            match op {
                $(Op::$Name(op) if op.covers(inputs) => op.prepacked_len(inputs, options),)*
                _ => 0,
            }
        }

        /// Makes them of its parameters.
        pub(crate) fn prepack<S: Scalar>(op: &Op, inputs: &[&[usize]], owned: &[Owned<S>], options: FastOptions, into: &mut [S]) {
            match op {
                $(Op::$Name(op) if op.covers(inputs) => op.prepack(inputs, owned, options, into),)*
                _ => {}
            }
        }

        /// One forward pass, by the reference's kernel where there is no other.
        pub(crate) fn forward<S: Scalar>(op: &Op, pass: Forward<'_, S>, native: &Native<S>, options: FastOptions) -> Made<S> {
            let shapes: Vec<&[usize]> = pass.inputs.iter().map(|input| input.shape()).collect();
            match op {
                $(Op::$Name(op) if op.covers(&shapes) => Fast::forward(op, pass, native, options),)*
                _ => op.forward(pass),
            }
        }

        /// One backward pass, by the reference's kernel where there is no other.
        pub(crate) fn backward<S: Scalar>(op: &Op, pass: Backward<'_, S>, native: &Native<S>, options: FastOptions) -> Grads<S> {
            let shapes: Vec<&[usize]> = pass.shapes.iter().map(Vec::as_slice).collect();
            match op {
                $(Op::$Name(op) if op.covers(&shapes) => Fast::backward(op, pass, native, options),)*
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
