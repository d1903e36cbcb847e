//! Mean over windows, and over a whole plane.
//!
//! ```text
//! y[p] = Σ_t x[p·S − P + t] / d[p]          dx[p·S − P + t] += g[p] / d[p]
//! ```
//!
//! It is a depthwise convolution with ones, and its gradient that of g/d: sums of `shifted` slices. The divisor d is the number
//! of taps that count, or of those on the input, or a given one; it is the same in every plane. A window without a tap is
//! 0. It may use `scalar`.

use super::axis::StridedAxis;
use super::shifted::{Shifted, backward, forward};
use crate::exec::base::parallel;
use crate::exec::base::reduce::over;
use crate::exec::base::scalar::Scalar;
use crate::exec::kernels::positions;

/// What a sum is divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Divisor {
    /// The taps on input and padding.
    Counted,
    /// The taps on the input.
    Inside,
    /// A number.
    Fixed(u64),
}

/// The windows of an average pool on real sizes, ready to run.
#[derive(Clone, Debug)]
pub(crate) struct MeanWindows {
    planes: usize,
    axes: [StridedAxis; 3],
    divisor: Divisor,
    forward: Shifted,
    backward: Shifted,
}

impl MeanWindows {
    /// For so many planes (batch times channels).
    pub(crate) fn new(planes: usize, axes: &[StridedAxis; 3], divisor: Divisor) -> Self {
        let (forward, backward) = (forward(axes), backward(axes));
        Self { planes, axes: *axes, divisor, forward, backward }
    }

    fn output(&self) -> usize {
        self.axes.iter().map(|axis| axis.windows).product()
    }

    /// Additions of an output's plane.
    fn macs(&self) -> usize {
        self.output() * self.forward.taps()
    }

    /// Numbers that all lanes read: ones, and a divisor for each window.
    fn common(&self) -> usize {
        self.forward.taps() + self.output()
    }

    /// Writes them.
    fn write_common<'a, S: Scalar>(&self, common: &'a mut [S]) -> (&'a [S], &'a [S]) {
        let (ones, divisors) = common.split_at_mut(self.forward.taps());
        ones.fill(S::of(1.0));
        let along = |axis: usize, window: usize| match self.divisor {
            Divisor::Counted => self.axes[axis].counted(window),
            Divisor::Inside => {
                let (from, to) = self.axes[axis].inside(window);
                to - from
            }
            Divisor::Fixed(_) => 1,
        };
        let windows = positions(self.axes.map(|axis| axis.windows));
        for (divisor, window) in divisors.iter_mut().zip(windows) {
            let taps: usize = (0..3).map(|axis| along(axis, window[axis])).product();
            #[allow(clippy::cast_precision_loss, reason = "a number of taps")]
            let number = match self.divisor {
                Divisor::Fixed(number) => number as f64,
                _ => taps.max(1) as f64,
            };
            *divisor = S::of(number);
        }
        (ones, divisors)
    }

    /// Scratch memory of the forward pass.
    pub(crate) fn forward_workspace(&self) -> usize {
        self.common() + parallel::row_blocks(self.planes, self.macs(), self.forward.block())
    }

    /// `y` becomes the means of `x`.
    ///
    /// # Panics
    /// If a slice is shorter than its shape.
    pub(crate) fn forward<S: Scalar>(&self, x: &[S], y: &mut [S], scratch: &mut [S]) {
        let (common, scratch) = scratch.split_at_mut(self.common());
        let (ones, divisors) = self.write_common(common);
        let (input, output) = self.forward.planes();
        parallel::rows(
            y,
            (output, self.macs()),
            (scratch, self.forward.block()),
            |first, planes, scratch| {
                self.forward.begin(scratch);
                for (plane, y) in (first..).zip(planes.chunks_mut(output)) {
                    let x = &x[plane * input..][..input];
                    self.forward.plane(x, (ones, S::ZERO), y, scratch);
                    y.iter_mut().zip(divisors).for_each(|(y, divisor)| *y = y.div(*divisor));
                }
            },
        );
    }

    /// Scratch memory of the backward pass.
    pub(crate) fn backward_workspace(&self) -> usize {
        self.common()
            + parallel::row_blocks(self.planes, self.macs(), self.backward.block() + self.output())
    }

    /// `dx` becomes the gradient of the input.
    ///
    /// # Panics
    /// If a slice is shorter than its shape.
    pub(crate) fn backward<S: Scalar>(&self, g: &[S], dx: &mut [S], scratch: &mut [S]) {
        let (common, scratch) = scratch.split_at_mut(self.common());
        let (ones, divisors) = self.write_common(common);
        let (output, input) = self.backward.planes();
        let block = self.backward.block() + output;
        parallel::rows(dx, (input, self.macs()), (scratch, block), |first, planes, scratch| {
            let (shares, scratch) = scratch.split_at_mut(output);
            self.backward.begin(scratch);
            for (plane, dx) in (first..).zip(planes.chunks_mut(input)) {
                let all = g[plane * output..].iter().zip(divisors);
                shares.iter_mut().zip(all).for_each(|(share, (g, d))| *share = g.div(*d));
                self.backward.plane(shares, (ones, S::ZERO), dx, scratch);
            }
        });
    }
}

/// The mean of each plane.
pub(crate) fn global<S: Scalar>(plane: usize, x: &[S], y: &mut [S]) {
    let count = count(plane);
    parallel::each_row(y, (1, plane), |i, y| {
        y[0] = over(&x[i * plane..][..plane], |x| x).div(count);
    });
}

/// The gradient of the input of [`global`].
pub(crate) fn global_backward<S: Scalar>(plane: usize, g: &[S], dx: &mut [S]) {
    let count = count(plane);
    parallel::each_row(dx, (plane, plane), |plane, dx| dx.fill(g[plane].div(count)));
}

fn count<S: Scalar>(plane: usize) -> S {
    #[allow(clippy::cast_precision_loss, reason = "elements of a plane")]
    S::of(plane as f64)
}
