//! The operators: what there is, and what each takes. One description serves the terminal and `docs/operators.md`.
//!
//! Tests stand below.

use std::fmt::Write as _;

use serde_json::{Value as Json, json};

use super::grid::{Grid, Head, Numbers, Value};
use super::markdown::{self, code, escape};
use super::ops_example::example;
use super::table::{Look, bold};
use super::text::wrap;
use crate::ops::args::Default;
use crate::ops::{Entry, Op, Ranks};

/// How the name is written, with its ranks: `conv1d, conv2d, conv3d`.
pub fn names(name: &str, ranks: Ranks) -> String {
    match ranks {
        Ranks::None => name.to_owned(),
        Ranks::Always => format!("{name}1d, {name}2d, {name}3d"),
        Ranks::Optional => format!("{name}, {name}1d, {name}2d, {name}3d"),
    }
}

/// The call with every argument: `(out_channels, kernel_size, stride=1)`.
fn signature(entry: &Entry) -> String {
    let args: Vec<String> = entry
        .signature
        .iter()
        .map(|arg| match arg.default {
            Default::Required => arg.name.to_owned(),
            Default::Rest => format!("*{}", arg.name),
            default => format!("{}={default}", arg.name),
        })
        .collect();
    format!("({})", args.join(", "))
}

/// The name that a call is most often written with.
fn usual_name(entry: &Entry) -> String {
    match entry.ranks {
        Ranks::Always => format!("{}2d", entry.name),
        Ranks::None | Ranks::Optional => entry.name.to_owned(),
    }
}

/// Every operator, a row each.
pub fn list() -> Grid {
    let mut grid =
        Grid::new([Head::left("operator"), Head::left("arguments"), Head::left("about")]);
    for entry in Op::ALL {
        let name = match entry.ranks {
            Ranks::None => entry.name.to_owned(),
            Ranks::Always => format!("{}1d/2d/3d", entry.name),
            Ranks::Optional => format!("{}[1d/2d/3d]", entry.name),
        };
        grid.rows.push(vec![
            Value::Text(name),
            Value::Text(signature(entry)),
            Value::text(entry.about),
        ]);
    }
    grid
}

/// Every operator for a terminal: a line with the call, a line of what it does.
pub fn list_terminal(width: Option<usize>, color: bool) -> String {
    let mut out = String::new();
    for row in list().rows {
        let cell = |i: usize| row[i].show(Numbers::Exact);
        let _ = write!(out, "{}", bold(&cell(0), color));
        let _ = writeln!(out, "{}", wrap(&cell(1), width, cell(0).len(), 4));
        let _ = writeln!(out, "    {}", wrap(&cell(2), width, 4, 4));
    }
    let _ = writeln!(out, "\n{} operators; `cnnstat ops NAME` says more of one.", Op::ALL.len());
    out
}

/// The arguments of an operator.
pub fn arguments(entry: &Entry) -> Grid {
    let mut grid = Grid::new([
        Head::left("argument"),
        Head::left("takes"),
        Head::left("default"),
        Head::left("meaning"),
    ]);
    for arg in entry.signature {
        grid.rows.push(vec![
            Value::text(arg.name),
            Value::text(arg.takes),
            Value::text(match arg.default {
                Default::Like(other) => format!("as {other}"),
                default => default.to_string(),
            }),
            Value::text(arg.about),
        ]);
    }
    grid
}

/// What stands where an argument is left out, in words.
fn standing(default: Default) -> String {
    match default {
        Default::Required | Default::Rest => "required".to_owned(),
        Default::Like(other) => format!("if left out, as {other}"),
        Default::None => "may be left out".to_owned(),
        default => format!("{default} if left out"),
    }
}

