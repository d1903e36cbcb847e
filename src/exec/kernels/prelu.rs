//! Rectifier with learned slopes for negative numbers: one w, or one a channel.
//!
//! ```text
//! forward   y = x if x > 0 else w·x
//! backward  dx = g·(1 if x > 0 else w)      dw += 0 if x > 0 else g·x
//! ```

use super::{Backward, Forward, Grads, Init, Kept, Kernel, Made, Owned, owned};
use crate::exec::base::scalar::Scalar;
use crate::exec::base::tensor::Tensor;
use crate::ops::PRelu;

impl PRelu {
    /// Elements that lie together and have one slope.
    fn alike(&self, shape: &[usize]) -> usize {
        if self.num_parameters == 1 { 1 } else { shape[2..].iter().product() }
    }
}

impl Kernel for PRelu {
    fn init<S: Scalar>(&self, _: &[&[usize]], init: &mut Init<'_>) -> Vec<Owned<S>> {
        let slopes = usize::try_from(self.num_parameters).expect("sizes that fit memory");
        vec![Owned::parameter("weight", init.constant(&[slopes], self.init))]
    }

    fn forward<S: Scalar>(&self, pass: Forward<'_, S>) -> Made<S> {
        let (x, weight) = (&pass.inputs[0], owned(pass.owned, "weight").data());
        let alike = self.alike(x.shape());
        let mut y = Tensor::<S>::zeros(x.shape(), pass.meter);
        for (i, (y, x)) in y.data_mut().iter_mut().zip(x.data()).enumerate() {
            let below = weight[i / alike % weight.len()].mul(*x);
            *y = if x.above(S::ZERO) { *x } else { below };
        }
        Made { outputs: vec![y], kept: pass.kept([Kept::Input(0)]) }
    }

    fn backward<S: Scalar>(&self, pass: Backward<'_, S>) -> Grads<S> {
        let (x, grad) = (pass.input().data(), pass.grad().data());
        let weight = owned(pass.owned, "weight");
        let alike = self.alike(&pass.shapes[0]);
        let mut grads = Grads { inputs: Vec::new(), params: Vec::new() };
        if pass.want_inputs {
            let mut dx = Tensor::<S>::zeros(&pass.shapes[0], pass.meter);
            for (i, dx) in dx.data_mut().iter_mut().enumerate() {
                let slope = weight.data()[i / alike % weight.len()];
                *dx = grad[i].mul(if x[i].above(S::ZERO) { S::of(1.0) } else { slope });
            }
            grads.inputs.push(dx);
        }
        if pass.want_params {
            let mut dw = Tensor::<S>::zeros(weight.shape(), pass.meter);
            for (i, (x, g)) in x.iter().zip(grad).enumerate() {
                let below = g.mul(*x);
                let into = &mut dw.data_mut()[i / alike % weight.len()];
                *into = into.add(if x.above(S::ZERO) { S::ZERO } else { below });
            }
            grads.params.push(dw);
        }
        grads
    }
}
