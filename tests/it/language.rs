//! The language's rules one by one: names and scopes, layers as values, blocks, variants, torch's own calls, and how
//! faults are told. `values.rs` has expressions, `limits.rs` what is too much or no description at all.

use cnnstat::diag::{At, Code, Diagnostic, Source};
use cnnstat::internals::lang;
use cnnstat::model::{Asked, Model};

use crate::common::{analysis, messages};

/// A description with this head and these items; lines of items are indented as they stand.
pub fn parse(head: &str, items: &str) -> Result<Model, Vec<Diagnostic>> {
    choose(head, items, &Asked::default())
}

fn choose(head: &str, items: &str, choices: &Asked) -> Result<Model, Vec<Diagnostic>> {
    lang::parse(&source(head, items), choices)
}

fn source(head: &str, items: &str) -> Source {
    let input = if head.contains("input:") { "" } else { "input: [4, 8, 8]\n" };
    let text = format!("model: m\n{input}{head}\nlayers:\n{items}\n");
    Source::new("m", text)
}

fn document(head: &str, items: &str) -> Model {
    parse(head, items).unwrap_or_else(|found| panic!("{items}: {:#?}", messages(&found)))
}

/// Names of the layers.
pub fn names(head: &str, items: &str) -> Vec<String> {
    document(head, items).graph.nodes().iter().map(|node| node.name.clone()).collect()
}

/// Layers as calls: `conv2d(8, 3)`.
fn calls(head: &str, items: &str) -> Vec<String> {
    let document = document(head, items);
    let nodes = document.graph.nodes().iter();
    nodes.map(|node| format!("{}({})", node.op.name(), node.op.args_text())).collect()
}

fn faults(head: &str, items: &str) -> Vec<Diagnostic> {
    match parse(head, items) {
        Ok(_) => panic!("{items}: no fault"),
        Err(found) => found,
    }
}

/// Codes of the faults, in the order they are found.
pub fn codes(head: &str, items: &str) -> Vec<Code> {
    faults(head, items).iter().map(|fault| fault.code).collect()
}

/// The texts that a fault points at.
fn pointed(head: &str, items: &str) -> Vec<String> {
    let text = source(head, items).text;
    let fault = faults(head, items).swap_remove(0);
    let labels = fault.labels.iter().map(|label| match label.at {
        At::Bytes(span) => text[span.start..span.end].to_owned(),
        other => panic!("not resolved: {other:?}"),
    });
    labels.collect()
}

#[test]
fn a_layer_is_called_by_its_position_and_naming_one_shifts_no_other() {
    assert_eq!(names("", "  - relu\n  - tanh\n  - silu"), ["0", "1", "2"]);
    assert_eq!(names("", "  - relu\n  - act: tanh\n  - silu"), ["0", "act", "2"]);
    assert_eq!(names("", "  - relu\n  - act: [tanh]\n  - silu"), ["0", "act.0", "2"]);
}

#[test]
fn sequences_and_nested_lists_open_scopes_and_controls_do_not() {
    let items = "  - relu\n  - a:\n      - tanh\n      - b: silu\n  - - mish\n    - - gelu\n  - if true: elu\n  \
                 - repeat 2: relu\n  - for i in range(2):\n      - tanh";
    let expected = ["0", "a.0", "a.b", "2.0", "2.1.0", "3", "4", "5", "6", "7"];
    assert_eq!(names("", items), expected);
}

#[test]
fn dots_in_a_key_open_scopes_and_a_number_may_be_written() {
    assert_eq!(names("", "  - a.b.c: relu\n  - a.b.d: relu\n  - relu"), ["a.b.c", "a.b.d", "2"]);
    assert_eq!(names("", "  - 7: relu\n  - relu"), ["7", "1"]);
    assert_eq!(names("vars: {i: 3}", "  - up${i + 1}.x${i:03}-y: relu"), ["up4.x003-y"]);
}

#[test]
fn a_block_call_opens_a_scope_and_an_inline_block_does_not() {
    let head =
        "blocks:\n  two:\n    - relu\n    - t: tanh\n  inline flat:\n    - relu\n    - t: tanh";
    assert_eq!(names(head, "  - two\n  - x: two()\n  - silu"), ["0.0", "0.t", "x.0", "x.t", "2"]);
    assert_eq!(names(head, "  - silu\n  - flat\n  - silu"), ["0", "1", "t", "3"]);
    assert_eq!(names(head, "  - x: flat"), ["x.0", "x.t"], "a name opens a scope around a helper");
}

