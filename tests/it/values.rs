//! Expressions: Python's values, precedence and rounding, lists and functions.

use cnnstat::diag::Code;

use crate::language::{codes, names};

/// Elements of a list of whole numbers and words, as a loop names layers by them.
fn list(expr: &str) -> Vec<String> {
    let head = format!("vars:\n  xs: ({expr})");
    let names = names(&head, "  - for x in xs:\n      - _${x}: relu");
    names.into_iter().map(|name| name[1..].to_owned()).collect()
}

fn value(expr: &str) -> String {
    list(&format!("[{expr}]")).swap_remove(0)
}

fn holds(expr: &str) -> bool {
    value(&format!("1 if {expr} else 0")) == "1"
}

/// Codes of what is wrong with an expression.
fn wrong(expr: &str) -> Vec<Code> {
    codes(&format!("vars:\n  v: ({expr})"), "  - relu")
}

#[test]
fn precedence_and_associativity_are_pythons() {
    for (expr, expected) in [
        ("1 + 2 * 3", "7"),
        ("(1 + 2) * 3", "9"),
        ("2 ** 3 ** 2", "512"),
        ("-2 ** 2", "-4"),
        ("2 * 3 % 4", "2"),
        ("10 - 4 - 3", "3"),
        ("100 // 7 // 2", "7"),
        ("- - 3", "3"),
        ("1 if false else 2 if true else 3", "2"),
        ("4 if 1 < 2 and not 2 < 1 else 5", "4"),
        ("[10, 20, 30][1] // 3", "6"),
        ("1_000 + 1", "1001"),
    ] {
        assert_eq!(value(expr), expected, "{expr}");
    }
}

#[test]
fn division_rounds_down_and_the_remainder_has_the_divisors_sign() {
    for (expr, expected) in [
        ("7 // 2", "3"),
        ("-7 // 2", "-4"),
        ("7 // -2", "-4"),
        ("-7 // -2", "3"),
        ("-6 // 2", "-3"),
        ("7 % 3", "1"),
        ("-7 % 3", "2"),
        ("7 % -3", "-2"),
        ("-6 % 3", "0"),
    ] {
        assert_eq!(value(expr), expected, "{expr}");
    }
    assert!(holds("7 / 2 == 3.5") && holds("-7.0 // 2 == -4"));
    for expr in ["1 // 0", "1 % 0", "1 / 0", "1.5 // 0"] {
        assert_eq!(wrong(expr), [Code::E0309], "{expr}");
    }
}

#[test]
fn round_takes_halves_to_the_even_neighbour() {
    let halves = "[round(x) for x in [0.5, 1.5, 2.5, -0.5, -1.5, 2.4, 2.6, 7]]";
    assert_eq!(list(halves), ["0", "2", "2", "0", "-2", "2", "3", "7"]);
    assert_eq!(list("[ceil(1.2), floor(1.8), int(-1.8), floor(-1.2)]"), ["2", "1", "-1", "-2"]);
}

#[test]
fn whole_floats_are_whole_numbers_and_others_are_refused_where_a_size_is_needed() {
    assert_eq!(names("", "  - conv2d(64.0, 6 / 2)"), ["0"]);
    assert_eq!(value("6 / 2"), "3");
    let head = "input: [4, 8, 8]\nvars: {c: 65}";
    assert_eq!(codes(head, "  - conv2d(c / 2, 3)"), [Code::E0405]);
    let found = crate::language::parse(head, "  - conv2d(c / 2, 3)").unwrap_err();
    assert!(found[0].message.contains("//") && found[0].message.contains("32.5"), "{found:?}");
    assert_eq!(codes("", "  - repeat 1.5: relu"), [Code::E0308]);
}

#[test]
fn make_divisible_is_torchvisions() {
    // torchvision's _make_divisible(v, 8): 10 goes to 16, since 8 would be more than a tenth below.
    for (v, expected) in [
        ("1", "8"),
        ("10", "16"),
        ("11.9", "16"),
        ("12", "16"),
        ("16 * 0.75", "16"),
        ("24 * 0.75", "24"),
        ("32 * 1.4", "48"),
        ("96 * 0.35", "32"),
        ("35, 4", "36"),
        ("18, 16", "32"),
    ] {
        assert_eq!(value(&format!("make_divisible({v})")), expected, "{v}");
    }
}

