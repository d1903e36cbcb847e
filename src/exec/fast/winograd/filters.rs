//! Filters to transformed filters and back, for the channels of a filter side by side.
//!
//! It may use `forms`, `tiles` and `parallel`.

use std::ops::Range;

use super::forms::Form;
use super::shape::{SIDE, TAPS};
use super::tiles::cut;
use crate::exec::base::matmul::{MatrixMut, Write};
use crate::exec::base::parallel;
use crate::exec::base::scalar::Scalar;

/// Channels that are transformed at once, so that what is between two passes stays in the nearest cache.
const AT_ONCE: usize = 64;
/// Filters that are transformed together: where those side by side are apart in memory, what a line of the cache brings is of
/// several filters.
const TOGETHER: usize = 8;

/// The filters of a convolution, and which of their taps lie side by side once they are transformed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Filters<'a, S> {
    w: &'a [S],
    /// How many there are, and how many numbers side by side in each.
    sizes: [usize; 2],
    /// Numbers from one to the next, and from the taps of one number to those of the next.
    apart: [usize; 2],
    /// Whether each is rotated by 180°.
    rotated: bool,
}

impl<'a, S: Scalar> Filters<'a, S> {
    /// Of `w[filters][channels][3][3]`: channels side by side.
    pub(super) fn by_channel(w: &'a [S], filters: usize, channels: usize) -> Self {
        let (sizes, apart) = ([filters, channels], [channels * TAPS, TAPS]);
        Self { w, sizes, apart, rotated: false }
    }

    /// Of the same: for each channel the filters side by side.
    pub(super) fn by_filter(w: &'a [S], filters: usize, channels: usize) -> Self {
        let (sizes, apart) = ([channels, filters], [TAPS, channels * TAPS]);
        Self { w, sizes, apart, rotated: false }
    }

    /// Those of the input's gradient, of `w[channels][filters][3][3]`: channels side by side, rotated by 180°.
    pub(super) fn rotated(w: &'a [S], filters: usize, channels: usize) -> Self {
        Self { rotated: true, ..Self::by_filter(w, channels, filters) }
    }

    /// Transforms some of them, to `[filters][A·A][step]`.
    pub(super) fn transform<F: Form<M, A>, const M: usize, const A: usize>(
        &self,
        some: Range<usize>,
        (into, step): (&mut [S], usize),
    ) {
        let each = TOGETHER * A * A * step;
        let parts = into[..some.len() * A * A * step].chunks_mut(each).enumerate();
        parallel::run(parts, &mut [] as &mut [S], 0, |(at, into), _| {
            self.together::<F, M, A>(some.start + at * TOGETHER, into, step);
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
        parallel::run(parts.take(filters), &mut [] as &mut [S], 0, |(_, first, mut into), _| {
            let mut filter = vec![S::ZERO; A * A * panels * panel];
            self.together::<F, M, A>(first / step, &mut filter, panels * panel);
            for (i, numbers) in filter.chunks_exact(panel).enumerate() {
                into.row(i)[..panel].copy_from_slice(numbers);
            }
        });
    }

    /// Transforms at most [`TOGETHER`], as many as there is room for, to `[filters][A·A][step]`.
    fn together<F: Form<M, A>, const M: usize, const A: usize>(
        &self,
        filter: usize,
        into: &mut [S],
        step: usize,
    ) {
        let ([_, channels], [first, apart]) = (self.sizes, self.apart);
        let w = &self.w[filter * first..];
        let mut taps = [[[S::ZERO; AT_ONCE]; TAPS]; TOGETHER];
        for begin in (0..channels).step_by(AT_ONCE) {
            let count = AT_ONCE.min(channels - begin);
            let filters = into.len() / (A * A * step);
            for c in 0..count {
                let w = w[(begin + c) * apart..].chunks(first);
                for (taps, w) in taps.iter_mut().zip(w).take(filters) {
                    let w: &[S; TAPS] = w.first_chunk().expect("all taps of a filter");
                    taps.iter_mut().zip(w).for_each(|(taps, w)| taps[c] = *w);
                }
            }
            for (into, taps) in into.chunks_exact_mut(A * A * step).zip(&taps) {
                let row = |i: usize, j: usize| {
                    let tap = (i * SIDE + j).min(TAPS - 1);
                    &taps[if self.rotated { TAPS - 1 - tap } else { tap }][..count]
                };
                for j in 0..SIDE {
                    let from = std::array::from_fn(|i| row(i, j));
                    let into = cut(into, j * step, A * step, begin..begin + count);
                    F::across(from, into, F::filter);
                }
                for i in 0..A {
                    let rows = cut(into, i * A * step, step, begin..begin + count);
                    F::along(rows, F::filter);
                }
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
        let taps: [&[S; AT_ONCE]; TAPS] = std::array::from_fn(|tap| {
            let first = (tap / SIDE * A + tap % SIDE) * AT_ONCE;
            tiles[first..].first_chunk().expect("a row of a tile")
        });
        let (dw, _) = dw.as_chunks_mut::<TAPS>();
        for (c, dw) in (0..AT_ONCE).zip(dw) {
            let sums = taps.map(|taps| taps[c]);
            *dw = match write {
                Write::Over => sums,
                Write::Add => std::array::from_fn(|tap| dw[tap].add(sums[tap])),
            };
        }
    }
}
