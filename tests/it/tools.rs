//! What other tools print of single layers, operator by operator and argument by argument: each rule of a convention against
//! the tool's own numbers in `tests/golden/tools.csv`, which `tests/golden/tools.py` wrote.

use std::collections::BTreeSet;

use cnnstat::Options;
use cnnstat::graph::Node;
use cnnstat::internals::convention::{self, Choice, Convention, Form, WRITTEN, When, Written};
use cnnstat::ops::args::ArgValue;
use cnnstat::ops::{Mode, Op};

/// Conventions whose tool has a column of another name.
const COLUMN_OF: &[(&str, &str)] = &[("timm", "fvcore")];

/// Conventions whose tool is not among the columns.
const WITHOUT: &[&str] = &["cnnstat", "macs", "torchvision", "keras", "netscope", "darknet"];

/// Layers that a convention does not count: the tool's column, the layer as it begins, and why.
const NOT_COUNTED: &[(&str, &str, &str)] = &[
    ("onnx-tool", "chunk", "a few operations for the bounds, more or fewer by the part"),
    ("onnx-tool", "conv3d(16, 3, padding='", "a shape of one spatial axis"),
    ("onnx-tool", "conv3d(6, 2, padding='", "a shape of one spatial axis"),
    ("onnx-tool", "conv3d(6, 4, padding='", "a shape of one spatial axis"),
    ("calflops", "conv_transpose1d(4, 4)", "the bias counts −2 positions"),
];

/// Arguments that change no rule, or that torch's layer does not have.
const OF_NO_RULE: &[(&str, &str)] = &[
    ("unknown", "name"),
    ("unknown", "params"),
    ("unknown", "output"),
    ("unknown", "macs"),
    ("layernorm", "eps"),
    ("groupnorm", "eps"),
    ("instancenorm", "eps"),
    ("instancenorm", "momentum"),
    ("prelu", "init"),
    ("scale", "init"),
    ("reshape", "start_dim"),
    ("buffer", "value"),
    ("constant", "value"),
];

/// A row of the table.
struct Row {
    input: String,
    layers: String,
    form: String,
    mode: String,
    batch: u64,
    /// What each tool prints; `None`: it fails.
    numbers: Vec<Option<u64>>,
}

/// The names of the tools, and the rows of the table.
fn table() -> (Vec<String>, Vec<Row>) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/tools.csv");
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines().filter(|line| !line.starts_with('#')).map(cells);
    let head = lines.next().unwrap();
    let rows = lines.map(|cells| {
        let [input, layers, _, form, mode, batch, numbers @ ..] = cells.as_slice() else {
            panic!("{cells:?}")
        };
        let number = |cell: &String| (!cell.is_empty()).then(|| cell.parse().unwrap());
        Row {
            input: input.clone(),
            layers: layers.clone(),
            form: form.clone(),
            mode: mode.clone(),
            batch: batch.parse().unwrap(),
            numbers: numbers.iter().map(number).collect(),
        }
    });
    let rows = rows.collect();
    (head[6..].to_vec(), rows)
}

/// The cells of a line; a comma in double quotes parts none.
pub fn cells(line: &str) -> Vec<String> {
    let parts = line.split('"').enumerate();
    let marked =
        parts.map(|(i, part)| if i % 2 == 0 { part.replace(',', "\n") } else { part.to_owned() });
    marked.collect::<String>().split('\n').map(str::to_owned).collect()
}

/// The column of a convention's tool.
fn column(tools: &[String], convention: &Convention) -> Option<usize> {
    let other = COLUMN_OF.iter().find(|(name, _)| *name == convention.name);
    let name = other.map_or(convention.name, |(_, column)| column);
    tools.iter().position(|tool| tool == name)
}

impl Row {
    fn said(&self) -> String {
        let Self { input, layers, form, mode, batch, .. } = self;
        format!("{layers} on {input}, {form}, {mode}, batch {batch}")
    }

    fn graph(&self) -> cnnstat::graph::Graph {
        let layers = self.layers.split("; ").map(|layer| format!("  - {layer}\n"));
        let layers = layers.collect::<String>();
        let text = format!("model: m\ninput: {}\nlayers:\n{layers}", self.input);
        let graph = cnnstat::parse_graph(&text).unwrap_or_else(|error| panic!("{text}{error:?}"));
        graph.at_batch(self.batch)
    }

    /// How the layer is written, of the ways that `reconcile` tries.
    fn written(&self) -> Option<&'static Written> {
        let is_meant = |written: &&Written| match self.form.as_str() {
            "module" => false,
            "function" => written.form == Form::Function && !written.only_global,
            "mean" => written.form == Form::As("global_avgpool"),
            other => panic!("{other}"),
        };
        let op = self.layers.split('(').next().unwrap();
        let names = |written: &&Written| {
            written.ops.iter().any(|names| names.iter().any(|name| means(name, op)))
        };
        let written = WRITTEN.iter().filter(is_meant).find(names);
        assert!(written.is_some() || self.form == "module", "no way to write {}", self.said());
        written
    }

    /// What a convention makes of it; `None` where that is a lower bound.
    fn count(&self, convention: &Convention) -> Option<u64> {
        let graph = self.graph();
        let mode = if self.mode == "train" { Mode::Train } else { Mode::Eval };
        let analysis = cnnstat::analyze(&graph, &Options { mode, ..Options::default() }).complete();
        // torch folds batch norm into convolutions as it exports them.
        let folded = convention.name == "onnx-tool";
        let choice = Choice { written: self.written(), folded, ..Choice::default() };
        convention.count(&graph, &analysis.unwrap(), choice).unwrap().total.exact()
    }
}

