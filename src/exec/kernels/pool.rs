//! Maximum and average over windows; and how all pools go over theirs.
//!
//! ```text
//! max       y[n, c, p] = max_t x[n, c, p·S − P + D·t], from −∞;   k[n, c, p] the element that won
//!           dx[n, c, k[n, c, p]] += g[n, c, p]
//! average   y[n, c, p] = Σ_t x[n, c, p·S − P + t] / d
//!           dx[n, c, p·S − P + t] += g[n, c, p] / d
//! ```
//!
//! The first of equal elements wins, in the order of the window, as in torch; NaN wins over all. Padding is −∞ to a maximum
//! and never wins, zero to a mean; a tap beyond input and padding is none. The divisor d is divisor_override, or the
//! window's taps, or (count_include_pad=false) those on the input. Caffe's rounding can make a window without any tap:
//! it is 0, and its gradient is computed and lost. A maximum over padding alone is −∞, its gradient lost too; a mean over it is
//! 0. The index of neither is an element: −1.

use super::{
    Backward, Forward, Grads, Init, Kept, Kernel, Made, Owned, Steps, Tap, WindowAxis,
    enumerate_windows, narrow, positions,
};
use crate::exec::base::meter::Buffer;
use crate::exec::base::scalar::Scalar;
use crate::exec::base::tensor::Tensor;
use crate::ops::{AvgPool, MaxPool, Padding, Rounding};

/// What a window sees: for each tap an index in the input's channel, `None` on padding.
pub(super) type Seen = [Option<usize>];

/// The windows of a pool on an input.
pub(super) struct Windows {
    /// Elements of the input's axes.
    extents: [usize; 3],
    /// On each axis, window by window, where its taps fall.
    taps: [Vec<Vec<Tap>>; 3],
    /// Shape of the output.
    shape: Vec<usize>,
}

impl Windows {
    /// The windows on an input of this shape; `cover` has those on a spatial axis of so many elements.
    pub(super) fn new(shape: &[usize], cover: impl Fn(usize, usize) -> Vec<Vec<Tap>>) -> Self {
        let front = 3 - (shape.len() - 2);
        let mut windows = Self {
            extents: [1; 3],
            taps: [(); 3].map(|()| vec![vec![Tap::Inside(0)]]),
            shape: shape[..2].to_vec(),
        };
        for (axis, extent) in shape[2..].iter().enumerate() {
            let taps = cover(axis, *extent);
            windows.shape.push(taps.len());
            windows.extents[front + axis] = *extent;
            windows.taps[front + axis] = taps;
        }
        windows
    }

    /// One window that sees all of a channel, whatever its axes.
    pub(super) fn whole(shape: &[usize]) -> Self {
        let plane = shape[2..].iter().product();
        let flat = [shape[0], shape[1], plane];
        let one = Self::new(&flat, |_, extent| vec![(0..extent).map(Tap::Inside).collect()]);
        let out = shape.iter().enumerate().map(|(axis, n)| if axis < 2 { *n } else { 1 });
        Self { shape: out.collect(), ..one }
    }

    /// Every window: the output's index, where its channel begins in the input, what it sees.
    fn each(&self, mut window: impl FnMut(usize, usize, &Seen)) {
        let windows = [0, 1, 2].map(|axis| self.taps[axis].len());
        let (plane, mut y) = (self.extents.iter().product::<usize>(), 0);
        for channel in 0..self.shape[0] * self.shape[1] {
            for at in positions(windows) {
                window(y, channel * plane, &self.seen(at));
                y += 1;
            }
        }
    }

    fn seen(&self, window: [usize; 3]) -> Vec<Option<usize>> {
        let taps = [0, 1, 2].map(|axis| &self.taps[axis][window[axis]]);
        let index = |tap: [usize; 3]| {
            let mut at = 0;
            for (axis, extent) in self.extents.iter().enumerate() {
                let Tap::Inside(i) = taps[axis][tap[axis]] else { return None };
                at = at * extent + i;
            }
            Some(at)
        };
        positions(taps.map(Vec::len)).map(index).collect()
    }
}

pub(super) fn maximum<S: Scalar>(pool: &impl Pool, pass: &Forward<'_, S>) -> Made<S> {
    let x = &pass.inputs[0];
    let windows = pool.windows(x.shape());
    let mut y = Tensor::<S>::zeros(&windows.shape, pass.meter);
    let mut indices = Buffer::uninit(if pass.keep { y.len() } else { 0 }, pass.meter);
    let out = y.data_mut();
    windows.each(|y, channel, seen| {
        let (mut largest, mut index) = (S::LOWEST, None);
        for tap in seen {
            let x = tap.map_or(S::LOWEST, |at| x.data()[channel + at]);
            let wins = x.above(largest) || x.value().is_nan();
            match tap {
                // The first element is kept whatever it is: all may be −∞.
                Some(at) if wins || index.is_none() => (largest, index) = (x, Some(*at)),
                Some(_) => {}
                None => S::on_padding(),
            }
        }
        out[y] = if seen.is_empty() { S::ZERO } else { largest };
        if let Some(place) = indices.get_mut(y) {
            *place = index.map_or(-1, |at| i64::try_from(at).expect("an index in memory"));
        }
    });
    let kept = pass.keep.then_some(Kept::Indices("indices", indices));
    Made { outputs: vec![y], kept: kept.into_iter().collect() }
}

