//! 3×3 convolution of stride 1 by Winograd's forms: forward and both gradients, with 2¼ or 4 times fewer products.
//!
//! ```text
//! tiles of x  →  V  A·A × (channels × tiles)        gathered and transformed
//! filters     →  U  A·A × (filters × channels)      transformed
//! forward        A·A products U·V, transformed back to tiles of y
//! input          forward, of the gradient of y, with filters that are turned
//! weight         A·A products Z·Vᵀ, Z the transformed gradient of y, summed over tiles and transformed back
//! ```
//!
//! `choice` says where they are worth it, `steps` takes tiles through the steps of a pass, `tiles` and `filters` transform
//! by the `forms`. They may use `gemm`, `split`, `kernels` and `scalar`. Tests stand in `winograd/tests.rs`, and through the
//! operator in `tests/it/fast.rs`.

mod choice;
mod filters;
mod forms;
mod steps;
mod tiles;

#[cfg(test)]
mod tests;

use self::forms::{Four, Two};
pub(super) use self::steps::Given;
use self::steps::Steps;
use super::How;
use super::gemm::Native;
use crate::exec::kernels::{Axis, ConvLayout};
use crate::exec::scalar::Scalar;

/// Taps along a side of a filter, and in all.
const SIDE: usize = 3;
const TAPS: usize = SIDE * SIDE;

/// A convolution 3×3 of stride 1, dilation 1 and one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shape {
    /// Images.
    batch: usize,
    /// Channels of the input.
    inputs: usize,
    /// Channels of the output.
    outputs: usize,
    /// Rows and columns of the input.
    size: [usize; 2],
    /// Padding above and left of it, 0 to 2.
    before: [usize; 2],
    /// Rows and columns of the output.
    made: [usize; 2],
}

/// Outputs that a tile makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tile {
    /// 2×2 outputs of 4×4 inputs, as exact as a direct sum.
    Two,
    /// 4×4 outputs of 6×6 inputs.
    Four,
}

/// What is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pass {
    /// The output.
    Forward,
    /// The gradient of the input.
    Input,
    /// The gradient of the weight.
    Weight,
}

/// Padding before an axis and windows on it, where they are those of a 3-tap kernel that moves on by one.
fn along(axis: &Axis) -> Option<[usize; 2]> {
    let (outs, first) = (axis.starts.len(), *axis.starts.first()?);
    let before = usize::try_from(-first).ok()?;
    let taps = axis.kernel == SIDE && axis.dilation == 1;
    let each = axis.starts.iter().copied().eq(first..first + outs.cast_signed());
    let all = outs + SIDE - 1 == before + axis.extent + axis.after;
    let padding = before.max(axis.after) < SIDE;
    (taps && each && all && padding && axis.extent > 0).then_some([before, outs])
}

impl Shape {
    /// `None` where it is no convolution for these forms.
    fn new(layout: &ConvLayout) -> Option<Self> {
        let ConvLayout { batch, channels, kernels, groups, axes: [deep, down, across] } = layout;
        let ([top, high], [left, wide]) = (along(down)?, along(across)?);
        let some = [*batch, *channels, *kernels].iter().all(|n| *n > 0);
        (some && *groups == 1 && *deep == Axis::none()).then_some(Self {
            batch: *batch,
            inputs: *channels,
            outputs: *kernels,
            size: [down.extent, across.extent],
            before: [top, left],
            made: [high, wide],
        })
    }

    /// The convolution that makes the gradient of the input of the gradient of the output.
    fn turned(&self) -> Self {
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

/// A pass of a convolution in tiles.
#[derive(Clone, Copy, Debug)]
pub(super) struct Winograd {
    shape: Shape,
    pass: Pass,
    tile: Tile,
    /// Whether filters are transformed beforehand.
    ready: bool,
}

impl Winograd {
    /// In tiles that are worth it; `None` where none are.
    pub(super) fn choose(layout: &ConvLayout, pass: Pass, how: How) -> Option<Self> {
        let (shape, ready) = (Shape::new(layout)?, how.ready && pass == Pass::Forward);
        let tile = choice::choose(&shape, pass, how.exact, ready)?;
        Some(Self { shape, pass, tile, ready })
    }

    /// Numbers of scratch memory.
    pub(super) fn scratch(&self) -> usize {
        match self.tile {
            Tile::Two => self.scratch_of::<2, 4>(),
            Tile::Four => self.scratch_of::<4, 6>(),
        }
    }

    fn scratch_of<const M: usize, const A: usize>(&self) -> usize {
        match self.pass {
            Pass::Forward => Steps::<M, A>::new(&self.shape, self.ready).forward_scratch(),
            Pass::Input => Steps::<M, A>::new(&self.shape.turned(), false).forward_scratch(),
            Pass::Weight => Steps::<M, A>::new(&self.shape, false).weight_scratch(),
        }
    }

    /// Numbers of the transformed filters, all of them.
    pub(super) fn ready(&self) -> usize {
        match self.tile {
            Tile::Two => Steps::<2, 4>::new(&self.shape, true).filters(),
            Tile::Four => Steps::<4, 6>::new(&self.shape, true).filters(),
        }
    }

    /// Transforms the filters `w`.
    pub(super) fn make_ready<S: Scalar>(&self, w: &[S], into: &mut [S]) {
        match self.tile {
            Tile::Two => Steps::<2, 4>::new(&self.shape, true).make_ready::<Two, S>(w, into),
            Tile::Four => Steps::<4, 6>::new(&self.shape, true).make_ready::<Four, S>(w, into),
        }
    }

    /// `y` becomes the convolution of what is given.
    pub(super) fn forward<S: Scalar>(
        &self,
        native: &Native<S>,
        given: Given<'_, S>,
        y: &mut [S],
        scratch: &mut [S],
    ) {
        self.convolve(&self.shape, native, given, y, scratch);
    }

    /// `dx` becomes the gradient of the input, of that of the output and the filters.
    pub(super) fn input_gradient<S: Scalar>(
        &self,
        native: &Native<S>,
        (g, w): (&[S], &[S]),
        dx: &mut [S],
        scratch: &mut [S],
    ) {
        let given = Given { x: g, w, ready: None, bias: None, turned: true };
        self.convolve(&self.shape.turned(), native, given, dx, scratch);
    }

    fn convolve<S: Scalar>(
        &self,
        shape: &Shape,
        native: &Native<S>,
        given: Given<'_, S>,
        y: &mut [S],
        scratch: &mut [S],
    ) {
        let ready = self.ready;
        match self.tile {
            Tile::Two => {
                Steps::<2, 4>::new(shape, ready).forward::<Two, S>(native, given, y, scratch);
            }
            Tile::Four => {
                Steps::<4, 6>::new(shape, ready).forward::<Four, S>(native, given, y, scratch);
            }
        }
    }

    /// `dw` becomes the gradient of the filters, of the input and the output's gradient.
    pub(super) fn weight_gradient<S: Scalar>(
        &self,
        native: &Native<S>,
        given: (&[S], &[S]),
        dw: &mut [S],
        scratch: &mut [S],
    ) {
        let shape = &self.shape;
        match self.tile {
            Tile::Two => {
                Steps::<2, 4>::new(shape, false).weight::<Two, S>(native, given, dw, scratch);
            }
            Tile::Four => {
                Steps::<4, 6>::new(shape, false).weight::<Four, S>(native, given, dw, scratch);
            }
        }
    }
}
