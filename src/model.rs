//! What every front end makes and all that commands, budgets and reports see: a network whose sizes are still open, and
//! the graph of numbers that it is once they are given.

use std::sync::Arc;

pub use crate::expectation::{Expectation, Increase, Limit, Want};

use crate::diag::{Diagnostic, Source};
use crate::graph::{Graph, NodeId};
use crate::shape::Shape;
use crate::source::Origin;

/// What is picked and replaced before a network is a graph of numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The variant.
    pub variant: Option<String>,
    /// Variables and the text that replaces theirs, from `--set NAME=TEXT`.
    pub sets: Vec<(String, String)>,
    /// Inputs and the shapes, without batch, that replace theirs; an empty name is the first input.
    pub inputs: Vec<(String, Shape)>,
    /// Examples that go through at once: the size of the axis that is put in front of each input.
    pub batch: u64,
}

impl Default for Asked {
    fn default() -> Self {
        Self { variant: None, sets: Vec::new(), inputs: Vec::new(), batch: 1 }
    }
}

/// A network of a family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    /// Its name.
    pub name: String,
    /// Whether numbers are expected of it.
    pub expects: bool,
}

/// A variable that can be set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its name.
    pub name: String,
    /// Its value where nothing is set, as it is written; `None` where that is more than a line.
    pub default: Option<String>,
}

/// A network that was read once, whose batch, inputs and settings are still open.
pub trait Architecture: Send + Sync {
    /// The file or text that it was read from.
    fn source(&self) -> &Source;

    /// The network with these sizes and settings, as often as one likes.
    ///
    /// # Errors
    /// Everything that is wrong with it, with places that [`Architecture::resolve`] makes readable.
    fn at(&self, asked: &Asked) -> Result<Model, Vec<Diagnostic>>;

    /// The networks of the family, in the order they are written; empty where it is one network.
    fn variants(&self) -> &[Variant];

    /// Whether numbers are expected of the network without a variant.
    fn expects(&self) -> bool;

    /// What can be set.
    fn settings(&self) -> Vec<Setting>;

    /// The next larger inputs, without the batch, at which a network fits that does not as it is asked for; `None` where
    /// none of those that are tried does.
    fn fitting(&self, _asked: &Asked) -> Option<Vec<(String, Shape)>> {
        None
    }

    /// What is worth a look in what it was read from, though nothing is wrong.
    fn notes(&self) -> Vec<Diagnostic> {
        Vec::new()
    }

    /// Whether a file that is found in a folder, and not named, is a network: YAML holds other things too.
    fn is_network(&self) -> bool {
        true
    }

    /// Turns the places of diagnostics about this network into bytes of its text. The text is gone over once, for the first
    /// that is asked for.
    fn resolve(&self, diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic>;
}

/// An architecture that several models were made from.
pub type Shared = Arc<dyn Architecture>;

/// A network with all sizes bound.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// The network.
    pub graph: Graph,
    /// One sentence about it.
    pub about: Option<String>,
    /// Where it was published.
    pub source: Option<String>,
    /// The variant that was picked.
    pub variant: Option<String>,
    /// Patterns of parameters that are not trained, each with its place.
    pub frozen: Vec<(String, Origin)>,
    /// What is expected of the network as it is written, in the order of `expect`.
    pub expectations: Vec<Expectation>,
    /// What it may be, whatever is set or assumed, in the order of `budget`.
    pub budget: Vec<Expectation>,
    /// Where each node of the graph is written, by node id, as far as its front end can say.
    pub origins: Vec<Option<Origin>>,
}

impl Model {
    /// Where a node is written.
    pub fn origin(&self, node: NodeId) -> Option<Origin> {
        *self.origins.get(node.index())?
    }

    /// The name of the variant that was picked, or of the network.
    pub fn name(&self) -> &str {
        self.variant.as_deref().unwrap_or(&self.graph.name)
    }
}
