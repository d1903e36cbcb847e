//! Activations: one function applied to every number by itself, and its gradient, without a branch that depends on data.
//!
//! ```text
//! y = f(x)      dx from g and what the gradient reads, x or y
//! ```
//!
//! The formulas are the reference's; exponentials are those of `special`. It may use `kernels`, `scalar` and `tensor`.

#![allow(
    clippy::inline_always,
    reason = "what is inlined is compiled for the machine that it runs on"
)]

use super::kernel::{Fast, FastOptions};
use super::special::{erf, exp, sigmoid, tanh};
use crate::exec::base::matmul::Native;
use crate::exec::base::parallel;
use crate::exec::base::scalar::Scalar;
use crate::exec::base::simd::{self, Loop};
use crate::exec::base::tensor::Tensor;
use crate::exec::kernels::Scratch;
use crate::exec::kernels::{Backward, Forward, Grads, Kept, Made};
use crate::ops::activation::Approximate;
use crate::ops::{Gelu, HardSigmoid, HardSwish, LeakyRelu, Mode, Relu, Relu6, Sigmoid, Silu, Tanh};

/// What a gradient reads besides the gradient of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reads {
    X,
    Y,
}

/// A function of one number. What it calls is inlined, so that loops are compiled as wide as they run.
trait Pointwise: Sync {
    const READS: Reads;
    fn y<S: Scalar>(&self, x: S) -> S;
    /// The gradient from the output's, `g`, and what it reads.
    fn dx<S: Scalar>(&self, g: S, read: S) -> S;
}

struct Values<'a, P, S> {
    function: &'a P,
    x: &'a [S],
    y: &'a mut [S],
}

impl<P: Pointwise, S: Scalar> Loop for Values<'_, P, S> {
    type Out = ();
    #[inline(always)]
    fn run(self) {
        for (y, x) in self.y.iter_mut().zip(self.x) {
            *y = self.function.y(*x);
        }
    }
}

struct Slopes<'a, P, S> {
    function: &'a P,
    g: &'a [S],
    read: &'a [S],
    dx: &'a mut [S],
}

impl<P: Pointwise, S: Scalar> Loop for Slopes<'_, P, S> {
    type Out = ();
    #[inline(always)]
    fn run(self) {
        for (dx, (g, read)) in self.dx.iter_mut().zip(self.g.iter().zip(self.read)) {
            *dx = self.function.dx(*g, *read);
        }
    }
}

fn forward<S: Scalar, P: Pointwise>(function: &P, pass: &Forward<'_, S>) -> Made<S> {
    let x = &pass.inputs[0];
    let mut y = Tensor::<S>::uninit(x.shape(), pass.meter);
    let from = x.data();
    parallel::numbers(y.data_mut(), |first, y| {
        simd::run(Values { function, x: &from[first..][..y.len()], y });
    });
    let kept = match P::READS {
        Reads::X => Kept::Input(0),
        Reads::Y => Kept::Output(0),
    };
    Made { outputs: vec![y], kept: pass.kept([kept]) }
}

fn backward<S: Scalar, P: Pointwise>(function: &P, pass: &Backward<'_, S>) -> Grads<S> {
    if !pass.want_inputs {
        return Grads::of_input(None);
    }
    let read = match P::READS {
        Reads::X => pass.input().data(),
        Reads::Y => pass.output().data(),
    };
    let g = pass.grad().data();
    let mut dx = Tensor::<S>::uninit(&pass.shapes[0], pass.meter);
    parallel::numbers(dx.data_mut(), |first, dx| {
        let all = first..first + dx.len();
        simd::run(Slopes { function, g: &g[all.clone()], read: &read[all], dx });
    });
    Grads::of_input(Some(dx))
}