fn aliases(entry: &Entry) -> Option<String> {
    let names: Vec<String> = entry.aliases.iter().map(|name| names(name, entry.ranks)).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

/// One operator for a terminal.
pub fn detail_terminal(entry: &Entry, rank: usize, look: Look) -> String {
    let name = names(entry.name, entry.ranks);
    let mut out = format!("{}\n{}\n", bold(&name, look.color), wrap(entry.about, look.width, 0, 0));
    let call = format!("{}{}", usual_name(entry), signature(entry));
    let _ = writeln!(out, "\n{}", wrap(&call, look.width, 0, 4));
    let _ = writeln!(out);
    let longest = entry.signature.iter().map(|arg| arg.name.len()).max().unwrap_or(0);
    for arg in entry.signature {
        let about = format!("{} Takes: {}; {}.", arg.about, arg.takes, standing(arg.default));
        let about = wrap(&about, look.width, longest + 4, longest + 4);
        let _ = writeln!(out, "  {:longest$}  {about}", arg.name);
    }
    let _ = writeln!(out);
    if let Some(aliases) = aliases(entry) {
        let _ = writeln!(out, "also called  {}", wrap(&aliases, look.width, 13, 13));
    }
    let _ = writeln!(out, "as torch's   {}", entry.torch_page);
    if let Some(section) = example(entry, rank) {
        let _ = writeln!(out, "\nfor example  {}\n  {}", section.call, section.shapes);
        for fact in &section.facts {
            let _ = writeln!(out, "  {}: {}", fact.what, super::explain::equation(fact));
        }
    }
    out
}

/// Operators as JSON.
pub fn json(entries: &[&Entry]) -> Json {
    let operators: Vec<Json> = entries.iter().map(|entry| operator(entry)).collect();
    json!({ "schema_version": super::model::SCHEMA_VERSION, "operators": operators })
}

fn operator(entry: &Entry) -> Json {
    let args: Vec<Json> = entry
        .signature
        .iter()
        .map(|arg| {
            let required = matches!(arg.default, Default::Required | Default::Rest);
            let default = (!required).then(|| arg.default.to_string());
            json!({
                "name": arg.name, "takes": arg.takes, "required": required, "default": default,
                "about": arg.about,
            })
        })
        .collect();
    json!({
        "name": entry.name, "names": names(entry.name, entry.ranks).split(", ").collect::<Vec<_>>(),
        "aliases": entry.aliases, "about": entry.about, "torch": entry.torch_page, "args": args,
    })
}

/// One operator as a section of a page.
pub fn detail_markdown(entry: &Entry, rank: usize) -> String {
    let mut out = format!("## {}\n\n{}\n", entry.name, escape(entry.about));
    let call = format!("{}{}", usual_name(entry), signature(entry));
    let _ = writeln!(out, "\n{}\n", code(&call));
    if !entry.signature.is_empty() {
        let _ = writeln!(out, "{}", markdown::grid(&arguments(entry), Numbers::Exact));
    }
    let _ = write!(out, "Written as {}", escape(&names(entry.name, entry.ranks)));
    if let Some(aliases) = aliases(entry) {
        let _ = write!(out, "; also as {}", escape(&aliases));
    }
    let _ = writeln!(out, ". As [torch's]({}).", entry.torch_page);
    if let Some(section) = example(entry, rank) {
        let _ = writeln!(out, "\nFor example {}: {}\n", code(&section.call), section.shapes);
        for fact in &section.facts {
            let _ = writeln!(out, "{}", super::explain::bullet(fact));
        }
    }
    out
}

/// `docs/operators.md`: every operator, a row each, then a section each.
pub fn page() -> String {
    let mut out = String::from(
        "# Operators\n\nWritten by `CNNSTAT_UPDATE=1 cargo test`; do not edit. Names compare without case and \
         underscores; `CamelCase` calls take torch's own arguments, in_channels and its like included.\n\n",
    );
    out.push_str(&markdown::grid(&list(), Numbers::Exact));
    for entry in Op::ALL {
        let _ = write!(out, "\n{}", detail_markdown(entry, 0));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_operators_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/operators.md");
        let page = page();
        if std::env::var_os("CNNSTAT_UPDATE").is_some() {
            std::fs::create_dir_all(concat!(env!("CARGO_MANIFEST_DIR"), "/docs")).unwrap();
            std::fs::write(path, &page).unwrap();
        }
        let written = std::fs::read_to_string(path).unwrap_or_default().replace("\r\n", "\n");
        assert!(written == page, "docs/operators.md is out of date: CNNSTAT_UPDATE=1 cargo test");
    }

    #[test]
    fn an_example_needs_no_words_of_its_own() {
        for name in ["conv1d", "conv2d", "conv3d", "linear"] {
            let (entry, rank) = Op::find(name).unwrap();
            assert!(example(entry, rank).is_some(), "{name}");
        }
    }

    #[test]
    fn a_call_shows_its_defaults() {
        let (entry, _) = Op::find("conv2d").unwrap();
        assert!(signature(entry).starts_with("(out_channels, kernel_size, stride=1, padding=0"));
    }
}
