//! References, several inputs, shared layers, and descriptions carried out that have them.

use cnnstat::diag::{Code, Source};
use cnnstat::internals::lang;
use cnnstat::model::{Asked, Model};

use crate::common::{analysis, assert_expansion_is_equal, messages};
use crate::language::{codes, names, parse};

fn document(head: &str, items: &str) -> Model {
    parse(head, items).unwrap_or_else(|found| panic!("{items}: {:#?}", messages(&found)))
}

/// The names of what the last layer takes.
fn taken(head: &str, items: &str) -> Vec<String> {
    let graph = document(head, items).graph;
    let name = |value: &cnnstat::graph::ValueId| {
        let node = graph.nodes().iter().find(|node| node.outputs.contains(value));
        let input = graph.inputs().iter().find(|input| input.value == *value);
        node.map(|node| node.name.clone()).or(input.map(|input| input.name.clone())).unwrap()
    };
    graph.nodes().last().unwrap().inputs.iter().map(name).collect()
}

#[test]
fn references_are_what_a_layer_is_called_on() {
    assert_eq!(taken("", "  - a: relu\n  - b: tanh\n  - concat(@, @a)"), ["b", "a"]);
    assert_eq!(taken("", "  - a: relu\n  - b: tanh\n  - conv2d(@a, 3, 1)"), ["a"]);
    assert_eq!(taken("", "  - a: relu\n  - sub(@input, @)"), ["input", "a"]);
    assert_eq!(
        taken("", "  - s:\n      - relu\n      - tanh\n  - silu\n  - add(@s, @s.0)"),
        ["s.1", "s.0"]
    );
    assert_eq!(taken("vars: {i: 2}", "  - a2: relu\n  - tanh\n  - add(@, @a${i})"), ["1", "a2"]);
}

#[test]
fn a_path_is_looked_up_from_the_innermost_scope_outward() {
    let items = "  - a: relu\n  - s:\n      - a: tanh\n      - silu\n      - add(@, @a)";
    assert_eq!(taken("", items), ["s.1", "s.a"]);
    let items = "  - a: relu\n  - s:\n      - silu\n      - add(@, @a)";
    assert_eq!(taken("", items), ["s.0", "a"]);
}

#[test]
fn a_block_sees_its_names_and_inputs_and_no_others() {
    let head = "blocks:\n  up(@low, @skip, c):\n    - conv2d(c, 1)\n    - concat(@, @skip, @low)";
    assert_eq!(taken(head, "  - a: relu\n  - b: tanh\n  - up(@b, @a, 4)"), ["2.0", "a", "b"]);
    let head = "blocks:\n  inner:\n    - relu\n    - add(@, @a)";
    assert_eq!(codes(head, "  - a: relu\n  - inner"), [Code::E0316]);
    // An inline block's items stand in the caller's scope, and still do not see its names.
    let head = "blocks:\n  inline inner:\n    - b: relu\n    - tanh\n    - add(@, @b)";
    assert_eq!(taken(head, "  - a: relu\n  - inner"), ["2", "b"]);
    let head = "blocks:\n  inline inner:\n    - relu\n    - add(@, @a)";
    assert_eq!(codes(head, "  - a: relu\n  - inner"), [Code::E0316]);
}

#[test]
fn a_block_is_called_on_as_many_values_as_it_names() {
    let head = "blocks:\n  up(@low, @skip):\n    - add(@, @skip)\n  one(@x):\n    - add(@, @x)";
    assert_eq!(codes(head, "  - a: relu\n  - up"), [Code::E0407]);
    assert_eq!(codes(head, "  - a: relu\n  - up(@a)"), [Code::E0407]);
    assert_eq!(codes(head, "  - a: relu\n  - one(@a, @)"), [Code::E0407]);
    assert_eq!(taken(head, "  - a: relu\n  - one"), ["a", "a"]);
}

#[test]
fn identity_moves_to_a_value_and_may_name_it() {
    let items = "  - a: relu\n  - b: tanh\n  - identity(@a)\n  - silu";
    assert_eq!(names("", items), ["a", "b", "2"]);
    assert_eq!(taken("", items), ["a"]);
    assert_eq!(
        taken("", "  - relu\n  - skip: identity(@)\n  - tanh\n  - add(@, @skip)"),
        ["1", "0"]
    );
}

#[test]
fn shapes_of_other_values_can_be_asked() {
    let items =
        "  - a: conv2d(6, 3, stride=2)\n  - conv2d(channels(@a) * 2, 1)\n  - crop(shape(@a)[1:])";
    let document = document("", items);
    assert_eq!(analysis(&document).rows[1].outputs[0].dims(), [1, 12, 3, 3]);
    assert_eq!(codes("vars: {n: channels(@)}", "  - relu"), [Code::E0316]);
    assert_eq!(codes("", "  - conv2d(channels(@missing), 1)"), [Code::E0316]);
}

#[test]
fn an_ambiguous_reference_lists_its_candidates() {
    let items = "  - act: relu\n  - conv2d(4, 1)\n  - act: relu\n  - add(@, @act)";
    let found = parse("", items).unwrap_err();
    assert_eq!((found.len(), found[0].code, found[0].labels.len()), (1, Code::E0319, 3));
}

