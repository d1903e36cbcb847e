//! Branches and joins: what they are made of, how they are called, what they yield; side outputs.

use cnnstat::Shape;
use cnnstat::diag::Code;
use cnnstat::model::Model;

use crate::common::{analysis, messages};
use crate::language::{codes, names, parse};

fn document(head: &str, items: &str) -> Model {
    parse(head, items).unwrap_or_else(|found| panic!("{items}: {:#?}", messages(&found)))
}

/// Each layer with the names of the layers it takes, `in` for the input: `add < conv1 in`.
fn wiring(items: &str) -> Vec<String> {
    let graph = document("", items).graph;
    let source = |value: &cnnstat::graph::ValueId| {
        let by = graph.nodes().iter().find(|node| node.outputs.contains(value));
        by.map_or("in", |node| node.name.as_str()).to_owned()
    };
    let line = |node: &cnnstat::graph::Node| {
        let from: Vec<String> = node.inputs.iter().map(source).collect();
        format!("{} < {}", node.name, from.join(" "))
    };
    graph.nodes().iter().map(line).collect()
}

/// Names and shapes of the outputs.
fn outputs(items: &str) -> Vec<(String, Shape)> {
    let document = document("", items);
    let shapes = analysis(&document).shapes;
    let outputs = document.graph.outputs().iter();
    outputs.map(|output| (output.name.clone(), shapes[output.value.index()].unwrap())).collect()
}

#[test]
fn a_residual_adds_its_body_and_what_arrived() {
    let items = "  - residual:\n      - conv1: conv2d(4, 1)\n      - relu\n  - tanh";
    assert_eq!(wiring(items), ["conv1 < in", "1 < conv1", "add < 1 in", "2 < add"]);
    assert_eq!(wiring("  - residual: conv2d(4, 1)"), ["0 < in", "add < 0 in"]);
}

#[test]
fn a_shortcut_runs_when_it_is_written_and_is_added_last() {
    let first = "  - shortcut: {s: \"conv2d(4, 1)\"}\n    residual: {r: \"conv2d(4, 1)\"}";
    assert_eq!(wiring(first), ["s < in", "r < in", "add < r s"]);
    let last = "  - residual: {r: \"conv2d(4, 1)\"}\n    shortcut: {s: \"conv2d(4, 1)\"}";
    assert_eq!(wiring(last), ["r < in", "s < in", "add < r s"]);
    let identity = "  - residual: {r: \"conv2d(4, 1)\"}\n    shortcut: identity";
    assert_eq!(wiring(identity), ["r < in", "add < r in"]);
    // An `if` that does not hold leaves the value itself.
    let nothing =
        "  - residual: {r: \"conv2d(4, 1)\"}\n    shortcut:\n      - if false: conv2d(4, 1)";
    assert_eq!(wiring(nothing), ["r < in", "add < r in"]);
}

#[test]
fn branches_are_items_or_lists_or_come_from_controls() {
    let items = "  - concat:\n      - identity\n      - a: conv2d(4, 1)\n      - - b: conv2d(4, 1)\n        - c: relu\n      \
                 - for k in [1, 3]:\n          - k${k}: conv2d(2, k, padding=k // 2)\n      - if false: relu";
    let expected = ["a < in", "b < in", "c < b", "k1 < in", "k3 < in", "concat < in a c k1 k3"];
    assert_eq!(wiring(items), expected);
    assert_eq!(outputs(items), [("output".to_owned(), Shape::new(&[1, 16, 8, 8]).unwrap())]);
}

#[test]
fn a_loop_among_branches_yields_a_branch_for_each_item_of_its_body() {
    let items = "  - add:\n      - repeat 2:\n          - conv2d(4, 1)\n          - - conv2d(4, 1)\n            - relu";
    let expected = ["0 < in", "1 < in", "2 < 1", "3 < in", "4 < in", "5 < 4", "add < 0 2 3 5"];
    assert_eq!(wiring(items), expected);
}