#[test]
fn the_naming_template_names_what_has_no_name() {
    let head = "naming: ${type}_${index:02}";
    let items = "  - net:\n      - conv2d(8, 3)\n      - act: relu\n      - maxpool2d(2)";
    assert_eq!(names(head, items), ["net.conv2d_00", "net.act", "net.maxpool2d_02"]);
}

#[test]
fn two_layers_of_one_name_show_both_places_unless_they_have_no_parameters() {
    assert_eq!(names("", "  - a: relu\n  - a: tanh"), ["a", "a"]);
    for items in [
        "  - a: conv2d(4, 1)\n  - a: conv2d(4, 1)",
        "  - a: relu\n  - a: conv2d(4, 1)",
        "  - a: conv2d(4, 1)\n  - a: [conv2d: relu]",
        "  - relu\n  - conv2d(4, 1)\n  - 1: conv2d(4, 1)",
        "  - a: {b: 'conv2d(4, 1)'}\n  - a: {c: 'conv2d(4, 1)'}",
        "  - a.b: conv2d(4, 1)\n  - a: conv2d(4, 1)",
        "  - a: conv2d(4, 1)\n  - a.b: conv2d(4, 1)",
        "  - a.b: conv2d(4, 1)\n  - a: {b: 'conv2d(4, 1)'}",
        "  - a: {b: 'conv2d(4, 1)'}\n  - a.b: conv2d(4, 1)",
        "  - a.b.c: conv2d(4, 1)\n  - a.b: {c: 'conv2d(4, 1)'}",
        "  - a.b: {c: 'conv2d(4, 1)'}\n  - a.b.c: conv2d(4, 1)",
        "  - a: {b.c: 'conv2d(4, 1)'}\n  - a.b.c: conv2d(4, 1)",
    ] {
        assert_eq!(codes("", items), [Code::E0314], "{items}");
        assert_eq!(faults("", items)[0].labels.len(), 2, "{items}");
    }
    assert_eq!(pointed("", "  - ab: conv2d(4, 1)\n  - relu\n  - ab: relu"), ["ab", "ab"]);
    let dotted = &faults("", "  - a.b: conv2d(4, 1)\n  - a.b: conv2d(4, 1)")[0];
    assert_eq!(dotted.message, "two layers are called `a.b`");
}

#[test]
fn an_expansion_keeps_every_name() {
    for items in [
        "  - a: relu\n  - a.b: tanh",
        "  - a.b: conv2d(4, 1)\n  - c: relu\n  - a.d: conv2d(4, 1)\n  - a.b2.0: conv2d(4, 1)",
        "  - a: {b: {c: relu}}\n  - a.b: [tanh, silu]\n  - 02: relu\n  - 1: relu",
        "  - 3: [relu, relu]\n  - relu\n  - - - conv2d(4, 1)\n    - 'true': relu",
        "  - a: relu\n  - a: [tanh, silu]\n  - a: relu",
    ] {
        crate::common::assert_expansion_is_equal(&document("", items));
    }
    let types = document("naming: x.${type}", "  - relu\n  - tanh\n  - y: [relu, tanh]");
    crate::common::assert_expansion_is_equal(&types);
}

#[test]
fn a_layer_is_a_value_with_or_without_arguments() {
    let head = "vars: {unit: conv2d, act: 'leaky_relu(0.2)', none_at_all: none}";
    assert_eq!(
        calls(head, "  - unit(8, 3)\n  - act"),
        ["conv2d(8, 3)", "leaky_relu(negative_slope=0.2)"]
    );
    let block = "blocks:\n  wrap(inner, act=relu):\n    - inner(5, 3)\n    - if act: act";
    assert_eq!(calls(block, "  - wrap(conv2d)"), ["conv2d(5, 3)", "relu()"]);
    assert_eq!(calls(block, "  - wrap(conv2d, none)"), ["conv2d(5, 3)"]);
    assert_eq!(calls(block, "  - wrap(act=tanh, inner=conv2d)"), ["conv2d(5, 3)", "tanh()"]);
}

