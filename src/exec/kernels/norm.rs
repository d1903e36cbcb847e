//! Normalisation within one sample: layer, group and instance norm. Formulas stand in `normalise.rs`; a row is
//!
//! ```text
//! layer     the elements of the last axes, or of    a weight and a bias for each of them
//!           the channels of one position
//! group     the channels of a group, all positions  a weight and a bias for each channel
//! instance  one channel, all positions              the same
//! update    running = (1 − f)·running + (f/N)·Σ_n new    instance norm in training; m/(m − 1) times it for the variance
//! ```

use super::batchnorm::{init_channels, unbiased, update};
use super::normalise::{self, Affine, Rows};
use super::{Backward, Forward, Grads, Init, Kernel, Made, Owned};
use crate::exec::base::scalar::Scalar;
use crate::ops::{GroupNorm, InstanceNorm, LayerNorm, Mode};

/// Forward with statistics of each row's own, nothing to be updated.
fn forward<S: Scalar>(rows: Rows, pass: &Forward<'_, S>) -> Made<S> {
    let affine = Affine::new(pass.owned);
    let store = (pass.keep, pass.meter);
    normalise::forward_own(rows, 0..rows.count, &pass.inputs[0], &affine, store, |_, _, _| ())
}

impl LayerNorm {
    /// The axes that are normalised.
    fn normalised<'a>(&self, shape: &'a [usize]) -> &'a [usize] {
        if self.rank > 0 {
            return &shape[1..2];
        }
        &shape[shape.len() - self.normalized_shape.as_ref().map_or(1, Vec::len)..]
    }

    fn rows(&self, shape: &[usize]) -> Rows {
        if self.rank > 0 {
            return Rows::positions(shape, self.eps.0);
        }
        let length: usize = self.normalised(shape).iter().product();
        let count = shape.iter().product::<usize>() / length;
        Rows::following(count, length, 1, self.eps.0)
    }
}

impl Kernel for LayerNorm {
    fn init<S: Scalar>(&self, inputs: &[&[usize]], init: &mut Init<'_>) -> Vec<Owned<S>> {
        let axes = self.normalised(inputs[0]);
        let mut all = Vec::new();
        if self.elementwise_affine {
            all.push(Owned::parameter("weight", init.constant(axes, 1.0)));
            if self.bias {
                all.push(Owned::parameter("bias", init.constant(axes, 0.0)));
            }
        }
        all
    }

    fn workspace(&self, inputs: &[&[usize]], _: Mode) -> (usize, usize) {
        (0, self.rows(inputs[0]).length())
    }

    fn forward<S: Scalar>(&self, pass: Forward<'_, S>) -> Made<S> {
        forward(self.rows(pass.inputs[0].shape()), &pass)
    }

    fn backward<S: Scalar>(&self, pass: Backward<'_, S>) -> Grads<S> {
        normalise::backward(self.rows(&pass.shapes[0]), false, &pass)
    }
}

impl GroupNorm {
    fn rows(&self, shape: &[usize]) -> Rows {
        let groups = usize::try_from(self.num_groups).expect("sizes that fit memory");
        let positions: usize = shape[2..].iter().product();
        let length = shape[1] / groups * positions;
        Rows::following(shape[0] * groups, length, positions, self.eps.0)
    }
}

impl Kernel for GroupNorm {
    fn init<S: Scalar>(&self, inputs: &[&[usize]], init: &mut Init<'_>) -> Vec<Owned<S>> {
        init_channels(inputs[0][1], self.affine, false, init)
    }

    fn workspace(&self, inputs: &[&[usize]], _: Mode) -> (usize, usize) {
        (0, self.rows(inputs[0]).length())
    }

    fn forward<S: Scalar>(&self, pass: Forward<'_, S>) -> Made<S> {
        forward(self.rows(pass.inputs[0].shape()), &pass)
    }

    fn backward<S: Scalar>(&self, pass: Backward<'_, S>) -> Grads<S> {
        normalise::backward(self.rows(&pass.shapes[0]), false, &pass)
    }
}

impl InstanceNorm {
    fn running(&self, mode: Mode) -> bool {
        self.track_running_stats && mode == Mode::Eval
    }

    fn rows(&self, shape: &[usize], mode: Mode) -> Rows {
        if self.running(mode) {
            return Rows::channels(shape, self.eps.0);
        }
        let positions = shape[2..].iter().product();
        Rows::following(shape[0] * shape[1], positions, positions, self.eps.0)
    }
}

impl Kernel for InstanceNorm {
    fn init<S: Scalar>(&self, inputs: &[&[usize]], init: &mut Init<'_>) -> Vec<Owned<S>> {
        init_channels(inputs[0][1], self.affine, self.track_running_stats, init)
    }

    fn workspace(&self, inputs: &[&[usize]], mode: Mode) -> (usize, usize) {
        (0, if self.running(mode) { 0 } else { self.rows(inputs[0], mode).length() })
    }

    fn forward<S: Scalar>(&self, pass: Forward<'_, S>) -> Made<S> {
        let x = &pass.inputs[0];
        let rows = self.rows(x.shape(), pass.mode);
        let store = (pass.keep, pass.meter);
        if self.running(pass.mode) {
            return normalise::forward_running(rows, x, pass.owned, store);
        }
        if !self.track_running_stats {
            return forward(rows, &pass);
        }
        let affine = Affine::new(pass.owned);
        let (batch, channels) = (x.shape()[0], x.shape()[1]);
        // torch does not count batches here, and without a momentum leaves the running statistics as they are.
        let factor = self.momentum.unwrap_or(0.0);
        #[allow(clippy::cast_precision_loss, reason = "samples of a batch")]
        let share = factor / batch as f64;
        let order = (0..channels).flat_map(|c| (0..batch).map(move |n| n * channels + c));
        let mut sums = (S::ZERO, S::ZERO);
        normalise::forward_own(rows, order, x, &affine, store, |row, mean, var| {
            sums = (sums.0.add(mean), sums.1.add(var));
            // The last sample of the channel.
            if row / channels + 1 == batch {
                let (mean, var) = std::mem::take(&mut sums);
                let for_var = share * unbiased(rows.length());
                let new = [("running_mean", mean, share), ("running_var", var, for_var)];
                update(pass.owned, row % channels, factor, new);
            }
        })
    }

    fn backward<S: Scalar>(&self, pass: Backward<'_, S>) -> Grads<S> {
        let rows = self.rows(&pass.shapes[0], pass.mode);
        normalise::backward(rows, self.running(pass.mode), &pass)
    }
}
