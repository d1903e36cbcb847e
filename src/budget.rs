//! Expectations and budgets against what was found: published figures, limits, magnitudes, and what a network was before.
//!
//! Imports `analysis`, `diag` and `expectation`; `config` reads `cnnstat.toml`, `baseline` what a network was, `movers`
//! which layers made the difference.

#[cfg(feature = "cli")]
pub mod baseline;
#[cfg(feature = "cli")]
pub mod config;
#[cfg(feature = "cli")]
pub mod movers;

pub use crate::analysis::measure::{Measure, Subject};

use crate::diag::{Code, Diagnostic, did_you_mean};
use crate::expectation::{Expectation, Increase, Limit, Want};
use crate::units::{grouped, percent};

/// What came of one expectation.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The quantity, with its layer: `params`, `features.conv1 params`.
    pub what: String,
    /// What is expected, as it is written.
    pub expected: String,
    /// What it is; `None` where there is no such layer.
    pub found: Option<Measure>,
    /// What it was, where that is known.
    pub before: Option<u64>,
    /// Whether it is met, and what is wrong where it is not.
    pub outcome: Outcome,
}

/// Whether an expectation is met.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It is.
    Met,
    /// It is above what is to be warned of.
    Warned(Diagnostic),
    /// It is not.
    Missed(Diagnostic),
    /// It speaks of a layer that does not exist.
    Unknown(Diagnostic),
    /// It speaks of an increase, and nothing is known of what it was.
    NoBaseline(Diagnostic),
    /// Only a lower bound of what it speaks of is known, or nothing, and that does not decide it.
    NotDecided(Diagnostic),
}

/// Judges expectations in their order. `before` says what each quantity was, where that is known.
pub fn judge(
    subject: &Subject<'_>,
    expectations: &[Expectation],
    before: impl Fn(&Expectation) -> Option<u64>,
) -> Vec<Verdict> {
    expectations.iter().map(|e| verdict(subject, e, before(e))).collect()
}

/// What an expectation speaks of: `params`, `features.conv1 params`.
pub fn about(expectation: &Expectation) -> String {
    match &expectation.layer {
        Some(layer) => format!("{layer} {}", expectation.quantity.key),
        None => expectation.quantity.key.to_owned(),
    }
}

/// What is expected, as it is written: `~61M`, `max 26M`.
pub fn wanted(expectation: &Expectation) -> String {
    match expectation.limit {
        Some(limit) => format!("{} {}", limit.name(), expectation.text),
        None => expectation.text.clone(),
    }
}

fn verdict(subject: &Subject<'_>, expectation: &Expectation, before: Option<u64>) -> Verdict {
    let layer = expectation.layer.as_deref();
    let found = match expectation.want {
        Want::Shape(_) => subject.found_by_axis(layer, expectation.quantity),
        _ => subject.found(layer, expectation.quantity),
    };
    let outcome = match found {
        None => Outcome::Unknown(unknown(subject, expectation)),
        Some(found) => outcome(expectation, found, before),
    };
    let before = before.filter(|_| matches!(found, Some(Measure::Number(_))));
    Verdict { what: about(expectation), expected: wanted(expectation), found, before, outcome }
}

fn outcome(expectation: &Expectation, found: Measure, before: Option<u64>) -> Outcome {
    let missed = |found| match expectation.limit {
        Some(Limit::Warn) => {
            Outcome::Warned(missed(Code::E0603, expectation, found, before).warning())
        }
        _ => Outcome::Missed(missed(Code::E0601, expectation, found, before)),
    };
    let met = match (found, expectation.want) {
        (Measure::AtLeast(n), Want::Between(from, u64::MAX)) if n >= from => true,
        (Measure::AtLeast(n), Want::Between(_, to)) if n > to => return missed(found),
        (Measure::AtLeast(_) | Measure::Unknown, _) => {
            return Outcome::NotDecided(not_decided(expectation, found));
        }
        (Measure::Number(n), Want::Between(from, to)) => (from..=to).contains(&n),
        (Measure::Shape(found), Want::Shape(want)) => found == want,
        (Measure::Number(n), Want::Increase(increase)) => match before {
            Some(before) => n <= increase.most(before),
            None => return Outcome::NoBaseline(no_baseline(expectation)),
        },
        _ => false,
    };
    if met { Outcome::Met } else { missed(found) }
}

fn not_decided(expectation: &Expectation, found: Measure) -> Diagnostic {
    let (what, wanted) = (about(expectation), wanted(expectation));
    let message = match found {
        Measure::Unknown => format!("{what} is not known, which does not decide `{wanted}`"),
        found => {
            format!("{what} is {}, a lower bound, which does not decide `{wanted}`", found.text())
        }
    };
    Diagnostic::new(Code::E0608, message).at(expectation.at, "not decided").help(
        "the summary names the operators that are not known; `params=`, `output=` and `macs=` declare what they do",
    )
}

