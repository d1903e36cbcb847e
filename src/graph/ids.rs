//! Ids of a graph's parts: positions in the order of creation.

/// A node of a graph: its position in creation order, which is a topological order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub(crate) u32);

impl NodeId {
    /// The position among the nodes.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A value of a graph: an input, or an output of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ValueId(pub(crate) u32);

impl ValueId {
    /// The position among the values.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A set of parameter tensors, by the position of the node that made it; two nodes with the same one share them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WeightsId(pub(crate) u32);
