//! What a choice changes of a network before it is counted: auxiliary heads, and batch norm folded into the layer before.

use crate::analysis::Analysis;
use crate::graph::{Graph, Node, NodeId};
use crate::ops::Fact;
use crate::ops::ledger::Work;

/// What folding makes of a layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Fold {
    /// It stays as it is.
    #[default]
    None,
    /// It is gone, folded into the layer before.
    Away,
    /// A norm is folded into it: its arithmetic with the bias that it then has.
    Into(Work),
}

/// Which layers only auxiliary heads need: those from which no path leads to an output that is not called `aux…`. None
/// where all outputs are.
pub fn auxiliary(graph: &Graph) -> Vec<bool> {
    let is_head = |name: &str| name.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("aux"));
    let reach = |heads: bool| {
        let mut needed = vec![false; graph.value_count()];
        let outputs = graph.outputs().iter().filter(|output| is_head(&output.name) == heads);
        outputs.for_each(|output| needed[output.value.index()] = true);
        for node in graph.nodes().iter().rev() {
            if node.outputs.iter().any(|value| needed[value.index()]) {
                node.inputs.iter().for_each(|value| needed[value.index()] = true);
            }
        }
        needed
    };
    let (by_others, by_heads) = (reach(false), reach(true));
    let any_other = graph.outputs().iter().any(|output| !is_head(&output.name));
    let only = |node: &Node| {
        let by = |needed: &[bool]| node.outputs.iter().any(|value| needed[value.index()]);
        any_other && by(&by_heads) && !by(&by_others)
    };
    graph.nodes().iter().map(only).collect()
}

/// Whether a network has a norm that can be folded.
pub(super) fn has_norm(graph: &Graph) -> bool {
    graph.nodes().iter().any(|node| node.op.entry().is(Fact::FoldsAway))
}

/// What folding makes of each layer, by the position of its node.
pub(super) fn folds(graph: &Graph, analysis: &Analysis) -> Vec<Fold> {
    let mut producers: Vec<Option<NodeId>> = vec![None; graph.value_count()];
    let mut folds = vec![Fold::None; graph.nodes().len()];
    for (id, node) in graph.iter() {
        let before = node.inputs.first().and_then(|value| producers[value.index()]);
        if let Some(before) = before.filter(|_| node.op.entry().is(Fact::FoldsAway))
            && graph.node(before).op.entry().is(Fact::AbsorbsNorm)
        {
            let row = &analysis.rows[before.index()];
            let outputs = row.outputs.first().and_then(|shape| shape.numel().ok());
            let work = Work { adds: outputs.unwrap_or(0), ..row.counts.work };
            folds[before.index()] = Fold::Into(work);
            folds[id.index()] = Fold::Away;
        }
        node.outputs.iter().for_each(|value| producers[value.index()] = Some(id));
    }
    folds
}
