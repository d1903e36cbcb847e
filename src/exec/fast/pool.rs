//! Pools as operators: where their windows stand, and which kernel goes over them.
//!
//! | pool | goes to |
//! |---|---|
//! | sliding windows | `max_pool`, `mean_pool` |
//! | adaptive, whose windows part an axis evenly | the same, a window's extent apart |
//! | one window that sees a whole plane | a loop over each plane |
//!
//! Adaptive windows of different sizes go to the reference. It may use `kernels`, `meter`, `scalar` and `tensor`.

use super::axis::StridedAxis;
use super::kernel::{Fast, FastOptions, backward_block, block};
use super::max_pool::{self, MaxWindows};
use super::mean_pool::{self, Divisor, MeanWindows};
use crate::exec::base::matmul::Native;
use crate::exec::base::meter::Buffer;
use crate::exec::base::scalar::Scalar;
use crate::exec::base::tensor::Tensor;
use crate::exec::kernels::Scratch;
use crate::exec::kernels::{self, Backward, Forward, Grads, Kept, Made, narrow};
use crate::ops::{
    AdaptiveAvgPool, AdaptiveMaxPool, AvgPool, GlobalAvgPool, GlobalMaxPool, MaxPool, Mode,
};

/// The windows of a pool on a plane.
#[derive(Clone, Debug)]
enum Windows {
    /// They slide along these axes.
    Strided([StridedAxis; 3]),
    /// One sees all of it.
    Whole,
}

/// Axes of a plane, those that are not there in front.
fn axes(shape: &[usize], of: impl Fn(usize, usize) -> kernels::WindowAxis) -> [StridedAxis; 3] {
    let mut axes = [(); 3].map(|()| StridedAxis::from(&kernels::WindowAxis::none()));
    let front = 3 - (shape.len() - 2);
    for (axis, extent) in shape[2..].iter().enumerate() {
        axes[front + axis] = StridedAxis::from(&of(axis, *extent));
    }
    axes
}

/// The windows of an adaptive pool, if they are alike; an axis without a size keeps its extent.
fn adaptive(shape: &[usize], sizes: &[Option<u64>]) -> Option<Windows> {
    let size = |axis: usize, extent: usize| sizes[axis].map_or(extent, narrow);
    let mut all =
        shape[2..].iter().enumerate().map(|(axis, extent)| (*extent, size(axis, *extent)));
    if all.clone().all(|(_, windows)| windows == 1) {
        return Some(Windows::Whole);
    }
    let of = |axis: usize, extent: usize| {
        let kernel = extent / size(axis, extent);
        let starts = (0..extent).step_by(kernel).map(usize::cast_signed).collect();
        kernels::WindowAxis { starts, extent, after: 0, kernel, dilation: 1 }
    };
    all.all(|(extent, windows)| windows > 0 && extent > 0 && extent % windows == 0)
        .then(|| Windows::Strided(axes(shape, of)))
}

/// What tells one pool from another.
trait Pool {
    /// Its windows on an input of this shape, if there is a kernel for them.
    fn windows(&self, shape: &[usize]) -> Option<Windows>;

    /// What a mean is divided by.
    fn divisor(&self) -> Divisor {
        Divisor::Counted
    }
}

impl Pool for MaxPool {
    fn windows(&self, shape: &[usize]) -> Option<Windows> {
        Some(Windows::Strided(axes(shape, |axis, extent| self.axis(axis, extent))))
    }
}

impl Pool for AvgPool {
    fn windows(&self, shape: &[usize]) -> Option<Windows> {
        Some(Windows::Strided(axes(shape, |axis, extent| self.axis(axis, extent))))
    }

    fn divisor(&self) -> Divisor {
        let taps = if self.count_include_pad { Divisor::Counted } else { Divisor::Inside };
        self.divisor_override.map_or(taps, Divisor::Fixed)
    }
}

impl Pool for AdaptiveMaxPool {
    fn windows(&self, shape: &[usize]) -> Option<Windows> {
        adaptive(shape, self.output_size.values())
    }
}

impl Pool for AdaptiveAvgPool {
    fn windows(&self, shape: &[usize]) -> Option<Windows> {
        adaptive(shape, self.output_size.values())
    }
}

impl Pool for GlobalMaxPool {
    fn windows(&self, _: &[usize]) -> Option<Windows> {
        Some(Windows::Whole)
    }
}

impl Pool for GlobalAvgPool {
    fn windows(&self, _: &[usize]) -> Option<Windows> {
        Some(Windows::Whole)
    }
}

/// A pool's kernel on real sizes.
enum Laid<K> {
    Strided(K, Vec<usize>),
    Whole(usize, Vec<usize>),
}

impl<K> Laid<K> {
    /// The kernel for so many planes with these axes is made by `of`; with the shape of the output.
    fn new(
        windows: &Windows,
        shape: &[usize],
        of: impl FnOnce(usize, &[StridedAxis; 3]) -> K,
    ) -> Self {
        let rank = shape.len() - 2;
        let mut out = shape[..2].to_vec();
        match windows {
            Windows::Strided(axes) => {
                out.extend(axes[3 - rank..].iter().map(|axis| axis.windows));
                Self::Strided(of(shape[0] * shape[1], axes), out)
            }
            Windows::Whole => {
                out.resize(shape.len(), 1);
                Self::Whole(shape[2..].iter().product(), out)
            }
        }
    }

