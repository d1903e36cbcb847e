//! Makes the report from what the analysis found.
//!
//! Tests stand in `summary.rs`.

use num_rational::Ratio;
use serde_json::{Map, Value};

use super::model::{
    AxisField, CONVENTION, Counts, Layer, NamedShape, Report, SCHEMA_VERSION, Tensor,
};
use crate::analysis::{self, Analysis, Field, Row};
use crate::graph::Graph;
use crate::ops::args::ArgValue;
use crate::ops::ledger::Role;
use crate::ops::{Mode, Op};
use crate::shape::Shape;

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
    let named = |name: &String, value: crate::graph::ValueId| NamedShape {
        name: name.clone(),
        shape: analysis.shapes[value.index()].dims().to_vec(),
    };
    Report {
        schema_version: SCHEMA_VERSION,
        model: caption.name.unwrap_or(&graph.name).to_owned(),
        about: caption.about.map(str::to_owned),
        source: caption.source.map(str::to_owned),
        inputs: graph.inputs().iter().map(|i| named(&i.name, i.value)).collect(),
        outputs: graph.outputs().iter().map(|o| named(&o.name, o.value)).collect(),
        batch: analysis.options.batch,
        dtype: analysis.options.dtype.name(),
        mode: mode_name(analysis.options.mode),
        convention: CONVENTION,
        status: "complete",
        not_counted: Vec::new(),
        layers: analysis.rows.iter().map(|row| layer(graph, row)).collect(),
        totals: Counts::from(&analysis.totals),
    }
}

/// The word for a mode.
pub fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Eval => "eval",
        Mode::Train => "train",
    }
}

fn layer(graph: &Graph, row: &Row) -> Layer {
    let node = graph.node(row.node);
    Layer {
        index: row.node.index(),
        name: node.name.clone(),
        op: node.op.name(),
        call: node.op.args_text(),
        args: args(&node.op),
        inputs: dims(&row.inputs),
        outputs: dims(&row.outputs),
        counts: Counts::from(&row.counts),
        receptive_field: field(&row.field),
        tensors: row.tensors.iter().map(tensor).collect(),
    }
}

fn dims(shapes: &[Shape]) -> Vec<Vec<u64>> {
    shapes.iter().map(|shape| shape.dims().to_vec()).collect()
}

fn args(op: &Op) -> Map<String, Value> {
    let names = op.entry().signature.iter().map(|arg| arg.name.to_owned());
    names.zip(op.args().values().map(json)).collect()
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
    }
}

fn tensor(tensor: &analysis::Tensor) -> Tensor {
    Tensor {
        name: tensor.name,
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
        extent: axis.extent.ceil().to_integer(),
        stride: axis.stride.map(pair),
        start: axis.start.floor().to_integer(),
        aligned: axis.aligned,
    };
    Some(axes.iter().map(shown).collect())
}

impl From<&analysis::Totals> for Counts {
    fn from(totals: &analysis::Totals) -> Self {
        Self {
            params: totals.params,
            trainable: totals.trainable,
            buffers: totals.buffers,
            param_bytes: totals.param_bytes,
            buffer_bytes: totals.buffer_bytes,
            work: totals.work,
            work_backward: totals.work_backward,
            flops: totals.flops,
            activations: totals.activations,
            activation_bytes: totals.activation_bytes,
        }
    }
}
