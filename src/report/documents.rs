//! The documents that are written from tables of the program: `docs/conventions.md` and `docs/operators.md`.

use std::fmt::Write as _;

use super::data::explain::Derivation;
use super::grid::{Grid, Head, Numbers, Value};
use super::pages::ops;
use super::render::markdown::{self, escape};
use crate::convention::{self, By, Convention, Rule, Unruled, When};
use crate::ops::{Entry, Op};

/// `docs/conventions.md`.
pub fn conventions() -> String {
    let mut out = String::from(
        "# Conventions\n\nWritten by `CNNSTAT_UPDATE=1 cargo test`; do not edit.\n\nNo two tools agree on what an operation \
         is. `--as NAME` counts as one of them does; `cnnstat conventions MODEL` shows all side by side, and `cnnstat \
         reconcile MODEL FIGURE` finds who would print a figure. The rules are taken from the tools' sources and \
         documentation, and compared with what the tools print; where `tests/golden/torchvision` has a tool's totals, they are \
         met to the last digit, or `tests/it/conventions.rs` lists them with the reason, and so are the numbers of single \
         layers in `tests/golden/tools.csv`, operator by operator and argument by argument. `convNd` stands for \
         `conv1d`, `conv2d` and `conv3d`; of several rules for an operator the first counts. \
         An operator without a rule counts nothing where the tool is known to ignore it; any other is not counted, and a \
         total is then a lower bound, shown with ≥.\n\n",
    );
    let mut grid = Grid::new(["name", "calls it", "which is", "taken from"].map(Head::left));
    for convention in convention::ALL {
        let cells = [convention.name, convention.result, convention.formula, convention.version];
        grid.rows.push(cells.map(Value::text).to_vec());
    }
    out.push_str(&markdown::grid(&grid, Numbers::Exact));
    out.push_str(
        "\nA description does not say how the network's code writes a layer: as a module, `nn.ReLU()`, or by a function, \
         `F.relu(x)`. Some tools watch only one of both, and then count otherwise. Modules are assumed; `global_avgpool` is \
         a mean, `x.mean([2, 3])`, which no tool of PyTorch counts. `reconcile` also tries:\n\n",
    );
    for written in convention::WRITTEN {
        let _ = writeln!(out, "* {}", written.said);
    }
    for convention in convention::ALL {
        section(&mut out, convention);
    }
    out
}

fn section(out: &mut String, convention: &Convention) {
    let _ = writeln!(out, "\n## {}\n", convention.name);
    let _ =
        writeln!(out, "Calls it {}. Taken from {}.", convention.result, escape(convention.version));
    let _ = writeln!(out, "How it was found: {}", convention.found);
    if convention.skips_heads {
        out.push_str("Auxiliary heads do not count in eval mode, where torch does not run them.\n");
    }
    if convention.averages_modules {
        out.push_str("What is counted by module is divided by the batch; what is counted by function is not.\n");
    }
    let mut grid = Grid::new(["of", "counts"].map(Head::left));
    for rule in convention.rules {
        let ops: Vec<String> = rule.ops.iter().map(|name| (*name).to_owned()).collect();
        let when: Vec<String> = rule.when.iter().map(condition).collect();
        let of = [ops.join(", "), when.join(", ")].join(if when.is_empty() { "" } else { " " });
        grid.rows.push(vec![Value::Text(of), Value::Text(counted(rule))]);
    }
    let _ = write!(out, "\n{}", markdown::grid(&grid, Numbers::Exact));
    unruled(out, "Ignored", convention, convention.ignored);
    let lower = "Not counted: a total with one of them is a lower bound";
    unruled(out, lower, convention, convention.undetermined);
    for (heading, texts) in
        [("On purpose as the tool has it", convention.wrong), ("To know", convention.notes)]
    {
        if !texts.is_empty() {
            let _ = writeln!(out, "\n{heading}:\n");
        }
        for text in texts {
            let _ = writeln!(out, "* {text}");
        }
    }
}

/// A condition of a rule, in words.
fn condition(when: &When) -> String {
    match when {
        When::Is(arg, value) => format!("with {arg}={value}"),
        When::Training => "in train mode".to_owned(),
        When::OnePosition => "to one position".to_owned(),
        When::Axes(axes) => format!("on {axes} axes with the batch"),
    }
}

/// The operators without a rule, with the reasons.
fn unruled(out: &mut String, heading: &str, convention: &Convention, lists: &[Unruled]) {
    if lists.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{heading}:\n");
    for list in lists {
        let when = list.when.iter().map(|when| format!(" {}", condition(when)));
        let names = list.names_in(convention).join(", ") + &when.collect::<String>();
        let _ = writeln!(out, "* {names}: {}.", list.why);
    }
}

/// What a rule counts, in words.
fn counted(rule: &Rule) -> String {
    let mut out = String::new();
    for term in rule.terms {
        let sign = match (out.is_empty(), term.times < 0) {
            (true, _) => "",
            (false, false) => " + ",
            (false, true) => " − ",
        };
        let times = match term.times.unsigned_abs() {
            1 => String::new(),
            n => format!("{n} × "),
        };
        let by = if term.by == By::Function { " if called as a function" } else { "" };
        let _ = write!(out, "{sign}{times}{}{by}", term.what);
    }
    if out.is_empty() { "nothing".to_owned() } else { out }
}

/// `docs/operators.md`: every operator, a row each, then a section each; `example` derives the numbers of a small one.
pub fn operators(example: impl Fn(&Entry) -> Option<Derivation>) -> String {
    let mut out = String::from(
        "# Operators\n\nWritten by `CNNSTAT_UPDATE=1 cargo test`; do not edit. Names compare without case and \
         underscores; `CamelCase` calls take torch's own arguments, in_channels and its like included.\n\n",
    );
    out.push_str(&markdown::page(&ops::list_page(), Numbers::Exact));
    for entry in Op::ALL {
        let example = example(entry);
        let page = ops::page(entry, example.as_ref());
        let _ = write!(out, "\n{}", markdown::page(&page, Numbers::Exact));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::data::explain;

    /// Compares a document with what is written, or writes it.
    fn is_up_to_date(name: &str, text: &str) {
        let path = format!("{}/docs/{name}", env!("CARGO_MANIFEST_DIR"));
        if std::env::var_os("CNNSTAT_UPDATE").is_some() {
            std::fs::write(&path, text).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
        assert!(written == text, "docs/{name} is out of date: CNNSTAT_UPDATE=1 cargo test");
    }

    #[test]
    fn the_pages_of_operators_and_conventions_are_up_to_date() {
        let example = |entry: &Entry| {
            crate::analysis::example::example(entry, 0).and_then(|found| explain::example(&found))
        };
        is_up_to_date("operators.md", &operators(example));
        is_up_to_date("conventions.md", &conventions());
    }

    #[test]
    fn every_operator_that_a_rule_names_exists() {
        for rule in convention::ALL.iter().flat_map(|convention| convention.rules) {
            for name in rule.ops.iter().filter(|name| **name != "*") {
                let known = name.replace("Nd", "2d");
                assert!(crate::ops::Op::find(&known).is_some(), "{name}");
            }
        }
    }
}
