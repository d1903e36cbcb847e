//! The pages, a file for each command: what a report says and shows, whatever the format.

pub mod check;
pub mod conventions;
pub mod explain;
pub mod list;
pub mod memory;
pub mod ops;
pub mod params;
pub mod profile;
pub mod reconcile;
pub mod summary;
pub mod verify;

use super::grid::{Exactness, shape_text};
use super::model::NamedShape;

/// Whether totals are the whole: those of a partial report are lower bounds.
pub(super) fn exactness(status: &str) -> Exactness {
    if status == "complete" { Exactness::Exact } else { Exactness::AtLeast }
}

/// Shapes with their names, where there are several.
pub(super) fn shapes(shapes: &[NamedShape]) -> String {
    match shapes {
        [only] => shape_text(&only.shape, "×"),
        many => {
            let texts: Vec<String> =
                many.iter().map(|s| format!("{} {}", s.name, shape_text(&s.shape, "×"))).collect();
            texts.join(", ")
        }
    }
}

/// How many layers of an operator are named.
const NAMED: usize = 3;

/// Of layers that there is no fast kernel for, operators and names: what to say of them, by operator.
fn by_reference<'l>(layers: impl Iterator<Item = (&'l str, &'l str)>) -> Option<String> {
    let mut operators: Vec<(&str, Vec<&str>)> = Vec::new();
    for (operator, name) in layers {
        match operators.iter_mut().find(|(known, _)| *known == operator) {
            Some((_, layers)) => layers.push(name),
            None => operators.push((operator, vec![name])),
        }
    }
    let said = |(op, layers): (&str, Vec<&str>)| match layers.len() {
        0..=NAMED => format!("{op} ({})", layers.join(", ")),
        n => format!("{op} ({}, … {n} in all)", layers[..NAMED].join(", ")),
    };
    let said: Vec<String> = operators.into_iter().map(said).collect();
    (!said.is_empty()).then(|| {
        format!("Run by the reference's kernels, since there is no fast one: {}.", said.join("; "))
    })
}
