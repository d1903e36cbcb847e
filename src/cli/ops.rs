//! `cnnstat ops [NAME]`: what operators there are, and what one takes.

use super::args::{OpsArgs, PageFormat};
use super::load::Failure;
use super::settings::Screen;
use super::{Done, cannot_write};
use crate::diag::{Code, Diagnostic, did_you_mean};
use crate::ops::{Entry, Op};
use crate::report::grid::Numbers;
use crate::report::{csv, json, markdown, ops};

/// A list, or one operator.
pub fn run(args: &OpsArgs, screen: &Screen) -> Result<Done, Failure> {
    let look = screen.look(Numbers::Exact, args.page.output.is_some());
    let one = args.name.as_deref().map(find).transpose()?;
    let page = match (args.page.format, one) {
        (PageFormat::Table, None) => ops::list_terminal(look.width, look.color),
        (PageFormat::Table, Some((entry, rank))) => ops::detail_terminal(entry, rank, look),
        (PageFormat::Markdown, None) => markdown::grid(&ops::list(), Numbers::Exact),
        (PageFormat::Markdown, Some((entry, rank))) => ops::detail_markdown(entry, rank),
        (PageFormat::Csv, None) => csv::grid(&ops::list()).map_err(cannot_write)?,
        (PageFormat::Csv, Some((entry, _))) => {
            csv::grid(&ops::arguments(entry)).map_err(cannot_write)?
        }
        (PageFormat::Json, one) => {
            let entries: Vec<&Entry> = match one {
                Some((entry, _)) => vec![entry],
                None => Op::ALL.iter().collect(),
            };
            json::pretty(&ops::json(&entries)).map_err(cannot_write)?
        }
    };
    Ok(Done::page(page, args.page.output.as_ref()))
}

/// Finds an operator by any of its names; one that always has a rank is found without it too.
fn find(name: &str) -> Result<(&'static Entry, usize), Failure> {
    Op::find(name).or_else(|| Op::find(&format!("{name}2d"))).ok_or_else(|| {
        let names: Vec<String> = Op::names().collect();
        let near = did_you_mean(name, names.iter().map(String::as_str));
        let diagnostic = Diagnostic::new(Code::E0306, format!("no operator is called `{name}`"));
        Failure::new(diagnostic.helps(near).help("`cnnstat ops` lists them"))
    })
}
