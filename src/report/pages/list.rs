//! The page of `cnnstat list`: a row for each network.

use crate::report::grid::Value;
use crate::report::list::{Column, List, Listed};
use crate::report::page::{Block, Medium, Page, Records};

/// The page of a list.
pub fn page(list: &List) -> Page<'_> {
    let sections = move |medium| {
        let notes = list.notes().into_iter();
        let sentence = notes.chain([list.sentence()]).map(Block::Sentence).collect::<Vec<_>>();
        if list.models.is_empty() && medium == Medium::Screen {
            return vec![sentence];
        }
        let assumed = vec![Block::Assumptions(list.assumptions())];
        vec![assumed, vec![Block::table(list.grid())], sentence]
    };
    Page::new("list", sections).records(|| records(list)).data(move || list)
}

/// Networks, a row each, with the descriptions they come from.
fn records(list: &List) -> Records {
    let columns = list.columns();
    if list.chosen.is_some() {
        let titles = columns.iter().map(|column| list.title(column, column.key).into()).collect();
        let row = |listed: &Listed| columns.iter().map(|column| listed.value(column)).collect();
        return Records { titles, rows: list.models.iter().map(row).collect() };
    }
    let (first, others) = columns.split_at(1);
    let title = |column: &&Column| list.title(column, column.key);
    let titles = first.iter().map(title).chain(["file"]).chain(others.iter().map(title));
    let row = |listed: &Listed| {
        let value = |column: &&Column| listed.value(column);
        let file = Value::text(&listed.file);
        first.iter().map(value).chain([file]).chain(others.iter().map(value)).collect()
    };
    Records {
        titles: titles.map(Into::into).collect(),
        rows: list.models.iter().map(row).collect(),
    }
}
