//! Where inputs come from, what is shared and what comes out, in every output that shows layers.

use cnnstat::graph::GraphBuilder;
use cnnstat::internals::report::columns::find;
use cnnstat::internals::report::fold;
use cnnstat::internals::report::line::Line;
use cnnstat::internals::report::pages::summary::page;
use cnnstat::internals::report::render::table::Look;
use cnnstat::internals::report::render::{csv, json, markdown, terminal};
use cnnstat::internals::report::text::width;
use cnnstat::internals::report::view::View;
use cnnstat::ops::{Linear, Op};
use cnnstat::report::data::explain;
use cnnstat::report::model::Report;
use cnnstat::report::{Caption, report};
use cnnstat::{Options, Shape, analyze};
use serde_json::Value;

use crate::repeats::described;
use crate::run::snapshot;

/// Residual blocks, a side output, and two layers with the same tensors.
const RESIDUAL: &str = "
model: residual
input: [3, 64, 64]
blocks:
  basic(c, project=false):
    - residual:
        - conv1: conv2d(c, 3, padding=1, bias=false)
        - bn1: batchnorm2d
        - relu1: relu
        - conv2: conv2d(c, 3, padding=1, bias=false)
        - bn2: batchnorm2d
      shortcut:
        - if project:
            - downsample:
                - conv2d(c, 1, bias=false)
                - batchnorm2d
    - relu2: relu
layers:
  - conv1: conv2d(16, 7, stride=2, padding=3, bias=false)
  - bn1: batchnorm2d
  - relu: relu
  - maxpool: maxpool2d(3, stride=2, padding=1)
  - layer1:
      - basic(16, true)
      - repeat 3: basic(16)
  - side:
      - aux: conv2d(16, 1)
  - head: conv2d(16, 1)
  - tail: share(@, 'head')
";

fn terminal(report: &Report, view: &View, look: Look) -> String {
    terminal::render(&[page(report, view)], false, look).unwrap()
}

fn position(report: &Report, name: &str) -> usize {
    let at = report.layers.iter().position(|layer| layer.name == name);
    at.unwrap_or_else(|| panic!("no layer {name}"))
}

/// Lets a layer of a report read what others make.
fn read(report: &mut Report, name: &str, from: &[&str]) {
    let positions: Vec<usize> = from.iter().map(|name| position(report, name)).collect();
    let shape = |at: &usize| report.layers[*at].outputs[0].clone();
    let inputs = positions.iter().map(shape).collect();
    let at = position(report, name);
    let layer = &mut report.layers[at];
    layer.inputs = inputs;
    layer.from = from.iter().map(|name| (*name).to_owned()).collect();
    layer.from_index = positions.into_iter().map(Some).collect();
    if from.len() > 1 {
        "add".clone_into(&mut layer.op);
    }
}

fn residual() -> Report {
    described(RESIDUAL)
}

