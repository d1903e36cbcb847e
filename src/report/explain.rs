//! Where each number comes from: the formulas of every layer with the numbers put in.
//!
//! What an operator derives stands first; parameters, FLOPs, what is kept and what is seen come from the ledger and the
//! passes. Tests stand below.

use std::fmt::Write as _;

use super::columns;
use super::grid::shape_text;
use super::markdown::{code, escape};
use super::model::{AxisField, Convention, Layer, Report};
use super::summary::{assumed, assumptions};
use super::table::bold;
use super::text::{safe, width, wrap, wrap_formula};
use crate::analysis::{Analysis, Field, Row};
use crate::graph::{Graph, Node, NodeId, is_within};
use crate::ops::derive::Fact;
use crate::ops::ledger::{Keep, Role, Work};
use crate::ops::{Io, Layer as _};
use crate::shape::DType;
use crate::units::{bytes, grouped};

/// Columns that a formula needs beside its label; with fewer it stands below.
const NARROWEST: usize = 16;

/// One layer, explained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Its dotted name.
    pub name: String,
    /// Its call: `conv2d(96, 11, stride=4)`.
    pub call: String,
    /// What arrives and what leaves: `1×3×227×227 → 1×96×55×55`.
    pub shapes: String,
    /// Its numbers, in reading order.
    pub facts: Vec<Fact>,
}

/// The nodes that a name means: the layer, every layer of the scope, or what a pattern with `*` and `?` matches; if there
/// is none, those whose names have it inside: `conv2` for `features.conv2`.
pub fn pick(graph: &Graph, name: &str) -> Vec<NodeId> {
    let pattern = name.contains(['*', '?']).then(|| glob::Pattern::new(name).ok()).flatten();
    let is_meant = |node: &Node| {
        is_within(&node.name, name)
            || pattern.as_ref().is_some_and(|pattern| pattern.matches(&node.name))
    };
    let nodes: Vec<NodeId> =
        graph.iter().filter(|(_, node)| is_meant(node)).map(|(id, _)| id).collect();
    if !nodes.is_empty() || pattern.is_some() {
        return nodes;
    }
    let segments = format!(".{name}.");
    let holds = |node: &Node| format!(".{}.", node.name).contains(&segments);
    graph.iter().filter(|(_, node)| holds(node)).map(|(id, _)| id).collect()
}

/// Explains the chosen layers of a network; `report` is the report of the same analysis.
pub fn sections(
    graph: &Graph,
    analysis: &Analysis,
    report: &Report,
    nodes: &[NodeId],
) -> Vec<Section> {
    let rows = nodes.iter().filter_map(|id| analysis.rows.get(id.index()));
    rows.filter_map(|row| {
        let layer = report.layers.get(row.node.index())?;
        Some(Section {
            name: layer.name.clone(),
            call: call(layer),
            shapes: shapes(layer, report.inputs.len()),
            facts: facts(graph, analysis, row, layer, &report.convention),
        })
    })
    .collect()
}

fn facts(
    graph: &Graph,
    analysis: &Analysis,
    row: &Row,
    layer: &Layer,
    convention: &Convention,
) -> Vec<Fact> {
    let node = graph.node(row.node);
    let options = &analysis.options;
    let io = Io { inputs: &row.inputs, outputs: &row.outputs, mode: options.mode };
    let mut facts = node.op.derive(io);
    facts.extend(parameters(row, layer));
    facts.push(flops(&row.counts.work, row.counts.flops));
    if !convention.is_default() {
        facts.push(Fact::note(convention.title, &grouped(layer.counts.flops)));
    }
    if let Ok(saved) = node.op.saved(io) {
        facts.push(kept(&saved, io, options.dtype));
    }
    facts.extend(sees(layer, &row.field));
    facts
}

fn call(layer: &Layer) -> String {
    match layer.call.as_str() {
        "" => layer.op.clone(),
        args => format!("{}({args})", layer.op),
    }
}

