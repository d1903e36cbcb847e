//! Diagnostics as data: a code, what is wrong, where, and how to fix it. One file renders them.
//!
//! Imports `source` and `sanitize`; used by `lang`, `import`, `budget` and `cli`. Adding a code is a line in `codes.rs`, its long text
//! in `texts/`, and a description in `tests/fixtures/bad` that shows it.

mod codes;
mod diagnostic;
mod position;
#[cfg(feature = "cli")]
pub(crate) mod render;

pub use codes::{Code, UnknownCode};
pub use diagnostic::{Diagnostic, Label, Severity};
pub(crate) use position::position;
#[cfg(feature = "cli")]
pub(crate) use render::{Format, render};

pub use crate::source::{At, Origin, Part, Source, Span};

/// A longer text is no name that is mistyped.
const LONGEST_NAME: usize = 128;
/// How many names are compared with one.
const MOST_NAMES: usize = 20_000;

/// The nearest of the known names, where one is near enough to be meant.
pub(crate) fn did_you_mean<'n>(
    name: &str,
    known: impl IntoIterator<Item = &'n str>,
) -> Option<String> {
    near(name, known).first().map(|candidate| format!("did you mean `{candidate}`?"))
}

/// The known names that resemble one, those first that fewest changes lead to.
pub(crate) fn near<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> Vec<&'n str> {
    if name.len() > LONGEST_NAME {
        return Vec::new();
    }
    let lower = name.to_lowercase();
    let mut near: Vec<(usize, f64, &str)> = known
        .into_iter()
        .take(MOST_NAMES)
        // Names that differ so much in length do not resemble each other.
        .filter(|candidate| candidate.len().abs_diff(name.len()) <= name.len().div_ceil(2))
        .map(|candidate| {
            let known = candidate.to_lowercase();
            let edits = strsim::osa_distance(&lower, &known);
            (edits, strsim::jaro_winkler(&lower, &known), candidate)
        })
        .filter(|(_, score, _)| *score > 0.8)
        .collect();
    near.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)));
    near.into_iter().map(|(.., candidate)| candidate).collect()
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
