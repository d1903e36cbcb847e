//! The numbers that kernels compute with: `f32`, `f64`, and [`Counted`], which tallies each operation done to it.
//!
//! Kernels do arithmetic through these methods only, so that running them on [`Counted`] gives the executed ledger.
//! Negation, copies, constants and the choice between two values are free. Tests stand below.

use std::cell::Cell;
use std::fmt::Debug;

use super::fast::Native;

/// Operations that were executed, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Multiply-accumulates.
    pub macs: u64,
    /// Additions and subtractions outside MACs.
    pub adds: u64,
    /// Multiplications outside MACs.
    pub muls: u64,
    /// Divisions.
    pub divs: u64,
    /// Comparisons, minima and maxima.
    pub cmps: u64,
    /// exp, ln, tanh, erf, sqrt, pow.
    pub specials: u64,
    /// Taps among the above that fell on padding.
    pub padding_taps: u64,
}

/// A number that kernels compute with.
pub trait Scalar: Copy + Debug + PartialEq + Default + Send + Sync + 'static {
    /// Bytes of one number, as memory is accounted.
    const BYTES: u64;
    /// Zero, where accumulators start.
    const ZERO: Self;
    /// −∞, where maxima start.
    const LOWEST: Self;
    /// What the machine does directly with such numbers; `None` where it knows no such numbers.
    const NATIVE: Option<&'static Native<Self>> = None;

    /// A constant.
    fn of(value: f64) -> Self;
    /// Its value.
    fn value(self) -> f64;
    /// `self + a·b`: one MAC.
    #[must_use]
    fn mac(self, a: Self, b: Self) -> Self;
    /// One addition.
    #[must_use]
    fn add(self, other: Self) -> Self;
    /// One subtraction, counted as an addition.
    #[must_use]
    fn sub(self, other: Self) -> Self;
    /// One multiplication.
    #[must_use]
    fn mul(self, other: Self) -> Self;
    /// One division.
    #[must_use]
    fn div(self, other: Self) -> Self;
    /// −x, free.
    #[must_use]
    fn neg(self) -> Self;
    /// The larger: one comparison.
    #[must_use]
    fn max(self, other: Self) -> Self;
    /// The smaller: one comparison.
    #[must_use]
    fn min(self, other: Self) -> Self;
    /// Whether it is above another: one comparison. Both sides of the choice that follows are computed before.
    fn above(self, other: Self) -> bool;
    /// eˣ: one special.
    #[must_use]
    fn exp(self) -> Self;
    /// Natural logarithm: one special.
    #[must_use]
    fn ln(self) -> Self;
    /// Hyperbolic tangent: one special.
    #[must_use]
    fn tanh(self) -> Self;
    /// Square root: one special.
    #[must_use]
    fn sqrt(self) -> Self;
    /// Error function: one special.
    #[must_use]
    fn erf(self) -> Self;
    /// A power with a constant exponent: one special.
    #[must_use]
    fn pow(self, exponent: f64) -> Self;
    /// Says that the tap just computed fell on padding.
    fn on_padding() {}
}

macro_rules! float {
    ($Float:ty, $erf:path) => {
        impl Scalar for $Float {
            const BYTES: u64 = size_of::<$Float>() as u64;
            const ZERO: Self = 0.0;
            const LOWEST: Self = Self::NEG_INFINITY;
            const NATIVE: Option<&'static Native<Self>> = Some(&Native::<Self>::OWN);

            #[allow(clippy::cast_possible_truncation, reason = "a constant in this precision")]
            fn of(value: f64) -> Self {
                value as Self
            }
            fn value(self) -> f64 {
                f64::from(self)
            }
            fn mac(self, a: Self, b: Self) -> Self {
                self + a * b
            }
            fn add(self, other: Self) -> Self {
                self + other
            }
            fn sub(self, other: Self) -> Self {
                self - other
            }
            fn mul(self, other: Self) -> Self {
                self * other
            }
            fn div(self, other: Self) -> Self {
                self / other
            }
            fn neg(self) -> Self {
                -self
            }
            fn max(self, other: Self) -> Self {
                if other > self { other } else { self }
            }
            fn min(self, other: Self) -> Self {
                if other < self { other } else { self }
            }
            fn above(self, other: Self) -> bool {
                self > other
            }
            fn exp(self) -> Self {
                <$Float>::exp(self)
            }
            fn ln(self) -> Self {
                <$Float>::ln(self)
            }
            fn tanh(self) -> Self {
                <$Float>::tanh(self)
            }
            fn sqrt(self) -> Self {
                <$Float>::sqrt(self)
            }
            fn erf(self) -> Self {
                $erf(self)
            }
            fn pow(self, exponent: f64) -> Self {
                <$Float>::powf(self, Self::of(exponent))
            }
        }
    };
}

