//! Equal neighbours shown once: every layer is still counted exactly once, and what differs in anything is not collapsed.

use std::collections::BTreeSet;

use cnnstat::internals::report::columns::{self, COLUMNS};
use cnnstat::internals::report::fold;
use cnnstat::internals::report::line::{Line, What};
use cnnstat::internals::report::view::View;
use cnnstat::report::model::Report;
use cnnstat::report::{Caption, report};
use cnnstat::{Options, analyze, parse_graph};

use crate::common::{analysis, network};
use crate::run::{page, run, snapshot, zoo};

/// The report of a description.
pub fn described(text: &str) -> Report {
    let graph = parse_graph(text).unwrap_or_else(|error| panic!("{text}\n{error}"));
    report(&graph, &analyze(&graph, &Options::default()).complete().unwrap(), Caption::default())
}

/// Three stages of four equal blocks, each of two equal convolutions.
const NESTED: &str = "
model: nested
input: [8, 16, 16]
blocks:
  block:
    - conv1: conv2d(8, 3, padding=1)
    - conv2: conv2d(8, 3, padding=1)
    - act: relu
layers:
  - stem: conv2d(8, 3, padding=1)
  - for i in range(3):
      - stage${i}:
          - repeat 4: block
  - flatten
  - linear(10)
";

/// Layers below a name of this many parts.
const DEEP: usize = 60;

fn deep() -> Report {
    let scopes: Vec<String> = (0..DEEP).map(|level| format!("a{level}")).collect();
    let layer = |i: usize| format!("  - {}.{i}: linear(4)\n", scopes[..DEEP - i % 3].join("."));
    let layers: String = (0..9).map(layer).collect();
    described(&format!("model: deep\ninput: [4]\nlayers:\n{layers}"))
}

fn collapsed(depth: Option<usize>) -> View {
    View { depth, collapse: true, ..View::default() }
}

