//! Fully connected layers on products. What is long, features, lies along the rows of what is multiplied; the few rows of a
//! small batch are multiplied into columns first, which are transposed afterwards. Each product is split outside.
//!
//! ```text
//! forward   few rows:  yᵀ (O×R) = w (O×I) · xᵀ, transposed      many rows:  y (R×O) = x (R×I) · wᵀ
//! backward  dx (R×I) = g (R×O) · w (O×I)                    dw (O×I) = gᵀ (O×R) · x (R×I)
//! ```

use super::kernel::{Fast, FastOptions, block};
use crate::exec::base::matmul::{Matrix, MatrixMut, Native, Write};
use crate::exec::base::parallel;
use crate::exec::base::scalar::Scalar;
use crate::exec::base::tensor::Tensor;
use crate::exec::kernels::Scratch;
use crate::exec::kernels::{Backward, Forward, Grads, Kept, Made, owned};
use crate::ops::{Linear, Mode};

/// Rows from which on the weight is worth being copied into the product's own order.
const MANY: usize = 64;
/// Rows of a product below which it is not cut there.
const LOW: usize = 16;
/// Columns below which a product is not cut there: some pages of each row of the weight.
const WIDE: usize = 2048;
/// Columns come in multiples of it: whole lines of the cache.
const UNIT: usize = 64;

/// `into = a·b`, or `into += a·b`, cut into parts of some rows, and of some columns where the rows are few.
fn multiply<S: Scalar>(
    native: &Native<S>,
    into: &mut [S],
    (a, b): (Matrix<'_, S>, Matrix<'_, S>),
    write: Write,
) {
    let ([rows, inner], [_, cols]) = (a.sizes(), b.sizes());
    let pieces =
        parallel::pieces([rows, inner, cols].into_iter().fold(1, usize::saturating_mul), 1);
    let down = pieces.min(rows / LOW).max(1);
    let across = pieces.div_ceil(down).min(cols / WIDE).max(1);
    let (high, wide) = (parallel::piece(rows, down, 1), parallel::piece(cols, across, UNIT));
    let parts = MatrixMut::new(into, rows, cols, cols).cut(high, wide);
    parallel::run(parts, &mut [] as &mut [S], 0, |(row, col, mut into), _| {
        let [high, wide] = into.sizes();
        native.product(
            &mut into,
            a.part(row, 0, [high, inner]),
            b.part(0, col, [inner, wide]),
            write,
        );
    });
}

impl Fast for Linear {
    fn covers(&self, _: &[&[usize]]) -> bool {
        true
    }

    fn scratch(&self, inputs: &[&[usize]], _: Mode, _: FastOptions) -> Scratch {
        let rows: usize = inputs[0].iter().rev().skip(1).product();
        let outs = usize::try_from(self.out_features).unwrap_or(usize::MAX);
        let transposed = 1 < rows && rows < MANY;
        let forward = if transposed { rows.saturating_mul(outs) } else { 0 };
        Scratch { forward, ..Scratch::default() }
    }

    fn forward<S: Scalar>(
        &self,
        pass: Forward<'_, S>,
        native: &Native<S>,
        options: FastOptions,
    ) -> Made<S> {
        let (x, weight) = (&pass.inputs[0], owned(pass.owned, "weight"));
        let [outs, ins] = *weight.shape() else { unreachable!("a weight has two axes") };
        let bias = self.bias.then(|| owned(pass.owned, "bias").data());
        let mut shape = x.shape().to_vec();
        shape.pop();
        let rows: usize = shape.iter().product();
        shape.push(outs);
        let mut y = Tensor::<S>::uninit(&shape, pass.meter);
        let scratch = self.scratch(&[x.shape()], pass.mode, options);
        let mut transposed = block(scratch.forward, pass.meter);
        let x = Matrix::rows(x.data(), rows, ins);
        let weight = Matrix::rows(weight.data(), outs, ins);
        let out = y.data_mut();
        if let (Some(bias), true) = (bias, transposed.is_empty()) {
            out.chunks_exact_mut(outs).for_each(|row| row.copy_from_slice(bias));
        }
        let write = if bias.is_some() { Write::Add } else { Write::Over };
        if rows == 1 {
            multiply(native, out, (weight, x.transposed()), write);
        } else if transposed.is_empty() {
            multiply(native, out, (x, weight.transposed()), write);
        } else {
            multiply(native, &mut transposed, (weight, x.transposed()), Write::Over);
            for (r, row) in out.chunks_exact_mut(outs).enumerate() {
                let column = transposed[r..].iter().step_by(rows);
                match bias {
                    Some(bias) => row
                        .iter_mut()
                        .zip(column.zip(bias))
                        .for_each(|(y, (sum, bias))| *y = sum.add(*bias)),
                    None => row.iter_mut().zip(column).for_each(|(y, sum)| *y = *sum),
                }
            }
        }
        Made { outputs: vec![y], kept: pass.kept([Kept::Input(0)]) }
    }

    fn backward<S: Scalar>(
        &self,
        pass: Backward<'_, S>,
        native: &Native<S>,
        _: FastOptions,
    ) -> Grads<S> {
        let (x, weight) = (pass.input(), owned(pass.owned, "weight"));
        let [outs, ins] = *weight.shape() else { unreachable!("a weight has two axes") };
        let g = pass.grad().data();
        let rows = g.len() / outs;
        let mut grads = Grads { inputs: Vec::new(), params: Vec::new() };
        let g = Matrix::rows(g, rows, outs);
        if pass.want_inputs {
            let mut dx = Tensor::<S>::uninit(&pass.shapes[0], pass.meter);
            let weight = Matrix::rows(weight.data(), outs, ins);
            multiply(native, dx.data_mut(), (g, weight), Write::Over);
            grads.inputs.push(dx);
        }
        if pass.want_params {
            let mut dw = Tensor::<S>::uninit(weight.shape(), pass.meter);
            let x = Matrix::rows(x.data(), rows, ins);
            multiply(native, dw.data_mut(), (g.transposed(), x), Write::Over);
            grads.params.push(dw);
            if self.bias {
                let mut db = Tensor::<S>::zeros(&[outs], pass.meter);
                let sums = db.data_mut();
                for g in pass.grad().data().chunks_exact(outs) {
                    sums.iter_mut().zip(g).for_each(|(db, g)| *db = db.add(*g));
                }
                grads.params.push(db);
            }
        }
        grads
    }
}
