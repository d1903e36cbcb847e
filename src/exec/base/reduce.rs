//! Sums over a slice, in as many partial sums as some registers hold. It may use `scalar`.

#![allow(
    clippy::inline_always,
    reason = "what is inlined is compiled for the machine that it runs on"
)]

use super::simd::{self, Loop};
use crate::exec::base::scalar::Scalar;

/// Partial sums.
const SUMS: usize = 16;

struct Pairs<'a, S, F> {
    a: &'a [S],
    b: &'a [S],
    of: F,
}

impl<S: Scalar, F: Fn(S, S) -> S> Loop for Pairs<'_, S, F> {
    type Out = S;
    #[inline(always)]
    fn run(self) -> S {
        let Self { a, b, of } = self;
        let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<SUMS>(), b.as_chunks::<SUMS>());
        let mut sums = [S::ZERO; SUMS];
        for (a, b) in a.iter().zip(b) {
            for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
                *sum = sum.add(of(*a, *b));
            }
        }
        let rest = a_rest.iter().zip(b_rest).fold(S::ZERO, |sum, (a, b)| sum.add(of(*a, *b)));
        sums.into_iter().fold(rest, S::add)
    }
}

/// The sum of what a function makes of each pair of numbers.
pub(crate) fn over_pairs<S: Scalar>(a: &[S], b: &[S], of: impl Fn(S, S) -> S) -> S {
    simd::run(Pairs { a, b, of })
}

/// The sum of what a function makes of each number.
pub(crate) fn over<S: Scalar>(x: &[S], of: impl Fn(S) -> S) -> S {
    over_pairs(x, x, |x, _| of(x))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_counts_once() {
        for n in 0..100u16 {
            let x: Vec<f64> = (0..n).map(f64::from).collect();
            let sum: f64 = x.iter().sum();
            assert!((over(&x, |x| x) - sum).abs() < 1e-9);
            let pairs = Pairs { a: &x, b: &x, of: |a: f64, b| a.sqrt() * b };
            assert_eq!(over_pairs(&x, &x, pairs.of).to_bits(), pairs.run().to_bits());
            let squares: f64 = x.iter().map(|x| x * x).sum();
            assert!((over_pairs(&x, &x, |a, b| a * b) - squares).abs() < 1e-9);
        }
    }
}
