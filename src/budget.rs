//! Expectations against what was found: published figures, budgets, magnitudes.
//!
//! Imports `lang`'s document, `analysis` and `diag`. Tests stand below.

use crate::analysis::{Analysis, Field, Row, Totals};
use crate::diag::{Code, Diagnostic, did_you_mean};
use crate::graph::Graph;
use crate::lang::{Document, Expectation, Metric, Want};
use crate::shape::Shape;
use crate::units::grouped;

/// What came of one expectation.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The quantity, with its layer: `params`, `features.conv1 params`.
    pub what: String,
    /// What is expected, as it is written.
    pub expected: String,
    /// What it is; empty where that cannot be said.
    pub found: String,
    /// Whether it is met, and what is wrong where it is not.
    pub outcome: Outcome,
}

/// Whether an expectation is met.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It is.
    Met,
    /// It is not.
    Missed(Diagnostic),
    /// It speaks of a layer that does not exist.
    Unknown(Diagnostic),
}

/// What a quantity is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Found {
    Number(u64),
    Shape(Shape),
    Nothing(&'static str),
}

/// Judges every expectation of a description, in the order they are written.
pub fn judge(document: &Document, analysis: &Analysis) -> Vec<Verdict> {
    document
        .expectations
        .iter()
        .map(|expectation| verdict(document, analysis, expectation))
        .collect()
}

/// What an expectation speaks of: `params`, `features.conv1 params`.
pub fn subject(expectation: &Expectation) -> String {
    match &expectation.layer {
        Some(layer) => format!("{layer} {}", expectation.metric.name()),
        None => expectation.metric.name().to_owned(),
    }
}

fn verdict(document: &Document, analysis: &Analysis, expectation: &Expectation) -> Verdict {
    let what = subject(expectation);
    let expected = expectation.text.clone();
    let found = match &expectation.layer {
        None => network(&document.graph, analysis, expectation.metric),
        Some(layer) => {
            let rows = rows_of(&document.graph, analysis, layer);
            if rows.is_empty() {
                let outcome = Outcome::Unknown(unknown(&document.graph, expectation, layer));
                return Verdict { what, expected, found: String::new(), outcome };
            }
            layers(&rows, expectation.metric)
        }
    };
    let shown = match found {
        Found::Number(n) => grouped(n),
        Found::Shape(shape) => shape.to_string(),
        Found::Nothing(why) => why.to_owned(),
    };
    let met = match (found, expectation.want) {
        (Found::Number(n), Want::Between(from, to)) => (from..=to).contains(&n),
        (Found::Shape(found), Want::Shape(want)) => found == want,
        _ => false,
    };
    let outcome =
        if met { Outcome::Met } else { Outcome::Missed(missed(expectation, &what, &shown, found)) };
    Verdict { what, expected, found: shown, outcome }
}

/// The rows of a layer, or of every layer of a scope.
fn rows_of<'a>(graph: &Graph, analysis: &'a Analysis, name: &str) -> Vec<&'a Row> {
    let is_meant = |row: &&Row| {
        let rest = graph.node(row.node).name.strip_prefix(name);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    analysis.rows.iter().filter(is_meant).collect()
}

fn network(graph: &Graph, analysis: &Analysis, metric: Metric) -> Found {
    let Some(output) = graph.outputs().last() else {
        return number(&analysis.totals, metric).unwrap_or(Found::Nothing("no output"));
    };
    let shape = analysis.shapes[output.value.index()];
    let makes = |row: &&Row| graph.node(row.node).outputs.contains(&output.value);
    let field = analysis.rows.iter().find(makes).map(|row| &row.field);
    number(&analysis.totals, metric).unwrap_or_else(|| outcome(metric, shape, field))
}

fn layers(rows: &[&Row], metric: Metric) -> Found {
    let mut sum = Totals::default();
    for row in rows {
        // Parts of an analysis cannot overflow: their total was checked.
        sum = sum.plus(&row.counts).unwrap_or(sum);
    }
    let last = rows.last();
    let shape = last.and_then(|row| row.outputs.first()).copied().unwrap_or(Shape::SCALAR);
    number(&sum, metric).unwrap_or_else(|| outcome(metric, shape, last.map(|row| &row.field)))
}

/// A quantity that sums up.
fn number(totals: &Totals, metric: Metric) -> Option<Found> {
    let n = match metric {
        Metric::Params => totals.params,
        Metric::Trainable => totals.trainable,
        Metric::Buffers => totals.buffers,
        Metric::Macs => totals.work.macs,
        Metric::Flops => totals.flops,
        Metric::Bytes => totals.param_bytes,
        Metric::Activations => totals.activations,
        Metric::Output | Metric::ReceptiveField => return None,
    };
    Some(Found::Number(n))
}

