//! The executable backend: networks run on real tensors, forward and backward, so that what was computed is compared with
//! what happens.
//!
//! It may use `shape`, `graph` and the operators' parameter structs. It never uses what it is there to check: no shape
//! rule, no parameter list, no count, no pass of the static side (`tests/it/tidy.rs` holds the words). Output extents come
//! from walking the window over the axis; parameters are sized from real inputs; counts from arithmetic that tallies itself.

pub mod backend;
pub mod fast;
pub mod gradcheck;
pub mod kernels;
pub mod loss;
pub mod meter;
pub mod network;
pub mod optim;
pub mod rng;
pub mod scalar;
pub mod step;
pub mod store;
pub mod tape;
pub mod tensor;
pub mod threads;
