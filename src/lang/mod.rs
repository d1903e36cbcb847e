//! The description language: YAML for structure, one small call syntax for layers and expressions.
//!
//! `yaml` makes a tree of nodes with places; `grammar` parses calls, expressions and keys; `description` reads the top
//! level, `eval` and `functions` compute values, `layers`, `joins` and `calls` carry items out into a graph, `scopes` and
//! `references` keep names and what they mean. A description yields a
//! [`Document`] and nothing else. Imports `diag`, `graph`, `ops`, `shape`, `span`, `text`, `units`. `docs/language.md` describes it.

mod amount;
mod ast;
mod calls;
mod description;
mod document;
mod eval;
mod expand;
mod expect;
mod functions;
mod grammar;
mod joins;
mod layers;
mod print;
mod reader;
mod references;
mod scopes;
mod shape_error;
mod tokens;
mod traps;
mod value;
mod wires;
mod yaml;

pub use document::{Document, Expectation, Increase, Limit, Metric, Want};
pub use expect::{Value, Written, read as read_expectations};

use crate::diag::{Diagnostic, Source};
use crate::ops::error::ShapeError;
use crate::shape::Shape;
use crate::span::Place;

/// How to mend what holds no description.
pub const BEGIN: &str =
    "write `model:`, `input:` and `layers:`; `cnnstat expand alexnet` prints an example";

/// Stack for reading: nesting is bounded everywhere, but the bounds multiply (blocks, items, expressions), and the caller's
/// stack may be small. Only what is used of it takes memory.
const STACK: usize = 256 << 20;

/// What is picked and replaced before a description is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choices {
    /// The variant.
    pub variant: Option<String>,
    /// Variables and the text that replaces theirs, from `--set NAME=TEXT`.
    pub sets: Vec<(String, String)>,
    /// Inputs and the shapes, without batch, that replace theirs; an empty name is the first input.
    pub inputs: Vec<(String, Shape)>,
}

/// Reads a description.
///
/// # Errors
/// Everything that is wrong with it, with labels in bytes of the source.
pub fn parse(source: &Source, choices: &Choices) -> Result<Document, Vec<Diagnostic>> {
    let read = || {
        let (mut tree, found) = yaml::parse(source)?;
        let read = description::read(&mut tree, choices, found);
        read.map_err(|found| found.into_iter().map(|d| tree.resolve(source, d)).collect())
    };
    std::thread::scope(|scope| {
        let reader = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, read);
        // Without a thread of its own (no memory for its stack) reading goes on here.
        reader.map_or_else(
            |_| read(),
            |thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
        )
    })
}

/// What a description offers to `check`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// Names of the variants in the order they are written, and whether each has an `expect` or a `budget`.
    pub variants: Vec<(String, bool)>,
    /// Whether there is a top-level `expect` or `budget`.
    pub expects: bool,
}

/// The outline of a description.
///
/// # Errors
/// Text that YAML cannot read.
pub fn outline(source: &Source) -> Result<Outline, Vec<Diagnostic>> {
    let (tree, _) = yaml::parse(source)?;
    let variants = tree.get(0, "variants").map(|node| tree.entries(node)).unwrap_or_default();
    let expects = |node| ["expect", "budget"].iter().any(|key| tree.get(node, key).is_some());
    let variants = variants.iter().map(|(name, node)| (name.clone(), expects(*node))).collect();
    Ok(Outline { variants, expects: expects(0) })
}

/// Whether a YAML text is a description: it has a `model` at its top level.
pub fn is_description(source: &Source) -> bool {
    match yaml::parse(source) {
        Ok((tree, _)) => tree.get(0, "model").is_some(),
        // Text that cannot be read may be a description with a fault in it.
        Err(_) => source.text.lines().any(|line| line.starts_with("model:")),
    }
}

/// A shape as `output` is expected: `64×55×55`, `64x55x55`, `[64, 55, 55]`.
pub fn read_shape(text: &str) -> Option<Shape> {
    amount::shape(text)
}

/// A description with variables, loops, blocks and conditions carried out, as YAML.
pub fn expand(document: &Document) -> String {
    expand::expand(document)
}

/// The diagnostic of a layer that its inputs do not fit.
pub fn shape_diagnostic(name: &str, place: Option<Place>, error: &ShapeError) -> Diagnostic {
    shape_error::diagnostic(name, place, error)
}

/// Resolves the labels of a diagnostic about this source that was made elsewhere: places become bytes.
pub fn resolve(source: &Source, diagnostic: Diagnostic) -> Diagnostic {
    match yaml::parse(source) {
        Ok((tree, _)) => tree.resolve(source, diagnostic),
        Err(_) => diagnostic,
    }
}
