//! Batch normalisation as an operator: its tensors, its running statistics, and what is kept; the sums are those of
//! `statistics`.
//!
//! Planes of a few positions go to the reference: what is put down for each would take as much memory as they do. It may use
//! `kernels`, `scalar` and `tensor`.

use super::kernel::{Fast, FastOptions, backward_block, block};
use super::statistics::{
    Affine, Shape, Wanted, backward_own, backward_running, forward_own, forward_running, workspace,
};
use crate::exec::base::matmul::Native;
use crate::exec::base::scalar::Scalar;
use crate::exec::base::tensor::Tensor;
use crate::exec::kernels::Scratch;
use crate::exec::kernels::{
    Backward, Forward, Grads, INVERSE, Kept, MEAN, Made, Owned, owned, update,
};
use crate::ops::{BatchNorm, Mode};

/// Positions of the smallest plane.
const PLANE: usize = 8;

fn shape(input: &[usize]) -> Shape {
    Shape { batch: input[0], channels: input[1], plane: input[2..].iter().product() }
}

impl BatchNorm {
    fn learned<'a, S: Scalar>(&self, all: &'a [Owned<S>]) -> Affine<'a, S> {
        let of = |name| self.affine.then(|| owned(all, name).data());
        Affine { weight: of("weight"), bias: of("bias") }
    }
}

impl Fast for BatchNorm {
    fn covers(&self, inputs: &[&[usize]]) -> bool {
        shape(inputs[0]).plane >= PLANE
    }

    fn scratch(&self, inputs: &[&[usize]], mode: Mode, _: FastOptions) -> Scratch {
        let shape = shape(inputs[0]);
        let sums = workspace(shape);
        if self.running(mode) {
            return Scratch { forward: shape.channels, inputs: 0, params: sums };
        }
        Scratch { forward: 3 * shape.channels + sums, inputs: sums, params: sums }
    }

    fn forward<S: Scalar>(
        &self,
        pass: Forward<'_, S>,
        _: &Native<S>,
        options: FastOptions,
    ) -> Made<S> {
        let x = &pass.inputs[0];
        let (shape, eps) = (shape(x.shape()), self.eps.0);
        let mut y = Tensor::<S>::uninit(x.shape(), pass.meter);
        let running = self.running(pass.mode);
        let keep = |is_kept: bool| {
            (pass.keep && is_kept).then(|| Tensor::<S>::uninit(&[shape.channels], pass.meter))
        };
        let (means, inverses) = (keep(!running), keep(true));
        let scratch = self.scratch(&[x.shape()], pass.mode, options);
        let mut block = block(scratch.forward, pass.meter);
        let (inverse, rest) = block.split_at_mut(shape.channels);
        let learned = (self.learned(pass.owned), eps);
        let mut kept = Vec::new();
        if pass.keep && (!running || self.affine) {
            kept.push(Kept::Input(0));
        }
        if running {
            let [mean, var] =
                ["running_mean", "running_var"].map(|name| owned(pass.owned, name).data());
            forward_running(shape, x.data(), learned, (mean, var), y.data_mut(), inverse);
        } else {
            let (mean, rest) = rest.split_at_mut(shape.channels);
            let (var, sums) = rest.split_at_mut(shape.channels);
            let made = [&mut *mean, &mut *var, &mut *inverse];
            forward_own(shape, x.data(), learned, y.data_mut(), made, sums);
            let length = shape.batch * shape.plane;
            if let Some((factor, for_var)) = self.factors(pass.owned, pass.mode, length) {
                for (channel, (mean, var)) in mean.iter().zip(&*var).enumerate() {
                    let new = [("running_mean", *mean, factor), ("running_var", *var, for_var)];
                    update(pass.owned, channel, factor, new);
                }
            }
            kept.extend(means.map(|means| filled(MEAN, means, mean)));
        }
        kept.extend(inverses.map(|inverses| filled(INVERSE, inverses, inverse)));
        Made { outputs: vec![y], kept }
    }

    fn backward<S: Scalar>(
        &self,
        pass: Backward<'_, S>,
        _: &Native<S>,
        options: FastOptions,
    ) -> Grads<S> {
        let shape = shape(&pass.shapes[0]);
        let uninit = |shape: &[usize]| Tensor::<S>::uninit(shape, pass.meter);
        let mut dx = pass.want_inputs.then(|| uninit(&pass.shapes[0]));
        let learned = || (pass.want_params && self.affine).then(|| uninit(&[shape.channels]));
        let (mut dw, mut db) = (learned(), learned());
        let scratch = self.scratch(&[&pass.shapes[0]], pass.mode, options);
        let mut block = backward_block(scratch, &pass);
        let weight = self.learned(pass.owned).weight;
        let (g, inverse) = (pass.grad().data(), pass.numbers(INVERSE).data());
        let wanted = Wanted {
            dx: dx.as_mut().map(Tensor::data_mut),
            dw: dw.as_mut().map(Tensor::data_mut),
            db: db.as_mut().map(Tensor::data_mut),
        };
        if self.running(pass.mode) {
            let x = pass.inputs[0].as_ref().map(Tensor::data);
            let statistics = (owned(pass.owned, "running_mean").data(), inverse);
            backward_running(shape, (x, g), weight, statistics, wanted, &mut block);
        } else {
            let statistics = (pass.numbers(MEAN).data(), inverse);
            backward_own(shape, (pass.input().data(), g), weight, statistics, wanted, &mut block);
        }
        Grads { inputs: dx.into_iter().collect(), params: dw.into_iter().chain(db).collect() }
    }
}

/// A tensor of these numbers, to be kept.
fn filled<S: Scalar>(name: &'static str, mut tensor: Tensor<S>, numbers: &[S]) -> Kept<S> {
    tensor.data_mut().copy_from_slice(numbers);
    Kept::Numbers(name, tensor)
}