/// Whether a name of a convention's table means an operator of a row.
fn means(table: &str, op: &str) -> bool {
    let stem = op.strip_suffix('d').map(|stem| stem.trim_end_matches(char::is_numeric));
    table == op || table.strip_suffix("Nd").is_some_and(|table| stem == Some(table))
}

#[test]
fn every_number_of_every_tool() {
    let (tools, rows) = table();
    let (mut wrong, mut checked) = (Vec::new(), 0);
    for convention in convention::ALL {
        let Some(at) = column(&tools, convention) else {
            assert!(WITHOUT.contains(&convention.name), "no numbers of {}", convention.name);
            continue;
        };
        for row in &rows {
            let Some(printed) = row.numbers[at] else { continue };
            let listed = |(tool, layer, _): &&(&str, &str, &str)| {
                *tool == tools[at] && row.layers.starts_with(layer)
            };
            let right = NOT_COUNTED.iter().find(listed).map_or(Some(printed), |_| None);
            let found = row.count(convention);
            checked += 1;
            if found != right {
                let name = convention.name;
                wrong.push(format!("{name} prints {printed}, found {found:?}: {}", row.said()));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {checked}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(checked > 7_000, "{checked}");
}

/// Each rule of a convention whose tool was run is met by a row for which the tool has a number, and each condition fails in
/// another.
#[test]
fn every_rule_is_in_the_table() {
    let (tools, rows) = table();
    let mut missing = Vec::new();
    for convention in convention::ALL {
        let Some(at) = column(&tools, convention) else { continue };
        let known: Vec<&Row> = rows.iter().filter(|row| row.numbers[at].is_some()).collect();
        for rule in convention.rules {
            for name in rule.ops {
                let op = |row: &&&Row| means(name, row.layers.split('(').next().unwrap());
                let of: Vec<_> = known.iter().filter(op).collect();
                let is_met = |when: &When, row: &Row| match when {
                    When::Is(arg, value) => is_argument(row, arg, value),
                    When::Training => row.mode == "train",
                    When::Axes(axes) => row.input.split(',').count() + 1 == *axes,
                    When::OnePosition => row.layers.contains("(1)"),
                };
                let has = of.iter().any(|row| rule.when.iter().all(|when| is_met(when, row)));
                let fails = |when: &When| of.iter().any(|row| !is_met(when, row));
                if !has || !rule.when.iter().all(fails) {
                    missing.push(format!("{}: {name} {:?}", convention.name, rule.when));
                }
            }
        }
    }
    // Nothing that torch exports has local response norm as a node.
    missing.retain(|rule| !rule.starts_with("onnx-tool: lrn"));
    assert!(missing.is_empty(), "no row for\n{}", missing.join("\n"));
}

/// Whether an argument of a row's first layer has a value.
fn is_argument(row: &Row, arg: &str, value: &str) -> bool {
    let graph = row.graph();
    let (_, node) = graph.iter().next().unwrap();
    let at = node.op.entry().signature.iter().position(|known| known.name == arg);
    let found = at.and_then(|at| node.op.args().values().nth(at).cloned());
    found.is_some_and(|found| match found {
        ArgValue::Text(text) => text == value,
        other => other.to_string() == value,
    })
}

/// Operators × arguments: each operator is in the table, and each argument with more than one value.
#[test]
fn every_argument_of_every_operator_is_in_the_table() {
    let (_, rows) = table();
    let mut values: BTreeSet<(String, String, String)> = BTreeSet::new();
    for row in &rows {
        let graph = row.graph();
        // What takes no input is a row together with others, all else is a row alone.
        let is_single = !row.layers.contains("; ");
        let meant = |node: &&Node| is_single || node.inputs.is_empty();
        for node in graph.nodes().iter().filter(meant) {
            let entry = node.op.entry();
            for (arg, value) in entry.signature.iter().zip(node.op.args().values()) {
                values.insert((entry.name.to_owned(), arg.name.to_owned(), value.to_string()));
            }
            values.insert((entry.name.to_owned(), String::new(), String::new()));
        }
    }
    let number =
        |op: &str, arg: &str| values.iter().filter(|(o, a, _)| o == op && a == arg).count();
    let mut missing = Vec::new();
    for entry in Op::ALL.iter().filter(|entry| entry.name != "unknown") {
        if number(entry.name, "") == 0 {
            missing.push(entry.name.to_owned());
        }
        for arg in entry.signature {
            // Where an output is written, no tool looks.
            let is_free = arg.name == "inplace" || OF_NO_RULE.contains(&(entry.name, arg.name));
            if number(entry.name, arg.name) < 2 && !is_free {
                missing.push(format!("{}({})", entry.name, arg.name));
            }
        }
    }
    assert!(missing.is_empty(), "not in the table: {}", missing.join(", "));
}
