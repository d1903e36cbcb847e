//! Maximum over windows, with the index of the element that won. Any rank up to 3, stride, padding, dilation, rounding.
//!
//! ```text
//! y[p] = max_t x[p·S − P + D·t]     k[p] the element that won     dx[k[p]] += g[p]
//! ```
//!
//! The first of equal elements wins, and NaN over all; padding never does. A plane is dealt onto `grids` with −∞ for padding,
//! and one long loop takes the maximum of shifted slices, together with the winning tap's distance from the window's first.
//! A window in which no element is above −∞ is looked at by itself. It may use
//! `scalar`.

#![allow(
    clippy::inline_always,
    reason = "what is inlined is compiled for the machine that it runs on"
)]

use super::axis::StridedAxis;
use super::grids::copy;
use super::shifted::{Shifted, forward};
use crate::exec::base::parallel;
use crate::exec::base::scalar::Scalar;
use crate::exec::base::simd::{self, Highest, Loop};
use crate::exec::kernels::positions;

/// No tap has won.
const NONE: u32 = u32::MAX;

/// The windows of a maximum pool on real sizes, ready to run.
#[derive(Clone, Debug)]
pub(crate) struct MaxWindows {
    planes: usize,
    axes: [StridedAxis; 3],
    shifted: Shifted,
    /// Elements from a window's first to the one of each tap.
    distances: Vec<u32>,
}

/// The elements that won in a row of windows, `step` apart from `at` on; whether none did in one of them.
struct Indices<'a, S> {
    at: i64,
    step: i64,
    won: &'a [S],
    into: &'a mut [i64],
}

impl<S: Scalar> Loop for Indices<'_, S> {
    type Out = bool;
    #[inline(always)]
    fn run(self) -> bool {
        let (mut at, mut is_lost) = (self.at, false);
        for (index, won) in self.into.iter_mut().zip(self.won) {
            is_lost |= won.carried() == NONE;
            *index = at + i64::from(won.carried());
            at += self.step;
        }
        is_lost
    }
}

impl MaxWindows {
    /// Whether a plane is not too large for the kernel: 2³² elements are.
    pub(crate) fn covers(axes: &[StridedAxis; 3]) -> bool {
        let reach = axes
            .iter()
            .try_fold(1usize, |n, axis| n.checked_mul(axis.extent.checked_add(axis.reach())?));
        reach.and_then(|reach| u32::try_from(reach).ok()).is_some_and(|reach| reach < NONE)
    }

    /// For so many planes (batch times channels) with these axes, which the kernel [`covers`](Self::covers).
    ///
    /// # Panics
    /// If the kernel does not cover them.
    pub(crate) fn new(planes: usize, axes: &[StridedAxis; 3]) -> Self {
        assert!(Self::covers(axes), "{axes:?}");
        let distance = |tap: [usize; 3]| {
            let at =
                (0..3).fold(0, |at, axis| at * axes[axis].extent + tap[axis] * axes[axis].dilation);
            // A tap that can be on the input is within it; another never wins.
            u32::try_from(at).unwrap_or(NONE)
        };
        let distances = positions(axes.map(|axis| axis.kernel)).map(distance).collect();
        Self { planes, axes: *axes, shifted: forward(axes), distances }
    }

    fn input(&self) -> usize {
        self.axes.iter().map(|axis| axis.extent).product()
    }

    fn output(&self) -> usize {
        self.axes.iter().map(|axis| axis.windows).product()
    }

    /// Comparisons of an output's plane.
    fn macs(&self) -> usize {
        self.output() * self.distances.len()
    }

    fn block(&self) -> usize {
        self.shifted.from.numbers() + 2 * self.shifted.flat() + self.distances.len()
    }

    /// Scratch memory of the forward pass, with or without indices.
    pub(crate) fn workspace(&self) -> usize {
        parallel::row_blocks(self.planes, self.macs(), self.block())
    }

    /// `y` becomes the maxima of `x`, and `indices` the elements that won: −1 where none did.
    ///
    /// # Panics
    /// If a slice is shorter than its shape.
    pub(crate) fn forward_with_indices<S: Scalar>(
        &self,
        x: &[S],
        y: &mut [S],
        indices: &mut [i64],
        scratch: &mut [S],
    ) {
        let together = parallel::together(self.planes, self.macs());
        let each = (together * self.output()).max(1);
        let parts = y.chunks_mut(each).zip(indices.chunks_mut(each)).enumerate();
        parallel::run(parts, scratch, self.block(), |(i, (y, indices)), block| {
            self.part::<S, true>(i * together, x, (y, indices), block);
        });
    }

    /// `y` becomes the maxima of `x`.
    ///
    /// # Panics
    /// If a slice is shorter than its shape.
    pub(crate) fn forward<S: Scalar>(&self, x: &[S], y: &mut [S], scratch: &mut [S]) {
        let sizes = (self.output(), self.macs());
        parallel::rows(y, sizes, (scratch, self.block()), |first, y, block| {
            self.part::<S, false>(first, x, (y, &mut []), block);
        });
    }

    fn part<S: Scalar, const KEEP: bool>(
        &self,
        first: usize,
        x: &[S],
        (y, indices): (&mut [S], &mut [i64]),
        scratch: &mut [S],
    ) {
        let (input, output) = (self.input(), self.output());
        let (padded, rest) = scratch.split_at_mut(self.shifted.from.numbers());
        let (flat, distances) = rest.split_at_mut(2 * self.shifted.flat());
        padded.fill(S::LOWEST);
        distances.iter_mut().zip(&self.distances).for_each(|(to, d)| *to = S::carry(*d));
        let mut indices = indices.chunks_mut(output);
        for (plane, y) in (first..).zip(y.chunks_mut(output)) {
            self.shifted.from.deal(&x[plane * input..][..input], padded);
            let indices = indices.next().unwrap_or_default();
            self.plane::<S, KEEP>((padded, distances), (y, indices), flat);
        }
    }

