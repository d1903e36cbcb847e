//! Where something stands: sources, byte ranges of their texts, and elements as a front end numbers them.
//!
//! Imports nothing.

use std::sync::Arc;

/// A half-open byte range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// The range `start..end`.
    pub const fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    /// The smallest range that holds both.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        Self::new(self.start.min(other.start), self.end.max(other.end))
    }
}

/// Which part of an element that has a key is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// The key.
    Key,
    /// The element itself; every element that has no key.
    Value,
}

/// Where something stands in a source: an element as its front end numbers them, narrowed where that is known. Cheap to keep
/// for every layer; the front end that made it makes bytes or words of it once it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    /// The number of the element.
    pub element: u32,
    /// The element's key, or the element itself.
    pub part: Part,
    /// Bytes of its text, where less than the whole is meant.
    pub range: Option<Span>,
}

impl Origin {
    /// The element as a whole.
    pub const fn value(element: u32) -> Self {
        Self { element, part: Part::Value, range: None }
    }

    /// The key under which the element stands.
    pub const fn key(element: u32) -> Self {
        Self { element, part: Part::Key, range: None }
    }

    /// The same part, narrowed to bytes of its text.
    #[must_use]
    pub const fn at(self, range: Span) -> Self {
        Self { range: Some(range), ..self }
    }
}

/// Where a label points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum At {
    /// An element of the source, not resolved yet.
    Origin(Origin),
    /// Bytes of its text.
    Bytes(Span),
    /// An element of a source that is no text; the label's text names it: `graph.node[17] (Conv)`.
    Element,
}

/// What diagnostics point into. Its text is shared: however many hold it, it is in memory once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// What to call it: a path, `<stdin>`, `--set cdims`.
    pub name: String,
    /// Its text; empty where it is none, or cannot be read.
    pub text: Arc<str>,
}

impl Source {
    /// A text with its name.
    pub fn new(name: impl Into<String>, text: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), text: text.into() }
    }

    /// A source without a text.
    pub fn named(name: impl Into<String>) -> Self {
        Self::new(name, "")
    }
}
