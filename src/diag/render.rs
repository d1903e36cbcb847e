//! A stand-in for the renderer.

use std::fmt::Write as _;

use super::{Diagnostic, Source};

/// How diagnostics are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// With the lines they point at.
    Human,
    /// A line each.
    Short,
    /// JSON, a line each.
    Json,
}

/// Writes diagnostics.
pub fn render(
    diagnostics: &[Diagnostic],
    source: &Source,
    _format: Format,
    _width: usize,
    _color: bool,
) -> String {
    let mut out = String::new();
    for d in diagnostics {
        let name = d.source.as_ref().map_or(&source.name, |s| &s.name);
        let _ = writeln!(out, "error[{}]: {name}: {}", d.code, d.message);
        for help in &d.helps {
            let _ = writeln!(out, "  = help: {help}");
        }
    }
    out
}