/// What arrives and what leaves. Inputs have the name of what makes them, unless there is but one and the layer before
/// makes it, or the network's only input is it.
fn shapes(layer: &Layer, network_inputs: usize) -> String {
    let before = layer.index.checked_sub(1);
    let is_plain = |from: Option<usize>| from == before && (from.is_some() || network_inputs == 1);
    let sized = |shape: &Vec<u64>| shape_text(shape, "×");
    let inputs: Vec<String> = match (layer.from_index.as_slice(), layer.inputs.as_slice()) {
        ([from], [only]) if is_plain(*from) => vec![sized(only)],
        (_, shapes) => {
            let named = layer.from.iter().zip(shapes);
            named.map(|(name, shape)| format!("{name} {}", sized(shape))).collect()
        }
    };
    let outputs: Vec<String> = layer.outputs.iter().map(sized).collect();
    format!("{} → {}", inputs.join(", "), outputs.join(", "))
}

/// The sum of the tensors, or whose they are.
fn parameters(row: &Row, layer: &Layer) -> Option<Fact> {
    if let Some(owner) = &layer.shared_with {
        let text = format!("shared with {owner}, where they are counted");
        return Some(Fact::note("parameters", &text));
    }
    let terms: Vec<(&str, u64)> = row
        .tensors
        .iter()
        .filter(|tensor| tensor.role != Role::Buffer)
        .map(|tensor| (tensor.name, tensor.elements))
        .collect();
    let sum = (terms.len() > 1).then(|| Fact::sum("parameters", &terms))?;
    let frozen = row.counts.params - row.counts.trainable;
    Some(if frozen > 0 {
        sum.because(format!("{} of them are frozen", grouped(frozen)))
    } else {
        sum
    })
}

/// FLOPs from the ledger, in the default convention.
fn flops(work: &Work, flops: u64) -> Fact {
    let terms = [
        ("2·MACs", work.macs, "2 × "),
        ("adds", work.adds, ""),
        ("muls", work.muls, ""),
        ("divs", work.divs, ""),
        ("cmps", work.cmps, ""),
        ("specials", work.specials, ""),
    ];
    let terms: Vec<_> = terms.into_iter().filter(|(_, n, _)| *n > 0).collect();
    if terms.is_empty() {
        return Fact::note("FLOPs", "0: no arithmetic");
    }
    let letters: Vec<&str> = terms.iter().map(|(name, ..)| *name).collect();
    let numbers: Vec<String> =
        terms.iter().map(|(_, n, by)| format!("{by}{}", grouped(*n))).collect();
    let fact = Fact::formula("FLOPs", &letters.join(" + "), &numbers.join(" + "), flops);
    match work.padding_taps {
        0 => fact,
        taps => fact.because(format!(
            "{} of the taps fall on padding and count all the same",
            grouped(taps)
        )),
    }
}

/// What the tape keeps for the backward pass.
fn kept(saved: &[Keep], io: Io<'_>, dtype: DType) -> Fact {
    let size = |elements: Option<u64>, dtype: DType| {
        let Some(elements) = elements else { return String::new() };
        let size = elements.saturating_mul(dtype.bytes());
        format!(" ({} × {} B = {})", grouped(elements), dtype.bytes(), bytes(size))
    };
    let numbered = |what: &str, i: usize, of: usize| match of {
        1 => format!("the {what}"),
        _ => format!("{what} {}", i + 1),
    };
    let texts: Vec<String> = saved
        .iter()
        .map(|keep| match *keep {
            Keep::Input(i) => {
                let elements = io.inputs.get(i).and_then(|shape| shape.numel().ok());
                numbered("input", i, io.inputs.len()) + &size(elements, dtype)
            }
            Keep::Output(i) => {
                let elements = io.outputs.get(i).and_then(|shape| shape.numel().ok());
                numbered("output", i, io.outputs.len()) + &size(elements, dtype)
            }
            Keep::Own { what, elements, dtype: own } => {
                format!("{what}{}", size(Some(elements), own.unwrap_or(dtype)))
            }
        })
        .collect();
    let text = if texts.is_empty() { "nothing".to_owned() } else { texts.join(", ") };
    Fact::note("kept for backward", &text)
}

