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
//!
//! [`read`] takes the bytes of a file; what it gives is bound to sizes and settings by [`model::Architecture::at`]. Graphs are
//! built by hand with a [`graph::GraphBuilder`].

// Every type that the API gives can be named. With `internals` the lint would speak of modules that are private on purpose.
#![cfg_attr(not(feature = "internals"), warn(unnameable_types))]

pub mod analysis;
#[cfg(any(feature = "cli", feature = "internals"))]
mod budget;
#[cfg(feature = "cli")]
mod cli;
#[cfg(feature = "cli")]
mod compare;
#[cfg(any(feature = "cli", feature = "internals"))]
mod convention;
pub mod diag;
#[cfg(any(feature = "cli", all(feature = "exec", feature = "internals")))]
mod exec;
mod expectation;
pub mod graph;
mod import;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod internals;
mod lang;
pub mod model;
#[cfg(feature = "cli")]
mod notes;
pub mod ops;
#[cfg(any(feature = "cli", all(feature = "exec", feature = "internals")))]
mod profile;
#[cfg(feature = "cli")]
pub mod report;
#[cfg(any(feature = "cli", feature = "internals"))]
mod sanitize;
mod shape;
mod source;
#[cfg_attr(
    not(any(feature = "cli", feature = "internals")),
    allow(dead_code, reason = "most are read by reports")
)]
mod units;
#[cfg(any(feature = "cli", all(feature = "exec", feature = "internals")))]
mod verify;
#[cfg(any(feature = "cli", feature = "internals"))]
mod zoo;

use std::fmt;
use std::sync::Arc;

pub use analysis::{Analysis, AnalysisError, Options, analyze};
pub use import::Bytes;
pub use shape::{DType, MAX_RANK, Shape, Shapes, TooLarge};

/// A network that cannot be read, or not at these sizes and settings: everything that is wrong with it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct DescriptionError {
    /// What is wrong, with bytes of the text.
    pub diagnostics: Vec<diag::Diagnostic>,
    text: Arc<str>,
}

impl DescriptionError {
    /// What [`model::Architecture::at`] finds wrong, its places turned into bytes of the text.
    pub fn of(architecture: &dyn model::Architecture, diagnostics: Vec<diag::Diagnostic>) -> Self {
        let text = architecture.source().text.clone();
        Self { diagnostics: architecture.resolve(diagnostics), text }
    }
}

impl fmt::Display for DescriptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, diagnostic) in self.diagnostics.iter().enumerate() {
            let text = diagnostic.source.as_ref().map_or(&self.text, |source| &source.text);
            let place = diagnostic.labels.first().and_then(|label| match label.at {
                diag::At::Bytes(span) => Some(diag::position(text, span.start)),
                diag::At::Origin(_) | diag::At::Element => None,
            });
            let (line, column) = place.unwrap_or((1, 1));
            let end = if i > 0 { "\n" } else { "" };
            write!(f, "{end}{line}:{column}: error[{}]: {}", diagnostic.code, diagnostic.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for DescriptionError {}

/// Reads a network from bytes of any format that cnnstat reads, recognised by their content; `name` is what to call them.
///
/// # Errors
/// Everything that is wrong with them.
pub fn read(name: &str, bytes: &mut dyn Bytes) -> Result<model::Shared, DescriptionError> {
    import::read(name, bytes)
        .map_err(|diagnostics| DescriptionError { diagnostics, text: Arc::default() })
}

/// Reads a description into its graph.
///
/// # Errors
/// Everything that is wrong with it.
pub fn parse_graph(text: &str) -> Result<graph::Graph, DescriptionError> {
    let source = diag::Source::new("description", text);
    let read = lang::parse(&source, &model::Asked::default());
    let document =
        read.map_err(|diagnostics| DescriptionError { diagnostics, text: source.text })?;
    Ok(document.graph)
}

/// The command line, for `main.rs`: parse, run, exit code.
#[cfg(feature = "cli")]
#[doc(hidden)]
pub fn main() -> std::process::ExitCode {
    cli::main()
}
