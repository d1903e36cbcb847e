//! Diagnostics as data: a code, what is wrong, where, and how to fix it. One file renders them.
//!
//! Imports `span` and `text`; used by `lang`, `import`, `budget` and `cli`. Adding a code is a line in `codes.rs`, its long text
//! in `texts/`, and a description in `tests/fixtures/bad` that shows it.

mod codes;
mod position;
#[cfg(feature = "cli")]
pub(crate) mod render;

pub use codes::{Code, UnknownCode};
pub(crate) use position::position;
#[cfg(feature = "cli")]
pub(crate) use render::{Format, render};

pub use crate::span::{Part, Place, Span};

/// A text that diagnostics point into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// What to call it: a path, `<stdin>`, `--set cdims`.
    pub name: String,
    /// The text.
    pub text: String,
}

/// Where a label points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum At {
    /// A node of the description, not resolved yet.
    Place(Place),
    /// Bytes of the source.
    Bytes(Span),
}

/// A place with what is to be said of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub at: At,
    /// What, in a few words; may be empty.
    pub text: String,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Severity {
    /// It fails.
    #[default]
    Error,
    /// It is to be seen to, and fails nothing.
    Warning,
}

impl Severity {
    /// In a word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Diagnostic {
    /// What kind of thing.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// The sentence at the top.
    pub message: String,
    /// Places; the first is where the fault is.
    pub labels: Vec<Label>,
    /// Facts that explain it.
    pub notes: Vec<String>,
    /// Ways to fix it.
    pub helps: Vec<String>,
    /// The text that the labels point into, where it is not the description itself.
    pub source: Option<Source>,
}

impl Diagnostic {
    /// A diagnostic without a place.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            code,
            severity: Severity::Error,
            message,
            labels: Vec::new(),
            notes: Vec::new(),
            helps: Vec::new(),
            source: None,
        }
    }

    /// The same as a warning.
    #[must_use]
    pub fn warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    /// Adds a place in the description.
    #[must_use]
    pub fn label(self, place: Place, text: impl Into<String>) -> Self {
        self.at(At::Place(place), text)
    }

    /// Adds a place.
    #[must_use]
    pub fn at(mut self, at: At, text: impl Into<String>) -> Self {
        self.labels.push(Label { at, text: text.into() });
        self
    }

    /// Adds a place by bytes of the source.
    #[must_use]
    pub fn span(self, span: Span, text: impl Into<String>) -> Self {
        self.at(At::Bytes(span), text)
    }

    /// Adds a fact.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    /// Adds a way to fix it.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.helps.push(text.into());
        self
    }

    /// Adds ways to fix it, where there are any.
    #[must_use]
    pub fn helps(mut self, texts: impl IntoIterator<Item = String>) -> Self {
        self.helps.extend(texts);
        self
    }
}

/// The nearest of the known names, where one is near enough to be meant: of those that resemble it, the one that fewest
/// changes lead to.
pub(crate) fn did_you_mean<'n>(
    name: &str,
    known: impl IntoIterator<Item = &'n str>,
) -> Option<String> {
    let lower = name.to_lowercase();
    known
        .into_iter()
        .map(|candidate| {
            let known = candidate.to_lowercase();
            let edits = strsim::osa_distance(&lower, &known);
            (edits, strsim::jaro_winkler(&lower, &known), candidate)
        })
        .filter(|(_, score, _)| *score > 0.8)
        .min_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)))
        .map(|(.., candidate)| format!("did you mean `{candidate}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_offered_and_far_ones_are_not() {
        let known = ["conv2d", "maxpool2d", "linear"];
        assert_eq!(did_you_mean("convd2", known).unwrap(), "did you mean `conv2d`?");
        let networks = ["resnet50", "resnet101", "resnet152"];
        assert_eq!(did_you_mean("resnet51", networks).unwrap(), "did you mean `resnet50`?");
        assert_eq!(did_you_mean("attention", known), None);
    }
}
