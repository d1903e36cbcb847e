//! What a verification found, layer by layer and of the whole network, and why there is none.

use crate::analysis::AnalysisError;
pub use crate::exec::base::scalar::Tally;
use crate::exec::run::network::RunError;
use crate::ops::Mode;

/// One quantity, computed and executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Which quantity.
    pub what: &'static str,
    /// What the rules say.
    pub computed: String,
    /// What happened.
    pub executed: String,
}

impl Check {
    #[allow(clippy::needless_pass_by_value, reason = "texts, numbers and truth values alike")]
    pub(super) fn new(
        what: &'static str,
        computed: impl ToString,
        executed: impl ToString,
    ) -> Self {
        Self { what, computed: computed.to_string(), executed: executed.to_string() }
    }

    /// Whether both are the same.
    pub fn holds(&self) -> bool {
        self.computed == self.executed
    }
}

/// What was found of one layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Verified {
    /// Its name.
    pub name: String,
    /// Its operator.
    pub op: String,
    /// Its output shape, as it happened.
    pub shape: Vec<usize>,
    /// Elements of its parameters, as they were made.
    pub params: u64,
    /// Whether the reference ran it where fast kernels were asked for: there is none.
    pub by_reference: bool,
    /// What was tallied in a forward pass.
    pub forward: Tally,
    /// The input on which operations were tallied, where the real one is too large.
    pub tallied_on: Option<Vec<u64>>,
    /// Bytes it keeps for backward.
    pub saved: u64,
    /// The largest error of its gradients along random directions, relative to their scale.
    pub gradient_error: f64,
    /// Every quantity.
    pub checks: Vec<Check>,
}

/// What was found of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct Verification {
    /// The batch, which may have been raised.
    pub batch: u64,
    /// Whether it was raised, since batch statistics need more than one value.
    pub raised: bool,
    /// Train or eval.
    pub mode: Mode,
    /// Layer by layer.
    pub layers: Vec<Verified>,
    /// Of the whole network.
    pub totals: Vec<Check>,
    /// The loss before the first step and after each.
    pub losses: Vec<f64>,
    /// Bytes that were taken at the highest: what the meter of the tensors saw, the batch in doubles and the targets.
    pub taken: u64,
}

impl Verification {
    /// Every quantity that differs, with its layer (none for the network).
    pub fn mismatches(&self) -> impl Iterator<Item = (Option<&str>, &Check)> {
        let layers = self.layers.iter().flat_map(|layer| {
            layer.checks.iter().map(move |check| (Some(layer.name.as_str()), check))
        });
        layers
            .chain(self.totals.iter().map(|check| (None, check)))
            .filter(|(_, check)| !check.holds())
    }
}

/// Why a network cannot be verified.
#[derive(Debug)]
#[non_exhaustive]
pub enum VerifyError {
    /// It cannot be analysed.
    Analysis(AnalysisError),
    /// It cannot be run.
    Run(RunError),
}

impl From<AnalysisError> for VerifyError {
    fn from(error: AnalysisError) -> Self {
        Self::Analysis(error)
    }
}

impl From<RunError> for VerifyError {
    fn from(error: RunError) -> Self {
        Self::Run(error)
    }
}

impl std::fmt::Display for VerifyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Analysis(error) => error.fmt(f),
            Self::Run(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for VerifyError {}
