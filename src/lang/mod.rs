//! The description language: YAML for structure, one small call syntax for layers and expressions.
//!
//! `yaml` makes a tree of nodes with places; `grammar` parses calls, expressions and keys; `description` reads the top
//! level, `eval` and `functions` compute values, `layers`, `joins` and `calls` expand items into a graph, `scopes` and
//! `references` keep names and what they mean. A description yields a
//! [`Model`] and nothing else. Imports `diag`, `expectation`, `graph`, `ops`, `shape`, `span`, `text`, `units`. `docs/language.md` describes it.

mod ast;
mod calls;
mod description;
mod eval;
#[cfg(any(feature = "cli", feature = "internals"))]
mod expand;
mod expect;
mod fitting;
mod functions;
mod grammar;
mod joins;
mod layers;
mod misfit;
mod naming;
mod parsed;
mod places;
mod print;
mod reader;
mod references;
mod scopes;
mod shape_error;
mod suggest;
mod tokens;
mod traps;
mod tree;
mod unused;
mod value;
#[cfg(any(feature = "cli", feature = "internals"))]
mod wires;
mod yaml;

#[cfg(feature = "internals")]
pub use places::passes;
#[cfg(feature = "cli")]
pub(crate) use suggest::operator_meant;

use crate::diag::{Diagnostic, Source};
use crate::model::{Architecture, Asked, Model, Setting, Variant};
use crate::shape::Shape;
use parsed::Parsed;
use tree::{Nodes, Tree};

/// How to fix what holds no description.
pub const BEGIN: &str =
    "write `model:`, `input:` and `layers:`; `cnnstat expand alexnet` prints an example";

/// Stack for reading: nesting is bounded everywhere, but the bounds multiply (blocks, items, expressions), and the caller's
/// stack may be small. Only what is used of it takes memory.
const STACK: usize = 256 << 20;

/// A description that was read, and is evaluated as often as one likes.
#[derive(Debug)]
pub struct Description {
    source: Source,
    nodes: Nodes,
    parsed: Parsed,
    /// What was found wrong while it was read.
    found: Vec<Diagnostic>,
    variants: Vec<Variant>,
    expects: bool,
}

impl Description {
    /// Reads the text of a description, by one pass of serde_yaml.
    ///
    /// # Errors
    /// Text that YAML cannot read, with labels in bytes of it.
    pub fn read(source: Source) -> Result<Self, Vec<Diagnostic>> {
        let (nodes, mut found) = yaml::parse(&source.text)?;
        found.extend(nodes.binaries(&source.text).into_iter().map(traps::binary));
        let tree = Tree::plain(&nodes);
        let expects = |node| ["expect", "budget"].iter().any(|key| tree.get(node, key).is_some());
        let variants = tree.get(0, "variants").map(|node| tree.entries(node)).unwrap_or_default();
        let variant = |(name, node): &(String, u32)| {
            let (name, expects) = (name.clone(), expects(*node));
            Variant { name, expects }
        };
        let (variants, expects) = (variants.iter().map(variant).collect(), expects(0));
        let parsed = Parsed::new(nodes.len());
        Ok(Self { source, nodes, parsed, found, variants, expects })
    }
}

impl Architecture for Description {
    fn source(&self) -> &Source {
        &self.source
    }

    fn at(&self, asked: &Asked) -> Result<Model, Vec<Diagnostic>> {
        let (tree, sets) = Tree::new(&self.nodes, &asked.sets);
        let read = || description::read(&tree, &self.parsed, asked, &sets, self.found.clone());
        on_deep_stack(read).map_err(|mut faulty| {
            for diagnostic in &mut faulty.diagnostics {
                tree.settle(diagnostic);
            }
            faulty.diagnostics
        })
    }

    fn fitting(&self, asked: &Asked) -> Option<Vec<(String, Shape)>> {
        let (tree, sets) = Tree::new(&self.nodes, &asked.sets);
        let read = |asked: &Asked| {
            on_deep_stack(|| description::read(&tree, &self.parsed, asked, &sets, Vec::new()))
        };
        let inputs = read(asked).err()?.inputs;
        fitting::next(&inputs, |inputs| {
            read(&Asked { inputs: inputs.to_vec(), ..asked.clone() }).is_ok()
        })
    }

    fn variants(&self) -> &[Variant] {
        &self.variants
    }

    fn expects(&self) -> bool {
        self.expects
    }

    fn settings(&self) -> Vec<Setting> {
        let tree = Tree::plain(&self.nodes);
        let vars = tree.get(0, "vars").map(|node| tree.entries(node)).unwrap_or_default();
        let setting = |(name, node): &(String, u32)| Setting {
            name: name.clone(),
            default: written(&tree, *node),
        };
        vars.iter().map(setting).collect()
    }

    fn notes(&self) -> Vec<Diagnostic> {
        unused::unused(&Tree::plain(&self.nodes))
    }

    fn is_network(&self) -> bool {
        Tree::plain(&self.nodes).get(0, "model").is_some()
    }

    fn resolve(&self, mut diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
        self.nodes.resolve(&self.source.text, &mut diagnostics);
        diagnostics
    }
}

/// A value on one line; `None` of a map, and of a list that takes more.
fn written(tree: &Tree<'_>, node: u32) -> Option<String> {
    const LONGEST: usize = 72;
    let data = tree.data(node);
    let tree::Data::Seq(items) = data else { return data.scalar() };
    let items: Option<Vec<String>> =
        items.iter().take(LONGEST).map(|item| written(tree, *item)).collect();
    Some(format!("[{}]", items?.join(", "))).filter(|text| text.len() <= LONGEST)
}

/// Whether a text that YAML cannot read looks like a description with a fault in it.
#[cfg(any(feature = "cli", feature = "internals"))]
pub fn looks_like_one(text: &str) -> bool {
    text.lines().any(|line| line.starts_with("model:"))
}

/// Runs on a stack of its own: nesting is bounded everywhere, but the bounds multiply.
fn on_deep_stack<T: Send>(read: impl Fn() -> T + Sync + Send) -> T {
    std::thread::scope(|scope| {
        let reader = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, &read);
        // Without a thread of its own (no memory for its stack) reading goes on here.
        reader.map_or_else(
            |_| read(),
            |thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
        )
    })
}

/// Reads a description and evaluates it.
///
/// # Errors
/// Everything that is wrong with it, with labels in bytes of the source.
pub fn parse(source: &Source, choices: &Asked) -> Result<Model, Vec<Diagnostic>> {
    let description = Description::read(source.clone())?;
    description.at(choices).map_err(|found| description.resolve(found))
}

/// A description with variables, loops, blocks and conditions evaluated, as YAML.
#[cfg(any(feature = "cli", feature = "internals"))]
pub fn expand(document: &Model) -> String {
    expand::expand(document)
}

/// The diagnostic of a layer that its inputs do not fit.
#[cfg(any(feature = "cli", feature = "internals"))]
pub fn shape_diagnostic(
    name: &str,
    place: Option<crate::source::Origin>,
    error: &crate::ops::error::ShapeError,
) -> Diagnostic {
    shape_error::diagnostic(name, place, error)
}
