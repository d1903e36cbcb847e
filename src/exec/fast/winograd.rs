//! 3×3 convolution of stride 1 by Winograd's forms: forward and both gradients, with 2¼ or 4 times fewer products.
//!
//! ```text
//! tiles of x  →  V  A·A × (channels × tiles)        gathered and transformed
//! filters     →  U  A·A × (filters × channels)      transformed
//! forward        A·A products U·V, transformed back to tiles of y
//! input          forward, of the gradient of y, with filters that are rotated by 180°
//! weight         A·A products Z·Vᵀ, Z the transformed gradient of y, summed over tiles and transformed back
//! ```
//!
//! `choice` says where they are worth it, `steps` takes tiles through the steps of a pass, `tiles` and `filters` transform
//! by the `forms`. They may use `matmul`, `parallel`, `kernels` and `scalar`.

mod choice;
mod filters;
mod forms;
mod shape;
mod steps;
mod tiles;

#[cfg(test)]
mod tests;

use self::forms::{Four, Two};
pub(super) use self::shape::Pass;
use self::shape::{ConvShape, Tile};
pub(super) use self::steps::ForwardArgs;
use self::steps::Steps;
use super::kernel::FastOptions;
use crate::exec::base::matmul::Native;
use crate::exec::base::scalar::Scalar;
use crate::exec::kernels::ConvLayout;

/// A pass of a convolution in tiles.
#[derive(Clone, Copy, Debug)]
pub(super) struct Winograd {
    shape: ConvShape,
    pass: Pass,
    tile: Tile,
    /// Whether filters are prepacked: transformed beforehand.
    prepacked: bool,
}

impl Winograd {
    /// In tiles that are worth it; `None` where none are.
    pub(super) fn choose(layout: &ConvLayout, pass: Pass, options: FastOptions) -> Option<Self> {
        let (shape, prepacked) =
            (ConvShape::new(layout)?, options.prepacked && pass == Pass::Forward);
        let tile = choice::choose(&shape, pass, options.exact, prepacked)?;
        Some(Self { shape, pass, tile, prepacked })
    }

    /// Elements of scratch memory.
    pub(super) fn scratch(&self) -> usize {
        match self.tile {
            Tile::Two => self.scratch_of::<2, 4>(),
            Tile::Four => self.scratch_of::<4, 6>(),
        }
    }

    fn scratch_of<const M: usize, const A: usize>(&self) -> usize {
        match self.pass {
            Pass::Forward => Steps::<M, A>::new(&self.shape, self.prepacked).forward_scratch(),
            Pass::Input => Steps::<M, A>::new(&self.shape.transposed(), false).forward_scratch(),
            Pass::Weight => Steps::<M, A>::new(&self.shape, false).weight_scratch(),
        }
    }

    /// Numbers of the transformed filters, all of them.
    pub(super) fn prepacked_len(&self) -> usize {
        match self.tile {
            Tile::Two => Steps::<2, 4>::new(&self.shape, true).filters(),
            Tile::Four => Steps::<4, 6>::new(&self.shape, true).filters(),
        }
    }

    /// Transforms the filters `w`.
    pub(super) fn prepack<S: Scalar>(&self, w: &[S], into: &mut [S]) {
        match self.tile {
            Tile::Two => Steps::<2, 4>::new(&self.shape, true).prepack::<Two, S>(w, into),
            Tile::Four => Steps::<4, 6>::new(&self.shape, true).prepack::<Four, S>(w, into),
        }
    }

    /// `y` becomes the convolution of what is given.
    pub(super) fn forward<S: Scalar>(
        &self,
        native: &Native<S>,
        given: ForwardArgs<'_, S>,
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
        let given = ForwardArgs { x: g, w, prepacked: None, bias: None, rotated: true };
        self.convolve(&self.shape.transposed(), native, given, dx, scratch);
    }

    fn convolve<S: Scalar>(
        &self,
        shape: &ConvShape,
        native: &Native<S>,
        given: ForwardArgs<'_, S>,
        y: &mut [S],
        scratch: &mut [S],
    ) {
        let prepacked = self.prepacked;
        match self.tile {
            Tile::Two => {
                Steps::<2, 4>::new(shape, prepacked).forward::<Two, S>(native, given, y, scratch);
            }
            Tile::Four => {
                Steps::<4, 6>::new(shape, prepacked).forward::<Four, S>(native, given, y, scratch);
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
