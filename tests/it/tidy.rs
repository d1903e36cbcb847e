//! What no compiler checks: the size of files, the direction of imports, and that the backend never sees what it verifies.

use std::fs;
use std::path::{Path, PathBuf};

use crate::imports::{Imports, code, library};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Longest file, in lines.
const MAX_LINES: usize = 600;

/// Which rooms each room of `src` may import; a row names rows above it only. A name without a slash covers all rooms below
/// it. `ARCHITECTURE.md` shows this table.
const IMPORTS: &[(&str, &[&str])] = &[
    ("source", &[]),
    ("shape", &[]),
    ("sanitize", &[]),
    ("units", &[]),
    ("zoo", &[]),
    ("ops", &["shape", "source", "units"]),
    ("graph", &["ops", "shape", "source", "units"]),
    ("analysis", &["graph", "ops", "shape", "source", "units"]),
    ("convention", &["analysis", "graph", "ops", "shape", "units"]),
    ("diag", &["source", "sanitize"]),
    ("expectation", &["analysis", "diag", "shape", "source", "units"]),
    ("model", &["diag", "expectation", "graph", "shape", "source"]),
    ("notes", &["analysis", "diag", "graph", "model", "ops", "shape"]),
    (
        "lang",
        &["diag", "expectation", "graph", "model", "ops", "shape", "source", "sanitize", "units"],
    ),
    ("import", &["diag", "graph", "lang", "model", "ops", "shape", "source", "units"]),
    ("exec/base", &[]),
    ("exec/kernels", &["exec/base", "ops"]),
    ("exec/fast", &["exec/base", "exec/kernels", "ops"]),
    ("exec/run", &["exec/base", "exec/fast", "exec/kernels", "graph", "ops", "shape"]),
    ("exec", &["exec/base", "exec/run"]),
    ("verify", &["analysis", "exec", "graph", "ops", "shape", "units"]),
    ("profile", &["analysis", "exec", "graph", "shape"]),
    (
        "report",
        &[
            "analysis",
            "compare",
            "convention",
            "exec/base",
            "graph",
            "ops",
            "profile",
            "shape",
            "source",
            "sanitize",
            "units",
            "verify",
        ],
    ),
    ("compare", &["analysis", "report"]),
    (
        "budget",
        &[
            "analysis",
            "compare",
            "diag",
            "expectation",
            "graph",
            "lang",
            "ops",
            "report",
            "shape",
            "source",
            "units",
        ],
    ),
];

/// Rows that name a row below them, each with that row. The list may only become shorter.
const AGAINST_THE_ORDER: &[(&str, &str)] = &[("report", "compare")];

/// Modules that may name every other. `internals` re-exports for tests, and no room may name it: the API is a list in
/// `ARCHITECTURE.md`, and a test that needs more than that says so in its imports.
const FREE: &[&str] = &["lib", "main", "cli", "internals"];

/// All that `compare` may name of the report: what is shown of a comparison imports it.
const SEEN_BY_COMPARE: &str = "src/report/model.rs";

/// Between which ARCHITECTURE.md shows the table.
const TABLE_BEGINS: &str = "<!-- imports: written by tests/it/tidy.rs -->\n";
const TABLE_ENDS: &str = "\n<!-- /imports -->";

/// What `exec` may not say: the rules it is there to check, and ways to get at them unseen.
const UNSEEN_BY_EXEC: &[&str] = &["Layer", "analysis", "window"];
/// And the ways to get at them unseen.
const HIDDEN_FROM_EXEC: &[&str] = &["ops::*", "ops as", "super::*"];

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn all_sources() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for dir in ["src", "tests", "benches", "examples"] {
        let dir = Path::new(ROOT).join(dir);
        if dir.is_dir() {
            sources(&dir, &mut found);
        }
    }
    found.sort();
    let read = |path: PathBuf| {
        let name = path.strip_prefix(ROOT).unwrap().to_string_lossy().replace('\\', "/");
        (name, fs::read_to_string(&path).unwrap())
    };
    found.into_iter().map(read).collect()
}