fn unknown(subject: &Subject<'_>, expectation: &Expectation) -> Diagnostic {
    let layer = expectation.layer.as_deref().unwrap_or_default();
    // Scopes have names too: every front part of a layer's name.
    let names = subject.names().flat_map(|name| {
        let ends = name.match_indices('.').map(|(at, _)| at);
        ends.chain([name.len()]).map(move |end| &name[..end])
    });
    Diagnostic::new(Code::E0602, format!("no layer is called `{layer}`"))
        .at(expectation.at, "expected of a layer that does not exist")
        .helps(did_you_mean(layer, names))
}

fn no_baseline(expectation: &Expectation) -> Diagnostic {
    let message = format!("nothing says what {} was before", about(expectation));
    Diagnostic::new(Code::E0604, message)
        .at(expectation.at, "not compared")
        .help("give what it is compared with: `--baseline FILE`, or `--base DIR` for another checkout")
        .warning()
}

fn missed(
    code: Code,
    expectation: &Expectation,
    found: Measure,
    before: Option<u64>,
) -> Diagnostic {
    let (what, shown) = (about(expectation), found.text());
    let expected = match expectation.want {
        Want::Between(from, to) if from == to => grouped(from),
        Want::Between(0, to) => format!("at most {}", grouped(to)),
        Want::Between(from, u64::MAX) => format!("at least {}", grouped(from)),
        Want::Between(from, to) => format!("{} to {}", grouped(from), grouped(to)),
        Want::Shape(shape) => shape.to_string(),
        Want::Increase(Increase::By(n)) => format!("at most {} more", grouped(n)),
        Want::Increase(Increase::Part { .. }) => format!("at most {} more", expectation.text),
    };
    let but = match expectation.limit {
        None => format!("{expected} is expected"),
        Some(Limit::Warn) => format!("{expected} is allowed without a warning"),
        Some(Limit::Lock) => format!("it is locked at {expected}"),
        Some(_) => format!("{expected} is allowed"),
    };
    let by = passed(expectation, found, before).unwrap_or_default();
    let diagnostic = Diagnostic::new(code, format!("{what} is {shown}, but {but}{by}"))
        .at(expectation.at, format!("found {shown}"))
        .helps(rounding(expectation, found));
    match (before, found) {
        (Some(before), Measure::Number(now)) if before != now => {
            diagnostic.note(format!("it was {}", grouped(before)))
        }
        _ => diagnostic,
    }
}

/// By how much a limit is passed: `: 1,000 too many (+0.50%)`.
fn passed(expectation: &Expectation, found: Measure, before: Option<u64>) -> Option<String> {
    let Measure::Number(found) = found else { return None };
    expectation.limit?;
    let (limit, word) = match expectation.want {
        Want::Between(_, to) if found > to => (to, "many"),
        Want::Between(from, _) if found < from => (from, "few"),
        Want::Increase(increase) => (increase.most(before?), "many"),
        _ => return None,
    };
    let (by, whole) = (i128::from(found) - i128::from(limit), i128::from(limit));
    let rounded = |whole: i128| (by * 20_000 + by.signum() * whole) / (2 * whole);
    let part = if whole > 0 { format!(" ({})", percent(rounded(whole))) } else { String::new() };
    Some(format!(": {} too {word}{part}", grouped(found.abs_diff(limit))))
}

