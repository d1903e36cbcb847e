//! Options that choose one of a few words, with the help of each.

use clap::ValueEnum;

use crate::analysis::memory::Optimizer;
use crate::ops::Mode;

/// Eval or train.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ModeArg {
    /// Inference
    #[default]
    Eval,
    /// A training step
    Train,
}

impl ModeArg {
    /// What the analysis calls it.
    pub const fn mode(self) -> Mode {
        match self {
            Self::Eval => Mode::Eval,
            Self::Train => Mode::Train,
        }
    }
}

/// What trains a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OptimizerArg {
    /// Stochastic gradient descent: keeps nothing
    Sgd,
    /// The same with momentum: keeps one number a trained parameter
    Momentum,
    /// Adam: keeps two numbers a trained parameter
    Adam,
}

impl OptimizerArg {
    /// What the analysis calls it.
    pub const fn optimizer(self) -> Optimizer {
        match self {
            Self::Sgd => Optimizer::Sgd,
            Self::Momentum => Optimizer::Momentum,
            Self::Adam => Optimizer::Adam,
        }
    }
}

/// Whose memory is counted in place of the executable backend's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EngineArg {
    /// PyTorch's autograd on the CPU: what it keeps for backward, and what it writes in place
    Torch,
}

/// When something is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum When {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// How errors are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum MessageFormat {
    /// With the lines they point at
    #[default]
    Human,
    /// A line each: file:line:column: message
    Short,
    /// JSON, an object each line
    Json,
}