#[test]
fn lists_are_made_walked_and_cut_as_in_python() {
    for (expr, expected) in [
        ("range(3)", "0 1 2"),
        ("range(2, 5)", "2 3 4"),
        ("range(5, 0, -2)", "5 3 1"),
        ("range(0)", ""),
        ("range(3, 1)", ""),
        ("reversed([1, 2, 3])", "3 2 1"),
        ("[1, 2] + [3]", "1 2 3"),
        ("[1, 2] * 2", "1 2 1 2"),
        ("[10 * i + x for i, x in enumerate([5, 6])]", "5 16"),
        ("[10 * i + x for i, x in enumerate([5, 6], 1)]", "15 26"),
        ("[a * b for a, b in zip([1, 2, 3], [4, 5])]", "4 10"),
        ("[i + a + b for i, (a, b) in enumerate(zip([1, 2], [10, 20]))]", "11 23"),
        ("[2 * c for c in [8, 16, 32] if c > 8]", "32 64"),
        ("[len(r) for r in [[1], [1, 2], []]]", "1 2 0"),
    ] {
        assert_eq!(list(expr).join(" "), expected, "{expr}");
    }
    for (slice, expected) in [
        ("xs[1:3]", "1 2"),
        ("xs[:2]", "0 1"),
        ("xs[3:]", "3 4"),
        ("xs[-2:]", "3 4"),
        ("xs[:-1]", "0 1 2 3"),
        ("xs[::2]", "0 2 4"),
        ("xs[::-1]", "4 3 2 1 0"),
        ("xs[3:0:-2]", "3 1"),
        ("xs[2:99]", "2 3 4"),
        ("xs[4:2]", ""),
    ] {
        assert_eq!(list(&slice.replace("xs", "range(5)")).join(" "), expected, "{slice}");
    }
    assert_eq!(value("[7, 8, 9][-1]"), "9");
    assert_eq!(wrong("[7, 8][2]"), [Code::E0310]);
    assert_eq!(wrong("[7, 8][-3]"), [Code::E0310]);
    assert_eq!(wrong("range(5)[::0]"), [Code::E0309]);
}

#[test]
fn maps_are_asked_by_key() {
    let head = "vars: {depth: 13, convs: {11: [1, 1], 13: [2, 3]}, words: {a: 7}}";
    let items = "  - for n in convs[depth]:\n      - n${n}: relu\n  - w${words['a']}: relu";
    assert_eq!(names(head, items), ["n2", "n3", "w7"]);
    assert_eq!(codes(head, "  - n${convs[16]}: relu"), [Code::E0310]);
}

#[test]
fn functions_of_numbers_and_lists() {
    for (expr, expected) in [
        ("min(3, 1, 2)", "1"),
        ("max([3, 1, 2])", "3"),
        ("sum([1, 2, 3])", "6"),
        ("sum([])", "0"),
        ("prod([2, 3, 4])", "24"),
        ("len(range(9))", "9"),
        ("sqrt(49)", "7"),
        ("log2(1024)", "10"),
        ("abs(-3)", "3"),
        ("int(7.9)", "7"),
        ("min(2, 2.5)", "2"),
    ] {
        assert_eq!(value(expr), expected, "{expr}");
    }
    assert_eq!(wrong("sqrt(-1)"), [Code::E0309]);
    assert_eq!(wrong("max([])"), [Code::E0308]);
    assert_eq!(wrong("lenn([1])"), [Code::E0306]);
}

#[test]
fn comparisons_chain_and_conditions_are_pythons() {
    for expr in [
        "0 < 1 <= 1 < 2",
        "1 == 1.0",
        "2 in [1, 2]",
        "3 not in [1, 2]",
        "'a' == 'a'",
        "not 0 and not none and not [] and not ''",
        "True and not False and None == none",
        "[1, 2] == [1, 2]",
        "(1, 2) != (1, 3)",
        "'b' in 'abc'",
    ] {
        assert!(holds(expr), "{expr}");
    }
    assert!(!holds("0 < 2 < 1"));
    assert_eq!(value("0 or 5"), "5");
    assert_eq!(value("0 and 5"), "0");
    assert_eq!(wrong("1 < 'a'"), [Code::E0308]);
    // What is not needed is not computed.
    assert!(holds("true or 1 // 0 == 1") && !holds("false and 1 // 0 == 1"));
}

#[test]
fn whole_numbers_are_bounded_and_never_wrap() {
    assert_eq!(value("2 ** 62"), "4611686018427387904");
    for expr in [
        "2 ** 63",
        "9223372036854775807 + 1",
        "-9223372036854775807 - 2",
        "2 ** 62 * 2",
        "10.0 ** 400",
    ] {
        assert_eq!(wrong(expr), [Code::E0312], "{expr}");
    }
}

#[test]
fn targets_take_elements_apart() {
    let items = "  - for a, (b, c) in [[1, [2, 3]], [4, [5, 6]]]:\n      - n${a}${b}${c}: relu";
    assert_eq!(names("", items), ["n123", "n456"]);
    assert_eq!(codes("", "  - for a, b in [[1, 2, 3]]: relu"), [Code::E0311]);
    assert_eq!(codes("", "  - for a in 3: relu"), [Code::E0308]);
}
