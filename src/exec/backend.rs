//! Which kernels run: the reference's, or the fast ones where they cover an operator and the numbers are the machine's own.
//!
//! It may use `kernels` and `fast`. Tests stand in `tests/it/fast.rs` and `tests/it/tape.rs`.

use super::fast::{self, How};
use super::kernels::{Backward, Forward, Grads, Init, Kernel, Made, Owned};
use super::scalar::Scalar;
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

/// Scratch memory beside what a pass makes, in numbers of the network's precision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scratch {
    /// Of a forward pass.
    pub forward: usize,
    /// Of gradients of inputs.
    pub inputs: usize,
    /// Of gradients of parameters.
    pub params: usize,
}

impl Scratch {
    /// Of the reference's kernel.
    pub fn of_reference(op: &Op, inputs: &[&[usize]], mode: Mode) -> Self {
        let (forward, inputs) = op.workspace(inputs, mode);
        Self { forward, inputs, params: 0 }
    }

    /// Of a backward pass that makes what is wanted, one after the other.
    pub fn backward(self, inputs: bool, params: bool) -> usize {
        let of = |wanted, numbers| if wanted { numbers } else { 0 };
        of(inputs, self.inputs).max(of(params, self.params))
    }
}

/// How much scratch memory an operator takes at inputs of these shapes, in numbers: forward, for gradients of inputs, and
/// for gradients of parameters. What `analysis::memory` is given.
pub type Plan = fn(&Op, &[Shape], Mode) -> [u64; 3];

impl Backend {
    fn how(self) -> Option<How> {
        match self {
            Self::Reference => None,
            Self::Fast { exact } => Some(How { exact }),
        }
    }

    /// Whether it has a kernel of its own for an operator at inputs of these shapes; the reference has one for each.
    pub fn covers(self, op: &Op, inputs: &[&[usize]]) -> bool {
        self.how().is_none_or(|_| fast::covers(op, inputs))
    }

    /// One forward pass of an operator.
    pub fn forward<S: Scalar>(self, op: &Op, pass: Forward<'_, S>) -> Made<S> {
        match (self.how(), S::NATIVE) {
            (Some(how), Some(native)) => fast::forward(op, pass, native, how),
            _ => op.forward(pass),
        }
    }

    /// One backward pass of an operator.
    pub fn backward<S: Scalar>(self, op: &Op, pass: Backward<'_, S>) -> Grads<S> {
        match (self.how(), S::NATIVE) {
            (Some(how), Some(native)) => fast::backward(op, pass, native, how),
            _ => op.backward(pass),
        }
    }

    /// The scratch memory of an operator, computed with the machine's own numbers.
    pub fn scratch(self, op: &Op, inputs: &[&[usize]], mode: Mode) -> Scratch {
        match self.how() {
            None => Scratch::of_reference(op, inputs, mode),
            Some(how) => fast::scratch(op, inputs, mode, how),
        }
    }

    /// The scratch memory of all operators, as a pure function of operator, input shapes and mode.
    pub fn plan(self) -> Plan {
        match self {
            Self::Reference => |op, inputs, mode| plan(Self::Reference, op, inputs, mode),
            Self::Fast { exact: false } => {
                |op, inputs, mode| plan(Self::Fast { exact: false }, op, inputs, mode)
            }
            Self::Fast { exact: true } => {
                |op, inputs, mode| plan(Self::Fast { exact: true }, op, inputs, mode)
            }
        }
    }
}

/// An operator run by a backend, as a kernel of its own.
#[derive(Clone, Copy, Debug)]
pub struct On<'o> {
    op: &'o Op,
    backend: Backend,
}

impl Backend {
    /// An operator run by this backend.
    pub fn on(self, op: &Op) -> On<'_> {
        On { op, backend: self }
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

impl Kernel for On<'_> {
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

fn plan(backend: Backend, op: &Op, inputs: &[Shape], mode: Mode) -> [u64; 3] {
    let sizes: Vec<Vec<usize>> = inputs.iter().map(Shape::sizes).collect();
    let sizes: Vec<&[usize]> = sizes.iter().map(Vec::as_slice).collect();
    let Scratch { forward, inputs, params } = backend.scratch(op, &sizes, mode);
    [forward, inputs, params].map(|n| n as u64)
}