#[test]
fn a_held_layer_takes_further_arguments() {
    let head = "vars: {pointwise: 'conv2d(kernel_size=1)', six: conv2d(6)}";
    assert_eq!(
        calls(head, "  - pointwise(out_channels=9)\n  - six(3, bias=false)"),
        ["conv2d(9, 1)", "conv2d(6, 3, bias=false)"]
    );
}

#[test]
fn a_variable_that_holds_no_layer_is_passed_over_in_a_call() {
    let head = "vars: {dropout: 0.2, relu: 7}";
    assert_eq!(calls(head, "  - dropout(dropout)\n  - relu"), ["dropout(p=0.2)", "relu()"]);
    assert_eq!(codes("vars: {blur: 3}", "  - blur(3)"), [Code::E0307]);
}

#[test]
fn defaults_see_what_arrives_and_the_arguments_before_them() {
    let head = "blocks:\n  squeeze(c=channels(@), half=c // 2):\n    - conv2d(half, 1)\n    - conv2d(c, 1)";
    assert_eq!(calls(head, "  - squeeze"), ["conv2d(2, 1)", "conv2d(4, 1)"]);
    assert_eq!(calls(head, "  - squeeze(10)"), ["conv2d(5, 1)", "conv2d(10, 1)"]);
    assert_eq!(calls(head, "  - squeeze(half=1)"), ["conv2d(1, 1)", "conv2d(4, 1)"]);
    assert_eq!(calls("", "  - linear(shape(@)[-1] * channels(@))"), ["linear(32)"]);
}

#[test]
fn a_block_sees_variables_and_its_arguments_but_nothing_of_its_caller() {
    let head = "vars: {c: 3}\nblocks:\n  sees:\n    - conv2d(c, 1)\n  hidden:\n    - conv2d(i, 1)";
    assert_eq!(calls(head, "  - for c in [7]:\n      - sees"), ["conv2d(3, 1)"]);
    assert_eq!(codes(head, "  - for i in [7]:\n      - hidden"), [Code::E0305]);
    let nested = "blocks:\n  outer(i):\n    - inner\n  inner:\n    - conv2d(i, 1)";
    assert_eq!(codes(nested, "  - outer(3)"), [Code::E0305]);
    assert_eq!(
        codes("", "  - for i in [1]: relu\n  - conv2d(i, 1)"),
        [Code::E0305],
        "a loop's own"
    );
}

#[test]
fn a_block_calls_others_in_any_order_but_never_itself() {
    let head = "blocks:\n  a:\n    - b\n  b:\n    - relu";
    assert_eq!(names(head, "  - a"), ["0.0.0"]);
    assert_eq!(codes("blocks:\n  a:\n    - b\n  b:\n    - a", "  - a"), [Code::E0313]);
}

#[test]
fn a_variant_then_set_replaces_the_text_of_a_variable() {
    let head = "vars: {n: 2, double: n * 2}\nvariants: {wide: {n: 5}, odd: {double: n + 1}}";
    let width = |variant: Option<&str>, sets: &[(&str, &str)]| {
        let sets = sets.iter().map(|(name, text)| ((*name).into(), (*text).into())).collect();
        let choices = Asked { variant: variant.map(str::to_owned), sets, ..Asked::default() };
        choose(head, "  - conv2d(double, 1)", &choices)
            .map(|document| analysis(&document).rows[0].outputs[0].dims()[1])
            .map_err(|found| found.iter().map(|fault| fault.code).collect::<Vec<_>>())
    };
    assert_eq!(width(None, &[]), Ok(4));
    assert_eq!(width(Some("wide"), &[]), Ok(10), "what depends on it follows");
    assert_eq!(width(Some("odd"), &[]), Ok(3));
    assert_eq!(width(Some("wide"), &[("n", "3 * 3")]), Ok(18), "--set comes after the variant");
    assert_eq!(width(Some("odd"), &[("n", "8")]), Ok(9));
    assert_eq!(width(None, &[("double", "max([n, 7])")]), Ok(7));
    assert_eq!(width(Some("narrow"), &[]), Err(vec![Code::E0107]));
    assert_eq!(width(None, &[("m", "3")]), Err(vec![Code::E0109]), "it makes no new variable");
}