/// The `Fast` of operators by the functions that they are.
macro_rules! fast_activations {
    ($($Name:ident)*) => {
        $(impl Fast for $Name {
            fn covers(&self, _: &[&[usize]]) -> bool {
                true
            }
            fn scratch(&self, _: &[&[usize]], _: Mode, _: FastOptions) -> Scratch {
                Scratch::default()
            }
            fn forward<S: Scalar>(&self, pass: Forward<'_, S>, _: &Native<S>, _: FastOptions) -> Made<S> {
                forward(self, &pass)
            }
            fn backward<S: Scalar>(&self, pass: Backward<'_, S>, _: &Native<S>, _: FastOptions) -> Grads<S> {
                backward(self, &pass)
            }
        })*
    };
}

fast_activations! { HardSigmoid HardSwish LeakyRelu Relu Relu6 Sigmoid Silu Tanh }

impl Fast for Gelu {
    fn covers(&self, _: &[&[usize]]) -> bool {
        true
    }

    fn scratch(&self, _: &[&[usize]], _: Mode, _: FastOptions) -> Scratch {
        Scratch::default()
    }

    fn forward<S: Scalar>(&self, pass: Forward<'_, S>, _: &Native<S>, _: FastOptions) -> Made<S> {
        match self.approximate {
            Approximate::None => forward(&GeluErf, &pass),
            Approximate::Tanh => forward(&GeluTanh, &pass),
        }
    }

    fn backward<S: Scalar>(
        &self,
        pass: Backward<'_, S>,
        _: &Native<S>,
        _: FastOptions,
    ) -> Grads<S> {
        match self.approximate {
            Approximate::None => backward(&GeluErf, &pass),
            Approximate::Tanh => backward(&GeluTanh, &pass),
        }
    }
}

/// GELU with the error function.
struct GeluErf;

/// GELU with a hyperbolic tangent in its place.
struct GeluTanh;

/// A constant.
#[inline(always)]
fn c<S: Scalar>(value: f64) -> S {
    S::of(value)
}

/// Whether a number is strictly between two: both are compared.
#[inline(always)]
fn between<S: Scalar>(low: f64, x: S, high: f64) -> bool {
    x.above(c(low)) & c::<S>(high).above(x)
}

macro_rules! pointwise {
    ($Name:ident $(($op:ident))?, y($x:ident) $y:expr, dx($g:ident, $read:ident: $reads:ident) $dx:expr) => {
        impl Pointwise for $Name {
            const READS: Reads = Reads::$reads;
            #[inline(always)]
            fn y<S: Scalar>(&self, $x: S) -> S {
                $(let $op = self;)?
                $y
            }
            #[inline(always)]
            fn dx<S: Scalar>(&self, $g: S, $read: S) -> S {
                $(let $op = self;)?
                $dx
            }
        }
    };
}

pointwise!(Relu, y(x) x.max(S::ZERO), dx(g, y: Y) S::choose(y.above(S::ZERO), g, S::ZERO));

pointwise!(
    Relu6,
    y(x) x.max(S::ZERO).min(c(6.0)),
    dx(g, y: Y) S::choose(between(0.0, y, 6.0), g, S::ZERO)
);

pointwise!(
    LeakyRelu(op),
    y(x) S::choose(x.above(S::ZERO), x, c::<S>(op.negative_slope).mul(x)),
    dx(g, x: X) g.mul(S::choose(x.above(S::ZERO), c(1.0), c(op.negative_slope)))
);

pointwise!(
    Silu,
    y(x) x.mul(sigmoid(x)),
    dx(g, x: X) {
        let s = sigmoid(x);
        g.mul(s.mul(c::<S>(1.0).add(x.mul(c::<S>(1.0).sub(s)))))
    }
);

/// Six times the sigmoid in three straight pieces.
#[inline(always)]
fn hard<S: Scalar>(x: S) -> S {
    x.add(c(3.0)).max(S::ZERO).min(c(6.0))
}

pointwise!(
    HardSwish,
    y(x) x.mul(hard(x).mul(c(1.0 / 6.0))),
    dx(g, x: X) {
        let inside = g.mul(x.mul(c(1.0 / 3.0)).add(c(0.5)));
        let below = S::choose(c::<S>(3.0).above(x), inside, g);
        S::choose(x.above(c(-3.0)), below, S::ZERO)
    }
);

