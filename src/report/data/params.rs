//! The list of parameter tensors as it is serialised, named and ordered as torch's `state_dict` has them.

use serde::Serialize;

use crate::analysis::Counted;
use crate::graph::tree::Bare;
use crate::graph::{NameTree, NodeId, tensor_name};
use crate::report::model::{Report, SCHEMA_VERSION, Status};

/// The list of a network's tensors.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ParamsReport {
    /// The version of the JSON that is written.
    pub schema_version: u32,
    /// The network's name.
    pub model: String,
    /// Whether everything is known; else the sums are lower bounds. Left out where it is `complete`.
    #[serde(skip_serializing_if = "Status::is_complete")]
    pub status: Status,
    /// The tensors, in torch's order.
    pub tensors: Vec<ListedTensor>,
    /// Elements of the parameters in the list.
    pub params: u64,
    /// Elements of the buffers in the list.
    pub buffers: u64,
}

/// One tensor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ListedTensor {
    /// Its position in the list.
    pub index: usize,
    /// Its whole name: `features.0.weight`.
    pub name: String,
    /// Its shape.
    pub shape: Vec<u64>,
    /// Its elements.
    pub count: u64,
    /// `param` or `buffer`.
    pub kind: &'static str,
    /// Whether training changes it.
    pub trainable: bool,
    /// Its element type.
    pub dtype: &'static str,
}

/// The tensors of a network, buffers only where they are asked for.
pub fn listing(report: &Report, buffers: bool) -> ParamsReport {
    let mut listing = ParamsReport {
        schema_version: SCHEMA_VERSION,
        model: report.model.clone(),
        status: Status::new(report.totals.known.has(Counted::Tensors)),
        tensors: Vec::new(),
        params: 0,
        buffers: 0,
    };
    let tree = NameTree::of(report.layers.iter().map(|layer| layer.name.as_str()));
    let bare = |id: NodeId| {
        let own = report.layers[id.index()].tensors.iter().find(|tensor| tensor.name.is_empty());
        own.map(|tensor| if tensor.kind == "param" { Bare::Parameter } else { Bare::Buffer })
    };
    for id in tree.state_dict(bare) {
        let layer = &report.layers[id.index()];
        for tensor in layer.tensors.iter().filter(|t| buffers || t.kind == "param") {
            // No overflow: the analysis has checked these products and their sums.
            let count = tensor.shape.iter().fold(1u64, |n, size| n.saturating_mul(*size));
            let sum = match tensor.kind {
                "param" => &mut listing.params,
                _ => &mut listing.buffers,
            };
            *sum = sum.saturating_add(count);
            listing.tensors.push(ListedTensor {
                index: listing.tensors.len(),
                name: tensor_name(&layer.name, &tensor.name),
                shape: tensor.shape.clone(),
                count,
                kind: tensor.kind,
                trainable: tensor.trainable,
                dtype: tensor.dtype,
            });
        }
    }
    listing
}
