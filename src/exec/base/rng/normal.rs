//! Normal numbers by Box and Muller's method, without a branch or a call: loops of it are vectorised, and give the same bits on
//! every machine.
//!
//! ```text
//! u, t     two numbers from 0 to below 1, in steps of 2⁻⁵³
//! two normal ones: r·cos 2πt and r·sin 2πt, r = √(−2·ln(1 − u))
//! ln x   = k·ln 2 + 2·Σ s^(2i+1)/(2i+1)     x = 2ᵏ·m with √½ ≤ m < √2, s = (m − 1)/(m + 1)
//! cos 2πt, sin 2πt: t = q/4 + r with |r| ≤ 1/8, then cos 2πr and sin 2πr by their series, with a sign
//! ```
//!
//! The crate rand_distr does not serve here: its ziggurat rejects, so that a number takes a varying number of words of the
//! stream and threads could not each begin at their place in it; and it branches, so that loops of it are not vectorised.
//!
//! It may use `scalar` and `simd`.

#![allow(
    clippy::inline_always,
    reason = "what is inlined is compiled for the machine that it runs on"
)]

use std::f64::consts::{LN_2, TAU};

use crate::exec::base::scalar::Scalar;
use crate::exec::base::simd::{self, Loop};

/// Numbers that are made at once, and pairs that they are made of: first all cosines, then all sines.
pub(super) const BLOCK: usize = 2 * PAIRS;
pub(super) const PAIRS: usize = 32;

/// Whole numbers that two normal ones are made of.
pub(super) type Pair = [u64; 2];

/// 1/(2i + 1).
const ODD: [f64; 11] = {
    let mut odd = [1.0; 11];
    let mut i = 1;
    while i < 11 {
        #[allow(clippy::cast_precision_loss, reason = "a small number")]
        let term = (2 * i + 1) as f64;
        odd[i] = 1.0 / term;
        i += 1;
    }
    odd
};

/// (−1)ⁱ/(2i + first)!: of a cosine from 0, of a sine from 1.
const fn alternating(first: usize) -> [f64; 9] {
    let mut series = [1.0; 9];
    let mut i = 1;
    while i < 9 {
        #[allow(clippy::cast_precision_loss, reason = "a small number")]
        let factors = ((2 * i + first) * (2 * i + first - 1)) as f64;
        series[i] = -series[i - 1] / factors;
        i += 1;
    }
    series
}

const COSINE: [f64; 9] = alternating(0);
const SINE: [f64; 9] = alternating(1);

/// Σ coefficients·xⁱ.
#[inline(always)]
fn polynomial<const N: usize>(coefficients: &[f64; N], x: f64) -> f64 {
    coefficients.iter().rev().fold(0.0, |sum, c| sum * x + c)
}

/// From 0 to below 1 in steps of 2⁻⁵³, from the first 53 bits: 52 of them behind a 1, then the last.
#[inline(always)]
pub(super) fn unit(bits: u64) -> f64 {
    const LAST: u64 = (0.5 * f64::EPSILON).to_bits();
    let last = ((bits >> 11) & 1).wrapping_neg() & LAST;
    f64::from_bits((bits >> 12) | 1f64.to_bits()) - 1.0 + f64::from_bits(last)
}

/// Logarithm of a normal number above 0.
#[inline(always)]
fn ln(x: f64) -> f64 {
    /// Bits of √½, from which mantissas go to below √2.
    const LOW: u64 = std::f64::consts::FRAC_1_SQRT_2.to_bits();
    /// 2⁵², whose last bits are those of a whole number that is added, and the exponent of 1.
    const WHOLE: u64 = 4_503_599_627_370_496f64.to_bits();
    const BIAS: f64 = 4_503_599_627_370_496.0 + 1023.0;
    let moved = x.to_bits().wrapping_add(1f64.to_bits().wrapping_sub(LOW));
    let k = f64::from_bits((moved >> 52) | WHOLE) - BIAS;
    let m = f64::from_bits((moved & ((1 << 52) - 1)).wrapping_add(LOW));
    let s = (m - 1.0) / (m + 1.0);
    k * LN_2 + 2.0 * s * polynomial(&ODD, s * s)
}