pointwise!(
    HardSigmoid,
    y(x) hard(x).mul(c(1.0 / 6.0)),
    dx(g, x: X) S::choose(between(-3.0, x, 3.0), g.mul(c(1.0 / 6.0)), S::ZERO)
);

pointwise!(Sigmoid, y(x) sigmoid(x), dx(g, y: Y) g.mul(y).mul(c::<S>(1.0).sub(y)));

pointwise!(Tanh, y(x) tanh(x), dx(g, y: Y) g.mul(c::<S>(1.0).sub(y.mul(y))));

/// √(2/π), and the weight of the cube in GELU's approximation.
const ROOT: f64 = 0.797_884_560_802_865_4;
const CUBE: f64 = 0.044_715;

pointwise!(
    GeluErf,
    y(x) {
        let to_one = erf(x.mul(c(std::f64::consts::FRAC_1_SQRT_2)));
        c::<S>(0.5).mul(x).mul(c::<S>(1.0).add(to_one))
    },
    dx(g, x: X) {
        let up_to = c::<S>(1.0).add(erf(x.mul(c(std::f64::consts::FRAC_1_SQRT_2))));
        let density = exp(c::<S>(-0.5).mul(x.mul(x))).mul(c(0.5 * ROOT));
        g.mul(c::<S>(0.5).mul(up_to).add(x.mul(density)))
    }
);

pointwise!(
    GeluTanh,
    y(x) {
        let to_one = tanh(c::<S>(ROOT).mul(x.add(c::<S>(CUBE).mul(x).mul(x).mul(x))));
        c::<S>(0.5).mul(x).mul(c::<S>(1.0).add(to_one))
    },
    dx(g, x: X) {
        // With e = exp(−2u): (1 + tanh u)/2 = s = 1/(1 + e), (1 − tanh² u)/4 = e·s·s. Taken from 1, it would lose its digits.
        let square = x.mul(x);
        let u = c::<S>(ROOT).mul(x.add(c::<S>(CUBE).mul(square).mul(x)));
        let e = exp(c::<S>(-2.0).mul(u));
        let s = c::<S>(1.0).div(c::<S>(1.0).add(e));
        let inner = c::<S>(ROOT).add(c::<S>(3.0 * CUBE * ROOT).mul(square));
        let rise = c::<S>(2.0).mul(x).mul(e.mul(s).mul(s)).mul(inner);
        g.mul(s.add(rise))
    }
);

#[cfg(test)]
mod tests {
    use super::*;

    fn agree<S: Scalar>(function: &impl Pointwise) {
        let x: Vec<S> = (-800..803i16).map(|i| S::of(f64::from(i) / 50.0)).collect();
        let made = |is_wide: bool| {
            let (mut y, mut dx) = (x.clone(), x.clone());
            let values = Values { function, x: &x, y: &mut y };
            let slopes = Slopes { function, g: &x, read: &x, dx: &mut dx };
            if is_wide {
                simd::run(values);
                simd::run(slopes);
            } else {
                values.run();
                slopes.run();
            }
            y.into_iter().chain(dx).map(|x| x.value().to_bits()).collect::<Vec<_>>()
        };
        assert_eq!(made(true), made(false));
    }

    fn both(function: &impl Pointwise) {
        agree::<f32>(function);
        agree::<f64>(function);
    }

    #[test]
    fn wide_loops_give_the_bits_of_narrow_ones() {
        both(&Relu { inplace: false });
        both(&Relu6 { inplace: false });
        both(&LeakyRelu { negative_slope: 0.1, inplace: false });
        both(&Silu { inplace: false });
        both(&HardSwish { inplace: false });
        both(&HardSigmoid { inplace: false });
        both(&Sigmoid {});
        both(&Tanh {});
        both(&GeluErf);
        both(&GeluTanh);
    }
}
