//! Optimisers, by what they keep for each parameter.

/// What an optimiser keeps for each trained parameter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Optimizer {
    /// Stochastic gradient descent: nothing.
    #[default]
    Sgd,
    /// With momentum: one number a trained parameter.
    Momentum,
    /// Adam: two numbers a trained parameter.
    Adam,
}

impl Optimizer {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sgd => "sgd",
            Self::Momentum => "momentum",
            Self::Adam => "adam",
        }
    }

    /// Every optimiser with its name.
    pub const NAMES: &[(&str, Self)] =
        &[("sgd", Self::Sgd), ("momentum", Self::Momentum), ("adam", Self::Adam)];

    /// The optimiser of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, optimizer)| *optimizer)
    }

    /// Numbers that are kept for a trained parameter.
    pub const fn numbers(self) -> u64 {
        match self {
            Self::Sgd => 0,
            Self::Momentum => 1,
            Self::Adam => 2,
        }
    }
}