#[test]
fn an_expectation_belongs_to_its_variant() {
    let head = "vars: {n: 2}\nvariants: {a: {n: 3, expect: {params: 15}}, b: {n: 4}}\nexpect: {params: 10, macs: 512}";
    for (variant, expected) in [(None, 2), (Some("a"), 1), (Some("b"), 0)] {
        let choices = Asked { variant: variant.map(str::to_owned), ..Asked::default() };
        let document = choose(head, "  - conv2d(n, 1)", &choices).unwrap();
        assert_eq!(document.expectations.len(), expected, "{variant:?}");
        assert_eq!(crate::common::missed(&document), [""; 0]);
    }
}

#[test]
fn camel_case_is_torchs_signature_and_compared_with_what_arrives() {
    assert_eq!(calls("", "  - Conv2d(4, 16, 3)"), ["conv2d(16, 3)"]);
    assert_eq!(
        calls("", "  - Conv2d(in_channels=4, out_channels=16, kernel_size=3)"),
        ["conv2d(16, 3)"]
    );
    assert_eq!(codes("", "  - Conv2d(64, 16, 3)"), [Code::E0406]);
    assert_eq!(pointed("", "  - Conv2d(64, 16, 3)"), ["64"]);
    assert_eq!(codes("", "  - BatchNorm2d(5)"), [Code::E0406]);
    assert_eq!(codes("", "  - Linear(4, 10)"), [Code::E0406]);
    let message = &faults("", "  - Conv2d(64, 16, 3)")[0].message;
    assert_eq!(message, "in_channels is 64, but 4 arrive");
}

#[test]
fn names_of_operators_compare_without_case_and_underscores() {
    let call = ["maxpool2d(2)"];
    for written in ["max_pool2d(2)", "maxpool2d(2)", "MaxPool2d(2)", "max_pool_2d(2)"] {
        assert_eq!(calls("", &format!("  - {written}")), call, "{written}");
    }
}

#[test]
fn arguments_are_checked_one_by_one() {
    for (call, code) in [
        ("conv2d(8, 3, strid=2)", Code::E0401),
        ("conv2d(8)", Code::E0402),
        ("relu(1, 2)", Code::E0403),
        ("conv2d(8, 3, kernel_size=3)", Code::E0404),
        ("linear(512, 10)", Code::E0405),
        ("batchnorm2d(7)", Code::E0405),
        ("conv2d(0, 3)", Code::E0405),
        ("conv2d(8, 9)", Code::E0502),
        ("conv2d(8, 3, groups=3)", Code::E0503),
        ("maxpool2d(2, padding=2)", Code::E0505),
        ("conv3d(8, 3)", Code::E0501),
        ("softmax(4)", Code::E0507),
    ] {
        assert_eq!(codes("", &format!("  - {call}")), [code], "{call}");
    }
}

#[test]
fn one_run_tells_several_faults_and_none_follows_from_another() {
    let items = "  - conv2d(8, 3, strid=2)\n  - conv2d(channels(@) // 2, 3)\n  - Conv2d(99, 8, 3)\n  - covn2d(8, 3)\n  \
                 - flatten\n  - linear(units)\n  - relu(1, 2)\n  - if channels(@) > 3: relu";
    let expected = [Code::E0401, Code::E0306, Code::E0305, Code::E0403];
    assert_eq!(codes("", items), expected);
    // A variable in error is unknown wherever it is used.
    assert_eq!(
        codes("vars: {a: 1 // 0, b: a + 1}", "  - conv2d(b, a)\n  - linear(max(a, b))"),
        [Code::E0309]
    );
    // A loop repeats a fault at one place once.
    assert_eq!(codes("", "  - repeat 5:\n      - conv2d(8)"), [Code::E0402]);
}

#[test]
fn a_branch_that_is_not_taken_is_read_for_its_syntax_only() {
    assert_eq!(
        names("", "  - if false: conv2d(8, 99)\n    elif 0: nothing\n    else: relu"),
        ["0"]
    );
    assert_eq!(codes("", "  - if false: relu\n    elif 1 +: tanh"), [Code::E0301]);
}
