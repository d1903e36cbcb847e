//! What is expected of a network: a quantity, and what it must be.

use crate::analysis::quantity::Quantity;
use crate::diag::At;
use crate::shape::Shape;

/// One line of `expect`, or one limit of a budget.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    /// The layer it speaks of; `None` for the network.
    pub layer: Option<String>,
    /// The quantity.
    pub quantity: &'static Quantity,
    /// Which limit it is; `None` for an amount that says all itself, as `~61M` does.
    pub limit: Option<Limit>,
    /// What it must be.
    pub want: Want,
    /// The amount, as it is written.
    pub text: String,
    /// Where it is written.
    pub at: At,
}

/// A limit of a quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Limit {
    /// The most it may be.
    Max,
    /// The most it may be without a warning.
    Warn,
    /// The least it may be.
    Min,
    /// How much more it may be than it was: an amount, or a part in percent.
    MaxIncrease,
    /// What it is, exactly.
    Lock,
    /// Its power of ten, or a word for it.
    Order,
}

impl Limit {
    /// Every limit with its key.
    pub const NAMES: &[(&str, Self)] = &[
        ("max", Self::Max),
        ("warn", Self::Warn),
        ("min", Self::Min),
        ("max_increase", Self::MaxIncrease),
        ("lock", Self::Lock),
        ("order", Self::Order),
    ];

    /// The limit of a key.
    pub fn named(key: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(name, _)| *name == key).map(|(_, limit)| *limit)
    }

    /// The key: `max_increase`.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, limit)| *limit == self).map_or("?", |(name, _)| name)
    }
}

/// What a quantity must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// From the first number to the last, both included.
    Between(u64, u64),
    /// This shape.
    Shape(Shape),
    /// No more than this above what it was.
    Increase(Increase),
}

/// How much more a quantity may be than it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Increase {
    /// This many.
    By(u64),
    /// `part / whole` of what it was.
    Part {
        /// The numerator.
        part: u128,
        /// The denominator.
        whole: u128,
    },
}

impl Increase {
    /// The most that a quantity may be which was `before`.
    pub fn most(self, before: u64) -> u64 {
        let more = match self {
            Self::By(n) => n,
            Self::Part { part, whole } => u128::from(before)
                .checked_mul(part)
                .and_then(|more| u64::try_from(more / whole).ok())
                .unwrap_or(u64::MAX),
        };
        before.saturating_add(more)
    }
}
