//! What a diagnostic is: a code, what is wrong, where, and how to fix it.

use super::codes::Code;
use crate::source::{At, Origin, Source, Span};

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
    /// It may be as it is meant.
    Note,
}

impl Severity {
    /// In a word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
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
    /// Layers before the one that is wrong, for people: name, operator, shape of the output.
    pub trail: Vec<[String; 3]>,
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
            trail: Vec::new(),
            source: None,
        }
    }

    /// The same as a warning.
    #[must_use]
    pub fn warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    /// The same as a note.
    #[must_use]
    pub fn into_note(mut self) -> Self {
        self.severity = Severity::Note;
        self
    }

    /// Adds an element of the source.
    #[must_use]
    pub fn label(self, origin: Origin, text: impl Into<String>) -> Self {
        self.at(At::Origin(origin), text)
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
