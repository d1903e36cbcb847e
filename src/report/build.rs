//! Makes the report from what the analysis found.

use std::collections::HashMap;

use num_rational::Ratio;
use serde_json::Value;

use super::model::{
    self, AxisField, CONVENTION, Input, Layer, MissingKind, Output, Report, SCHEMA_VERSION, Sizes,
    Status, Tensor,
};
use crate::analysis::{self, Analysis, Counted, Field, Known, Row};
use crate::convention::{Convention, Count, NotCounted};
use crate::graph::{Graph, NodeId, ValueId, WeightsId};
use crate::ops::args::ArgValue;
use crate::ops::ledger::Role;
use crate::ops::{Layer as _, Mode};

/// What a network is called and what is said of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Caption<'c> {
    /// The name, where it is not the graph's own.
    pub name: Option<&'c str>,
    /// One sentence about it.
    pub about: Option<&'c str>,
    /// Where it was published.
    pub source: Option<&'c str>,
}

/// The report of a network.
pub fn report(graph: &Graph, analysis: &Analysis, caption: Caption<'_>) -> Report {
    let sources = Sources::of(graph);
    let output = |output: &crate::graph::Output| Output {
        name: output.name.clone(),
        shape: sizes(analysis, output.value),
        from: sources.name(output.value),
        from_index: sources.position(output.value),
    };
    let status = Status::of(analysis);
    let not_counted = not_counted(graph, analysis);
    Report {
        schema_version: SCHEMA_VERSION,
        model: caption.name.unwrap_or(&graph.name).to_owned(),
        about: caption.about.map(str::to_owned),
        source: caption.source.map(str::to_owned),
        inputs: Input::all(graph, analysis.options.dtype),
        outputs: graph.outputs().iter().map(output).collect(),
        batch: graph.batch().unwrap_or(1),
        dtype: analysis.options.dtype.name(),
        mode: mode_name(analysis.options.mode),
        convention: CONVENTION,
        status,
        not_counted,
        missing: analysis.missing_kinds(graph).into_iter().map(Into::into).collect(),
        layers: analysis.rows.iter().map(|row| layer(&sources, analysis, row)).collect(),
        totals: analysis.totals,
    }
}

/// The layers of which something is not known, in execution order.
fn not_counted(graph: &Graph, analysis: &Analysis) -> Vec<String> {
    let unknown = analysis.missing.iter().filter(|missing| !missing.why.is_error());
    let mut nodes: Vec<NodeId> = unknown.filter_map(|missing| missing.node).collect();
    nodes.dedup();
    nodes.into_iter().map(|node| graph.node(node).name.clone()).collect()
}

/// The same report with the numbers of another convention, which has counted the same analysis.
pub fn report_as(mut report: Report, convention: &'static Convention, count: &Count) -> Report {
    report.convention = model::Convention::of(convention);
    for (layer, counted) in report.layers.iter_mut().zip(&count.layers) {
        layer.counts.flops = counted.unwrap_or(0);
        if counted.is_none() {
            layer.counts.known = layer.counts.known.without(Counted::Flops);
        }
    }
    report.totals.flops = count.total.value();
    if count.total.exact().is_none() {
        report.totals.known = report.totals.known.without(Counted::Flops);
        report.status = Status::Partial;
        let kind = |missing: &NotCounted| MissingKind {
            operator: missing.op.clone(),
            number: missing.layers,
            first_layer: missing.first.clone(),
            reason: missing.why,
        };
        report.missing = count.not_counted.iter().map(kind).collect();
        let is_counted = |layer: &Layer| layer.counts.known == Known::ALL;
        report.not_counted =
            report.layers.iter().filter(|l| !is_counted(l)).map(|l| l.name.clone()).collect();
        report.layers.iter_mut().for_each(|layer| layer.counted = Some(is_counted(layer)));
    }
    report
}

impl model::Convention {
    /// What a report says of a convention.
    pub(crate) fn of(convention: &'static Convention) -> Self {
        if convention.is_default() {
            return CONVENTION;
        }
        Self {
            name: convention.name,
            result: convention.result,
            flops: convention.formula,
            title: convention.title,
            delta: convention.delta,
        }
    }
}

/// The word for a mode.
pub fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Eval => "eval",
        Mode::Train => "train",
    }
}

