//! Parts of a tensor, copied: elements of each axis are picked, and what is between them is left out.
//!
//! ```text
//! forward   y[i_0, i_1, …] = x[p_0(i_0), p_1(i_1), …]      p_k the positions picked on axis k
//! backward  dx[p_0(i_0), …] = g[i_0, …], zero elsewhere
//! ```
//!
//! Positions are found by enumerating an axis from its start.

use super::softmax::position;
use super::{Backward, Forward, Grads, Init, Kernel, Made, Owned, narrow};
use crate::exec::base::scalar::Scalar;
use crate::exec::base::tensor::Tensor;
use crate::ops::{Chunk, Crop, Narrow, Select, Slice};

/// An operator that picks positions of axes.
trait Picks {
    /// The axis that goes away, if one does.
    fn gone(&self, _rank: usize) -> Option<usize> {
        None
    }
    /// The positions of an axis that stay, of `n`.
    fn picks(&self, axis: usize, n: usize, rank: usize) -> Vec<usize>;
}

/// What is picked of axis `dim`; all of any other.
fn along(
    dim: i64,
    (axis, n, rank): (usize, usize, usize),
    picks: impl FnOnce() -> Vec<usize>,
) -> Vec<usize> {
    if axis == position(dim, rank) { picks() } else { (0..n).collect() }
}

impl Picks for Select {
    fn gone(&self, rank: usize) -> Option<usize> {
        Some(position(self.dim, rank))
    }

    fn picks(&self, axis: usize, n: usize, rank: usize) -> Vec<usize> {
        along(self.dim, (axis, n, rank), || vec![position(self.index, n)])
    }
}

impl Picks for Narrow {
    fn picks(&self, axis: usize, n: usize, rank: usize) -> Vec<usize> {
        along(self.dim, (axis, n, rank), || {
            (position(self.start, n)..n).take(narrow(self.length)).collect()
        })
    }
}

impl Picks for Slice {
    fn picks(&self, axis: usize, n: usize, rank: usize) -> Vec<usize> {
        // Whether an element stands before a place of the slice.
        let before = |at: usize, place: i64| {
            let at = i64::try_from(at).expect("sizes that fit memory");
            let n = i64::try_from(n).expect("sizes that fit memory");
            at < if place < 0 { place + n } else { place }
        };
        along(self.dim, (axis, n, rank), || {
            (0..n)
                .filter(|at| !before(*at, self.start))
                .take_while(|at| self.end.is_none_or(|end| before(*at, end)))
                .step_by(narrow(self.step))
                .collect()
        })
    }
}

impl Picks for Chunk {
    fn picks(&self, axis: usize, n: usize, rank: usize) -> Vec<usize> {
        along(self.dim, (axis, n, rank), || {
            let chunks = narrow(self.chunks);
            // The smallest parts of which `chunks` hold all.
            let each = (1..n).find(|each| each * chunks >= n).unwrap_or(n);
            let all: Vec<usize> = (0..n).collect();
            let parts: Vec<&[usize]> = all.chunks(each).collect();
            parts[position(self.index, parts.len())].to_vec()
        })
    }
}

impl Picks for Crop {
    fn picks(&self, axis: usize, n: usize, _: usize) -> Vec<usize> {
        let Some(at) = axis.checked_sub(2) else { return (0..n).collect() };
        // One number for all axes, or one for each.
        let size = narrow(*self.size.0.get(at).unwrap_or(&self.size.0[0]));
        let start = match &self.offset {
            Some(offset) => position(*offset.0.get(at).unwrap_or(&offset.0[0]), n),
            // The middle: the first place with no more behind than before it, or one more where that makes it even.
            None => (0..n)
                .find(|start| {
                    let after = n - size - start;
                    after <= *start || (after == start + 1 && start % 2 == 0)
                })
                .unwrap_or(0),
        };
        (start..n).take(size).collect()
    }
}

/// For each element that comes out, in order, its place in the input.
fn sources(op: &impl Picks, shape: &[usize]) -> Vec<usize> {
    shape.iter().enumerate().fold(vec![0], |outer, (axis, n)| {
        let picks = op.picks(axis, *n, shape.len());
        outer.iter().flat_map(|at| picks.iter().map(move |pick| at * n + pick)).collect()
    })
}

