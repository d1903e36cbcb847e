//! The numbers that kernels compute with: `f32`, `f64`, and [`Counted`], which tallies each operation done to it.
//!
//! Kernels do arithmetic through these methods only, so that running them on [`Counted`] gives the executed ledger.
//! Negation, copies, constants and the choice between two values are free.

use std::cell::Cell;
use std::fmt::Debug;

use super::matmul::Native;
use super::pool::Pooled;

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
pub trait Scalar: Pooled + Debug + PartialEq + Send + Sync {
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
    /// 2 to this, a whole number whose power is neither 0 nor infinite; made of bits, so that a loop of it is vectorised.
    #[must_use]
    fn two_to(self) -> Self {
        Self::of(self.value().exp2())
    }
    /// One of two numbers, both of which are there; made of bits, so that no branch is made of it.
    #[must_use]
    fn choose(first: bool, one: Self, other: Self) -> Self {
        if first { one } else { other }
    }
    /// Carries a whole number in the bits of one that is only chosen, never computed with.
    fn carry(whole: u32) -> Self {
        Self::of(f64::from(whole))
    }
    /// The whole number that is carried.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it was put in")]
    fn carried(self) -> u32 {
        self.value() as u32
    }
}

macro_rules! float {
    ($Float:ty, $erf:path, $Bits:ty, $bias:expr) => {
        impl Scalar for $Float {
            const BYTES: u64 = size_of::<$Float>() as u64;
            const ZERO: Self = 0.0;
            const LOWEST: Self = Self::NEG_INFINITY;
            const NATIVE: Option<&'static Native<Self>> = Some(&Native::<Self>::OWN);

            #[allow(clippy::cast_possible_truncation, reason = "a constant in this precision")]
            #[inline]
            fn of(value: f64) -> Self {
                value as Self
            }
            #[inline]
            fn value(self) -> f64 {
                f64::from(self)
            }
            #[inline]
            fn mac(self, a: Self, b: Self) -> Self {
                self + a * b
            }
            #[inline]
            fn add(self, other: Self) -> Self {
                self + other
            }
            #[inline]
            fn sub(self, other: Self) -> Self {
                self - other
            }
            #[inline]
            fn mul(self, other: Self) -> Self {
                self * other
            }
            #[inline]
            fn div(self, other: Self) -> Self {
                self / other
            }
            #[inline]
            fn neg(self) -> Self {
                -self
            }
            #[inline]
            fn max(self, other: Self) -> Self {
                if other > self { other } else { self }
            }
            #[inline]
            fn min(self, other: Self) -> Self {
                if other < self { other } else { self }
            }
            #[inline]
            fn above(self, other: Self) -> bool {
                self > other
            }
            #[inline]
            fn exp(self) -> Self {
                <$Float>::exp(self)
            }
            #[inline]
            fn ln(self) -> Self {
                <$Float>::ln(self)
            }
            #[inline]
            fn tanh(self) -> Self {
                <$Float>::tanh(self)
            }
            #[inline]
            fn sqrt(self) -> Self {
                <$Float>::sqrt(self)
            }
            #[inline]
            fn erf(self) -> Self {
                $erf(self)
            }
            #[inline]
            fn pow(self, exponent: f64) -> Self {
                <$Float>::powf(self, Self::of(exponent))
            }
            #[inline]
            fn two_to(self) -> Self {
                // A number so large that its last bit is 1 has the whole number in its last bits.
                const DIGITS: u32 = <$Float>::MANTISSA_DIGITS - 1;
                #[allow(clippy::cast_precision_loss, reason = "a power of two")]
                const LARGE: $Float = (3u64 << (DIGITS - 1)) as $Float;
                Self::from_bits(((self + LARGE).to_bits() << DIGITS).wrapping_add($bias << DIGITS))
            }
            #[inline]
            fn choose(first: bool, one: Self, other: Self) -> Self {
                let mask = <$Bits>::from(first).wrapping_neg();
                Self::from_bits((one.to_bits() & mask) | (other.to_bits() & !mask))
            }
            #[inline]
            fn carry(whole: u32) -> Self {
                Self::from_bits(<$Bits>::from(whole))
            }
            #[allow(clippy::cast_possible_truncation, reason = "as many bits were put in")]
            #[inline]
            fn carried(self) -> u32 {
                self.to_bits() as u32
            }
        }
    };
}

float!(f32, libm::erff, u32, 127);
float!(f64, libm::erf, u64, 1023);

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

impl Pooled for Counted {
    const JUNK: Self = Self(f64::NAN);
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
    fn powers_of_two_are_exact() {
        for n in -126..=127i16 {
            let power = f64::from(n).exp2();
            assert_eq!(f64::from(f32::from(n).two_to()).to_bits(), power.to_bits());
            assert_eq!(f64::from(n).two_to().to_bits(), power.to_bits());
        }
        assert_eq!((1023.0f64).two_to().to_bits(), 1023f64.exp2().to_bits());
        assert_eq!((-1022.0f64).two_to().to_bits(), (-1022f64).exp2().to_bits());
    }

    #[test]
    fn what_is_carried_arrives() {
        for whole in [0, 1, (1 << 24) + 1, u32::MAX] {
            let all = [f32::carry(whole).carried(), f64::carry(whole).carried()];
            assert_eq!((all, Counted::carry(whole).carried()), ([whole; 2], whole));
        }
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
