//! The API is what ARCHITECTURE lists, threads can share what it makes, and nothing of `internals` is needed to use it.
//!
//! `CNNSTAT_UPDATE=1 cargo test` writes the list.

use std::fs;
use std::path::{Path, PathBuf};

use cnnstat::graph::Graph;
use cnnstat::internals::exec::network::Network;
use cnnstat::model::{Architecture, Model};
use cnnstat::{Analysis, DescriptionError, Options, Shape};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Between which ARCHITECTURE.md shows the list.
const LIST_BEGINS: &str = "<!-- api: written by tests/it/api.rs -->\n";
const LIST_ENDS: &str = "\n<!-- /api -->";

/// How far a line of the list goes.
const WIDTH: usize = 118;

/// Examples that run networks, for which there is no API.
const WITH_INTERNALS: &[&str] = &["train_digits.rs"];

/// Threads can share these, or take them over; `tidy` sees to it that no `unsafe impl` says so.
const _: fn() = || {
    fn is_shared<T: Send + Sync + ?Sized>() {}
    fn is_sent<T: Send>() {}
    is_shared::<dyn Architecture>();
    is_shared::<Model>();
    is_shared::<Graph>();
    is_shared::<Analysis>();
    is_shared::<Options>();
    is_shared::<Shape>();
    is_shared::<DescriptionError>();
    is_sent::<Network<'static, f32>>();
    is_sent::<Network<'static, f64>>();
};

/// The items of a file that anyone can name, and the modules.
#[derive(Debug, Default, PartialEq)]
struct Public {
    items: Vec<String>,
    modules: Vec<String>,
}

/// Reads the public items at the top of a file; hidden ones are left out.
fn public(text: &str) -> Public {
    let mut found = Public::default();
    let mut lines = text.lines();
    let mut is_hidden = false;
    while let Some(line) = lines.next() {
        is_hidden |= line == "#[doc(hidden)]";
        let Some(mut item) = line.strip_prefix("pub ").map(str::to_owned) else {
            is_hidden &= line.starts_with('#');
            continue;
        };
        while item.starts_with("use ") && !item.ends_with(';') {
            item += lines.next().expect("the end of a `use`").trim();
        }
        let word = |text: &str| {
            let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_'));
            text[..end.unwrap_or(text.len())].to_owned()
        };
        let (kind, rest) = item.split_once(' ').expect("an item has a name");
        match kind {
            _ if is_hidden => {}
            "mod" => found.modules.push(word(rest)),
            "use" => {
                let names = rest.trim_end_matches(';');
                let names = names.split_once('{').map_or_else(
                    || names.rsplit(' ').next().and_then(|name| name.rsplit("::").next()),
                    |(_, names)| names.strip_suffix('}'),
                );
                let names = names.unwrap_or_default().split(',').map(str::trim);
                found.items.extend(names.filter(|name| !name.is_empty()).map(str::to_owned));
            }
            _ => found.items.push(word(rest.strip_prefix("fn ").unwrap_or(rest))),
        }
        is_hidden = false;
    }
    found.items.sort();
    found.modules.sort();
    found
}

/// The file of a module: `analysis/memory` has `src/analysis/memory/mod.rs`.
fn file(module: &str) -> PathBuf {
    let src = Path::new(ROOT).join("src");
    let plain = src.join(format!("{module}.rs"));
    if plain.exists() { plain } else { src.join(module).join("mod.rs") }
}

/// Every module of the API, below its parent, with its items.
fn modules(module: &str, text: &str, found: &mut Vec<(String, Vec<String>)>) {
    let Public { items, modules: inner } = public(text);
    if !items.is_empty() {
        found.push((format!("cnnstat/{module}").trim_end_matches('/').replace('/', "::"), items));
    }
    for name in inner {
        let path = format!("{module}/{name}").trim_start_matches('/').to_owned();
        let text = fs::read_to_string(file(&path)).unwrap();
        modules(&path, &text, found);
    }
}

/// The list as ARCHITECTURE.md shows it.
fn list() -> String {
    let mut found = Vec::new();
    modules("", &fs::read_to_string(file("lib")).unwrap(), &mut found);
    let width = found.iter().map(|(module, _)| module.len()).max().unwrap_or(0);
    let mut drawn = String::new();
    for (module, items) in found {
        let mut line = format!("    {module:width$} ");
        for (i, item) in items.iter().enumerate() {
            if line.len() + 2 + item.len() > WIDTH {
                drawn += &(line + "\n");
                line = " ".repeat(4 + width + 1);
            }
            line = line + " " + item + if i + 1 < items.len() { "," } else { "" };
        }
        drawn += &(line + "\n");
    }
    drawn
}

#[test]
fn architecture_lists_the_api() {
    let path = Path::new(ROOT).join("ARCHITECTURE.md");
    let text = fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(LIST_BEGINS).expect("where the list begins");
    let (_, after) = rest.split_once(LIST_ENDS).expect("where the list ends");
    let right = format!("{before}{LIST_BEGINS}\n{}{LIST_ENDS}{after}", list());
    if std::env::var_os("CNNSTAT_UPDATE").is_some() {
        fs::write(path, right).unwrap();
    } else {
        assert!(text == right, "run CNNSTAT_UPDATE=1 cargo test");
    }
}

#[test]
fn the_list_has_what_is_public_and_no_more() {
    let text = "pub mod b;\nmod c;\npub(crate) mod d;\n#[doc(hidden)]\n#[cfg(x)]\npub mod e;\nmod f;\n#[cfg(x)]\npub mod a;\n\
                pub use c::{Z,\n    Y};\npub use c::X;\npub fn f(x: u8) {\n    pub fn no() {}\n}\npub struct S<T>(T);\n\
                pub const C: u8 = 0;\n#[doc(hidden)]\npub fn main() {}\n";
    let found = public(text);
    assert_eq!(found.modules, ["a", "b"]);
    assert_eq!(found.items, ["C", "S", "X", "Y", "Z", "f"]);
}

#[test]
fn examples_need_the_api_alone() {
    let examples = fs::read_dir(Path::new(ROOT).join("examples")).unwrap();
    let paths = examples.map(|entry| entry.unwrap().path());
    let uses = |path: &PathBuf| fs::read_to_string(path).unwrap().contains("cnnstat::internals");
    let name = |path: PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    let found: Vec<String> = paths.filter(|path| path.is_file()).filter(uses).map(name).collect();
    assert_eq!(found, WITH_INTERNALS);
}

#[test]
fn an_error_of_the_api_says_where() {
    let text = "model: m\ninput: [3, 8, 8]\nlayers:\n  - conv2d(4, 9)\n";
    let architecture = cnnstat::read("net.yaml", &mut std::io::Cursor::new(text)).unwrap();
    let found = architecture.at(&cnnstat::model::Asked::default()).unwrap_err();
    let error = DescriptionError::of(&*architecture, found);
    assert!(error.to_string().starts_with("4:5: error[E0502]: "), "{error}");
    assert_eq!(error, cnnstat::parse_graph(text).unwrap_err());
    let Err(error) = cnnstat::read("net.yaml", &mut std::io::Cursor::new("model: [")) else {
        panic!("it is no YAML")
    };
    assert!(error.to_string().contains("error[E0"), "{error}");
}
