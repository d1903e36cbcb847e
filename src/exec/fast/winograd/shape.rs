//! The convolutions that Winograd's forms compute, in real sizes.

use crate::exec::kernels::{ConvLayout, WindowAxis};

/// Taps along a side of a filter, and in all.
pub(super) const SIDE: usize = 3;
pub(super) const TAPS: usize = SIDE * SIDE;

/// A convolution 3×3 of stride 1, dilation 1 and one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ConvShape {
    /// Images.
    pub(super) batch: usize,
    /// Channels of the input.
    pub(super) inputs: usize,
    /// Channels of the output.
    pub(super) outputs: usize,
    /// Rows and columns of the input.
    pub(super) size: [usize; 2],
    /// Padding above and left of it, 0 to 2.
    pub(super) before: [usize; 2],
    /// Rows and columns of the output.
    pub(super) made: [usize; 2],
}

/// Outputs that a tile makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tile {
    /// 2×2 outputs of 4×4 inputs, as exact as a direct sum.
    Two,
    /// 4×4 outputs of 6×6 inputs.
    Four,
}

/// What is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::exec::fast) enum Pass {
    /// The output.
    Forward,
    /// The gradient of the input.
    Input,
    /// The gradient of the weight.
    Weight,
}

/// Padding before an axis and windows on it, where they are those of a 3-tap kernel that moves on by one.
fn along(axis: &WindowAxis) -> Option<[usize; 2]> {
    let (outs, first) = (axis.starts.len(), *axis.starts.first()?);
    let before = usize::try_from(-first).ok()?;
    let taps = axis.kernel == SIDE && axis.dilation == 1;
    let each = axis.starts.iter().copied().eq(first..first + outs.cast_signed());
    let all = outs + SIDE - 1 == before + axis.extent + axis.after;
    let padding = before.max(axis.after) < SIDE;
    (taps && each && all && padding && axis.extent > 0).then_some([before, outs])
}

impl ConvShape {
    /// `None` where it is no convolution for these forms.
    pub(super) fn new(layout: &ConvLayout) -> Option<Self> {
        let ConvLayout { batch, channels, kernels, groups, axes: [deep, down, across] } = layout;
        let ([top, high], [left, wide]) = (along(down)?, along(across)?);
        let some = [*batch, *channels, *kernels].iter().all(|n| *n > 0);
        (some && *groups == 1 && *deep == WindowAxis::none()).then_some(Self {
            batch: *batch,
            inputs: *channels,
            outputs: *kernels,
            size: [down.extent, across.extent],
            before: [top, left],
            made: [high, wide],
        })
    }

    /// The convolution that makes the gradient of the input of the gradient of the output.
    pub(super) fn transposed(&self) -> Self {
        Self {
            batch: self.batch,
            inputs: self.outputs,
            outputs: self.inputs,
            size: self.made,
            before: self.before.map(|padding| SIDE - 1 - padding),
            made: self.size,
        }
    }
}
