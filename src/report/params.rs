//! The list of parameter tensors, named and ordered as torch's `state_dict` has them.
//!
//! Tests stand below.

use std::fmt::Write as _;

use serde::Serialize;

use super::grid::{Grid, Head, Value};
use super::model::{Report, SCHEMA_VERSION};
use super::table::{Look, bold, draw};
use super::text::safe;
use crate::graph::{NameTree, NodeId, tensor_name};
use crate::units;

/// The list of a network's tensors.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Listing {
    /// The version of the JSON that is written.
    pub schema_version: u32,
    /// The network's name.
    pub model: String,
    /// The tensors, in torch's order.
    pub tensors: Vec<Entry>,
    /// Elements of the parameters in the list.
    pub params: u64,
    /// Elements of the buffers in the list.
    pub buffers: u64,
}

/// One tensor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Its position in the list.
    pub index: usize,
    /// Its whole name: `features.0.weight`.
    pub name: String,
    /// Its shape.
    pub shape: Vec<u64>,
    /// Its elements.
    pub count: u64,
    /// `param` or `buffer`.
    pub kind: &'static str,
    /// Whether training changes it.
    pub trainable: bool,
    /// Its element type.
    pub dtype: &'static str,
}

/// The tensors of a network, buffers only where they are asked for.
pub fn listing(report: &Report, buffers: bool) -> Listing {
    let mut listing = Listing {
        schema_version: SCHEMA_VERSION,
        model: report.model.clone(),
        tensors: Vec::new(),
        params: 0,
        buffers: 0,
    };
    let tree = NameTree::of(report.layers.iter().map(|layer| layer.name.as_str()));
    let bare = |id: NodeId| report.layers[id.index()].tensors.iter().any(|t| t.name.is_empty());
    for id in tree.state_dict(bare) {
        let layer = &report.layers[id.index()];
        for tensor in layer.tensors.iter().filter(|t| buffers || t.kind == "param") {
            // No overflow: the analysis has checked these products and their sums.
            let count = tensor.shape.iter().fold(1u64, |n, size| n.saturating_mul(*size));
            let sum = match tensor.kind {
                "param" => &mut listing.params,
                _ => &mut listing.buffers,
            };
            *sum = sum.saturating_add(count);
            listing.tensors.push(Entry {
                index: listing.tensors.len(),
                name: tensor_name(&layer.name, tensor.name),
                shape: tensor.shape.clone(),
                count,
                kind: tensor.kind,
                trainable: tensor.trainable,
                dtype: tensor.dtype,
            });
        }
    }
    listing
}

/// A shape as Python writes a tuple: `(32, 1, 3, 3)`, `(32,)`, `()`.
pub fn tuple(shape: &[u64]) -> String {
    match shape {
        [only] => format!("({only},)"),
        sizes => format!("({})", sizes.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")),
    }
}

/// The list as a grid. What is not trained is said where there is such a tensor; `all` says it of each.
pub fn grid(listing: &Listing, all: bool) -> Grid {
    let mut grid = Grid::new([
        Head::left("name"),
        Head::left("index"),
        Head::left("shape"),
        Head::right("count"),
        Head::left("kind"),
        Head::left("dtype"),
    ]);
    let kind = |entry: &Entry| match (entry.kind, entry.trainable) {
        ("param", true) if all => "param",
        ("param", true) => "",
        ("param", false) => "frozen",
        _ => "buffer",
    };
    for entry in &listing.tensors {
        grid.rows.push(vec![
            Value::text(&entry.name),
            Value::Text(entry.index.to_string()),
            Value::Text(tuple(&entry.shape)),
            Value::Count(entry.count),
            Value::text(kind(entry)),
            Value::text(entry.dtype),
        ]);
    }
    if !all {
        grid.drop_column(5);
        if listing.tensors.iter().all(|entry| entry.kind == "param" && entry.trainable) {
            grid.drop_column(4);
        }
    }
    grid
}

/// Lists as CSV, with buffers told apart; where several were asked for, there is a first column `model`.
pub fn csv(listings: &[Listing], several: bool) -> Result<String, csv::Error> {
    let titles = several.then_some("model").into_iter();
    let titles: Vec<&str> =
        titles.chain(grid(&Listing::default(), true).heads.iter().map(|h| h.title)).collect();
    let mut rows = Vec::new();
    for listing in listings {
        for row in grid(listing, true).rows {
            let model = several.then(|| Value::text(&listing.model)).into_iter();
            rows.push(model.chain(row).collect());
        }
    }
    super::csv::write(&titles, &rows)
}

/// The list for a terminal.
pub fn terminal(listing: &Listing, look: Look) -> String {
    let mut grid = grid(listing, false);
    // On a terminal the index leads; names are shortened, which the first column is when room is short.
    let digits = listing.tensors.len().saturating_sub(1).to_string().len() + 2;
    for (row, entry) in grid.rows.iter_mut().zip(&listing.tensors) {
        let index = format!("[{}]", entry.index);
        row[0] = Value::Text(format!("{index:<digits$} {}", entry.name));
    }
    grid.drop_column(1);
    let mut total = vec![Value::Empty; grid.heads.len()];
    total[0] = Value::text("total");
    total[2] = Value::Count(listing.params.saturating_add(listing.buffers));
    grid.total = Some(total);
    let mut out = format!("{}\n\n", bold(&safe(&listing.model), look.color));
    out.push_str(&draw(grid, look));
    if listing.buffers > 0 {
        let (params, buffers) = (units::grouped(listing.params), units::grouped(listing.buffers));
        let _ = writeln!(out, "\n{params} parameters and {buffers} elements of buffers");
    }
    out
}

/// The list as a page.
pub fn markdown(listing: &Listing) -> String {
    let mut grid = grid(listing, false);
    let mut total = vec![Value::Empty; grid.heads.len()];
    total[0] = Value::text("total");
    total[3] = Value::Count(listing.params.saturating_add(listing.buffers));
    grid.total = Some(total);
    let table = super::markdown::grid(&grid, super::grid::Numbers::Exact);
    format!("## {}\n\n{table}", super::markdown::escape(&listing.model))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tuples_are_pythons() {
        assert_eq!(tuple(&[32, 1, 3, 3]), "(32, 1, 3, 3)");
        assert_eq!(tuple(&[32]), "(32,)");
        assert_eq!(tuple(&[]), "()");
    }
}
