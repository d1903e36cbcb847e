//! The pages, a file for each command: what a report says and shows, whatever the format.

pub mod check;
pub mod conventions;
pub mod explain;
pub mod list;
pub mod memories;
pub mod memory;
pub mod ops;
pub mod params;
pub mod profile;
pub mod reconcile;
pub mod summary;
pub mod vars;
pub mod verify;

use super::grid::{Exactness, shape_text, sizes_text};
use super::model::{Counts, Input, NamedShape};
use crate::analysis::quantity::Quantity;

/// Whether a number is the whole, or a lower bound.
pub(super) fn exactness(is_exact: bool) -> Exactness {
    if is_exact { Exactness::Exact } else { Exactness::AtLeast }
}

/// Whether a quantity of these counts is the whole.
pub(super) fn known(counts: &Counts, quantity: &Quantity) -> Exactness {
    exactness(counts.known.has(quantity.counted))
}

/// The inputs' shapes with their names, where there are several.
pub(super) fn inputs(inputs: &[Input]) -> String {
    let named = inputs.iter().map(|input| (&*input.name, shape_text(&input.shape, "×")));
    named_text(&named.collect::<Vec<_>>())
}

/// Shapes with their names, where there are several.
pub(super) fn shapes(shapes: &[NamedShape]) -> String {
    let named = shapes.iter().map(|named| (&*named.name, sizes_text(named.shape.as_deref(), "×")));
    named_text(&named.collect::<Vec<_>>())
}

fn named_text(named: &[(&str, String)]) -> String {
    match named {
        [(_, only)] => only.clone(),
        several => {
            let texts = several.iter().map(|(name, text)| format!("{name} {text}"));
            texts.collect::<Vec<_>>().join(", ")
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