/// The shape that comes out.
fn picked(op: &impl Picks, shape: &[usize]) -> Vec<usize> {
    let rank = shape.len();
    let axes = shape.iter().enumerate().filter(|(axis, _)| op.gone(rank) != Some(*axis));
    axes.map(|(axis, n)| op.picks(axis, *n, rank).len()).collect()
}

/// The `Kernel` of an operator that [`Picks`], which owns nothing.
macro_rules! picks_kernel {
    ($($Name:ident)*) => {
        $(impl Kernel for $Name {
            fn init<S: Scalar>(&self, _: &[&[usize]], _: &mut Init<'_>) -> Vec<Owned<S>> {
                Vec::new()
            }
            fn forward<S: Scalar>(&self, pass: Forward<'_, S>) -> Made<S> {
                let x = &pass.inputs[0];
                let mut y = Tensor::<S>::zeros(&picked(self, x.shape()), pass.meter);
                for (y, source) in y.data_mut().iter_mut().zip(sources(self, x.shape())) {
                    *y = x.data()[source];
                }
                Made { outputs: vec![y], kept: Vec::new() }
            }
            fn backward<S: Scalar>(&self, pass: Backward<'_, S>) -> Grads<S> {
                Grads::of_input(pass.want_inputs.then(|| {
                    let mut dx = Tensor::<S>::zeros(&pass.shapes[0], pass.meter);
                    let into = dx.data_mut();
                    for (g, source) in pass.grad().data().iter().zip(sources(self, &pass.shapes[0])) {
                        into[source] = *g;
                    }
                    dx
                }))
            }
        })*
    };
}

picks_kernel! { Select Narrow Slice Chunk Crop }

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::upsample::Each;

    #[test]
    fn elements_of_a_table() {
        // 0 1 2 / 3 4 5
        assert_eq!(sources(&Select { dim: 1, index: -1 }, &[2, 3]), [2, 5]);
        assert_eq!(picked(&Select { dim: 1, index: -1 }, &[2, 3]), [2]);
        assert_eq!(sources(&Narrow { dim: 1, start: 1, length: 2 }, &[2, 3]), [1, 2, 4, 5]);
        let odd = Slice { dim: -1, start: 0, end: None, step: 2 };
        assert_eq!(sources(&odd, &[2, 3]), [0, 2, 3, 5]);
    }

    /// Python: range(7)[start:end:step].
    #[test]
    fn slices_are_pythons() {
        let slice = |start, end, step| Slice { dim: 0, start, end, step }.picks(0, 7, 1);
        assert_eq!(slice(-3, None, 1), [4, 5, 6]);
        assert_eq!(slice(1, Some(-1), 2), [1, 3, 5]);
        assert_eq!(slice(-100, Some(100), 4), [0, 4]);
        assert_eq!(slice(i64::MIN, Some(2), 1), [0, 1]);
    }

    /// torch.arange(7).chunk(3) has parts of 3, 3 and 1; of 5 in 4 there are three.
    #[test]
    fn chunks_are_torchs() {
        let part = |chunks, index, n| Chunk { chunks, index, dim: 0 }.picks(0, n, 1);
        assert_eq!([part(3, 1, 7), part(3, 2, 7)], [vec![3, 4, 5], vec![6]]);
        assert_eq!([part(4, 0, 5), part(4, -1, 5)], [vec![0, 1], vec![4]]);
        assert_eq!(part(1, 0, 3), [0, 1, 2]);
        assert_eq!(part(9, 2, 3), [2]);
    }

    /// Python: int(round((n - size) / 2.0)) is 0, 0, 1, 2, 2, 2, 3, 4 for 0 to 7.
    #[test]
    fn the_middle_is_torchvisions() {
        let crop = Crop { size: Each(vec![4]), offset: None };
        let starts = [4, 5, 6, 7, 8, 9, 10, 11].map(|n| crop.picks(2, n, 3)[0]);
        assert_eq!(starts, [0, 0, 1, 2, 2, 2, 3, 4]);
        assert_eq!(crop.picks(1, 9, 3).len(), 9);
    }
}
