//! What happens to each layer while the network runs: shapes, what is saved for backward, gradients.

use crate::exec::base::tensor::Tensor;
use crate::exec::kernels::{Kept, Made};
use crate::exec::run::tape::Observer;
use crate::graph::{Graph, NodeId};
use crate::units::grouped;

/// What was seen of a layer while the network ran.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) outputs: Vec<Vec<usize>>,
    pub(super) saved: u64,
    pub(super) kept: Vec<String>,
    pub(super) input_grads: Vec<Option<Vec<usize>>>,
    pub(super) param_grads: Vec<Vec<usize>>,
    pub(super) backward: bool,
    pub(super) finite: bool,
}

pub(super) struct Watch {
    pub(super) seen: Vec<Seen>,
}

impl Watch {
    pub(super) fn new(graph: &Graph) -> Self {
        Self { seen: vec![Seen { finite: true, ..Seen::default() }; graph.nodes().len()] }
    }
}

fn finite(tensor: &Tensor<f32>) -> bool {
    // Without a way out after each number a loop is vectorised.
    let all = |numbers: &[f32]| numbers.iter().fold(true, |all, x| all & x.is_finite());
    tensor.data().chunks(1024).all(all)
}

impl Observer<f32> for Watch {
    fn forward(&mut self, node: NodeId, inputs: &[Tensor<f32>], made: &Made<f32>) {
        let seen = &mut self.seen[node.index()];
        seen.outputs = made.outputs.iter().map(|tensor| tensor.shape().to_vec()).collect();
        seen.finite &= made.outputs.iter().all(finite);
        for kept in &made.kept {
            let (name, bytes) = match kept {
                Kept::Input(i) => (format!("input {i}"), inputs[*i].bytes()),
                Kept::Output(i) => (format!("output {i}"), made.outputs[*i].bytes()),
                Kept::Numbers(what, tensor) => ((*what).to_owned(), tensor.bytes()),
                Kept::Indices(what, buffer) => ((*what).to_owned(), buffer.bytes()),
                Kept::Mask(what, buffer) => ((*what).to_owned(), buffer.bytes()),
            };
            seen.saved += bytes;
            seen.kept.push(format!("{name} {}", grouped(bytes)));
        }
    }

    fn backward(&mut self, node: NodeId, inputs: &[Option<Tensor<f32>>], params: &[Tensor<f32>]) {
        let seen = &mut self.seen[node.index()];
        seen.backward = true;
        seen.input_grads =
            inputs.iter().map(|grad| grad.as_ref().map(|tensor| tensor.shape().to_vec())).collect();
        seen.param_grads = params.iter().map(|tensor| tensor.shape().to_vec()).collect();
        seen.finite &= inputs.iter().flatten().chain(params).all(finite);
    }
}
