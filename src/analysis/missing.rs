//! What an analysis does not know, and why.
//!
//! *Not known* makes an analysis partial: its totals are lower bounds. *Does not fit* and *too large* are errors.

use super::error::AnalysisError;
use crate::graph::{Graph, NodeId};
use crate::ops::error::ShapeError;

/// Something that could not be counted.
#[derive(Clone, Debug, PartialEq)]
pub struct Missing {
    /// The layer; `None` where it shows in the inputs or the totals.
    pub node: Option<NodeId>,
    /// The name of the layer or the input; empty for the totals.
    pub name: String,
    /// Why it could not be counted.
    pub why: Why,
}

/// Why something could not be counted.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Why {
    /// There is no rule for the layer's operator.
    UnknownOperator,
    /// The shape of one of its inputs is not known.
    UnknownShape,
    /// Its inputs do not fit it: an error.
    DoesNotFit(ShapeError),
    /// A size or a count exceeds 64 bits: an error.
    TooLarge,
}

impl Why {
    /// Whether it is an error of the network, not a gap in what is known of it.
    pub const fn is_error(&self) -> bool {
        matches!(self, Self::DoesNotFit(_) | Self::TooLarge)
    }

    /// In words.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::UnknownOperator => "unknown operator",
            Self::UnknownShape => "unknown shape",
            Self::DoesNotFit(_) => "does not fit",
            Self::TooLarge => "too large",
        }
    }
}

impl Missing {
    /// As an error, if it is one.
    pub fn error(&self) -> Option<AnalysisError> {
        let error = match &self.why {
            Why::DoesNotFit(error) => error.clone(),
            Why::TooLarge => ShapeError::TooLarge,
            Why::UnknownOperator | Why::UnknownShape => return None,
        };
        Some(AnalysisError { node: self.node, name: self.name.clone(), error: Box::new(error) })
    }
}

/// Layers that could not be counted for the same reason and have the same operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingKind {
    /// The operator: what an unknown one is called where the network comes from, else its name here.
    pub operator: String,
    /// How many layers there are.
    pub layers: usize,
    /// The first of them.
    pub first: String,
    /// Why: `unknown operator` or `unknown shape`.
    pub reason: &'static str,
}

/// What is missing, once a kind, in the order of the first of each.
pub fn kinds(graph: &Graph, missing: &[Missing]) -> Vec<MissingKind> {
    let mut kinds: Vec<MissingKind> = Vec::new();
    for missing in missing {
        let Some(id) = missing.node else { continue };
        let operator = graph.node(id).op.called();
        let reason = missing.why.reason();
        match kinds.iter_mut().find(|kind| kind.operator == operator && kind.reason == reason) {
            Some(kind) => kind.layers += 1,
            None => {
                kinds.push(MissingKind {
                    operator,
                    layers: 1,
                    first: missing.name.clone(),
                    reason,
                });
            }
        }
    }
    kinds
}
