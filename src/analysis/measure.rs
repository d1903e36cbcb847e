//! The value of a quantity: of a network, a layer or a scope.

use std::cell::OnceCell;

use super::memory::{self, Engine, Memory, Optimizer, Training};
use super::quantity::{Of, OfValue, Quantity};
use super::{Analysis, Counted, Row, Totals};
use crate::graph::{Graph, is_within};
use crate::ops::{Mode, Op};
use crate::shape::Shape;
use crate::units::grouped;

/// What a quantity is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Measure {
    /// A count or a size in bytes.
    Number(u64),
    /// The same or more: something is not known.
    AtLeast(u64),
    /// It is not known at all.
    Unknown,
    /// A shape without the batch.
    Shape(Shape),
    /// It has none, for this reason.
    Nothing(&'static str),
}

impl Measure {
    /// How it is shown.
    pub fn text(self) -> String {
        match self {
            Self::Number(n) => grouped(n),
            Self::AtLeast(n) => format!("≥ {}", grouped(n)),
            Self::Unknown => "not known".to_owned(),
            Self::Shape(shape) => shape.to_string(),
            Self::Nothing(why) => why.to_owned(),
        }
    }
}

/// A number, or a lower bound of one.
fn bounded(n: u64, is_exact: bool) -> Measure {
    if is_exact { Measure::Number(n) } else { Measure::AtLeast(n) }
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
    pub fn found(&self, layer: Option<&str>, quantity: &Quantity) -> Option<Measure> {
        let Some(layer) = layer else { return Some(self.of_network(quantity)) };
        let rows = self.rows(layer);
        let last = rows.last()?;
        let mut sum = Totals::default();
        for row in &rows {
            // Parts of an analysis cannot overflow: their total was checked.
            sum = sum.plus(&row.counts).unwrap_or(sum);
        }
        Some(match quantity.of {
            Of::Sum(of) => bounded(of(&sum), sum.known.has(quantity.counted)),
            Of::Ratio(_) | Of::Network { .. } => Measure::Nothing("not of a layer"),
            Of::Value(of) => self.of_layer(last, of),
        })
    }

    /// The same as [`Subject::found`], axis by axis; of a quantity that has no axes, the same.
    pub fn found_by_axis(&self, layer: Option<&str>, quantity: &Quantity) -> Option<Measure> {
        let Some(of) = quantity.by_axis else { return self.found(layer, quantity) };
        match layer {
            None => Some(self.of_output(of)),
            Some(layer) => self.rows(layer).last().map(|row| self.of_layer(row, of)),
        }
    }

    /// Of a layer's first output. That of a layer that has none has no axes.
    fn of_layer(&self, row: &Row, of: OfValue) -> Measure {
        row.outputs.known().map_or(Measure::Unknown, |outputs| {
            let first = outputs.first().copied().unwrap_or(Shape::SCALAR);
            self.value(of(first, Some(&row.field)))
        })
    }

    /// Of the network's last output.
    fn of_output(&self, of: OfValue) -> Measure {
        let Some(output) = self.graph.outputs().last() else {
            return Measure::Nothing("no output");
        };
        let Some(shape) = self.analysis.shape(output.value) else { return Measure::Unknown };
        let makes = |row: &&Row| self.graph.node(row.node).outputs.contains(&output.value);
        self.value(of(shape, self.analysis.rows.iter().find(makes).map(|row| &row.field)))
    }

    /// The rows of a layer, or of every layer of a scope.
    fn rows(&self, name: &str) -> Vec<&'a Row> {
        let is_meant = |row: &&Row| is_within(&self.graph.node(row.node).name, name);
        self.analysis.rows.iter().filter(is_meant).collect()
    }

    fn of_network(&self, quantity: &Quantity) -> Measure {
        match quantity.of {
            Of::Sum(of) => {
                let totals = &self.analysis.totals;
                bounded(of(totals), totals.known.has(quantity.counted))
            }
            Of::Ratio(_) => Measure::Nothing("a ratio"),
            Of::Network { of, .. } => of(self),
            Of::Value(of) => self.of_output(of),
        }
    }

    /// What is found of a value: where something of the network is not known, that there is nothing is not known either.
    fn value(&self, found: Measure) -> Measure {
        match found {
            Measure::Nothing(_) if !self.analysis.is_exact(self.graph) => Measure::Unknown,
            found => found,
        }
    }

    /// Elements of parameters of the layer that has the most.
    pub(super) fn largest_layer(&self) -> Measure {
        let largest = self.analysis.rows.iter().map(|row| row.counts.params).max().unwrap_or(0);
        bounded(largest, self.analysis.totals.known.has(Counted::Tensors))
    }

    /// The most bytes of activations that inference holds at once.
    pub(super) fn peak_activation_bytes(&self) -> Measure {
        self.memory().map_or(TOO_LARGE, |memory| {
            bounded(memory.inference.bytes - memory.flash - memory.buffers, memory.is_exact)
        })
    }

    /// The most bytes that a training step holds at once.
    pub(super) fn training_bytes(&self) -> Measure {
        let Some(memory) = self.memory() else { return TOO_LARGE };
        let bytes = |step: &Training| bounded(step.peak.bytes, memory.is_exact);
        memory.training.as_ref().map_or(Measure::Nothing("not taken in integers"), bytes)
    }

    /// The memory of the tensors alone: a budget holds whatever kernels run the network.
    fn memory(&self) -> Option<&Memory> {
        let plan: memory::Plan = |_: &Op, _: &[Shape], _: Mode| [0; 3];
        let follow =
            || memory::memory(self.graph, self.analysis, self.optimizer, Engine::Own(plan)).ok();
        self.memory.get_or_init(follow).as_ref()
    }
}

const TOO_LARGE: Measure = Measure::Nothing("more than 64 bits hold");
