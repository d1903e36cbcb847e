//! Transposed convolution: every input position lays a kernel, scaled by it, on the output; kernels add up.
//!
//! ```text
//! forward   y[n, o, i·S − P + D·t]  += x[n, c, i] · w[c, o, t];   then  + b[o]
//! backward  dx[n, c, i]   = Σ_o Σ_t  g[n, o, i·S − P + D·t] · w[c, o, t]     (a convolution of g)
//!           dw[c, o, t]   = Σ_n Σ_i  g[n, o, i·S − P + D·t] · x[n, c, i]
//!           db[o]         = Σ_n Σ_p  g[n, o, p]
//! ```
//!
//! The output ends where the last tap lands; then P elements are cropped on both sides and output_padding is added. What
//! lands on a cropped position is computed and lost; read back, such a position is zero.

use super::{
    Backward, Forward, Grads, Init, Kept, Kernel, Made, Owned, narrow, owned, positions, volume,
};
use crate::exec::base::scalar::Scalar;
use crate::exec::base::tensor::Tensor;
use crate::ops::ConvTranspose;

/// One axis: for each input position, where each tap of its kernel lands; `None` where that is cropped.
pub(crate) struct WindowAxis {
    lands: Vec<Vec<Option<usize>>>,
    kernel: usize,
    /// Elements of the output.
    out: usize,
    /// Where the first tap of each input position lands, in elements of the output; negative where that is cropped.
    starts: Vec<isize>,
    dilation: usize,
}

impl WindowAxis {
    /// The axis that is not there: one input position on one output position.
    fn none() -> Self {
        Self { lands: vec![vec![Some(0)]], kernel: 1, out: 1, starts: vec![0], dilation: 1 }
    }

    fn new(op: &ConvTranspose, axis: usize, extent: usize) -> Self {
        let kernel = narrow(op.kernel_size.values()[axis]);
        let stride = narrow(op.stride.values()[axis]);
        let dilation = narrow(op.dilation.values()[axis]);
        let padding = narrow(op.padding.values()[axis]);
        let extra = narrow(op.output_padding.values()[axis]);
        let (mut reached, mut start) = (0, 0);
        let mut uncropped = Vec::with_capacity(extent);
        let mut starts = Vec::with_capacity(extent);
        for _ in 0..extent {
            let taps: Vec<usize> = (0..kernel).map(|tap| start + tap * dilation).collect();
            reached = taps.iter().fold(reached, |reached, at| reached.max(at + 1));
            uncropped.push(taps);
            starts.push(start.cast_signed() - padding.cast_signed());
            start += stride;
        }
        let kept = padding..reached + extra - padding;
        let land = |at: usize| kept.contains(&at).then(|| at - padding);
        let lands = uncropped.into_iter().map(|taps| taps.into_iter().map(land).collect());
        Self { lands: lands.collect(), kernel, out: kept.len(), starts, dilation }
    }
}

/// A transposed convolution laid out on real sizes.
pub(crate) struct Layout {
    pub(crate) batch: usize,
    pub(crate) channels: usize,
    pub(crate) kernels: usize,
    pub(crate) groups: usize,
    axes: [WindowAxis; 3],
}

/// Where one product of a transposed convolution takes its factors from, and where it goes.
struct Product {
    /// Index of the input.
    x: usize,
    /// Index of the weight.
    w: usize,
    /// Index of the output; `None` where it is cropped.
    y: Option<usize>,
}

impl Layout {
    pub(crate) fn new(op: &ConvTranspose, shape: &[usize]) -> Self {
        let mut axes = [WindowAxis::none(), WindowAxis::none(), WindowAxis::none()];
        for (axis, extent) in shape[2..].iter().enumerate() {
            axes[3 - op.rank + axis] = WindowAxis::new(op, axis, *extent);
        }
        let (kernels, groups) = (narrow(op.out_channels), narrow(op.groups));
        Self { batch: shape[0], channels: shape[1], kernels, groups, axes }
    }

