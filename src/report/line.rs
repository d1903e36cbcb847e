//! A line of a summary: one layer, equal ones together, or a scope.

use super::model::{Counts, Layer};

/// What a line stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A scope whose layers follow.
    Scope,
    /// One layer, or one for several equal ones.
    Layer,
    /// A scope whose layers are not shown.
    Folded,
    /// Rows that are not shown.
    Rest,
    /// All layers.
    Total,
}

/// A line of a summary.
#[derive(Clone, Debug, PartialEq)]
pub struct Line<'r> {
    /// What the first column shows: in a tree the last part of the name, indented.
    pub label: String,
    /// What it stands for.
    pub what: What,
    /// What is counted; an open scope counts nothing.
    pub counts: Option<Counts>,
    /// How many equal blocks it stands for.
    pub copies: usize,
    /// The layers that are counted in it, copy by copy; none in an open scope.
    pub layers: Vec<&'r Layer>,
    /// The runs of equal neighbours that it is in, from the outermost: where each begins in the tree, and how often the
    /// block is repeated. Their product is the number of copies.
    pub(super) runs: Vec<(usize, usize)>,
    /// What is to be said of its inputs, tensors and outputs.
    pub note: String,
}

impl<'r> Line<'r> {
    pub(super) fn new(label: String, what: What, layers: Vec<&'r Layer>) -> Self {
        let counts = layers.iter().map(|layer| layer.counts);
        let counts = (what != What::Scope).then(|| counts.fold(Counts::default(), plus));
        Self { label, what, counts, copies: 1, layers, runs: Vec::new(), note: String::new() }
    }

    /// The layers of its first copy.
    pub(super) fn first_copy(&self) -> &[&'r Layer] {
        self.copy(0)
    }

    /// The layers of the copy that a following line comes after: the first one in a block that both are in, the last one
    /// of a run that is over.
    pub(super) fn copy_before(&self, next: &Self) -> &[&'r Layer] {
        let mut shared = self.runs.iter().zip(&next.runs).take_while(|(a, b)| a == b).count();
        let index = self.runs.iter().fold(0, |index, (_, times)| {
            let is_over = shared == 0;
            shared = shared.saturating_sub(1);
            index * times + if is_over { times - 1 } else { 0 }
        });
        self.copy(index)
    }

    fn copy(&self, index: usize) -> &[&'r Layer] {
        let size = self.layers.len() / self.copies.max(1);
        self.layers.get(index * size..(index + 1) * size).unwrap_or_default()
    }
}

/// The layer that is executed last.
pub(super) fn last<'r>(layers: &[&'r Layer]) -> Option<&'r Layer> {
    layers.iter().max_by_key(|layer| layer.index).copied()
}

/// Both together. Parts of a report cannot overflow: the analysis has checked their total.
fn plus(a: Counts, b: Counts) -> Counts {
    a.plus(&b).unwrap_or(a)
}
