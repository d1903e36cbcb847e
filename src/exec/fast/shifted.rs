//! Sums of shifted slices of a padded plane: what a window's taps come to on grids, forward and backward.
//!
//! One long loop goes over many rows; what it makes between them is dropped. Backward there is one result for each remainder
//! by the stride on each axis, with the taps that belong to it, and results interleave. It may use
//! `scalar`.

use super::axis::StridedAxis;
use super::grids::{Deal, Padded, copy};
use crate::exec::base::scalar::Scalar;
use crate::exec::base::simd::{self, Taps, WIDTH};
use crate::exec::kernels::positions;

/// Numbers of a result that are computed at once, by whole rows: what stays in the nearest cache.
const BLOCK: usize = 2048;

/// The results of a source that interleave on an axis: result `r` has its cell `j` at element `results·j + r − skip`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) extent: usize,
    results: usize,
    skip: usize,
    /// Cells of a result.
    cells: usize,
}

impl Place {
    /// Where a cell of a result goes; `None` beyond the axis.
    fn element(&self, result: usize, cell: usize) -> Option<usize> {
        (self.results * cell + result).checked_sub(self.skip).filter(|at| *at < self.extent)
    }
}

/// The taps of one result.
#[derive(Clone, Debug)]
pub(crate) struct Tapped {
    pub(crate) offsets: Vec<usize>,
    weights: Vec<usize>,
}

/// Results from shifted slices of a padded source.
#[derive(Clone, Debug)]
pub(crate) struct Shifted {
    pub(crate) from: Padded,
    pub(crate) to: [Place; 3],
    /// Result by result, the last axis fastest.
    pub(crate) results: Vec<Tapped>,
}

impl Shifted {
    /// Rows computed at once.
    pub(crate) fn rows(&self) -> usize {
        (BLOCK / self.from.pitch).clamp(1, self.to[1].cells)
    }

    /// Numbers of a block of rows of one result.
    pub(crate) fn flat(&self) -> usize {
        ((self.rows() - 1) * self.from.pitch + self.to[2].cells).next_multiple_of(WIDTH)
    }

    pub(crate) fn taps(&self) -> usize {
        self.results.iter().map(|result| result.offsets.len()).sum()
    }

    /// Scratch memory of one plane after another.
    pub(crate) fn block(&self) -> usize {
        self.from.numbers() + self.to[2].results * self.flat() + self.taps()
    }

    /// Elements of a plane of the source, and of a result.
    pub(crate) fn planes(&self) -> (usize, usize) {
        let of = |extents: [usize; 3]| extents.iter().product();
        (of(self.from.axes.map(|axis| axis.extent)), of(self.to.map(|axis| axis.extent)))
    }

    /// Scratch memory is prepared for [`plane`](Self::plane).
    pub(crate) fn begin<S: Scalar>(&self, block: &mut [S]) {
        block[..self.from.numbers()].fill(S::ZERO);
    }

    /// A plane of a source with the weights of its kernel into a plane of a result, from `start` on.
    pub(crate) fn plane<S: Scalar>(
        &self,
        source: &[S],
        (weights, start): (&[S], S),
        into: &mut [S],
        block: &mut [S],
    ) {
        let (padded, rest) = block.split_at_mut(self.from.numbers());
        let (flat, ordered) = rest.split_at_mut(self.to[2].results * self.flat());
        self.from.deal(source, padded);
        let order = self.results.iter().flat_map(|result| &result.weights);
        ordered.iter_mut().zip(order).for_each(|(to, w)| *to = weights[*w]);
        self.results_of(padded, (ordered, start), into, flat);
    }

    fn results_of<S: Scalar>(
        &self,
        padded: &[S],
        (mut weights, start): (&[S], S),
        into: &mut [S],
        flat: &mut [S],
    ) {
        let [deep, high, wide] = &self.to;
        let mut results = self.results.chunks(wide.results);
        for z in 0..deep.results {
            for y in 0..high.results {
                let row = results.next().unwrap_or(&[]);
                let taps = row.iter().map(|result| result.offsets.len()).sum();
                let (own, others) = weights.split_at(taps);
                weights = others;
                for cell in 0..deep.cells {
                    if let Some(plane) = deep.element(z, cell) {
                        let begin = cell * self.from.axes[1].cells * self.from.pitch;
                        let into = &mut into[plane * high.extent * wide.extent..];
                        self.rows_of(padded, begin, (row, own, start), (y, into), flat);
                    }
                }
            }
        }
    }

