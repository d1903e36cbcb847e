//! How far a verification has come: what is told while networks run and layers are checked.

use super::observe::Watch;
use super::plan::VerifyPlan;
use crate::exec::kernels::Made;
use crate::exec::tape::Observer;
use crate::exec::tensor::Tensor;
use crate::graph::NodeId;

/// A way through the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// Forward, keeping nothing.
    Inference,
    /// Forward, keeping what backward needs.
    Forward,
    /// Backward.
    Backward,
}

/// Something that was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// A layer ran. What no output depends on runs no backward pass.
    Ran {
        /// In which pass.
        pass: Pass,
        /// Which layer.
        node: NodeId,
    },
    /// A layer's rules were compared with what happened.
    Checked {
        /// Which layer.
        node: NodeId,
    },
}

/// How often a verification goes through the whole network, and how.
pub fn passes(plan: VerifyPlan) -> [(Pass, u64); 3] {
    // One to make the parameters and measure the memory, a step to be looked at, and those downhill: what the last of them
    // led to goes forward only.
    let (steps, last) = (plan.steps.max(1), plan.steps.min(1));
    [(Pass::Inference, 1 + last), (Pass::Forward, steps), (Pass::Backward, steps)]
}

/// Reports every layer that runs, and passes it on to another observer.
pub(super) struct ProgressReporter<'t, F> {
    pub(super) progress: &'t mut F,
    pub(super) watch: Option<&'t mut Watch>,
    /// What going forward is.
    pub(super) forward: Pass,
}

impl<F: FnMut(Progress)> Observer<f32> for ProgressReporter<'_, F> {
    fn forward(&mut self, node: NodeId, inputs: &[Tensor<f32>], made: &Made<f32>) {
        if let Some(watch) = &mut self.watch {
            watch.forward(node, inputs, made);
        }
        (self.progress)(Progress::Ran { pass: self.forward, node });
    }

    fn backward(&mut self, node: NodeId, inputs: &[Option<Tensor<f32>>], params: &[Tensor<f32>]) {
        if let Some(watch) = &mut self.watch {
            watch.backward(node, inputs, params);
        }
        (self.progress)(Progress::Ran { pass: Pass::Backward, node });
    }
}
