//! cnnstat
pub mod analysis;
pub mod budget;
#[cfg(feature = "cli")]
pub mod cli;
pub mod diag;
pub mod graph;
pub mod lang;
pub mod ops;
pub mod report;
pub mod shape;
pub mod span;
pub mod units;
pub mod zoo;

pub use shape::{DType, Shape};
