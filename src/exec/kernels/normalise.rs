//! Rows brought to mean 0 and variance 1: what batch, layer, group and instance norm share, as in `ops/normalise.rs`.
//!
//! ```text
//! forward   μ = Σ x / m      v = Σ (x − μ)² / m      (or running ones)      i = 1/√(v + eps)
//!           x̂ = (x − μ)·i    y = x̂·w + b
//! backward  ĝ = g·w          a = Σ ĝ / m             b = Σ ĝ·x̂ / m          dx = ((ĝ − a) − x̂·b)·i
//!           running:         dx = (g·w)·i
//!           dw += g·x̂        db += g
//! ```
//!
//! Backward holds x̂ of one row besides the gradient: m elements of workspace.

use super::{Backward, Grads, Kept, Made, Owned, owned};
use crate::exec::base::meter::{Buffer, Meter};
use crate::exec::base::scalar::Scalar;
use crate::exec::base::tensor::Tensor;

/// Which elements are a row, and which learned number is theirs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rows {
    /// How many rows.
    pub(super) count: usize,
    /// A row is this many blocks.
    pub(super) blocks: usize,
    /// So many rows take turns, a block each in every round, before the next ones begin.
    pub(super) turns: usize,
    /// Elements of a block; they lie together.
    pub(super) block: usize,
    /// Elements that lie together and have the same weight and bias.
    pub(super) alike: usize,
    /// Added to the variance.
    pub(super) eps: f64,
}

impl Rows {
    /// A channel is a row, over batch and positions.
    pub(super) fn channels(shape: &[usize], eps: f64) -> Self {
        let positions = shape[2..].iter().product();
        let [count, blocks] = [shape[1], shape[0]];
        Self { count, blocks, turns: count, block: positions, alike: positions, eps }
    }

    /// Rows that lie one after the other.
    pub(super) fn following(count: usize, length: usize, alike: usize, eps: f64) -> Self {
        Self { count, blocks: 1, turns: 1, block: length, alike, eps }
    }

    /// A position of a sample is a row, over its channels.
    pub(super) fn positions(shape: &[usize], eps: f64) -> Self {
        let turns = shape[2..].iter().product();
        Self { count: shape[0] * turns, blocks: shape[1], turns, block: 1, alike: turns, eps }
    }

    /// Elements of a row.
    pub(super) fn length(&self) -> usize {
        self.blocks * self.block
    }

    /// The elements of a row in order.
    fn of(self, row: usize) -> impl Iterator<Item = usize> {
        (0..self.blocks).flat_map(move |n| {
            let (before, turn) = (row / self.turns, row % self.turns);
            let first = ((before * self.blocks + n) * self.turns + turn) * self.block;
            first..first + self.block
        })
    }

    /// The row's own mean and variance.
    fn own<S: Scalar>(self, x: &[S], row: usize) -> (S, S) {
        let m = number(self.length());
        let mean = self.of(row).fold(S::ZERO, |sum, i| sum.add(x[i])).div(m);
        let var = self.of(row).fold(S::ZERO, |sum, i| {
            let off = x[i].sub(mean);
            sum.add(off.mul(off))
        });
        (mean, var.div(m))
    }

    fn inverse<S: Scalar>(self, var: S) -> S {
        S::of(1.0).div(var.add(S::of(self.eps)).sqrt())
    }
}

/// A count as a number, free.
pub(super) fn number<S: Scalar>(n: usize) -> S {
    #[allow(clippy::cast_precision_loss, reason = "elements of a row")]
    S::of(n as f64)
}

/// The learned part of a normalisation. Its tensors are views of what the operator owns.
pub(super) struct Affine<S> {
    weight: Option<Tensor<S>>,
    bias: Option<Tensor<S>>,
}

impl<S: Scalar> Affine<S> {
    pub(super) fn new(all: &[Owned<S>]) -> Self {
        let find = |name| all.iter().find(|owned| owned.name == name);
        let view = |owned: &Owned<S>| owned.tensor().cloned();
        Self { weight: find("weight").and_then(view), bias: find("bias").and_then(view) }
    }

    /// The weight of an element, where there are weights.
    fn weigh(&self, rows: &Rows, i: usize, x: S) -> S {
        self.weight.as_ref().map_or(x, |w| x.mul(w.data()[i / rows.alike % w.len()]))
    }

    fn shift(&self, rows: &Rows, i: usize, x: S) -> S {
        self.bias.as_ref().map_or(x, |b| x.add(b.data()[i / rows.alike % b.len()]))
    }

    fn write(&self, rows: &Rows, row: usize, (mean, inverse): (S, S), x: &[S], y: &mut [S]) {
        for i in rows.of(row) {
            let normal = x[i].sub(mean).mul(inverse);
            y[i] = self.shift(rows, i, self.weigh(rows, i, normal));
        }
    }
}

/// What is kept of rows: their means.
pub(crate) const MEAN: &str = "mean";
/// Their inverse deviations.
pub(crate) const INVERSE: &str = "inverse standard deviation";

/// Forward with each row's own statistics, the rows in this order; `seen` is told mean and variance of each.
pub(super) fn forward_own<S: Scalar>(
    rows: Rows,
    order: impl Iterator<Item = usize>,
    x: &Tensor<S>,
    affine: &Affine<S>,
    (keep, meter): (bool, &Meter),
    mut seen: impl FnMut(usize, S, S),
) -> Made<S> {
    let mut y = Tensor::zeros(x.shape(), meter);
    let statistic = || keep.then(|| Tensor::<S>::zeros(&[rows.count], meter));
    let (mut means, mut inverses) = (statistic(), statistic());
    for row in order {
        let (mean, var) = rows.own(x.data(), row);
        seen(row, mean, var);
        let inverse = rows.inverse(var);
        for (kept, value) in [(&mut means, mean), (&mut inverses, inverse)] {
            if let Some(kept) = kept {
                kept.data_mut()[row] = value;
            }
        }
        affine.write(&rows, row, (mean, inverse), x.data(), y.data_mut());
    }
    let mut kept = Vec::new();
    if let (Some(means), Some(inverses)) = (means, inverses) {
        kept.push(Kept::Input(0));
        kept.push(Kept::Numbers(MEAN, means));
        kept.push(Kept::Numbers(INVERSE, inverses));
    }
    Made { outputs: vec![y], kept }
}

