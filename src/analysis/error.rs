//! Why a graph cannot be analysed.

use std::fmt;

use crate::graph::NodeId;
use crate::ops::error::ShapeError;
use crate::shape::TooLarge;

/// Why a graph cannot be analysed.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct AnalysisError {
    /// The layer at which it shows; `None` where it shows in the totals or the inputs.
    pub node: Option<NodeId>,
    /// Its name.
    pub name: String,
    /// What is wrong.
    pub error: Box<ShapeError>,
}

impl fmt::Display for AnalysisError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.is_empty() {
            return write!(f, "{}", self.error);
        }
        write!(f, "{}: {}", self.name, self.error)
    }
}

impl std::error::Error for AnalysisError {}

impl AnalysisError {
    pub(crate) fn totals(_: TooLarge) -> Self {
        Self { node: None, name: String::new(), error: Box::new(ShapeError::TooLarge) }
    }

    #[cfg(feature = "cli")]
    pub(crate) fn at(
        graph: &crate::graph::Graph,
        node: NodeId,
        error: impl Into<ShapeError>,
    ) -> Self {
        Self {
            node: Some(node),
            name: graph.node(node).name.clone(),
            error: Box::new(error.into()),
        }
    }
}
