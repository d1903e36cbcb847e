//! Convolution: every output position is the sum of its window times a kernel; backward goes the same ways the other algorithm.
//!
//! ```text
//! forward   y[n, o, p] = Σ_c Σ_t  x[n, c, p·S − P + D·t] · w[o, c, t]  +  b[o]
//! backward  dx[n, c, p·S − P + D·t] += g[n, o, p] · w[o, c, t]      (a full convolution with the flipped kernel)
//!           dw[o, c, t]             += g[n, o, p] · x[n, c, p·S − P + D·t]     (a convolution of x and g)
//!           db[o]                   += g[n, o, p]
//! ```
//!
//! A group of output channels sees its own group of input channels.

use super::{
    Backward, Forward, Grads, Init, Kept, Kernel, Made, Owned, Steps, Tap, WindowAxis,
    enumerate_windows, narrow, owned, positions, volume,
};
use crate::exec::base::scalar::Scalar;
use crate::exec::base::tensor::Tensor;
use crate::ops::{Conv, Rounding};

/// A convolution laid out on real sizes.
pub(crate) struct Layout {
    pub(crate) batch: usize,
    pub(crate) channels: usize,
    pub(crate) kernels: usize,
    pub(crate) groups: usize,
    pub(crate) axes: [WindowAxis; 3],
}

/// Where one product of a convolution takes its factors from, and where it goes.
struct Product {
    /// Index of the output.
    y: usize,
    /// Index of the weight.
    w: usize,
    /// Index of the input; `None` on padding.
    x: Option<usize>,
}

impl Layout {
    pub(crate) fn new(conv: &Conv, shape: &[usize]) -> Self {
        let mut axes = [WindowAxis::none(), WindowAxis::none(), WindowAxis::none()];
        for (axis, extent) in shape[2..].iter().enumerate() {
            let steps = Steps {
                kernel: narrow(conv.kernel_size.values()[axis]),
                stride: narrow(conv.stride.values()[axis]),
                dilation: narrow(conv.dilation.values()[axis]),
                rounding: Rounding::Floor,
            };
            axes[3 - conv.rank + axis] = enumerate_windows(*extent, steps, conv.padding, axis);
        }
        let (kernels, groups) = (narrow(conv.out_channels), narrow(conv.groups));
        Self { batch: shape[0], channels: shape[1], kernels, groups, axes }
    }

    /// Input channels that one kernel sees.
    fn depth(&self) -> usize {
        self.channels / self.groups
    }

    pub(crate) fn windows(&self) -> [usize; 3] {
        [0, 1, 2].map(|axis| self.axes[axis].starts.len())
    }

    fn taps(&self) -> [usize; 3] {
        [0, 1, 2].map(|axis| self.axes[axis].kernel)
    }

    pub(crate) fn shape(&self, rank: usize) -> Vec<usize> {
        let mut shape = vec![self.batch, self.kernels];
        shape.extend_from_slice(&self.windows()[3 - rank..]);
        shape
    }

    /// The index in the input's channel that a tap of a window reads; `None` on padding.
    fn at(&self, window: [usize; 3], tap: [usize; 3]) -> Option<usize> {
        let mut at = 0;
        for (axis, (window, tap)) in self.axes.iter().zip(window.into_iter().zip(tap)) {
            let Tap::Inside(i) = axis.tap(window, tap) else { return None };
            at = at * axis.extent + i;
        }
        Some(at)
    }