/// Forward with the running statistics, which are only read.
pub(super) fn forward_running<S: Scalar>(
    rows: Rows,
    x: &Tensor<S>,
    all: &[Owned<S>],
    (keep, meter): (bool, &Meter),
) -> Made<S> {
    let affine = Affine::new(all);
    let (means, vars) = (owned(all, "running_mean").data(), owned(all, "running_var").data());
    let mut y = Tensor::zeros(x.shape(), meter);
    let mut inverses = keep.then(|| Tensor::<S>::zeros(&[rows.count], meter));
    for (row, (mean, var)) in means.iter().zip(vars).enumerate() {
        let inverse = rows.inverse(*var);
        if let Some(kept) = &mut inverses {
            kept.data_mut()[row] = inverse;
        }
        affine.write(&rows, row, (*mean, inverse), x.data(), y.data_mut());
    }
    let mut kept = Vec::new();
    if let Some(inverses) = inverses {
        if affine.weight.is_some() {
            kept.push(Kept::Input(0));
        }
        kept.push(Kept::Numbers(INVERSE, inverses));
    }
    Made { outputs: vec![y], kept }
}

/// Backward; `running` says whether the running statistics were taken.
pub(super) fn backward<S: Scalar>(rows: Rows, running: bool, pass: &Backward<'_, S>) -> Grads<S> {
    let affine = Affine::new(pass.owned);
    let inverses = pass.numbers(INVERSE).data();
    let grad = pass.grad().data();
    let mut grads = Grads { inputs: Vec::new(), params: Vec::new() };
    // The workspace lives as long as the pass, so that what is held at once can be told.
    let scratch = if pass.want_inputs && !running { rows.length() } else { 0 };
    let mut normal = Buffer::full(scratch, S::ZERO, pass.meter);
    if pass.want_inputs {
        let mut dx = Tensor::<S>::zeros(&pass.shapes[0], pass.meter);
        let into = dx.data_mut();
        if running {
            for (row, inverse) in inverses.iter().enumerate() {
                for i in rows.of(row) {
                    into[i] = affine.weigh(&rows, i, grad[i]).mul(*inverse);
                }
            }
        } else {
            through_statistics(rows, &affine, pass, into, &mut normal);
        }
        grads.inputs.push(dx);
    }
    if pass.want_params {
        if let Some(weight) = &affine.weight {
            let means =
                if running { owned(pass.owned, "running_mean") } else { pass.numbers(MEAN) };
            let mut dw = Tensor::<S>::zeros(weight.shape(), pass.meter);
            for (row, (mean, inverse)) in means.data().iter().zip(inverses).enumerate() {
                for i in rows.of(row) {
                    let normal = pass.input().data()[i].sub(*mean).mul(*inverse);
                    let into = &mut dw.data_mut()[i / rows.alike % weight.len()];
                    *into = into.add(grad[i].mul(normal));
                }
            }
            grads.params.push(dw);
        }
        if let Some(bias) = &affine.bias {
            let mut db = Tensor::<S>::zeros(bias.shape(), pass.meter);
            for (i, g) in grad.iter().enumerate() {
                let into = &mut db.data_mut()[i / rows.alike % bias.len()];
                *into = into.add(*g);
            }
            grads.params.push(db);
        }
    }
    grads
}

/// The gradient of the input where mean and variance are the row's own: they depend on it too.
fn through_statistics<S: Scalar>(
    rows: Rows,
    affine: &Affine<S>,
    pass: &Backward<'_, S>,
    into: &mut [S],
    normal: &mut [S],
) {
    let (x, grad) = (pass.input().data(), pass.grad().data());
    let m = number(rows.length());
    let statistics = pass.numbers(MEAN).data().iter().zip(pass.numbers(INVERSE).data());
    for (row, (mean, inverse)) in statistics.enumerate() {
        let (mut sum, mut product) = (S::ZERO, S::ZERO);
        for (k, i) in rows.of(row).enumerate() {
            normal[k] = x[i].sub(*mean).mul(*inverse);
            into[i] = affine.weigh(&rows, i, grad[i]);
            sum = sum.add(into[i]);
            product = product.add(into[i].mul(normal[k]));
        }
        let (a, b) = (sum.div(m), product.div(m));
        for (k, i) in rows.of(row).enumerate() {
            into[i] = into[i].sub(a).sub(normal[k].mul(b)).mul(*inverse);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two samples of three channels at two positions.
    #[test]
    fn rows_hold_every_element_once() {
        let shape = [2, 3, 2];
        let row = |rows: Rows, row| rows.of(row).collect::<Vec<_>>();
        assert_eq!(row(Rows::channels(&shape, 0.0), 1), [2, 3, 8, 9]);
        assert_eq!(row(Rows::following(4, 3, 1, 0.0), 1), [3, 4, 5]);
        assert_eq!(row(Rows::positions(&shape, 0.0), 1), [1, 3, 5]);
        assert_eq!(row(Rows::positions(&shape, 0.0), 2), [6, 8, 10]);
    }
}
