//! A fully connected layer: every row of the input times every row of the weight.
//!
//! ```text
//! forward   y[r, o]  = Σ_i x[r, i] · w[o, i] + b[o]
//! backward  dx[r, i] = Σ_o g[r, o] · w[o, i]      dw[o, i] = Σ_r g[r, o] · x[r, i]      db[o] = Σ_r g[r, o]
//! ```
//!
//! A row is a position of all axes but the last.

use super::{Backward, Forward, Grads, Init, Kept, Kernel, Made, Owned, owned};
use crate::exec::base::scalar::Scalar;
use crate::exec::base::tensor::Tensor;
use crate::ops::Linear;

/// The size of the last axis.
fn features(shape: &[usize]) -> usize {
    shape[shape.len() - 1]
}

impl Kernel for Linear {
    fn init<S: Scalar>(&self, inputs: &[&[usize]], init: &mut Init<'_>) -> Vec<Owned<S>> {
        let ins = features(inputs[0]);
        let outs = usize::try_from(self.out_features).expect("sizes that fit memory");
        let mut owned = vec![Owned::parameter("weight", init.weight(&[outs, ins], ins))];
        if self.bias {
            owned.push(Owned::parameter("bias", init.bias(outs, ins)));
        }
        owned
    }

    fn forward<S: Scalar>(&self, pass: Forward<'_, S>) -> Made<S> {
        let (x, weight) = (&pass.inputs[0], owned(pass.owned, "weight"));
        let (ins, outs) = (features(x.shape()), weight.shape()[0]);
        let mut shape = x.shape().to_vec();
        *shape.last_mut().expect("an axis of features") = outs;
        let mut y = Tensor::<S>::zeros(&shape, pass.meter);
        for (x, y) in x.data().chunks_exact(ins).zip(y.data_mut().chunks_exact_mut(outs)) {
            for (y, w) in y.iter_mut().zip(weight.data().chunks_exact(ins)) {
                for (x, w) in x.iter().zip(w) {
                    *y = y.mac(*x, *w);
                }
            }
            if self.bias {
                for (y, b) in y.iter_mut().zip(owned(pass.owned, "bias").data()) {
                    *y = y.add(*b);
                }
            }
        }
        Made { outputs: vec![y], kept: pass.kept([Kept::Input(0)]) }
    }

    fn backward<S: Scalar>(&self, pass: Backward<'_, S>) -> Grads<S> {
        let (x, grad, weight) = (pass.input(), pass.grad(), owned(pass.owned, "weight"));
        let (ins, outs) = (features(x.shape()), weight.shape()[0]);
        let mut grads = Grads { inputs: Vec::new(), params: Vec::new() };
        if pass.want_inputs {
            let mut dx = Tensor::<S>::zeros(&pass.shapes[0], pass.meter);
            for (dx, g) in dx.data_mut().chunks_exact_mut(ins).zip(grad.data().chunks_exact(outs)) {
                for (g, w) in g.iter().zip(weight.data().chunks_exact(ins)) {
                    for (dx, w) in dx.iter_mut().zip(w) {
                        *dx = dx.mac(*g, *w);
                    }
                }
            }
            grads.inputs.push(dx);
        }
        if pass.want_params {
            let mut dw = Tensor::<S>::zeros(weight.shape(), pass.meter);
            for (x, g) in x.data().chunks_exact(ins).zip(grad.data().chunks_exact(outs)) {
                for (dw, g) in dw.data_mut().chunks_exact_mut(ins).zip(g) {
                    for (dw, x) in dw.iter_mut().zip(x) {
                        *dw = dw.mac(*g, *x);
                    }
                }
            }
            grads.params.push(dw);
            if self.bias {
                let mut db = Tensor::<S>::zeros(&[outs], pass.meter);
                for g in grad.data().chunks_exact(outs) {
                    for (db, g) in db.data_mut().iter_mut().zip(g) {
                        *db = db.add(*g);
                    }
                }
                grads.params.push(db);
            }
        }
        grads
    }
}
