//! What a network holds: peaks, and what is alive at them.

use crate::graph::NodeId;
use crate::ops::{Mode, Op};
use crate::shape::Shape;

/// What [`Alive::what`] says of the gradient of a parameter.
pub const OF_PARAMETER: &str = "gradient of a parameter";

/// Why there is no training step in integers.
#[cfg(feature = "cli")]
pub const NOT_TRAINED: &str =
    "integers have no gradients; train in f32, f16 or bf16, and quantise what was trained";

/// A tensor that is alive at a peak.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alive {
    /// The layer or input it comes from.
    pub name: String,
    /// What it is: `output`, `input`, `gradient of the output`, `gradient of the input` (made by the layer's backward),
    /// `gradient of a parameter`, or what a kernel calls what it keeps.
    pub what: &'static str,
    /// Its bytes.
    pub bytes: u64,
}

/// When a peak is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// While this node runs forward.
    Forward(NodeId),
    /// While the loss is computed.
    Loss,
    /// While this node runs backward.
    Backward(NodeId),
    /// Before anything runs.
    Start,
}

/// The most that is held at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peak {
    /// Bytes, parameters and buffers included.
    pub bytes: u64,
    /// When.
    pub moment: Moment,
    /// What is alive then beside parameters, buffers and the optimiser's state, which together with it are `bytes`;
    /// largest first.
    pub alive: Vec<Alive>,
}

/// What a training step holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Training {
    /// Bytes of parameters.
    pub params: u64,
    /// Bytes of buffers.
    pub buffers: u64,
    /// Bytes of gradients of trained parameters.
    pub gradients: u64,
    /// Bytes of the optimiser's state.
    pub optimizer: u64,
    /// Bytes that are kept for backward when the forward pass has ended, each tensor once.
    pub saved: u64,
    /// The most scratch memory that a kernel takes.
    pub workspace: u64,
    /// The most that is held at once.
    pub peak: Peak,
}

/// What a network holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Bytes of parameters: what must be stored with a device.
    pub flash: u64,
    /// Bytes of buffers.
    pub buffers: u64,
    /// Inference, in eval mode.
    pub inference: Peak,
    /// A training step; `None` in a type that has no gradients.
    pub training: Option<Training>,
    /// Whether everything is known; else all of it are lower bounds.
    pub is_exact: bool,
}

/// The scratch memory that a backend's kernels take: how many elements besides inputs and outputs, forward, for gradients of
/// inputs, and for gradients of parameters, which are made one after the other.
pub type Plan = fn(&Op, &[Shape], Mode) -> [u64; 3];

/// Who runs a network.
#[derive(Clone, Copy, Debug)]
pub enum Engine {
    /// The executable backend, with the scratch memory that its kernels take.
    Own(Plan),
    /// PyTorch's autograd on the CPU: what it keeps for backward, and what it writes in place. Its scratch memory is not
    /// known.
    Torch,
}

impl Engine {
    /// The scratch memory of its kernels.
    pub(super) fn plan(self, op: &Op, inputs: &[Shape], mode: Mode) -> [u64; 3] {
        match self {
            Self::Own(plan) => plan(op, inputs, mode),
            Self::Torch => [0; 3],
        }
    }
}
