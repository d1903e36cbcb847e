//! Selection of kernels: the reference's, or the fast ones where they cover an operator and the numbers are the machine's own.
//!
//! It may use `kernels` and `fast`.

use crate::exec::base::meter::{Buffer, Meter};
use crate::exec::base::scalar::Scalar;
use crate::exec::fast::{self, FastOptions};
use crate::exec::kernels::{Backward, Forward, Grads, Init, Kernel, Made, Owned, Scratch};
use crate::ops::{Mode, Op};
use crate::shape::Shape;

/// A set of kernels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Backend {
    /// Plain loops, which say what is right.
    #[default]
    Reference,
    /// Kernels at the machine's speed; the reference's where there is none.
    Fast {
        /// Only in ways that round about as often as the reference does: for comparisons, and gradients by differences.
        exact: bool,
    },
}

impl Backend {
    /// `fast` or `reference`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reference => "reference",
            Self::Fast { .. } => "fast",
        }
    }

    /// Whether fast kernels run in exact ways only.
    pub fn is_exact(self) -> bool {
        self == Self::Fast { exact: true }
    }
}

/// How much scratch memory an operator takes at inputs of these shapes, in elements: forward, for gradients of inputs, and
/// for gradients of parameters. What `analysis::memory` is given.
pub type ScratchPlan = fn(&Op, &[Shape], Mode) -> [u64; 3];

impl Backend {
    fn options(self) -> Option<FastOptions> {
        match self {
            Self::Reference => None,
            Self::Fast { exact } => Some(FastOptions { exact, prepacked: false }),
        }
    }

    /// Whether it has a kernel of its own for an operator at inputs of these shapes; the reference has one for each.
    pub fn covers(self, op: &Op, inputs: &[&[usize]]) -> bool {
        self.options().is_none_or(|_| fast::covers(op, inputs))
    }

    /// One forward pass of an operator.
    pub fn forward<S: Scalar>(self, op: &Op, pass: Forward<'_, S>) -> Made<S> {
        match (self.options(), S::NATIVE) {
            (Some(options), Some(native)) => {
                let options = FastOptions { prepacked: pass.prepacked.is_some(), ..options };
                fast::forward(op, pass, native, options)
            }
            _ => op.forward(pass),
        }
    }

    /// Numbers that [`Backend::prepack`] makes of the parameters of an operator; 0 where nothing is gained by that.
    pub fn prepacked_len(self, op: &Op, inputs: &[&[usize]]) -> usize {
        self.options().map_or(0, |options| {
            fast::prepacked_len(op, inputs, FastOptions { prepacked: true, ..options })
        })
    }

    /// What forward passes can be given prepacked, as long as inputs have these shapes and nobody changes the parameters: the
    /// transformed filters of a convolution. `None` where nothing is gained.
    pub fn prepack<S: Scalar>(
        self,
        op: &Op,
        inputs: &[&[usize]],
        owned: &[Owned<S>],
        meter: &Meter,
    ) -> Option<Buffer<S>> {
        let (options, numbers) = (self.options()?, self.prepacked_len(op, inputs));
        if numbers == 0 || S::NATIVE.is_none() {
            return None;
        }
        let mut made = Buffer::uninit(numbers, meter);
        fast::prepack(op, inputs, owned, FastOptions { prepacked: true, ..options }, &mut made);
        Some(made)
    }

    /// One backward pass of an operator.
    pub fn backward<S: Scalar>(self, op: &Op, pass: Backward<'_, S>) -> Grads<S> {
        match (self.options(), S::NATIVE) {
            (Some(options), Some(native)) => fast::backward(op, pass, native, options),
            _ => op.backward(pass),
        }
    }

    /// The scratch memory of an operator, computed with the machine's own numbers.
    #[cfg(any(test, feature = "internals"))]
    pub fn scratch(self, op: &Op, inputs: &[&[usize]], mode: Mode) -> Scratch {
        self.scratch_of(op, inputs, mode, false)
    }

    fn scratch_of(self, op: &Op, inputs: &[&[usize]], mode: Mode, prepacked: bool) -> Scratch {
        match self.options() {
            None => Scratch::of_reference(op, inputs, mode),
            Some(options) => fast::scratch(op, inputs, mode, FastOptions { prepacked, ..options }),
        }
    }

    /// The scratch memory of all operators, as a pure function of operator, input shapes and mode.
    pub fn plan(self) -> ScratchPlan {
        match self {
            Self::Reference => |op, shapes, mode| sizes(Self::Reference, op, shapes, mode, false),
            Self::Fast { exact: false } => {
                |op, shapes, mode| sizes(Self::Fast { exact: false }, op, shapes, mode, false)
            }
            Self::Fast { exact: true } => {
                |op, shapes, mode| sizes(Self::Fast { exact: true }, op, shapes, mode, false)
            }
        }
    }

    /// The same for forward passes that are given [prepacked](Self::prepack) weights.
    pub fn prepacked_plan(self) -> ScratchPlan {
        match self {
            // The reference prepacks nothing.
            Self::Reference => self.plan(),
            Self::Fast { exact: false } => {
                |op, shapes, mode| sizes(Self::Fast { exact: false }, op, shapes, mode, true)
            }
            Self::Fast { exact: true } => {
                |op, shapes, mode| sizes(Self::Fast { exact: true }, op, shapes, mode, true)
            }
        }
    }
}

/// An operator run by a backend, as a kernel of its own.
#[derive(Clone, Copy, Debug)]
pub struct BackendKernel<'o> {
    op: &'o Op,
    backend: Backend,
}

impl Backend {
    /// An operator run by this backend.
    pub fn on(self, op: &Op) -> BackendKernel<'_> {
        BackendKernel { op, backend: self }
    }

    /// The same where it rounds about as often as the reference does.
    #[must_use]
    pub fn exactly(self) -> Self {
        match self {
            Self::Reference => Self::Reference,
            Self::Fast { .. } => Self::Fast { exact: true },
        }
    }
}

impl Kernel for BackendKernel<'_> {
    fn init<S: Scalar>(&self, inputs: &[&[usize]], init: &mut Init<'_>) -> Vec<Owned<S>> {
        self.op.init(inputs, init)
    }

    fn forward<S: Scalar>(&self, pass: Forward<'_, S>) -> Made<S> {
        self.backend.forward(self.op, pass)
    }

    fn backward<S: Scalar>(&self, pass: Backward<'_, S>) -> Grads<S> {
        self.backend.backward(self.op, pass)
    }
}

/// Scratch memory in elements: forward, for gradients of inputs, for gradients of parameters.
fn sizes(backend: Backend, op: &Op, shapes: &[Shape], mode: Mode, prepacked: bool) -> [u64; 3] {
    let sizes: Vec<Vec<usize>> = shapes.iter().map(Shape::sizes).collect();
    let sizes: Vec<&[usize]> = sizes.iter().map(Vec::as_slice).collect();
    let Scratch { forward, inputs, params } = backend.scratch_of(op, &sizes, mode, prepacked);
    [forward, inputs, params].map(|n| n as u64)
}
