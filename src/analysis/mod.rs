//! What a network is and costs: passes over a graph that know no operator by name.
//!
//! [`analyze`] runs shapes, then cost, then receptive fields; each pass is a file. Imports `graph`, `ops`, `shape`.

mod cost;
mod error;
#[cfg(feature = "cli")]
pub(crate) mod example;
mod field;
pub mod measure;
pub mod memory;
mod missing;
mod options;
mod pattern;
#[cfg_attr(not(feature = "cli"), allow(dead_code, reason = "columns are read by reports"))]
pub mod quantity;
mod shapes;

pub use cost::{Counted, Known, Row, Tensor, Totals};
pub use error::AnalysisError;
pub use field::{AxisField, Field};
pub use missing::{Missing, MissingKind, Why};
pub use options::Options;
pub use pattern::{Pattern, PatternError};

use crate::graph::{Graph, ValueId};
use crate::ops::Layer as _;
use crate::shape::Shape;

/// What [`analyze`] finds.
#[derive(Clone, Debug, PartialEq)]
pub struct Analysis {
    /// What was assumed.
    pub options: Options,
    /// The whole shape of every value, by value id; `None` where it is not known.
    pub shapes: Vec<Option<Shape>>,
    /// One row for each node, in execution order.
    pub rows: Vec<Row>,
    /// The sums of what is known in the rows: lower bounds, where something is missing.
    pub totals: Totals,
    /// What is not known or wrong, and why.
    pub missing: Vec<Missing>,
}

/// Infers every shape, counts everything, and follows what each value sees of the inputs. What is not known and what is
/// wrong is in [`Analysis::missing`]; [`Analysis::complete`] makes an error of what is wrong.
///
/// ```
/// use cnnstat::analysis::{Options, analyze};
/// let graph = cnnstat::parse_graph("model: m\ninput: [784]\nlayers:\n  - linear(10)\n").unwrap();
/// let analysis = analyze(&graph, &Options::default()).complete().unwrap();
/// assert_eq!(analysis.totals.params, 7_850);
/// assert_eq!(analysis.totals.work.macs, 7_840);
/// ```
pub fn analyze(graph: &Graph, options: &Options) -> Analysis {
    let mut missing = Vec::new();
    let found = shapes::infer(graph, &mut missing);
    let shapes = &found.shapes;
    let mut fields = field::follow(graph, shapes, options.mode);
    let mut rows = Vec::with_capacity(graph.nodes().len());
    for (id, node) in graph.iter() {
        let field = node.outputs.first().and_then(|out| fields[out.index()].take());
        rows.push(cost::row(graph, id, &found, options, field.unwrap_or_default(), &mut missing));
    }
    cost::count_shared_once(graph, &mut rows);
    // Where several layers are wrong, the first is told.
    missing.sort_by_key(|missing| missing.node.map_or(0, |node| node.index() + 1));
    let totals = cost::totals(&rows, &mut missing);
    Analysis { options: options.clone(), shapes: found.shapes, rows, totals, missing }
}

impl Analysis {
    /// The analysis of a network in which everything fits. It may still be partial.
    ///
    /// # Errors
    /// The first layer whose inputs do not fit it, or whose counts exceed 64 bits; or totals that do.
    pub fn complete(self) -> Result<Self, AnalysisError> {
        match self.error() {
            None => Ok(self),
            Some(error) => Err(error),
        }
    }

    /// What is wrong with the network, if anything is: the first of it.
    pub fn error(&self) -> Option<AnalysisError> {
        self.missing.iter().find_map(Missing::error)
    }

    /// Whether something is not known, so that totals are lower bounds.
    pub fn is_partial(&self) -> bool {
        self.missing.iter().any(|missing| !missing.why.is_error())
    }

    /// Whether everything is known by rules. What is only declared has no receptive field, and nobody knows what it holds.
    pub fn is_exact(&self, graph: &Graph) -> bool {
        !self.is_partial() && graph.nodes().iter().all(|node| !node.op.knowledge().is_declared())
    }

    /// What is missing, once a kind, in the order of the first of each.
    pub fn missing_kinds(&self, graph: &Graph) -> Vec<MissingKind> {
        missing::kinds(graph, &self.missing)
    }

    /// The whole shape of a value; `None` where it is not known.
    pub fn shape(&self, value: ValueId) -> Option<Shape> {
        self.shapes.get(value.index()).copied().flatten()
    }

    /// The whole shapes of a network's outputs; `None` where one is not known.
    pub fn outputs(&self, graph: &Graph) -> Vec<Option<Shape>> {
        graph.outputs().iter().map(|output| self.shape(output.value)).collect()
    }
}

const _: fn() = || {
    fn is_shared_by_threads<T: Send + Sync>() {}
    is_shared_by_threads::<Analysis>();
};
