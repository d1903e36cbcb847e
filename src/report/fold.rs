//! The lines of a summary: the tree of names, folded to a depth, or a flat list, sorted and cut.
//!
//! Whatever is chosen, every layer is in exactly one line, so that each column of numbers sums to its total. Tests stand
//! in `summary.rs`.

use super::columns::Column;
use super::model::{Counts, Layer, Report};
use crate::graph::NameTree;
use crate::ops::ledger::{Backward, Work};

/// Levels that are indented; a name can have more.
const DEEPEST: usize = 32;

/// What is shown of a report.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// The columns, where they are chosen.
    pub columns: Option<Vec<&'static Column>>,
    /// Levels of the tree that are shown; deeper layers are folded into their scope.
    pub depth: Option<usize>,
    /// The column that rows are sorted by, largest first.
    pub sort: Option<&'static Column>,
    /// How many rows are shown; the others become one.
    pub top: Option<usize>,
}

/// What a line stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum What<'r> {
    /// A scope whose layers follow.
    Scope,
    /// One layer.
    Layer(&'r Layer),
    /// A scope whose layers are not shown.
    Folded {
        /// How many there are.
        layers: usize,
        /// The one that is executed last.
        last: &'r Layer,
    },
    /// Rows that are not shown.
    Rest {
        /// How many layers are in them.
        layers: usize,
    },
    /// All layers.
    Total {
        /// How many there are.
        layers: usize,
    },
}

impl What<'_> {
    /// How many layers are summed up in it; `None` for one layer or none.
    pub const fn layers(&self) -> Option<usize> {
        match *self {
            Self::Folded { layers, .. } | Self::Rest { layers } | Self::Total { layers } => {
                Some(layers)
            }
            Self::Scope | Self::Layer(_) => None,
        }
    }
}

/// A line of a summary.
#[derive(Clone, Debug, PartialEq)]
pub struct Line<'r> {
    /// What stands in the first column: in a tree the last part of the name, indented.
    pub label: String,
    /// What it stands for.
    pub what: What<'r>,
    /// What is counted; an open scope counts nothing.
    pub counts: Option<Counts>,
}

/// The lines of a report as a tree.
pub fn tree<'r>(report: &'r Report, view: &View) -> Vec<Line<'r>> {
    if view.sort.is_some() || view.top.is_some() {
        return flat(report, view);
    }
    walk(report, view.depth, true)
}

/// The lines of a report with whole names and without scopes.
pub fn flat<'r>(report: &'r Report, view: &View) -> Vec<Line<'r>> {
    let mut lines = walk(report, view.depth, false);
    let by = view.sort.or_else(|| view.top.and_then(|_| super::columns::find("macs")));
    if let Some(column) = by {
        lines.sort_by_cached_key(|line| {
            std::cmp::Reverse(column.value(line, report).number().unwrap_or(0))
        });
    }
    if let Some(top) = view.top.filter(|top| *top < lines.len()) {
        let rest = lines.split_off(top);
        let layers = rest.iter().map(|line| line.what.layers().unwrap_or(1)).sum();
        let counts = rest.iter().filter_map(|line| line.counts).fold(Counts::default(), plus);
        let label = format!("… {} more", rest.len());
        lines.push(Line { label, what: What::Rest { layers }, counts: Some(counts) });
    }
    lines
}

/// The line of totals.
pub fn total(report: &Report) -> Line<'_> {
    let what = What::Total { layers: report.layers.len() };
    Line { label: "total".to_owned(), what, counts: Some(report.totals) }
}

fn walk(report: &Report, depth: Option<usize>, indented: bool) -> Vec<Line<'_>> {
    let tree = NameTree::of(report.layers.iter().map(|layer| layer.name.as_str()));
    let mut lines = Vec::new();
    // A stack, not recursion: names can nest as deeply as they are long.
    let mut open = vec![(0, 0, String::new())];
    while let Some((index, level, name)) = open.pop() {
        let branch = tree.branch(index);
        let label = |text: &str| {
            if indented {
                format!("{}{text}", "  ".repeat((level - 1).min(DEEPEST)))
            } else {
                name.clone()
            }
        };
        if depth.is_some_and(|depth| depth <= level) && !branch.children.is_empty() {
            let layers: Vec<&Layer> =
                tree.below(index).into_iter().map(|id| &report.layers[id.index()]).collect();
            let Some(last) = layers.iter().max_by_key(|layer| layer.index).copied() else {
                continue;
            };
            let counts = layers.iter().map(|layer| layer.counts).fold(Counts::default(), plus);
            let label = if level == 0 { report.model.clone() } else { label(&branch.segment) };
            let what = What::Folded { layers: layers.len(), last };
            lines.push(Line { label, what, counts: Some(counts) });
            continue;
        }
        for id in &branch.nodes {
            let layer = &report.layers[id.index()];
            let (label, counts) = (label(&branch.segment), Some(layer.counts));
            lines.push(Line { label, what: What::Layer(layer), counts });
        }
        if indented && level > 0 && branch.nodes.is_empty() {
            lines.push(Line { label: label(&branch.segment), what: What::Scope, counts: None });
        }
        for child in branch.children.iter().rev() {
            let segment = &tree.branch(*child).segment;
            let dot = if level == 0 { "" } else { "." };
            open.push((*child, level + 1, format!("{name}{dot}{segment}")));
        }
    }
    lines
}

/// Both together. Parts of a report cannot overflow: the analysis has checked their total.
fn plus(a: Counts, b: Counts) -> Counts {
    let work = |a: Work, b: Work| a.plus(b).unwrap_or(a);
    Counts {
        params: a.params.saturating_add(b.params),
        trainable: a.trainable.saturating_add(b.trainable),
        buffers: a.buffers.saturating_add(b.buffers),
        param_bytes: a.param_bytes.saturating_add(b.param_bytes),
        buffer_bytes: a.buffer_bytes.saturating_add(b.buffer_bytes),
        work: work(a.work, b.work),
        work_backward: Backward {
            inputs: work(a.work_backward.inputs, b.work_backward.inputs),
            params: work(a.work_backward.params, b.work_backward.params),
        },
        flops: a.flops.saturating_add(b.flops),
        activations: a.activations.saturating_add(b.activations),
        activation_bytes: a.activation_bytes.saturating_add(b.activation_bytes),
    }
}