/// What an output element sees of the network's input.
fn sees(layer: &Layer, field: &Field) -> Vec<Fact> {
    let axes = match (&layer.receptive_field, field) {
        (Some(axes), _) => axes,
        (None, Field::Unknown(why)) => {
            return vec![Fact::note("receptive field", "not known").because(*why)];
        }
        (None, Field::Axes(_)) => return Vec::new(),
    };
    if axes.is_empty() {
        return Vec::new();
    }
    let each = |show: fn(&AxisField) -> String, between: &str| {
        axes.iter().map(show).collect::<Vec<_>>().join(between)
    };
    let text = format!(
        "{} of the input, stride {}, from {}",
        each(|axis| axis.extent.to_string(), " × "),
        each(|axis| columns::stride(axis.stride), " × "),
        each(|axis| axis.start.to_string(), ", ").replace('-', "−")
    );
    let fact = Fact::note("receptive field", &text);
    let is_aligned = axes.iter().all(|axis| axis.aligned);
    vec![if is_aligned {
        fact
    } else {
        fact.because(
            "the largest over the branches that meet here, which see around different middles",
        )
    }]
}

/// The parts of a fact that `=` stands between; equal neighbours are one.
fn parts(fact: &Fact) -> Vec<&str> {
    let mut parts: Vec<&str> = vec![&fact.formula, &fact.numbers, &fact.result];
    parts.retain(|part| !part.is_empty());
    parts.dedup();
    parts
}

/// A fact on one line: `formula = numbers = result`.
pub fn equation(fact: &Fact) -> String {
    parts(fact).join(" = ")
}

/// Sections for a terminal.
pub fn terminal(
    report: &Report,
    sections: &[Section],
    columns: Option<usize>,
    color: bool,
) -> String {
    let mut out = format!("{}\n", bold(&safe(&report.model), color));
    let _ = writeln!(out, "{}", assumed(report, columns));
    for section in sections {
        let (name, call) = (safe(&section.name), safe(&section.call));
        let _ = writeln!(out, "\n{}{}", bold(&name, color), beside(&call, columns, width(&name)));
        let _ = writeln!(out, "  {}", wrap_formula(&safe(&section.shapes), columns, 2, 4));
        let label = section.facts.iter().map(|fact| width(&fact.what)).max().unwrap_or(0) + 4;
        let is_narrow = columns.is_some_and(|columns| columns < label + NARROWEST);
        let start = if is_narrow { 4 } else { label };
        let below = format!("\n{}", " ".repeat(start));
        for fact in &section.facts {
            let gap = " ".repeat(label.saturating_sub(width(&fact.what) + 3));
            let gap = if is_narrow { below.as_str() } else { gap.as_str() };
            let what = wrap(&format!("{}:", fact.what), columns, 2, 2);
            let _ = writeln!(out, "  {what}{gap}{}", laid_out(fact, columns, start));
            if let Some(why) = &fact.why {
                let why = wrap_formula(&safe(why), columns, start, start);
                let _ = writeln!(out, "{}{why}", " ".repeat(start));
            }
        }
    }
    out
}

/// A call behind a name that takes `name` columns, or below it where not even its first word fits.
fn beside(call: &str, columns: Option<usize>, name: usize) -> String {
    let first = call.split_whitespace().next().unwrap_or_default();
    if columns.is_some_and(|columns| name + 2 + width(first) > columns) {
        return format!("\n    {}", wrap(call, columns, 4, 4));
    }
    format!("  {}", wrap(call, columns, name + 2, 4))
}

/// A fact on one line; where room is short, the formula on a line of its own; where it is shorter still, the result too, and
/// what is too long all the same is broken before a sign.
fn laid_out(fact: &Fact, columns: Option<usize>, start: usize) -> String {
    let parts = parts(fact);
    let [formula, rest @ ..] = parts.as_slice() else { return String::new() };
    if rest.is_empty() {
        return wrap_formula(&safe(formula), columns, start, start);
    }
    let room = columns.map_or(usize::MAX, |columns| columns.saturating_sub(start));
    let whole = equation(fact);
    if width(&whole) <= room {
        return safe(&whole).into_owned();
    }
    let numbers = format!("= {}", rest.join(" = "));
    let lines = if width(&numbers) <= room {
        vec![(*formula).to_owned(), numbers]
    } else {
        let rest = rest.iter().map(|part| format!("= {part}"));
        std::iter::once((*formula).to_owned()).chain(rest).collect()
    };
    let lines: Vec<String> =
        lines.iter().map(|line| wrap_formula(&safe(line), columns, start, start + 2)).collect();
    lines.join(&format!("\n{}", " ".repeat(start)))
}

