//! What is assumed about a run.

use super::pattern::Pattern;
use crate::ops::Mode;
use crate::shape::DType;

/// What is assumed about a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Element type of parameters and activations.
    pub dtype: DType,
    /// Eval or train.
    pub mode: Mode,
    /// Patterns of parameter names that are not trained: `features.*`.
    pub frozen: Vec<Pattern>,
}
