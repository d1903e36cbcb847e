//! The executable backend: networks run on real tensors, forward and backward, so that what was computed is compared with
//! what happens.
//!
//! It may use `shape`, `graph` and the operators' parameter structs. It never uses what it is there to check: no shape
//! rule, no parameter list, no count, no pass of the static side (`tests/it/tidy.rs` holds the words). Output extents come
//! from enumerating windows along the axis; parameters are sized from real inputs; counts from arithmetic that tallies
//! itself.
//!
//! ```text
//! base  ←  kernels  ←  fast  ←  run
//! ```
//!
//! The backend is selected in `run`: `fast` has kernels for some operators and does not know who chooses between them and
//! the reference.

pub mod base;
pub mod fast;
pub mod kernels;
pub mod run;

pub use base::{meter, scalar, tensor, threads};
pub use run::{backend, gradcheck, network, optim, step, tape};
#[cfg(feature = "internals")]
pub use {base::rng, run::loss};