/// Who makes each value, and which node is the first with each set of weights.
struct Sources<'g> {
    graph: &'g Graph,
    makers: Vec<Option<NodeId>>,
    owners: HashMap<WeightsId, NodeId>,
}

impl<'g> Sources<'g> {
    fn of(graph: &'g Graph) -> Self {
        let mut makers = vec![None; graph.value_count()];
        let mut owners = HashMap::with_capacity(graph.nodes().len());
        for (id, node) in graph.iter() {
            node.outputs.iter().for_each(|value| makers[value.index()] = Some(id));
            owners.entry(node.weights).or_insert(id);
        }
        Self { graph, makers, owners }
    }

    fn position(&self, value: ValueId) -> Option<usize> {
        self.makers[value.index()].map(NodeId::index)
    }

    /// The layer that makes a value, or the input that it is.
    fn name(&self, value: ValueId) -> String {
        if let Some(id) = self.makers[value.index()] {
            return self.graph.node(id).name.clone();
        }
        let input = self.graph.inputs().iter().find(|input| input.value == value);
        input.map(|input| input.name.clone()).unwrap_or_default()
    }

    /// The earlier layer whose tensors a row uses.
    fn owner(&self, row: &Row) -> Option<String> {
        let node = self.graph.node(row.node);
        let owner = self.owners.get(&node.weights).filter(|owner| **owner != row.node)?;
        let has_tensors = node.op.params(&row.inputs).is_ok_and(|own| !own.is_empty());
        has_tensors.then(|| self.graph.node(*owner).name.clone())
    }
}

fn layer(sources: &Sources<'_>, analysis: &Analysis, row: &Row) -> Layer {
    let dims = |values: &[ValueId]| values.iter().map(|value| sizes(analysis, *value)).collect();
    let node = sources.graph.node(row.node);
    let (entry, args) = (node.op.entry(), node.op.args());
    let names = entry.signature.iter().map(|arg| arg.name.to_owned());
    Layer {
        index: row.node.index(),
        name: node.name.clone(),
        op: node.op.name(),
        call: args.text(entry.signature),
        args: names.zip(args.values().map(json)).collect(),
        from: node.inputs.iter().map(|value| sources.name(*value)).collect(),
        from_index: node.inputs.iter().map(|value| sources.position(*value)).collect(),
        shared_with: sources.owner(row),
        inputs: dims(&node.inputs),
        outputs: dims(&node.outputs),
        counted: analysis.is_partial().then_some(row.counts.known == Known::ALL),
        counts: row.counts,
        receptive_field: field(&row.field),
        tensors: row.tensors.iter().map(tensor).collect(),
    }
}

fn sizes(analysis: &Analysis, value: ValueId) -> Sizes {
    Some(analysis.shape(value)?.dims().to_vec())
}

/// An argument's value as JSON has it.
pub(super) fn json(value: &ArgValue) -> Value {
    match value {
        ArgValue::None => Value::Null,
        ArgValue::Bool(b) => (*b).into(),
        ArgValue::Int(n) => (*n).into(),
        ArgValue::Float(x) => (*x).into(),
        ArgValue::Text(text) => text.as_str().into(),
        ArgValue::List(items) => items.iter().map(json).collect(),
        ArgValue::Map(entries) => {
            entries.iter().map(|(name, value)| (name.clone(), json(value))).collect()
        }
    }
}

fn tensor(tensor: &analysis::Tensor) -> Tensor {
    Tensor {
        name: tensor.name.clone(),
        shape: tensor.shape.dims().to_vec(),
        kind: if tensor.role == Role::Buffer { "buffer" } else { "param" },
        trainable: tensor.trainable,
        dtype: tensor.dtype.name(),
    }
}

fn field(field: &Field) -> Option<Vec<AxisField>> {
    let pair = |ratio: Ratio<i64>| [*ratio.numer(), *ratio.denom()];
    let Field::Axes(axes) = field else { return None };
    let shown = |axis: &analysis::AxisField| AxisField {
        extent: i64::try_from(axis.extent).unwrap_or(i64::MAX),
        stride: axis.stride.map(pair),
        start: axis.start,
        aligned: axis.aligned,
    };
    Some(axes.iter().map(shown).collect())
}
