//! What no compiler checks: the size of files, the direction of imports, and that the backend never sees what it verifies.

use std::fs;
use std::path::{Path, PathBuf};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Longest file, in lines.
const MAX_LINES: usize = 600;

/// Which modules of the crate each top-level module may name. ARCHITECTURE.md draws the same.
const IMPORTS: &[(&str, &[&str])] = &[
    ("span", &[]),
    ("shape", &[]),
    ("text", &[]),
    ("units", &[]),
    ("zoo", &[]),
    ("ops", &["shape", "span", "units"]),
    ("graph", &["ops", "shape", "span", "units"]),
    ("analysis", &["graph", "ops", "shape", "span", "units"]),
    ("convention", &["analysis", "graph", "ops", "shape", "units"]),
    ("diag", &["span", "text"]),
    ("import", &["diag", "lang", "model", "units"]),
    ("model", &["diag", "expectation", "graph", "shape", "span"]),
    ("expectation", &["analysis", "diag", "shape", "span", "units"]),
    ("lang", &["model", "diag", "expectation", "graph", "ops", "shape", "span", "text", "units"]),
    ("import", &["diag", "graph", "ops", "shape", "span", "units"]),
    ("exec", &["graph", "ops", "shape"]),
    (
        "report",
        &[
            "analysis",
            "compare",
            "convention",
            "graph",
            "ops",
            "profile",
            "shape",
            "span",
            "text",
            "units",
            "verify",
        ],
    ),
    ("compare", &["analysis", "report"]),
    ("verify", &["analysis", "exec", "graph", "ops", "shape", "units"]),
    ("profile", &["analysis", "exec", "graph", "shape"]),
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
            "span",
            "units",
        ],
    ),
];

/// Modules that may name every other.
const FREE: &[&str] = &["lib", "main", "cli"];

/// All that `compare` may name of the report: what is shown of a comparison imports it.
const SEEN_BY_COMPARE: &str = "report::model";

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

/// The top-level module that a file of `src` belongs to.
fn module(file: &str) -> Option<&str> {
    file.strip_prefix("src/")?.split(['/', '.']).next()
}

/// Code without comments: what follows `//` on a line is dropped.
fn code(text: &str) -> String {
    text.lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n")
}

/// Every module that code names after `crate::`, braces included.
fn named(code: &str) -> Vec<String> {
    let mut names = Vec::new();
    for part in code.split("crate::").skip(1) {
        let group = part.strip_prefix('{').map(|rest| rest.split('}').next().unwrap_or_default());
        for item in group.unwrap_or(part).split(',') {
            let name: String =
                item.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            names.push(name);
            if group.is_none() {
                break;
            }
        }
    }
    names
}

/// The imports of a file that go against the direction.
fn wrong_imports(file: &str, text: &str) -> Vec<String> {
    let Some(module) = module(file).filter(|module| !FREE.contains(module)) else {
        return Vec::new();
    };
    let Some((_, allowed)) = IMPORTS.iter().find(|(name, _)| *name == module) else {
        return vec![format!("{file}: the module {module} has no entry in the table of imports")];
    };
    let known: Vec<&str> =
        IMPORTS.iter().map(|(name, _)| *name).chain(FREE.iter().copied()).collect();
    let code = code(text);
    let mut wrong: Vec<String> = named(&code)
        .into_iter()
        .filter(|name| {
            name != module && known.contains(&name.as_str()) && !allowed.contains(&name.as_str())
        })
        .map(|name| format!("{file} names crate::{name}"))
        .collect();
    if module == "compare" {
        let library = !file.ends_with("/tests.rs");
        let others = code.matches("report::").count() - code.matches(SEEN_BY_COMPARE).count();
        wrong.extend((library && others > 0).then(|| format!("{file} sees more of the report")));
    }
    if module == "exec" {
        let library = code.split("#[cfg(test)]").next().unwrap_or_default();
        let paths = library.split(|c: char| !(c.is_alphanumeric() || c == '_')).collect::<Vec<_>>();
        // `window` is a word of the subject; as a module it stands before `::`.
        let said = UNSEEN_BY_EXEC.iter().filter(|word| match **word {
            "window" => library.contains("window::"),
            word => paths.contains(&word),
        });
        let hidden = HIDDEN_FROM_EXEC.iter().filter(|word| library.contains(**word));
        wrong.extend(said.chain(hidden).map(|word| format!("{file} says {word}")));
    }
    wrong
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
    let wrong: Vec<String> =
        all_sources().iter().flat_map(|(file, text)| wrong_imports(file, text)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_check_of_imports_can_fail() {
    let wrong = |file, text| wrong_imports(file, text).len();
    assert_eq!(wrong("src/ops/conv.rs", "use crate::{shape::Shape, graph::Graph};"), 1);
    assert_eq!(wrong("src/ops/conv.rs", "let a = crate::analysis::analyze;"), 1);
    assert_eq!(wrong("src/ops/conv.rs", "// crate::graph in a comment"), 0);
    assert_eq!(wrong("src/exec/kernels/conv.rs", "use crate::ops::{Conv, Layer};"), 1);
    assert_eq!(wrong("src/exec/kernels/norm.rs", "use crate::ops::LayerNorm;"), 0);
    assert_eq!(wrong("src/exec/tape.rs", "crate::ops::window::Window::extent(w, 1)"), 1);
    assert_eq!(wrong("src/exec/tape.rs", "use crate::ops::*;"), 1);
    assert_eq!(wrong("src/exec/tape.rs", "use crate::graph::Graph;"), 0);
    assert_eq!(wrong("src/compare/align.rs", "use crate::report::model::Layer;"), 0);
    assert_eq!(wrong("src/compare/align.rs", "use crate::report::grid::Grid;"), 1);
    assert_eq!(wrong("src/compare.rs", "use crate::graph::Graph;"), 1);
    assert_eq!(wrong("src/nowhere/a.rs", ""), 1);
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
    assert_eq!(found, ["src/exec/fast/gemm.rs", "src/exec/fast/wide.rs"]);
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
