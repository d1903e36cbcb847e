//! The page of `cnnstat params`: a row for each tensor.

use crate::report::data::params::{ListedTensor, ParamsReport};
use crate::report::grid::{Grid, Head, Value};
use crate::report::page::{Block, Medium, Page, Records};
use crate::units;

use super::exactness;

/// The page of a network.
pub fn page(listing: &ParamsReport) -> Page<'_> {
    let sections = move |medium| {
        let mut sections = vec![vec![Block::Title(listing.model.clone())]];
        sections.push(vec![Block::table(match medium {
            Medium::Screen => on_screen(listing),
            Medium::Paper => with_total(listing, grid(listing, false), 3),
        })]);
        if listing.buffers > 0 && medium == Medium::Screen {
            let [params, buffers] = [listing.params, listing.buffers].map(units::grouped);
            let sentence = format!("{params} parameters and {buffers} elements of buffers");
            sections.push(vec![Block::Sentence(sentence)]);
        }
        sections
    };
    Page::new(&listing.model, sections)
        .records(|| Records::from(grid(listing, true)))
        .data(move || listing)
}

/// On a screen the index leads in the first column, which is the one to be shortened where room is short.
fn on_screen(listing: &ParamsReport) -> Grid {
    let mut grid = grid(listing, false);
    let digits = listing.tensors.len().saturating_sub(1).to_string().len() + 2;
    for (row, entry) in grid.rows.iter_mut().zip(&listing.tensors) {
        let index = format!("[{}]", entry.index);
        row[0] = Value::Text(format!("{index:<digits$} {}", entry.name));
    }
    grid.drop_column(1);
    with_total(listing, grid, 2)
}

/// The same with a row of the total, its number in column `count`.
fn with_total(listing: &ParamsReport, mut grid: Grid, count: usize) -> Grid {
    let mut total = vec![Value::Empty; grid.heads.len()];
    total[0] = Value::text("total");
    let all = Value::Count(listing.params.saturating_add(listing.buffers));
    total[count] = all.bounded(exactness(listing.status.is_complete()));
    grid.total = Some(total);
    grid
}

/// The list as a grid. What is not trained is said where there is such a tensor; `all` says it of each.
fn grid(listing: &ParamsReport, all: bool) -> Grid {
    let mut grid = Grid::new([
        Head::left("name"),
        Head::left("index"),
        Head::left("shape"),
        Head::right("count"),
        Head::left("kind"),
        Head::left("dtype"),
    ]);
    let kind = |entry: &ListedTensor| match (entry.kind, entry.trainable) {
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

/// A shape as Python writes a tuple: `(32, 1, 3, 3)`, `(32,)`, `()`.
fn tuple(shape: &[u64]) -> String {
    match shape {
        [only] => format!("({only},)"),
        sizes => format!("({})", sizes.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")),
    }
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
