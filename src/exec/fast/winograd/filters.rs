//! Filters to transformed filters and back, for the channels of a filter side by side.
//!
//! It may use `forms`, `tiles` and `split`. Tests stand in `tests`.

use std::ops::Range;

use super::forms::Form;
use super::tiles::cut;
use super::{SIDE, TAPS};
use crate::exec::fast::gemm::{MatrixMut, Write};
use crate::exec::fast::split;
use crate::exec::scalar::Scalar;

/// Channels that are transformed at once, so that what is between two passes stays in the nearest cache.
const AT_ONCE: usize = 64;

/// The filters of a convolution, and which of their taps lie side by side once they are transformed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Filters<'a, S> {
    w: &'a [S],
    /// How many there are, and how many numbers side by side in each.
    sizes: [usize; 2],
    /// Numbers from one to the next, and from the taps of one number to those of the next.
    apart: [usize; 2],
    /// Whether each is turned by half a turn.
    turned: bool,
}

impl<'a, S: Scalar> Filters<'a, S> {
    /// Of `w[filters][channels][3][3]`: channels side by side.
    pub(super) fn by_channel(w: &'a [S], filters: usize, channels: usize) -> Self {
        let (sizes, apart) = ([filters, channels], [channels * TAPS, TAPS]);
        Self { w, sizes, apart, turned: false }
    }

    /// Of the same: for each channel the filters side by side.
    pub(super) fn by_filter(w: &'a [S], filters: usize, channels: usize) -> Self {
        let (sizes, apart) = ([channels, filters], [TAPS, channels * TAPS]);
        Self { w, sizes, apart, turned: false }
    }

    /// Those of the input's gradient, of `w[channels][filters][3][3]`: channels side by side, taps in the other order.
    pub(super) fn turned(w: &'a [S], filters: usize, channels: usize) -> Self {
        Self { turned: true, ..Self::by_filter(w, channels, filters) }
    }

    /// Transforms some of them, to `[filters][A·A][step]`.
    pub(super) fn transform<F: Form<M, A>, const M: usize, const A: usize>(
        &self,
        some: Range<usize>,
        (into, step): (&mut [S], usize),
    ) {
        let parts = some.zip(into.chunks_exact_mut(A * A * step));
        split::run(parts, &mut [] as &mut [S], 0, |(filter, into), _| {
            self.one::<F, M, A>(filter, into, step);
        });
    }

    /// Transforms all of them, to `[A·A][panels][filters][step]`: a panel has so many of the numbers side by side.
    pub(super) fn spread<F: Form<M, A>, const M: usize, const A: usize>(
        &self,
        into: &mut [S],
        panel: usize,
        step: usize,
    ) {
        let ([filters, numbers], row) = (self.sizes, self.sizes[0] * step);
        let panels = numbers.div_ceil(panel);
        let parts = MatrixMut::new(into, A * A * panels, row, row).cut(A * A * panels, step);
        split::run(parts.take(filters), &mut [] as &mut [S], 0, |(_, first, mut into), _| {
            let mut filter = vec![S::ZERO; A * A * panels * panel];
            self.one::<F, M, A>(first / step, &mut filter, panels * panel);
            for (i, numbers) in filter.chunks_exact(panel).enumerate() {
                into.row(i)[..panel].copy_from_slice(numbers);
            }
        });
    }

    /// Transforms one, to `[A·A][step]`.
    fn one<F: Form<M, A>, const M: usize, const A: usize>(
        &self,
        filter: usize,
        into: &mut [S],
        step: usize,
    ) {
        let ([_, channels], [first, apart]) = (self.sizes, self.apart);
        let w = &self.w[filter * first..];
        for begin in (0..channels).step_by(AT_ONCE) {
            let part = begin..(begin + AT_ONCE).min(channels);
            for c in part.clone() {
                for (tap, w) in w[c * apart..][..TAPS].iter().enumerate() {
                    let tap = if self.turned { TAPS - 1 - tap } else { tap };
                    into[(tap / SIDE * A + tap % SIDE) * step + c] = *w;
                }
            }
            for j in 0..SIDE {
                F::along(cut(into, j * step, A * step, part.clone()), F::filter);
            }
            for i in 0..A {
                F::along(cut(into, i * A * step, step, part.clone()), F::filter);
            }
        }
    }
}

/// Scratch memory of `transform_back`.
pub(super) const fn back_scratch<const A: usize>() -> usize {
    A * A * AT_ONCE
}

/// Transforms the gradient of a transformed filter back and writes it over or adds it to `dw[channels][3][3]`: positions of
/// `sums` are `apart` numbers apart.
pub(super) fn transform_back<F: Form<M, A>, const M: usize, const A: usize, S: Scalar>(
    (sums, apart): (&[S], usize),
    (dw, write): (&mut [S], Write),
    tiles: &mut [S],
) {
    for (first, dw) in dw.chunks_mut(AT_ONCE * TAPS).enumerate() {
        let (first, count) = (first * AT_ONCE, dw.len() / TAPS);
        for j in 0..A {
            let from = std::array::from_fn(|i| &sums[(i * A + j) * apart + first..][..count]);
            F::across(from, cut(tiles, j * AT_ONCE, A * AT_ONCE, 0..count), F::collect);
        }
        for i in 0..SIDE {
            F::along(cut(tiles, i * A * AT_ONCE, AT_ONCE, 0..count), F::collect);
        }
        for (c, dw) in dw.chunks_exact_mut(TAPS).enumerate() {
            let made = |tap: usize| tiles[(tap / SIDE * A + tap % SIDE) * AT_ONCE + c];
            for (tap, dw) in dw.iter_mut().enumerate() {
                *dw = if write == Write::Add { dw.add(made(tap)) } else { made(tap) };
            }
        }
    }
}
