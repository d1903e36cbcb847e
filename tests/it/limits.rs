//! Text made to hurt: reading it must end, quickly, with diagnostics instead of a panic, an overflow of the stack or a
//! large allocation.

use std::fmt::Write;

use cnnstat::diag::{Code, Source};
use cnnstat::internals::lang::parse;
use cnnstat::model::Asked;
use proptest::prelude::*;

fn codes(text: &str) -> Vec<Code> {
    let source = Source::new("hostile", text);
    match parse(&source, &Asked::default()) {
        Ok(_) => Vec::new(),
        Err(diagnostics) => diagnostics.iter().map(|diagnostic| diagnostic.code).collect(),
    }
}

fn with_var(expression: &str) -> String {
    format!("model: m\nvars:\n  x: '{expression}'\ninput: [3, 8, 8]\nlayers:\n  - relu\n")
}

#[test]
fn nesting_is_bounded_at_64_and_fits_the_stack() {
    for (open, close) in [("(", ")"), ("[", "]"), ("abs(", ")"), ("-", ""), ("not ", "")] {
        let nested = |n: usize| with_var(&format!("{}1{}", open.repeat(n), close.repeat(n)));
        let within = codes(&nested(62));
        assert!(!within.contains(&Code::E0301), "{open}: {within:?}");
        assert_eq!(codes(&nested(70)), [Code::E0301], "{open}");
        // Unclosed brackets must not be tried again at each depth.
        assert_eq!(codes(&with_var(&open.repeat(60))), [Code::E0301], "{open}");
    }
}

#[test]
fn long_chains_within_deep_nesting_fit_the_stack() {
    let mut expression = "1".to_owned();
    for _ in 0..60 {
        expression = format!("({expression}{})", " + 1".repeat(60));
    }
    assert_eq!(codes(&with_var(&expression)), []);
    assert_eq!(codes(&with_var(&format!("1{}", " + 1".repeat(4_000)))), []);
    assert_eq!(codes(&with_var(&format!("1{}", " + 1".repeat(5_000)))), [Code::E0301]);
}

#[test]
fn blocks_that_call_each_other_deep_are_stopped() {
    let mut text = "model: m\ninput: [3, 8, 8]\nblocks:\n  b0:\n    - relu\n".to_owned();
    for i in 1..5_000 {
        let _ = write!(text, "  b{i}:\n    - b{}\n", i - 1);
    }
    text.push_str("layers:\n  - b4999\n");
    assert_eq!(codes(&text), [Code::E0312]);
}

#[test]
fn loops_and_lists_are_stopped_before_they_are_made() {
    for line in [
        "  - for i in range(10 ** 12): relu",
        "  - repeat 10 ** 12: relu",
        "  - repeat 10 ** 6:\n      - repeat 10 ** 6: identity",
        "  - linear(sum([1] * 10 ** 12))",
        "  - linear(len([i for i in range(10 ** 6) if len([j for j in range(10 ** 6)]) > 0]))",
    ] {
        let text = format!("model: m\ninput: [8]\nlayers:\n{line}\n");
        assert_eq!(codes(&text), [Code::E0312], "{line}");
    }
}

/// Every round would describe the fault, and look for names that resemble the one that does not exist.
#[test]
fn loops_that_repeat_a_fault_are_stopped() {
    for (item, code) in
        [("reluu", Code::E0306), ("linear(widht)", Code::E0305), ("add(@, @nowhere)", Code::E0316)]
    {
        let text = format!(
            "model: m\ninput: [8]\nlayers:\n  - repeat 10 ** 6:\n      - repeat 10 ** 6:\n          - {item}\n"
        );
        assert_eq!(codes(&text), [code], "{item}");
    }
}

#[test]
fn lists_that_double_are_stopped() {
    let mut text = "model: m\nvars:\n  x0: ([1, 2])\n".to_owned();
    for i in 1..64 {
        let _ = writeln!(text, "  x{i}: x{} + x{}", i - 1, i - 1);
    }
    text.push_str("input: [3]\nlayers:\n  - relu\n");
    assert_eq!(codes(&text), [Code::E0312]);
}

/// Lists share what they hold: forty lines would make one of 10^12 elements.
#[test]
fn lists_of_lists_are_stopped_where_no_walk_would_end() {
    let mut text = "model: m\nvars:\n  x0: ([1, 2])\n".to_owned();
    for i in 1..40 {
        let _ = writeln!(text, "  x{i}: '[x{}, x{}]'", i - 1, i - 1);
    }
    for item in ["conv2d(x39, 1)", "reshape(x39)", "if x39 == x39: relu", "linear(x39 in [x39])"] {
        assert_eq!(
            codes(&format!("{text}input: [3, 8, 8]\nlayers:\n  - {item}\n")),
            [Code::E0312],
            "{item}"
        );
    }
}

#[test]
fn many_faults_end_quickly() {
    let mut text = "model: m\ninput: [3, 8, 8]\nlayers:\n".to_owned();
    text.push_str(&"  - bogus(3, 1)\n".repeat(50_000));
    assert!(codes(&text).len() <= 200);
}

proptest! {
    #[test]
    fn no_text_of_a_set_makes_reading_panic(text in ".{0,30}") {
        let source = Source::new("zoo", include_str!("../../models/custom_cnn.yaml"));
        let _ = parse(&source, &Asked { sets: vec![("cdims".to_owned(), text)], ..Asked::default() });
    }
}

#[test]
fn kernels_of_any_size_end_quickly() {
    let text = "model: m\ninput: [1, 9000000000000000000]\nlayers:\n  - conv1d(1, 16_000_000, padding=16_000_000)\n";
    assert_eq!(codes(text), []);
    assert_eq!(codes(&text.replace("16_000_000,", "17_000_000,")), [Code::E0405]);
}

fn models() -> Vec<String> {
    crate::common::folder("models").into_iter().map(|source| source.text.to_string()).collect()
}

const VALID: &str = include_str!("../../docs/language.md");

proptest! {
    #[test]
    fn no_bytes_make_reading_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        codes(&String::from_utf8_lossy(&bytes));
    }

    /// Pieces of real descriptions in any order, with bytes changed.
    #[test]
    fn no_mutation_of_a_description_makes_reading_panic(
        lines in prop::collection::vec(any::<prop::sample::Index>(), 1..25),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<char>()), 0..4),
    ) {
        let all: Vec<&str> = VALID.lines().collect();
        let mut text: Vec<char> = "model: m\ninput: [3, 32, 32]\nlayers:\n".chars().collect();
        for line in &lines {
            text.extend(all[line.index(all.len())].chars());
            text.push('\n');
        }
        for (at, to) in &flips {
            let at = at.index(text.len());
            text[at] = *to;
        }
        codes(&text.into_iter().collect::<String>());
    }

    /// A network of the zoo with characters changed, lines doubled and lines left out.
    #[test]
    fn no_mutation_of_the_zoo_makes_reading_panic(
        model in any::<prop::sample::Index>(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), "[ -~\n]"), 0..6),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 0..4),
    ) {
        let models = models();
        let mut text = models[model.index(models.len())].clone();
        for (at, to) in &flips {
            let at = at.index(text.len());
            if text.is_char_boundary(at) && text.is_char_boundary(at + 1) {
                text.replace_range(at..=at, to);
            }
        }
        let mut lines: Vec<&str> = text.lines().collect();
        for (at, double) in &cuts {
            let at = at.index(lines.len());
            if *double { lines.insert(at, lines[at]) } else { _ = lines.remove(at) }
            if lines.is_empty() { break; }
        }
        codes(&lines.join("\n"));
    }
}