/// Sections as a page.
pub fn markdown(report: &Report, sections: &[Section]) -> String {
    let assumed: Vec<String> = assumptions(report).iter().map(|text| escape(text)).collect();
    let mut out = format!("## {}\n\n{}\n", escape(&report.model), assumed.join(" · "));
    for section in sections {
        let _ = writeln!(out, "\n### {}\n", escape(&section.name));
        let _ = writeln!(out, "{}: {}\n", code(&section.call), escape(&section.shapes));
        for fact in &section.facts {
            let _ = writeln!(out, "{}", bullet(fact));
        }
    }
    out
}

/// A fact as an item of a list.
pub(super) fn bullet(fact: &Fact) -> String {
    let shown = match parts(fact).as_slice() {
        [only] => escape(only),
        several => code(&several.join(" = ")),
    };
    let why = fact.why.as_ref().map(|why| format!(" ({})", escape(why)));
    format!("* {}: {shown}{}", fact.what, why.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::{Options, analyze};
    use crate::graph::GraphBuilder;
    use crate::ops::Conv;
    use crate::ops::field::PerAxis;
    use crate::ops::window::Padding;
    use crate::report::build::{Caption, report};
    use crate::shape::Shape;

    /// The first layer of AlexNet (Krizhevsky 2012).
    fn conv1() -> (Graph, Analysis) {
        let mut builder = GraphBuilder::new("alexnet");
        let image = builder.input("input", Shape::new(&[3, 227, 227]).unwrap()).unwrap();
        let conv = Conv {
            rank: 2,
            out_channels: 96,
            kernel_size: PerAxis::all(2, 11),
            stride: PerAxis::all(2, 4),
            padding: Padding::Sides { rank: 2, sides: [(0, 0); 3] },
            dilation: PerAxis::all(2, 1),
            groups: 1,
            bias: true,
        };
        let out = builder.layer("features.conv1", conv, &[image]).unwrap()[0];
        let graph = builder.finish(&[("output", out)]);
        let analysis = analyze(&graph, &Options::default()).unwrap();
        (graph, analysis)
    }

    fn text(columns: Option<usize>) -> String {
        let (graph, analysis) = conv1();
        let report = report(&graph, &analysis, Caption::default());
        let sections = sections(&graph, &analysis, &report, &pick(&graph, "features"));
        terminal(&report, &sections, columns, false)
    }

    #[test]
    fn each_number_stands_beside_its_formula() {
        let text = text(None);
        for part in [
            "features.conv1  conv2d(96, 11, stride=4)",
            "1×3×227×227 → 1×96×55×55",
            "= (227 + 2·0 − 11)/4 + 1 = 55",
            "11 × 11 × 3 × 96 = 34,848",
            "weight + bias = 34,848 + 96 = 34,944",
            "2·MACs + adds = 2 × 105,415,200 + 290,400 = 211,120,800",
            "the input (154,587 × 4 B = 604 KiB)",
            "11 × 11 of the input, stride 4 × 4, from 0, 0",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
    }

    #[test]
    fn products_are_not_broken() {
        for columns in [40, 60, 80] {
            let text = text(Some(columns));
            assert!(text.contains("11 × 11 × 3 × 96"), "{text}");
        }
        assert!(text(Some(80)).lines().all(|line| width(line) <= 80), "{}", text(Some(80)));
    }

    #[test]
    fn a_name_means_a_layer_a_scope_or_a_pattern() {
        let (graph, _) = conv1();
        for name in ["features.conv1", "features", "*conv?", "conv1"] {
            assert_eq!(pick(&graph, name).len(), 1, "{name}");
        }
        for name in ["feat", "features.", "onv1", "[*", ""] {
            assert!(pick(&graph, name).is_empty(), "{name}");
        }
    }
}
