//! What a network is and costs: passes over a graph that know no operator by name.
//!
//! [`analyze`] runs shapes, then cost, then receptive fields; each pass is a file. Imports `graph`, `ops`, `shape`.

mod cost;
pub mod example;
mod field;
pub mod measure;
pub mod memory;
pub mod quantity;
mod shapes;

use std::fmt;

pub use cost::{Row, Tensor, Totals};
pub use field::{AxisField, Field};

use crate::graph::{Graph, NodeId};
use crate::ops::Mode;
use crate::ops::error::ShapeError;
use crate::shape::{DType, Shape, TooLarge};

/// What is assumed about a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Examples that go through at once, N.
    pub batch: u64,
    /// Element type of parameters and activations.
    pub dtype: DType,
    /// Eval or train.
    pub mode: Mode,
    /// Patterns of parameter names that are not trained: `features.*`.
    pub frozen: Vec<glob::Pattern>,
}

impl Default for Options {
    fn default() -> Self {
        Self { batch: 1, dtype: DType::F32, mode: Mode::Eval, frozen: Vec::new() }
    }
}

/// What [`analyze`] finds.
#[derive(Clone, Debug, PartialEq)]
pub struct Analysis {
    /// What was assumed.
    pub options: Options,
    /// The shape of every value, batch first, by value id.
    pub shapes: Vec<Shape>,
    /// One row for each node, in execution order.
    pub rows: Vec<Row>,
    /// The sums of the rows' columns.
    pub totals: Totals,
}

/// Why a graph cannot be analysed.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct AnalysisError {
    /// The layer at which it shows; `None` where it shows in the totals or the inputs.
    pub node: Option<NodeId>,
    /// Its name.
    pub name: String,
    /// What is wrong.
    pub error: ShapeError,
}

impl fmt::Display for AnalysisError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.is_empty() {
            return write!(f, "{}", self.error);
        }
        write!(f, "{}: {}", self.name, self.error)
    }
}

impl std::error::Error for AnalysisError {}

impl AnalysisError {
    pub(crate) fn totals(_: TooLarge) -> Self {
        Self { node: None, name: String::new(), error: ShapeError::TooLarge }
    }

    pub(crate) fn at(graph: &Graph, node: NodeId, error: impl Into<ShapeError>) -> Self {
        Self { node: Some(node), name: graph.node(node).name.clone(), error: error.into() }
    }
}

/// Infers every shape, counts everything, and follows what each value sees of the inputs.
///
/// # Errors
/// The first layer whose inputs do not fit it, or whose counts exceed 64 bits.
///
/// ```
/// use cnnstat::analysis::{Options, analyze};
/// let graph = cnnstat::parse_graph("model: m\ninput: [784]\nlayers:\n  - linear(10)\n").unwrap();
/// let analysis = analyze(&graph, &Options::default()).unwrap();
/// assert_eq!(analysis.totals.params, 7_850);
/// assert_eq!(analysis.totals.work.macs, 7_840);
/// ```
pub fn analyze(graph: &Graph, options: &Options) -> Result<Analysis, AnalysisError> {
    let shapes = shapes::infer(graph, options.batch)?;
    let mut fields = field::follow(graph, &shapes, options.mode);
    let rows: Result<Vec<Row>, AnalysisError> = graph
        .iter()
        .map(|(id, node)| {
            let field = node.outputs.first().and_then(|out| fields[out.index()].take());
            cost::row(graph, id, &shapes, options, field.unwrap_or_default())
        })
        .collect();
    let mut rows = rows?;
    cost::count_shared_once(graph, &mut rows);
    let totals = cost::totals(&rows).map_err(AnalysisError::totals)?;
    Ok(Analysis { options: options.clone(), shapes, rows, totals })
}

impl Analysis {
    /// The shape of a network's output, batch first.
    pub fn outputs(&self, graph: &Graph) -> Vec<Shape> {
        graph.outputs().iter().map(|output| self.shapes[output.value.index()]).collect()
    }
}
