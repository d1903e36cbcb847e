//! What a builder or a finished graph refuses, with a way to fix each.

use std::fmt;

/// Why a graph cannot be made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GraphError {
    /// The batch axis of an input is none of its axes.
    BatchAxis {
        /// The input.
        input: String,
        /// The axis.
        axis: usize,
        /// How many axes there are.
        rank: usize,
    },
    /// An id that this builder did not give.
    NoSuchValue {
        /// The node or output that uses it.
        user: String,
        /// The position that the id stands for.
        value: usize,
    },
    /// Two nodes with tensors of their own have one name.
    TwiceNamed {
        /// The name.
        name: String,
    },
    /// Two outputs or two inputs have one name.
    TwiceListed {
        /// `input` or `output`.
        what: &'static str,
        /// The name.
        name: String,
    },
}

impl fmt::Display for GraphError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BatchAxis { input, axis, rank } => write!(
                f,
                "the batch axis of the input {input} is {axis}, but its shape has {rank} axes: name one from 0 on, or none"
            ),
            Self::NoSuchValue { user, value } => write!(
                f,
                "{user} uses value {value}, which is not there: use ids that this builder gave"
            ),
            Self::TwiceNamed { name } => write!(
                f,
                "two nodes with parameters are called {name}: rename one, or share its tensors"
            ),
            Self::TwiceListed { what, name } => {
                write!(f, "two {what}s are called {name}: rename one")
            }
        }
    }
}

impl std::error::Error for GraphError {}
