//! Which kernels run: the reference's, or the fast ones where they cover an operator and the numbers are the machine's own.
//!
//! It may use `kernels` and `fast`. Tests stand in `tests/it/fast.rs` and `tests/it/tape.rs`.

use super::fast::{self, How};
use super::kernels::{Backward, Forward, Grads, Init, Kernel, Made, Owned};
use super::meter::{Buffer, Meter};
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
            Self::Fast { exact } => Some(How { exact, ready: false }),
        }
    }

    /// Whether it has a kernel of its own for an operator at inputs of these shapes; the reference has one for each.
    pub fn covers(self, op: &Op, inputs: &[&[usize]]) -> bool {
        self.how().is_none_or(|_| fast::covers(op, inputs))
    }

    /// One forward pass of an operator.
    pub fn forward<S: Scalar>(self, op: &Op, pass: Forward<'_, S>) -> Made<S> {
        match (self.how(), S::NATIVE) {
            (Some(how), Some(native)) => {
                let how = How { ready: pass.ready.is_some(), ..how };
                fast::forward(op, pass, native, how)
            }
            _ => op.forward(pass),
        }
    }

    /// Numbers that [`Backend::ready`] makes of the parameters of an operator; 0 where nothing is gained by that.
    pub fn ready_len(self, op: &Op, inputs: &[&[usize]]) -> usize {
        self.how().map_or(0, |how| fast::ready(op, inputs, How { ready: true, ..how }))
    }

    /// What forward passes can be given ready, as long as inputs have these shapes and nobody changes the parameters: the
    /// transformed filters of a convolution. `None` where nothing is gained.
    pub fn ready<S: Scalar>(
        self,
        op: &Op,
        inputs: &[&[usize]],
        owned: &[Owned<S>],
        meter: &Meter,
    ) -> Option<Buffer<S>> {
        let (how, numbers) = (self.how()?, self.ready_len(op, inputs));
        if numbers == 0 || S::NATIVE.is_none() {
            return None;
        }
        let mut made = Buffer::unset(numbers, meter);
        fast::make_ready(op, inputs, owned, How { ready: true, ..how }, &mut made);
        Some(made)
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
        self.scratch_of(op, inputs, mode, false)
    }

    fn scratch_of(self, op: &Op, inputs: &[&[usize]], mode: Mode, ready: bool) -> Scratch {
        match self.how() {
            None => Scratch::of_reference(op, inputs, mode),
            Some(how) => fast::scratch(op, inputs, mode, How { ready, ..how }),
        }
    }

    /// The scratch memory of all operators, as a pure function of operator, input shapes and mode.
    pub fn plan(self) -> Plan {
        self.plan_of::<false>()
    }

    /// The same of forward passes that are given what is [`ready`](Self::ready).
    pub fn ready_plan(self) -> Plan {
        self.plan_of::<true>()
    }

    fn plan_of<const READY: bool>(self) -> Plan {
        match self {
            Self::Reference => plan::<REFERENCE, READY>,
            Self::Fast { exact: false } => plan::<FAST, READY>,
            Self::Fast { exact: true } => plan::<EXACT, READY>,
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

/// The backends, by number: a plan is a function that has nothing with it.
const BACKENDS: [Backend; 3] =
    [Backend::Reference, Backend::Fast { exact: false }, Backend::Fast { exact: true }];
const REFERENCE: usize = 0;
const FAST: usize = 1;
const EXACT: usize = 2;

fn plan<const BACKEND: usize, const READY: bool>(
    op: &Op,
    inputs: &[Shape],
    mode: Mode,
) -> [u64; 3] {
    let sizes: Vec<Vec<usize>> = inputs.iter().map(Shape::sizes).collect();
    let sizes: Vec<&[usize]> = sizes.iter().map(Vec::as_slice).collect();
    let Scratch { forward, inputs, params } = BACKENDS[BACKEND].scratch_of(op, &sizes, mode, READY);
    [forward, inputs, params].map(|n| n as u64)
}
