//! What is shown of a report, and how its lines are called.

use super::columns::Column;

/// What is shown of a report.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// The columns, where they are chosen.
    pub columns: Option<Vec<&'static Column>>,
    /// Levels of the tree that are shown; deeper layers are folded into their scope.
    pub depth: Option<usize>,
    /// Whether equal neighbours are shown once, with their sums.
    pub collapse: bool,
    /// The column that rows are sorted by, largest first.
    pub sort: Option<&'static Column>,
    /// How many rows are shown; the others become one.
    pub top: Option<usize>,
}

impl View {
    /// Whether rows are in another order than that of the names.
    pub const fn is_sorted(&self) -> bool {
        self.sort.is_some() || self.top.is_some()
    }
}

/// How lines are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Labels {
    /// By the last part of the name, indented below its scope.
    Tree,
    /// By the whole name.
    Whole,
}
