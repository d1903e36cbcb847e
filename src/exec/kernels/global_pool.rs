//! Pools whose output has a given extent: adaptive and global, maximum and average.
//!
//! ```text
//! adaptive  window i of H' on H elements sees j from ⌊i·H/H'⌋ to below ⌈(i + 1)·H/H'⌉
//! global    one window sees the whole channel, on any number of axes
//! ```
//!
//! No window is divided for: cut the axis into H·H' pieces, H' an element and H a window; a window sees the elements that
//! share a piece with it, j·H' < (i + 1)·H and i·H < (j + 1)·H'. What is done with a window stands in `pool`.

use super::pool::{Pool, Windows, maximum, maximum_backward, mean, mean_backward, pool_kernel};
use super::{Backward, Forward, Grads, Init, Kernel, Made, Owned, Tap, narrow};
use crate::exec::base::scalar::Scalar;
use crate::ops::{AdaptiveAvgPool, AdaptiveMaxPool, GlobalAvgPool, GlobalMaxPool};

/// What each of `windows` windows that share an axis sees.
fn shared(extent: usize, windows: usize) -> Vec<Vec<Tap>> {
    let sees =
        |i: usize, j: usize| j * windows < (i + 1) * extent && i * extent < (j + 1) * windows;
    let taps = |i: usize| (0..extent).filter(move |j| sees(i, *j)).map(Tap::Inside);
    (0..windows).map(|i| taps(i).collect()).collect()
}

/// The windows of an adaptive pool; an axis without a size keeps its extent.
fn adaptive(shape: &[usize], sizes: &[Option<u64>]) -> Windows {
    Windows::new(shape, |axis, extent| shared(extent, sizes[axis].map_or(extent, narrow)))
}

impl Pool for AdaptiveAvgPool {
    fn windows(&self, shape: &[usize]) -> Windows {
        adaptive(shape, self.output_size.values())
    }
}

impl Pool for AdaptiveMaxPool {
    fn windows(&self, shape: &[usize]) -> Windows {
        adaptive(shape, self.output_size.values())
    }
}

impl Pool for GlobalAvgPool {
    fn windows(&self, shape: &[usize]) -> Windows {
        Windows::whole(shape)
    }
}

impl Pool for GlobalMaxPool {
    fn windows(&self, shape: &[usize]) -> Windows {
        Windows::whole(shape)
    }
}

pool_kernel!(AdaptiveAvgPool, mean, mean_backward);
pool_kernel!(AdaptiveMaxPool, maximum, maximum_backward);
pool_kernel!(GlobalAvgPool, mean, mean_backward);
pool_kernel!(GlobalMaxPool, maximum, maximum_backward);

#[cfg(test)]
mod tests {
    use super::*;

    /// torch's own definition divides.
    #[test]
    fn shared_windows_lie_where_torch_has_them() {
        for extent in 1..=20usize {
            for windows in 1..=20usize {
                let torch = |i: usize| i * extent / windows..((i + 1) * extent).div_ceil(windows);
                let taps = (0..windows).map(|i| torch(i).map(Tap::Inside).collect::<Vec<_>>());
                assert_eq!(shared(extent, windows), taps.collect::<Vec<_>>());
            }
        }
    }
}
