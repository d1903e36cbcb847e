//! The description language: YAML for structure, one small call syntax for layers and expressions.

mod document;

pub use document::{Document, Expectation, Metric, Want};

use crate::diag::{Diagnostic, Source};

/// What is picked and replaced before a description is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choices {
    /// The variant.
    pub variant: Option<String>,
    /// Variables and the text that replaces theirs, from `--set NAME=TEXT`.
    pub sets: Vec<(String, String)>,
}

/// Reads a description. Every diagnostic's labels are resolved to bytes of its source.
pub fn parse(_source: &Source, _choices: &Choices) -> Result<Document, Vec<Diagnostic>> {
    Err(Vec::new())
}

/// Names of the variants that a description has, in the order they are written.
pub fn variants(_source: &Source) -> Result<Vec<String>, Vec<Diagnostic>> {
    Ok(Vec::new())
}

/// A description with variables, loops, blocks and conditions carried out, as YAML.
pub fn expand(_document: &Document) -> String {
    String::new()
}

/// Resolves the labels of a diagnostic that was made elsewhere about this source (a place becomes bytes).
pub fn resolve(_source: &Source, diagnostic: Diagnostic) -> Diagnostic {
    diagnostic
}

/// Whether a YAML file is a description: whether it has `model:` at the top.
pub fn is_description(source: &Source) -> bool {
    source.text.lines().any(|line| line.starts_with("model:"))
}

/// A shape that does not fit as a diagnostic about the layer it shows at.
pub fn shape_diagnostic(
    name: &str,
    place: Option<crate::span::Place>,
    error: &crate::ops::error::ShapeError,
) -> Diagnostic {
    let diagnostic =
        Diagnostic::new(crate::diag::Code::E0504, format!("{name}: {error}")).helps(error.help());
    match place {
        Some(place) => diagnostic.label(place, ""),
        None => diagnostic,
    }
}
