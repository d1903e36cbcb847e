//! Where something stands in a description: byte ranges, and places inside a YAML document.
//!
//! Imports nothing. A [`Place`] is cheap to keep for every layer; `lang::yaml` turns it into line and column only when
//! it is shown.

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

/// Which part of a mapping entry is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// The key.
    Key,
    /// The value (and every element of a sequence).
    Value,
}

/// A place in a description: a node of the parsed document and, where known, a byte range in its scalar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// Index of the node in the parsed document.
    pub node: u32,
    /// The node's key or the node itself.
    pub part: Part,
    /// Bytes of the scalar, where the place is narrower than the whole.
    pub range: Option<Span>,
}

impl Place {
    /// The node as a whole.
    pub const fn value(node: u32) -> Self {
        Self { node, part: Part::Value, range: None }
    }

    /// The key under which the node stands.
    pub const fn key(node: u32) -> Self {
        Self { node, part: Part::Key, range: None }
    }

    /// The same part, narrowed to a byte range of its scalar.
    #[must_use]
    pub const fn at(self, range: Span) -> Self {
        Self { range: Some(range), ..self }
    }
}
