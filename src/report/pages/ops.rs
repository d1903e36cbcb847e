//! The pages of `cnnstat ops`: what operators there are, and what one takes. `docs/operators.md` is written from them.

use serde_json::{Value as Json, json};

use crate::ops::args::Default;
use crate::ops::{Entry, Op, Ranks};
use crate::report::data::explain::Derivation;
use crate::report::grid::{Grid, Head, Value};
use crate::report::page::{Block, Inline, Medium, Page, Records, Table};

/// The page of all operators.
pub fn list_page<'d>() -> Page<'d> {
    let sections = |medium| {
        let table = Block::Table(Table { grid: list(), folded: None, is_glossary: true });
        let sentence = format!("{} operators; `cnnstat ops NAME` says more of one.", Op::ALL.len());
        match medium {
            Medium::Screen => vec![vec![table], vec![Block::Sentence(sentence)]],
            Medium::Paper => vec![vec![table]],
        }
    };
    Page::new("operators", sections)
        .records(|| Records::from(list()))
        .data(|| json(&Op::ALL.iter().collect::<Vec<_>>()))
}

/// The page of one operator, with the derivation of a small example.
pub fn page<'d>(entry: &'d Entry, example: Option<&'d Derivation>) -> Page<'d> {
    let sections = move |medium| match medium {
        Medium::Screen => on_screen(entry, example),
        Medium::Paper => on_paper(entry, example),
    };
    Page::new(entry.name, sections)
        .records(|| Records::from(arguments(entry)))
        .data(move || json(&[entry]))
}

fn on_screen(entry: &Entry, example: Option<&Derivation>) -> Vec<Vec<Block>> {
    let term = |arg: &crate::ops::args::Arg| {
        let about = format!("{} Takes: {}; {}.", arg.about, arg.takes, standing(arg.default));
        (arg.name.to_owned(), about)
    };
    let also = aliases(entry).map(|aliases| ("also called".to_owned(), aliases));
    let torch = ("as torch's ".to_owned(), entry.torch_page.to_owned());
    let mut sections = vec![
        vec![Block::Title(names(entry.name, entry.ranks)), Block::Prose(entry.about.to_owned())],
        vec![Block::Call(format!("{}{}", usual_name(entry), signature(entry)))],
        vec![Block::Terms(entry.signature.iter().map(term).collect(), 2)],
        vec![Block::Terms(also.into_iter().chain([torch]).collect(), 0)],
    ];
    sections.extend(example.map(|example| vec![Block::Example(example.clone())]));
    sections
}

fn on_paper(entry: &Entry, example: Option<&Derivation>) -> Vec<Vec<Block>> {
    let mut blocks = vec![
        Block::Title(entry.name.to_owned()),
        Block::Prose(entry.about.to_owned()),
        Block::Call(format!("{}{}", usual_name(entry), signature(entry))),
    ];
    if !entry.signature.is_empty() {
        blocks.push(Block::table(arguments(entry)));
    }
    let aliases = aliases(entry).map(|aliases| format!("; also as {aliases}"));
    let named = format!(
        "Written as {}{}. As ",
        names(entry.name, entry.ranks),
        aliases.unwrap_or_default()
    );
    blocks.push(Block::Paragraph(vec![
        Inline::Text(named),
        Inline::Link { text: "torch's".to_owned(), url: entry.torch_page.to_owned() },
        Inline::Text(".".to_owned()),
    ]));
    blocks.extend(example.map(|example| Block::Example(example.clone())));
    vec![blocks]
}

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
fn list() -> Grid {
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

/// The arguments of an operator.
fn arguments(entry: &Entry) -> Grid {
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

/// Operators as JSON.
fn json(entries: &[&Entry]) -> Json {
    let operators: Vec<Json> = entries.iter().map(|entry| operator(entry)).collect();
    json!({ "schema_version": crate::report::model::SCHEMA_VERSION, "operators": operators })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_shows_its_defaults() {
        let (entry, _) = Op::find("conv2d").unwrap();
        assert!(signature(entry).starts_with("(out_channels, kernel_size, stride=1, padding=0"));
    }
}
