//! Convolution and transposed convolution on products: the operators' tensors, and which product makes which of them, of
//! columns or, for a convolution where they are worth it, of tiles; a kernel for each channel goes without products.
//!
//! A transposed convolution goes from a convolution's output to its input: what the one makes forward, the other makes of
//! its gradient.

use super::depthwise::Depthwise;
use super::kernel::{Fast, FastOptions, backward_block, bias_gradient, block};
use super::product::Convolution;
use super::winograd::{ForwardArgs, Pass, Winograd};
use crate::exec::base::matmul::Native;
use crate::exec::base::matmul::Write;
use crate::exec::base::scalar::Scalar;
use crate::exec::base::tensor::Tensor;
use crate::exec::kernels::Scratch;
use crate::exec::kernels::{
    Backward, ConvLayout, ConvTransposeLayout, Forward, Grads, Kept, Made, Owned, owned, volume,
};
use crate::ops::{Conv, ConvTranspose, Mode};

impl From<&ConvLayout> for Convolution {
    fn from(layout: &ConvLayout) -> Self {
        let ConvLayout { batch, channels, kernels, groups, axes } = layout;
        Self::new(*batch, *channels, *kernels, *groups, axes)
    }
}

impl From<&ConvTransposeLayout> for Convolution {
    /// The convolution that is transposed.
    fn from(layout: &ConvTransposeLayout) -> Self {
        let ConvTransposeLayout { batch, channels, kernels, groups, .. } = layout;
        Self::new(*batch, *kernels, *channels, *groups, &layout.transposed())
    }
}

/// Makes the tensors of a backward pass: gradients of input, weight and bias, as wanted, to be written.
fn gradients<S: Scalar>(pass: &Backward<'_, S>, bias: bool) -> Grads<S> {
    let uninit = |shape: &[usize]| Tensor::<S>::uninit(shape, pass.meter);
    let mut params = Vec::new();
    if pass.want_params {
        params.push(uninit(owned(pass.owned, "weight").shape()));
        if bias {
            params.push(uninit(owned(pass.owned, "bias").shape()));
        }
    }
    let inputs = if pass.want_inputs { vec![uninit(&pass.shapes[0])] } else { Vec::new() };
    Grads { inputs, params }
}

/// FastOptions one pass of a convolution is made.
enum Algorithm {
    /// Of slices, where every channel has a kernel of its own.
    Slices(Depthwise),
    /// Of products of tiles.
    Tiles(Winograd),
    /// Of products of columns.
    Columns(Convolution),
}

impl Algorithm {
    fn choose(layout: &ConvLayout, pass: Pass, options: FastOptions) -> Self {
        match (Depthwise::of(layout), Winograd::choose(layout, pass, options)) {
            (Some(slices), _) => Self::Slices(slices),
            (None, Some(tiles)) => Self::Tiles(tiles),
            (None, None) => Self::Columns(Convolution::from(layout)),
        }
    }
}

impl Fast for Conv {
    fn covers(&self, _: &[&[usize]]) -> bool {
        true
    }

    fn scratch(&self, inputs: &[&[usize]], _: Mode, options: FastOptions) -> Scratch {
        let layout = ConvLayout::new(self, inputs[0]);
        let of = |pass, slices: fn(Scratch) -> usize, columns: fn(&Convolution) -> usize| {
            match Algorithm::choose(&layout, pass, options) {
                Algorithm::Slices(algorithm) => slices(algorithm.scratch()),
                Algorithm::Tiles(algorithm) => algorithm.scratch(),
                Algorithm::Columns(algorithm) => columns(&algorithm),
            }
        };
        Scratch {
            forward: of(Pass::Forward, |all| all.forward, Convolution::forward_scratch),
            inputs: of(Pass::Input, |all| all.inputs, Convolution::input_scratch),
            params: of(Pass::Weight, |all| all.params, Convolution::weight_scratch),
        }
    }

    fn prepacked_len(&self, inputs: &[&[usize]], options: FastOptions) -> usize {
        match Algorithm::choose(&ConvLayout::new(self, inputs[0]), Pass::Forward, options) {
            Algorithm::Tiles(algorithm) => algorithm.prepacked_len(),
            Algorithm::Slices(_) | Algorithm::Columns(_) => 0,
        }
    }

    fn prepack<S: Scalar>(
        &self,
        inputs: &[&[usize]],
        own: &[Owned<S>],
        options: FastOptions,
        into: &mut [S],
    ) {
        let layout = ConvLayout::new(self, inputs[0]);
        if let Algorithm::Tiles(algorithm) = Algorithm::choose(&layout, Pass::Forward, options) {
            algorithm.prepack(owned(own, "weight").data(), into);
        }
    }