float!(f32, libm::erff);
float!(f64, libm::erf);

thread_local! {
    static TALLY: Cell<Tally> = const { Cell::new(Tally {
        macs: 0, adds: 0, muls: 0, divs: 0, cmps: 0, specials: 0, padding_taps: 0,
    }) };
}

/// Runs something and says which operations on [`Counted`] it executed on this thread.
pub fn counting<T>(run: impl FnOnce() -> T) -> (T, Tally) {
    let before = TALLY.replace(Tally::default());
    let made = run();
    (made, TALLY.replace(before))
}

/// A double that tallies each operation done to it, on the thread that does it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counted(f64);

fn tally(count: impl FnOnce(&mut Tally)) {
    let mut tally = TALLY.get();
    count(&mut tally);
    TALLY.set(tally);
}

impl Scalar for Counted {
    const BYTES: u64 = size_of::<Self>() as u64;
    const ZERO: Self = Self(0.0);
    const LOWEST: Self = Self(f64::NEG_INFINITY);

    fn of(value: f64) -> Self {
        Self(value)
    }
    fn value(self) -> f64 {
        self.0
    }
    fn mac(self, a: Self, b: Self) -> Self {
        tally(|t| t.macs += 1);
        Self(self.0 + a.0 * b.0)
    }
    fn add(self, other: Self) -> Self {
        tally(|t| t.adds += 1);
        Self(self.0 + other.0)
    }
    fn sub(self, other: Self) -> Self {
        tally(|t| t.adds += 1);
        Self(self.0 - other.0)
    }
    fn mul(self, other: Self) -> Self {
        tally(|t| t.muls += 1);
        Self(self.0 * other.0)
    }
    fn div(self, other: Self) -> Self {
        tally(|t| t.divs += 1);
        Self(self.0 / other.0)
    }
    fn neg(self) -> Self {
        Self(-self.0)
    }
    fn max(self, other: Self) -> Self {
        tally(|t| t.cmps += 1);
        Self(Scalar::max(self.0, other.0))
    }
    fn min(self, other: Self) -> Self {
        tally(|t| t.cmps += 1);
        Self(Scalar::min(self.0, other.0))
    }
    fn above(self, other: Self) -> bool {
        tally(|t| t.cmps += 1);
        self.0 > other.0
    }
    fn exp(self) -> Self {
        tally(|t| t.specials += 1);
        Self(self.0.exp())
    }
    fn ln(self) -> Self {
        tally(|t| t.specials += 1);
        Self(self.0.ln())
    }
    fn tanh(self) -> Self {
        tally(|t| t.specials += 1);
        Self(self.0.tanh())
    }
    fn sqrt(self) -> Self {
        tally(|t| t.specials += 1);
        Self(self.0.sqrt())
    }
    fn erf(self) -> Self {
        tally(|t| t.specials += 1);
        Self(libm::erf(self.0))
    }
    fn pow(self, exponent: f64) -> Self {
        tally(|t| t.specials += 1);
        Self(self.0.powf(exponent))
    }
    fn on_padding() {
        tally(|t| t.padding_taps += 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_operation_is_tallied_once() {
        let (x, y) = (Counted::of(2.0), Counted::of(3.0));
        let (z, tally) =
            counting(|| Counted::ZERO.mac(x, y).add(x).sub(y).mul(x).div(y).max(x).exp().neg());
        let expected =
            Tally { macs: 1, adds: 2, muls: 1, divs: 1, cmps: 1, specials: 1, padding_taps: 0 };
        assert_eq!(tally, expected);
        assert!((z.value() + (10.0f64 / 3.0).exp()).abs() < 1e-12);
    }

    #[test]
    fn countings_nest() {
        let one = Counted::of(1.0);
        let ((_, inner), outer) = counting(|| {
            let _ = one.add(one);
            counting(|| one.mul(one))
        });
        assert_eq!((inner.muls, inner.adds, outer.adds, outer.muls), (1, 0, 1, 0));
    }
}
