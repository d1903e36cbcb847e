//! Activations: one function applied to every element by itself.
//!
//! ```text
//! forward   y = f(x)
//! backward  dx from g and what was kept, x or y
//! ```
//!
//! The formulas are those of the table in `ops/activation.rs`, in the same order. σ(x) is 1/(1 + exp(−x)).

use super::{Backward, Forward, Grads, Init, Kept, Kernel, Made, Owned};
use crate::exec::base::scalar::Scalar;
use crate::exec::base::tensor::Tensor;
use crate::ops::activation::Approximate;
use crate::ops::{
    Abs, Celu, Elu, Gelu, HardSigmoid, HardSwish, HardTanh, LeakyRelu, LogSigmoid, Mish, Relu,
    Relu6, Selu, Sigmoid, Silu, Softplus, Softsign, Tanh,
};

/// What a gradient reads besides the gradient of the output.
enum Reads {
    X,
    Y,
}

/// A function of one element.
trait Pointwise {
    const READS: Reads;
    fn y<S: Scalar>(&self, x: S) -> S;
    /// The gradient from the output's, `g`, and what it reads.
    fn dx<S: Scalar>(&self, g: S, read: S) -> S;
}

impl<P: Pointwise> Kernel for P {
    fn init<S: Scalar>(&self, _: &[&[usize]], _: &mut Init<'_>) -> Vec<Owned<S>> {
        Vec::new()
    }

    fn forward<S: Scalar>(&self, pass: Forward<'_, S>) -> Made<S> {
        let x = &pass.inputs[0];
        let mut y = Tensor::<S>::zeros(x.shape(), pass.meter);
        for (y, x) in y.data_mut().iter_mut().zip(x.data()) {
            *y = self.y(*x);
        }
        let kept = match P::READS {
            Reads::X => Kept::Input(0),
            Reads::Y => Kept::Output(0),
        };
        Made { outputs: vec![y], kept: pass.kept([kept]) }
    }

    fn backward<S: Scalar>(&self, pass: Backward<'_, S>) -> Grads<S> {
        if !pass.want_inputs {
            return Grads::of_input(None);
        }
        let read = match P::READS {
            Reads::X => pass.input(),
            Reads::Y => pass.output(),
        };
        let mut dx = Tensor::<S>::zeros(&pass.shapes[0], pass.meter);
        let all = pass.grad().data().iter().zip(read.data());
        for (dx, (g, read)) in dx.data_mut().iter_mut().zip(all) {
            *dx = self.dx(*g, *read);
        }
        Grads::of_input(Some(dx))
    }
}

fn one<S: Scalar>() -> S {
    S::of(1.0)
}

fn sigmoid<S: Scalar>(x: S) -> S {
    one::<S>().div(one::<S>().add(x.neg().exp()))
}

fn absolute<S: Scalar>(x: S) -> S {
    x.max(x.neg())
}

/// Whether a number is strictly between two: both are compared.
fn between<S: Scalar>(low: f64, x: S, high: f64) -> bool {
    x.above(S::of(low)) & S::of(high).above(x)
}

/// One of two numbers, both of which are there.
fn choose<S>(first: bool, one: S, other: S) -> S {
    if first { one } else { other }
}

impl Pointwise for Relu {
    const READS: Reads = Reads::Y;
    fn y<S: Scalar>(&self, x: S) -> S {
        x.max(S::ZERO)
    }
    fn dx<S: Scalar>(&self, g: S, y: S) -> S {
        choose(y.above(S::ZERO), g, S::ZERO)
    }
}

impl Pointwise for Relu6 {
    const READS: Reads = Reads::Y;
    fn y<S: Scalar>(&self, x: S) -> S {
        x.max(S::ZERO).min(S::of(6.0))
    }
    fn dx<S: Scalar>(&self, g: S, y: S) -> S {
        choose(between(0.0, y, 6.0), g, S::ZERO)
    }
}

impl Pointwise for LeakyRelu {
    const READS: Reads = Reads::X;
    fn y<S: Scalar>(&self, x: S) -> S {
        let below = S::of(self.negative_slope).mul(x);
        choose(x.above(S::ZERO), x, below)
    }
    fn dx<S: Scalar>(&self, g: S, x: S) -> S {
        g.mul(choose(x.above(S::ZERO), one(), S::of(self.negative_slope)))
    }
}