    fn plane<S: Scalar, const KEEP: bool>(
        &self,
        (padded, distances): (&[S], &[S]),
        (y, indices): (&mut [S], &mut [i64]),
        flat: &mut [S],
    ) {
        let [deep, high, wide] = &self.axes;
        let (pitch, most, width) = (self.shifted.from.pitch, self.shifted.rows(), wide.windows);
        let (values, winners) = flat.split_at_mut(self.shifted.flat());
        let offsets = &self.shifted.results[0].offsets[..];
        for z in 0..deep.windows {
            for first in (0..high.windows).step_by(most) {
                let rows = most.min(high.windows - first);
                let length = ((rows - 1) * pitch + width).next_multiple_of(simd::WIDTH);
                let x = &padded[(z * self.shifted.from.axes[1].cells + first) * pitch..];
                let (y_flat, won) = (&mut values[..length], &mut winners[..length]);
                simd::run(Highest::<S, KEEP> {
                    x,
                    offsets,
                    distances,
                    none: S::carry(NONE),
                    y: y_flat,
                    won,
                });
                for row in 0..rows {
                    let at = (z * high.windows + first + row) * width;
                    let y = &mut y[at..at + width];
                    copy(&values[row * pitch..][..width], y);
                    let is_lost = if KEEP {
                        let indices = &mut indices[at..at + width];
                        let won = &winners[row * pitch..][..width];
                        self.indices((z, first + row), won, indices)
                    } else {
                        y.iter().filter(|y| **y == S::LOWEST).count() > 0
                    };
                    if is_lost {
                        self.recompute((z, first + row), y, indices.get_mut(at..at + width));
                    }
                }
            }
        }
    }

    /// The elements that won in a row of windows; whether there is a window in which none did.
    fn indices<S: Scalar>(&self, (z, y): (usize, usize), won: &[S], indices: &mut [i64]) -> bool {
        let [_, high, wide] = &self.axes;
        let row = (self.axes[0].start(z) * high.extent.cast_signed() + high.start(y))
            * wide.extent.cast_signed()
            + wide.first;
        let (at, step) = (
            i64::try_from(row).expect("in memory"),
            i64::try_from(wide.stride).expect("in memory"),
        );
        simd::run(Indices { at, step, won, into: indices })
    }

    /// Windows of a row that no element has won: the first element has, if there is one; without any tap, it is 0.
    fn recompute<S: Scalar>(
        &self,
        (z, y): (usize, usize),
        values: &mut [S],
        mut indices: Option<&mut [i64]>,
    ) {
        for (x, value) in values.iter_mut().enumerate().filter(|(_, value)| **value == S::LOWEST) {
            let windows = [z, y, x];
            if (0..3).any(|axis| self.axes[axis].counted(windows[axis]) == 0) {
                *value = S::ZERO;
            }
            let first = (0..3).try_fold(0, |at, axis| {
                let along = &self.axes[axis];
                let (tap, end) = along.inside(windows[axis]);
                let element = along.start(windows[axis]) + (tap * along.dilation).cast_signed();
                (tap < end).then(|| at * along.extent + element.cast_unsigned())
            });
            if let Some(indices) = &mut indices {
                indices[x] = first.map_or(-1, |at| i64::try_from(at).expect("in memory"));
            }
        }
    }
}

/// The maximum of each plane, and the element that won.
pub(crate) fn global<S: Scalar>(plane: usize, x: &[S], y: &mut [S], indices: Option<&mut [i64]>) {
    let of = |p: usize| {
        let (mut largest, mut index) = (S::LOWEST, 0);
        for (i, x) in x[p * plane..][..plane].iter().enumerate() {
            if x.above(largest) || x.value().is_nan() {
                (largest, index) = (*x, i);
            }
        }
        (largest, i64::try_from(index).expect("in memory"))
    };
    match indices {
        Some(indices) => {
            let together = parallel::together(y.len(), parallel::NUMBER * plane);
            let parts = y.chunks_mut(together).zip(indices.chunks_mut(together)).enumerate();
            parallel::run(parts, &mut [] as &mut [S], 0, |(i, (y, indices)), _| {
                for (p, (y, index)) in (i * together..).zip(y.iter_mut().zip(indices)) {
                    (*y, *index) = of(p);
                }
            });
        }
        None => parallel::each_row(y, (1, plane), |p, y| y[0] = of(p).0),
    }
}

/// `dx` becomes the gradient of the input, whose planes have so many windows and elements.
///
/// # Panics
/// If a slice is shorter than its shape, or an index beyond it.
pub(crate) fn backward<S: Scalar>(
    (windows, plane): (usize, usize),
    g: &[S],
    indices: &[i64],
    dx: &mut [S],
) {
    parallel::each_row(dx, (plane, plane + windows), |p, dx| {
        dx.fill(S::ZERO);
        let all = p * windows..(p + 1) * windows;
        for (g, at) in g[all.clone()].iter().zip(&indices[all]) {
            if let Ok(at) = usize::try_from(*at) {
                dx[at] = dx[at].add(*g);
            }
        }
    });
}