#[test]
fn one_branch_left_by_a_condition_is_that_branch() {
    let block =
        "  - add:\n      - if false: identity\n      - - conv2d(8, 1)\n        - relu\n  - tanh";
    assert_eq!(wiring(block), ["0 < in", "1 < 0", "2 < 1"]);
    assert_eq!(codes("", "  - add:\n      - conv2d(8, 1)"), [Code::E0320]);
    assert_eq!(codes("", "  - add: []"), [Code::E0320]);
    assert_eq!(codes("", "  - add:\n      - if false: relu"), [Code::E0320]);
}

#[test]
fn joins_open_no_scope_and_take_no_position() {
    let items = "  - relu\n  - residual:\n      - conv2d(4, 1)\n      - concat:\n          - conv2d(2, 1)\n          \
                 - conv2d(2, 1)\n  - tanh\n  - residual: silu";
    let expected = ["0", "1", "2", "3", "concat", "add", "4", "5", "add_2"];
    assert_eq!(names("", items), expected);
    let scoped =
        "  - a:\n      - residual: relu\n  - b:\n      - residual: relu\n      - residual: relu";
    assert_eq!(names("", scoped), ["a.0", "a.add", "b.0", "b.add", "b.1", "b.add_2"]);
}

#[test]
fn shapes_that_do_not_broadcast_are_told_with_the_axis() {
    let found = parse("", "  - residual: conv2d(8, 1)").unwrap_err();
    let [only] = found.as_slice() else { panic!("{:?}", messages(&found)) };
    assert_eq!(only.code, Code::E0510);
    for part in ["1×8×8×8", "1×4×8×8", "axis 1"] {
        assert!(only.message.contains(part), "{part}: {}", only.message);
    }
    let gate =
        "  - mul:\n      - identity\n      - - adaptive_avgpool2d(1)\n        - conv2d(4, 1)";
    assert_eq!(outputs(gate), [("output".to_owned(), Shape::new(&[1, 4, 8, 8]).unwrap())]);
}

#[test]
fn a_fault_in_a_branch_is_the_only_one() {
    assert_eq!(codes("", "  - residual: conv2d(8, 9)\n  - conv2d(1, 1)"), [Code::E0502]);
    assert_eq!(
        codes("", "  - concat:\n      - for c in 3:\n          - relu\n      - relu"),
        [Code::E0308]
    );
}

#[test]
fn side_branches_are_outputs_and_the_value_stays() {
    let items = "  - a: conv2d(2, 1)\n  - side:\n      - low: conv2d(3, 1)\n  - b: conv2d(5, 1)";
    let shape = |c| Shape::new(&[1, c, 8, 8]).unwrap();
    let expected = [("low".to_owned(), shape(3)), ("output".to_owned(), shape(5))];
    assert_eq!(outputs(items), expected);
    assert_eq!(wiring(items), ["a < in", "low < a", "b < a"]);
    // Where a side comes last, the value left is none.
    let last = "  - a: conv2d(2, 1)\n  - side:\n      - p: conv2d(3, 1)\n      - q: conv2d(4, 1)";
    assert_eq!(outputs(last), [("p".to_owned(), shape(3)), ("q".to_owned(), shape(4))]);
    let inside = "  - s:\n      - a: conv2d(2, 1)\n      - for i in range(2):\n          - side:\n              - h${i}: relu";
    assert_eq!(outputs(inside).len(), 2);
}

#[test]
fn a_block_with_branches_is_called_like_any() {
    let head = "blocks:\n  unit(c, stride=1):\n    - residual:\n        - conv2d(c, 3, stride=stride, padding=1)\n      \
                shortcut:\n        - if stride != 1 or channels(@) != c: conv2d(c, 1, stride=stride)\n    - relu";
    let items = "  - unit(4)\n  - unit(8, stride=2)";
    let expected = ["0.0", "0.add", "0.1", "1.0", "1.1", "1.add", "1.2"];
    assert_eq!(names(head, items), expected);
}
