//! The ledger: what one pass through an operator takes, as exact integers.
//!
//! A MAC is one multiply and one accumulate. "FLOPs" is a view of the ledger, never a synonym for MACs.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::shape::{DType, Shape, TooLarge, product, sum};

/// Arithmetic by kind. All counts are of single scalar operations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Work {
    /// Multiply-accumulates.
    pub macs: u64,
    /// Additions and subtractions outside MACs.
    pub adds: u64,
    /// Multiplications outside MACs.
    pub muls: u64,
    /// Divisions.
    pub divs: u64,
    /// Comparisons, minima and maxima.
    pub cmps: u64,
    /// exp, log, tanh, erf, sqrt, pow: one each.
    pub specials: u64,
    /// How many of the taps counted above fall on padding (a subset, not a further kind).
    pub padding_taps: u64,
}

impl Work {
    /// No arithmetic: the operator is free.
    pub const NONE: Self =
        Self { macs: 0, adds: 0, muls: 0, divs: 0, cmps: 0, specials: 0, padding_taps: 0 };

    /// `n` multiply-accumulates.
    pub const fn macs(n: u64) -> Self {
        Self { macs: n, ..Self::NONE }
    }

    /// `n` additions.
    pub const fn adds(n: u64) -> Self {
        Self { adds: n, ..Self::NONE }
    }

    /// `n` comparisons.
    pub const fn cmps(n: u64) -> Self {
        Self { cmps: n, ..Self::NONE }
    }

    fn fields(self) -> [u64; 7] {
        [self.macs, self.adds, self.muls, self.divs, self.cmps, self.specials, self.padding_taps]
    }

    fn from_fields([macs, adds, muls, divs, cmps, specials, padding_taps]: [u64; 7]) -> Self {
        Self { macs, adds, muls, divs, cmps, specials, padding_taps }
    }

    /// This work done `n` times: the arithmetic of one element, times the elements.
    ///
    /// # Errors
    /// [`TooLarge`] if a count does not fit in 64 bits.
    pub fn times(self, n: u64) -> Result<Self, TooLarge> {
        let mut fields = self.fields();
        for field in &mut fields {
            *field = product([*field, n])?;
        }
        Ok(Self::from_fields(fields))
    }

    /// Both works together.
    ///
    /// # Errors
    /// [`TooLarge`] if a count does not fit in 64 bits.
    pub fn plus(self, other: Self) -> Result<Self, TooLarge> {
        let mut fields = self.fields();
        for (field, more) in fields.iter_mut().zip(other.fields()) {
            *field = sum([*field, more])?;
        }
        Ok(Self::from_fields(fields))
    }

    /// Floating-point operations in the default convention: two for a MAC, one for everything else.
    ///
    /// # Errors
    /// [`TooLarge`] if the sum does not fit in 64 bits.
    pub fn flops(self) -> Result<u64, TooLarge> {
        sum([product([2, self.macs])?, self.adds, self.muls, self.divs, self.cmps, self.specials])
    }
}

/// The work of one backward pass, apart for what it yields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Backward {
    /// For the gradients of the inputs.
    pub inputs: Work,
    /// For the gradients of the parameters.
    pub params: Work,
}

impl Backward {
    /// No arithmetic.
    pub const NONE: Self = Self { inputs: Work::NONE, params: Work::NONE };

    /// Work for the inputs only: the operator has no parameters.
    pub const fn inputs(inputs: Work) -> Self {
        Self { inputs, params: Work::NONE }
    }

    /// Both together, field by field.
    ///
    /// # Errors
    /// [`TooLarge`] if a count does not fit in 64 bits.
    pub fn plus(self, other: Self) -> Result<Self, TooLarge> {
        Ok(Self {
            inputs: self.inputs.plus(other.inputs)?,
            params: self.params.plus(other.params)?,
        })
    }
}

/// What a parameter tensor is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Role {
    /// Kernel, matrix or scale.
    Weight,
    /// Added to each output.
    Bias,
    /// Running mean, running variance or the count of batches: state, not a parameter.
    Buffer,
}

/// One tensor that an operator owns, named and shaped as torch's `state_dict` has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Param {
    /// torch's name: `weight`; empty where the tensor has its layer's own.
    pub name: Cow<'static, str>,
    /// Its shape.
    pub shape: Shape,
    /// What it is for.
    pub role: Role,
    /// The element type; `None` is the model's own.
    pub dtype: Option<DType>,
}

impl Param {
    /// A trainable tensor in the model's element type.
    pub fn new(name: impl Into<Cow<'static, str>>, role: Role, shape: Shape) -> Self {
        Self { name: name.into(), shape, role, dtype: None }
    }

    /// A weight and, if wanted, a bias of the same shape: the affine part of every normalisation.
    pub fn affine(shape: Shape, bias: bool) -> Vec<Self> {
        let mut params = vec![Self::new("weight", Role::Weight, shape)];
        if bias {
            params.push(Self::new("bias", Role::Bias, shape));
        }
        params
    }
}

/// One thing that the tape keeps for the backward pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// The input with this index.
    Input(usize),
    /// The output with this index.
    Output(usize),
    /// A tensor made for the purpose: `elements` of `dtype` (`None` is the model's own).
    Own {
        /// What it holds: mask, indices, mean …
        what: &'static str,
        /// Number of elements.
        elements: u64,
        /// Element type.
        dtype: Option<DType>,
    },
}

/// What the tape keeps for the backward pass. Inputs and outputs are named, so that a value kept twice counts once.
pub type Saved = Vec<Keep>;

/// What PyTorch's autograd holds of an operator in a training step on the CPU: `tests/golden/saved.csv` has what
/// `torch.autograd.graph.saved_tensors_hooks` says in torch 2.15.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Autograd {
    /// What it keeps for the backward pass.
    pub saved: Saved,
    /// Whether the output lies in the memory of the first input: it is a view of it, or written over it.
    pub shares_input: bool,
    /// Whether it is a product whose factors, the weight among them, are kept for each other's gradient alone: one whose
    /// others need none is not kept.
    pub is_product: bool,
}

impl Autograd {
    /// An output in memory of its own.
    pub const fn keeps(saved: Saved) -> Self {
        Self { saved, shares_input: false, is_product: false }
    }

    /// A view of the first input, of which nothing is kept.
    pub const VIEW: Self = Self { saved: Vec::new(), shares_input: true, is_product: false };

    /// A product that keeps its factors.
    pub const fn product(saved: Saved) -> Self {
        Self { saved, shares_input: false, is_product: true }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mac_is_two_flops_and_all_else_one() {
        let work =
            Work { macs: 10, adds: 1, muls: 2, divs: 3, cmps: 4, specials: 5, padding_taps: 6 };
        assert_eq!(work.flops(), Ok(35));
    }

    #[test]
    fn counts_never_wrap() {
        assert_eq!(Work::macs(u64::MAX).flops(), Err(TooLarge));
        assert_eq!(Work::adds(u64::MAX).times(2), Err(TooLarge));
        assert_eq!(Work::adds(u64::MAX).plus(Work::adds(1)), Err(TooLarge));
    }
}