fn labels(lines: &[Line<'_>]) -> Vec<String> {
    lines.iter().map(|line| line.label.clone()).collect()
}

/// Every layer is in exactly one line, and every column of numbers sums to its total.
fn assert_whole(report: &Report, view: &View) {
    for lines in [fold::tree(report, view), fold::flat(report, view)] {
        let mut layers: Vec<usize> =
            lines.iter().flat_map(|line| &line.layers).map(|layer| layer.index).collect();
        layers.sort_unstable();
        let all: Vec<usize> = (0..report.layers.len()).collect();
        assert_eq!(layers, all, "{}: {view:?}", report.model);
        for column in COLUMNS.iter().filter(|column| column.sums()) {
            let sum: u64 =
                lines.iter().filter_map(|line| column.value(line, report).number()).sum();
            let total = column.value(&fold::total(report), report).number();
            assert_eq!(Some(sum), total, "{} of {}: {view:?}", column.key, report.model);
        }
    }
}

#[test]
fn every_layer_counts_once_at_every_depth() {
    let zoo = zoo().into_iter().map(|name| {
        let document = network(name);
        report(&document.graph, &analysis(&document), Caption::default())
    });
    for report in zoo.chain([described(NESTED), deep()]) {
        let depths = report.layers.iter().map(|layer| layer.name.split('.').count());
        let deepest = depths.max().unwrap();
        for depth in (0..=deepest + 1).map(Some).chain([None]) {
            for collapse in [false, true] {
                let view = View { depth, collapse, ..View::default() };
                assert_whole(&report, &view);
                let sort = columns::find("params");
                assert_whole(&report, &View { sort, top: Some(3), ..view });
            }
        }
    }
}

/// Nothing is to be said of inputs in a chain, folded and collapsed or not.
#[test]
fn chains_have_no_notes() {
    for name in ["alexnet", "vgg16", "vgg19_bn", "mobilenet_v1", "custom_cnn_bn"] {
        let document = network(name);
        let report = report(&document.graph, &analysis(&document), Caption::default());
        for depth in [None, Some(0), Some(1), Some(2)] {
            for collapse in [false, true] {
                let view = View { depth, collapse, ..View::default() };
                let mut lines = fold::tree(&report, &view);
                lines.extend(fold::flat(&report, &view));
                assert!(lines.iter().all(|line| line.note.is_empty()), "{name}: {lines:?}");
            }
        }
    }
    let report = described(NESTED);
    for line in fold::tree(&report, &collapsed(None)) {
        assert_eq!(line.note, "", "{}", line.label);
    }
}

#[test]
fn blocks_in_blocks_are_collapsed_at_every_level() {
    let report = described(NESTED);
    let tree = fold::tree(&report, &collapsed(None));
    let expected =
        ["stem", "stage0 … 2 × 3", "  0 … 3 × 4", "    conv1 … 2 × 2", "    act", "4", "5"];
    assert_eq!(labels(&tree), expected);
    assert_eq!((tree[3].copies, tree[3].what, tree[3].layers.len()), (24, What::Layer, 24));
    let params = columns::find("params").unwrap();
    assert_eq!(params.value(&tree[3], &report).number(), Some(24 * (3 * 3 * 8 * 8 + 8)));
    let folded = fold::tree(&report, &collapsed(Some(1)));
    assert_eq!(labels(&folded), ["stem", "stage0 … 2 × 3", "4", "5"]);
    assert_eq!((folded[1].what, folded[1].layers.len()), (What::Folded, 36));
    let whole = labels(&fold::flat(&report, &collapsed(None)));
    assert_eq!(whole[1], "stage0 … 2.0 … 3.conv1 … 2 × 24");
    assert_eq!(whole[2], "stage0 … 2.0 … 3.act × 12");
}

#[test]
fn what_repeats_are_called() {
    let chain = |layers: &str| {
        let report = described(&format!("model: m\ninput: [4, 8, 8]\nlayers: [{layers}]\n"));
        labels(&fold::tree(&report, &collapsed(None)))
    };
    assert_eq!(chain("relu, relu, relu, relu"), ["0 … 3 × 4"]);
    assert_eq!(chain("relu, tanh, relu, tanh"), ["0, 2 × 2", "1, 3 × 2"]);
    let three = "relu, tanh, relu, tanh, relu, tanh";
    assert_eq!(chain(three), ["0, 2 … 4 × 3", "1, 3 … 5 × 3"]);
    // The pattern begins where the whole of it is repeated to the end.
    assert_eq!(chain(&format!("tanh, {three}")), ["0", "1, 3 … 5 × 3", "2, 4 … 6 × 3"]);
    assert_eq!(chain("a: relu, b: relu"), ["a … b × 2"]);
    assert_eq!(chain("conv8: relu, conv9: relu, conv10: relu"), ["conv8 … 10 × 3"]);
    assert_eq!(chain("relu, tanh, sigmoid"), ["0", "1", "2"]);
}

/// What is done to a report.
type Change = fn(&mut Report);

/// Two blocks with one thing changed in the second.
fn two(change: impl Fn(&mut Report)) -> Vec<String> {
    let block = "[{conv: 'conv2d(4, 3, padding=1)'}, {act: relu}]";
    let layers = format!("[{{a: {block}}}, {{b: {block}}}]");
    let mut report = described(&format!("model: m\ninput: [4, 8, 8]\nlayers: {layers}\n"));
    change(&mut report);
    let lines = fold::tree(&report, &collapsed(Some(1)));
    assert_eq!(lines.iter().map(|line| line.layers.len()).sum::<usize>(), 4);
    labels(&lines)
}

#[test]
fn what_differs_in_anything_is_not_collapsed() {
    let once = ["a … b × 2"];
    assert_eq!(two(|_| ()), once);
    let changes: [(&str, Change); 9] = [
        ("name", |r| r.layers[2].name = "b.conv1".to_owned()),
        ("operator", |r| r.layers[3].op = "tanh".to_owned()),
        ("arguments", |r| r.layers[2].call.push_str(", dilation=1")),
        ("input", |r| r.layers[3].inputs[0] = Some(vec![5])),
        ("output", |r| r.layers[3].outputs[0] = Some(vec![7])),
        ("counts", |r| r.layers[2].counts.trainable -= 1),
        ("tensors", |r| r.layers[2].shared_with = Some("stem".to_owned())),
        ("source inside", |r| {
            r.layers[3].from = vec!["a.act".to_owned()];
            r.layers[3].from_index = vec![Some(1)];
        }),
        ("source outside", |r| {
            r.layers[2].from = vec!["a.conv".to_owned()];
            r.layers[2].from_index = vec![Some(0)];
        }),
    ];
    for (what, change) in changes {
        assert_eq!(two(change), ["a", "b"], "{what}");
    }
    // Branches from the same value are as equal as links of a chain.
    let branch = |r: &mut Report| {
        r.layers[2].from = vec!["input".to_owned()];
        r.layers[2].from_index = vec![None];
    };
    assert_eq!(two(branch), once);
    // What two equal blocks share inside of each is no difference.
    let inside = |r: &mut Report| {
        r.layers[1].shared_with = Some("a.conv".to_owned());
        r.layers[3].shared_with = Some("b.conv".to_owned());
    };
    assert_eq!(two(inside), once);
}

#[test]
fn a_chain_does_not_turn_into_branches() {
    let mut report = described("model: m\ninput: [4]\nlayers: [relu, relu, relu, relu]\n");
    // The third and the fourth read what the first makes, beside the second.
    for layer in &mut report.layers[2..] {
        layer.from = vec!["0".to_owned()];
        layer.from_index = vec![Some(0)];
    }
    let lines = fold::tree(&report, &collapsed(None));
    assert_eq!(labels(&lines), ["0 … 1 × 2", "2 … 3 × 2"]);
    assert_eq!(lines[1].note, "← 0");
}

#[test]
fn what_differs_between_repeats_is_not_shown() {
    let report = described(NESTED);
    let lines = fold::tree(&report, &collapsed(None));
    let shown = |key: &str, line: usize| {
        let column = columns::find(key).unwrap();
        column.value(&lines[line], &report).show(cnnstat::internals::report::grid::Numbers::Exact)
    };
    let keys = ["index", "from", "receptive_field", "input", "args", "op"];
    let of = |line: usize| keys.map(|key| shown(key, line));
    assert_eq!(of(0), ["0", "input", "3×3", "1×8×16×16", "8, 3, padding=1", "conv2d"]);
    assert_eq!(of(3), ["", "", "", "1×8×16×16", "8, 3, padding=1", "conv2d"]);
}

#[test]
fn collapsed_tables() {
    for width in [80, 120] {
        let table = page(&format!("mobilenet_v1 --collapse --depth 2 --width {width}"));
        snapshot("summary", &format!("mobilenet_v1_collapsed_{width}"), &table);
        assert!(table.contains("block7 … 11 × 5"), "{table}");
        assert!(table.contains("× n: n equal blocks or layers, their sums shown"), "{table}");
    }
    snapshot("summary", "vgg16_collapsed_80", &page("vgg16 --collapse --width 80"));
    for (name, options) in [("resnet50", ""), ("siamese", ""), ("yolov3", "--depth 2")] {
        for width in [80, 120] {
            let table = page(&format!("{name} --collapse --width {width} {options}"));
            snapshot("summary", &format!("{name}_collapsed_{width}"), &table);
        }
    }
    let markdown = page("vgg16 --collapse --format markdown");
    snapshot("markdown", "vgg16_collapsed", &markdown);
    // What has no repeats is as it was, without a word about them.
    assert_eq!(page("alexnet --collapse"), page("alexnet"));
    let sorted = page("mobilenet_v1 --collapse --depth 1 --top 2");
    assert!(sorted.contains("\nblock7 … 11 × 5  "), "{sorted}");
}

#[test]
fn formats_with_a_row_for_each_layer_refuse_it() {
    for format in ["csv", "json"] {
        let run = run(&format!("vgg16 --collapse --format {format}"));
        assert_eq!((run.status, run.stdout.as_str()), (2, ""));
        assert!(run.stderr.contains("--collapse cannot be used"), "{}", run.stderr);
    }
}

#[test]
fn names_of_any_depth_are_folded() {
    let report = deep();
    for depth in [1, 30, DEEP - 1, DEEP, DEEP + 1] {
        let view = View { depth: Some(depth), ..View::default() };
        let names: BTreeSet<usize> =
            fold::flat(&report, &view).iter().map(|line| line.label.split('.').count()).collect();
        assert!(names.iter().all(|parts| *parts <= depth), "{depth}: {names:?}");
    }
    assert_eq!(fold::flat(&report, &View { depth: Some(1), ..View::default() }).len(), 1);
}
