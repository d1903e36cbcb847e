//! The tree that dotted names make: `features.0` stands under `features`.
//!
//! Its order is torch's: a scope's own tensors first, then its children as they were first mentioned.

use std::collections::HashMap;

use super::NodeId;

/// A scope or a layer in the name tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Branch {
    /// The last segment of its name; empty at the root.
    pub segment: String,
    /// The layers that carry this very name (several where they have no parameters).
    pub nodes: Vec<NodeId>,
    /// Indexes of its children, in the order of their first mention.
    pub children: Vec<usize>,
}

/// The tensor of a layer that has no name of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bare {
    /// A parameter.
    Parameter,
    /// A buffer.
    Buffer,
}

/// The name tree of a graph; the root is the first branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameTree {
    branches: Vec<Branch>,
}

impl NameTree {
    /// The tree of names of nodes, in the order of the nodes.
    pub fn of<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        let names = names.into_iter();
        let mut branches = vec![Branch::default()];
        let mut known: HashMap<(usize, &str), usize> = HashMap::with_capacity(names.size_hint().0);
        for (id, name) in (0u32..).map(NodeId).zip(names) {
            let mut at = 0;
            for segment in name.split('.') {
                let next = branches.len();
                at = *known.entry((at, segment)).or_insert_with(|| {
                    branches.push(Branch { segment: segment.to_owned(), ..Branch::default() });
                    branches[at].children.push(next);
                    next
                });
            }
            branches[at].nodes.push(id);
        }
        Self { branches }
    }

    /// One branch.
    pub fn branch(&self, index: usize) -> &Branch {
        &self.branches[index]
    }

    /// The nodes in the order in which torch's `state_dict` has their tensors: depth first, and in each scope first the
    /// layers whose tensor has no name of its own, so that it is the scope's: parameters, then buffers.
    pub fn state_dict(&self, bare: impl Fn(NodeId) -> Option<Bare>) -> Vec<NodeId> {
        let mut order = Vec::new();
        let mut open = vec![0];
        while let Some(index) = open.pop() {
            let branch = &self.branches[index];
            order.extend(branch.nodes.iter().filter(|id| bare(**id).is_none()));
            let layers = branch.children.iter().flat_map(|child| &self.branches[*child].nodes);
            for kind in [Bare::Parameter, Bare::Buffer] {
                order.extend(layers.clone().filter(|id| bare(**id) == Some(kind)));
            }
            open.extend(branch.children.iter().rev());
        }
        order
    }

    /// Every branch: each stands after the one that it is in.
    pub fn branches(&self) -> &[Branch] {
        &self.branches
    }

    /// The nodes of one branch and of all below it, depth first.
    pub fn below(&self, index: usize) -> Vec<NodeId> {
        let mut order = Vec::new();
        let mut open = vec![index];
        while let Some(index) = open.pop() {
            let branch = &self.branches[index];
            order.extend(&branch.nodes);
            open.extend(branch.children.iter().rev());
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::GraphBuilder;
    use crate::ops::Linear;
    use crate::shape::Shape;

    #[test]
    fn a_scope_that_is_entered_again_keeps_its_first_place() {
        let mut builder = GraphBuilder::new("n");
        let mut value = builder.input("input", Shape::new(&[1, 4]).unwrap(), Some(0)).unwrap();
        for name in ["ups.0", "head", "ups.1"] {
            value =
                builder.layer(name, Linear { out_features: 4, bias: true }, &[value]).unwrap()[0];
        }
        let graph = builder.finish(&[("output", value)]).unwrap();
        let order: Vec<&str> = NameTree::of(graph.nodes().iter().map(|node| node.name.as_str()))
            .state_dict(|_| None)
            .into_iter()
            .map(|id| graph.node(id).name.as_str())
            .collect();
        assert_eq!(order, ["ups.0", "ups.1", "head"]);
    }

    /// As ConvNeXt: a parameter of the block's own, made after its children, comes before them and stays in the block.
    #[test]
    fn a_scopes_own_tensors_come_before_its_children() {
        let names = [
            "table",
            "stem.0",
            "1.block.0",
            "1.block.3",
            "1.scale",
            "2.block.0",
            "2.scale",
            "gain",
        ];
        let bare = |id: NodeId| match names[id.index()] {
            "table" => Some(Bare::Buffer),
            "1.scale" | "2.scale" | "gain" => Some(Bare::Parameter),
            _ => None,
        };
        let order = NameTree::of(names).state_dict(bare);
        let order: Vec<&str> = order.into_iter().map(|id| names[id.index()]).collect();
        let torch = [
            "gain",
            "table",
            "stem.0",
            "1.scale",
            "1.block.0",
            "1.block.3",
            "2.scale",
            "2.block.0",
        ];
        assert_eq!(order, torch);
    }
}
