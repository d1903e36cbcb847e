//! The lines of a summary: the tree of names, folded to a depth, or a flat list, sorted and cut.
//!
//! Whatever is chosen, every layer is in exactly one line, so that each column of numbers sums to its total.

use std::fmt::Write as _;

use super::columns;
use super::flow;
use super::line::{Line, What};
use super::model::{Layer, Report};
use super::repeat::{self, Group, Repeats};
use super::view::{Labels, View};
use crate::graph::{NameTree, NodeId};

/// Levels that are indented; a name can have more.
const DEEPEST: usize = 32;

/// The lines of a report as a tree.
pub fn tree<'r>(report: &'r Report, view: &View) -> Vec<Line<'r>> {
    if view.is_sorted() { flat(report, view) } else { lines(report, view, Labels::Tree) }
}

/// The lines of a report with whole names and without scopes.
pub fn flat<'r>(report: &'r Report, view: &View) -> Vec<Line<'r>> {
    let mut lines = lines(report, view, Labels::Whole);
    let by = view.sort.or_else(|| view.top.and_then(|_| columns::find("macs")));
    if let Some(column) = by {
        lines.sort_by_cached_key(|line| {
            std::cmp::Reverse(column.value(line, report).number().unwrap_or(0))
        });
    }
    if let Some(top) = view.top.filter(|top| *top < lines.len()) {
        let rest = lines.split_off(top);
        let label = format!("… {} more", rest.len());
        let layers = rest.into_iter().flat_map(|line| line.layers).collect();
        lines.push(Line::new(label, What::Rest, layers));
    }
    lines
}

/// The line of totals.
pub fn total(report: &Report) -> Line<'_> {
    let line = Line::new("total".to_owned(), What::Total, report.layers.iter().collect());
    Line { counts: Some(report.totals), ..line }
}

fn lines<'r>(report: &'r Report, view: &View, labels: Labels) -> Vec<Line<'r>> {
    let mut lines = visit(report, view, labels);
    flow::annotate(report, view, labels, &mut lines);
    lines
}

/// A branch that is still to be walked, with the branches that are equal to it.
struct Open {
    copies: Vec<usize>,
    runs: Vec<(usize, usize)>,
    /// How many of the copies are neighbours in one block.
    times: usize,
    level: usize,
    segment: String,
    name: String,
}

impl Open {
    fn label(&self, labels: Labels) -> String {
        let (text, times) = match labels {
            Labels::Tree => (&self.segment, self.times),
            Labels::Whole => (&self.name, self.copies.len()),
        };
        let mut label = match labels {
            Labels::Tree => "  ".repeat(self.level.saturating_sub(1).min(DEEPEST)),
            Labels::Whole => String::new(),
        };
        label.push_str(text);
        if times > 1 {
            let _ = write!(label, " × {times}");
        }
        label
    }

    fn line<'r>(&self, labels: Labels, what: What, layers: Vec<&'r Layer>) -> Line<'r> {
        let (copies, runs) = (self.copies.len(), self.runs.clone());
        Line { copies, runs, ..Line::new(self.label(labels), what, layers) }
    }

    /// The children in a group of equal ones, in every copy.
    fn children(&self, tree: &NameTree, group: &Group, labels: Labels) -> Self {
        let Group { run, members } = group;
        let times = members.len();
        let mut copies = Vec::with_capacity(self.copies.len() * times);
        for copy in &self.copies {
            copies.extend(members.iter().map(|at| tree.branch(*copy).children[*at]));
        }
        let mut runs = self.runs.clone();
        if times > 1 {
            runs.push((tree.branch(self.copies[0]).children[*run], times));
        }
        let names: Vec<&str> =
            copies[..times].iter().map(|copy| tree.branch(*copy).segment.as_str()).collect();
        let is_pattern = members.windows(2).any(|pair| pair[1] > pair[0] + 1);
        let segment = repeat::label(&names, is_pattern);
        // Lines of a tree show segments only.
        let name = match labels {
            Labels::Tree => String::new(),
            Labels::Whole if self.level == 0 => segment.clone(),
            Labels::Whole => [&self.name, ".", &segment].concat(),
        };
        Self { copies, runs, times, level: self.level + 1, segment, name }
    }
}

fn visit<'r>(report: &'r Report, view: &View, labels: Labels) -> Vec<Line<'r>> {
    let tree = NameTree::of(report.layers.iter().map(|layer| layer.name.as_str()));
    let repeats = view.collapse.then(|| Repeats::of(&report.layers, &tree));
    let layer = |id: NodeId| &report.layers[id.index()];
    let mut lines = Vec::with_capacity(tree.branches().len());
    let root = |name: &str| Open {
        copies: vec![0],
        runs: Vec::new(),
        times: 1,
        level: 0,
        segment: name.to_owned(),
        name: name.to_owned(),
    };
    // A stack, not recursion: names can nest as deeply as they are long.
    let mut stack = vec![root("")];
    while let Some(open) = stack.pop() {
        let branch = tree.branch(open.copies[0]);
        let is_deep = view.depth.is_some_and(|depth| depth <= open.level);
        if is_deep && !branch.children.is_empty() {
            let below = open.copies.iter().flat_map(|copy| tree.below(*copy));
            let layers = below.map(layer).collect();
            let open = if open.level == 0 { root(&report.model) } else { open };
            lines.push(open.line(labels, What::Folded, layers));
            continue;
        }
        for at in 0..branch.nodes.len() {
            let layers = open.copies.iter().map(|copy| layer(tree.branch(*copy).nodes[at]));
            lines.push(open.line(labels, What::Layer, layers.collect()));
        }
        if labels == Labels::Tree && open.level > 0 && branch.nodes.is_empty() {
            lines.push(open.line(labels, What::Scope, Vec::new()));
        }
        let groups = match &repeats {
            Some(repeats) => repeats.groups(&branch.children),
            None => (0..branch.children.len()).map(Group::single).collect(),
        };
        stack.extend(groups.iter().rev().map(|group| open.children(&tree, group, labels)));
    }
    lines
}