    /// The rows of some results that lie side by side in rows.
    fn rows_of<S: Scalar>(
        &self,
        padded: &[S],
        begin: usize,
        (results, weights, start): (&[Tapped], &[S], S),
        (y, into): (usize, &mut [S]),
        flat: &mut [S],
    ) {
        let [_, high, wide] = &self.to;
        let (pitch, most, each) = (self.from.pitch, self.rows(), self.flat());
        for first in (0..high.cells).step_by(most) {
            let rows = most.min(high.cells - first);
            let length = ((rows - 1) * pitch + wide.cells).next_multiple_of(WIDTH);
            let mut weights = weights;
            for (result, flat) in results.iter().zip(flat.chunks_mut(each)) {
                let (own, others) = weights.split_at(result.offsets.len());
                weights = others;
                let from = &padded[begin + first * pitch..];
                let (offsets, y) = (&result.offsets[..], &mut flat[..length]);
                simd::run(Taps { x: from, offsets, weights: own, start, y });
            }
            if high.results * wide.results == 1 {
                let rows = into.chunks_exact_mut(wide.extent).skip(first).take(rows);
                for (into, from) in rows.zip(flat.chunks(pitch)) {
                    copy(&from[..wide.extent], into);
                }
                continue;
            }
            for row in 0..rows {
                if let Some(at) = high.element(y, first + row) {
                    let into = &mut into[at * wide.extent..][..wide.extent];
                    place(wide, (flat, each, row * pitch), into);
                }
            }
        }
    }
}

/// A row of results that interleave: result `r` lies `each·r + at` in `flat`.
fn place<S: Scalar>(along: &Place, (flat, each, at): (&[S], usize, usize), into: &mut [S]) {
    match (along.results, along.skip) {
        (1, skip) => copy(&flat[at + skip..][..into.len()], into),
        (2, 0) => interleave(&flat[at..], &flat[each + at..], into),
        (2, _) => {
            into[0] = flat[each + at];
            interleave(&flat[at + 1..], &flat[each + at + 1..], &mut into[1..]);
        }
        (results, skip) => {
            for (i, into) in into.iter_mut().enumerate() {
                let (result, cell) = ((i + skip) % results, (i + skip) / results);
                *into = flat[each * result + at + cell];
            }
        }
    }
}

/// One of `a`, one of `b`, in turns.
fn interleave<S: Scalar>(a: &[S], b: &[S], into: &mut [S]) {
    let (pairs, last) = into.as_chunks_mut::<2>();
    let half = pairs.len();
    pairs.iter_mut().zip(a.iter().zip(b)).for_each(|(into, (a, b))| *into = [*a, *b]);
    if let [last] = last {
        *last = a[half];
    }
}

/// Forward: each window the sum of its taps.
pub(crate) fn forward(axes: &[StridedAxis; 3]) -> Shifted {
    let from = Padded::new(
        axes.map(|axis| {
            let reach = axis.windows.saturating_sub(1) * axis.stride + axis.reach() + 1;
            let (grids, extent) = (axis.stride, axis.extent);
            Deal { extent, first: axis.first, grids, cells: reach.div_ceil(grids) }
        }),
        axes[2].windows,
    );
    let offset = |tap: [usize; 3]| {
        from.at([0, 1, 2].map(|axis| {
            let StridedAxis { stride, dilation, .. } = axes[axis];
            (tap[axis] * dilation % stride, tap[axis] * dilation / stride)
        }))
    };
    let offsets: Vec<usize> = positions(axes.map(|axis| axis.kernel)).map(offset).collect();
    let weights = (0..offsets.len()).collect();
    let to = axes.map(|axis| {
        let extent = axis.windows;
        Place { extent, results: 1, skip: 0, cells: extent }
    });
    Shifted { from, to, results: vec![Tapped { offsets, weights }] }
}

/// The other way: each element the sum of the windows that have it.
pub(crate) fn backward(axes: &[StridedAxis; 3]) -> Shifted {
    // Window p covers element i of the input with tap t where i − first = p·S + D·t.
    let along = axes.map(|axis| {
        let stride = axis.stride.cast_signed();
        let lowest = (-axis.first).div_euclid(stride);
        let skip = (-axis.first).rem_euclid(stride).cast_unsigned();
        let cells = (axis.extent + skip).div_ceil(axis.stride);
        let back = axis.reach() / axis.stride;
        let place = Place { extent: axis.extent, results: axis.stride, skip, cells };
        let first = lowest - back.cast_signed();
        (place, Deal { extent: axis.windows, first, grids: 1, cells: cells + back }, back)
    });
    let from = Padded::new(along.map(|(_, deal, _)| deal), along[2].0.cells);
    let taps = axes.map(|axis| axis.kernel);
    let result = |remainder: [usize; 3]| {
        let mut result = Tapped { offsets: Vec::new(), weights: Vec::new() };
        for (weight, tap) in positions(taps).enumerate() {
            let reach = [0, 1, 2].map(|axis| tap[axis] * axes[axis].dilation);
            if (0..3).all(|axis| reach[axis] % axes[axis].stride == remainder[axis]) {
                let cell = |axis: usize| (0, along[axis].2 - reach[axis] / axes[axis].stride);
                result.offsets.push(from.at([0, 1, 2].map(cell)));
                result.weights.push(weight);
            }
        }
        result
    };
    let results = positions(axes.map(|axis| axis.stride)).map(result).collect();
    Shifted { from, to: along.map(|(place, _, _)| place), results }
}