#[test]
fn a_reference_to_what_could_not_be_made_is_no_second_fault() {
    assert_eq!(codes("", "  - a: conv2d(4, 99)\n  - add(@, @a)"), [Code::E0502]);
    let skipped = "  - for i in 3:\n      - a${i}: relu\n  - add(@, @a1)";
    assert_eq!(codes("", skipped), [Code::E0308]);
}

#[test]
fn several_inputs_are_named_and_each_is_used() {
    let head = "input: {left: [4, 8, 8], right: [2, 8, 8]}";
    assert_eq!(taken(head, "  - concat(@, @right)"), ["left", "right"]);
    assert_eq!(codes(head, "  - relu"), [Code::E0318]);
}

#[test]
fn a_shared_layer_counts_its_parameters_once_and_its_work_each_time() {
    let head = "input: {left: [4, 8, 8], right: [4, 8, 8]}";
    let items = "  - tower:\n      - conv2d(2, 3)\n      - residual: conv2d(2, 1)\n  - share(@right, 'tower')\n  \
                 - sub(@tower, @)";
    let document = document(head, items);
    let all: Vec<&str> = document.graph.nodes().iter().map(|node| node.name.as_str()).collect();
    let expected =
        ["tower.0", "tower.1", "tower.add", "tower_2.0", "tower_2.1", "tower_2.add", "sub"];
    assert_eq!(all, expected);
    let totals = analysis(&document).totals;
    assert_eq!(totals.params, (4 * 2 * 9 + 2) + (2 * 2 + 2));
    assert_eq!(totals.work.macs, 2 * (4 * 2 * 9 + 2 * 2) * 36);
}

#[test]
fn sharing_is_told_what_is_wrong_with_it() {
    let of = |items: &str| codes("", items);
    assert_eq!(of("  - a: conv2d(4, 1)\n  - share(@, 'b')"), [Code::E0316]);
    assert_eq!(of("  - a: conv2d(8, 1)\n  - share(@, 'a')"), [Code::E0504]);
    assert_eq!(of("  - a: conv2d(4, 1)\n  - share"), [Code::E0402]);
    assert_eq!(of("  - a: conv2d(4, 1)\n  - share(@, 3)"), [Code::E0405]);
    assert_eq!(of("  - a: conv2d(4, 1)\n  - share(@, @a, 'a')"), [Code::E0407]);
}

/// Each needs references, names that could mean another, sharing, or outputs in the middle.
#[test]
fn what_is_carried_out_is_the_same_network() {
    let twins = "model: m\ninput: {left: [4, 8, 8], right: [4, 8, 8]}\nlayers:\n  - tower:\n      - conv2d(2, 3)\n      \
                 - relu\n      - residual: conv2d(2, 1)\n  - again: share(@right, 'tower')\n  - sub(@tower, @again)\n";
    let of = |items: &str| format!("model: m\ninput: [4, 8, 8]\nlayers:\n{items}");
    let texts = [
        twins.to_owned(),
        of(
            "  - residual: {a: \"conv2d(4, 1)\"}\n  - residual: {b: \"conv2d(4, 1)\"}\n  - side: [{x: relu}, {y: tanh}]\n",
        ),
        of("  - act: relu\n  - conv2d(4, 1)\n  - act: relu\n  - residual: conv2d(4, 1)\n"),
        of(
            "  - s:\n      - s: {a: \"conv2d(4, 1)\"}\n      - a: conv2d(4, 1)\n      - add(@s.a, @a)\n  - add(@, @s.a)\n",
        ),
        of("  - a: relu\n  - input: conv2d(4, 1)\n  - tanh\n  - add(@, @a)\n  - identity(@a)\n"),
        of(
            "  - ups.0: conv2d(4, 1)\n  - x: relu\n  - ups.1: conv2d(4, 1)\n  - add(@ups.0, @)\n  - mul(@, @x)\n",
        ),
        of(
            "  - mul:\n      - identity\n      - - adaptive_avgpool2d(1)\n        - conv2d(4, 1)\n  - identity\n",
        ),
        of(
            "  - a: conv2d(4, 1)\n  - side: [{low: relu}]\n  - b: tanh\n  - side: [{high: identity}]\n",
        ),
    ];
    for text in texts {
        let source = Source::new(text.clone(), text);
        let document = lang::parse(&source, &Asked::default())
            .unwrap_or_else(|found| panic!("{}: {:#?}", source.name, messages(&found)));
        assert_expansion_is_equal(&document);
        let again = Source::new("again", lang::expand(&document));
        let again = lang::parse(&again, &Asked::default()).unwrap();
        let outputs = |document: &Model| {
            let outputs = document.graph.outputs().iter();
            outputs.map(|output| (output.name.clone(), output.value)).collect::<Vec<_>>()
        };
        let wires = |document: &Model| {
            let nodes = document.graph.nodes().iter();
            nodes.map(|node| (node.inputs.clone(), node.weights)).collect::<Vec<_>>()
        };
        assert_eq!(outputs(&again), outputs(&document), "{}", lang::expand(&document));
        assert_eq!(wires(&again), wires(&document), "{}", lang::expand(&document));
    }
}
