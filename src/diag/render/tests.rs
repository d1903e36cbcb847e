//! Black-box tests of the renderer: what people see, and that nothing makes it panic.

use proptest::prelude::*;

use super::*;
use crate::diag::Code;
use crate::source::{Origin, Span};

fn source(text: &str) -> Source {
    Source::new("net.yaml", text)
}

fn plain(diagnostic: Diagnostic, text: &str) -> String {
    render(&[diagnostic], &source(text), Format::Human, 100, false)
}

fn at(text: &str, what: &str) -> Span {
    let start = text.find(what).unwrap();
    Span::new(start, start + what.len())
}

const NET: &str = "model: net\ninput: [3, 8, 8]\nlayers:\n  - conv2d(16, 11)\n";

fn window() -> Diagnostic {
    Diagnostic::new(Code::E0502, "the window reaches over 11 elements, but axis 2 has 8")
        .span(at(NET, "conv2d(16, 11)"), "needs 11")
        .span(at(NET, "[3, 8, 8]"), "8×8 arrives from here")
        .note("H + 2P = 8 + 2·0 = 8")
        .help("make the kernel smaller\nor pad the axis")
}

#[test]
fn reads_like_rustc() {
    insta::assert_snapshot!(plain(window(), NET), @"
    error[E0502]: the window reaches over 11 elements, but axis 2 has 8
     --> net.yaml:4:5
      |
    2 | input: [3, 8, 8]
      |        --------- 8×8 arrives from here
    3 | layers:
    4 |   - conv2d(16, 11)
      |     ^^^^^^^^^^^^^^ needs 11
      |
      = note: H + 2P = 8 + 2·0 = 8
      = help: make the kernel smaller
              or pad the axis
    ");
}

#[test]
fn one_line_each() {
    let unplaced = Diagnostic::new(Code::E0101, "no such file");
    let all = render(&[window(), unplaced], &source(NET), Format::Short, 100, false);
    insta::assert_snapshot!(all, @"
    net.yaml:4:5: error[E0502]: the window reaches over 11 elements, but axis 2 has 8
    net.yaml: error[E0101]: no such file
    ");
}

#[test]
fn json_has_one_object_a_line() {
    let text = render(&[window(), window()], &source(NET), Format::Json, 100, false);
    assert_eq!(text.lines().count(), 2);
    let value: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(value["code"], "E0502");
    assert_eq!((&value["line"], &value["column"]), (&4.into(), &5.into()));
    assert_eq!((&value["end_line"], &value["end_column"]), (&4.into(), &19.into()));
    assert_eq!(value["labels"][1]["text"], "8×8 arrives from here");
    assert_eq!(value["helps"][0], "make the kernel smaller\nor pad the axis");
    let unplaced = Diagnostic::new(Code::E0101, "no such file");
    let text = render(&[unplaced], &source(NET), Format::Json, 100, false);
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(value["line"].is_null() && value["labels"].as_array().unwrap().is_empty());
}

#[test]
fn twenty_are_shown_and_the_rest_is_counted() {
    let many = vec![Diagnostic::new(Code::E0302, "unknown key"); 23];
    let text = render(&many, &source(NET), Format::Human, 100, false);
    assert_eq!(text.matches("error[E0302]").count(), 20);
    assert!(text.ends_with("… and 3 more\n\nerror: 23 errors\n"), "{text}");
    let one = render(&many[..1], &source(NET), Format::Human, 100, false);
    assert!(!one.contains("errors") && one.ends_with('\n') && !one.ends_with("\n\n"), "{one:?}");
    assert_eq!(render(&[], &source(NET), Format::Human, 100, false), "");
}

#[test]
fn a_source_of_its_own_wins_and_an_unresolved_place_is_left_out() {
    let mut diagnostic = Diagnostic::new(Code::E0301, "`)` is missing")
        .label(Origin::value(3), "not shown")
        .span(Span::new(4, 4), "here");
    diagnostic.source = Some(Source::new("--set x", "f(1,"));
    let text = plain(diagnostic, NET);
    assert!(text.contains("--> --set x:1:5") && text.contains("f(1,"), "{text}");
    assert!(!text.contains("not shown"), "{text}");
}

#[test]
fn an_element_of_a_source_that_is_no_text_is_named() {
    let diagnostic = Diagnostic::new(Code::E0502, "64 channels arrive")
        .at(At::Element, "graph.node[17] (Conv)")
        .help("see the node before it");
    let source = Source::named("net.onnx");
    let of = |format| render(std::slice::from_ref(&diagnostic), &source, format, 100, false);
    let human = of(Format::Human);
    assert!(human.contains("--> net.onnx\n"), "{human}");
    assert!(human.contains("at graph.node[17] (Conv)"), "{human}");
    let short = of(Format::Short);
    assert_eq!(short, "net.onnx: graph.node[17] (Conv): error[E0502]: 64 channels arrive\n");
    let json: serde_json::Value = serde_json::from_str(&of(Format::Json)).unwrap();
    assert_eq!(json["labels"][0]["text"], "graph.node[17] (Conv)");
    assert!(json["line"].is_null() && json["labels"][0]["line"].is_null());
}

#[test]
fn nothing_hostile_reaches_the_terminal() {
    let evil = "\u{1b}[31m\u{202e}\u{9b}2J\u{7}\u{200f}\u{2028}\r";
    let text = format!("a: {evil}x\n");
    let source = Source::new(format!("f{evil}.yaml"), text.clone());
    let diagnostic = Diagnostic::new(Code::E0306, format!("unknown `{evil}`"))
        .span(at(&text, "x"), format!("label {evil}"))
        .note(format!("note {evil}"))
        .help(format!("help {evil}"));
    for format in [Format::Human, Format::Short] {
        let out = render(std::slice::from_ref(&diagnostic), &source, format, 100, false);
        let bad = out.chars().find(|c| *c != '\n' && (c.is_control() || is_control(*c)));
        assert_eq!(bad, None, "{out:?}");
    }
}

/// The mark stands below what it means, in columns of the terminal.
#[test]
fn marks_stand_below_wide_characters_tabs_and_in_crlf() {
    for (text, what) in [
        ("a:\tfoo\r\n", "foo"),
        ("about: 合成積 foo\r\nb: 1\r\n", "foo"),
        ("é: foo", "foo"),
        ("\u{feff}a: foo", "foo"),
        ("\u{9b}\u{1b}: foo", "foo"),
    ] {
        let out = plain(Diagnostic::new(Code::E0301, "m").span(at(text, what), "here"), text);
        let column = |line: &str, mark: &str| {
            let before = &line[..line.find(mark).unwrap()];
            before
                .chars()
                .map(|c| 1 + usize::from(('\u{4e00}'..'\u{a000}').contains(&c)))
                .sum::<usize>()
        };
        let (line, column_said) = position(text, text.find(what).unwrap());
        assert!(out.contains(&format!("net.yaml:{line}:{column_said}\n")), "{out}");
        let (source_line, mark_line) = (out.lines().nth(3).unwrap(), out.lines().nth(4).unwrap());
        assert_eq!(column(source_line, what), column(mark_line, "^^^"), "{out}");
        assert!(!out.contains('\r') && !out.contains('\t'), "{out:?}");
    }
}

#[test]
fn the_end_of_a_file_and_an_empty_file_can_be_pointed_at() {
    for (text, expected) in
        [("", "net.yaml:1:1"), ("a: [\n", "net.yaml:1:5"), ("a: [", "net.yaml:1:5")]
    {
        let end = Span::new(text.len(), text.len());
        let diagnostic = Diagnostic::new(Code::E0201, "unexpected end").span(end, "here");
        let out = plain(diagnostic.clone(), text);
        assert!(out.contains(expected) && out.contains("^ here"), "{out}");
        let short = render(&[diagnostic], &source(text), Format::Short, 80, false);
        assert!(short.starts_with(expected), "{short}");
    }
}

/// One line of four million characters, twenty times.
#[test]
fn long_lines_are_named_and_not_shown() {
    let text = "x, ".repeat(1 << 20);
    let many: Vec<_> = (0..20)
        .map(|i| {
            Diagnostic::new(Code::E0305, "m").span(Span::new(i * 150_000, i * 150_000 + 1), "l")
        })
        .collect();
    let started = std::time::Instant::now();
    let out = render(&many, &source(&text), Format::Human, 100, false);
    assert!(out.contains("--> net.yaml:1:150001\n = note: 1:150001: l"), "{out}");
    assert!(out.len() < 10_000 && started.elapsed().as_secs() < 10);
}

fn spans() -> impl Strategy<Value = Vec<(usize, usize, String)>> {
    prop::collection::vec((0..60usize, 0..60usize, "\\PC{0,8}|\n\u{1b}"), 0..4)
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[ a:\\-\\[\t\r\n\u{feff}é日\u{301}\u{200d}\u{202e}\u{9b}👩]{0,50}",
    ]
}

proptest! {
    #[test]
    fn never_panics(text in texts(), spans in spans(), message in any::<String>(), width in 0..200usize) {
        let mut diagnostic = Diagnostic::new(Code::E0301, message.clone()).note(message.clone()).help(message);
        for (start, end, label) in spans {
            diagnostic = diagnostic.span(Span::new(start, end), label);
        }
        let source = Source::new(text.clone(), text);
        for format in [Format::Human, Format::Short, Format::Json] {
            for color in [false, true] {
                render(std::slice::from_ref(&diagnostic), &source, format, width, color);
            }
        }
    }
}
