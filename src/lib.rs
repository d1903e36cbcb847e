//! How big a convolutional network is, what it costs, and why: exact integers from an architecture description.
//!
//! A description (YAML with a small call syntax) becomes a [`graph::Graph`]; [`analysis::analyze`] infers every shape and
//! counts parameters and arithmetic, layer by layer. Each operator's rules stand in one file of [`ops`].
//!
//! ```
//! let graph = cnnstat::parse_graph(
//!     "model: lecture
//! input: [128, 28, 28]
//! layers:
//!   - conv2d(64, 3, padding=1, bias=false)
//!   - flatten
//!   - linear(10)
//! ",
//! )
//! .unwrap();
//! let analysis = cnnstat::analyze(&graph, &cnnstat::Options::default()).complete().unwrap();
//! assert_eq!(analysis.rows[0].counts.params, 3 * 3 * 128 * 64);
//! assert_eq!(analysis.rows[2].outputs[0].to_string(), "1×10");
//! ```

pub mod analysis;
pub mod budget;
#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "cli")]
pub mod compare;
pub mod convention;
pub mod diag;
#[cfg(feature = "exec")]
pub mod exec;
pub mod expectation;
pub mod graph;
pub mod import;
pub mod lang;
pub mod model;
pub mod ops;
#[cfg(feature = "exec")]
pub mod profile;
pub mod report;
pub mod shape;
pub mod span;
pub mod text;
pub mod units;
#[cfg(feature = "exec")]
pub mod verify;
pub mod zoo;

use std::fmt;

pub use analysis::{Analysis, AnalysisError, Options, analyze};
pub use shape::{DType, Shape};

/// A description that cannot be read: everything that is wrong with it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct DescriptionError {
    /// What is wrong, with bytes of the text.
    pub diagnostics: Vec<diag::Diagnostic>,
    text: String,
}

impl fmt::Display for DescriptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, diagnostic) in self.diagnostics.iter().enumerate() {
            let place = diagnostic.labels.first().and_then(|label| match label.at {
                diag::At::Bytes(span) => Some(diag::position(&self.text, span.start)),
                diag::At::Place(_) => None,
            });
            let (line, column) = place.unwrap_or((1, 1));
            let end = if i > 0 { "\n" } else { "" };
            write!(f, "{end}{line}:{column}: error[{}]: {}", diagnostic.code, diagnostic.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for DescriptionError {}

/// Reads a description into its graph.
///
/// # Errors
/// Everything that is wrong with it.
pub fn parse_graph(text: &str) -> Result<graph::Graph, DescriptionError> {
    let source = diag::Source { name: "description".to_owned(), text: text.to_owned() };
    let read = lang::parse(&source, &lang::Choices::default());
    let document =
        read.map_err(|diagnostics| DescriptionError { diagnostics, text: source.text })?;
    Ok(document.graph)
}