    fn output(&self) -> &[usize] {
        let (Self::Strided(_, out) | Self::Whole(_, out)) = self;
        out
    }
}

fn maxima(pool: &impl Pool, shape: &[usize]) -> Laid<MaxWindows> {
    Laid::new(&pool.windows(shape).expect("covered"), shape, MaxWindows::new)
}

fn maxima_scratch(pool: &impl Pool, shape: &[usize]) -> Scratch {
    match maxima(pool, shape) {
        Laid::Strided(windows, _) => Scratch { forward: windows.workspace(), inputs: 0, params: 0 },
        Laid::Whole(..) => Scratch::default(),
    }
}

fn maximum<S: Scalar>(pool: &impl Pool, pass: &Forward<'_, S>) -> Made<S> {
    let x = &pass.inputs[0];
    let laid = maxima(pool, x.shape());
    let mut y = Tensor::<S>::uninit(laid.output(), pass.meter);
    let mut kept = pass.keep.then(|| Buffer::uninit(y.len(), pass.meter));
    let (out, indices) = (y.data_mut(), kept.as_deref_mut());
    match &laid {
        Laid::Strided(windows, _) => {
            let mut block = block(windows.workspace(), pass.meter);
            match indices {
                Some(indices) => windows.forward_with_indices(x.data(), out, indices, &mut block),
                None => windows.forward(x.data(), out, &mut block),
            }
        }
        Laid::Whole(plane, _) => max_pool::global(*plane, x.data(), out, indices),
    }
    Made {
        outputs: vec![y],
        kept: kept.map(|all| Kept::Indices("indices", all)).into_iter().collect(),
    }
}

fn maximum_backward<S: Scalar>(pool: &impl Pool, pass: &Backward<'_, S>) -> Grads<S> {
    Grads::of_input(pass.want_inputs.then(|| {
        let shape = &pass.shapes[0];
        let windows = maxima(pool, shape).output()[2..].iter().product();
        let mut dx = Tensor::<S>::uninit(shape, pass.meter);
        let sizes = (windows, shape[2..].iter().product());
        max_pool::backward(sizes, pass.grad().data(), pass.indices("indices"), dx.data_mut());
        dx
    }))
}

fn means(pool: &impl Pool, shape: &[usize]) -> Laid<MeanWindows> {
    let of = |planes, axes: &[StridedAxis; 3]| MeanWindows::new(planes, axes, pool.divisor());
    Laid::new(&pool.windows(shape).expect("covered"), shape, of)
}

fn means_scratch(pool: &impl Pool, shape: &[usize]) -> Scratch {
    match means(pool, shape) {
        Laid::Strided(windows, _) => Scratch {
            forward: windows.forward_workspace(),
            inputs: windows.backward_workspace(),
            params: 0,
        },
        Laid::Whole(..) => Scratch::default(),
    }
}

fn mean<S: Scalar>(pool: &impl Pool, pass: &Forward<'_, S>) -> Made<S> {
    let x = &pass.inputs[0];
    let laid = means(pool, x.shape());
    let mut y = Tensor::<S>::uninit(laid.output(), pass.meter);
    match &laid {
        Laid::Strided(windows, _) => {
            let mut block = block(windows.forward_workspace(), pass.meter);
            windows.forward(x.data(), y.data_mut(), &mut block);
        }
        Laid::Whole(plane, _) => mean_pool::global(*plane, x.data(), y.data_mut()),
    }
    Made { outputs: vec![y], kept: Vec::new() }
}

fn mean_backward<S: Scalar>(pool: &impl Pool, pass: &Backward<'_, S>) -> Grads<S> {
    Grads::of_input(pass.want_inputs.then(|| {
        let shape = &pass.shapes[0];
        let mut dx = Tensor::<S>::uninit(shape, pass.meter);
        let mut block = backward_block(means_scratch(pool, shape), pass);
        let g = pass.grad().data();
        match means(pool, shape) {
            Laid::Strided(windows, _) => windows.backward(g, dx.data_mut(), &mut block),
            Laid::Whole(plane, _) => mean_pool::global_backward(plane, g, dx.data_mut()),
        }
        dx
    }))
}

/// The `Fast` of a [`Pool`].
macro_rules! fast_pools {
    ($covers:expr, $scratch:ident, $forward:ident, $backward:ident: $($Name:ident)*) => {
        $(impl Fast for $Name {
            fn covers(&self, inputs: &[&[usize]]) -> bool {
                self.windows(inputs[0]).is_some_and($covers)
            }
            fn scratch(&self, inputs: &[&[usize]], _: Mode, _: FastOptions) -> Scratch {
                $scratch(self, inputs[0])
            }
            fn forward<S: Scalar>(&self, pass: Forward<'_, S>, _: &Native<S>, _: FastOptions) -> Made<S> {
                $forward(self, &pass)
            }
            fn backward<S: Scalar>(&self, pass: Backward<'_, S>, _: &Native<S>, _: FastOptions) -> Grads<S> {
                $backward(self, &pass)
            }
        })*
    };
}

fast_pools! {
    |windows| !matches!(&windows, Windows::Strided(axes) if !MaxWindows::covers(axes)),
    maxima_scratch, maximum, maximum_backward: MaxPool AdaptiveMaxPool GlobalMaxPool
}
fast_pools! {
    |_| true,
    means_scratch, mean, mean_backward: AvgPool AdaptiveAvgPool GlobalAvgPool
}