/// A quantity of one value.
fn outcome(metric: Metric, shape: Shape, field: Option<&Field>) -> Found {
    if metric == Metric::Output {
        return match Shape::new(shape.dims().get(1..).unwrap_or_default()) {
            Some(shape) => Found::Shape(shape),
            None => Found::Nothing("no shape"),
        };
    }
    match field {
        Some(Field::Axes(axes)) => {
            let extents = axes.iter().map(|axis| axis.extent.ceil().to_integer());
            let largest = extents.max().and_then(|extent| u64::try_from(extent).ok());
            largest.map_or(Found::Nothing("no spatial axes"), Found::Number)
        }
        Some(Field::Unknown(why)) => Found::Nothing(why),
        None => Found::Nothing("not known"),
    }
}

fn unknown(graph: &Graph, expectation: &Expectation, layer: &str) -> Diagnostic {
    // Scopes have names too: every front part of a layer's name.
    let names = graph.nodes().iter().flat_map(|node| {
        let ends = node.name.match_indices('.').map(|(at, _)| at);
        ends.chain([node.name.len()]).map(|end| &node.name[..end])
    });
    Diagnostic::new(Code::E0602, format!("no layer is called `{layer}`"))
        .label(expectation.place, "expected of a layer that does not exist")
        .helps(did_you_mean(layer, names))
}

fn missed(expectation: &Expectation, what: &str, shown: &str, found: Found) -> Diagnostic {
    let expected = match expectation.want {
        Want::Between(from, to) if from == to => grouped(from),
        Want::Between(0, to) => format!("at most {}", grouped(to)),
        Want::Between(from, u64::MAX) => format!("at least {}", grouped(from)),
        Want::Between(from, to) => format!("{} to {}", grouped(from), grouped(to)),
        Want::Shape(shape) => shape.to_string(),
    };
    Diagnostic::new(Code::E0601, format!("{what} is {shown}, but {expected} is expected"))
        .label(expectation.place, format!("found {shown}"))
        .helps(rounding(expectation, found))
}

/// For a figure that was meant to be rounded: how to say so.
fn rounding(expectation: &Expectation, found: Found) -> Option<String> {
    let (Found::Number(found), Want::Between(from, to)) = (found, expectation.want) else {
        return None;
    };
    let text = expectation.text.trim();
    let start = text.find(|c: char| c.is_alphabetic())?;
    let (figure, _unit) = text.split_at(start);
    let figure = figure.trim();
    let is_plain = figure.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | '_'));
    if from != to || !is_plain || figure.is_empty() {
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
    use crate::analysis::{Options, analyze};
    use crate::graph::GraphBuilder;
    use crate::ops::Linear;
    use crate::span::Place;

    fn judged(layer: Option<&str>, metric: Metric, want: Want, text: &str) -> Verdict {
        let mut builder = GraphBuilder::new("m");
        let mut value = builder.input("input", Shape::vector(784)).unwrap();
        for name in ["head.0", "head.1"] {
            value =
                builder.layer(name, Linear { out_features: 10, bias: true }, &[value]).unwrap()[0];
        }
        let graph = builder.finish(&[("output", value)]);
        let analysis = analyze(&graph, &Options::default()).unwrap();
        let expectation = Expectation {
            layer: layer.map(str::to_owned),
            metric,
            want,
            text: text.to_owned(),
            place: Place::value(0),
        };
        let document = Document {
            graph,
            about: None,
            source: None,
            variant: None,
            frozen: Vec::new(),
            expectations: vec![expectation],
            places: vec![Place::value(0); 2],
        };
        judge(&document, &analysis).remove(0)
    }

    #[test]
    fn a_network_a_layer_and_a_scope() {
        let is = |n| Want::Between(n, n);
        let met = |layer, metric, want| judged(layer, metric, want, "").outcome == Outcome::Met;
        assert!(met(None, Metric::Params, is(7850 + 110)));
        assert!(met(Some("head.1"), Metric::Params, is(110)));
        assert!(met(Some("head"), Metric::Macs, is(7840 + 100)));
        assert!(met(Some("head.0"), Metric::Output, Want::Shape(Shape::vector(10))));
        assert!(met(None, Metric::Bytes, Want::Between(0, 31_840)));
        assert!(!met(None, Metric::Bytes, Want::Between(0, 31_839)));
    }

    #[test]
    fn a_miss_names_both_numbers_and_a_way() {
        let verdict = judged(None, Metric::Params, Want::Between(8000, 8000), "8k");
        let Outcome::Missed(diagnostic) = verdict.outcome else { panic!("met") };
        assert_eq!(diagnostic.message, "params is 7,960, but 8,000 is expected");
        assert_eq!(diagnostic.helps, ["write `~8k`, or `8k ±1%`"]);
        let verdict = judged(None, Metric::Params, Want::Between(9000, 9000), "9k");
        let Outcome::Missed(diagnostic) = verdict.outcome else { panic!("met") };
        assert!(diagnostic.helps.is_empty());
    }

    #[test]
    fn a_layer_that_does_not_exist() {
        let verdict = judged(Some("heads.0"), Metric::Params, Want::Between(1, 1), "1");
        let Outcome::Unknown(diagnostic) = verdict.outcome else { panic!("known") };
        assert_eq!(diagnostic.helps, ["did you mean `head.0`?"]);
    }
}