    fn forward<S: Scalar>(
        &self,
        pass: Forward<'_, S>,
        native: &Native<S>,
        options: FastOptions,
    ) -> Made<S> {
        let x = &pass.inputs[0];
        let layout = ConvLayout::new(self, x.shape());
        let weight = owned(pass.owned, "weight").data();
        let bias = self.bias.then(|| owned(pass.owned, "bias").data());
        let mut y = Tensor::<S>::uninit(&layout.shape(self.rank), pass.meter);
        let scratch = self.scratch(&[x.shape()], pass.mode, options);
        let mut block = block(scratch.forward, pass.meter);
        let (given, out) = ((x.data(), weight, bias), y.data_mut());
        match Algorithm::choose(&layout, Pass::Forward, options) {
            Algorithm::Slices(algorithm) => algorithm.forward(given, out, &mut block),
            Algorithm::Tiles(algorithm) => {
                let given = ForwardArgs {
                    x: x.data(),
                    w: weight,
                    prepacked: pass.prepacked,
                    bias,
                    rotated: false,
                };
                algorithm.forward(native, given, out, &mut block);
            }
            Algorithm::Columns(algorithm) => algorithm.forward(native, given, out, &mut block),
        }
        Made { outputs: vec![y], kept: pass.kept([Kept::Input(0)]) }
    }

    fn backward<S: Scalar>(
        &self,
        pass: Backward<'_, S>,
        native: &Native<S>,
        options: FastOptions,
    ) -> Grads<S> {
        let layout = ConvLayout::new(self, &pass.shapes[0]);
        let mut grads = gradients(&pass, self.bias);
        let mut block = backward_block(self.scratch(&[&pass.shapes[0]], pass.mode, options), &pass);
        let g = pass.grad().data();
        if let [dx] = &mut grads.inputs[..] {
            let (given, dx) = ((g, owned(pass.owned, "weight").data()), dx.data_mut());
            match Algorithm::choose(&layout, Pass::Input, options) {
                Algorithm::Slices(algorithm) => algorithm.input_gradient(given, dx, &mut block),
                Algorithm::Tiles(algorithm) => {
                    algorithm.input_gradient(native, given, dx, &mut block);
                }
                Algorithm::Columns(algorithm) => {
                    algorithm.input_gradient(native, given, (dx, Write::Over), &mut block);
                }
            }
        }
        if let [dw, db @ ..] = &mut grads.params[..] {
            let (given, dw) = ((pass.input().data(), g), dw.data_mut());
            match Algorithm::choose(&layout, Pass::Weight, options) {
                Algorithm::Slices(algorithm) => algorithm.weight_gradient(given, dw, &mut block),
                Algorithm::Tiles(algorithm) => {
                    algorithm.weight_gradient(native, given, dw, &mut block);
                }
                Algorithm::Columns(algorithm) => {
                    algorithm.weight_gradient(native, given, dw, &mut block);
                }
            }
            for db in db {
                bias_gradient(g, volume(layout.windows()), db.data_mut());
            }
        }
        grads
    }
}

impl Fast for ConvTranspose {
    fn covers(&self, _: &[&[usize]]) -> bool {
        true
    }

    fn scratch(&self, inputs: &[&[usize]], _: Mode, _: FastOptions) -> Scratch {
        let product = Convolution::from(&ConvTransposeLayout::new(self, inputs[0]));
        Scratch {
            forward: product.input_scratch(),
            inputs: product.forward_scratch(),
            params: product.weight_scratch(),
        }
    }

    fn forward<S: Scalar>(
        &self,
        pass: Forward<'_, S>,
        native: &Native<S>,
        options: FastOptions,
    ) -> Made<S> {
        let x = &pass.inputs[0];
        let layout = ConvTransposeLayout::new(self, x.shape());
        let weight = owned(pass.owned, "weight").data();
        let mut y = Tensor::<S>::uninit(&layout.shape(self.rank), pass.meter);
        let scratch = self.scratch(&[x.shape()], pass.mode, options);
        let mut block = block(scratch.forward, pass.meter);
        let out = y.data_mut();
        if self.bias {
            let planes = out.chunks_exact_mut(volume(layout.out()).max(1));
            let bias = owned(pass.owned, "bias").data().iter().cycle();
            planes.zip(bias).for_each(|(plane, bias)| plane.fill(*bias));
        }
        let write = if self.bias { Write::Add } else { Write::Over };
        let (product, given) = (Convolution::from(&layout), (x.data(), weight));
        product.input_gradient(native, given, (out, write), &mut block);
        Made { outputs: vec![y], kept: pass.kept([Kept::Input(0)]) }
    }

    fn backward<S: Scalar>(
        &self,
        pass: Backward<'_, S>,
        native: &Native<S>,
        options: FastOptions,
    ) -> Grads<S> {
        let layout = ConvTransposeLayout::new(self, &pass.shapes[0]);
        let product = Convolution::from(&layout);
        let mut grads = gradients(&pass, self.bias);
        let mut block = backward_block(self.scratch(&[&pass.shapes[0]], pass.mode, options), &pass);
        let g = pass.grad().data();
        if let [dx] = &mut grads.inputs[..] {
            let weight = owned(pass.owned, "weight").data();
            product.forward(native, (g, weight, None), dx.data_mut(), &mut block);
        }
        if let [dw, db @ ..] = &mut grads.params[..] {
            product.weight_gradient(native, (g, pass.input().data()), dw.data_mut(), &mut block);
            for db in db {
                bias_gradient(g, volume(layout.out()), db.data_mut());
            }
        }
        grads
    }
}
