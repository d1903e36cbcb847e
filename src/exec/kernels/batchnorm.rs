//! Batch normalisation: a channel is a row over the batch and all positions; running statistics follow in training.
//!
//! ```text
//! forward   see normalise.rs: with the batch's statistics, or in eval with the running ones
//! update    running = (1 − f)·running + f·new      f = momentum, or 1/(batches seen), and m/(m − 1) times it for the variance
//! ```
//!
//! With m = 1 a batch has no variance: [`smallest_batch`](Kernel::smallest_batch) says how many samples it takes.

use super::normalise::{self, Affine, Rows};
use super::{Backward, Forward, Grads, Init, Kernel, Made, Numbers, Owned, TensorKind};
use crate::exec::base::meter::Buffer;
use crate::exec::base::scalar::Scalar;
use crate::exec::base::tensor::Tensor;
use crate::ops::{BatchNorm, Mode};

/// The tensors of a normalisation by channels: weight 1 and bias 0, then running mean 0, variance 1 and a count.
pub(super) fn init_channels<S: Scalar>(
    channels: usize,
    affine: bool,
    tracked: bool,
    init: &Init<'_>,
) -> Vec<Owned<S>> {
    let mut all = Vec::new();
    if affine {
        all.push(Owned::parameter("weight", init.constant(&[channels], 1.0)));
        all.push(Owned::parameter("bias", init.constant(&[channels], 0.0)));
    }
    if tracked {
        all.push(Owned::buffer("running_mean", init.constant(&[channels], 0.0)));
        all.push(Owned::buffer("running_var", init.constant(&[channels], 1.0)));
        all.push(Owned {
            name: "num_batches_tracked",
            kind: TensorKind::Buffer,
            numbers: Numbers::Count(Buffer::full(1, 0, init.meter)),
        });
    }
    all
}

/// One more batch was seen: how many there are.
fn count_batch<S: Scalar>(all: &mut [Owned<S>]) -> i64 {
    let count = all.iter_mut().find_map(|owned| match &mut owned.numbers {
        Numbers::Count(count) => Some(count),
        Numbers::Real(_) => None,
    });
    let count = count.expect("made by init");
    count[0] += 1;
    count[0]
}

/// Moves the running statistics of a channel towards new ones, `mean` and `var`, with a factor for each.
pub(crate) fn update<S: Scalar>(
    all: &mut [Owned<S>],
    channel: usize,
    factor: f64,
    new: [(&str, S, f64); 2],
) {
    for (name, new, weight) in new {
        let owned = all.iter_mut().find(|owned| owned.name == name);
        let tensor: &mut Tensor<S> = owned.and_then(Owned::tensor_mut).expect("made by init");
        let running = &mut tensor.data_mut()[channel];
        *running = S::of(1.0 - factor).mul(*running).add(S::of(weight).mul(new));
    }
}

/// What makes the variance of m numbers unbiased.
pub(super) fn unbiased(m: usize) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "elements of a row")]
    let m = m as f64;
    m / (m - 1.0)
}

impl BatchNorm {
    /// Whether the running statistics are taken.
    pub(crate) fn running(&self, mode: Mode) -> bool {
        self.track_running_stats && mode == Mode::Eval
    }

    /// Counts the batch, if it moves the running statistics: by this factor the mean, by this the variance of so many numbers.
    pub(crate) fn factors<S: Scalar>(
        &self,
        all: &mut [Owned<S>],
        mode: Mode,
        length: usize,
    ) -> Option<(f64, f64)> {
        (self.track_running_stats && mode == Mode::Train).then(|| {
            #[allow(clippy::cast_precision_loss, reason = "batches seen")]
            let seen = count_batch(all) as f64;
            let factor = self.momentum.unwrap_or(1.0 / seen);
            (factor, factor * unbiased(length))
        })
    }
}

impl Kernel for BatchNorm {
    fn init<S: Scalar>(&self, inputs: &[&[usize]], init: &mut Init<'_>) -> Vec<Owned<S>> {
        init_channels(inputs[0][1], self.affine, self.track_running_stats, init)
    }

    fn smallest_batch(&self, inputs: &[&[usize]], mode: Mode) -> usize {
        let positions: usize = inputs[0][2..].iter().product();
        if self.running(mode) || positions > 1 { 1 } else { 2 }
    }

    fn workspace(&self, inputs: &[&[usize]], mode: Mode) -> (usize, usize) {
        let rows = Rows::channels(inputs[0], self.eps.0);
        (0, if self.running(mode) { 0 } else { rows.length() })
    }

    fn forward<S: Scalar>(&self, pass: Forward<'_, S>) -> Made<S> {
        let x = &pass.inputs[0];
        let rows = Rows::channels(x.shape(), self.eps.0);
        let store = (pass.keep, pass.meter);
        if self.running(pass.mode) {
            return normalise::forward_running(rows, x, pass.owned, store);
        }
        let affine = Affine::new(pass.owned);
        let factors = self.factors(pass.owned, pass.mode, rows.length());
        normalise::forward_own(rows, 0..rows.count, x, &affine, store, |channel, mean, var| {
            if let Some((factor, for_var)) = factors {
                let new = [("running_mean", mean, factor), ("running_var", var, for_var)];
                update(pass.owned, channel, factor, new);
            }
        })
    }

    fn backward<S: Scalar>(&self, pass: Backward<'_, S>) -> Grads<S> {
        let rows = Rows::channels(&pass.shapes[0], self.eps.0);
        normalise::backward(rows, self.running(pass.mode), &pass)
    }
}