pub(super) fn maximum_backward<S: Scalar>(pool: &impl Pool, pass: &Backward<'_, S>) -> Grads<S> {
    Grads::of_input(pass.want_inputs.then(|| {
        let (grad, indices) = (pass.grad(), pass.indices("indices"));
        let mut dx = Tensor::<S>::zeros(&pass.shapes[0], pass.meter);
        let into = dx.data_mut();
        pool.windows(&pass.shapes[0]).each(|y, channel, _| {
            let at = usize::try_from(indices[y]).ok().map(|at| channel + at);
            let sum = at.map_or(S::ZERO, |at| into[at]).add(grad.data()[y]);
            if let Some(at) = at {
                into[at] = sum;
            }
        });
        dx
    }))
}

pub(super) fn mean<S: Scalar>(pool: &impl Pool, pass: &Forward<'_, S>) -> Made<S> {
    let x = &pass.inputs[0];
    let windows = pool.windows(x.shape());
    let mut y = Tensor::<S>::zeros(&windows.shape, pass.meter);
    let out = y.data_mut();
    windows.each(|y, channel, seen| {
        for tap in seen {
            out[y] = out[y].add(tap.map_or(S::ZERO, |at| x.data()[channel + at]));
            if tap.is_none() {
                S::on_padding();
            }
        }
        out[y] = out[y].div(number(pool.divisor(seen)));
    });
    Made { outputs: vec![y], kept: Vec::new() }
}

pub(super) fn mean_backward<S: Scalar>(pool: &impl Pool, pass: &Backward<'_, S>) -> Grads<S> {
    Grads::of_input(pass.want_inputs.then(|| {
        let grad = pass.grad();
        let mut dx = Tensor::<S>::zeros(&pass.shapes[0], pass.meter);
        let into = dx.data_mut();
        pool.windows(&pass.shapes[0]).each(|y, channel, seen| {
            let share = grad.data()[y].div(number(pool.divisor(seen)));
            for tap in seen {
                let sum = tap.map_or(S::ZERO, |at| into[channel + at]).add(share);
                match tap {
                    Some(at) => into[channel + at] = sum,
                    None => S::on_padding(),
                }
            }
        });
        dx
    }))
}

/// A divisor as a number.
fn number<S: Scalar>(n: u64) -> S {
    #[allow(clippy::cast_precision_loss, reason = "a number of taps")]
    S::of(n as f64)
}

/// What tells one pool from another.
pub(super) trait Pool {
    /// Its windows on an input of this shape.
    fn windows(&self, shape: &[usize]) -> Windows;

    /// What a mean divides by: the elements that the window sees.
    fn divisor(&self, seen: &Seen) -> u64 {
        seen.len() as u64
    }
}

/// The `Kernel` of a [`Pool`], which owns nothing.
macro_rules! pool_kernel {
    ($Name:ident, $forward:ident, $backward:ident) => {
        impl Kernel for $Name {
            fn init<S: Scalar>(&self, _: &[&[usize]], _: &mut Init<'_>) -> Vec<Owned<S>> {
                Vec::new()
            }
            fn forward<S: Scalar>(&self, pass: Forward<'_, S>) -> Made<S> {
                $forward(self, &pass)
            }
            fn backward<S: Scalar>(&self, pass: Backward<'_, S>) -> Grads<S> {
                $backward(self, &pass)
            }
        }
    };
}
pub(super) use pool_kernel;

/// An axis of a pool.
fn axis(extent: usize, steps: Steps, padding: Padding, axis: usize) -> WindowAxis {
    // Caffe clips on every axis where there is padding on any; clipped, its rule is torch's.
    let padded = matches!(padding, Padding::Sides { sides, .. } if sides != [(0, 0); 3]);
    let rounding = match steps.rounding {
        Rounding::Caffe if padded => Rounding::Ceil,
        rounding => rounding,
    };
    enumerate_windows(extent, Steps { rounding, ..steps }, padding, axis)
}

/// The taps of each window that count.
fn counted(along: &WindowAxis) -> Vec<Vec<Tap>> {
    let taps = |window| (0..along.kernel).map(move |tap| (window, tap));
    let counts = |(window, tap)| Some(along.tap(window, tap)).filter(|tap| *tap != Tap::Beyond);
    (0..along.starts.len()).map(|window| taps(window).filter_map(counts).collect()).collect()
}

impl MaxPool {
    /// The spatial axis with this index, of so many elements.
    pub(crate) fn axis(&self, at: usize, extent: usize) -> WindowAxis {
        let steps = Steps {
            kernel: narrow(self.kernel_size.values()[at]),
            stride: narrow(self.stride.values()[at]),
            dilation: narrow(self.dilation.values()[at]),
            rounding: self.ceil_mode,
        };
        axis(extent, steps, self.padding, at)
    }
}

