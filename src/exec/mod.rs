//! The executable backend: networks run on real tensors, forward and backward, so that what was computed is compared with
//! what happens.
//!
//! It may use `shape`, `graph` and the operators' parameter structs. It never uses what it is there to check: no shape
//! rule, no parameter list, no count, no pass of the static side (`tests/it/tidy.rs` holds the words). Output extents come
//! from walking the window over the axis; parameters are sized from real inputs; counts from arithmetic that tallies itself.

use kernels::Kernel as _;

use crate::ops::{Mode, Op};
use crate::shape::Shape;

pub mod gradcheck;
pub mod kernels;
pub mod loss;
pub mod meter;
pub mod network;
pub mod optim;
pub mod rng;
pub mod scalar;
pub mod step;
pub mod tape;
pub mod tensor;

/// The scratch memory that the reference kernels take, in numbers of the network's precision: forward, and for gradients
/// of inputs. A pure function of operator, input shapes and mode.
pub fn plan(op: &Op, inputs: &[Shape], mode: Mode) -> (u64, u64) {
    let narrow = |n: &u64| usize::try_from(*n).unwrap_or(usize::MAX);
    let sizes: Vec<Vec<usize>> =
        inputs.iter().map(|shape| shape.dims().iter().map(narrow).collect()).collect();
    let sizes: Vec<&[usize]> = sizes.iter().map(Vec::as_slice).collect();
    let (forward, backward) = op.workspace(&sizes, mode);
    (forward as u64, backward as u64)
}
