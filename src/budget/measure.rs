//! What a quantity of a network, a layer or a scope is.
//!
//! Imports `analysis`, `graph`, `ops`, `shape` and `lang`'s metrics. Tests stand in `budget.rs`.

use std::cell::OnceCell;

use crate::analysis::memory::{self, Memory, Optimizer};
use crate::analysis::{Analysis, Field, Row, Totals};
use crate::graph::{Graph, is_within};
use crate::lang::Metric;
use crate::ops::{Mode, Op};
use crate::shape::Shape;
use crate::units::grouped;

/// What a quantity is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Found {
    /// A count or a size in bytes.
    Number(u64),
    /// A shape without the batch.
    Shape(Shape),
    /// It has none, for this reason.
    Nothing(&'static str),
}

impl Found {
    /// How it is shown.
    pub fn text(self) -> String {
        match self {
            Self::Number(n) => grouped(n),
            Self::Shape(shape) => shape.to_string(),
            Self::Nothing(why) => why.to_owned(),
        }
    }
}

/// A network whose quantities are asked for. Memory is followed once, when it is asked for first.
#[derive(Debug)]
pub struct Subject<'a> {
    graph: &'a Graph,
    analysis: &'a Analysis,
    optimizer: Optimizer,
    memory: OnceCell<Option<Memory>>,
}

impl<'a> Subject<'a> {
    /// A network, trained by an optimiser where training is asked for.
    pub fn new(graph: &'a Graph, analysis: &'a Analysis, optimizer: Optimizer) -> Self {
        Self { graph, analysis, optimizer, memory: OnceCell::new() }
    }

    /// Names of its layers, in execution order.
    pub fn names(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.graph.nodes().iter().map(|node| node.name.as_str())
    }

    /// A quantity of the network, or of a layer or all layers of a scope; `None` where there is no such layer.
    pub fn found(&self, layer: Option<&str>, metric: Metric) -> Option<Found> {
        let Some(layer) = layer else { return Some(self.network(metric)) };
        let rows = self.rows(layer);
        let last = rows.last()?;
        let mut sum = Totals::default();
        for row in &rows {
            // Parts of an analysis cannot overflow: their total was checked.
            sum = sum.plus(&row.counts).unwrap_or(sum);
        }
        let shape = last.outputs.first().copied().unwrap_or(Shape::SCALAR);
        Some(counted(&sum, metric).unwrap_or_else(|| outcome(metric, shape, Some(&last.field))))
    }

    /// The rows of a layer, or of every layer of a scope.
    fn rows(&self, name: &str) -> Vec<&'a Row> {
        let is_meant = |row: &&Row| is_within(&self.graph.node(row.node).name, name);
        self.analysis.rows.iter().filter(is_meant).collect()
    }

    fn network(&self, metric: Metric) -> Found {
        let analysis = self.analysis;
        if let Some(found) = counted(&analysis.totals, metric) {
            return found;
        }
        match metric {
            Metric::LargestLayer => {
                Found::Number(analysis.rows.iter().map(|row| row.counts.params).max().unwrap_or(0))
            }
            Metric::PeakActivationBytes => self.memory().map_or(TOO_LARGE, |memory| {
                Found::Number(memory.inference.bytes - memory.flash - memory.buffers)
            }),
            Metric::TrainingBytes => {
                self.memory().map_or(TOO_LARGE, |memory| Found::Number(memory.training.peak.bytes))
            }
            _ => {
                let Some(output) = self.graph.outputs().last() else {
                    return Found::Nothing("no output");
                };
                let shape = analysis.shapes[output.value.index()];
                let makes = |row: &&Row| self.graph.node(row.node).outputs.contains(&output.value);
                outcome(metric, shape, analysis.rows.iter().find(makes).map(|row| &row.field))
            }
        }
    }

    /// The memory of the tensors alone: a budget holds whatever kernels run the network.
    fn memory(&self) -> Option<&Memory> {
        let plan: memory::Plan = |_: &Op, _: &[Shape], _: Mode| [0; 3];
        let follow = || memory::memory(self.graph, self.analysis, self.optimizer, plan).ok();
        self.memory.get_or_init(follow).as_ref()
    }
}

const TOO_LARGE: Found = Found::Nothing("more than 64 bits hold");

/// A quantity that sums up.
fn counted(totals: &Totals, metric: Metric) -> Option<Found> {
    let n = match metric {
        Metric::Params => totals.params,
        Metric::Trainable => totals.trainable,
        Metric::Buffers => totals.buffers,
        Metric::Macs => totals.work.macs,
        Metric::Flops => totals.flops,
        Metric::Bytes => totals.param_bytes,
        Metric::Activations => totals.activations,
        Metric::Output
        | Metric::ReceptiveField
        | Metric::LargestLayer
        | Metric::PeakActivationBytes
        | Metric::TrainingBytes => return None,
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
