//! What every kernel stands on: scalars, tensors in a pool of buffers, tracked memory, random numbers, threads, SIMD loops
//! and the matrix product. It may use no other room of `exec`.

pub(crate) mod matmul;
pub mod meter;
pub(crate) mod parallel;
mod peak;
mod pool;
pub(crate) mod reduce;
pub mod rng;
pub mod scalar;
pub(crate) mod simd;
pub mod tensor;
pub mod threads;

pub use peak::peak;
