//! What the texts of a document are when they are parsed: each once, however often the document is evaluated.

use std::sync::{Arc, OnceLock};

use super::ast::{Expr, Key};
use super::grammar::{self, SyntaxError};
use crate::source::{Origin, Part};

type Cell<T> = OnceLock<Result<Arc<T>, Arc<SyntaxError>>>;

/// The expressions and keys of a document, by node; empty until they are asked for.
#[derive(Debug)]
pub(super) struct Parsed {
    expressions: Vec<Cell<Expr>>,
    keys: Vec<Cell<Key>>,
}

impl Parsed {
    /// Room for a document of so many nodes.
    pub(super) fn new(nodes: usize) -> Self {
        Self {
            expressions: (0..nodes).map(|_| OnceLock::new()).collect(),
            keys: (0..nodes).map(|_| OnceLock::new()).collect(),
        }
    }

    /// The expression that the text at a place is.
    pub(super) fn expression(
        &self,
        place: Origin,
        text: &str,
    ) -> Result<Arc<Expr>, Arc<SyntaxError>> {
        let parse = || grammar::expression(text).map(Arc::new).map_err(Arc::new);
        // A text of `--set` is no node of the document, a part of a text no whole one.
        let is_whole = place.part == Part::Value && place.range.is_none();
        match self.expressions.get(place.element as usize).filter(|_| is_whole) {
            Some(cell) => cell.get_or_init(parse).clone(),
            None => parse(),
        }
    }

    /// What the key over a node is.
    pub(super) fn key(&self, node: u32, text: &str) -> Result<Arc<Key>, Arc<SyntaxError>> {
        let parse = || grammar::key(text).map(Arc::new).map_err(Arc::new);
        match self.keys.get(node as usize) {
            Some(cell) => cell.get_or_init(parse).clone(),
            None => parse(),
        }
    }
}
