//! Planes to tiles and back: padded rows of a plane become the transformed numbers of many tiles, position by position, and
//! transformed numbers become rows of a plane.
//!
//! A few rows of tiles are handled at once, so that everything stays in the nearest cache. What has A×A positions is a block
//! of A·A rows, `step` numbers apart, one number for each tile. It may use `matmul` and `forms`.

use std::ops::Range;

use super::forms::Form;
use crate::exec::base::matmul::MatrixMut;
use crate::exec::base::scalar::Scalar;
use crate::exec::fast::grids::copy;

/// Tiles that are handled at once, so that what is between two passes stays in the nearest cache.
const AT_ONCE: usize = 64;

/// Tiles of a row below which rows are joined before a pass runs along them.
const NARROW: usize = 12;

/// A stack of planes of the same size, one for each image, cut into tiles.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grid {
    /// Rows and columns of a plane.
    pub(super) plane: [usize; 2],
    /// Rows and columns that lie before the plane in the first tile.
    pub(super) before: [usize; 2],
    /// Rows and columns of tiles in a plane.
    pub(super) tiles: [usize; 2],
    /// Numbers from a plane to that of the next image.
    pub(super) apart: usize,
}

impl Grid {
    /// Rows of tiles that are handled at once.
    fn rows_at_once(&self) -> usize {
        (AT_ONCE / self.tiles[1]).clamp(1, AT_ONCE)
    }

    /// Tiles that are handled at once.
    fn tiles_at_once(&self) -> usize {
        self.rows_at_once() * self.tiles[1]
    }

    /// Numbers of a line that holds a row of a plane for a row of tiles.
    fn line<const M: usize>(&self) -> usize {
        M * (self.tiles[1] + 1)
    }

    /// Whether many rows of tiles are joined, so that a pass has enough to run along.
    fn narrow(&self) -> bool {
        self.tiles[1] < NARROW
    }

    /// Scratch memory of `gather`.
    pub(super) fn gather_scratch<const M: usize, const A: usize>(&self) -> usize {
        let joined = if self.narrow() { 2 * A * M * self.tiles_at_once() } else { 0 };
        A * self.line::<M>() + self.plane[1] + joined
    }

    /// Scratch memory of `scatter`.
    pub(super) fn scatter_scratch<const M: usize, const A: usize>(&self) -> usize {
        M * A * self.tiles_at_once() + if self.narrow() { M * self.tiles_at_once() } else { 0 }
    }

    /// Transforms rows of tiles, counted through all images: the first `taken` rows and columns of each tile are read.
    pub(super) fn gather<F: Form<M, A>, const M: usize, const A: usize, S: Scalar>(
        &self,
        planes: &[S],
        rows: Range<usize>,
        (transform, taken): (impl Fn([S; A]) -> [S; A] + Copy, usize),
        (into, step): (&mut [S], usize),
        scratch: &mut [S],
    ) {
        let (across, line, wide) = (self.tiles[1], self.line::<M>(), self.plane[1]);
        let (lines, rest) = scratch[..self.gather_scratch::<M, A>()].split_at_mut(A * line);
        let (outside, joined) = rest.split_at_mut(wide);
        // What lies before and after a row in its line is never written.
        lines.fill(S::ZERO);
        outside.fill(S::ZERO);
        let inside = self.before[1]..self.before[1] + wide;
        // One row of each position after the other: first the lines, then the same an M-th later.
        let (most, width) = (M * self.tiles_at_once(), M * across);
        let (this, next) = joined.split_at_mut(joined.len() / 2);
        for first in rows.clone().step_by(self.rows_at_once()) {
            let count = self.rows_at_once().min(rows.end - first);
            let begin = (first - rows.start) * across;
            for g in 0..count {
                let from = self.above::<A, S>(planes, (first + g, M), taken, outside);
                F::across(from, cut(lines, 0, line, inside.clone()), transform);
                for (i, line) in lines.chunks_exact(line).enumerate() {
                    if self.narrow() {
                        let at = i * most + g * width;
                        copy(&line[..width], &mut this[at..at + width]);
                        copy(&line[M..], &mut next[at..at + width]);
                    } else {
                        let at = begin + g * across;
                        let into = cut(into, i * A * step, step, at..at + across);
                        F::part(line, &line[M..], into, transform);
                    }
                }
            }
            for i in (0..A).filter(|_| self.narrow()) {
                let into = cut(into, i * A * step, step, begin..begin + count * across);
                F::part(&this[i * most..], &next[i * most..], into, transform);
            }
        }
    }

    /// The first rows of a row of tiles, and for those that are not taken or not in the plane one that is given.
    fn above<'x, const A: usize, S>(
        &self,
        planes: &'x [S],
        (row, m): (usize, usize),
        taken: usize,
        outside: &'x [S],
    ) -> [&'x [S]; A] {
        let [height, width] = self.plane;
        let plane = &planes[row / self.tiles[0] * self.apart..][..height * width];
        let first = row % self.tiles[0] * m;
        std::array::from_fn(|i| match (first + i).checked_sub(self.before[0]) {
            Some(row) if row < height && i < taken => &plane[row * width..][..width],
            _ => outside,
        })
    }

    /// Transforms tiles back and writes them: what `made` says of the i-th position are its numbers for all tiles, and a row
    /// of `planes` is the plane of an image, from the first that has one of the tiles.
    pub(super) fn scatter<'y, F: Form<M, A>, const M: usize, const A: usize, S: Scalar>(
        &self,
        made: impl Fn(usize) -> &'y [S],
        rows: Range<usize>,
        plus: S,
        planes: &mut MatrixMut<'_, S>,
        scratch: &mut [S],
    ) {
        let ([high, wide], across, step) = (self.plane, self.tiles[1], self.tiles_at_once());
        let (tiles, joined) = scratch.split_at_mut(M * A * step);
        let before = rows.start / self.tiles[0];
        for first in rows.clone().step_by(self.rows_at_once()) {
            let count = self.rows_at_once().min(rows.end - first);
            let (begin, width) = ((first - rows.start) * across, count * across);
            for j in 0..A {
                let from = std::array::from_fn(|i| &made(i * A + j)[begin..begin + width]);
                F::back(from, cut(tiles, j * step, A * step, 0..width), F::output);
            }
            for (i, tiles) in tiles.chunks_exact(A * step).enumerate() {
                let part = |from: usize, width: usize| {
                    std::array::from_fn(|j| &tiles[j * step + from..][..width])
                };
                if self.narrow() {
                    F::join(part(0, width), &mut joined[..M * width], plus, F::output);
                }
                for g in 0..count {
                    let (image, row) = ((first + g) / self.tiles[0], (first + g) % self.tiles[0]);
                    let row = row * M + i;
                    if row >= high {
                        continue;
                    }
                    let line = &mut planes.row(image - before)[row * wide..][..wide];
                    if self.narrow() {
                        copy(&joined[g * M * across..][..wide], line);
                    } else {
                        F::join(part(g * across, across), line, plus, F::output);
                    }
                }
            }
        }
    }
}

/// The same part of A rows that are `step` apart.
pub(super) fn cut<S, const A: usize>(
    data: &mut [S],
    first: usize,
    step: usize,
    part: Range<usize>,
) -> [&mut [S]; A] {
    let mut rest = &mut data[first..];
    std::array::from_fn(|_| {
        let here = std::mem::take(&mut rest);
        let (row, after) = here.split_at_mut(step.min(here.len()));
        rest = after;
        &mut row[part.clone()]
    })
}