impl Pointwise for Elu {
    const READS: Reads = Reads::X;
    fn y<S: Scalar>(&self, x: S) -> S {
        let below = S::of(self.alpha).mul(x.exp().sub(one()));
        choose(x.above(S::ZERO), x, below)
    }
    fn dx<S: Scalar>(&self, g: S, x: S) -> S {
        let below = S::of(self.alpha).mul(x.exp());
        g.mul(choose(x.above(S::ZERO), one(), below))
    }
}

/// The fixed points of SELU, as torch has them.
const SELU_ALPHA: f64 = 1.673_263_242_354_377_2;
const SELU_SCALE: f64 = 1.050_700_987_355_480_5;

impl Pointwise for Selu {
    const READS: Reads = Reads::X;
    fn y<S: Scalar>(&self, x: S) -> S {
        let (above, below) = (S::of(SELU_SCALE).mul(x), x.exp().sub(one()));
        choose(x.above(S::ZERO), above, S::of(SELU_SCALE * SELU_ALPHA).mul(below))
    }
    fn dx<S: Scalar>(&self, g: S, x: S) -> S {
        let below = S::of(SELU_SCALE * SELU_ALPHA).mul(x.exp());
        g.mul(choose(x.above(S::ZERO), S::of(SELU_SCALE), below))
    }
}

impl Pointwise for Celu {
    const READS: Reads = Reads::X;
    fn y<S: Scalar>(&self, x: S) -> S {
        let below = S::of(self.alpha).mul(x.mul(S::of(1.0 / self.alpha)).exp().sub(one()));
        choose(x.above(S::ZERO), x, below)
    }
    fn dx<S: Scalar>(&self, g: S, x: S) -> S {
        let below = x.mul(S::of(1.0 / self.alpha)).exp();
        g.mul(choose(x.above(S::ZERO), one(), below))
    }
}

/// √(2/π), and the weight of the cube in GELU's approximation.
const ROOT: f64 = 0.797_884_560_802_865_4;
const CUBE: f64 = 0.044_715;

impl Pointwise for Gelu {
    const READS: Reads = Reads::X;
    fn y<S: Scalar>(&self, x: S) -> S {
        let half = S::of(0.5).mul(x);
        let to_one = match self.approximate {
            Approximate::None => x.mul(S::of(std::f64::consts::FRAC_1_SQRT_2)).erf(),
            Approximate::Tanh => S::of(ROOT).mul(x.add(S::of(CUBE).mul(x).mul(x).mul(x))).tanh(),
        };
        half.mul(one::<S>().add(to_one))
    }
    fn dx<S: Scalar>(&self, g: S, x: S) -> S {
        let square = x.mul(x);
        let slope = match self.approximate {
            Approximate::None => {
                let up_to = one::<S>().add(x.mul(S::of(std::f64::consts::FRAC_1_SQRT_2)).erf());
                let density = S::of(-0.5).mul(square).exp().mul(S::of(0.5 * ROOT));
                S::of(0.5).mul(up_to).add(x.mul(density))
            }
            Approximate::Tanh => {
                let t = S::of(ROOT).mul(x.add(S::of(CUBE).mul(square).mul(x))).tanh();
                let inner = S::of(ROOT).add(S::of(3.0 * CUBE * ROOT).mul(square));
                let rise = S::of(0.5).mul(x).mul(one::<S>().sub(t.mul(t))).mul(inner);
                S::of(0.5).mul(one::<S>().add(t)).add(rise)
            }
        };
        g.mul(slope)
    }
}

impl Pointwise for Silu {
    const READS: Reads = Reads::X;
    fn y<S: Scalar>(&self, x: S) -> S {
        x.mul(sigmoid(x))
    }
    fn dx<S: Scalar>(&self, g: S, x: S) -> S {
        let s = sigmoid(x);
        g.mul(s.mul(one::<S>().add(x.mul(one::<S>().sub(s)))))
    }
}

impl Mish {
    fn tanh<S: Scalar>(x: S) -> S {
        one::<S>().add(x.exp()).ln().tanh()
    }
}

impl Pointwise for Mish {
    const READS: Reads = Reads::X;
    fn y<S: Scalar>(&self, x: S) -> S {
        x.mul(Self::tanh(x))
    }
    fn dx<S: Scalar>(&self, g: S, x: S) -> S {
        let t = Self::tanh(x);
        g.mul(t.add(x.mul(one::<S>().sub(t.mul(t))).mul(sigmoid(x))))
    }
}