impl AvgPool {
    /// The spatial axis with this index, of so many elements.
    pub(crate) fn axis(&self, at: usize, extent: usize) -> WindowAxis {
        let steps = Steps {
            kernel: narrow(self.kernel_size.values()[at]),
            stride: narrow(self.stride.values()[at]),
            dilation: 1,
            rounding: self.ceil_mode,
        };
        axis(extent, steps, self.padding, at)
    }
}

impl Pool for MaxPool {
    fn windows(&self, shape: &[usize]) -> Windows {
        Windows::new(shape, |axis, extent| counted(&self.axis(axis, extent)))
    }
}

impl Pool for AvgPool {
    fn windows(&self, shape: &[usize]) -> Windows {
        Windows::new(shape, |axis, extent| counted(&self.axis(axis, extent)))
    }

    fn divisor(&self, seen: &Seen) -> u64 {
        let taps = if self.count_include_pad { seen.len() } else { seen.iter().flatten().count() };
        // Nothing divided by one is nothing; divided by nothing it is not a number.
        self.divisor_override.unwrap_or(taps.max(1) as u64)
    }
}

pool_kernel!(MaxPool, maximum, maximum_backward);
pool_kernel!(AvgPool, mean, mean_backward);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::base::meter::Meter;
    use crate::exec::base::rng::Rng;
    use crate::ops::Mode;
    use crate::ops::arg_type::{ArgType, PerAxis};
    use crate::ops::args::ArgValue;

    fn max(kernel: u64, stride: u64, dilation: u64, padding: i64, ceil_mode: Rounding) -> MaxPool {
        MaxPool {
            rank: 1,
            kernel_size: PerAxis::all(1, kernel),
            stride: PerAxis::all(1, stride),
            padding: Padding::read(&ArgValue::Int(padding), 1).unwrap(),
            dilation: PerAxis::all(1, dilation),
            ceil_mode,
        }
    }

    /// Output, indices of a maximum, and the input's gradient where all of the output's are 1.
    fn run(pool: &impl Kernel, x: &[f64]) -> (Vec<f64>, Vec<i64>, Vec<f64>) {
        let (meter, mut rng) = (Meter::new(), Rng::new(0));
        let inputs = [Tensor::new(&[1, 1, x.len()], x.to_vec(), &meter)];
        let owned = &mut [][..];
        let made = pool.forward(Forward {
            inputs: &inputs,
            owned,
            mode: Mode::Train,
            rng: &mut rng,
            keep: true,
            prepacked: None,
            meter: &meter,
        });
        let grads = [Tensor::full(made.outputs[0].shape(), 1.0, &meter)];
        let pass = Backward {
            shapes: &[inputs[0].shape().to_vec()],
            inputs: &[None],
            outputs: &[None],
            kept: &made.kept,
            owned: &[],
            grads: &grads,
            mode: Mode::Train,
            want_inputs: true,
            want_params: true,
            meter: &meter,
        };
        let indices = if made.kept.is_empty() { &[][..] } else { pass.indices("indices") };
        (made.outputs[0].values(), indices.to_vec(), pool.backward(pass).inputs[0].values())
    }

    #[test]
    fn the_first_of_equals_wins_and_nan_over_all() {
        let pool = max(3, 3, 1, 0, Rounding::Floor);
        let low = f64::NEG_INFINITY;
        let (y, indices, dx) = run(&pool, &[1.0, 2.0, 2.0, low, low, low, 5.0, f64::NAN, 7.0]);
        assert_eq!((&y[..2], &indices[..]), (&[2.0, low][..], &[1, 3, 7][..]));
        assert!(y[2].is_nan());
        assert_eq!(dx, [0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
    }

    #[test]
    fn a_window_without_taps_is_zero() {
        let pool = max(1, 3, 1, 0, Rounding::Caffe);
        let (y, indices, dx) = run(&pool, &[4.0, 0.0, 0.0, 3.0, 0.0]);
        assert_eq!((y, indices), (vec![4.0, 3.0, 0.0], vec![0, 3, -1]));
        assert_eq!(dx, [1.0, 0.0, 0.0, 1.0, 0.0]);
        let MaxPool { rank, kernel_size, stride, padding, ceil_mode, .. } = pool;
        let mean = AvgPool {
            rank,
            kernel_size,
            stride,
            padding,
            ceil_mode,
            count_include_pad: true,
            divisor_override: None,
        };
        assert_eq!(run(&mean, &[4.0, 0.0, 0.0, 3.0, 0.0]).0, [4.0, 3.0, 0.0]);
    }

    #[test]
    fn a_window_on_padding_alone_has_no_element() {
        let (y, indices, dx) = run(&max(2, 1, 2, 1, Rounding::Floor), &[9.0]);
        assert_eq!((y, indices, dx), (vec![f64::NEG_INFINITY], vec![-1], vec![0.0]));
    }
}
