//! Patterns of parameter names, as `frozen` and `--freeze` have them.

use std::fmt;
use std::str::FromStr;

/// A pattern of layers or parameters by their dotted names: `features.*` is all of a scope, `?` one character, `[ab]` one of
/// these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(glob::Pattern);

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// A bracket that is not closed, or more than two stars in a row.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        let wrong = |error: glob::PatternError| PatternError { message: error.msg };
        glob::Pattern::new(text).map(Self).map_err(wrong)
    }

    /// Whether a whole name is of this pattern.
    pub fn matches(&self, name: &str) -> bool {
        self.0.matches(name)
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        Self::new(text)
    }
}

/// A text that is not a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PatternError {
    /// What is wrong with it.
    pub message: &'static str,
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a pattern: {}", self.message)
    }
}

impl std::error::Error for PatternError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_of_whole_names() {
        let pattern: Pattern = "features.*.weight".parse().unwrap();
        assert!(pattern.matches("features.0.weight") && !pattern.matches("features.0.bias"));
        assert!(!pattern.matches("own.features.0.weight"));
        assert!(Pattern::new("features.[01").is_err());
    }
}