impl Pointwise for Sigmoid {
    const READS: Reads = Reads::Y;
    fn y<S: Scalar>(&self, x: S) -> S {
        sigmoid(x)
    }
    fn dx<S: Scalar>(&self, g: S, y: S) -> S {
        g.mul(y).mul(one::<S>().sub(y))
    }
}

impl Pointwise for Tanh {
    const READS: Reads = Reads::Y;
    fn y<S: Scalar>(&self, x: S) -> S {
        x.tanh()
    }
    fn dx<S: Scalar>(&self, g: S, y: S) -> S {
        g.mul(one::<S>().sub(y.mul(y)))
    }
}

impl Pointwise for LogSigmoid {
    const READS: Reads = Reads::X;
    fn y<S: Scalar>(&self, x: S) -> S {
        x.min(S::ZERO).sub(one::<S>().add(absolute(x).neg().exp()).ln())
    }
    fn dx<S: Scalar>(&self, g: S, x: S) -> S {
        g.mul(sigmoid(x.neg()))
    }
}

impl Pointwise for Softplus {
    const READS: Reads = Reads::X;
    fn y<S: Scalar>(&self, x: S) -> S {
        let b = S::of(self.beta).mul(x);
        let bent = S::of(1.0 / self.beta).mul(one::<S>().add(b.exp()).ln());
        choose(b.above(S::of(self.threshold)), x, bent)
    }
    fn dx<S: Scalar>(&self, g: S, x: S) -> S {
        let b = S::of(self.beta).mul(x);
        let bent = sigmoid(b);
        g.mul(choose(b.above(S::of(self.threshold)), one(), bent))
    }
}

impl Pointwise for Softsign {
    const READS: Reads = Reads::X;
    fn y<S: Scalar>(&self, x: S) -> S {
        x.div(one::<S>().add(absolute(x)))
    }
    fn dx<S: Scalar>(&self, g: S, x: S) -> S {
        let d = one::<S>().add(absolute(x));
        g.div(d.mul(d))
    }
}

impl Pointwise for HardTanh {
    const READS: Reads = Reads::Y;
    fn y<S: Scalar>(&self, x: S) -> S {
        x.max(S::of(self.min_val)).min(S::of(self.max_val))
    }
    fn dx<S: Scalar>(&self, g: S, y: S) -> S {
        choose(between(self.min_val, y, self.max_val), g, S::ZERO)
    }
}

/// Six times the sigmoid in three straight pieces.
fn hard<S: Scalar>(x: S) -> S {
    x.add(S::of(3.0)).max(S::ZERO).min(S::of(6.0))
}

impl Pointwise for HardSigmoid {
    const READS: Reads = Reads::X;
    fn y<S: Scalar>(&self, x: S) -> S {
        hard(x).mul(S::of(1.0 / 6.0))
    }
    fn dx<S: Scalar>(&self, g: S, x: S) -> S {
        let inside = g.mul(S::of(1.0 / 6.0));
        choose(between(-3.0, x, 3.0), inside, S::ZERO)
    }
}

impl Pointwise for HardSwish {
    const READS: Reads = Reads::X;
    fn y<S: Scalar>(&self, x: S) -> S {
        x.mul(hard(x).mul(S::of(1.0 / 6.0)))
    }
    fn dx<S: Scalar>(&self, g: S, x: S) -> S {
        let inside = g.mul(x.mul(S::of(1.0 / 3.0)).add(S::of(0.5)));
        let (above, below) = (x.above(S::of(-3.0)), S::of(3.0).above(x));
        choose(above, choose(below, inside, g), S::ZERO)
    }
}

impl Pointwise for Abs {
    const READS: Reads = Reads::X;
    fn y<S: Scalar>(&self, x: S) -> S {
        absolute(x)
    }
    fn dx<S: Scalar>(&self, g: S, x: S) -> S {
        let (above, below) = (x.above(S::ZERO), S::ZERO.above(x));
        choose(above, g, choose(below, g.neg(), S::ZERO))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slope_of_an_absolute_value_is_its_sign() {
        let slope = |x: f64| format!("{:?}", Abs {}.dx(3.0, x));
        assert_eq!([-2.0, 0.0, -0.0, 0.5].map(slope), ["-3.0", "0.0", "0.0", "3.0"]);
    }
}