    /// Output channels that one input channel reaches.
    fn depth(&self) -> usize {
        self.kernels / self.groups
    }

    fn taps(&self) -> [usize; 3] {
        [0, 1, 2].map(|axis| self.axes[axis].kernel)
    }

    pub(crate) fn out(&self) -> [usize; 3] {
        [0, 1, 2].map(|axis| self.axes[axis].out)
    }

    pub(crate) fn shape(&self, rank: usize) -> Vec<usize> {
        let mut shape = vec![self.batch, self.kernels];
        shape.extend_from_slice(&self.out()[3 - rank..]);
        shape
    }

    /// The axes of the convolution that is transposed: its windows stand where the kernels of the inputs land.
    pub(crate) fn transposed(&self) -> [super::WindowAxis; 3] {
        [0, 1, 2].map(|axis| {
            let WindowAxis { kernel, out, ref starts, dilation, .. } = self.axes[axis];
            super::WindowAxis { starts: starts.clone(), extent: out, after: 0, kernel, dilation }
        })
    }

    /// The index in the output's channel where a tap of an input's kernel lands; `None` where that is cropped.
    fn at(&self, input: [usize; 3], tap: [usize; 3]) -> Option<usize> {
        let mut at = 0;
        for (axis, (input, tap)) in self.axes.iter().zip(input.into_iter().zip(tap)) {
            at = at * axis.out + axis.lands[input][tap]?;
        }
        Some(at)
    }

    /// Every product of the transposed convolution, input by input, tap by tap.
    fn each(&self, mut product: impl FnMut(Product)) {
        let (inputs, taps) = ([0, 1, 2].map(|axis| self.axes[axis].lands.len()), self.taps());
        let depth = self.depth();
        for n in 0..self.batch {
            for c in 0..self.channels {
                let group = c / (self.channels / self.groups);
                for (i, input) in positions(inputs).enumerate() {
                    let x = (n * self.channels + c) * volume(inputs) + i;
                    for o in 0..depth {
                        let channel = n * self.kernels + group * depth + o;
                        for (t, tap) in positions(taps).enumerate() {
                            let w = (c * depth + o) * volume(taps) + t;
                            let at = self.at(input, tap);
                            product(Product {
                                x,
                                w,
                                y: at.map(|at| channel * volume(self.out()) + at),
                            });
                        }
                    }
                }
            }
        }
    }
}

impl Kernel for ConvTranspose {
    fn init<S: Scalar>(&self, inputs: &[&[usize]], init: &mut Init<'_>) -> Vec<Owned<S>> {
        let layout = Layout::new(self, inputs[0]);
        let mut shape = vec![layout.channels, layout.depth()];
        shape.extend_from_slice(&layout.taps()[3 - self.rank..]);
        // torch takes the weight's second axis for its inputs, here as everywhere.
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
        layout.each(|Product { x: at, w, y }| {
            let sum = y.map_or(S::ZERO, |y| out[y]).mac(x.data()[at], weight.data()[w]);
            match y {
                Some(y) => out[y] = sum,
                None => S::on_padding(),
            }
        });
        if self.bias {
            let bias = owned(pass.owned, "bias");
            let plane = volume(layout.out());
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
            layout.each(|Product { x, w, y }| {
                let factor = y.map_or(S::ZERO, |y| grad.data()[y]);
                into[x] = into[x].mac(factor, weight.data()[w]);
                if y.is_none() {
                    S::on_padding();
                }
            });
            grads.inputs.push(dx);
        }
        if pass.want_params {
            let mut dw = Tensor::<S>::zeros(weight.shape(), pass.meter);
            let into = dw.data_mut();
            layout.each(|Product { x: at, w, y }| {
                let factor = y.map_or(S::ZERO, |y| grad.data()[y]);
                into[w] = into[w].mac(factor, x.data()[at]);
                if y.is_none() {
                    S::on_padding();
                }
            });
            grads.params.push(dw);
            if self.bias {
                let mut db = Tensor::<S>::zeros(&[layout.kernels], pass.meter);
                let plane = volume(layout.out());
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
