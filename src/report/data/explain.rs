//! Where each number comes from: the formulas of every layer with the numbers put in.
//!
//! What an operator derives stands first; parameters, FLOPs, what is kept and what is seen come from the ledger and the
//! passes.

use crate::analysis::{Analysis, Counted, Field, Row};
use crate::graph::{Graph, Node, NodeId, is_within};
use crate::ops::derive::Fact;
use crate::ops::ledger::{Keep, Role, Work};
use crate::ops::{Io, Layer as _, Op};
use crate::report::build::{self, Caption};
use crate::report::columns;
use crate::report::grid::sizes_text;
use crate::report::model::{AxisField, Convention, Layer, Report, Sizes};
use crate::shape::DType;
use crate::units::{bytes, grouped};

/// One layer, explained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Derivation {
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
pub fn derivations(
    graph: &Graph,
    analysis: &Analysis,
    report: &Report,
    nodes: &[NodeId],
) -> Vec<Derivation> {
    let rows = nodes.iter().filter_map(|id| analysis.rows.get(id.index()));
    rows.filter_map(|row| {
        let layer = report.layers.get(row.node.index())?;
        Some(Derivation {
            name: layer.name.clone(),
            call: call(layer),
            shapes: shapes(layer, report.inputs.len()),
            facts: facts(graph, analysis, row, layer, &report.convention),
        })
    })
    .collect()
}

/// Explains the first layer of a network that is an example.
pub(crate) fn example((graph, analysis): &(Graph, Analysis)) -> Option<Derivation> {
    let report = build::report(graph, analysis, Caption::default());
    let first = graph.iter().map(|(id, _)| id).next()?;
    derivations(graph, analysis, &report, &[first]).pop()
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
    let io = row.io(options.mode);
    let mut facts = match io {
        Some(io) => unfolded(node.op.derive(io), flattened(graph, analysis, row.node)),
        None if !node.op.knowledge().has_work() => {
            vec![Fact::note("arithmetic", "not counted: the operator is not known")]
        }
        None => vec![Fact::note("arithmetic", "not counted: a shape is not known")],
    };
    if row.counts.known.has(Counted::Tensors) {
        facts.extend(parameters(row, layer));
    } else {
        facts.push(Fact::note("parameters", "not known"));
    }
    if row.is_counted() {
        facts.push(flops(&row.counts.work, row.counts.flops));
    }
    if !convention.is_default() && layer.counts.known.has(Counted::Flops) {
        facts.push(Fact::note(convention.title, &grouped(layer.counts.flops)));
    }
    if let Some(io) = io.filter(|_| row.is_counted())
        && let Ok(saved) = node.op.saved(io)
    {
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
    let sized = |shape: &Sizes| sizes_text(shape.as_deref(), "×");
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
        .map(|tensor| (&*tensor.name, tensor.elements))
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

/// The map that was flattened into what a layer reads, without the batch; what keeps a shape may lie between.
fn flattened(graph: &Graph, analysis: &Analysis, id: NodeId) -> Option<Vec<u64>> {
    let node = graph.node(id);
    let (Op::Linear(_), [first]) = (&node.op, node.inputs.as_slice()) else { return None };
    let mut value = *first;
    let features = analysis.shape(value)?;
    for before in graph.nodes()[..id.index()].iter().rev().filter(|node| node.inputs.len() == 1) {
        if before.outputs.first() != Some(&value) {
            continue;
        }
        value = before.inputs[0];
        let shape = analysis.shape(value)?;
        if shape != features {
            let axes = shape.dims().get(1..).filter(|axes| (2..=4).contains(&axes.len()))?;
            let is_flat = matches!(before.op, Op::Flatten(_)) && features.rank() == 2;
            return is_flat.then(|| axes.to_vec());
        }
    }
    None
}

/// The same facts with the axes of a map that was flattened in place of their product: `256 × 13 × 13 × 4096`.
fn unfolded(facts: Vec<Fact>, map: Option<Vec<u64>>) -> Vec<Fact> {
    let Some(map) = map else { return facts };
    let features: u64 = map.iter().product();
    let letters = ["C", "D", "H", "W"];
    let letters = match map.len() {
        2 => "C × L".to_owned(),
        axes => {
            [&letters[..1], &letters[letters.len().saturating_sub(axes - 1)..]].concat().join(" × ")
        }
    };
    let axes = map.iter().map(u64::to_string).collect::<Vec<_>>().join(" × ");
    let unfold = |fact: Fact| {
        let rest = |text: &str, first: &str| text.strip_prefix(first).map(str::to_owned);
        match (rest(&fact.formula, "in × "), rest(&fact.numbers, &format!("{features} × "))) {
            (Some(formula), Some(numbers)) => Fact {
                formula: format!("{letters} × {formula}"),
                numbers: format!("{axes} × {numbers}"),
                ..fact
            },
            _ => fact,
        }
    };
    facts.into_iter().map(unfold).collect()
}

/// The parts of a fact that `=` stands between; equal neighbours are one.
pub(crate) fn equation_parts(fact: &Fact) -> Vec<&str> {
    let mut parts: Vec<&str> = vec![&fact.formula, &fact.numbers, &fact.result];
    parts.retain(|part| !part.is_empty());
    parts.dedup();
    parts
}

/// A fact on one line: `formula = numbers = result`.
pub fn equation(fact: &Fact) -> String {
    equation_parts(fact).join(" = ")
}
