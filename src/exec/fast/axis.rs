//! One axis with windows a stride apart: what the fast kernels know of the reference's axis, which has the start of each.
//!
//! It may use `kernels`.

use crate::exec::kernels;

/// An axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StridedAxis {
    /// Elements of the input.
    pub(crate) extent: usize,
    /// Windows: elements of the output.
    pub(crate) windows: usize,
    /// Where the first window begins; negative on padding.
    pub(crate) first: isize,
    /// Padding after the input: a tap beyond it is no tap.
    pub(crate) after: usize,
    /// Elements from one window to the next.
    pub(crate) stride: usize,
    /// Taps of a window.
    pub(crate) kernel: usize,
    /// Elements from one tap to the next.
    pub(crate) dilation: usize,
}

impl From<&kernels::WindowAxis> for StridedAxis {
    fn from(axis: &kernels::WindowAxis) -> Self {
        let kernels::WindowAxis { starts, extent, after, kernel, dilation } = axis;
        let first = starts.first().copied().unwrap_or(0);
        let stride = starts.get(1).map_or(1, |second| second.abs_diff(first));
        let windows = starts.len();
        Self {
            extent: *extent,
            windows,
            first,
            after: *after,
            stride,
            kernel: *kernel,
            dilation: *dilation,
        }
    }
}

impl StridedAxis {
    /// Elements from the first tap of a window to the last.
    pub(crate) fn reach(&self) -> usize {
        self.dilation * (self.kernel - 1)
    }

    /// Where a window begins.
    pub(crate) fn start(&self, window: usize) -> isize {
        self.first + (window * self.stride).cast_signed()
    }

    /// The taps of a window that fall on the input: the first of them, and the one after the last.
    pub(crate) fn inside(&self, window: usize) -> (usize, usize) {
        let start = self.start(window);
        let before = usize::try_from(-start).unwrap_or(0).div_ceil(self.dilation);
        let room = (self.extent.cast_signed() - start).max(0).cast_unsigned();
        let end = room.div_ceil(self.dilation).min(self.kernel);
        (before.min(end), end)
    }

    /// Taps of a window that count: on the input or on padding.
    pub(crate) fn counted(&self, window: usize) -> usize {
        let room = ((self.extent + self.after).cast_signed() - self.start(window)).max(0);
        room.cast_unsigned().div_ceil(self.dilation).min(self.kernel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taps_inside_are_those_on_elements() {
        for extent in 1..6usize {
            for kernel in 1..5 {
                for dilation in 1..4 {
                    for (first, after) in [(-4, 2), (-1, 0), (0, 3), (2, 1)] {
                        let axis = StridedAxis {
                            extent,
                            windows: 4,
                            first,
                            after,
                            stride: 2,
                            kernel,
                            dilation,
                        };
                        for window in 0..4 {
                            let at =
                                |tap: usize| axis.start(window) + (tap * dilation).cast_signed();
                            let on = |tap: &usize| (0..extent.cast_signed()).contains(&at(*tap));
                            let all: Vec<usize> = (0..kernel).filter(on).collect();
                            let (from, to) = axis.inside(window);
                            assert_eq!((from..to).collect::<Vec<_>>(), all, "{axis:?} {window}");
                            let end = (extent + after).cast_signed();
                            let counted = (0..kernel).filter(|tap| at(*tap) < end).count();
                            assert_eq!(axis.counted(window), counted, "{axis:?} {window}");
                        }
                    }
                }
            }
        }
    }
}