    /// Every product of the convolution, output by output, tap by tap.
    fn each(&self, mut product: impl FnMut(Product)) {
        let (windows, taps, depth) = (self.windows(), self.taps(), self.depth());
        let (outputs, window) = (volume(windows), volume(taps));
        let plane: usize = self.axes.iter().map(|axis| axis.extent).product();
        // Where each tap of each window falls is the same for all channels.
        let places: Vec<Option<usize>> = positions(windows)
            .flat_map(|at| positions(taps).map(move |tap| (at, tap)))
            .map(|(at, tap)| self.at(at, tap))
            .collect();
        for n in 0..self.batch {
            for o in 0..self.kernels {
                let group = o / (self.kernels / self.groups);
                for (p, places) in places.chunks_exact(window).enumerate() {
                    let y = (n * self.kernels + o) * outputs + p;
                    for c in 0..depth {
                        let channel = (n * self.channels + group * depth + c) * plane;
                        let w = (o * depth + c) * window;
                        for (t, at) in places.iter().enumerate() {
                            product(Product { y, w: w + t, x: at.map(|at| channel + at) });
                        }
                    }
                }
            }
        }
    }
}

impl Kernel for Conv {
    fn init<S: Scalar>(&self, inputs: &[&[usize]], init: &mut Init<'_>) -> Vec<Owned<S>> {
        let layout = Layout::new(self, inputs[0]);
        let mut shape = vec![layout.kernels, layout.depth()];
        shape.extend_from_slice(&layout.taps()[3 - self.rank..]);
        let fan_in = layout.depth() * volume(layout.taps());
        let mut owned = vec![Owned::parameter("weight", init.weight(&shape, fan_in))];
        if self.bias {
            owned.push(Owned::parameter("bias", init.bias(layout.kernels, fan_in)));
        }
        owned
    }

    fn forward<S: Scalar>(&self, pass: Forward<'_, S>) -> Made<S> {
        let x = &pass.inputs[0];
        let layout = Layout::new(self, x.shape());
        let weight = owned(pass.owned, "weight");
        let mut y = Tensor::<S>::zeros(&layout.shape(self.rank), pass.meter);
        let out = y.data_mut();
        layout.each(|Product { y, w, x: at }| {
            let factor = at.map_or(S::ZERO, |at| x.data()[at]);
            out[y] = out[y].mac(factor, weight.data()[w]);
            if at.is_none() {
                S::on_padding();
            }
        });
        if self.bias {
            let bias = owned(pass.owned, "bias");
            let plane = volume(layout.windows());
            for (i, y) in out.iter_mut().enumerate() {
                *y = y.add(bias.data()[i / plane % layout.kernels]);
            }
        }
        Made { outputs: vec![y], kept: pass.kept([Kept::Input(0)]) }
    }

    fn backward<S: Scalar>(&self, pass: Backward<'_, S>) -> Grads<S> {
        let (x, grad) = (pass.input(), pass.grad());
        let layout = Layout::new(self, &pass.shapes[0]);
        let weight = owned(pass.owned, "weight");
        let mut grads = Grads { inputs: Vec::new(), params: Vec::new() };
        if pass.want_inputs {
            let mut dx = Tensor::<S>::zeros(&pass.shapes[0], pass.meter);
            let into = dx.data_mut();
            layout.each(|Product { y, w, x }| {
                // A product that lands on padding is computed and lost.
                let sum = x.map_or(S::ZERO, |x| into[x]).mac(grad.data()[y], weight.data()[w]);
                match x {
                    Some(x) => into[x] = sum,
                    None => S::on_padding(),
                }
            });
            grads.inputs.push(dx);
        }
        if pass.want_params {
            let mut dw = Tensor::<S>::zeros(weight.shape(), pass.meter);
            let into = dw.data_mut();
            layout.each(|Product { y, w, x: at }| {
                let factor = at.map_or(S::ZERO, |at| x.data()[at]);
                into[w] = into[w].mac(grad.data()[y], factor);
                if at.is_none() {
                    S::on_padding();
                }
            });
            grads.params.push(dw);
            if self.bias {
                let mut db = Tensor::<S>::zeros(&[layout.kernels], pass.meter);
                let plane = volume(layout.windows());
                for (i, g) in grad.data().iter().enumerate() {
                    let into = &mut db.data_mut()[i / plane % layout.kernels];
                    *into = into.add(*g);
                }
                grads.params.push(db);
            }
        }
        grads
    }
}