/// The room that a file of `src` belongs to: the longest name of the table that its path begins with.
fn room(file: &str) -> Option<&str> {
    let path = file.strip_prefix("src/")?;
    let path = path.strip_suffix(".rs").unwrap_or(path);
    let is_below = |name: &str| {
        path.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let rows = IMPORTS.iter().map(|(name, _)| *name);
    let found = rows.filter(|name| is_below(name)).max_by_key(|name| name.len());
    found.or_else(|| path.split('/').next())
}

/// The imports of a file that go against the direction. `imported` are files that its paths lead to.
fn wrong_imports(file: &str, text: &str, imported: &[String]) -> Vec<String> {
    let Some(own) = room(file).filter(|room| !FREE.contains(room)) else {
        return Vec::new();
    };
    let Some((_, allowed)) = IMPORTS.iter().find(|(name, _)| *name == own) else {
        return vec![format!("{file}: the room {own} has no entry in the table of imports")];
    };
    let covers = |name: &str, room: &str| {
        room.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let mut wrong = Vec::new();
    for other in imported {
        let Some(room) = room(other).filter(|room| *room != "lib") else { continue };
        if room != own && !allowed.iter().any(|name| covers(name, room)) {
            wrong.push(format!("{file} imports {other}"));
        }
        if own == "compare" && room == "report" && other != SEEN_BY_COMPARE {
            wrong.push(format!("{file} imports {other}, more of the report than it may"));
        }
    }
    if covers("exec", own) {
        let library = library(text);
        let words = library.split(|c: char| !(c.is_alphanumeric() || c == '_')).collect::<Vec<_>>();
        // `window` is a word of the subject; as a module it stands before `::`.
        let said = UNSEEN_BY_EXEC.iter().filter(|word| match **word {
            "window" => library.contains("window::"),
            word => words.contains(&word),
        });
        let hidden = HIDDEN_FROM_EXEC.iter().filter(|word| library.contains(**word));
        wrong.extend(said.chain(hidden).map(|word| format!("{file} says {word}")));
    }
    wrong
}

/// All wrong imports of some files of `src`.
fn wrong_in(files: &[(String, String)]) -> Vec<String> {
    let imports = Imports::new(files);
    files.iter().flat_map(|(file, text)| wrong_imports(file, text, &imports.of(file))).collect()
}

#[test]
fn files_are_short() {
    let long: Vec<String> = all_sources()
        .iter()
        .filter(|(_, text)| text.lines().count() > MAX_LINES)
        .map(|(file, text)| format!("{file}: {} lines", text.lines().count()))
        .collect();
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn files_say_why_they_exist() {
    let silent: Vec<String> = all_sources()
        .into_iter()
        .filter(|(_, text)| !text.starts_with("//! "))
        .map(|(file, _)| file)
        .collect();
    assert!(silent.is_empty(), "no first line of documentation: {silent:#?}");
}

#[test]
fn imports_go_one_way() {
    let wrong = wrong_in(&all_sources());
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn rows_of_the_table_name_rows_above_them() {
    let place = |name: &str| IMPORTS.iter().position(|(row, _)| *row == name);
    let pairs = IMPORTS.iter().flat_map(|(row, names)| names.iter().map(|name| (*row, *name)));
    let wrong: Vec<_> = pairs.filter(|(row, name)| place(name) >= place(row)).collect();
    assert_eq!(wrong, AGAINST_THE_ORDER);
}

#[test]
fn architecture_shows_the_table() {
    let width = IMPORTS.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let line = |(name, names): &(&str, &[&str])| {
        let names = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
        format!("    {name:width$}  imports  {names}\n")
    };
    let drawn: String = IMPORTS.iter().map(line).collect();
    let path = Path::new(ROOT).join("ARCHITECTURE.md");
    let text = fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(TABLE_BEGINS).expect("where the table begins");
    let (_, after) = rest.split_once(TABLE_ENDS).expect("where the table ends");
    let right = format!("{before}{TABLE_BEGINS}\n{drawn}{TABLE_ENDS}{after}");
    if std::env::var_os("CNNSTAT_UPDATE").is_some() {
        fs::write(path, right).unwrap();
    } else {
        assert!(text == right, "run CNNSTAT_UPDATE=1 cargo test");
    }
}

#[test]
fn the_check_of_imports_can_fail() {
    let wrong = |file: &str, text: &str| {
        let others = [
            "shape",
            "graph/mod",
            "analysis/mod",
            "ops/mod",
            "ops/window",
            "report/model",
            "report/grid",
        ];
        let others = others.iter().map(|name| (format!("src/{name}.rs"), String::new()));
        let others = others.filter(|(name, _)| name != file);
        let files: Vec<_> = others.chain([(file.to_owned(), text.to_owned())]).collect();
        wrong_in(&files).len()
    };
    assert_eq!(wrong("src/ops/conv.rs", "use crate::{shape::Shape, graph::Graph};"), 1);
    assert_eq!(wrong("src/ops/conv.rs", "let a = crate::analysis::analyze;"), 1);
    assert_eq!(wrong("src/ops/conv.rs", "// crate::graph in a comment"), 0);
    assert_eq!(wrong("src/exec/kernels/conv.rs", "use crate::ops::{Conv, Layer};"), 1);
    assert_eq!(wrong("src/exec/kernels/norm.rs", "use crate::ops::LayerNorm;"), 0);
    assert_eq!(wrong("src/exec/kernels/norm.rs", "use crate::graph::Graph;"), 1);
    assert_eq!(wrong("src/exec/run/tape.rs", "crate::ops::window::Window::extent(w, 1)"), 1);
    assert_eq!(wrong("src/exec/run/tape.rs", "use crate::ops::*;"), 1);
    assert_eq!(wrong("src/exec/run/tape.rs", "use crate::graph::Graph;"), 0);
    assert_eq!(wrong("src/compare/align.rs", "use crate::report::model::Layer;"), 0);
    assert_eq!(wrong("src/compare/align.rs", "use crate::report::grid::Grid;"), 1);
    assert_eq!(wrong("src/compare.rs", "use crate::graph::Graph;"), 1);
    assert_eq!(wrong("src/nowhere/a.rs", ""), 1);
}

#[test]
fn files_import_each_other_in_no_circle() {
    let found = Imports::new(&all_sources()).in_circles();
    assert!(found.is_empty(), "in a circle: {found:#?}");
}

#[test]
fn the_check_of_circles_can_fail() {
    let circles = |files: &[(&str, &str)]| {
        let files: Vec<_> =
            files.iter().map(|(f, t)| (format!("src/{f}.rs"), (*t).to_owned())).collect();
        Imports::new(&files).in_circles().len()
    };
    let (to_a, to_b) = ("use super::a::A;", "use super::b::{self, B as C};");
    assert_eq!(circles(&[("x/a", to_b), ("x/b", to_a)]), 0, "two files of a folder");
    assert_eq!(circles(&[("x/a", to_b), ("y/b", "use crate::x::a::A;")]), 0, "no such file");
    assert_eq!(circles(&[("x/a", "use crate::y::b;"), ("y/b", "fn f() { crate::x::a::g() }")]), 2);
    assert_eq!(circles(&[("x/a", to_b), ("x/b", "use super::{c::D, d};"), ("x/c", to_a)]), 3);
    let tests = "#[cfg(test)]\nmod tests {\n use super::super::a::A; }";
    assert_eq!(circles(&[("x/a", to_b), ("x/b", "use super::c;"), ("x/c", tests)]), 0);
    // A name that a module passes on leads to the file that has it.
    let passed_on =
        [("x/mod", "mod a; mod b; mod c; pub use a::A;"), ("x/a", ""), ("x/b", "use super::A;")];
    assert_eq!(circles(&[passed_on.as_slice(), &[("x/c", "use super::b::B;")]].concat()), 0);
    let own = [("x/mod", "mod a; pub use a::A; fn f() { a::g() }"), ("x/a", "use super::T;")];
    assert_eq!(circles(&own), 0, "parent and child");
    let own = [
        ("x/mod", "mod a; mod b; pub use a::A; fn f() { b::g() }"),
        ("x/a", "use super::T;"),
        ("x/b", "use super::T;"),
    ];
    assert_eq!(circles(&own), 3);
}

/// One file wraps the matrix product. Another runs loops that are compiled for machines with AVX2, and calls them where the
/// machine said that it has that: as a library is built for any machine, they would have half the width. No other has unsafe
/// code.
#[test]
fn unsafe_code_is_in_two_files() {
    let library = |file: &str| file.starts_with("src/");
    let found: Vec<String> = all_sources()
        .into_iter()
        .filter(|(file, text)| library(file) && code(text).contains("unsafe"))
        .map(|(file, _)| file)
        .collect();
    assert_eq!(found, ["src/exec/base/matmul.rs", "src/exec/base/simd.rs"]);
    // A matrix that threads write by parts; all else that they share is safe by what it is made of.
    let declares =
        |(file, text): &(String, String)| library(file) && code(text).contains("unsafe impl");
    let found: Vec<String> =
        all_sources().into_iter().filter(declares).map(|(file, _)| file).collect();
    assert_eq!(found, ["src/exec/base/matmul.rs"]);
}

/// Only the command line prints, reads files or exits.
#[test]
fn nothing_but_the_command_line_prints_reads_or_exits() {
    let words = [
        "println!",
        "print!(",
        "eprintln!",
        "eprint!(",
        "process::exit",
        "std::fs",
        "fs::read",
        "File::",
    ];
    let mut wrong = Vec::new();
    for (file, text) in all_sources() {
        let library =
            file.starts_with("src/") && !file.starts_with("src/cli/") && file != "src/main.rs";
        let code = code(text.split("#[cfg(test)]").next().unwrap_or_default());
        wrong.extend(
            words
                .iter()
                .filter(|word| library && code.contains(**word))
                .map(|word| format!("{file}: {word}")),
        );
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
