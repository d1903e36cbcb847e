//! cnnstat
pub mod ops;
pub mod shape;
pub mod span;
pub mod units;

pub use shape::{DType, Shape};
