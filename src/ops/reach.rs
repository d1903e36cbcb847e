//! How far an operator sees: what one output element depends on, axis by axis. `analysis::field` composes these into
//! receptive fields.
//!
//! A window's first tap and stride are in input elements; a stride below 1 is an upsampling.

use num_rational::Ratio;

/// How output positions depend on input positions; with several inputs, on those of each of them.
#[derive(Clone, Debug, PartialEq)]
pub enum Reach {
    /// Each element depends on the element at its own place (over all channels, where the operator mixes them).
    Pointwise,
    /// A window on each of the trailing axes: one entry for each, first spatial axis first.
    Window(Vec<AxisReach>),
    /// Each output sees the whole of these input axes.
    Whole(Vec<usize>),
    /// Output axis `i` is input axis `axes[i]`.
    Moved(Vec<usize>),
    /// One position of this axis stays and the axis goes away; those behind it move up.
    Selected {
        /// The axis.
        axis: usize,
        /// The position on it.
        index: i64,
    },
    /// Axes `first..=last` become one: positions along them can no longer be distinguished by axis.
    Folded {
        /// First axis that is folded.
        first: usize,
        /// Last axis that is folded.
        last: usize,
    },
    /// Several inputs are concatenated along this axis; elsewhere each element depends on its own place.
    Joined(usize),
    /// Nothing can be said about positions, for this reason.
    Opaque(&'static str),
}

/// The window of one axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AxisReach {
    /// Input elements from the first tap to the last, both counted.
    pub extent: u64,
    /// Input elements from one output to the next.
    pub stride: Ratio<i64>,
    /// Where the first output's first tap is; negative on padding.
    pub start: i64,
}

impl AxisReach {
    /// One element to one element.
    pub const POINT: Self = Self { extent: 1, stride: Ratio::new_raw(1, 1), start: 0 };
}