/// Name and note of every line that has one.
fn notes(lines: &[Line<'_>]) -> Vec<String> {
    let noted = lines.iter().filter(|line| !line.note.is_empty());
    noted.map(|line| format!("{} {}", line.label.trim_start(), line.note)).collect()
}

#[test]
fn branches_joins_outputs_and_shared_tensors_are_noted() {
    let report = residual();
    let expected = [
        "0 ← maxpool",
        "add ← bn2, downsample.1",
        "add ← bn2, 0.relu2",
        "add ← bn2, 1.relu2",
        "add ← bn2, 2.relu2",
        "aux → aux",
        "head ← layer1.3.relu2",
        "tail shared with head · → output",
    ];
    assert_eq!(notes(&fold::tree(&report, &View::default())), expected);
    let whole = notes(&fold::flat(&report, &View::default()));
    assert_eq!(whole[1], "layer1.0.add ← layer1.0.bn2, layer1.0.downsample.1");
}

#[test]
fn folded_scopes_name_what_they_read_at_the_depth_that_is_shown() {
    let mut report = residual();
    let notes_at = |report: &Report, depth, collapse| {
        notes(&fold::tree(report, &View { depth: Some(depth), collapse, ..View::default() }))
    };
    assert_eq!(
        notes_at(&report, 1, false),
        ["aux → aux", "head ← layer1", "tail shared with head · → output"]
    );
    // A block with a skip reads what is before it alone.
    assert!(notes_at(&report, 2, false).iter().all(|note| !note.starts_with("1 ")));
    read(&mut report, "tail", &["layer1.0.relu2", "layer1.1.relu2", "maxpool"]);
    assert_eq!(
        notes_at(&report, 1, false)[2],
        "tail ← layer1, layer1, maxpool · shared with head · → output"
    );
}

#[test]
fn blocks_with_branches_are_repeats_too() {
    let report = residual();
    let lines = fold::tree(&report, &View { collapse: true, ..View::default() });
    let labels: Vec<&str> = lines.iter().map(|line| line.label.as_str()).collect();
    let at = labels.iter().position(|label| *label == "  1 … 3 × 3").unwrap();
    assert_eq!(labels[at + 1], "    conv1");
    assert!(!labels.contains(&"  2"), "{labels:?}");
    assert_eq!(lines.iter().map(|line| line.layers.len()).sum::<usize>(), report.layers.len());
    assert!(notes(&lines).contains(&"add ← bn2, 0.relu2".to_owned()));
}

#[test]
fn notes_are_cut_where_room_is_short() {
    let report = residual();
    for (columns, collapse) in [(80, false), (120, false), (80, true)] {
        let look = Look { width: Some(columns), ..Look::default() };
        let text = terminal(&report, &View { collapse, ..View::default() }, look);
        let suffix = if collapse { "_collapsed" } else { "" };
        snapshot("summary", &format!("residual{suffix}_{columns}"), &text);
    }
    for columns in 20..130 {
        let look = Look { width: Some(columns), ..Look::default() };
        let text = terminal(&report, &View::default(), look);
        // The narrowest table is as wide as its numbers are.
        let widest = text.lines().map(width).max().unwrap();
        assert!(widest <= columns.max(60), "{columns}\n{text}");
    }
}

#[test]
fn a_sorted_table_has_no_line_before() {
    let report = residual();
    let view = View { top: Some(100), ..View::default() };
    let found = notes(&fold::tree(&report, &view));
    assert_eq!(found, ["aux → aux", "tail shared with head · → output"]);
}

#[test]
fn markdown_csv_and_json_say_it_too() {
    let report = residual();
    let view = View::default();
    let pages = [page(&report, &view)];
    snapshot("markdown", "residual", &markdown::render(&pages, false, Look::default()).unwrap());
    let text = csv::render(&pages, false, Look::default()).unwrap();
    let mut reader = ::csv::Reader::from_reader(text.as_bytes());
    let heads = reader.headers().unwrap().clone();
    let column = |key: &str| heads.iter().position(|head| head == key).unwrap();
    let records: Vec<::csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let add = &records[position(&report, "layer1.0.add")];
    assert_eq!(&add[column("from")], "layer1.0.bn2;layer1.0.downsample.1");
    assert_eq!(&add[column("op")], "add");
    let value: Value =
        serde_json::from_str(&json::render(&pages, false, Look::default()).unwrap()).unwrap();
    let layers = value["layers"].as_array().unwrap();
    let named = |name: &str| layers.iter().find(|layer| layer["name"] == name).unwrap();
    assert_eq!(
        named("layer1.1.add")["from"],
        serde_json::json!(["layer1.1.bn2", "layer1.0.relu2"])
    );
    assert_eq!(named("tail")["shared_with"], "head");
    assert_eq!(value["outputs"][0]["from"], "aux");
}

/// A trunk with two heads, of which one reads the network's input too far from it to be the line before.
fn heads() -> (cnnstat::graph::Graph, Report) {
    let mut builder = GraphBuilder::new("heads");
    let linear = |out_features| Op::from(Linear { out_features, bias: true });
    let image = builder.input("image", Shape::new(&[1, 8]).unwrap(), Some(0)).unwrap();
    let trunk = builder.layer("trunk.fc", linear(8), &[image]).unwrap()[0];
    let first = builder.layer("heads.first", linear(2), &[trunk]).unwrap()[0];
    let second = builder.layer("heads.second", linear(3), &[trunk]).unwrap()[0];
    let bypass = builder.layer("bypass", linear(4), &[image]).unwrap()[0];
    let outputs = [("output", second), ("side", first), ("same", image), ("last", bypass)];
    let graph = builder.finish(&outputs).unwrap();
    let analysis = analyze(&graph, &Options::default()).complete().unwrap();
    let report = report(&graph, &analysis, Caption::default());
    (graph, report)
}

#[test]
fn a_graph_says_who_makes_what() {
    let (_, report) = heads();
    let from = |at: usize| (report.layers[at].from[0].as_str(), report.layers[at].from_index[0]);
    assert_eq!(from(0), ("image", None));
    assert_eq!([from(1), from(2)], [("trunk.fc", Some(0)); 2]);
    assert_eq!(from(3), ("image", None));
    assert!(report.layers.iter().all(|layer| layer.shared_with.is_none()));
    let made: Vec<_> = report.outputs.iter().map(|o| (o.from.as_str(), o.from_index)).collect();
    let expected =
        [("heads.second", Some(2)), ("heads.first", Some(1)), ("image", None), ("bypass", Some(3))];
    assert_eq!(made, expected);
    let lines = fold::tree(&report, &View::default());
    let expected = ["first → side", "second ← trunk.fc · → output", "bypass ← image · → last"];
    assert_eq!(notes(&lines), expected);
    let text = terminal(&report, &View::default(), Look::default());
    for part in [
        "outputs: output 1×3, side 1×2, same 1×8, last 1×4\n",
        "←: where inputs come from, if not from the line before alone\n",
    ] {
        assert!(text.contains(part), "{part}{text}");
    }
    let columns = vec![find("name").unwrap(), find("params").unwrap()];
    let chosen = View { columns: Some(columns), ..View::default() };
    assert!(!terminal(&report, &chosen, Look::default()).contains('←'));
    let chain = described("model: m\ninput: [4]\nlayers: [relu]\n");
    assert!(!terminal(&chain, &View::default(), Look::default()).contains("outputs:"));
}

#[test]
fn of_several_inputs_the_first_is_named_too() {
    let mut builder = GraphBuilder::new("two");
    let [a, b] =
        ["a", "b"].map(|name| builder.input(name, Shape::new(&[1, 8]).unwrap(), Some(0)).unwrap());
    let linear = Linear { out_features: 8, bias: true };
    let x = builder.layer("x", linear.clone(), &[b]).unwrap()[0];
    let y = builder.layer("y", linear, &[a]).unwrap()[0];
    let graph = builder.finish(&[("x", x), ("y", y)]).unwrap();
    let analysis = analyze(&graph, &Options::default()).complete().unwrap();
    let report = report(&graph, &analysis, Caption::default());
    let found = notes(&fold::tree(&report, &View::default()));
    assert_eq!(found, ["x ← b · → x", "y ← a · → y"]);
    let nodes = explain::pick(&graph, "*");
    let sections = explain::derivations(&graph, &analysis, &report, &nodes);
    assert_eq!(sections[0].shapes, "b 1×8 → 1×8");
}

#[test]
fn explain_names_what_inputs_come_from() {
    let (graph, mut report) = heads();
    let analysis = analyze(&graph, &Options::default()).complete().unwrap();
    let shapes = |report: &Report| {
        let nodes = explain::pick(&graph, "*");
        let sections = explain::derivations(&graph, &analysis, report, &nodes);
        sections.into_iter().map(|section| section.shapes).collect::<Vec<_>>()
    };
    let expected = ["1×8 → 1×8", "1×8 → 1×2", "trunk.fc 1×8 → 1×3", "image 1×8 → 1×4"];
    assert_eq!(shapes(&report), expected);
    read(&mut report, "bypass", &["trunk.fc", "heads.first"]);
    assert_eq!(shapes(&report)[3], "trunk.fc 1×8, heads.first 1×2 → 1×4");
}

#[test]
fn short_names_mean_one_layer() {
    let mut report = described(
        "model: m\ninput: [4]\nlayers:\n  - a: [{x: [relu, relu]}, {y: [relu, {x: [relu]}, relu]}]\n",
    );
    // Beside `a.y.1`, `x.0` would be the one that is nearer.
    let names: Vec<&str> = report.layers.iter().map(|layer| layer.name.as_str()).collect();
    assert_eq!(names, ["a.x.0", "a.x.1", "a.y.0", "a.y.x.0", "a.y.2"]);
    read(&mut report, "a.y.2", &["a.x.0", "a.x.1", "a.y.x.0"]);
    let found = notes(&fold::tree(&report, &View::default()));
    assert_eq!(found, ["2 ← a.x.0, x.1, x.0"]);
}

#[test]
fn of_many_sources_the_first_are_named() {
    let mut report = described("model: m\ninput: [4]\nlayers: [repeat 8: relu, last: relu]\n");
    read(&mut report, "last", &["0", "1", "2", "3", "4", "5", "6"]);
    let found = notes(&fold::tree(&report, &View::default()));
    assert_eq!(found, ["last ← 0, 1, 2, 3, … 3 more"]);
}
