//! Exponentials and what is made of them, without a branch or a call, so that loops of them are vectorised. An exponential
//! stays between the smallest normal number and the largest: it is never 0.
//!
//! ```text
//! eˣ       = 2ᵏ·eʳ          k = ⌊x/ln 2⌉, r = x − k·ln 2, eʳ by its series
//! σ(x)     = 1/(1 + e⁻ˣ)
//! tanh x   = 2σ(2x) − 1
//! erf x    = ±(1 − e^(−x²)·Q(1/(1 + x/2)))      Q fitted to erfc, |error| < 2·10⁻¹⁰ before rounding; f64 has libm's
//! ```
//!
//! It may use `scalar`.

#![allow(
    clippy::inline_always,
    reason = "what is inlined is compiled for the machine that it runs on"
)]

use crate::exec::base::scalar::Scalar;

/// 1/k!.
const SERIES: [f64; 14] = {
    let mut series = [1.0; 14];
    let mut k = 1;
    while k < 14 {
        #[allow(clippy::cast_precision_loss, reason = "a small number")]
        let here = series[k - 1] / k as f64;
        series[k] = here;
        k += 1;
    }
    series
};

/// ln 2 in two parts, the first with so few digits that its product with a power's exponent is exact.
const HIGH: f64 = 0.693_145_751_953_125;
const LOW: f64 = 1.428_606_820_309_417_2e-6;

/// Q of the error function.
const Q: [f64; 9] = [
    -0.000_396_527_014,
    0.289_561_304_4,
    0.224_769_679_075_933,
    0.488_620_902_719_407,
    -0.444_616_791_506_876,
    1.077_212_796_101_17,
    -0.945_445_304_825_705,
    0.365_481_588_345_189,
    -0.055_187_647_394_726,
];

/// Σ coefficients·xᵏ, the highest first.
#[inline(always)]
fn polynomial<S: Scalar>(coefficients: &[f64], x: S) -> S {
    coefficients.iter().rev().fold(S::ZERO, |sum, c| S::of(*c).mac(sum, x))
}

/// eˣ, from the smallest normal number to the largest; NaN stays.
#[inline(always)]
pub(crate) fn exp<S: Scalar>(x: S) -> S {
    let single = S::BYTES == 4;
    let (low, high) = if single { (-87.0, 88.0) } else { (-708.0, 709.0) };
    // Added and taken away again, it leaves a whole number.
    let whole = S::of(if single { 12_582_912.0 } else { 6_755_399_441_055_744.0 });
    let x = x.max(S::of(low)).min(S::of(high));
    let k = x.mul(S::of(std::f64::consts::LOG2_E)).add(whole).sub(whole);
    let r = x.sub(k.mul(S::of(HIGH))).sub(k.mul(S::of(LOW)));
    let terms = if single { 8 } else { 14 };
    polynomial(&SERIES[..terms], r).mul(k.two_to())
}

/// 1/(1 + e⁻ˣ).
#[inline(always)]
pub(crate) fn sigmoid<S: Scalar>(x: S) -> S {
    S::of(1.0).div(S::of(1.0).add(exp(x.neg())))
}

/// Hyperbolic tangent; its error is one of numbers near 1.
#[inline(always)]
pub(crate) fn tanh<S: Scalar>(x: S) -> S {
    let double = sigmoid(x.add(x));
    double.add(double).sub(S::of(1.0))
}

/// Error function; its error is one of numbers near 1.
#[inline(always)]
pub(crate) fn erf<S: Scalar>(x: S) -> S {
    if S::BYTES > 4 {
        return x.erf();
    }
    let size = x.max(x.neg());
    let t = S::of(1.0).div(S::of(1.0).mac(S::of(0.5), size));
    let up = S::of(1.0).sub(exp(size.mul(size).neg()).mul(polynomial(&Q, t)));
    if x.above(S::ZERO) { up } else { up.neg() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near<S: Scalar>(ours: S, right: f64, tolerance: f64) -> bool {
        (ours.value() - right).abs() <= tolerance
    }

    fn check<S: Scalar>(eps: f64) {
        for i in -80_000..=80_000i32 {
            let x = f64::from(i) / 1000.0;
            let s = S::of(x);
            let x = s.value();
            assert!(near(exp(s), x.exp(), 4.0 * eps * x.exp()), "e^{x}: {:?}", exp(s));
            assert!(near(sigmoid(s), 1.0 / (1.0 + (-x).exp()), 2.0 * eps), "sigmoid {x}");
            assert!(near(tanh(s), x.tanh(), 3.0 * eps), "tanh {x}");
            assert!(near(erf(s), libm::erf(x), 3.0 * eps), "erf {x}");
        }
        assert!(exp(S::of(f64::NAN)).value().is_nan());
        assert!(near(sigmoid(S::of(f64::NEG_INFINITY)), 0.0, eps));
        assert!(near(sigmoid(S::of(f64::INFINITY)), 1.0, eps));
        assert!(near(erf(S::of(f64::INFINITY)), 1.0, eps));
    }

    #[test]
    fn they_are_the_functions() {
        check::<f32>(f64::from(f32::EPSILON));
        check::<f64>(f64::EPSILON);
    }
}