/// Cosine and sine of so many turns, from 0 to 1.
#[inline(always)]
fn on_circle(t: f64) -> [f64; 2] {
    /// Added, it rounds to a whole number, which the last bits are then.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    let rounded = 4.0 * t + ROUND;
    let quarters = rounded.to_bits();
    let a = TAU * (t - 0.25 * (rounded - ROUND));
    let square = a * a;
    let (cosine, sine) = (polynomial(&COSINE, square), a * polynomial(&SINE, square));
    let even = quarters & 1 == 0;
    let signed = |value: f64, sign: u64| f64::from_bits(value.to_bits() ^ ((sign & 1) << 63));
    // cos, −sin, −cos, sin; and sin, cos, −sin, −cos.
    let half = quarters >> 1;
    let cosine_here = signed(f64::choose(even, cosine, sine), quarters ^ half);
    [cosine_here, signed(f64::choose(even, sine, cosine), half)]
}

/// Two normal numbers.
#[inline(always)]
pub(super) fn normals([first, second]: Pair) -> [f64; 2] {
    let radius = (-2.0 * ln(1.0 - unit(first))).sqrt();
    on_circle(unit(second)).map(|x| radius * x)
}

/// A block of them, each times a deviation.
struct Chunk<'a, S> {
    pairs: &'a [Pair; PAIRS],
    deviation: f64,
    into: &'a mut [S; BLOCK],
}

impl<S: Scalar> Loop for Chunk<'_, S> {
    type Out = ();
    #[inline(always)]
    fn run(self) {
        let (cosines, sines) = self.into.split_at_mut(PAIRS);
        for ((cosine, sine), pair) in cosines.iter_mut().zip(sines).zip(self.pairs) {
            let made = normals(*pair).map(|x| S::of(x * self.deviation));
            (*cosine, *sine) = (made[0], made[1]);
        }
    }
}

/// Normal numbers of this deviation.
#[inline]
pub(super) fn block<S: Scalar>(pairs: &[Pair; PAIRS], deviation: f64) -> [S; BLOCK] {
    let mut made = [S::ZERO; BLOCK];
    simd::run(Chunk { pairs, deviation, into: &mut made });
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_the_functions() {
        for i in 0..=100_000u32 {
            let t = f64::from(i) / 100_000.0;
            for (made, right) in on_circle(t).into_iter().zip([(TAU * t).cos(), (TAU * t).sin()]) {
                assert!((made - right).abs() < 1e-15, "{t} turns: {made}, not {right}");
            }
            for x in [t.max(1e-9), t.powi(40).max(f64::MIN_POSITIVE), 1.0 - t * f64::EPSILON] {
                let off = (ln(x) - x.ln()).abs();
                assert!(off <= 1e-15 * x.ln().abs().max(1.0), "ln {x}: off by {off}");
            }
        }
        assert_eq!((ln(1.0), on_circle(0.0), on_circle(1.0)), (0.0, [1.0, 0.0], [1.0, 0.0]));
    }

    #[test]
    fn units_are_their_first_53_bits() {
        for bits in [0, 1 << 11, 1 << 12, 3 << 11, u64::MAX, 0x1234_5678_9abc_def0] {
            #[allow(clippy::cast_precision_loss, reason = "53 bits are what a double holds")]
            let right = (bits >> 11) as f64 / 9_007_199_254_740_992.0;
            assert_eq!(unit(bits).to_bits(), right.to_bits(), "{bits:x}");
        }
    }

    #[test]
    fn the_ends_are_finite() {
        let normal = |first, second| normals([first, second])[0];
        assert!(normal(u64::MAX, 0) > 8.0 && normal(u64::MAX, 1 << 63) < -8.0);
        assert_eq!(normal(0, 0).abs().to_bits(), 0.0f64.to_bits());
    }
}
