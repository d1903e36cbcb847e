//! A plane copied with its padding, its elements dealt onto grids: one for each remainder by the stride on each axis.
//!
//! On a grid, a tap of all windows is the plane from an offset on. Rows follow each other closely and share the padding
//! between them, so that a loop may run through many. It may use `scalar`.

use crate::exec::base::scalar::Scalar;
use crate::exec::base::simd::WIDTH;

/// The grids that an axis of a source is dealt onto.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deal {
    /// Elements of the source.
    pub(crate) extent: usize,
    /// Element at the first cell of the first grid; negative on padding.
    pub(crate) first: isize,
    /// Grids: elements are dealt in turns.
    pub(crate) grids: usize,
    /// Cells of a grid.
    pub(crate) cells: usize,
}

impl Deal {
    /// The first cell of a grid that holds an element, the element, and how many there are.
    fn held(&self, grid: usize) -> (usize, usize, usize) {
        let at = self.first + grid.cast_signed();
        let cell = usize::try_from(-at).unwrap_or(0).div_ceil(self.grids);
        let element = (at + (cell * self.grids).cast_signed()).cast_unsigned();
        let all = self.extent.saturating_sub(element).div_ceil(self.grids);
        (cell, element, all.min(self.cells.saturating_sub(cell)))
    }

    /// Cells that are padding before and after on every grid, whichever are fewer.
    fn shared(&self) -> usize {
        let sides = |grid| {
            let (cell, _, count) = self.held(grid);
            if count == 0 { self.cells } else { cell.min(self.cells - cell - count) }
        };
        (0..self.grids).map(sides).min().unwrap_or(0).min(self.cells - 1)
    }
}

/// A plane of a source with its padding, on grids.
#[derive(Clone, Debug)]
pub(crate) struct Padded {
    pub(crate) axes: [Deal; 3],
    /// Cells from one row to the next.
    pub(crate) pitch: usize,
    /// Cells of a grid, with those that a last loop reads beyond.
    grid: usize,
}

impl Padded {
    /// A result has `width` cells in a row, which must not run into the next.
    pub(crate) fn new(axes: [Deal; 3], width: usize) -> Self {
        let [deep, high, wide] = axes;
        let shared = wide.shared().min(wide.cells - width);
        let pitch = wide.cells - shared;
        Self { axes, pitch, grid: deep.cells * high.cells * pitch + shared + WIDTH }
    }

    pub(crate) fn numbers(&self) -> usize {
        self.axes.iter().map(|axis| axis.grids).product::<usize>() * self.grid
    }

    /// Where a cell lies in the copy: on each axis the grid and the cell there.
    pub(crate) fn at(&self, [z, y, x]: [(usize, usize); 3]) -> usize {
        let grid = (z.0 * self.axes[1].grids + y.0) * self.axes[2].grids + x.0;
        grid * self.grid + (z.1 * self.axes[1].cells + y.1) * self.pitch + x.1
    }

    /// Deals a plane onto the grids; the padding between is 0 already.
    pub(crate) fn deal<S: Scalar>(&self, source: &[S], into: &mut [S]) {
        match self.axes[2].grids {
            1 => {
                let (cell, element, count) = self.axes[2].held(0);
                self.each_row(source, into, |row, into| {
                    copy(&row[element..][..count], &mut into[cell..][..count]);
                });
            }
            2 => self.deal_twos(source, into),
            grids => self.each_row(source, into, |row, into| {
                for grid in 0..grids {
                    let (cell, element, count) = self.axes[2].held(grid);
                    let into = &mut into[grid * self.grid + cell..][..count];
                    let from = row.get(element..).unwrap_or(&[]).iter().step_by(grids);
                    into.iter_mut().zip(from).for_each(|(into, x)| *into = *x);
                }
            }),
        }
    }

    /// Deals onto two grids, of a row a pair at a time.
    fn deal_twos<S: Scalar>(&self, source: &[S], into: &mut [S]) {
        let wide = &self.axes[2];
        let element = usize::try_from(wide.first).unwrap_or(0);
        let cell = usize::try_from(-wide.first).unwrap_or(0);
        let count = wide.extent.saturating_sub(element).min((2 * wide.cells).saturating_sub(cell));
        if count == 0 {
            return;
        }
        let (alone, cell) = (cell % 2, cell / 2);
        self.each_row(source, into, |row, into| {
            let (even, odd) = into.split_at_mut(self.grid);
            let row = &row[element..][..count];
            if alone == 1 {
                odd[cell] = row[0];
            }
            let (pairs, last) = row[alone..].as_chunks::<2>();
            let even = &mut even[cell + alone..];
            let odd = &mut odd[cell + alone..][..pairs.len()];
            for ((even, odd), [x, next]) in even.iter_mut().zip(odd).zip(pairs) {
                (*even, *odd) = (*x, *next);
            }
            if let [x] = last {
                even[pairs.len()] = *x;
            }
        });
    }

    /// Every row of a plane, and where it begins on the first of the grids that lie side by side.
    fn each_row<S: Scalar>(&self, source: &[S], into: &mut [S], run: impl Fn(&[S], &mut [S])) {
        let [deep, high, wide] = &self.axes;
        each_held(deep, |z, plane| {
            for grid in 0..high.grids {
                let (cell, element, count) = high.held(grid);
                let mut at = self.at([z, (grid, cell), (0, 0)]);
                let rows = source.chunks_exact(wide.extent).skip(plane * high.extent + element);
                for row in rows.step_by(high.grids).take(count) {
                    run(row, &mut into[at..]);
                    at += self.pitch;
                }
            }
        });
    }
}

/// Every element that lies on a grid: (grid, cell) and the element.
#[inline]
fn each_held(deal: &Deal, mut held: impl FnMut((usize, usize), usize)) {
    for grid in 0..deal.grids {
        let (cell, element, count) = deal.held(grid);
        (0..count).for_each(|i| held((grid, cell + i), element + i * deal.grids));
    }
}

/// Copies a row. A short one goes in two pieces that overlap, which takes less time than a call.
#[inline]
pub(crate) fn copy<S: Scalar>(from: &[S], into: &mut [S]) {
    fn ends<S: Scalar, const N: usize>(from: &[S], into: &mut [S]) {
        if let (Some(from), Some(into)) = (from.first_chunk::<N>(), into.first_chunk_mut::<N>()) {
            *into = *from;
        }
        if let (Some(from), Some(into)) = (from.last_chunk::<N>(), into.last_chunk_mut::<N>()) {
            *into = *from;
        }
    }
    match into.len() {
        4..8 => ends::<S, 4>(from, into),
        8..16 => ends::<S, 8>(from, into),
        16..32 => ends::<S, 16>(from, into),
        32..=64 => ends::<S, 32>(from, into),
        _ => into.copy_from_slice(from),
    }
}
