//! What was found, made ready to be shown. `model` is the data; each output format is a file beside it.

#[cfg(feature = "cli")]
pub mod model;
