//! Shapes that do not fit, as diagnostics: the operator's own words, with the layer and its place.

use crate::diag::{Code, Diagnostic};
use crate::ops::error::ShapeError;
use crate::source::Origin;

/// The code of a shape error.
fn code(error: &ShapeError) -> Code {
    match error {
        ShapeError::Window { .. } => Code::E0502,
        ShapeError::Groups { .. } => Code::E0503,
        ShapeError::Mismatch { .. } | ShapeError::Concat { .. } | ShapeError::Shared { .. } => {
            Code::E0504
        }
        ShapeError::Padding { .. } => Code::E0505,
        ShapeError::NotPositive { .. } => Code::E0506,
        ShapeError::Axis { .. } => Code::E0507,
        ShapeError::SameWithStride { .. } | ShapeError::Arguments { .. } => Code::E0508,
        ShapeError::TooLarge => Code::E0509,
        ShapeError::Inputs { .. } | ShapeError::TooFewInputs { .. } => Code::E0407,
        ShapeError::Broadcast { .. } => Code::E0510,
        // Another number of axes.
        _ => Code::E0501,
    }
}

/// The diagnostic of a layer that does not fit.
pub(crate) fn diagnostic(name: &str, place: Option<Origin>, error: &ShapeError) -> Diagnostic {
    let message = if name.is_empty() { error.to_string() } else { format!("{name}: {error}") };
    let diagnostic = Diagnostic::new(code(error), message).helps(error.help());
    place.into_iter().fold(diagnostic, |diagnostic, place| diagnostic.label(place, "this layer"))
}