/// For a figure that was meant to be rounded: how to say so.
fn rounding(expectation: &Expectation, found: Measure) -> Option<String> {
    let (Measure::Number(found), Want::Between(from, to)) = (found, expectation.want) else {
        return None;
    };
    let text = expectation.text.trim();
    let start = text.find(|c: char| c.is_alphabetic())?;
    let (figure, _unit) = text.split_at(start);
    let figure = figure.trim();
    let is_plain = figure.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | '_'));
    if from != to || expectation.limit.is_some() || !is_plain || figure.is_empty() {
        return None;
    }
    // A step of the last written digit is the figure over its own digits: 61 M / 61, 60.9 M / 609.
    let digits: String = figure.chars().filter(char::is_ascii_digit).collect();
    let step = from / digits.parse::<u64>().ok().filter(|n| *n > 0)?;
    let off = found.abs_diff(from);
    if u128::from(off) * 2 > u128::from(step) || u128::from(off) * 20 > u128::from(from) {
        return None;
    }
    let is_close = u128::from(off) * 100 <= u128::from(from);
    Some(if is_close {
        format!("write `~{text}`, or `{text} ±1%`")
    } else {
        format!("write `~{text}`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::memory::Optimizer;
    use crate::analysis::{Options, analyze, quantity};
    use crate::diag::At;
    use crate::graph::GraphBuilder;
    use crate::ops::Linear;
    use crate::shape::Shape;
    use crate::source::Origin;

    fn judged(
        layer: Option<&str>,
        quantity: &'static quantity::Quantity,
        (limit, want): (Option<Limit>, Want),
        text: &str,
        before: Option<u64>,
    ) -> Outcome {
        let mut builder = GraphBuilder::new("m");
        let mut value = builder.input("input", Shape::new(&[1, 784]).unwrap(), Some(0)).unwrap();
        for name in ["head.0", "head.1"] {
            value =
                builder.layer(name, Linear { out_features: 10, bias: true }, &[value]).unwrap()[0];
        }
        let graph = builder.finish(&[("output", value)]).unwrap();
        let analysis = analyze(&graph, &Options::default()).complete().unwrap();
        let (layer, text) = (layer.map(str::to_owned), text.to_owned());
        let at = At::Origin(Origin::value(0));
        let expectation = Expectation { layer, quantity, limit, want, text, at };
        let subject = Subject::new(&graph, &analysis, Optimizer::Adam);
        judge(&subject, &[expectation], |_| before).remove(0).outcome
    }

    #[test]
    fn a_network_a_layer_and_a_scope() {
        let is = |n| Want::Between(n, n);
        let met =
            |layer, quantity, want| judged(layer, quantity, (None, want), "", None) == Outcome::Met;
        assert!(met(None, &quantity::PARAMS, is(7850 + 110)));
        assert!(met(Some("head.1"), &quantity::PARAMS, is(110)));
        assert!(met(Some("head"), &quantity::MACS, is(7840 + 100)));
        assert!(met(Some("head.0"), &quantity::OUTPUT, Want::Shape(Shape::vector(10))));
        assert!(met(None, &quantity::PARAM_BYTES, Want::Between(0, 31_840)));
        assert!(!met(None, &quantity::PARAM_BYTES, Want::Between(0, 31_839)));
        assert!(met(None, &quantity::LARGEST_LAYER, is(7850)));
        // The input and the first output, then both outputs.
        assert!(met(None, &quantity::PEAK_ACTIVATION_BYTES, is(4 * (784 + 10))));
        // Parameters, gradients and Adam's two; the most is held at the end of the first layer's backward.
        assert!(met(
            None,
            &quantity::TRAINING_BYTES,
            Want::Between(16 * 7960, 16 * 7960 + 4 * 900)
        ));
    }

    #[test]
    fn a_miss_names_both_numbers_and_a_way() {
        let is = |n| (None, Want::Between(n, n));
        let Outcome::Missed(diagnostic) = judged(None, &quantity::PARAMS, is(8000), "8k", None)
        else {
            panic!("met")
        };
        assert_eq!(diagnostic.message, "params is 7,960, but 8,000 is expected");
        assert_eq!(diagnostic.helps, ["write `~8k`, or `8k ±1%`"]);
        let Outcome::Missed(diagnostic) = judged(None, &quantity::PARAMS, is(9000), "9k", None)
        else {
            panic!("met")
        };
        assert!(diagnostic.helps.is_empty());
    }

    #[test]
    fn limits_warn_fail_and_look_back() {
        let params = |limit, want, before| {
            judged(None, &quantity::PARAMS, (Some(limit), want), "1%", before)
        };
        let message = |outcome| match outcome {
            Outcome::Warned(diagnostic) | Outcome::Missed(diagnostic) => diagnostic.message,
            other => panic!("{other:?}"),
        };
        let most = |n| Want::Between(0, n);
        assert_eq!(
            message(params(Limit::Max, most(7_959), None)),
            "params is 7,960, but at most 7,959 is allowed: 1 too many (+0.01%)"
        );
        let warned = params(Limit::Warn, most(7_959), None);
        assert!(matches!(warned, Outcome::Warned(_)));
        assert_eq!(
            message(warned),
            "params is 7,960, but at most 7,959 is allowed without a warning: 1 too many (+0.01%)"
        );
        assert_eq!(
            message(params(Limit::Lock, Want::Between(7_959, 7_959), None)),
            "params is 7,960, but it is locked at 7,959: 1 too many (+0.01%)"
        );
        let increase = Want::Increase(Increase::Part { part: 1, whole: 100 });
        let grown = |before| params(Limit::MaxIncrease, increase, before);
        assert_eq!(grown(Some(7_882)), Outcome::Met);
        assert_eq!(
            message(grown(Some(7_881))),
            "params is 7,960, but at most 1% more is allowed: 1 too many (+0.01%)"
        );
        assert!(matches!(grown(None), Outcome::NoBaseline(_)));
    }

    #[test]
    fn a_layer_that_does_not_exist() {
        let one = (None, Want::Between(1, 1));
        let Outcome::Unknown(diagnostic) =
            judged(Some("heads.0"), &quantity::PARAMS, one, "1", None)
        else {
            panic!("known")
        };
        assert_eq!(diagnostic.helps, ["did you mean `head.0`?"]);
    }
}
